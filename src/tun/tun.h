// SPDX-License-Identifier: Apache-2.0
/*
 * The TUN interface: whole IPv6 packets to and from this host, through one queue or several. One file per operating system.
 *
 * Opening makes the interface, which needs CAP_NET_ADMIN; bringing it up gives it its address, MTU and the route to
 * 400::/7. It vanishes when it is closed.
 */
#ifndef MYCELIUM_TUN_TUN_H
#define MYCELIUM_TUN_TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/ip6.h"
#include "base/problem.h"

enum {
	TUN_NAME_MAX = 15,
	TUN_MTU = 1400,
	TUN_PREFIX_LENGTH = 7,
	TUN_READ_MAX = 40 + 65535, /* what stands for several packets may be so long */
	TUN_PARTS_MAX = 64,
};

struct tun;

/* Makes the interface with one queue; `more` tells that others will be wanted. On failure returns NULL and adds a line to `problems` with cause and remedy: no permission, name
 * taken, not a TUN interface, no TUN support in the kernel. Control thread. */
struct tun *tun_open(const char *name, bool more, struct problems *problems);

/* One more queue of an interface: the kernel sends a flow to the queue that its answers are written to, and spreads the
 * others. Returns NULL where the kernel has one queue only, or without memory or descriptors. */
struct tun *tun_add_queue(const struct tun *tun);

/* Sets MTU, address (with the prefix of the whole overlay, so that the kernel routes 400::/7 to it) and "up". Returns 0, or a
 * negative errno with a line in `problems`. */
int tun_bring_up(struct tun *tun, const struct ip6 *address, struct problems *problems);

/* Closes a queue, and removes the interface with the last one; NULL is fine. */
void tun_close(struct tun *tun);

const char *tun_name(const struct tun *tun);

/* The index of the interface. */
uint32_t tun_index(const struct tun *tun);

/* The descriptor to poll. The lane that owns the queue reads it; any thread may write. */
int tun_fd(const struct tun *tun);

/* What a packet stands for that the kernel did not cut, or need not cut: TCP segments or UDP datagrams of one flow. */
enum tun_batch { TUN_SINGLE, TUN_TCP, TUN_UDP };

struct tun_offload {
	enum tun_batch batch;
	uint16_t segment_size;	  /* payload of each but the last, which may have less */
	uint16_t header_len;	  /* of all headers; only for writing */
	bool checksum_open;	  /* the transport checksum holds the sum of the pseudo-header alone */
	uint16_t checksum_start;  /* offset of the transport header in the packet */
	uint16_t checksum_offset; /* of the checksum in it */
};

/* Whether packets may be written that stand for several. */
bool tun_takes(const struct tun *tun, enum tun_batch batch);

/* Reads one packet, of at most TUN_READ_MAX bytes, into `count` parts (at most TUN_PARTS_MAX). Returns its length, or
 *   -EAGAIN   none there
 *   -EBADFD   the interface was removed by somebody
 *   -errno    another error */
long tun_read(struct tun *tun, const struct iovec *parts, int count, struct tun_offload *ret);

/* Writes one packet, given as at most TUN_PARTS_MAX parts. Returns 0 or a negative errno (-EIO: the interface is down;
 * -EBADFD as above). */
int tun_write(struct tun *tun, const struct iovec *parts, int count, const struct tun_offload *offload);

#endif
