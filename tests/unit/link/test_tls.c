// SPDX-License-Identifier: Apache-2.0
/* Handshakes: who is let in, who is not and is told why, and that nobody makes us wait. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <gnutls/x509.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/random.h"
#include "tls_ends.h"

static uint8_t hello[] = {1, 1, 0, 0, 42, 3, 0, 8, 4, 6, 0x80, 0, 0, 0, 7, 0xd0};

static void send_hello(struct link *from, struct link *to)
{
	static uint8_t buffer[STREAM_BUFFER_SIZE];
	struct frame_vector frames;
	bool blocked;
	assert_int_equal(link_send(from, &(struct iovec){hello, sizeof(hello)}, 1, &blocked), sizeof(hello));
	assert_false(blocked);
	wait_for(link_fd(to), POLLIN);
	assert_int_equal(stream_read(to, buffer, STREAM_READ_SIZE), sizeof(hello));
	assert_int_equal(stream_next_frames(to, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_memory_equal(frames.frames[0].bytes, hello, sizeof(hello));
}

static void same_network(void **state)
{
	(void)state;
	struct link *links[2];
	link_ends(links);
	char expected[LINK_NAME_SIZE];
	unsigned near = tcp_local_port(link_fd(links[CLIENT])), far = tcp_local_port(link_fd(links[SERVER]));
	snprintf(expected, sizeof(expected), "TLS 127.0.0.1:%u <-> 127.0.0.1:%u", near, far);
	assert_string_equal(link_name(links[CLIENT]), expected);
	snprintf(expected, sizeof(expected), "TLS 127.0.0.1:%u <-> 127.0.0.1:%u", far, near);
	assert_string_equal(link_name(links[SERVER]), expected);
	for (int role = CLIENT; role <= SERVER; role++) {
		int value = 0;
		socklen_t len = sizeof(value);
		assert_int_equal(getsockopt(link_fd(links[role]), IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
		assert_int_equal(value, 1);
	}
	send_hello(links[CLIENT], links[SERVER]);
	send_hello(links[SERVER], links[CLIENT]);
	link_free(links[CLIENT]);
	link_free(links[SERVER]);
}

/* The longest name, of code points of several bytes. */
static void longest_name(void **state)
{
	(void)state;
	char name[65] = "";
	for (int i = 0; i < 16; i++)
		strcat(name, "\xf0\x9f\x8d\x84");
	struct tls_network *network = network_new(name, 7);
	int fds[2], results[2];
	tcp_ends(fds);
	struct tls_handshake *ends[2] = {handshake_new(network, fds[CLIENT], CLIENT),
					 handshake_new(network, fds[SERVER], SERVER)};
	handshake_both(ends, results);
	assert_int_equal(results[CLIENT], 0);
	assert_int_equal(results[SERVER], 0);
	tls_handshake_free(ends[CLIENT]);
	tls_handshake_free(ends[SERVER]);
	tls_handshake_free(NULL);
	tls_network_free(network);
}

static void assert_failed(struct tls_handshake *handshake, int result, int error, const char *text)
{
	assert_int_equal(result, error);
	assert_string_equal(tls_handshake_error_text(handshake), text);
	int fd = tls_handshake_fd(handshake);
	tls_handshake_free(handshake);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* Each end says the same of the other. */
static void other_networks(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t first_of_key;
		int error;
		const char *text;
	} cases[] = {
		{"mynet", 1, -EKEYREJECTED, "its network key differs"},
		{"other", 0, -ENOKEY, "its network name differs"},
		{"mynet2", 0, -ENOKEY, "its network name differs"},
		{"myne", 0, -ENOKEY, "its network name differs"},
		{"other", 1, -ENOKEY, "its network name differs"},
	};
	struct tls_network *network = network_new("mynet", 0);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_network *other = network_new(cases[i / 2].name, cases[i / 2].first_of_key);
		int fds[2], results[2];
		tcp_ends(fds);
		struct tls_handshake *ends[2] = {
			handshake_new(i % 2 == 0 ? network : other, fds[CLIENT], CLIENT),
			handshake_new(i % 2 == 0 ? other : network, fds[SERVER], SERVER)};
		handshake_both(ends, results);
		assert_failed(ends[CLIENT], results[CLIENT], cases[i / 2].error, cases[i / 2].text);
		assert_failed(ends[SERVER], results[SERVER], cases[i / 2].error, cases[i / 2].text);
		tls_network_free(other);
	}
	tls_network_free(network);
}

