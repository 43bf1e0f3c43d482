// SPDX-License-Identifier: Apache-2.0
/* P10, P12: hours in an unchanging network, with traffic and without. */
#include "sim_test.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000 };

/* P10: routes expire every 1050 s unless they are refreshed; traffic must not notice. */
static void test_traffic_outlives_route_expiry(void **state)
{
	(void)state;
	struct world *world = test_world(41);
	add_nodes(world, 5);
	for (size_t i = 1; i < 5; i++)
		add_link(world, i - 1, i, 10, 10);
	run_whole(world, 1000);
	struct flow *there = flow_start(world->nodes[0], world->nodes[4], 500);
	struct flow *back = flow_start(world->nodes[4], world->nodes[1], 700);
	for (unsigned quarter = 0; quarter < 12; quarter++)
		run_whole(world, HOUR_MS / 4);
	flow_stop(there);
	flow_stop(back);
	run_whole(world, 1000);
	assert_in_range(there->sent, 2 * 3 * 3600, 2 * 3 * 3600 + 1);
	assert_int_equal(there->delivered, there->sent);
	assert_int_equal(back->delivered, back->sent);
	for (size_t i = 0; i < world->traffic.packet_count; i++)
		assert_true(test_packet(world, i)->done_ms - test_packet(world, i)->sent_ms == 40 ||
			    test_packet(world, i)->done_ms - test_packet(world, i)->sent_ms == 30);
	finish_whole(world);
}

struct sent {
	uint64_t of[TLV_SEQNO_REQUEST + 1];
};

static struct sent sent_by(const struct link_end *end)
{
	struct sent sent;
	for (size_t type = 0; type <= TLV_SEQNO_REQUEST; type++)
		sent.of[type] = end->sent[type];
	return sent;
}

/* What one direction of a link may carry while nothing happens; one more of each for a new peer. */
static void assert_idle(const struct link_end *end, const struct sent *before, uint64_t span_ms)
{
	uint64_t hellos = span_ms / HELLO_INTERVAL_MS + 1, updates = span_ms / UPDATE_INTERVAL_MS + 1;
	assert_in_range(end->sent[TLV_HELLO] - before->of[TLV_HELLO], hellos - 2, hellos);
	assert_in_range(end->sent[TLV_IHU] - before->of[TLV_IHU], hellos - 2, hellos);
	assert_in_range(end->sent[TLV_UPDATE] - before->of[TLV_UPDATE], updates - 2, updates);
	assert_int_equal(end->sent[TLV_ROUTE_REQUEST] - before->of[TLV_ROUTE_REQUEST], 0);
	assert_int_equal(end->sent[TLV_SEQNO_REQUEST] - before->of[TLV_SEQNO_REQUEST], 0);
}

/* P12. What is farther than a neighbour's own subnet expires from 1050 s on, so the quiet time ends before. */
static void test_idle_network_is_quiet(void **state)
{
	(void)state;
	enum { SPAN_MS = 15 * MINUTE_MS };
	struct world *world = test_world(42);
	topology_add(world, TOPOLOGY_RING, 8, 0);
	topology_start(world);
	run_whole(world, 2 * MINUTE_MS);
	struct sent before[16];
	for (size_t i = 0; i < 2 * world->link_count; i++)
		before[i] = sent_by(&world->links[i / 2]->ends[i % 2]);
	run_whole(world, SPAN_MS);
	for (size_t i = 0; i < 2 * world->link_count; i++)
		assert_idle(&world->links[i / 2]->ends[i % 2], &before[i], SPAN_MS);
	finish_whole(world);
}

static void test_idle_pair_is_quiet_for_hours(void **state)
{
	(void)state;
	struct world *world = test_world(43);
	add_nodes(world, 2);
	struct link *link = add_link(world, 0, 1, 10, 10);
	const struct sent nothing = {{0}};
	run_whole(world, 3 * HOUR_MS);
	for (unsigned side = 0; side < 2; side++)
		assert_idle(&link->ends[side], &nothing, 3 * HOUR_MS);
	finish_whole(world);
}

/* Mass expiry in an idle network leaves the neighbours' own subnets, and no more. */
static void test_idle_network_forgets(void **state)
{
	(void)state;
	struct world *world = test_world(44);
	topology_add(world, TOPOLOGY_GRID, 16, 0);
	topology_start(world);
	run_whole(world, 2 * HOUR_MS);
	for (size_t i = 0; i < world->node_count; i++) {
		struct router_sizes sizes = router_sizes(world->nodes[i]->router);
		assert_int_equal(sizes.queries, 0);
		assert_true(sizes.entries <= world->node_count * sizes.peers);
	}
	for (size_t i = 0; i < world->link_count; i++) {
		struct link_end *end = &world->links[i]->ends[0];
		assert_non_null(next_node(world, end->node->index, link_end_other(end)->node->index));
	}
	/* What was forgotten is found again. */
	scenario_reach_all(world, 2000);
	finish_whole(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic_outlives_route_expiry),
		cmocka_unit_test(test_idle_network_is_quiet),
		cmocka_unit_test(test_idle_pair_is_quiet_for_hours),
		cmocka_unit_test(test_idle_network_forgets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
