// SPDX-License-Identifier: Apache-2.0
/* Judges a coalescer by cutting what it made: shared by its unit test and its fuzz target. */
#ifndef MYCELIUM_TESTS_DATAPLANE_JOINED_CHECK_H
#define MYCELIUM_TESTS_DATAPLANE_JOINED_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/coalesce.h"

enum { PILE_PACKETS_MAX = 200, PILE_PACKET_SIZE = 1500 };

/* Packets in order. */
struct pile {
	size_t count;
	size_t len[PILE_PACKETS_MAX];
	uint8_t bytes[PILE_PACKETS_MAX][PILE_PACKET_SIZE];
};

/* Adds a copy; asserts that there is room. */
void pile_put(struct pile *pile, const uint8_t *packet, size_t len);

/* Passes whole IPv6 packets through a coalescer and cuts what comes out. Asserts that, flow by flow, they came out as they
 * went in, but for the window of TCP segments. Returns how many writes it took. */
size_t joined_check(const struct pile *in, bool joins_tcp, bool joins_udp);

/* The same for packets that went some way before: `arrived` goes through, and what comes out is compared with `sent`. */
size_t joined_check_between(const struct pile *sent, const struct pile *arrived, bool joins_tcp, bool joins_udp);

#endif
