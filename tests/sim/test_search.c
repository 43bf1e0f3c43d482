// SPDX-License-Identifier: Apache-2.0
/* P4, P5, P11, P13: searches for a route. */
#include "sim_test.h"

enum { DELAY_MS = 5, COST = 10 };

/* What goes over the links about one subnet. */
struct traced {
	struct subnet subnet;
	uint64_t route_requests, updates;
	uint8_t highest_generation;
	unsigned on_direction[512], most_on_direction; /* route requests by link and side */
	size_t from_node;                              /* whose requests are timed */
	uint64_t last_request_ms, longest_pause_ms;
};

static void trace(void *context, const struct world *world, const struct link_end *from, const struct tlv *tlv)
{
	struct traced *traced = context;
	if (tlv->type == TLV_UPDATE && subnet_equal(&tlv->update.prefix.subnet, &traced->subnet))
		traced->updates++;
	if (tlv->type != TLV_ROUTE_REQUEST || !subnet_equal(&tlv->route_request.prefix.subnet, &traced->subnet))
		return;
	traced->route_requests++;
	unsigned on_direction = ++traced->on_direction[2 * from->link->index + from->side];
	if (on_direction > traced->most_on_direction)
		traced->most_on_direction = on_direction;
	if (tlv->route_request.generation > traced->highest_generation)
		traced->highest_generation = tlv->route_request.generation;
	if (from->node->index != traced->from_node)
		return;
	if (world->now_ms - traced->last_request_ms > traced->longest_pause_ms)
		traced->longest_pause_ms = world->now_ms - traced->last_request_ms;
	traced->last_request_ms = world->now_ms;
}

static void trace_searches(struct world *world, struct traced *traced, const struct ip6 *destination)
{
	*traced = (struct traced){.subnet = subnet64_of(destination), .last_request_ms = world->now_ms};
	world->observer = trace;
	world->observer_context = traced;
}

static size_t queries_in(const struct world *world)
{
	size_t queries = 0;
	for (size_t i = 0; i < world->node_count; i++)
		queries += router_sizes(world->nodes[i]->router).queries;
	return queries;
}

/* A line whose links came up one after the other: node 0 is known to node 1 alone, and each newcomer to all. */
static struct world *late_line(uint64_t seed, size_t nodes)
{
	struct world *world = test_world(seed);
	add_nodes(world, nodes);
	for (size_t i = 1; i < nodes; i++) {
		add_link(world, i - 1, i, DELAY_MS, COST);
		run_whole(world, 1000);
	}
	for (size_t i = 2; i < nodes; i++)
		assert_null(next_node(world, i, 0));
	return world;
}

/* Trace B: the request goes to the one who knows, the answer comes back, the waiting packet leaves. */
static void test_search_on_a_line_joined_late(void **state)
{
	(void)state;
	struct world *world = late_line(21, 4);
	struct traced traced;
	trace_searches(world, &traced, &world->nodes[0]->address);
	size_t number = packet_send(world->nodes[3], &world->nodes[0]->address, NO_FLOW);
	assert_int_equal(test_packet(world, number)->state, PACKET_WAITS);
	run_whole(world, 4 * DELAY_MS - 1);
	assert_null(next_node(world, 3, 0));
	run_whole(world, 1);
	assert_ptr_equal(next_node(world, 3, 0), world->nodes[2]);
	run_whole(world, 3 * DELAY_MS);
	assert_int_equal(test_packet(world, number)->state, PACKET_DELIVERED);
	assert_int_equal(traced.route_requests, 2);
	assert_int_equal(traced.updates, 2);
	assert_int_equal(queries_in(world), 0);
	finish_whole(world);
}

/* The destination does not know the sender either, and must search for it to open the packet. */
static void test_destination_searches_for_the_key(void **state)
{
	(void)state;
	enum { LINKS = 6 };
	struct world *world = test_world(22);
	add_nodes(world, LINKS + 1);
	/* Both halves first, the link in the middle last: neither end knows the other. */
	for (size_t i = 1; i <= LINKS; i++) {
		if (i != LINKS / 2)
			add_link(world, i - 1, i, DELAY_MS, COST);
	}
	run_whole(world, 1000);
	add_link(world, LINKS / 2 - 1, LINKS / 2, DELAY_MS, COST);
	run_whole(world, 1000);
	assert_null(next_node(world, 0, LINKS));
	assert_null(next_node(world, LINKS, 0));
	size_t number = packet_send(world->nodes[LINKS], &world->nodes[0]->address, NO_FLOW);
	run_whole(world, (uint64_t)5 * LINKS * DELAY_MS);
	assert_int_equal(test_packet(world, number)->state, PACKET_DELIVERED);
	finish_whole(world);
}

