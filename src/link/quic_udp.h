// SPDX-License-Identifier: Apache-2.0
/* Datagrams in and out of a UDP socket, many at a time, with what QUIC wants to know of each; inside the room. */
#ifndef MYCELIUM_LINK_QUIC_UDP_H
#define MYCELIUM_LINK_QUIC_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	UDP_READ_MESSAGES = 8,
	UDP_READ_SIZE = 65536,		/* of each: what the kernel joins of one sender at most */
	UDP_DATAGRAM_MAX = 1500,	/* larger ones than any peer may send are dropped */
	UDP_BATCH_SIZE = 65000,		/* what one call sends at most, with headers within the limit of IP */
	UDP_BATCH_PACKETS = 64,		/* UDP_MAX_SEGMENTS of older kernels */
};

/* Without the 100 bytes of a sockaddr_storage that no IP address needs. */
union udp_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

socklen_t udp_address_len(const union udp_address *address);
union udp_address udp_any_address(sa_family_t family);
bool udp_address_equal(const union udp_address *a, const union udp_address *b);

/* Where a datagram went from and to. The local port is left out. A local address is only sent from where the peer is
 * known to expect it: all zero leaves the choice to the kernel. */
struct udp_path {
	union udp_address local, remote;
};

struct udp_datagram {
	uint8_t *bytes;
	size_t len;
	const struct udp_path *path;
	uint8_t ecn;
};

/* What one call received. */
struct udp_inbox {
	uint8_t *bytes;		/* UDP_READ_MESSAGES × UDP_READ_SIZE */
	unsigned count, at;	/* messages, the current one */
	size_t offset;		/* of the next datagram in it */
	struct {
		struct udp_path path;
		size_t len, segment;
		uint8_t ecn;
	} messages[UDP_READ_MESSAGES];
};

/* Returns the number of bytes, or a negative errno: -EAGAIN, or what became of a datagram that was sent before. */
long udp_receive(int fd, struct udp_inbox *inbox);

/* The next datagram, without taking it, and taking it. */
bool udp_inbox_peek(struct udp_inbox *inbox, struct udp_datagram *ret);
void udp_inbox_take(struct udp_inbox *inbox);

/* Packets of one path, of equal size but for the last, that leave in one call. */
struct udp_batch {
	uint8_t *bytes;		/* UDP_BATCH_SIZE, and room for a packet that does not join */
	size_t len, segment;
	unsigned count;
	struct udp_path path;
	uint8_t ecn;
};

/* Whether one more packet of this kind can join. */
bool udp_batch_joins(const struct udp_batch *batch, const struct udp_path *path, uint8_t ecn, size_t len);

/* Sends a batch, and empties it. Returns 0, -EAGAIN when the socket takes nothing now (the batch then holds what is
 * left), or a negative errno when it went nowhere. What is too large for the path counts as sent: its loss will be
 * noticed. `gso_pause` is set when the kernel did not split one for us: so many batches go packet by packet. */
int udp_send(int fd, struct udp_batch *batch, unsigned *gso_pause);

/* The MTU of the route to an address, 0 when unknown. */
unsigned udp_route_mtu(const union udp_address *remote);

/* Makes a socket tell which datagrams were refused on the way (ICMP), or tell no more. */
void udp_watch_errors(int fd, int family, bool on);

/* Takes one such refusal. Returns 0, or -EAGAIN when there is none. */
int udp_next_error(int fd, union udp_address *ret_remote, int *ret_error);

#endif
