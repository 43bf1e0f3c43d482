// SPDX-License-Identifier: Apache-2.0
#include "router/wheel.h"

#include <assert.h>

/* `prev` of the first record of a bucket: this bit, the level and the bucket. */
#define BUCKET_MARK (1u << 31)
enum { FINE, COARSE, LEVEL_SHIFT = 8 };

struct wheel wheel_empty(const struct pool *pool, size_t node_offset)
{
	return (struct wheel){.pool = pool, .node_offset = node_offset};
}

static struct wheel_node *node_at(const struct wheel *wheel, uint32_t handle)
{
	return (struct wheel_node *)(void *)((uint8_t *)pool_at(wheel->pool, handle) + wheel->node_offset);
}

static void link_node(struct wheel *wheel, uint32_t handle, uint32_t level, uint32_t bucket)
{
	struct wheel_node *node = node_at(wheel, handle);
	uint32_t *head = &wheel->heads[level][bucket];
	node->prev = BUCKET_MARK | level << LEVEL_SHIFT | bucket;
	node->next = *head;
	if (*head != 0)
		node_at(wheel, *head)->prev = handle;
	*head = handle;
	wheel->filled[level][bucket / 64] |= 1ull << bucket % 64;
}

static void unlink_node(struct wheel *wheel, uint32_t handle)
{
	struct wheel_node *node = node_at(wheel, handle);
	if (node->next != 0)
		node_at(wheel, node->next)->prev = node->prev;
	if (node->prev & BUCKET_MARK) {
		uint32_t level = node->prev >> LEVEL_SHIFT & 1, bucket = node->prev % WHEEL_BUCKETS;
		wheel->heads[level][bucket] = node->next;
		if (node->next == 0)
			wheel->filled[level][bucket / 64] &= ~(1ull << bucket % 64);
	} else {
		node_at(wheel, node->prev)->next = node->next;
	}
	node->prev = node->next = 0;
}

static void place_node(struct wheel *wheel, uint32_t handle)
{
	uint32_t at = node_at(wheel, handle)->at;
	if (at - wheel->now < WHEEL_BUCKETS)
		link_node(wheel, handle, FINE, at % WHEEL_BUCKETS);
	else
		link_node(wheel, handle, COARSE, at / WHEEL_BUCKETS % WHEEL_BUCKETS);
}

void wheel_arm(struct wheel *wheel, uint32_t handle, uint32_t at)
{
	struct wheel_node *node = node_at(wheel, handle);
	wheel_disarm(wheel, handle);
	if (at <= wheel->now)
		at = wheel->now + 1;
	if (at - wheel->now > WHEEL_DELAY_MAX)
		at = wheel->now + WHEEL_DELAY_MAX;
	node->at = at;
	place_node(wheel, handle);
	wheel->count++;
}

void wheel_disarm(struct wheel *wheel, uint32_t handle)
{
	if (!wheel_armed(node_at(wheel, handle)))
		return;
	unlink_node(wheel, handle);
	wheel->count--;
}

/* Distance (1..255) from a bucket to the next filled one around the circle, or 0. */
static uint32_t distance_to_filled(const uint64_t filled[static WHEEL_BUCKETS / 64], uint32_t from)
{
	for (uint32_t distance = 1; distance < WHEEL_BUCKETS;) {
		uint32_t bucket = (from + distance) % WHEEL_BUCKETS;
		uint64_t word = filled[bucket / 64] >> bucket % 64;
		if (word != 0) {
			distance += (uint32_t)__builtin_ctzll(word);
			return distance < WHEEL_BUCKETS ? distance : 0;
		}
		distance += 64 - bucket % 64;
	}
	return 0;
}

uint32_t wheel_next(const struct wheel *wheel)
{
	uint32_t next = WHEEL_NEVER;
	uint32_t fine = distance_to_filled(wheel->filled[FINE], wheel->now % WHEEL_BUCKETS);
	if (fine > 0)
		next = wheel->now + fine;
	uint32_t round = wheel->now / WHEEL_BUCKETS;
	uint32_t coarse = distance_to_filled(wheel->filled[COARSE], round % WHEEL_BUCKETS);
	if (coarse > 0 && (round + coarse) * WHEEL_BUCKETS < next)
		next = (round + coarse) * WHEEL_BUCKETS;
	return next;
}

static void open_coarse_bucket(struct wheel *wheel)
{
	uint32_t bucket = wheel->now / WHEEL_BUCKETS % WHEEL_BUCKETS;
	for (uint32_t handle; (handle = wheel->heads[COARSE][bucket]) != 0;) {
		unlink_node(wheel, handle);
		place_node(wheel, handle);
	}
}

uint32_t wheel_pop(struct wheel *wheel, uint32_t until)
{
	for (;;) {
		uint32_t handle = wheel->heads[FINE][wheel->now % WHEEL_BUCKETS];
		if (handle != 0) {
			assert(node_at(wheel, handle)->at == wheel->now);
			wheel_disarm(wheel, handle);
			return handle;
		}
		uint32_t next = wheel_next(wheel);
		if (next > until) {
			if (until > wheel->now)
				wheel->now = until;
			return 0;
		}
		wheel->now = next;
		if (next % WHEEL_BUCKETS == 0)
			open_coarse_bucket(wheel);
	}
}
