// SPDX-License-Identifier: Apache-2.0
#include "peers/beacon_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BUFFER_BYTES = 65536 }; /* a flood fills no more than this */

/* Linux 4.20. */
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static const struct in6_addr group = {.s6_addr = {0xff, 0x02, [14] = 0xca, 0xfe}};

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* The mark comes first, so that nothing leaves without it. */
static int prepare(int fd, uint16_t port, bool has_mark, uint32_t mark)
{
	const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons(port)};
	int error = 0;
#ifdef SO_MARK
	if (has_mark)
		error = set(fd, SOL_SOCKET, SO_MARK, (int)mark);
#else
	if (has_mark || mark != 0)
		error = -EOPNOTSUPP;
#endif
	if (error == 0)
		error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (error == 0)
		error = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
	if (error == 0)
		error = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
	/* These only help: not to hear what other programs joined, and to drop early what comes too fast. */
	(void)set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	(void)set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	if (error == 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		error = -errno;
	return error;
}

int beacon_socket_open(uint16_t port, bool has_mark, uint32_t mark)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int error = prepare(fd, port, has_mark, mark);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int beacon_socket_join(int fd, uint32_t index)
{
	const struct ipv6_mreq request = {.ipv6mr_multiaddr = group, .ipv6mr_interface = index};
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)) == 0 || errno == EADDRINUSE)
		return 0;
	return -errno;
}

void beacon_socket_leave(int fd, uint32_t index)
{
	const struct ipv6_mreq request = {.ipv6mr_multiaddr = group, .ipv6mr_interface = index};
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof(request));
}

int beacon_socket_send(int fd, uint32_t index, uint16_t port, const uint8_t beacon[static BEACON_SIZE])
{
	const struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_addr = group, .sin6_port = htons(port), .sin6_scope_id = index};
	ssize_t sent;
	do
		sent = sendto(fd, beacon, BEACON_SIZE, 0, (const struct sockaddr *)&to, sizeof(to));
	while (sent < 0 && errno == EINTR);
	return sent >= 0 ? 0 : -errno;
}

long beacon_socket_receive(int fd, uint8_t *bytes, size_t size, struct ip6 *ret_sender, uint32_t *ret_index)
{
	struct sockaddr_in6 from = {0};
	socklen_t from_len = sizeof(from);
	ssize_t len;
	do
		len = recvfrom(fd, bytes, size, 0, (struct sockaddr *)&from, &from_len);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	memcpy(ret_sender->bytes, &from.sin6_addr, sizeof(ret_sender->bytes));
	*ret_index = from.sin6_scope_id; /* of link-local senders only, and of no other are beacons taken */
	return len;
}
