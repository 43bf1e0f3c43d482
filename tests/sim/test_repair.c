// SPDX-License-Identifier: Apache-2.0
/* P6 to P9: what happens when a link fails. */
#include "sim_test.h"

/* A silence under traffic: packets come each 100 ms, a look at it is at most 100 ms late. */
enum {
	BUMP_WAIT_MS = 4000,
	SLACK_MS = 200,
	SILENT_WITHIN_MS = 100 + SILENT_AFTER_MS + SILENCE_BORNE_MS + 2 * SILENCE_TURN_MS,
};

/* Two equal ways from 0 to 3: over 1 and over 2. */
static struct world *diamond(uint64_t seed, struct link **ret_upper, struct link **ret_lower)
{
	struct world *world = test_world(seed);
	add_nodes(world, 4);
	*ret_upper = add_link(world, 0, 1, 5, 10);
	*ret_lower = add_link(world, 0, 2, 5, 10);
	add_link(world, 1, 3, 5, 10);
	add_link(world, 2, 3, 5, 10);
	/* Until a second round of announcements carries the measured costs. */
	run_whole(world, 400000);
	return world;
}

static void test_feasible_fallback_is_taken_at_once(void **state)
{
	(void)state;
	struct link *upper, *lower;
	struct world *world = diamond(31, &upper, &lower);
	struct node *before = next_node(world, 0, 3);
	assert_non_null(before);
	link_cut(before->index == 1 ? upper : lower);
	struct node *after = next_node(world, 0, 3);
	assert_non_null(after);
	assert_int_equal(after->index, 3 - before->index);
	size_t number = packet_send(world->nodes[0], &world->nodes[3]->address, NO_FLOW);
	run_whole(world, 10);
	assert_int_equal(test_packet(world, number)->state, PACKET_DELIVERED);
	finish_whole(world);
}

/* Origin 0, node 1 near it, node 2 behind that and with a costly way of its own. Node 1 has told node 2 about its short
 * way; when 0-1 fails, what node 2 can offer is not feasible for node 1, and the origin must be asked for a new seqno.
 */
static void test_unfeasible_alternative_needs_a_seqno(void **state)
{
	(void)state;
	struct world *world = test_world(32);
	add_nodes(world, 3);
	struct link *near = add_link(world, 0, 1, 5, 10);
	run_whole(world, 1000);
	add_link(world, 1, 2, 5, 10);
	run_whole(world, 1000);
	packet_send(world->nodes[2], &world->nodes[0]->address, NO_FLOW);
	run_whole(world, 1000);
	add_link(world, 0, 2, 25, 40);
	run_whole(world, 10000);
	assert_ptr_equal(next_node(world, 2, 0), world->nodes[1]);
	struct flow *flow = flow_start(world->nodes[1], world->nodes[0], 20);
	/* Between two packets, so that none is on the link that fails. */
	run_whole(world, 1010);
	assert_ptr_equal(next_node(world, 1, 0), world->nodes[0]);
	uint64_t requests = world->sent[TLV_SEQNO_REQUEST];
	link_cut(near);
	assert_null(next_node(world, 1, 0));
	run_whole(world, 3 * 60 + BUMP_WAIT_MS + SLACK_MS);
	assert_ptr_equal(next_node(world, 1, 0), world->nodes[2]);
	assert_true(flow->mark_ms == FLOW_NO_MARK);
	assert_true(world->sent[TLV_SEQNO_REQUEST] > requests);
	assert_int_equal(flow->lost + flow->refused, 0);
	flow_stop(flow);
	finish_whole(world);
}

/* Round trip of the present path of a flow, or 0 when there is none. */
static uint64_t path_round_trip_ms(const struct flow *flow)
{
	uint64_t total_ms = 0;
	struct node *at = flow->source;
	while (at != flow->destination) {
		const struct fib_entry *entry = node_fib(at, flow->destination->index);
		const struct link_end *end = entry->present ? node_end(at, entry->peer) : NULL;
		if (end == NULL)
			return 0;
		total_ms += 2 * end->link->delay_ms;
		at = link_end_other(end)->node;
	}
	return total_ms;
}

/* Starts flows until one is there for each node, both ways between random pairs. */
static void start_flows(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++) {
		size_t other = world_random(world, 0, world->node_count - 1);
		if (other != i)
			flow_start(world->nodes[i], world->nodes[other], 100);
	}
}