/* Somebody who is no TLS peer. */
static void assert_stranger(int role, const void *bytes, size_t len, int error, const char *text)
{
	struct tls_network *network = network_new("mynet", 0);
	int fds[2];
	tcp_ends(fds);
	int far = fds[role == CLIENT ? SERVER : CLIENT];
	struct tls_handshake *ours = handshake_new(network, fds[role], role);
	assert_int_equal(send(far, bytes, len, MSG_NOSIGNAL), len);
	int result = handshake_run(ours);
	assert_failed(ours, result, error, text);
	/* Nothing comes back that is not TLS to them either: a client's hello, no alert. */
	uint8_t answer[4096];
	wait_for(far, POLLIN);
	ssize_t got = recv(far, answer, sizeof(answer), 0);
	assert_true(role == CLIENT ? got <= 0 || answer[0] == 22 : got <= 0);
	close(far);
	tls_network_free(network);
}

static void strangers(void **state)
{
	(void)state;
	static const uint8_t data[40] = {1, 0, 0, 0, 0, 0, 0, 63};
	static const uint8_t other_version[16] = {2, 1};
	for (int role = CLIENT; role <= SERVER; role++) {
		assert_stranger(role, hello, sizeof(hello), -EPROTO, "it is a node of the public network");
		assert_stranger(role, data, sizeof(data), -EPROTO, "it is a node of the public network");
		assert_stranger(role, other_version, 16, -EPROTO, "it does not speak TLS");
		assert_stranger(role, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, -EPROTO, "it does not speak TLS");
		assert_stranger(role, "SSH-2.0-OpenSSH_9.2\r\n", 21, -EPROTO, "it does not speak TLS");
	}
}

