// SPDX-License-Identifier: Apache-2.0
/*
 * The source table: for each (destination, originator) the best that was ever announced, the feasibility distance.
 *
 * Only finite announcements of other nodes' routes are noted. A retraction carries our own router id, and the own
 * subnet is never accepted from anyone, so their distances would not be looked at.
 */
#include "router/internal.h"

static uint64_t key_of(uint32_t destination, uint32_t originator)
{
	return (uint64_t)destination << 32 | originator;
}

uint64_t source_hash(const struct hash_key *key, const void *record)
{
	const struct source *source = record;
	return hash_u64(key, key_of(source->destination, source->originator));
}

static uint32_t source_find(const struct router *router, uint32_t destination, uint32_t originator)
{
	const struct index *index = &router->source_index;
	uint32_t handle = index_chain(index, hash_u64(&index->key, key_of(destination, originator)));
	while (handle != 0) {
		const struct source *source = source_at(router, handle);
		if (source->destination == destination && source->originator == originator)
			break;
		handle = index_next(index, handle);
	}
	return handle;
}

/* RFC 8966 3.5.1: strictly better than what we announced ourselves. */
static bool is_better(const struct source *source, uint16_t metric, uint16_t seqno)
{
	return seqno_newer(seqno, source->seqno) || (seqno == source->seqno && metric < source->metric);
}

bool source_feasible(const struct router *router, uint32_t destination, uint32_t originator, uint16_t metric,
		     uint16_t seqno)
{
	if (metric == METRIC_INFINITE)
		return true;
	uint32_t handle = source_find(router, destination, originator);
	return handle == 0 || is_better(source_at(router, handle), metric, seqno);
}

bool source_distance(const struct router *router, uint32_t destination, uint32_t originator, uint16_t *ret_metric,
		     uint16_t *ret_seqno)
{
	uint32_t handle = source_find(router, destination, originator);
	if (handle == 0)
		return false;
	*ret_metric = source_at(router, handle)->metric;
	*ret_seqno = source_at(router, handle)->seqno;
	return true;
}

static uint32_t source_make(struct router *router, uint32_t destination, uint32_t originator)
{
	struct destination *record = destination_at(router, destination);
	if (record->source_count >= SOURCES_PER_DESTINATION_MAX)
		return 0;
	uint32_t handle = pool_take(&router->sources);
	if (handle == 0)
		return 0;
	struct source *source = source_at(router, handle);
	source->destination = destination;
	source->originator = originator;
	index_add(&router->source_index, handle);
	destination_hold(router, destination);
	originator_retain(router, originator);
	record->source_count++;
	return handle;
}

bool source_note(struct router *router, uint32_t destination, uint32_t originator, uint16_t metric, uint16_t seqno)
{
	uint32_t handle = source_find(router, destination, originator);
	bool is_new = handle == 0;
	if (is_new)
		handle = source_make(router, destination, originator);
	if (handle == 0) {
		router->counters.dropped_over_budget++;
		return false;
	}
	struct source *source = source_at(router, handle);
	if (is_new || is_better(source, metric, seqno)) {
		source->metric = metric;
		source->seqno = seqno;
	}
	/* Each announcement renews it: the peer may keep the route for less than this. */
	wheel_arm(&router->source_wheel, handle, tick_at_or_after(router, router->now_ms + SOURCE_LIFE_MS));
	return true;
}

uint16_t source_next_seqno(const struct router *router, uint32_t destination, uint32_t originator)
{
	uint32_t handle = source_find(router, destination, originator);
	return handle != 0 ? (uint16_t)(source_at(router, handle)->seqno + 1) : 1;
}

void sources_expire(struct router *router, uint64_t at_ms)
{
	uint32_t tick = (uint32_t)((at_ms - router->start_ms) / WHEEL_TICK_MS);
	for (uint32_t handle; (handle = wheel_pop(&router->source_wheel, tick)) != 0;) {
		struct source *source = source_at(router, handle);
		uint32_t destination = source->destination;
		index_remove(&router->source_index, handle);
		originator_forget(router, source->originator);
		pool_put(&router->sources, handle);
		destination_at(router, destination)->source_count--;
		destination_unhold(router, destination);
		router->counters.source_keys_expired++;
	}
}
