// SPDX-License-Identifier: Apache-2.0
/* P8, P9: a peer that is gone without a word is noticed soon, one that is merely slow is borne. */
#include "sim_test.h"

enum {
	TURN_MS = SILENCE_TURN_MS,
	/* The first probe, then its time; each may be a turn late. A round trip comes on top. */
	SILENT_WITHIN_MS = SILENT_AFTER_MS + SILENCE_BORNE_MS + 2 * TURN_MS,
	/* Nothing to send means nothing unanswered, until the next Hello. */
	IDLE_WITHIN_MS = HELLO_INTERVAL_MS + SILENT_WITHIN_MS,
};

static struct world *pair(uint64_t seed, uint32_t delay_ms, struct link **ret_link)
{
	struct world *world = test_world(seed);
	add_nodes(world, 2);
	*ret_link = add_link(world, 0, 1, delay_ms, 10);
	run_whole(world, 10000);
	return world;
}

static void assert_both_notice(struct world *world, struct link *link, uint64_t within_ms)
{
	link_cut_silently(link);
	run_whole(world, SILENCE_DEAD_MIN_MS - SILENT_AFTER_MS - TURN_MS);
	assert_true(link_is_open(link));
	run_whole(world, within_ms - (SILENCE_DEAD_MIN_MS - SILENT_AFTER_MS - TURN_MS));
	for (unsigned side = 0; side < 2; side++)
		assert_false(link_end_is_open(&link->ends[side]));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(world->nodes[i]->peers_found_dead, 1);
}

static void test_traffic_both_ways(void **state)
{
	(void)state;
	for (uint32_t delay_ms = 1; delay_ms <= 100; delay_ms += 33) {
		struct link *link;
		struct world *world = pair(71, delay_ms, &link);
		flow_start(world->nodes[0], world->nodes[1], 50);
		flow_start(world->nodes[1], world->nodes[0], 50);
		run_whole(world, 5000);
		assert_both_notice(world, link, SILENT_WITHIN_MS + 50 + 3 * delay_ms);
		finish_whole(world);
	}
}

/* The end that only receives hears nothing more, asks, and gets no answer. */
static void test_traffic_one_way(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(72, 10, &link);
	flow_start(world->nodes[0], world->nodes[1], 50);
	run_whole(world, 5000);
	assert_both_notice(world, link, QUIET_AFTER_MS + TURN_MS + SILENT_WITHIN_MS);
	finish_whole(world);
}

static void test_idle(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(73, 10, &link);
	for (unsigned i = 0; i < 20; i++) {
		run_whole(world, 1000 + world_random(world, 0, HELLO_INTERVAL_MS));
		uint64_t before[2] = {world->nodes[0]->peers_found_dead, world->nodes[1]->peers_found_dead};
		link_cut_silently(link);
		run_whole(world, IDLE_WITHIN_MS + 2 * 10);
		for (unsigned side = 0; side < 2; side++) {
			assert_false(link_end_is_open(&link->ends[side]));
			assert_int_equal(world->nodes[side]->peers_found_dead, before[side] + 1);
		}
		link_heal(link);
		assert_true(link_works(link));
	}
	finish_whole(world);
}

/* ---- no false alarm ----------------------------------------------------------------------------------------------- */

static void assert_nobody_found_dead(const struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++)
		assert_int_equal(world->nodes[i]->peers_found_dead, 0);
	for (size_t i = 0; i < world->link_count; i++)
		assert_int_equal(world->links[i]->epoch, 1);
}

static void start_flows(struct world *world, uint32_t interval_ms)
{
	for (size_t i = 0; i < world->node_count; i++) {
		size_t other = world_random(world, 0, world->node_count - 1);
		if (other != i)
			flow_start(world->nodes[i], world->nodes[other], interval_ms);
	}
}

/* A busy network in which one node after the other does nothing for a second. */
static void pauses(uint64_t seed, uint32_t delay_ms, bool with_traffic)
{
	struct world *world = world_new(seed);
	topology_add(world, TOPOLOGY_RANDOM, 12, 3);
	for (size_t i = 0; delay_ms > 0 && i < world->link_count; i++)
		world->links[i]->delay_ms = delay_ms;
	topology_start(world);
	run_whole(world, 5000);
	if (with_traffic)
		start_flows(world, 30);
	for (unsigned i = 0; i < 60; i++) {
		node_pause(world->nodes[world_random(world, 0, world->node_count - 1)], 1000);
		run_whole(world, world_random(world, 1500, 2500));
	}
	assert_nobody_found_dead(world);
	world_free(world);
}

static void test_a_node_that_pauses_for_a_second(void **state)
{
	(void)state;
	uint64_t seed = test_seed(74);
	print_message("seed %" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < 4; i++) {
		pauses(seed + i, 0, true);
		pauses(seed + i, 0, false);
	}
}

static void test_pauses_on_long_links(void **state)
{
	(void)state;
	pauses(test_seed(75), 300, true);
	pauses(test_seed(75), 300, false);
}

/* From the first moment on, and when the delay grows all at once. */
static void test_long_links(void **state)
{
	(void)state;
	struct world *world = test_world(76);
	topology_add(world, TOPOLOGY_RING, 8, 0);
	for (size_t i = 0; i < world->link_count; i++)
		world->links[i]->delay_ms = i % 2 == 0 ? 300 : 10;
	start_flows(world, 40);
	topology_start(world);
	run_whole(world, 60000);
	for (size_t i = 0; i < world->link_count; i++)
		world->links[i]->delay_ms = 300;
	run_whole(world, 60000);
	assert_nobody_found_dead(world);
	world_free(world);
}

/* More traffic than the links carry, and a table that needs many turns on each of them. */
static void test_saturated_links(void **state)
{
	(void)state;
	struct world *world = test_world(77);
	topology_add(world, TOPOLOGY_RANDOM, 20, 3);
	for (size_t i = 0; i < world->link_count; i++) {
		world->links[i]->rate = 2000;
		world->links[i]->credit_bytes = i % 2 == 0 ? TLV_FRAME_SIZE_MAX : 400;
	}
	topology_start(world);
	run_whole(world, 30000);
	start_flows(world, 5);
	run_whole(world, 120000);
	assert_true(world->traffic.count[PACKET_LOST] > world->traffic.count[PACKET_DELIVERED]);
	assert_nobody_found_dead(world);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic_both_ways),
		cmocka_unit_test(test_traffic_one_way),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_a_node_that_pauses_for_a_second),
		cmocka_unit_test(test_pauses_on_long_links),
		cmocka_unit_test(test_long_links),
		cmocka_unit_test(test_saturated_links),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
