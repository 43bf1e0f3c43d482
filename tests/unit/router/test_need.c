// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

static enum route_answer need(struct rig *rig, const struct ip6 *address, enum route_need why)
{
	rig_forget(rig);
	enum route_answer answer = router_need_route(rig->router, address, why, rig->now);
	rig_pull(rig);
	return answer;
}

static void test_absent_is_searched_once(void **state)
{
	(void)state;
	static const enum route_need needs[] = {NEED_SEND, NEED_FORWARD, NEED_KEY};
	for (unsigned i = 0; i < 3; i++) {
		struct rig *rig = rig_start();
		rig_peer(rig, 20);
		rig_peer(rig, 20);
		struct origin o = origin_make(1, 0);
		assert_int_equal(need(rig, &o.address, needs[i]), ROUTE_SEARCHING);
		assert_int_equal(count_type(rig, TLV_ROUTE_REQUEST), 2);
		uint64_t deadline_ms = rig->now + 15000;
		for (unsigned packet = 0; packet < 100; packet++) {
			rig_pass(rig, 149);
			assert_int_equal(need(rig, &o.address, needs[i]), ROUTE_SEARCHING);
			expect_silence(rig);
			assert_int_equal(router_query_deadline(rig->router, &o.address), deadline_ms);
		}
		rig_pass(rig, 100);
		expect_event(rig, ROUTER_QUERY_EXPIRED);
		assert_int_equal(need(rig, &o.address, needs[i]), ROUTE_SEARCHING);
		assert_int_equal(count_type(rig, TLV_ROUTE_REQUEST), 2);
		rig_stop(rig);
	}
}

/* A search on behalf of others gives this node's packets neither the radius nor the time that they need. */
static void test_search_of_others_is_put_anew(void **state)
{
	(void)state;
	static const enum route_need needs[] = {NEED_SEND, NEED_FORWARD, NEED_KEY};
	for (unsigned i = 0; i < 3; i++) {
		struct rig *rig = rig_start();
		uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 20);
		struct origin o = origin_make(1, 0);
		give_route_request(rig, a, o.subnet, 13);
		rig_pass(rig, 14990);
		assert_int_equal(need(rig, &o.address, needs[i]), ROUTE_SEARCHING);
		assert_int_equal(rig->sent_count, 2);
		assert_int_equal(first_sent(rig, a, TLV_ROUTE_REQUEST)->route_request.generation, 0);
		assert_int_equal(first_sent(rig, b, TLV_ROUTE_REQUEST)->route_request.generation, 0);
		assert_int_equal(router_query_deadline(rig->router, &o.address), rig->now + 15000);
		assert_int_equal(need(rig, &o.address, NEED_SEND), ROUTE_SEARCHING);
		expect_silence(rig);
		/* Others keep it alive; after its time the need is put again. */
		rig_pass(rig, 10000);
		give_route_request(rig, a, o.subnet, 13);
		assert_int_equal(count_sent(rig, b, TLV_ROUTE_REQUEST), 1);
		rig_pass(rig, 4999);
		assert_int_equal(need(rig, &o.address, needs[i]), ROUTE_SEARCHING);
		expect_silence(rig);
		rig_pass(rig, 1);
		assert_int_equal(need(rig, &o.address, needs[i]), ROUTE_SEARCHING);
		assert_int_equal(rig->sent_count, 2);
		rig_stop(rig);
	}
}

static void test_never_outside_or_own(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	rig_peer(rig, 20);
	struct ip6 outside = {{0x20, 1, 0xd, 0xb8}}, above = {{0x06}}, below = {{0x03, 0xff}};
	struct ip6 inside = rig->me.address;
	inside.bytes[15] ^= 1;
	const struct ip6 *addresses[] = {&outside, &above, &below, &inside};
	for (unsigned i = 0; i < 4; i++)
		for (enum route_need why = NEED_SEND; why <= NEED_KEY; why++) {
			assert_int_equal(need(rig, addresses[i], why), ROUTE_NONE);
			expect_silence(rig);
		}
	assert_int_equal(router_sizes(rig->router).queries, 0);
	rig_stop(rig);
}

