// SPDX-License-Identifier: Apache-2.0
/*
 * The UDP sockets of a node: one for each lane and family, all on one port, in a group in which the kernel chooses by
 * the first byte of the connection id.
 *
 *   long header    0 form bit set    1 version    5 id length    6 id
 *   short header   0 form bit clear  1 id
 */
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "link/quic.h"

enum {
	SOCKET_BUFFER_BYTES = 4 << 20,
	FREE_PORT_ATTEMPTS = 16, /* for a port that is free in both families */
	LONG_HEADER_BIT = 0x80,
	LONG_HEADER_ID_AT = 6,
	SHORT_HEADER_ID_AT = 1,
};

static const int families[2] = {AF_INET, AF_INET6};

/* Beyond the system's limit where that is permitted. */
static void set_buffer(int fd, int forced, int limited)
{
	const int size = SOCKET_BUFFER_BYTES;
	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) != 0)
		socket_set_option(fd, SOL_SOCKET, limited, size);
}

static void set_options_ipv4(int fd)
{
	socket_set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	socket_set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	socket_set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
}

static void set_options_ipv6(int fd)
{
	socket_set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	socket_set_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	socket_set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	socket_set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

static int bind_any(int fd, int family, uint16_t port)
{
	const struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr_in6 any6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
	int result = family == AF_INET ? bind(fd, (const struct sockaddr *)&any4, sizeof(any4))
				       : bind(fd, (const struct sockaddr *)&any6, sizeof(any6));
	return result == 0 ? 0 : -errno;
}

/* The first socket of a group is bound alone, so that a second node on the port is refused, and joins it afterwards. */
static int bind_to_group(int fd, int family, uint16_t port, bool first, bool grouped)
{
	const int on = 1;
	if (!first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return -errno;
	int error = bind_any(fd, family, port);
	if (error == 0 && first && grouped)
		socket_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return error;
}

/* Returns the descriptor or a negative errno. */
static int open_socket(int family, uint16_t port, bool first, bool grouped, const struct socket_options *options)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		socket_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	int error = socket_set_mark(fd, options);
	if (error == 0)
		error = bind_to_group(fd, family, port, first, grouped);
	if (error != 0) {
		close(fd);
		return error;
	}
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	socket_set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
	if (family == AF_INET)
		set_options_ipv4(fd);
	else
		set_options_ipv6(fd);
	return fd;
}

/* A packet too short to be read goes to the first lane. */
static int steer_group(int fd, unsigned lanes)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, LONG_HEADER_BIT, 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, LONG_HEADER_ID_AT),
		BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SHORT_HEADER_ID_AT),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, lanes),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0 ? 0 : -errno;
}

static void close_socket(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool lacks_family(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

/* The sockets of the first lane. Whichever comes first decides the port. */
static int open_first(uint16_t port, bool grouped, const struct socket_options *options, struct quic_sockets *ret)
{
	int error = -EAFNOSUPPORT;
	for (int i = 0; i < 2; i++) {
		int fd = open_socket(families[i], port, true, grouped, options);
		ret->fd[i] = fd >= 0 ? fd : -1;
		if (fd < 0 && !lacks_family(fd))
			return fd;
		if (fd >= 0) {
			error = 0;
			port = quic_local_port(ret);
		}
	}
	return error;
}

static int open_lane(uint16_t port, const struct quic_sockets *first, const struct socket_options *options,
		     struct quic_sockets *ret)
{
	for (int i = 0; i < 2; i++) {
		int fd = first->fd[i] >= 0 ? open_socket(families[i], port, false, true, options) : -1;
		if (first->fd[i] >= 0 && fd < 0)
			return fd;
		ret->fd[i] = fd;
	}
	return 0;
}

/* Sockets for all further lanes, and the choice among them, or an error. */
static int open_others(uint16_t port, unsigned lanes, const struct socket_options *options,
		       struct quic_sockets *sockets)
{
	for (unsigned lane = 1; lane < lanes; lane++) {
		int error = open_lane(port, &sockets[0], options, &sockets[lane]);
		for (int i = 0; i < 2 && error == 0 && lane == 1; i++)
			if (sockets[0].fd[i] >= 0)
				error = steer_group(sockets[0].fd[i], lanes);
		if (error != 0)
			return error;
	}
	return 0;
}

int quic_open_sockets(uint16_t port, unsigned lanes, const struct socket_options *options, struct quic_sockets *ret)
{
	assert(lanes > 0);
	for (unsigned lane = 0; lane < lanes; lane++)
		ret[lane] = (struct quic_sockets){.fd = {-1, -1}};
	int error = -EADDRINUSE;
	for (int attempt = 0; error == -EADDRINUSE && attempt < (port == 0 ? FREE_PORT_ATTEMPTS : 1); attempt++) {
		quic_close_sockets(ret, 1);
		error = open_first(port, lanes > 1, options, &ret[0]);
	}
	if (error != 0) {
		quic_close_sockets(ret, 1);
		return error;
	}
	if (lanes > 1 && open_others(quic_local_port(&ret[0]), lanes, options, ret) != 0)
		quic_close_sockets(ret + 1, lanes - 1);
	return 0;
}

void quic_close_sockets(struct quic_sockets *sockets, unsigned lanes)
{
	for (unsigned lane = 0; lane < lanes; lane++)
		for (int i = 0; i < 2; i++)
			close_socket(&sockets[lane].fd[i]);
}

uint16_t quic_local_port(const struct quic_sockets *sockets)
{
	int fd = sockets->fd[0] >= 0 ? sockets->fd[0] : sockets->fd[1];
	struct sockaddr_storage local = {0};
	socklen_t len = sizeof(local);
	if (getsockname(fd, (struct sockaddr *)&local, &len) != 0)
		return 0;
	return ntohs(local.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&local)->sin6_port
						 : ((struct sockaddr_in *)&local)->sin_port);
}
