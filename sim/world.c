// SPDX-License-Identifier: Apache-2.0
#include "sim/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"

struct world *world_new(uint64_t seed)
{
	struct world *world = memory_new(1, sizeof(*world));
	world->seed = seed;
	world->rng = rng_seeded(seed);
	world->digest = 0xcbf29ce484222325u;
	world->check_every = 1;
	return world;
}

struct world *world_free(struct world *world)
{
	if (world == NULL)
		return NULL;
	for (size_t i = 0; i < world->link_count; i++)
		link_free(world->links[i]);
	for (size_t i = 0; i < world->node_count; i++)
		node_free(world->nodes[i]);
	traffic_free(&world->traffic);
	events_free(&world->events);
	free(world->links);
	free(world->nodes);
	free(world->places);
	free(world);
	return NULL;
}

void world_at(struct world *world, uint64_t at_ms, event_handler *handle, void *subject, uint64_t argument)
{
	assert(at_ms >= world->now_ms);
	events_add(&world->events, at_ms, handle, subject, argument);
}

bool world_run_until(struct world *world, uint64_t at_ms)
{
	struct event event;
	while (!world->is_broken && events_pop_due(&world->events, at_ms, &event)) {
		world->now_ms = event.at_ms;
		world->events_done++;
		event.handle(world, event.subject, event.argument);
	}
	if (!world->is_broken && at_ms > world->now_ms)
		world->now_ms = at_ms;
	return !world->is_broken;
}

bool world_run_for(struct world *world, uint64_t span_ms)
{
	return world_run_until(world, world->now_ms + span_ms);
}

void world_break(struct world *world, const struct node *node, const char *text)
{
	if (world->is_broken)
		return;
	world->is_broken = true;
	char place[32] = "";
	if (node != NULL)
		snprintf(place, sizeof(place), " at node %u", node->index);
	snprintf(world->broken, sizeof(world->broken), "seed %" PRIu64 ", event %" PRIu64 ", %" PRIu64 ".%03u s%s: %s",
		 world->seed, world->events_done, world->now_ms / 1000, (unsigned)(world->now_ms % 1000), place, text);
}

/* Where a /64 stands or would stand. The addresses are hashes already. */
static uint32_t *find_place(const struct world *world, uint64_t upper64)
{
	size_t at = upper64 & (world->places_size - 1);
	while (world->places[at] != 0 && world->nodes[world->places[at] - 1]->upper64 != upper64)
		at = (at + 1) & (world->places_size - 1);
	return &world->places[at];
}

static void grow_places(struct world *world)
{
	if (2 * (world->node_count + 1) <= world->places_size)
		return;
	world->places_size = world->places_size > 0 ? 2 * world->places_size : 64;
	free(world->places);
	world->places = memory_new(world->places_size, sizeof(*world->places));
	for (size_t i = 0; i < world->node_count; i++)
		*find_place(world, world->nodes[i]->upper64) = (uint32_t)i + 1;
}

struct node *world_add_node(struct world *world)
{
	assert(world->node_count < WORLD_NODES_MAX);
	struct node *node = node_new(world, (uint32_t)world->node_count);
	grow_places(world);
	uint32_t *place = find_place(world, node->upper64);
	/* Two keys of one seed sharing a /64 would be a different experiment. */
	assert(*place == 0);
	world->nodes = memory_grow(world->nodes, &world->nodes_capacity, world->node_count + 1, sizeof(*world->nodes));
	world->nodes[world->node_count++] = node;
	*place = (uint32_t)world->node_count;
	return node;
}

struct node *world_find_node(const struct world *world, const struct ip6 *address)
{
	uint32_t number = world->node_count > 0 ? *find_place(world, ip6_upper64(address)) : 0;
	return number > 0 ? world->nodes[number - 1] : NULL;
}

uint64_t world_random(struct world *world, uint64_t low, uint64_t high)
{
	return low + rng_below(&world->rng, high - low + 1);
}

/* FNV-1a: only equality of two runs matters. */
void world_digest(struct world *world, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < len; i++)
		world->digest = (world->digest ^ at[i]) * 0x100000001b3u;
}
