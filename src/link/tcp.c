// SPDX-License-Identifier: Apache-2.0
#include "link/tcp.h"

#include <errno.h>
#include <linux/sockios.h>
/* Unlike <netinet/tcp.h>, it knows the rate in struct tcp_info. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/socket.h"
#include "link/stream.h"

enum {
	BACKLOG = 128,
	USER_TIMEOUT_MS = 45000,	/* little more than the silence after which the router gives a peer up */
	/* What waits for the wire waits in our queue, where control goes first and CoDel judges: unsent in the kernel is what leaves
	 * within HELD_MS at the rate of the connection, between these bounds. */
	HELD_MS = 10,
	HELD_BYTES_MAX = 131072,
	HELD_BYTES_MIN = 6000,		/* four packets */
};

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t len)
{
	socket_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

static int listen_socket(const struct sockaddr *address, socklen_t len, const struct socket_options *options)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (address->sa_family == AF_INET6)
		socket_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	int error = options != NULL ? socket_set_mark(fd, options) : 0;
	if (error == 0)
		error = bind_and_listen(fd, address, len);
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

int tcp_listen_any(uint16_t port, const struct socket_options *options)
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

void tcp_tune(int fd)
{
	socket_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	socket_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	socket_set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, HELD_BYTES_MAX);
}

int tcp_accept(int listener, struct sockaddr_storage *ret_remote)
{
	socklen_t len = sizeof(*ret_remote);
	memset(ret_remote, 0, sizeof(*ret_remote));
	int fd = accept4(listener, (struct sockaddr *)ret_remote, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int tcp_connect_start(const struct sockaddr *address, socklen_t len, const struct socket_options *options)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = socket_set_mark(fd, options);
	if (error == 0 && connect(fd, address, len) != 0 && errno != EINPROGRESS)
		error = -errno;
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

int tcp_name(int fd, const char *protocol, char name[static LINK_NAME_SIZE])
{
	struct sockaddr_storage local = {0}, remote = {0};
	socklen_t local_len = sizeof(local), remote_len = sizeof(remote);
	char local_text[SOCKET_ADDRESS_TEXT_SIZE], remote_text[SOCKET_ADDRESS_TEXT_SIZE];
	if (getsockname(fd, (struct sockaddr *)&local, &local_len) != 0 ||
	    getpeername(fd, (struct sockaddr *)&remote, &remote_len) != 0)
		return -errno;
	socket_address_text(&local, local_text, sizeof(local_text));
	socket_address_text(&remote, remote_text, sizeof(remote_text));
	snprintf(name, LINK_NAME_SIZE, "%s %s <-> %s", protocol, local_text, remote_text);
	return 0;
}

long tcp_unacknowledged_ms(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return -1;
	return info.tcpi_unacked > 0 ? (long)info.tcpi_last_ack_recv : 0;
}

void tcp_get_stats(int fd, struct link_stats *ret)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return;
	ret->rtt_us = info.tcpi_rtt;
	/* A round trip; all ones before the first. */
	ret->repair_us = info.tcpi_min_rtt != UINT32_MAX ? info.tcpi_min_rtt : 0;
	ret->lost = info.tcpi_total_retrans;
}

size_t tcp_held(int fd)
{
	int bytes = 0;
	return ioctl(fd, SIOCOUTQNSD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

size_t tcp_held_max(int fd, size_t before)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || info.tcpi_delivery_rate == 0)
		return before;
	uint64_t bytes = info.tcpi_delivery_rate / 1000 * HELD_MS;
	/* Of a connection that had too little to send it is only known that it can do that much. */
	if (info.tcpi_delivery_rate_app_limited && bytes < before)
		return before;
	int bound = bytes > HELD_BYTES_MAX ? HELD_BYTES_MAX : bytes < HELD_BYTES_MIN ? HELD_BYTES_MIN : (int)bytes;
	size_t ret = bound < HELD_BYTES_MAX ? (size_t)bound : SIZE_MAX;
	/* The kernel tells that there is room when half of it is free. */
	if (ret != before && setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bound, sizeof(bound)) != 0)
		return before;
	return ret;
}

/* The stream is the descriptor, as for socket_read() and its like. */
static long stream_unacknowledged(void *stream)
{
	return tcp_unacknowledged_ms((int)(intptr_t)stream);
}

static void stream_stats(void *stream, struct link_stats *ret)
{
	tcp_get_stats((int)(intptr_t)stream, ret);
}

static size_t stream_held(void *stream)
{
	return tcp_held((int)(intptr_t)stream);
}

static size_t stream_held_max(void *stream, size_t before)
{
	return tcp_held_max((int)(intptr_t)stream, before);
}

static const struct stream_ops tcp_stream_ops = {
	.read = socket_read,
	.writev = socket_writev,
	.close = socket_close,
	.unacknowledged_ms = stream_unacknowledged,
	.get_stats = stream_stats,
	.held = stream_held,
	.held_max = stream_held_max,
};

struct link *tcp_link_new(int fd)
{
	char name[LINK_NAME_SIZE];
	struct link *link = NULL;
	tcp_tune(fd);
	if (tcp_name(fd, "TCP", name) == 0)
		link = stream_link_new(&tcp_stream_ops, (void *)(intptr_t)fd, fd, name);
	if (link == NULL)
		close(fd);
	return link;
}
