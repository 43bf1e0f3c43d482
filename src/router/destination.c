// SPDX-License-Identifier: Apache-2.0
/*
 * Destinations: the prefixes the router knows something about.
 *
 * The index knows only the upper 64 bits, so a /64 and the longer prefixes inside it share a chain. A longer prefix has
 * to contain the address of its originator's key, hence each key adds at most 64 of them to a chain, and the longest
 * match is one short walk.
 */
#include <assert.h>

#include "router/internal.h"

uint64_t destination_hash(const struct hash_key *key, const void *record)
{
	const struct destination *destination = record;
	return hash_u64(key, destination->upper);
}

static uint32_t chain_of(const struct router *router, uint64_t upper)
{
	return index_chain(&router->destination_index, hash_u64(&router->destination_index.key, upper));
}

static uint64_t lower64(const struct ip6 *address)
{
	uint64_t value = 0;
	for (int i = 8; i < 16; i++)
		value = value << 8 | address->bytes[i];
	return value;
}

static bool is_subnet(const struct router *router, const struct destination *destination, uint64_t upper,
		      uint64_t lower, uint8_t len)
{
	if (destination->upper != upper)
		return false;
	if (destination->tail == 0)
		return len == 64;
	const struct prefix_tail *tail = pool_at(&router->tails, destination->tail);
	return tail->len == len && tail->lower == lower;
}

uint32_t destination_find(const struct router *router, const struct subnet *subnet)
{
	uint64_t upper = ip6_upper64(&subnet->addr), lower = lower64(&subnet->addr);
	uint32_t handle = chain_of(router, upper);
	while (handle != 0 && !is_subnet(router, destination_at(router, handle), upper, lower, subnet->len))
		handle = index_next(&router->destination_index, handle);
	return handle;
}

uint32_t destination_find_or_make(struct router *router, const struct subnet *subnet)
{
	assert(subnet->len >= 64);
	uint32_t handle = destination_find(router, subnet);
	if (handle != 0)
		return handle;
	uint32_t tail = 0;
	if (subnet->len > 64) {
		tail = pool_take(&router->tails);
		if (tail == 0)
			return 0;
		struct prefix_tail *record = pool_at(&router->tails, tail);
		record->len = subnet->len;
		record->lower = lower64(&subnet->addr);
	}
	handle = pool_take(&router->destinations);
	if (handle == 0) {
		if (tail != 0)
			pool_put(&router->tails, tail);
		return 0;
	}
	struct destination *destination = destination_at(router, handle);
	destination->upper = ip6_upper64(&subnet->addr);
	destination->tail = tail;
	destination->announced_metric = METRIC_INFINITE;
	index_add(&router->destination_index, handle);
	return handle;
}

/* Length of a prefix when it has entries and contains the address, else 0. */
static unsigned match_length(const struct router *router, const struct destination *destination, uint64_t upper,
			     uint64_t lower)
{
	if (destination->upper != upper || destination->first == 0)
		return 0;
	if (destination->tail == 0)
		return 64;
	const struct prefix_tail *tail = pool_at(&router->tails, destination->tail);
	return ((tail->lower ^ lower) >> (128 - tail->len)) == 0 ? tail->len : 0;
}

uint32_t destination_match(const struct router *router, const struct ip6 *address)
{
	uint64_t upper = ip6_upper64(address), lower = lower64(address);
	uint32_t best = 0;
	unsigned best_length = 0;
	for (uint32_t handle = chain_of(router, upper); handle != 0;
	     handle = index_next(&router->destination_index, handle)) {
		unsigned length = match_length(router, destination_at(router, handle), upper, lower);
		if (length <= best_length)
			continue;
		best = handle;
		best_length = length;
		if (router->tails.count == 0)
			break;
	}
	return best;
}

struct subnet destination_subnet(const struct router *router, uint32_t handle)
{
	const struct destination *destination = destination_at(router, handle);
	struct subnet subnet = {.addr = ip6_from_upper64(destination->upper), .len = 64};
	if (destination->tail != 0) {
		const struct prefix_tail *tail = pool_at(&router->tails, destination->tail);
		subnet.len = tail->len;
		for (unsigned i = 0; i < 8; i++)
			subnet.addr.bytes[8 + i] = (uint8_t)(tail->lower >> (56 - 8 * i));
	}
	return subnet;
}

void destination_hold(struct router *router, uint32_t handle)
{
	destination_at(router, handle)->holds++;
}

void destination_unhold(struct router *router, uint32_t handle)
{
	struct destination *destination = destination_at(router, handle);
	assert(destination->holds > 0);
	destination->holds--;
	destination_release_if_unused(router, handle);
}

void destination_release_if_unused(struct router *router, uint32_t handle)
{
	struct destination *destination = destination_at(router, handle);
	if (destination->first != 0 || destination->holds > 0)
		return;
	index_remove(&router->destination_index, handle);
	if (destination->tail != 0)
		pool_put(&router->tails, destination->tail);
	pool_put(&router->destinations, handle);
}
