// SPDX-License-Identifier: Apache-2.0
/* What the scenario tests share: the seed, and the check that nothing broke. */
#ifndef MYCELIUM_TESTS_SIM_TEST_H
#define MYCELIUM_TESTS_SIM_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <inttypes.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/flow.h"
#include "sim/invariants.h"
#include "sim/link.h"
#include "sim/node.h"
#include "sim/plan.h"
#include "sim/scenario.h"
#include "sim/topology.h"
#include "sim/world.h"

/* The seed of a test: MYCELIUM_SIM_SEED when it is set, else `usual`. */
static inline uint64_t test_seed(uint64_t usual)
{
	const char *text = getenv("MYCELIUM_SIM_SEED");
	return text != NULL ? strtoull(text, NULL, 10) : usual;
}

/* A world for one test; says which seed repeats it. */
static inline struct world *test_world(uint64_t usual_seed)
{
	uint64_t seed = test_seed(usual_seed);
	print_message("seed %" PRIu64 "\n", seed);
	return world_new(seed);
}

/* Fails with the world's own words when an invariant broke. */
static inline void assert_whole(const struct world *world)
{
	if (world->is_broken)
		fail_msg("%s", world->broken);
}

/* Runs for a span; fails when something breaks on the way. */
static inline void run_whole(struct world *world, uint64_t span_ms)
{
	world_run_for(world, span_ms);
	assert_whole(world);
}

/* The end of a test: all graphs are searched once more, all packets counted. */
static inline void finish_whole(struct world *world)
{
	assert_whole(world);
	invariants_check_all(world);
	assert_whole(world);
	assert_true(traffic_adds_up(world));
	world_free(world);
}

/* `count` nodes that are on, without links. */
static inline void add_nodes(struct world *world, size_t count)
{
	for (size_t i = 0; i < count; i++)
		node_start(world_add_node(world));
}

/* An open link between two nodes. */
static inline struct link *add_link(struct world *world, size_t a, size_t b, uint32_t delay_ms, uint16_t cost)
{
	struct link *link = link_new(world, world->nodes[a], world->nodes[b], delay_ms, cost);
	link_up(link);
	return link;
}

/* The node a packet would be handed to, or NULL. */
static inline struct node *next_node(struct world *world, size_t from, size_t to)
{
	return invariants_next_node(world->nodes[from], (uint32_t)to);
}

static inline const struct packet *test_packet(const struct world *world, size_t number)
{
	return &world->traffic.packets[number];
}

#endif
