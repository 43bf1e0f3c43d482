// SPDX-License-Identifier: Apache-2.0
/* The simulator itself: order of events, what links do to bytes, and that broken things are noticed. */
#include <string.h>

#include "sim_test.h"

struct notes {
	uint64_t arguments[8];
	size_t count;
};

static void note(struct world *world, void *subject, uint64_t argument)
{
	(void)world;
	struct notes *notes = subject;
	notes->arguments[notes->count++] = argument;
}

static void test_events_in_order_of_time_then_creation(void **state)
{
	(void)state;
	static const uint64_t expected[] = {3, 1, 4, 5, 2};
	struct world *world = world_new(1);
	struct notes notes = {0};
	world_at(world, 20, note, &notes, 1);
	world_at(world, 30, note, &notes, 2);
	world_at(world, 10, note, &notes, 3);
	world_at(world, 20, note, &notes, 4);
	world_at(world, 20, note, &notes, 5);
	world_run_until(world, 29);
	assert_int_equal(notes.count, 4);
	assert_int_equal(world->now_ms, 29);
	world_run_until(world, 30);
	assert_int_equal(notes.count, 5);
	assert_memory_equal(notes.arguments, expected, sizeof(expected));
	world_free(world);
}

/* Two nodes that know each other. */
static struct world *pair(struct link **ret_link)
{
	struct world *world = world_new(test_seed(1));
	add_nodes(world, 2);
	*ret_link = add_link(world, 0, 1, 10, 10);
	run_whole(world, 10);
	return world;
}

static void test_packets_take_the_delay_of_the_link(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	size_t number = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	run_whole(world, 9);
	assert_int_equal(test_packet(world, number)->state, PACKET_TRAVELS);
	run_whole(world, 1);
	assert_int_equal(test_packet(world, number)->state, PACKET_DELIVERED);
	finish_whole(world);
}

static void test_a_shorter_delay_does_not_overtake(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	link->delay_ms = 50;
	size_t first = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	link->delay_ms = 1;
	size_t second = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	run_whole(world, 100);
	assert_int_equal(test_packet(world, second)->done_ms, test_packet(world, first)->done_ms);
	finish_whole(world);
}

static void test_a_cut_loses_what_is_in_flight(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	size_t number = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	link_cut(link);
	assert_int_equal(test_packet(world, number)->state, PACKET_LOST);
	assert_false(link_is_open(link));
	assert_null(next_node(world, 0, 1));
	link_heal(link);
	assert_true(link_works(link));
	run_whole(world, 10);
	assert_ptr_equal(next_node(world, 0, 1), world->nodes[1]);
	finish_whole(world);
}

static void test_a_short_silence_holds_bytes(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	link_cut_silently(link);
	size_t number = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	run_whole(world, 1000);
	assert_int_equal(test_packet(world, number)->state, PACKET_TRAVELS);
	assert_true(link_is_open(link));
	link_heal(link);
	run_whole(world, 10);
	assert_int_equal(test_packet(world, number)->state, PACKET_DELIVERED);
	finish_whole(world);
}

static void test_a_long_silence_ends_the_connection(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	link_cut_silently(link);
	run_whole(world, 22000);
	assert_false(link_end_is_open(&link->ends[0]));
	assert_false(link_end_is_open(&link->ends[1]));
	link_heal(link);
	assert_true(link_works(link));
	finish_whole(world);
}

/* What a peer closed for its own reasons is opened again, what was cut is not. */
static void test_a_given_up_connection_is_made_anew(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	node_jump(world->nodes[0], 3600000);
	run_whole(world, 500);
	assert_false(link_is_open(link));
	run_whole(world, RECONNECT_MS);
	assert_true(link_works(link));
	link_cut(link);
	run_whole(world, 100000);
	assert_false(link_is_open(link));
	finish_whole(world);
}

static void test_a_paused_node_reads_later(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	node_pause(world->nodes[1], 700);
	size_t first = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	run_whole(world, 699);
	size_t second = packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	assert_int_equal(test_packet(world, first)->state, PACKET_TRAVELS);
	run_whole(world, 1);
	assert_int_equal(test_packet(world, first)->state, PACKET_DELIVERED);
	assert_int_equal(test_packet(world, second)->state, PACKET_TRAVELS);
	run_whole(world, 9);
	assert_int_equal(test_packet(world, second)->state, PACKET_DELIVERED);
	finish_whole(world);
}

/* 1000 bytes a second: frames of 48 bytes follow one another at 48 ms, and of many only what fits into the backlog. */
static void test_a_link_with_a_rate(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	link->rate = 1000;
	size_t first = world->traffic.packet_count;
	for (size_t i = 0; i < 10; i++)
		packet_send(world->nodes[0], &world->nodes[1]->address, NO_FLOW);
	run_whole(world, 57);
	assert_int_equal(world->traffic.count[PACKET_DELIVERED], 0);
	run_whole(world, 1);
	assert_int_equal(world->traffic.count[PACKET_DELIVERED], 1);
	run_whole(world, 48);
	assert_int_equal(world->traffic.count[PACKET_DELIVERED], 2);
	assert_int_equal(test_packet(world, first + 9)->state, PACKET_LOST);
	run_whole(world, 1000);
	assert_int_equal(world->traffic.count[PACKET_DELIVERED], 3);
	finish_whole(world);
}

static void test_a_restart_has_a_new_router_id(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	struct router_id before = world->nodes[1]->id;
	node_stop(world->nodes[1]);
	assert_false(link_end_is_open(&link->ends[0]));
	node_start(world->nodes[1]);
	assert_false(router_id_equal(&before, &world->nodes[1]->id));
	assert_memory_equal(before.bytes, world->nodes[1]->id.bytes, KEY_SIZE);
	finish_whole(world);
}

