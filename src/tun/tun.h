// SPDX-License-Identifier: Apache-2.0
/*
 * The TUN interface: whole IPv6 packets to and from this host. One file per operating system.
 *
 * Opening makes the interface, which needs CAP_NET_ADMIN; bringing it up gives it its address, MTU and the route to
 * 400::/7. It vanishes when it is closed.
 */
#ifndef MYCELIUM_TUN_TUN_H
#define MYCELIUM_TUN_TUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "base/problem.h"

enum {
	TUN_NAME_MAX = 15,
	TUN_MTU = 1400,
	TUN_PREFIX_LENGTH = 7,
};

struct tun;

/* Makes the interface. On failure returns NULL and adds a line to `problems` with cause and remedy: no permission, name
 * taken, not a TUN interface, no TUN support in the kernel. Control thread. */
struct tun *tun_open(const char *name, struct problems *problems);

/* Sets MTU, address (with the prefix of the whole overlay, so that the kernel routes 400::/7 to it) and "up". Returns 0, or a
 * negative errno with a line in `problems`. */
int tun_bring_up(struct tun *tun, const struct ip6 *address, struct problems *problems);

/* Removes the interface; NULL is fine. */
void tun_close(struct tun *tun);

const char *tun_name(const struct tun *tun);

/* The descriptor to poll. The lane that owns the queue reads and writes it. */
int tun_fd(const struct tun *tun);

/* Reads one packet into `packet`. Returns its length, or
 *   -EAGAIN   none there
 *   -EBADFD   the interface was removed by somebody
 *   -errno    another error */
long tun_read(struct tun *tun, uint8_t *packet, size_t capacity);

/* Writes one packet. Returns 0 or a negative errno (-EIO: the interface is down; -EBADFD as above). */
int tun_write(struct tun *tun, const uint8_t *packet, size_t len);

#endif
