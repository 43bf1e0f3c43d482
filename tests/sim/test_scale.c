// SPDX-License-Identifier: Apache-2.0
/* P1 to P3 with as many nodes as a network of some size has. The walk over all tables of a router is made after one in
 * CHECK_EVERY of its inputs, and after the last. */
#include "sim_test.h"

enum { CHECK_EVERY = 512, JOIN_PAUSE_MS = 10 };

/* Nodes join one after the other, each with links to those that are there. */
static void join_all(struct world *world)
{
	world->check_every = CHECK_EVERY;
	for (size_t i = 0; i < world->node_count; i++) {
		fault_bring_up(world, i);
		run_whole(world, JOIN_PAUSE_MS);
	}
}

/* Links that come up when a node joins those with lower numbers. */
static size_t links_to_lower(const struct node *node)
{
	size_t count = 0;
	for (size_t i = 0; i < node->link_count; i++) {
		const struct link_end *ends = node->links[i]->ends;
		count += ends[0].node->index < node->index || ends[1].node->index < node->index;
	}
	return count;
}

/* Updates that all joins cost at least: one per link and direction, but none towards the next hop, if what has joined is
 * always connected. */
static size_t least_updates(const struct world *world)
{
	size_t links = 0, updates = 0;
	for (size_t i = 1; i < world->node_count; i++) {
		links += links_to_lower(world->nodes[i]);
		updates += 2 * links - i;
	}
	return updates;
}

/* A join tells the newcomer about nobody but its neighbours: what a node does not know it finds by a search. Whoever
 * joined later, though, was announced to all. */
static void converge(uint64_t seed, enum topology topology, size_t nodes, double degree)
{
	struct world *world = world_new(seed);
	topology_add(world, topology, nodes, degree);
	join_all(world);
	uint64_t updates = world->sent[TLV_UPDATE];
	run_whole(world, 20000);
	size_t missing = 0;
	for (size_t from = 0; from < nodes; from++) {
		for (size_t to = from + 1; to < nodes; to++)
			missing += next_node(world, from, to) == NULL;
	}
	assert_int_equal(missing, 0);
	scenario_reach_all(world, 16000);
	print_message("%zu nodes, degree %.0f: %" PRIu64 " events, %" PRIu64 " Updates, %.2f times the least\n", nodes,
		      degree, world->events_done, updates, (double)updates / (double)least_updates(world));
	finish_whole(world);
}

static void test_growing_networks(void **state)
{
	(void)state;
	static const size_t sizes[] = {10, 30, 100, 300};
	uint64_t seed = test_seed(61);
	print_message("seed %" PRIu64 "\n", seed);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		converge(seed, TOPOLOGY_RANDOM, sizes[i], 4);
		converge(seed, TOPOLOGY_BRIDGE, sizes[i], 4);
		converge(seed, TOPOLOGY_RANDOM, sizes[i], 8);
	}
}

static void test_a_thousand_nodes(void **state)
{
	(void)state;
	uint64_t seed = test_seed(62);
	print_message("seed %" PRIu64 "\n", seed);
	converge(seed, TOPOLOGY_RANDOM, SIM_NODES_MAX, 4);
	converge(seed, TOPOLOGY_RANDOM, SIM_NODES_MAX, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growing_networks),
		cmocka_unit_test(test_a_thousand_nodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
