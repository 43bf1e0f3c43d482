// SPDX-License-Identifier: Apache-2.0
#include "link/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/ip6.h"

enum {
	BACKLOG = 128,
	USER_TIMEOUT_MS = 45000,	/* little more than the silence after which the router gives a peer up */
	NOTSENT_LOWAT_BYTES = 131072,	/* what waits for the wire waits in our queue, where control goes first */
};

static int negative_errno(void)
{
	return -errno;
}

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static int set_mark(int fd, const struct tcp_options *options)
{
	if (!options->has_mark)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) == 0 ? 0 : negative_errno();
}

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t len)
{
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0)
		return negative_errno();
	return 0;
}

static int listen_socket(const struct sockaddr *address, socklen_t len, const struct tcp_options *options)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return negative_errno();
	if (address->sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	int error = options != NULL ? set_mark(fd, options) : 0;
	if (error == 0)
		error = bind_and_listen(fd, address, len);
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

int tcp_listen_any(uint16_t port, const struct tcp_options *options)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
	int fd = listen_socket((struct sockaddr *)&any6, sizeof(any6), options);
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	return listen_socket((struct sockaddr *)&any4, sizeof(any4), options);
}

int tcp_listen_on(const struct sockaddr *address, socklen_t len)
{
	return listen_socket(address, len, NULL);
}

uint16_t tcp_local_port(int fd)
{
	struct sockaddr_storage local = {0};
	socklen_t len = sizeof(local);
	if (getsockname(fd, (struct sockaddr *)&local, &len) != 0)
		return 0;
	return ntohs(local.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&local)->sin6_port
						 : ((struct sockaddr_in *)&local)->sin_port);
}

static void tune_connected(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES);
}

int tcp_accept(int listener, struct sockaddr_storage *ret_remote)
{
	socklen_t len = sizeof(*ret_remote);
	memset(ret_remote, 0, sizeof(*ret_remote));
	int fd = accept4(listener, (struct sockaddr *)ret_remote, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return fd >= 0 ? fd : negative_errno();
}

int tcp_connect_start(const struct sockaddr *address, socklen_t len, const struct tcp_options *options)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return negative_errno();
	int error = set_mark(fd, options);
	if (error == 0 && connect(fd, address, len) != 0 && errno != EINPROGRESS)
		error = negative_errno();
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

int tcp_connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return negative_errno();
	return -error;
}

/* "192.0.2.1:9651", "[2001:db8::1]:9651", "[fe80::1%3]:9651". */
static void address_text(const struct sockaddr_storage *address, char *text, size_t size)
{
	char ip[IP6_TEXT_SIZE];
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;
		const uint8_t *b = (const uint8_t *)&in->sin_addr;
		snprintf(text, size, "%u.%u.%u.%u:%u", b[0], b[1], b[2], b[3], ntohs(in->sin_port));
		return;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	struct ip6 addr;
	char scope[16] = "";
	memcpy(addr.bytes, &in6->sin6_addr, sizeof(addr.bytes));
	if (in6->sin6_scope_id != 0)
		snprintf(scope, sizeof(scope), "%%%u", in6->sin6_scope_id);
	snprintf(text, size, "[%s%s]:%u", ip6_text(&addr, ip), scope, ntohs(in6->sin6_port));
}

static int name_connection(int fd, char name[static LINK_NAME_SIZE])
{
	struct sockaddr_storage local = {0}, remote = {0};
	socklen_t local_len = sizeof(local), remote_len = sizeof(remote);
	char local_text[72], remote_text[72];
	if (getsockname(fd, (struct sockaddr *)&local, &local_len) != 0 ||
	    getpeername(fd, (struct sockaddr *)&remote, &remote_len) != 0)
		return negative_errno();
	address_text(&local, local_text, sizeof(local_text));
	address_text(&remote, remote_text, sizeof(remote_text));
	snprintf(name, LINK_NAME_SIZE, "TCP %s <-> %s", local_text, remote_text);
	return 0;
}

/* The stream of a plain socket is its descriptor. */
static int socket_of(void *stream)
{
	return (int)(intptr_t)stream;
}

static long socket_read(void *stream, uint8_t *to, size_t len)
{
	ssize_t got;
	do
		got = recv(socket_of(stream), to, len, 0);
	while (got < 0 && errno == EINTR);
	return got >= 0 ? got : negative_errno();
}

static long socket_writev(void *stream, const struct iovec *parts, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
	ssize_t written;
	do
		written = sendmsg(socket_of(stream), &message, MSG_NOSIGNAL);
	while (written < 0 && errno == EINTR);
	return written >= 0 ? written : negative_errno();
}

static void socket_close(void *stream)
{
	close(socket_of(stream));
}

static long socket_unacknowledged_ms(void *stream)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(socket_of(stream), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return -1;
	return info.tcpi_unacked > 0 ? (long)info.tcpi_last_ack_recv : 0;
}

static const struct stream_ops socket_ops = {
	.read = socket_read,
	.writev = socket_writev,
	.close = socket_close,
	.unacknowledged_ms = socket_unacknowledged_ms,
};

struct link *tcp_link_new(int fd)
{
	char name[LINK_NAME_SIZE];
	struct link *link = NULL;
	tune_connected(fd);
	if (name_connection(fd, name) == 0)
		link = link_new(&socket_ops, (void *)(intptr_t)fd, fd, name);
	if (link == NULL)
		close(fd);
	return link;
}

void tcp_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