/* The link in the middle of the path of a random flow. */
static struct link *link_on_a_path(struct world *world)
{
	const struct flow *flow = world->traffic.flows[world_random(world, 0, world->traffic.flow_count - 1)];
	const struct fib_entry *entry = node_fib(flow->source, flow->destination->index);
	const struct link_end *end = entry->present ? node_end(flow->source, entry->peer) : NULL;
	return end != NULL ? end->link : world->links[0];
}

/* Judges the flows over a failed link, `limit_ms` after it failed. Those that the graph no longer connects do not
 * count. */
static void assert_repaired(struct world *world, uint64_t limit_ms, size_t *ret_judged)
{
	for (size_t i = 0; i < world->traffic.flow_count; i++) {
		struct flow *flow = world->traffic.flows[i];
		if (flow->mark_ms != FLOW_NO_MARK) {
			if (topology_connects(world, flow->source, flow->destination))
				fail_msg("seed %" PRIu64 ", %" PRIu64 " ms: flow %zu from %u to %u is not repaired",
					 world->seed, world->now_ms, i, flow->source->index, flow->destination->index);
			flow->mark_ms = FLOW_NO_MARK;
		} else if (flow->repair_ms > 0) {
			uint64_t bound_ms = limit_ms + 3 * path_round_trip_ms(flow);
			if (flow->repair_ms > bound_ms)
				fail_msg("seed %" PRIu64 ", %" PRIu64 " ms: flow %zu was repaired after %" PRIu64
					 " ms, more than %" PRIu64,
					 world->seed, world->now_ms, i, flow->repair_ms, bound_ms);
			++*ret_judged;
		}
		flow->repair_ms = 0;
	}
}

static void fail_links(uint64_t seed, bool silently, unsigned rounds, uint64_t limit_ms)
{
	struct world *world = world_new(seed);
	topology_add(world, TOPOLOGY_RANDOM, 30, 4);
	topology_start(world);
	run_whole(world, 30000);
	start_flows(world);
	run_whole(world, 5000);
	size_t judged = 0;
	for (unsigned round = 0; round < rounds; round++) {
		struct link *link = link_on_a_path(world);
		if (silently)
			link_cut_silently(link);
		else
			link_cut(link);
		run_whole(world, limit_ms + 3000);
		assert_repaired(world, limit_ms, &judged);
		link_heal(link);
		run_whole(world, 10000);
	}
	assert_true(judged > 0);
	world_free(world);
}

static void test_noticed_cuts_are_repaired(void **state)
{
	(void)state;
	uint64_t seed = test_seed(33);
	print_message("seed %" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < 3; i++)
		fail_links(seed + i, false, 12, BUMP_WAIT_MS + SLACK_MS);
}

static void test_silent_cuts_are_repaired(void **state)
{
	(void)state;
	uint64_t seed = test_seed(34);
	print_message("seed %" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < 3; i++)
		fail_links(seed + i, true, 12, SILENT_WITHIN_MS + BUMP_WAIT_MS + SLACK_MS);
}

/* P9: one side reads and never answers. */
static void test_half_open_peer_is_removed(void **state)
{
	(void)state;
	struct link *upper, *lower;
	struct world *world = diamond(35, &upper, &lower);
	struct flow *flow = flow_start(world->nodes[0], world->nodes[1], 100);
	run_whole(world, 1000);
	link_mute(upper, 1);
	run_whole(world, SILENT_WITHIN_MS + 100);
	assert_false(link_end_is_open(&upper->ends[0]));
	assert_int_equal(world->nodes[0]->peers_found_dead, 1);
	assert_ptr_equal(next_node(world, 0, 3), world->nodes[2]);
	/* The close got through in the other direction. */
	assert_false(link_end_is_open(&upper->ends[1]));
	flow_stop(flow);
	run_whole(world, 1000);
	finish_whole(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feasible_fallback_is_taken_at_once),
		cmocka_unit_test(test_unfeasible_alternative_needs_a_seqno),
		cmocka_unit_test(test_noticed_cuts_are_repaired),
		cmocka_unit_test(test_silent_cuts_are_repaired),
		cmocka_unit_test(test_half_open_peer_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
