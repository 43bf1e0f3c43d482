// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

static void test_death_with_feasible_fallback(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 7, 3);
	rig_die(rig, a);
	assert_int_equal(next_hop(rig, &o), b);
	expect_update(rig, c, &o, 37, 3);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), 0);
	assert_int_equal(count_type(rig, TLV_SEQNO_REQUEST), 0);
	const struct router_event *event = expect_event(rig, ROUTER_ROUTE_SET);
	assert_int_equal(event->peer, b);
	assert_false(event->acquired);
	/* The dead neighbour's entry stays for 6 s, without a neighbour. */
	assert_true(route_via(rig, &o, ROUTER_NO_PEER, NULL));
	rig_pass(rig, 6100);
	assert_false(route_via(rig, &o, ROUTER_NO_PEER, NULL));
	assert_int_equal(rig->sent_count, 0);
	rig_stop(rig);
}

static void test_death_with_unfeasible_fallback(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 7, 3);
	give_update(rig, b, &o, 80, 3); /* a fallback beyond the distance 25 */
	rig_die(rig, a);
	assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
	expect_retraction(rig, b, &o);
	expect_retraction(rig, c, &o);
	expect_seqno_request(rig, b, &o, 4, 64);
	expect_event(rig, ROUTER_ROUTE_GONE);
	assert_int_equal(router_counters(rig->router)->route_selections, 1);
	rig_stop(rig);
}

static void test_death_without_fallback_and_notified_twice(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0), other = origin_make(2, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, c, &other, 5, 3);
	rig_die(rig, a);
	expect_retraction(rig, c, &o);
	assert_int_equal(count_type(rig, TLV_SEQNO_REQUEST), 0);
	assert_int_equal(next_hop(rig, &other), c);
	rig_die(rig, a);
	expect_silence(rig);
	assert_int_equal(router_counters(rig->router)->peers_removed, 1);
	assert_int_equal(router_counters(rig->router)->peers_died, 1);
	/* What it says now is not heard. */
	give_update(rig, a, &o, 5, 4);
	expect_silence(rig);
	assert_int_equal(router_counters(rig->router)->tlv_source_died, 1);
	rig_pass(rig, 6100);
	assert_int_equal(router_sizes(rig->router).subnets, 1);
	rig_stop(rig);
}

static void test_two_deaths_at_once_on_one_subnet(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40), d = rig_peer(rig, 1);
	struct origin o1 = origin_make(1, 0), o2 = origin_make(2, 0);
	give_update(rig, a, &o1, 5, 3);
	give_update(rig, b, &o1, 7, 3);
	give_update(rig, b, &o2, 5, 3);
	give_update(rig, a, &o2, 30, 3);
	give_update(rig, c, &o2, 31, 3);
	rig_forget(rig);
	const uint32_t dead[] = {a, b, a};
	router_peers_died(rig->router, dead, 3, rig->now);
	rig_pull(rig);
	assert_int_equal(next_hop(rig, &o1), ROUTER_NO_PEER);
	assert_int_equal(next_hop(rig, &o2), c);
	assert_int_equal(count_sent(rig, d, TLV_UPDATE), 2);
	assert_int_equal(rig->event_count, 2);
	assert_int_equal(router_sizes(rig->router).peers, 2);
	/* Fallbacks of the dead are gone at once and were never chosen; what was selected is held. */
	assert_int_equal(router_counters(rig->router)->route_selections, 2);
	assert_int_equal(router_sizes(rig->router).entries, 3);
	rig_stop(rig);
}

/* A peer that comes, tells and goes leaves no more behind than one that did so once. */
static void test_many_deaths_leave_one_entry(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	struct origin o = origin_make(1, 0);
	for (unsigned i = 0; i < 50; i++) {
		uint32_t peer = rig_peer(rig, 20);
		give_update(rig, peer, &o, 5, (uint16_t)(3 + i));
		assert_int_equal(next_hop(rig, &o), peer);
		assert_true(router_sizes(rig->router).entries <= 2);
		rig_die(rig, peer);
		assert_int_equal(router_sizes(rig->router).entries, 1);
	}
	rig_pass(rig, 6100);
	assert_int_equal(router_sizes(rig->router).entries, 0);
	rig_stop(rig);
}

static void test_expiry_with_fallback(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	struct tlv brief = make_update(&o, 5, 3);
	brief.update.interval_cs = 1000; /* 35 s */
	rig_give(rig, a, &brief);
	give_update(rig, b, &o, 7, 3);
	rig_pass(rig, 34999);
	assert_int_equal(next_hop(rig, &o), a);
	assert_int_equal(count_type(rig, TLV_UPDATE), 0);
	rig_pass(rig, 101);
	assert_int_equal(next_hop(rig, &o), b);
	expect_update(rig, c, &o, 37, 3);
	expect_event(rig, ROUTER_ROUTE_SET);
	assert_int_equal(router_counters(rig->router)->routes_retracted, 1);
	rig_pass(rig, 6100);
	assert_false(route_via(rig, &o, a, NULL));
	assert_int_equal(router_counters(rig->router)->routes_removed, 1);
	rig_stop(rig);
}

/* A route that expires is lost like one that was retracted: its source is asked at once. */
static void test_expiry_without_fallback(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	struct tlv brief = make_update(&o, 5, 3);
	brief.update.interval_cs = 1000;
	rig_give(rig, a, &brief);
	rig_pass(rig, 35100);
	assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
	expect_retraction(rig, a, &o);
	expect_retraction(rig, c, &o);
	expect_seqno_request(rig, a, &o, 4, 64);
	expect_event(rig, ROUTER_ROUTE_GONE);
	rig_pass(rig, 5800);
	assert_int_equal(router_sizes(rig->router).subnets, 1);
	rig_pass(rig, 300);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	assert_int_equal(count_type(rig, TLV_UPDATE), 0);
	rig_stop(rig);
}

static void test_expiry_of_a_fallback_is_silent(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	struct tlv brief = make_update(&o, 7, 3);
	brief.update.interval_cs = 1000;
	rig_give(rig, b, &brief);
	rig_pass(rig, 35100);
	assert_int_equal(count_type(rig, TLV_UPDATE) + count_type(rig, TLV_SEQNO_REQUEST), 0);
	assert_false(route_via(rig, &o, b, NULL));
	assert_int_equal(next_hop(rig, &o), a);
	rig_stop(rig);
}

static void test_refresh_just_before_expiry(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o = origin_make(1, 0);
	struct tlv brief = make_update(&o, 5, 3);
	brief.update.interval_cs = 1000;
	rig_give(rig, a, &brief);
	rig_pass(rig, 34999);
	rig_give(rig, a, &brief);
	rig_pass(rig, 34999);
	assert_int_equal(next_hop(rig, &o), a);
	assert_int_equal(rig->event_count, 0);
	rig_pass(rig, 101);
	assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_death_with_feasible_fallback),
		cmocka_unit_test(test_death_with_unfeasible_fallback),
		cmocka_unit_test(test_death_without_fallback_and_notified_twice),
		cmocka_unit_test(test_two_deaths_at_once_on_one_subnet),
		cmocka_unit_test(test_many_deaths_leave_one_entry),
		cmocka_unit_test(test_expiry_with_fallback),
		cmocka_unit_test(test_expiry_without_fallback),
		cmocka_unit_test(test_expiry_of_a_fallback_is_silent),
		cmocka_unit_test(test_refresh_just_before_expiry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
