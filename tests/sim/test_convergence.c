// SPDX-License-Identifier: Apache-2.0
/* P3: an announcement reaches everybody, at the speed of the links. P14: it does not cost more than it may. */
#include "sim_test.h"

/* Names the first pair without a route. */
static void assert_all_select_all(struct world *world)
{
	for (size_t from = 0; from < world->node_count; from++) {
		for (size_t to = 0; to < world->node_count; to++) {
			if (from != to && next_node(world, from, to) == NULL)
				fail_msg("seed %" PRIu64 ": node %zu does not select node %zu", world->seed, from, to);
		}
	}
}

static void joined_at_once(uint64_t seed, enum topology topology, size_t nodes)
{
	struct world *world = world_new(seed);
	topology_add(world, topology, nodes, 4);
	size_t diameter = topology_diameter(world);
	topology_start(world);
	run_whole(world, diameter * LINK_DELAY_MAX_MS);
	assert_all_select_all(world);
	/* Later samples of the round trip and better paths do not take anything away again. */
	run_whole(world, 120000);
	assert_all_select_all(world);
	finish_whole(world);
}

static void test_all_select_all(void **state)
{
	(void)state;
	static const size_t sizes[] = {3, 7, 16, 40};
	uint64_t seed = test_seed(1);
	print_message("seed %" PRIu64 "\n", seed);
	for (int topology = 0; topology < TOPOLOGY_COUNT; topology++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			joined_at_once(seed + i, (enum topology)topology, sizes[i]);
	}
}

/* A newcomer at the end of a long line: farther than any route request may go. */
static void test_announcement_has_no_radius(void **state)
{
	(void)state;
	enum { NODES = 30, DELAY_MS = 5 };
	struct world *world = test_world(2);
	add_nodes(world, NODES + 1);
	for (size_t i = 1; i < NODES; i++)
		add_link(world, i - 1, i, DELAY_MS, 10);
	run_whole(world, 60000);
	add_link(world, NODES - 1, NODES, DELAY_MS, 10);
	run_whole(world, (NODES - 1) * DELAY_MS);
	assert_null(next_node(world, 0, NODES));
	run_whole(world, DELAY_MS);
	assert_ptr_equal(next_node(world, 0, NODES), world->nodes[1]);
	finish_whole(world);
}

/* A slow connection, which takes one TLV at a time, loses nothing. */
static void test_slow_links_converge(void **state)
{
	(void)state;
	struct world *world = test_world(3);
	topology_add(world, TOPOLOGY_RANDOM, 25, 3);
	for (size_t i = 0; i < world->link_count; i++)
		world->links[i]->credit_bytes = i % 2 == 0 ? TLV_FRAME_SIZE_MAX : 0;
	topology_start(world);
	run_whole(world, 30000);
	assert_all_select_all(world);
	finish_whole(world);
}

struct counted {
	struct subnet subnet;
	uint64_t finite_updates;
};

static void count_updates(void *context, const struct world *world, const struct link_end *from, const struct tlv *tlv)
{
	(void)world;
	(void)from;
	struct counted *counted = context;
	if (tlv->type == TLV_UPDATE && tlv->update.metric != METRIC_INFINITE &&
	    subnet_equal(&tlv->update.prefix.subnet, &counted->subnet))
		counted->finite_updates++;
}

/* One join into an idle network: 2E - N + 1 Updates in a tree, not more than three times as many elsewhere. */
static void join_costs(uint64_t seed, enum topology topology, uint64_t factor)
{
	struct world *world = world_new(seed);
	topology_add(world, topology, 40, 4);
	struct node *newcomer = world->nodes[world->node_count - 1];
	for (size_t i = 0; i + 1 < world->node_count; i++)
		node_start(world->nodes[i]);
	for (size_t i = 0; i < world->link_count; i++)
		link_up(world->links[i]);
	run_whole(world, 200000);
	struct counted counted = {.subnet = subnet64_of(&newcomer->address)};
	world->observer = count_updates;
	world->observer_context = &counted;
	topology_start(world);
	run_whole(world, 30000);
	uint64_t least = 2 * world->link_count - world->node_count + 1;
	if (counted.finite_updates < least || counted.finite_updates > factor * least)
		fail_msg("seed %" PRIu64 ": %" PRIu64 " Updates for a join, %" PRIu64 " are the least", seed,
			 counted.finite_updates, least);
	finish_whole(world);
}

static void test_a_join_is_bounded(void **state)
{
	(void)state;
	uint64_t seed = test_seed(4);
	print_message("seed %" PRIu64 "\n", seed);
	join_costs(seed, TOPOLOGY_LINE, 1);
	join_costs(seed, TOPOLOGY_STAR, 1);
	for (uint64_t i = 0; i < 5; i++)
		join_costs(seed + i, TOPOLOGY_RANDOM, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_select_all),
		cmocka_unit_test(test_announcement_has_no_radius),
		cmocka_unit_test(test_slow_links_converge),
		cmocka_unit_test(test_a_join_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
