// SPDX-License-Identifier: Apache-2.0
/* What happens to single nodes: sleep, another identity, a long stop; and that their network recovers. */
#include "sim_test.h"

enum { RECOVERED_WITHIN_MS = RECONNECT_MS + 5000 };

static struct world *busy_world(uint64_t seed)
{
	struct world *world = world_new(seed);
	topology_add(world, TOPOLOGY_RANDOM, 15, 3);
	topology_start(world);
	for (size_t i = 0; i < world->node_count; i++) {
		size_t other = world_random(world, 0, world->node_count - 1);
		if (other != i)
			flow_start(world->nodes[i], world->nodes[other], 200);
	}
	run_whole(world, 30000);
	return world;
}

static void stop_flows(struct world *world)
{
	for (size_t i = 0; i < world->traffic.flow_count; i++)
		flow_stop(world->traffic.flows[i]);
}

/* From a second, which nobody minds, to an hour, after which every deadline of the node is due at once. */
static void test_clock_jumps(void **state)
{
	(void)state;
	static const uint64_t spans_ms[] = {1000, 5000, 20000, 43000, 60000, 300000, 1050000, 1800000, 3600000};
	uint64_t seed = test_seed(91);
	print_message("seed %" PRIu64 "\n", seed);
	for (size_t i = 0; i < sizeof(spans_ms) / sizeof(spans_ms[0]); i++) {
		struct world *world = busy_world(seed + i);
		for (unsigned round = 0; round < 4; round++) {
			node_jump(world->nodes[world_random(world, 0, world->node_count - 1)], spans_ms[i]);
			run_whole(world, 2000);
		}
		stop_flows(world);
		run_whole(world, RECOVERED_WITHIN_MS);
		for (size_t link = 0; link < world->link_count; link++)
			assert_true(link_works(world->links[link]));
		scenario_reach_all(world, 4000);
		finish_whole(world);
	}
}

/* A clock that is ahead for good does no harm. */
static void test_clocks_that_differ(void **state)
{
	(void)state;
	struct world *world = test_world(92);
	topology_add(world, TOPOLOGY_RANDOM, 12, 3);
	for (size_t i = 0; i < world->node_count; i++)
		node_jump(world->nodes[i], i * 987654);
	topology_start(world);
	for (unsigned quarter = 0; quarter < 8; quarter++)
		run_whole(world, 900000);
	for (size_t i = 0; i < world->node_count; i++)
		assert_int_equal(world->nodes[i]->peers_found_dead, 0);
	scenario_reach_all(world, 2000);
	finish_whole(world);
}

/* Another key takes the place of a node. The new one is reached at once, the old one gets its "no route". */
static void test_another_identity(void **state)
{
	(void)state;
	uint64_t seed = test_seed(93);
	print_message("seed %" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < 4; i++) {
		struct world *world = busy_world(seed + i);
		const struct node *old = world->nodes[3];
		fault_apply(world, &(struct fault){.kind = FAULT_REPLACE, .arguments = {3}});
		const struct node *new = world->nodes[world->node_count - 1];
		assert_memory_not_equal(old->key.bytes, new->key.bytes, KEY_SIZE);
		run_whole(world, topology_diameter(world) * 4 * LINK_DELAY_MAX_MS);
		stop_flows(world);
		size_t there = packet_send(world->nodes[0], &new->address, NO_FLOW);
		size_t gone = packet_send(world->nodes[0], &old->address, NO_FLOW);
		run_whole(world, 2000);
		assert_int_equal(test_packet(world, there)->state, PACKET_DELIVERED);
		run_whole(world, QUERY_TIMEOUT_MS);
		assert_int_equal(test_packet(world, gone)->state, PACKET_REFUSED);
		scenario_reach_all(world, 2000);
		finish_whole(world);
	}
}

/* Longer than a peer may be silent: its neighbours route around it, and take it back when it goes on. */
static void test_long_pauses(void **state)
{
	(void)state;
	static const uint64_t spans_ms[] = {2000, 10000, 60000};
	uint64_t seed = test_seed(94);
	print_message("seed %" PRIu64 "\n", seed);
	for (size_t i = 0; i < sizeof(spans_ms) / sizeof(spans_ms[0]); i++) {
		struct world *world = busy_world(seed + i);
		for (unsigned round = 0; round < 4; round++) {
			node_pause(world->nodes[world_random(world, 0, world->node_count - 1)], spans_ms[i]);
			run_whole(world, world_random(world, 1, spans_ms[i]));
		}
		run_whole(world, spans_ms[i]);
		stop_flows(world);
		run_whole(world, RECOVERED_WITHIN_MS);
		scenario_reach_all(world, 4000);
		finish_whole(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_jumps),
		cmocka_unit_test(test_clocks_that_differ),
		cmocka_unit_test(test_another_identity),
		cmocka_unit_test(test_long_pauses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
