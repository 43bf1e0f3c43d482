// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

static void feed(struct rig *rig, uint32_t peer, const struct tlv *tlv)
{
	router_handle_tlv(rig->router, peer, tlv, rig->now);
	rig_check(rig);
}

static void test_set_again_when_something_visible_changes(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 50, 1);
	assert_true(expect_event(rig, ROUTER_ROUTE_SET)->acquired);
	rig_pass(rig, 1000);
	give_update(rig, a, &o, 50, 1); /* refreshed */
	const struct router_event *event = expect_event(rig, ROUTER_ROUTE_SET);
	assert_false(event->acquired);
	assert_int_equal(event->expires_ms, rig->now + 1050000);
	give_update(rig, b, &o, 60, 1); /* a fallback */
	assert_int_equal(rig->event_count, 0);
	give_update(rig, b, &o, 0, 1); /* another next hop */
	assert_int_equal(expect_event(rig, ROUTER_ROUTE_SET)->peer, b);
	rig_stop(rig);
}

/* What the caller has not taken yet merges into one. */
static void test_merging(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o = origin_make(1, 0), other = origin_make(2, 0);
	struct tlv update = make_update(&o, 5, 1), retraction = make_retraction(&o, &other);
	/* Come and gone unseen: nothing to tell. */
	feed(rig, a, &update);
	feed(rig, a, &retraction);
	rig_forget(rig);
	rig_pull(rig);
	assert_int_equal(rig->event_count, 0);
	/* Gone and back. */
	give_update(rig, a, &o, 5, 2);
	expect_event(rig, ROUTER_ROUTE_SET);
	rig_forget(rig);
	feed(rig, a, &retraction);
	update = make_update(&o, 5, 3);
	feed(rig, a, &update);
	feed(rig, a, &update);
	rig_pull(rig);
	assert_true(expect_event(rig, ROUTER_ROUTE_SET)->acquired);
	/* Many refreshes. */
	rig_forget(rig);
	for (unsigned i = 0; i < 100; i++)
		feed(rig, a, &update);
	rig_pull(rig);
	assert_false(expect_event(rig, ROUTER_ROUTE_SET)->acquired);
	/* Gone, and the record outlives its entries until that was told. */
	rig_forget(rig);
	feed(rig, a, &retraction);
	rig->now += 7000;
	router_tick(rig->router, rig->now);
	rig_check(rig);
	rig_pull(rig);
	expect_event(rig, ROUTER_ROUTE_GONE);
	rig_stop(rig);
}

static void test_other_key_in_the_same_prefix(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o1 = origin_make(1, 1), o2 = origin_make(1, 2);
	give_update(rig, a, &o1, 5, 1);
	give_update(rig, a, &o2, 5, 1);
	const struct router_event *event = expect_event(rig, ROUTER_ROUTE_SET);
	assert_memory_equal(event->key.bytes, o2.key.bytes, KEY_SIZE);
	rig_stop(rig);
}

static void test_order_of_kinds(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	struct router_event event;
	assert_false(router_next_event(rig->router, &event));
	uint32_t peer = router_add_peer(rig->router, 15, rig->now);
	struct origin o = origin_make(1, 0), sought = origin_make(2, 0);
	struct tlv update = make_update(&o, 5, 1);
	feed(rig, peer, &update);
	router_need_route(rig->router, &sought.address, NEED_SEND, rig->now);
	assert_true(router_next_event(rig->router, &event));
	rig->now += 60000;
	router_tick(rig->router, rig->now);
	assert_true(router_next_event(rig->router, &event));
	assert_int_equal(event.type, ROUTER_PEER_DEAD);
	assert_true(router_next_event(rig->router, &event));
	assert_int_equal(event.type, ROUTER_ROUTE_GONE);
	assert_true(subnet_equal(&event.subnet, &o.subnet));
	assert_true(router_next_event(rig->router, &event));
	assert_int_equal(event.type, ROUTER_QUERY_EXPIRED);
	assert_true(subnet_equal(&event.subnet, &sought.subnet));
	assert_false(router_next_event(rig->router, &event));
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_again_when_something_visible_changes),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_other_key_in_the_same_prefix),
		cmocka_unit_test(test_order_of_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