/* Three nodes in a ring whose tables are bent into a loop. */
static void test_a_loop_is_found(void **state)
{
	(void)state;
	struct world *world = world_new(1);
	add_nodes(world, 4);
	add_link(world, 0, 1, 5, 10);
	add_link(world, 1, 2, 5, 10);
	add_link(world, 2, 0, 5, 10);
	add_link(world, 0, 3, 5, 10);
	run_whole(world, 1000);
	for (size_t i = 0; i < 3; i++)
		assert_false(invariants_has_loop(world->nodes[i], 3));
	for (size_t i = 0; i < 3; i++)
		*node_fib(world->nodes[i], 3) = *node_fib(world->nodes[i], (uint32_t)((i + 1) % 3));
	for (size_t i = 0; i < 3; i++)
		assert_true(invariants_has_loop(world->nodes[i], 3));
	invariants_check_all(world);
	assert_true(world->is_broken);
	world_free(world);
}

static struct tlv request_tlv(const struct world *world)
{
	struct tlv tlv = {.type = TLV_SEQNO_REQUEST};
	tlv.seqno_request.seqno = 1;
	tlv.seqno_request.hop_count = 64;
	tlv.seqno_request.router_id = world->nodes[1]->id;
	tlv.seqno_request.prefix.encoding = AE_IPV6;
	tlv.seqno_request.prefix.subnet = subnet64_of(&world->nodes[1]->address);
	return tlv;
}

static void test_the_watch_knows_the_rates(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	struct link_end *end = &link->ends[0];
	struct tlv tlv = request_tlv(world);
	assert_null(watch_tlv(end, &tlv));
	world->now_ms += 3999;
	assert_non_null(watch_tlv(end, &tlv));
	world->now_ms += 1;
	assert_null(watch_tlv(end, &tlv));
	tlv.seqno_request.seqno = 2;
	assert_null(watch_tlv(end, &tlv));
	world_free(world);
}

static void test_the_watch_knows_the_limits(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	struct link_end *end = &link->ends[0];
	struct tlv tlv = request_tlv(world);
	tlv.seqno_request.hop_count = 0;
	assert_non_null(watch_tlv(end, &tlv));
	struct tlv_prefix prefix = tlv.seqno_request.prefix;
	tlv = (struct tlv){.type = TLV_ROUTE_REQUEST, .route_request = {.generation = 15, .prefix = prefix}};
	assert_null(watch_tlv(end, &tlv));
	tlv.route_request.generation = 16;
	assert_non_null(watch_tlv(end, &tlv));
	tlv = (struct tlv){.type = TLV_UPDATE,
			   .update = {.interval_cs = UPDATE_INTERVAL_CS, .metric = 5, .prefix = prefix}};
	tlv.update.router_id = world->nodes[1]->id;
	assert_null(watch_tlv(end, &tlv));
	tlv.update.metric = 0;
	assert_non_null(watch_tlv(end, &tlv));
	tlv.update.metric = 5;
	tlv.update.router_id = world->nodes[0]->id;
	assert_non_null(watch_tlv(end, &tlv));
	world_free(world);
}

static void test_the_watch_knows_bumps(void **state)
{
	(void)state;
	struct link *link;
	struct world *world = pair(&link);
	struct link_end *end = &link->ends[0];
	struct node *node = world->nodes[0];
	struct tlv tlv = {.type = TLV_UPDATE, .update = {.interval_cs = UPDATE_INTERVAL_CS, .router_id = node->id}};
	tlv.update.prefix.encoding = AE_IPV6;
	tlv.update.prefix.subnet = subnet64_of(&node->address);
	tlv.update.seqno = node->own_seqno;
	world->now_ms += 10000;
	assert_null(watch_tlv(end, &tlv));
	tlv.update.seqno++;
	assert_null(watch_tlv(end, &tlv));
	world->now_ms += 3999;
	tlv.update.seqno++;
	assert_non_null(watch_tlv(end, &tlv));
	world->now_ms += 1;
	assert_null(watch_tlv(end, &tlv));
	world->now_ms += 10000;
	tlv.update.seqno = (uint16_t)(tlv.update.seqno + 2);
	assert_non_null(watch_tlv(end, &tlv));
	world_free(world);
}

static void test_the_first_break_stays(void **state)
{
	(void)state;
	struct world *world = world_new(42);
	struct notes notes = {0};
	world_break(world, NULL, "first");
	world_break(world, NULL, "second");
	assert_non_null(strstr(world->broken, "seed 42"));
	assert_non_null(strstr(world->broken, "first"));
	world_at(world, 10, note, &notes, 1);
	assert_false(world_run_until(world, 20));
	assert_int_equal(notes.count, 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_in_order_of_time_then_creation),
		cmocka_unit_test(test_packets_take_the_delay_of_the_link),
		cmocka_unit_test(test_a_shorter_delay_does_not_overtake),
		cmocka_unit_test(test_a_cut_loses_what_is_in_flight),
		cmocka_unit_test(test_a_short_silence_holds_bytes),
		cmocka_unit_test(test_a_long_silence_ends_the_connection),
		cmocka_unit_test(test_a_given_up_connection_is_made_anew),
		cmocka_unit_test(test_a_paused_node_reads_later),
		cmocka_unit_test(test_a_link_with_a_rate),
		cmocka_unit_test(test_a_restart_has_a_new_router_id),
		cmocka_unit_test(test_a_loop_is_found),
		cmocka_unit_test(test_the_watch_knows_the_rates),
		cmocka_unit_test(test_the_watch_knows_the_limits),
		cmocka_unit_test(test_the_watch_knows_bumps),
		cmocka_unit_test(test_the_first_break_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
