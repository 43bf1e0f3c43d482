// SPDX-License-Identifier: Apache-2.0
/* P21, P23: a node that starts anew, and a network that falls apart and comes together again. */
#include "sim_test.h"

enum { REACH_WITHIN_MS = 16000, STALE_MAX_MS = 1056000 };

struct stale_search {
	const struct router_id *id;
	size_t found;
};

static void count_stale(void *context, const struct router_route *route)
{
	struct stale_search *search = context;
	search->found += router_id_equal(&route->router_id, search->id);
}

static size_t routes_of(const struct world *world, const struct router_id *id)
{
	struct stale_search search = {.id = id};
	for (size_t i = 0; i < world->node_count; i++)
		router_for_each_route(world->nodes[i]->router, count_stale, &search);
	return search.found;
}

/* P21. */
static void restart_node(uint64_t seed)
{
	struct world *world = world_new(seed);
	topology_add(world, TOPOLOGY_RANDOM, 20, 3);
	topology_start(world);
	run_whole(world, 30000);
	struct node *node = world->nodes[world_random(world, 1, 19)];
	struct flow *to = flow_start(world->nodes[0], node, 100);
	struct flow *from = flow_start(node, world->nodes[0], 100);
	run_whole(world, 2000);
	struct router_id stale = node->id;
	node_stop(node);
	run_whole(world, 3000);
	node_start(node);
	flow_mark(to);
	flow_mark(from);
	topology_start(world);
	/* Announcement or search, not longer than five times through the network. */
	run_whole(world, 5 * topology_diameter(world) * LINK_DELAY_MAX_MS);
	assert_true(to->mark_ms == FLOW_NO_MARK);
	assert_true(from->mark_ms == FLOW_NO_MARK);
	flow_stop(to);
	flow_stop(from);
	run_whole(world, STALE_MAX_MS);
	assert_int_equal(routes_of(world, &stale), 0);
	finish_whole(world);
}

static void test_restart(void **state)
{
	(void)state;
	uint64_t seed = test_seed(51);
	print_message("seed %" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < 4; i++)
		restart_node(seed + i);
}

/* Two rings, joined by one link that fails for a while. */
static void partition(uint64_t seed, uint64_t span_ms, bool silently)
{
	struct world *world = world_new(seed);
	topology_add(world, TOPOLOGY_RING, 6, 0);
	topology_add(world, TOPOLOGY_RING, 6, 0);
	struct link *bridge = link_new(world, world->nodes[2], world->nodes[8], 20, 10);
	topology_start(world);
	run_whole(world, 60000);
	if (silently)
		link_cut_silently(bridge);
	else
		link_cut(bridge);
	run_whole(world, span_ms);
	link_heal(bridge);
	run_whole(world, 100);
	for (size_t i = 0; i < 6; i++) {
		for (size_t k = 6; k < 12; k++) {
			flow_start(world->nodes[i], world->nodes[k], 500);
			flow_start(world->nodes[k], world->nodes[i], 500);
		}
	}
	run_whole(world, REACH_WITHIN_MS);
	for (size_t i = 0; i < world->traffic.flow_count; i++) {
		const struct flow *flow = world->traffic.flows[i];
		if (flow->delivered == 0)
			fail_msg("seed %" PRIu64 ", apart for %" PRIu64 " ms: node %u does not reach node %u", seed,
				 span_ms, flow->source->index, flow->destination->index);
	}
	finish_whole(world);
}

static void test_partition_and_heal(void **state)
{
	(void)state;
	static const uint64_t spans_ms[] = {10000, 60000, 2000000};
	uint64_t seed = test_seed(52);
	print_message("seed %" PRIu64 "\n", seed);
	for (size_t i = 0; i < sizeof(spans_ms) / sizeof(spans_ms[0]); i++) {
		partition(seed, spans_ms[i], false);
		partition(seed + 1, spans_ms[i], true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_partition_and_heal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