static void assert_closed_after(int role, const void *bytes, size_t len, bool reset, int error, const char *text)
{
	struct tls_network *network = network_new("mynet", 0);
	int fds[2];
	tcp_ends(fds);
	int far = fds[role == CLIENT ? SERVER : CLIENT];
	struct tls_handshake *ours = handshake_new(network, fds[role], role);
	assert_int_equal(tls_handshake_step(ours), -EAGAIN);
	uint8_t ignored[4096];
	if (role == CLIENT) {
		wait_for(far, POLLIN);
		assert_true(recv(far, ignored, sizeof(ignored), 0) > 0);
	}
	if (len > 0)
		assert_int_equal(send(far, bytes, len, 0), len);
	struct linger at_once = {.l_onoff = reset};
	assert_int_equal(setsockopt(far, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(far);
	int result = handshake_run(ours);
	assert_failed(ours, result, error, text);
	tls_network_free(network);
}

static void far_end_leaves(void **state)
{
	(void)state;
	static const uint8_t record[] = {22, 3, 3, 1, 0, 2};
	static const char during[] = "it closed the connection during the handshake";
	assert_closed_after(SERVER, NULL, 0, false, -ENODATA, during);
	assert_closed_after(CLIENT, NULL, 0, false, -ENODATA,
			    "it closed the connection without an answer, as nodes of the public network do");
	for (int role = CLIENT; role <= SERVER; role++) {
		for (size_t len = 1; len <= sizeof(record); len++)
			assert_closed_after(role, record, len, false, -ENODATA, during);
		assert_closed_after(role, NULL, 0, true, -ECONNRESET, "Connection reset by peer");
	}
}

static void alerts_of_a_server(void **state)
{
	(void)state;
	static const struct {
		uint8_t alert;
		int error;
		const char *text;
	} cases[] = {
		{47, -EKEYREJECTED, "its network key differs"},
		{51, -EKEYREJECTED, "its network key differs"},
		{40, -ENOKEY, "its network name differs"},
		{115, -ENOKEY, "its network name differs"},
		{70, -EPROTONOSUPPORT, "it does not speak TLS 1.3"},
		{80, -ECONNABORTED, "it gave up: Internal error"},
		{99, -ECONNABORTED, "it gave up: unknown TLS alert"},
	};
	struct tls_network *network = network_new("mynet", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fds[2];
		tcp_ends(fds);
		struct tls_handshake *ours = handshake_new(network, fds[CLIENT], CLIENT);
		assert_int_equal(tls_handshake_step(ours), -EAGAIN);
		const uint8_t record[] = {21, 3, 3, 0, 2, 2, cases[i].alert};
		assert_int_equal(send(fds[SERVER], record, sizeof(record), 0), sizeof(record));
		int result = handshake_run(ours);
		assert_failed(ours, result, cases[i].error, cases[i].text);
		close(fds[SERVER]);
	}
	tls_network_free(network);
}

static void garbage(void **state)
{
	(void)state;
	struct tls_network *network = network_new("mynet", 0);
	struct rng rng = rng_seeded(9);
	for (int i = 0; i < 400; i++) {
		uint8_t bytes[600] = {22, 3, (uint8_t)rng_below(&rng, 5), (uint8_t)rng_below(&rng, 3)};
		for (size_t at = i % 4 == 0 ? 0 : 4; at < sizeof(bytes); at++)
			bytes[at] = (uint8_t)rng_next(&rng);
		int fds[2], role = i & 1;
		tcp_ends(fds);
		struct tls_handshake *ours = handshake_new(network, fds[role], role);
		assert_int_equal(send(fds[!role], bytes, 5 + rng_below(&rng, 595), 0) > 0, 1);
		close(fds[!role]);
		assert_true(handshake_run(ours) < 0);
		assert_non_null(tls_handshake_error_text(ours));
		tls_handshake_free(ours);
	}
	tls_network_free(network);
}

/* ---- other TLS peers --------------------------------------------------------------------------------------------- */

static gnutls_certificate_credentials_t certificate_new(void)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_certificate_credentials_t credentials;
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
						      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, "\x01", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_dn(crt, "CN=test", NULL), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(crt, 0), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, 4000000000), 0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
	assert_int_equal(gnutls_certificate_set_x509_key(credentials, &crt, 1, key), 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return credentials;
}

enum credentials { WITH_PSK, WITH_CERTIFICATE };

/* Our end in `role` against GnuTLS; error 0 is any failure. Returns the alert that the far end got. */
static int assert_refused(int role, const char *priorities, enum credentials with, int error, const char *text)
{
	struct tls_network *network = network_new("mynet", 0);
	gnutls_certificate_credentials_t certificate = certificate_new();
	struct raw raw;
	int fds[2], result;
	tcp_ends(fds);
	raw_init(&raw, fds[!role], !role, priorities);
	if (with == WITH_PSK)
		raw_set_psk(&raw);
	else
		gnutls_credentials_set(raw.session, GNUTLS_CRD_CERTIFICATE, certificate);
	struct tls_handshake *ours = handshake_new(network, fds[role], role);
	int theirs = raw_handshake(&raw, ours, &result);
	/* A server's handshake may be done before the client refuses. */
	if (theirs == 0)
		while (theirs >= 0 || theirs == GNUTLS_E_AGAIN)
			theirs = (int)gnutls_record_recv(raw.session, (uint8_t[1]){0}, 1);
	int alert = theirs == GNUTLS_E_FATAL_ALERT_RECEIVED ? (int)gnutls_alert_get(raw.session) : -1;
	assert_true(result < 0);
	if (error != 0)
		assert_failed(ours, result, error, text);
	else
		tls_handshake_free(ours);
	raw_close(&raw);
	gnutls_certificate_free_credentials(certificate);
	tls_network_free(network);
	return alert;
}

/* A certificate, by whomever, opens nothing. */
static void certificate_servers(void **state)
{
	(void)state;
	assert_int_equal(assert_refused(CLIENT, "NORMAL:-VERS-ALL:+VERS-TLS1.3", WITH_CERTIFICATE, -EACCES,
					"it does not prove that it knows the network key"), 40);
	/* Alert 70 or 40, as that library thinks. */
	assert_refused(CLIENT, "NORMAL:-VERS-ALL:+VERS-TLS1.2", WITH_CERTIFICATE, 0, NULL);
}

static void other_clients(void **state)
{
	(void)state;
	static const char no_common[] = "it has no cipher or key exchange in common with us";
	assert_int_equal(assert_refused(SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.3", WITH_CERTIFICATE, -ENOKEY,
					"it names no private network"), 40);
	assert_int_equal(assert_refused(SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.2", WITH_CERTIFICATE, -EPROTONOSUPPORT,
					"it does not speak TLS 1.3"), 70);
	assert_int_equal(assert_refused(SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK", WITH_PSK,
					-EPROTONOSUPPORT, "it does not speak TLS 1.3"), 70);
	assert_int_equal(assert_refused(SERVER, RAW_PRIORITIES ":-GROUP-ALL:+GROUP-SECP521R1", WITH_PSK, -EPROTO,
					no_common), 40);
}

/* Without forward secrecy, and with the one cipher that does not go with the hash. */
static void weaker_clients(void **state)
{
	(void)state;
	struct tls_network *network = network_new("mynet", 0);
	static const char *const priorities[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK",
						 RAW_PRIORITIES ":-CIPHER-ALL:+AES-256-GCM"};
	for (int i = 0; i < 2; i++) {
		struct raw raw;
		int fds[2], result;
		tcp_ends(fds);
		raw_init(&raw, fds[CLIENT], CLIENT, priorities[i]);
		raw_set_psk(&raw);
		struct tls_handshake *ours = handshake_new(network, fds[SERVER], SERVER);
		assert_true(raw_handshake(&raw, ours, &result) < 0);
		assert_true(result < 0);
		assert_non_null(tls_handshake_error_text(ours));
		assert_int_equal(gnutls_alert_get(raw.session), 40);
		tls_handshake_free(ours);
		raw_close(&raw);
	}
	tls_network_free(network);
}

/* ---- stalls ------------------------------------------------------------------------------------------------------ */

/* Moves one byte on; false when there is none. */
static bool move_byte(int from, int to)
{
	uint8_t byte;
	if (recv(from, &byte, 1, MSG_DONTWAIT) != 1)
		return false;
	assert_int_equal(send(to, &byte, 1, MSG_NOSIGNAL), 1);
	return true;
}

static void unix_ends(int ends[static 2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

/* Through a wire that carries one byte at a time, after each of which both ends take a step, and one more for nothing. */
static void one_byte_at_a_time(void **state)
{
	(void)state;
	struct tls_network *network = network_new("mynet", 0);
	int near[2], far[2], results[2] = {-EAGAIN, -EAGAIN};
	unix_ends(near);
	unix_ends(far);
	struct tls_handshake *ends[2] = {handshake_new(network, near[0], CLIENT), handshake_new(network, far[0], SERVER)};
	for (unsigned moved = 0; results[CLIENT] == -EAGAIN || results[SERVER] == -EAGAIN; moved++) {
		assert_true(moved < 5000);
		for (int twice = 0; twice < 2; twice++)
			for (int role = CLIENT; role <= SERVER; role++) {
				if (results[role] != -EAGAIN)
					continue;
				results[role] = tls_handshake_step(ends[role]);
				assert_true(results[role] == 0 || results[role] == -EAGAIN);
				assert_int_equal(tls_handshake_wants(ends[role]), TLS_WANTS_READABLE);
			}
		if (!move_byte(near[1], far[1]))
			move_byte(far[1], near[1]);
	}
	tls_handshake_free(ends[CLIENT]);
	tls_handshake_free(ends[SERVER]);
	close(near[1]);
	close(far[1]);
	tls_network_free(network);
}

/* A socket that takes nothing: the hello waits, and arrives whole later. */
static void no_room_for_the_hello(void **state)
{
	(void)state;
	struct tls_network *network = network_new("mynet", 0);
	int near[2], fds[2], results[2] = {-EAGAIN, -EAGAIN};
	static uint8_t junk[4096];
	size_t full = 0;
	unix_ends(near);
	unix_ends(fds);
	for (ssize_t sent; (sent = send(near[0], junk, sizeof(junk), 0)) > 0;)
		full += (size_t)sent;
	struct tls_handshake *ends[2] = {handshake_new(network, near[0], CLIENT), handshake_new(network, fds[0], SERVER)};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tls_handshake_step(ends[CLIENT]), -EAGAIN);
		assert_int_equal(tls_handshake_wants(ends[CLIENT]), TLS_WANTS_WRITABLE);
	}
	while (full > 0) {
		ssize_t got = recv(near[1], junk, full < sizeof(junk) ? full : sizeof(junk), 0);
		assert_true(got > 0);
		full -= (size_t)got;
	}
	for (unsigned moved = 0; results[CLIENT] == -EAGAIN || results[SERVER] == -EAGAIN; moved++) {
		assert_true(moved < 5000);
		for (int role = CLIENT; role <= SERVER; role++)
			if (results[role] == -EAGAIN)
				results[role] = tls_handshake_step(ends[role]);
		if (!move_byte(near[1], fds[1]))
			move_byte(fds[1], near[1]);
	}
	assert_int_equal(results[CLIENT], 0);
	assert_int_equal(results[SERVER], 0);
	tls_handshake_free(ends[CLIENT]);
	tls_handshake_free(ends[SERVER]);
	close(near[1]);
	close(fds[1]);
	tls_network_free(network);
}

/* A connection that was reset between handshake and link. */
static void dead_before_it_was_a_link(void **state)
{
	(void)state;
	struct tls_network *network = network_new("mynet", 0);
	struct raw raw;
	int fds[2], result;
	tcp_ends(fds);
	raw_init(&raw, fds[CLIENT], CLIENT, RAW_PRIORITIES);
	raw_set_psk(&raw);
	struct tls_handshake *ours = handshake_new(network, fds[SERVER], SERVER);
	assert_int_equal(raw_handshake(&raw, ours, &result), 0);
	assert_int_equal(result, 0);
	struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	raw_close(&raw);
	wait_for(fds[SERVER], POLLIN);
	assert_null(tls_link_new(ours));
	assert_int_equal(fcntl(fds[SERVER], F_GETFD), -1);
	tls_network_free(network);
}

/* ---- OpenSSL ----------------------------------------------------------------------------------------------------- */

struct program {
	pid_t pid;
	int to, from;	/* its stdin and stdout */
};

/* Starts "openssl ROLE -quiet ... -PORT_OPTION 127.0.0.1:PORT". */
static struct program openssl(const char *role, const char *port_option, uint16_t port)
{
	static const char digits[] = "0123456789abcdef";
	char address[32], key[2 * TLS_NETWORK_KEY_SIZE + 1] = "";
	int in[2], out[2];
	for (size_t i = 0; i < TLS_NETWORK_KEY_SIZE; i++) {
		key[2 * i] = digits[test_key[i] >> 4];
		key[2 * i + 1] = digits[test_key[i] & 15];
	}
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		const char *no_certificate = strcmp(role, "s_server") == 0 ? "-nocert" : NULL;
		execlp("openssl", "openssl", role, port_option, address, "-quiet", "-tls1_3", "-psk_identity", "mynet",
		       "-psk", key, no_certificate, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	return (struct program){pid, in[1], out[0]};
}

static bool have_openssl(void)
{
	return system("openssl version >/dev/null 2>&1") == 0;
}

/* Frames both ways, then the end. */
static void assert_link_with(struct program program, struct link *link)
{
	static uint8_t buffer[STREAM_BUFFER_SIZE];
	struct frame_vector frames;
	bool blocked;
	assert_int_equal(write(program.to, hello, sizeof(hello)), sizeof(hello));
	long got;
	while ((got = stream_read(link, buffer, STREAM_READ_SIZE)) == -EAGAIN) /* a session ticket comes first */
		wait_for(link_fd(link), POLLIN);
	assert_int_equal(got, sizeof(hello));
	assert_int_equal(stream_next_frames(link, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_memory_equal(frames.frames[0].bytes, hello, sizeof(hello));
	assert_int_equal(link_send(link, &(struct iovec){hello, sizeof(hello)}, 1, &blocked), sizeof(hello));
	wait_for(program.from, POLLIN);
	uint8_t echoed[64];
	assert_int_equal(read(program.from, echoed, sizeof(echoed)), sizeof(hello));
	assert_memory_equal(echoed, hello, sizeof(hello));
	link_free(link);
}

static void stop(struct program program)
{
	close(program.to);
	close(program.from);
	kill(program.pid, SIGKILL);
	waitpid(program.pid, NULL, 0);
}

static void openssl_client(void **state)
{
	(void)state;
	if (!have_openssl()) {
		print_message("no openssl in PATH\n");
		skip();
	}
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage remote;
	struct tls_network *network = network_new("mynet", 0);
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	struct program program = openssl("s_client", "-connect", tcp_local_port(listener));
	wait_for(listener, POLLIN);
	struct tls_handshake *ours = handshake_new(network, tcp_accept(listener, &remote), SERVER);
	assert_int_equal(handshake_run(ours), 0);
	assert_link_with(program, tls_link_new(ours));
	stop(program);
	socket_close_fd(listener);
	tls_network_free(network);
}

/* A connection to a server that is just starting. */
static int connect_soon(uint16_t port)
{
	static const struct socket_options no_options;
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int tries = 0; tries < TLS_WAIT_MS / 20; tries++) {
		int fd = tcp_connect_start((struct sockaddr *)&address, sizeof(address), &no_options);
		if (fd >= 0) {
			wait_for(fd, POLLOUT);
			if (socket_connect_result(fd) == 0)
				return fd;
			socket_close_fd(fd);
		}
		poll(NULL, 0, 20);
	}
	return -1;
}

static void openssl_server(void **state)
{
	(void)state;
	if (!have_openssl()) {
		print_message("no openssl in PATH\n");
		skip();
	}
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct tls_network *network = network_new("mynet", 0);
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	uint16_t port = tcp_local_port(listener);
	socket_close_fd(listener);
	struct program program = openssl("s_server", "-accept", port);
	int fd = connect_soon(port);
	assert_true(fd >= 0);
	struct tls_handshake *ours = handshake_new(network, fd, CLIENT);
	assert_int_equal(handshake_run(ours), 0);
	assert_link_with(program, tls_link_new(ours));
	stop(program);
	tls_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_network),
		cmocka_unit_test(longest_name),
		cmocka_unit_test(other_networks),
		cmocka_unit_test(strangers),
		cmocka_unit_test(far_end_leaves),
		cmocka_unit_test(alerts_of_a_server),
		cmocka_unit_test(garbage),
		cmocka_unit_test(certificate_servers),
		cmocka_unit_test(other_clients),
		cmocka_unit_test(weaker_clients),
		cmocka_unit_test(one_byte_at_a_time),
		cmocka_unit_test(no_room_for_the_hello),
		cmocka_unit_test(dead_before_it_was_a_link),
		cmocka_unit_test(openssl_client),
		cmocka_unit_test(openssl_server),
	};
	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