/* A request reaches nodes 16 links away; what only a node behind them knows is not found. */
static void test_radius_of_a_search(void **state)
{
	(void)state;
	struct world *world = late_line(23, 19);
	struct traced traced;
	trace_searches(world, &traced, &world->nodes[0]->address);
	size_t too_far = packet_send(world->nodes[18], &world->nodes[0]->address, NO_FLOW);
	run_whole(world, QUERY_TIMEOUT_MS + 1000);
	assert_int_equal(test_packet(world, too_far)->state, PACKET_REFUSED);
	assert_int_equal(traced.highest_generation, ROUTE_REQUEST_GENERATION_MAX);
	assert_int_equal(queries_in(world), 0);
	size_t just_there = packet_send(world->nodes[17], &world->nodes[0]->address, NO_FLOW);
	run_whole(world, 3 * 17 * DELAY_MS);
	assert_int_equal(test_packet(world, just_there)->state, PACKET_DELIVERED);
	finish_whole(world);
}

/* An address of the overlay that nobody has. */
static struct ip6 nobody(const struct world *world)
{
	struct ip6 address = world->nodes[0]->address;
	address.bytes[7] ^= 0x55;
	assert_null(world_find_node(world, &address));
	return address;
}

/* P5: one refusal for each waiting packet, 15 s after the search began, and no state left behind it. P13: the search
 * costs at most two requests for each link. */
static void test_no_route(void **state)
{
	(void)state;
	struct world *world = test_world(24);
	topology_add(world, TOPOLOGY_RANDOM, 40, 4);
	topology_start(world);
	run_whole(world, 10000);
	struct ip6 absent = nobody(world);
	struct traced traced;
	trace_searches(world, &traced, &absent);
	uint64_t began_ms = world->now_ms;
	size_t numbers[4];
	for (size_t i = 0; i < 4; i++) {
		numbers[i] = packet_send(world->nodes[5], &absent, NO_FLOW);
		run_whole(world, 2000);
	}
	assert_true(traced.route_requests > 0);
	run_whole(world, QUERY_TIMEOUT_MS);
	for (size_t i = 0; i < 4; i++) {
		const struct packet *packet = test_packet(world, numbers[i]);
		assert_int_equal(packet->state, PACKET_REFUSED);
		assert_in_range(packet->done_ms - began_ms, QUERY_TIMEOUT_MS, QUERY_TIMEOUT_MS + 100);
	}
	assert_int_equal(queries_in(world), 0);
	assert_int_equal(traced.most_on_direction, 1);
	assert_true(traced.route_requests <= 2 * world->link_count);
	assert_int_equal(traced.updates, 0);
	finish_whole(world);
}

static void test_outside_the_overlay_is_refused_at_once(void **state)
{
	(void)state;
	struct world *world = late_line(25, 3);
	struct ip6 outside = {.bytes = {0x20, 0x01, 0x0d, 0xb8}};
	uint64_t requests = world->sent[TLV_ROUTE_REQUEST];
	size_t number = packet_send(world->nodes[0], &outside, NO_FLOW);
	assert_int_equal(test_packet(world, number)->state, PACKET_REFUSED);
	run_whole(world, 1000);
	assert_int_equal(world->sent[TLV_ROUTE_REQUEST], requests);
	finish_whole(world);
}

/* P11: the route is lost soon after the search, and packets keep coming: requests keep leaving, and the route is back
 * as soon as there is a way again. */
static void test_traffic_does_not_starve_a_search(void **state)
{
	(void)state;
	struct world *world = late_line(26, 4);
	struct link *last = world->links[0];
	struct traced traced;
	trace_searches(world, &traced, &world->nodes[0]->address);
	traced.from_node = 3;
	struct flow *flow = flow_start(world->nodes[3], world->nodes[0], 10);
	run_whole(world, 5000);
	assert_true(flow->delivered > 0);
	link_cut(last);
	uint64_t before = traced.route_requests;
	traced.last_request_ms = world->now_ms;
	traced.longest_pause_ms = 0;
	run_whole(world, 60000);
	assert_true(traced.route_requests > before);
	assert_true(world->now_ms - traced.last_request_ms <= 16000);
	assert_true(traced.longest_pause_ms <= 16000);
	flow_mark(flow);
	link_heal(last);
	run_whole(world, 4000 + 3 * 6 * DELAY_MS);
	assert_true(flow->mark_ms == FLOW_NO_MARK);
	flow_stop(flow);
	finish_whole(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search_on_a_line_joined_late),
		cmocka_unit_test(test_destination_searches_for_the_key),
		cmocka_unit_test(test_radius_of_a_search),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_outside_the_overlay_is_refused_at_once),
		cmocka_unit_test(test_traffic_does_not_starve_a_search),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