static void test_selected_and_unselected(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	for (enum route_need why = NEED_SEND; why <= NEED_KEY; why++)
		assert_int_equal(need(rig, &o.address, why), ROUTE_READY);
	expect_silence(rig);
	give_retraction(rig, a, &o);
	rig_pass(rig, 4100);
	assert_int_equal(need(rig, &o.address, NEED_KEY), ROUTE_READY);
	assert_int_equal(need(rig, &o.address, NEED_FORWARD), ROUTE_NONE);
	expect_silence(rig);
	/* A local packet asks for a newer seqno and for another route at once. */
	assert_int_equal(need(rig, &o.address, NEED_SEND), ROUTE_SEARCHING);
	expect_seqno_request(rig, a, &o, 4, 64);
	assert_int_equal(count_type(rig, TLV_ROUTE_REQUEST), 2);
	assert_int_equal(router_query_deadline(rig->router, &o.address), rig->now + 15000);
	assert_int_equal(need(rig, &o.address, NEED_SEND), ROUTE_SEARCHING);
	expect_silence(rig);
	give_update(rig, b, &o, 5, 4);
	const struct router_event *event = expect_event(rig, ROUTER_ROUTE_SET);
	assert_true(event->acquired);
	assert_int_equal(router_query_deadline(rig->router, &o.address), 0);
	rig_stop(rig);
}

/* Queries are no routes: searching for something inside a known prefix, or around it, changes nothing (W3). */
static void test_queries_do_not_shadow_routes(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_route_request(rig, b, (struct subnet){.addr = o.address, .len = 128}, 0);
	struct subnet everything = {.addr = {{4}}, .len = 7};
	give_route_request(rig, b, everything, 0);
	expect_silence(rig);
	assert_int_equal(next_hop(rig, &o), a);
	assert_int_equal(need(rig, &o.address, NEED_FORWARD), ROUTE_READY);
	struct origin unknown = origin_make(2, 0);
	assert_int_equal(need(rig, &unknown.address, NEED_FORWARD), ROUTE_SEARCHING);
	assert_int_equal(count_type(rig, TLV_ROUTE_REQUEST), 2);
	rig_stop(rig);
}

static void test_refresh(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 6, 3);
	unsigned requests = 0;
	for (unsigned packet = 0; packet < 100; packet++) {
		rig_forget(rig);
		router_refresh_route(rig->router, &o.address, rig->now);
		rig_pull(rig);
		requests += count_type(rig, TLV_ROUTE_REQUEST);
		assert_int_equal(count_sent(rig, c, TLV_ROUTE_REQUEST), 0);
		for (unsigned i = 0; i < rig->sent_count; i++)
			assert_int_equal(rig->sent[i].tlv.route_request.generation, 15);
		rig_pass(rig, 100);
	}
	assert_int_equal(requests, 4); /* to two neighbours, at 0 and at 5 s of 10 s */
	assert_int_equal(router_sizes(rig->router).queries, 0);
	rig_stop(rig);
}

/* Searches caused by foreign packets are limited. */
static void test_search_budget(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	unsigned searching = 0;
	for (unsigned i = 0; i < 3000; i++) {
		struct ip6 address = {{4, 1, (uint8_t)(i >> 8), (uint8_t)i}};
		searching += router_need_route(rig->router, &address, NEED_FORWARD, rig->now) == ROUTE_SEARCHING;
	}
	assert_int_equal(searching, 1000);
	struct ip6 local = {{4, 2}};
	assert_int_equal(need(rig, &local, NEED_SEND), ROUTE_SEARCHING);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 2000);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent_is_searched_once),
		cmocka_unit_test(test_search_of_others_is_put_anew),
		cmocka_unit_test(test_never_outside_or_own),
		cmocka_unit_test(test_selected_and_unselected),
		cmocka_unit_test(test_queries_do_not_shadow_routes),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_search_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
