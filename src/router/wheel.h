// SPDX-License-Identifier: Apache-2.0
/*
 * Timer wheel for very many deadlines of coarse grain: arming, disarming and firing take constant time, and a deadline
 * costs 12 bytes in its record.
 *
 *   fine    256 buckets of one tick          coarse  256 buckets of 256 ticks, emptied into the fine ones when
 *           [ ][ ][x][ ] ... [x]                     their time begins
 *
 * A tick is WHEEL_TICK_MS. Deadlines are rounded up to a tick by the caller, so nothing fires early and nothing more
 * than one tick late.
 */
#ifndef MYCELIUM_ROUTER_WHEEL_H
#define MYCELIUM_ROUTER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "router/pool.h"

enum { WHEEL_TICK_MS = 100, WHEEL_BUCKETS = 256, WHEEL_DELAY_MAX = WHEEL_BUCKETS * (WHEEL_BUCKETS - 1) - 1 };

#define WHEEL_NEVER UINT32_MAX

/* Embedded in a record. `prev` is 0 when not armed. */
struct wheel_node {
	uint32_t prev, next;
	uint32_t at;
};

struct wheel {
	const struct pool *pool;
	size_t node_offset;
	uint32_t now; /* the tick reached */
	uint32_t count;
	uint64_t filled[2][WHEEL_BUCKETS / 64];
	uint32_t heads[2][WHEEL_BUCKETS];
};

struct wheel wheel_empty(const struct pool *pool, size_t node_offset);

/* Arms or re-arms. A deadline that is not in the future fires with the next tick; one further away than
 * WHEEL_DELAY_MAX ticks is brought nearer. */
void wheel_arm(struct wheel *wheel, uint32_t handle, uint32_t at);

/* Nothing happens when it is not armed. */
void wheel_disarm(struct wheel *wheel, uint32_t handle);

/* Disarms and returns the next record due up to the tick `until`, or 0. The order within a tick is fixed by the order
 * of arming. */
uint32_t wheel_pop(struct wheel *wheel, uint32_t until);

/* A tick not later than the earliest deadline and later than the present, or WHEEL_NEVER. */
uint32_t wheel_next(const struct wheel *wheel);

static inline bool wheel_armed(const struct wheel_node *node)
{
	return node->prev != 0;
}

#endif
