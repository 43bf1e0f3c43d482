// SPDX-License-Identifier: Apache-2.0
/*
 * Packets that wait for a route or a key, by /64.
 *
 * Sans-I/O. Each waiting packet has a deadline; packets of one /64 leave in the order they came; beyond a limit the oldest
 * gives way (head drop), first within its /64, then within all. Control thread.
 */
#ifndef MYCELIUM_DATAPLANE_WAIT_H
#define MYCELIUM_DATAPLANE_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "dataplane/parcel.h"

enum {
	WAIT_PACKETS_PER_SUBNET_MAX = 64,
	WAIT_BYTES_PER_SUBNET_MAX = 131072,
	WAIT_PACKETS_MAX = 16384,
	WAIT_BYTES_MAX = 4194304,
	WAIT_MS_MAX = 15000,
};

struct wait;

/* enqueued = dequeued + expired + dropped + waiting, always. */
struct wait_counters {
	uint64_t enqueued, dequeued, expired, dropped;
};

/* `seed` keys the hash. Returns NULL without memory. */
struct wait *wait_new(uint64_t seed);

/* Frees waiting parcels too. */
void wait_free(struct wait *wait);

/* Queues a parcel (taken over) under the /64 of `address` until `deadline_ms`, at most WAIT_MS_MAX from now. */
void wait_add(struct wait *wait, const struct ip6 *address, struct parcel *parcel, uint64_t deadline_ms, uint64_t now_ms);

/* Takes all parcels of the given kinds (bit 1 << kind) whose address lies in the prefix, in their order, linked by `next`; NULL
 * when there are none. The caller owns them. */
struct parcel *wait_take(struct wait *wait, const struct subnet *subnet, unsigned kinds);

/* Takes all parcels whose deadline has passed, linked by `next`. */
struct parcel *wait_take_expired(struct wait *wait, uint64_t now_ms);

/* The earliest deadline, or TIMERS_NEVER_MS. */
uint64_t wait_next_deadline(const struct wait *wait);

size_t wait_count(const struct wait *wait);
size_t wait_bytes(const struct wait *wait);
const struct wait_counters *wait_counters(const struct wait *wait);

#endif
