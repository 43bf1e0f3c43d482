// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link/stream.h"
#include "link/tcp.h"

enum { WAIT_MS = 5000 };

static const struct socket_options no_options;

static struct sockaddr_in loopback4(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct sockaddr_in6 loopback6(uint16_t port)
{
	return (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
}

static void wait_for(int fd, short events)
{
	struct pollfd poller = {.fd = fd, .events = events};
	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
}

static int connect_to(const void *address, socklen_t len)
{
	int fd = tcp_connect_start(address, len, &no_options);
	assert_true(fd >= 0);
	wait_for(fd, POLLOUT);
	assert_int_equal(socket_connect_result(fd), 0);
	return fd;
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void assert_not_inherited_nor_blocking(int fd)
{
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

/* Frames both ways over IPv4 to the listener of both families; names as people know them. */
static void connection_over_ipv4(void **state)
{
	(void)state;
	struct sockaddr_storage remote;
	int listener = tcp_listen_any(0, &no_options);
	assert_true(listener >= 0);
	assert_not_inherited_nor_blocking(listener);
	assert_int_equal(tcp_accept(listener, &remote), -EAGAIN);

	uint16_t port = tcp_local_port(listener);
	assert_int_not_equal(port, 0);
	struct sockaddr_in address = loopback4(port);
	int client = connect_to(&address, sizeof(address));
	uint16_t client_port = tcp_local_port(client);
	wait_for(listener, POLLIN);
	int server = tcp_accept(listener, &remote);
	assert_true(server >= 0);
	assert_not_inherited_nor_blocking(server);
	assert_not_inherited_nor_blocking(client);
	assert_int_equal(ntohs(((struct sockaddr_in6 *)&remote)->sin6_port), client_port);

	struct link *near = tcp_link_new(client), *far = tcp_link_new(server);
	assert_non_null(near);
	assert_non_null(far);
	assert_int_equal(option_of(client, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_true(option_of(client, IPPROTO_TCP, TCP_USER_TIMEOUT) > 0);
	char expected[LINK_NAME_SIZE];
	snprintf(expected, sizeof(expected), "TCP 127.0.0.1:%u <-> 127.0.0.1:%u", client_port, port);
	assert_string_equal(link_name(near), expected);

	static uint8_t frame[] = {1, 1, 0, 0, 42, 3, 0, 8, 4, 6, 0x80, 0, 0, 0, 7, 0xd0};
	bool blocked;
	assert_int_equal(link_send(near, &(struct iovec){frame, sizeof(frame)}, 1, &blocked), sizeof(frame));
	static uint8_t shared[STREAM_BUFFER_SIZE];
	struct frame_vector frames;
	wait_for(link_fd(far), POLLIN);
	assert_int_equal(stream_read(far, shared, STREAM_READ_SIZE), sizeof(frame));
	assert_int_equal(stream_next_frames(far, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_memory_equal(frames.frames[0].bytes, frame, sizeof(frame));

	link_free(near);
	wait_for(link_fd(far), POLLIN);
	assert_int_equal(stream_read(far, shared, STREAM_READ_SIZE), -ENODATA);
	link_free(far);
	socket_close_fd(listener);
}

/* A control frame whose body is its number over and over. */
static size_t numbered_frame(uint8_t *bytes, unsigned number)
{
	enum { REPEATED = 700 };
	const uint8_t header[8] = {1, 1, 0, 0, 42, 3, (2 * REPEATED) >> 8, (2 * REPEATED) & 0xff};
	memcpy(bytes, header, sizeof(header));
	for (unsigned i = 0; i < REPEATED; i++) {
		bytes[8 + 2 * i] = (uint8_t)(number >> 8);
		bytes[9 + 2 * i] = (uint8_t)number;
	}
	return sizeof(header) + 2 * REPEATED;
}

/* Reads what is there; all frames are the next ones. */
static void read_numbered(struct link *link, unsigned *number)
{
	static uint8_t buffer[STREAM_BUFFER_SIZE], expected[1500];
	static struct frame_vector frames;
	long got = stream_read(link, buffer, STREAM_READ_SIZE);
	assert_true(got > 0 || got == -EAGAIN);
	do {
		assert_int_equal(stream_next_frames(link, &frames), 0);
		for (unsigned i = 0; i < frames.count; i++) {
			assert_int_equal(frames.frames[i].len, numbered_frame(expected, (*number)++));
			assert_memory_equal(frames.frames[i].bytes, expected, frames.frames[i].len);
		}
	} while (frames.count > 0);
}

/* Sends vectors until the connection takes no more. */
static void send_until_blocked(struct link *link, unsigned *number)
{
	enum { COUNT = 20 };
	static uint8_t bytes[COUNT][1500];
	struct iovec frames[COUNT];
	bool blocked;
	assert_true(link_flush(link, &blocked) >= 0);
	while (!blocked) {
		for (unsigned i = 0; i < COUNT; i++)
			frames[i] = (struct iovec){bytes[i], numbered_frame(bytes[i], (*number)++)};
		assert_true(link_send(link, frames, COUNT, &blocked) >= 0);
		assert_true(blocked || link_unsent(link) == 0);
	}
	memset(bytes, 0, sizeof(bytes));
}

/* A connection that is blocked again and again loses nothing. */
static void more_than_the_connection_takes(void **state)
{
	(void)state;
	struct sockaddr_in address = loopback4(0);
	struct sockaddr_storage remote;
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	address = loopback4(tcp_local_port(listener));
	int client = connect_to(&address, sizeof(address)), size = 16384;
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	wait_for(listener, POLLIN);
	struct link *near = tcp_link_new(client), *far = tcp_link_new(tcp_accept(listener, &remote));
	assert_non_null(near);
	assert_non_null(far);
	unsigned sent = 0, received = 0;
	bool blocked;
	while (sent < 20000) {
		send_until_blocked(near, &sent);
		wait_for(link_fd(far), POLLIN);
		read_numbered(far, &received);
	}
	while (received < sent) {
		assert_true(link_flush(near, &blocked) >= 0);
		wait_for(link_fd(far), POLLIN);
		read_numbered(far, &received);
	}
	assert_int_equal(link_unsent(near), 0);
	assert_int_equal(received, sent);
	link_free(near);
	link_free(far);
	socket_close_fd(listener);
}

/* Without a rate, or with one that is only known to be possible, nothing changes; else the kernel has the bound, too. */
static void what_the_kernel_holds(void **state)
{
	(void)state;
	struct sockaddr_in address = loopback4(0);
	struct sockaddr_storage remote;
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address)), sink = -1;
	address = loopback4(tcp_local_port(listener));
	int client = connect_to(&address, sizeof(address));
	wait_for(listener, POLLIN);
	sink = tcp_accept(listener, &remote);
	assert_true(sink >= 0);
	assert_int_equal(tcp_held(client), 0);
	assert_int_equal(tcp_held_max(client, 5), 5);

	static uint8_t bytes[100000];
	assert_int_equal(send(client, bytes, 1, 0), 1);
	wait_for(sink, POLLIN);
	assert_true(tcp_held_max(client, SIZE_MAX) == SIZE_MAX);

	while (send(client, bytes, sizeof(bytes), 0) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	assert_true(tcp_held(client) > 0);
	size_t bound = tcp_held_max(client, 1);
	assert_true(bound > 1);
	assert_int_equal(option_of(client, IPPROTO_TCP, TCP_NOTSENT_LOWAT), bound < 131072 ? bound : 131072);
	socket_close_fd(client);
	socket_close_fd(sink);
	socket_close_fd(listener);
}

static void connection_over_ipv6(void **state)
{
	(void)state;
	struct sockaddr_in6 any = loopback6(0);
	int listener = tcp_listen_on((struct sockaddr *)&any, sizeof(any));
	if (listener == -EAFNOSUPPORT || listener == -EADDRNOTAVAIL)
		skip();
	assert_true(listener >= 0);
	uint16_t port = tcp_local_port(listener);
	struct sockaddr_in6 address = loopback6(port);
	int client = connect_to(&address, sizeof(address));
	char expected[LINK_NAME_SIZE];
	snprintf(expected, sizeof(expected), "TCP [::1]:%u <-> [::1]:%u", tcp_local_port(client), port);
	struct link *link = tcp_link_new(client);
	assert_string_equal(link_name(link), expected);
	link_free(link);
	socket_close_fd(listener);
}

static void connection_refused(void **state)
{
	(void)state;
	/* A port that was just free. */
	struct sockaddr_in address = loopback4(0);
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	assert_true(listener >= 0);
	address = loopback4(tcp_local_port(listener));
	socket_close_fd(listener);
	int fd = tcp_connect_start((struct sockaddr *)&address, sizeof(address), &no_options);
	if (fd >= 0) {
		wait_for(fd, POLLOUT);
		assert_int_equal(socket_connect_result(fd), -ECONNREFUSED);
		socket_close_fd(fd);
	} else {
		assert_int_equal(fd, -ECONNREFUSED);
	}
}

static void port_in_use(void **state)
{
	(void)state;
	struct sockaddr_in address = loopback4(0);
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	assert_true(listener >= 0);
	uint16_t port = tcp_local_port(listener);
	address = loopback4(port);
	assert_int_equal(tcp_listen_on((struct sockaddr *)&address, sizeof(address)), -EADDRINUSE);
	assert_int_equal(tcp_listen_any(port, &no_options), -EADDRINUSE);
	socket_close_fd(listener);
}

static void address_of_nobody(void **state)
{
	(void)state;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
	assert_int_equal(tcp_listen_on((struct sockaddr *)&address, sizeof(address)), -EADDRNOTAVAIL);
}

/* A connection that was reset before it became a link is no link, and its descriptor is gone. */
static void dead_before_it_was_a_link(void **state)
{
	(void)state;
	struct sockaddr_in address = loopback4(0);
	struct sockaddr_storage remote;
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	address = loopback4(tcp_local_port(listener));
	int client = connect_to(&address, sizeof(address));
	wait_for(listener, POLLIN);
	int server = tcp_accept(listener, &remote);
	struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	socket_close_fd(client);
	wait_for(server, POLLIN);
	assert_null(tcp_link_new(server));
	assert_int_equal(fcntl(server, F_GETFD), -1);
	socket_close_fd(listener);
	socket_close_fd(-1);
}

/* Setting a mark needs a privilege: without it the socket is refused, never sent from unmarked. */
static void firewall_mark(void **state)
{
	(void)state;
	struct socket_options marked = {.has_mark = true, .mark = 0x51};
	int listener = tcp_listen_any(0, &marked);
	if (listener < 0) {
		assert_int_equal(listener, -EPERM);
		struct sockaddr_in address = loopback4(1);
		assert_int_equal(tcp_connect_start((struct sockaddr *)&address, sizeof(address), &marked), -EPERM);
		return;
	}
	assert_int_equal(option_of(listener, SOL_SOCKET, SO_MARK), 0x51);
	struct sockaddr_in address = loopback4(tcp_local_port(listener));
	int fd = tcp_connect_start((struct sockaddr *)&address, sizeof(address), &marked);
	assert_true(fd >= 0);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_MARK), 0x51);
	socket_close_fd(fd);
	socket_close_fd(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_over_ipv4),
		cmocka_unit_test(more_than_the_connection_takes),
		cmocka_unit_test(what_the_kernel_holds),
		cmocka_unit_test(connection_over_ipv6),
		cmocka_unit_test(connection_refused),
		cmocka_unit_test(port_in_use),
		cmocka_unit_test(address_of_nobody),
		cmocka_unit_test(dead_before_it_was_a_link),
		cmocka_unit_test(firewall_mark),
	};
	return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
