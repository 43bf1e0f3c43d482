// SPDX-License-Identifier: Apache-2.0
/* Both ends of a TLS connection in one thread; the far one ours too, or GnuTLS alone. Include behind cmocka.h. */
#ifndef MYCELIUM_TESTS_LINK_TLS_ENDS_H
#define MYCELIUM_TESTS_LINK_TLS_ENDS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/stream.h"
#include "link/tcp.h"
#include "link/tls.h"

enum { TLS_WAIT_MS = 5000, CLIENT = 0, SERVER = 1 };

static const uint8_t test_key[TLS_NETWORK_KEY_SIZE] = "\x00the key of a network for tests";

static inline void wait_for(int fd, short events)
{
	struct pollfd poller = {.fd = fd, .events = events};
	assert_int_equal(poll(&poller, 1, TLS_WAIT_MS), 1);
}

/* A TCP connection over the loopback, both ends non-blocking. */
static inline void tcp_ends(int ends[static 2])
{
	static const struct socket_options no_options;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage remote;
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	assert_true(listener >= 0);
	address.sin_port = htons(tcp_local_port(listener));
	ends[CLIENT] = tcp_connect_start((struct sockaddr *)&address, sizeof(address), &no_options);
	assert_true(ends[CLIENT] >= 0);
	wait_for(listener, POLLIN);
	ends[SERVER] = tcp_accept(listener, &remote);
	assert_true(ends[SERVER] >= 0);
	assert_int_equal(socket_connect_result(ends[CLIENT]), 0);
	socket_close_fd(listener);
}

static inline struct tls_network *network_new(const char *name, uint8_t first_of_key)
{
	uint8_t key[TLS_NETWORK_KEY_SIZE];
	memcpy(key, test_key, sizeof(key));
	key[0] = first_of_key;
	struct tls_network *network = tls_network_new(name, key);
	assert_non_null(network);
	return network;
}

static inline struct tls_handshake *handshake_new(const struct tls_network *network, int fd, int role)
{
	struct tls_handshake *handshake = tls_handshake_new(network, fd, role == SERVER);
	assert_non_null(handshake);
	assert_int_equal(tls_handshake_fd(handshake), fd);
	return handshake;
}

/* Goes on with a handshake until it is done or has failed. */
static inline int handshake_run(struct tls_handshake *handshake)
{
	int result;
	while ((result = tls_handshake_step(handshake)) == -EAGAIN)
		wait_for(tls_handshake_fd(handshake),
			 tls_handshake_wants(handshake) == TLS_WANTS_WRITABLE ? POLLOUT : POLLIN);
	return result;
}

/* Both in turn, as far as they go. */
static inline void handshake_both(struct tls_handshake *const ends[static 2], int results[static 2])
{
	results[CLIENT] = results[SERVER] = -EAGAIN;
	for (int turn = 0; results[CLIENT] == -EAGAIN || results[SERVER] == -EAGAIN; turn++) {
		assert_true(turn < TLS_WAIT_MS);
		for (int role = CLIENT; role <= SERVER; role++)
			if (results[role] == -EAGAIN)
				results[role] = tls_handshake_step(ends[role]);
		if (turn > 10)
			poll(NULL, 0, 1);
	}
}

static inline void link_ends(struct link *links[static 2])
{
	struct tls_network *network = network_new("mynet", 0);
	int fds[2], results[2];
	tcp_ends(fds);
	struct tls_handshake *ends[2] = {handshake_new(network, fds[CLIENT], CLIENT),
					 handshake_new(network, fds[SERVER], SERVER)};
	handshake_both(ends, results);
	assert_int_equal(results[CLIENT], 0);
	assert_int_equal(results[SERVER], 0);
	for (int role = CLIENT; role <= SERVER; role++) {
		links[role] = tls_link_new(ends[role]);
		assert_non_null(links[role]);
	}
	/* Links do without it. */
	tls_network_free(network);
}

/* ---- GnuTLS alone ------------------------------------------------------------------------------------------------ */

struct raw {
	gnutls_session_t session;
	gnutls_psk_client_credentials_t psk;
	int fd;
};

#define RAW_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"

static inline void raw_init(struct raw *raw, int fd, int role, const char *priorities)
{
	*raw = (struct raw){.fd = fd};
	unsigned flags = (role == SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
	assert_int_equal(gnutls_init(&raw->session, flags), 0);
	assert_int_equal(gnutls_priority_set_direct(raw->session, priorities, NULL), 0);
	gnutls_transport_set_int(raw->session, fd);
}

/* A client of the test network. */
static inline void raw_set_psk(struct raw *raw)
{
	const gnutls_datum_t key = {(unsigned char *)(uintptr_t)test_key, sizeof(test_key)};
	assert_int_equal(gnutls_psk_allocate_client_credentials(&raw->psk), 0);
	assert_int_equal(gnutls_psk_set_client_credentials(raw->psk, "mynet", &key, GNUTLS_PSK_KEY_RAW), 0);
	assert_int_equal(gnutls_credentials_set(raw->session, GNUTLS_CRD_PSK, raw->psk), 0);
}

/* Both in turn. Returns what GnuTLS ended with, 0 or an error; `ret_ours` what our end did. */
static inline int raw_handshake(struct raw *raw, struct tls_handshake *ours, int *ret_ours)
{
	int theirs = GNUTLS_E_AGAIN;
	*ret_ours = -EAGAIN;
	for (int turn = 0; theirs == GNUTLS_E_AGAIN || *ret_ours == -EAGAIN; turn++) {
		assert_true(turn < TLS_WAIT_MS);
		if (theirs == GNUTLS_E_AGAIN)
			theirs = gnutls_handshake(raw->session);
		if (theirs < 0 && theirs != GNUTLS_E_AGAIN)
			gnutls_alert_send_appropriate(raw->session, theirs);
		if (*ret_ours == -EAGAIN)
			*ret_ours = tls_handshake_step(ours);
		if (turn > 10)
			poll(NULL, 0, 1);
	}
	return theirs;
}

static inline void raw_close(struct raw *raw)
{
	gnutls_deinit(raw->session);
	if (raw->psk != NULL)
		gnutls_psk_free_client_credentials(raw->psk);
	close(raw->fd);
}

/* A link of ours whose far end is GnuTLS. */
static inline struct link *link_with_raw(struct raw *raw)
{
	struct tls_network *network = network_new("mynet", 0);
	int fds[2], result;
	tcp_ends(fds);
	raw_init(raw, fds[CLIENT], CLIENT, RAW_PRIORITIES);
	raw_set_psk(raw);
	struct tls_handshake *ours = handshake_new(network, fds[SERVER], SERVER);
	assert_int_equal(raw_handshake(raw, ours, &result), 0);
	assert_int_equal(result, 0);
	struct link *link = tls_link_new(ours);
	assert_non_null(link);
	tls_network_free(network);
	return link;
}

#endif
