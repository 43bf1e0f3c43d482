// SPDX-License-Identifier: Apache-2.0
/*
 * Discovery beacon: the UDP datagram by which neighbours on a link find each other (docs/protocol/discovery.md).
 *
 *   0            8          10                                      50
 *   +------------+----------+------------------ ... ----------------+
 *   | "mycelium" | TCP port | router id                             |
 *   +------------+----------+------------------ ... ----------------+
 *
 * Nothing in it is authenticated. No state, any thread.
 */
#ifndef MYCELIUM_WIRE_BEACON_H
#define MYCELIUM_WIRE_BEACON_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "crypto/keys.h"

enum { BEACON_SIZE = 50 };

struct beacon {
	uint16_t tcp_port;	/* where the sender listens */
	struct router_id router_id;
};

/* Writes a beacon. */
__attribute__((nonnull)) void beacon_write(const struct beacon *beacon, uint8_t out[static BEACON_SIZE]);

/* Reads a datagram of `len` bytes that came from `sender` (IPv4 ones in their mapped form). Bytes behind the known ones
 * are left for later versions. Returns 0, or with `ret` untouched: -EADDRNOTAVAIL when the sender is not in fe80::/64;
 * -EBADMSG for a short datagram, another magic or port 0; -ELOOP for the beacon of `own` itself. */
int beacon_read(const uint8_t *bytes, size_t len, const struct ip6 *sender, const struct router_id *own,
		struct beacon *ret);

#endif
