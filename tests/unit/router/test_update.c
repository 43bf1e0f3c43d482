// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

static void test_acquired_and_flooded(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	expect_update(rig, b, &o, 25, 3);
	expect_update(rig, c, &o, 25, 3);
	assert_int_equal(count_sent(rig, a, TLV_UPDATE), 0);
	const struct router_event *event = expect_event(rig, ROUTER_ROUTE_SET);
	assert_true(event->acquired);
	assert_int_equal(event->peer, a);
	assert_memory_equal(event->key.bytes, o.key.bytes, KEY_SIZE);
	assert_int_equal(event->expires_ms, rig->now + 1050000);
	assert_int_equal(next_hop(rig, &o), a);
	struct router_route route;
	assert_true(route_via(rig, &o, a, &route));
	assert_int_equal(route.metric, 5);
	rig_stop(rig);
}

static void test_filters(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o = origin_make(1, 0), other = origin_make(2, 0);
	struct tlv outside = make_update(&o, 0, 0), wide = outside, foreign = outside, ipv4 = outside;
	outside.update.prefix.subnet.addr.bytes[0] = 0x20;
	wide.update.prefix.subnet.len = 63;
	foreign.update.router_id = other.rid;
	ipv4.update.prefix = (struct tlv_prefix){.encoding = AE_IPV4, .subnet = {.addr = {{10}}, .len = 8}};
	const struct tlv *refused[] = {&outside, &wide, &foreign, &ipv4};
	for (unsigned i = 0; i < 4; i++) {
		rig_give(rig, a, refused[i]);
		expect_silence(rig);
		assert_int_equal(router_counters(rig->router)->updates_denied, i + 1);
	}
	/* A retraction passes whatever its router id: it reaches the table, which does not know the subnet. */
	foreign.update.metric = METRIC_INFINITE;
	rig_give(rig, a, &foreign);
	assert_int_equal(router_counters(rig->router)->updates_denied, 4);
	assert_int_equal(router_counters(rig->router)->updates_not_interested, 1);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	assert_int_equal(router_sizes(rig->router).router_ids, 0);
	rig_stop(rig);
}

static void test_own_subnet_is_ignored(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 20);
	give_update(rig, a, &rig->me, 0, 9);
	expect_silence(rig);
	struct origin inside = rig->me;
	inside.subnet = (struct subnet){.addr = rig->me.address, .len = 128};
	give_update(rig, a, &inside, 0, 9);
	expect_silence(rig);
	give_retraction(rig, a, &rig->me);
	expect_silence(rig);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	rig_stop(rig);
}

static void test_retraction(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_retraction(rig, b, &o); /* not in the table */
	expect_silence(rig);
	give_retraction(rig, a, &o);
	expect_retraction(rig, a, &o);
	expect_retraction(rig, b, &o);
	expect_event(rig, ROUTER_ROUTE_GONE);
	expect_seqno_request(rig, a, &o, 4, 64); /* FD (25, 3) */
	assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
	struct router_route route;
	assert_true(route_via(rig, &o, a, &route));
	assert_int_equal(route.metric, METRIC_INFINITE);
	assert_int_equal(route.expires_ms, rig->now + 6000);
	/* It keeps its own router id and so its key. */
	assert_true(router_id_equal(&route.router_id, &o.rid));
	struct public_key key;
	assert_true(router_public_key(rig->router, &o.address, NULL, &key));
	assert_memory_equal(key.bytes, o.key.bytes, KEY_SIZE);
	/* Again: ignored, the hold is not extended. */
	uint64_t held_until = route.expires_ms;
	rig_pass(rig, 3000);
	give_retraction(rig, a, &o);
	expect_silence(rig);
	assert_true(route_via(rig, &o, a, &route));
	assert_int_equal(route.expires_ms, held_until);
	rig_pass(rig, 2999);
	assert_true(route_via(rig, &o, a, NULL));
	rig_pass(rig, 101);
	assert_false(route_via(rig, &o, a, NULL));
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	rig_stop(rig);
}

/* Step 7a. */
static void test_unfeasible_on_selected_same_source(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	struct router_route before = {0}, after = {0};
	assert_true(route_via(rig, &o, a, &before));
	rig_pass(rig, 1000);
	give_update(rig, a, &o, 25, 3);
	expect_seqno_request(rig, a, &o, 4, 64);
	assert_int_equal(rig->sent_count, 1);
	assert_int_equal(rig->event_count, 0);
	assert_true(route_via(rig, &o, a, &after));
	assert_int_equal(after.metric, before.metric);
	assert_int_equal(after.seqno, before.seqno);
	assert_int_equal(after.expires_ms, before.expires_ms);
	assert_true(after.selected);
	/* The same again within 4 s costs no second request. */
	give_update(rig, a, &o, 25, 3);
	expect_silence(rig);
	assert_int_equal(router_counters(rig->router)->updates_skipped_selection, 2);
	(void)b;
	rig_stop(rig);
}

/* Step 7f. */
static void test_unfeasible_on_selected_other_source(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 30);
	struct origin o1 = origin_make(1, 1), o2 = origin_make(1, 2);
	/* Feasibility distances for both lives: o2 announced at 22, o1 at 25. */
	give_update(rig, a, &o2, 2, 0);
	give_update(rig, a, &o1, 5, 3);
	give_update(rig, b, &o1, 7, 3);
	assert_int_equal(next_hop(rig, &o1), a);
	struct router_route before, after;
	assert_true(route_via(rig, &o1, a, &before));
	rig_pass(rig, 1000);
	give_update(rig, a, &o2, 90, 0);
	assert_int_equal(next_hop(rig, &o1), b);
	assert_true(route_via(rig, &o1, a, &after));
	assert_int_equal(after.metric, 90);
	assert_true(router_id_equal(&after.router_id, &o2.rid));
	assert_int_equal(after.expires_ms, before.expires_ms);
	assert_false(after.selected);
	/* Same router id as before and a change of 2: nothing to announce. */
	assert_int_equal(count_type(rig, TLV_UPDATE), 0);
	expect_event(rig, ROUTER_ROUTE_SET);
	/* Now the same with nothing left to choose: lost, and the lost source is asked. */
	give_update(rig, b, &o2, 95, 0);
	assert_int_equal(next_hop(rig, &o1), ROUTER_NO_PEER);
	expect_retraction(rig, c, &o1);
	expect_seqno_request(rig, a, &o1, 4, 64);
	expect_seqno_request(rig, b, &o1, 4, 64);
	rig_stop(rig);
}

/* Steps 7d, 7e. */
static void test_unfeasible_on_fallback(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 7, 3);
	struct router_route before, after;
	assert_true(route_via(rig, &o, b, &before));
	rig_pass(rig, 1000);
	give_update(rig, b, &o, 80, 3);
	expect_silence(rig);
	assert_true(route_via(rig, &o, b, &after));
	assert_int_equal(after.metric, 80);
	assert_int_equal(after.expires_ms, before.expires_ms);
	assert_int_equal(next_hop(rig, &o), a);
	rig_stop(rig);
}

/* Steps 5 and 8. */
static void test_unfeasible_from_unknown_neighbour(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 1);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 25, 3); /* selected: no request, no entry */
	expect_silence(rig);
	assert_false(route_via(rig, &o, b, NULL));
	give_retraction(rig, a, &o);
	rig_pass(rig, 1000);
	give_update(rig, b, &o, 25, 3); /* EXISTS, nothing selected */
	expect_seqno_request(rig, b, &o, 4, 64);
	assert_int_equal(rig->sent_count, 1);
	rig_pass(rig, 6000);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	give_update(rig, c, &o, 25, 3); /* absent, but its distance is remembered */
	expect_seqno_request(rig, c, &o, 4, 64);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	rig_stop(rig);
}

static void test_announcement_thresholds(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 1), restarted = origin_make(1, 2);
	give_update(rig, a, &o, 100, 1);
	give_update(rig, a, &o, 90, 1);
	assert_int_equal(rig->sent_count, 0); /* 10 */
	give_update(rig, a, &o, 89, 1);
	expect_update(rig, b, &o, 109, 1); /* 11 against what was announced */
	give_update(rig, a, &o, 89, 2);
	assert_int_equal(rig->sent_count, 0); /* seqno alone */
	give_update(rig, a, &restarted, 89, 0);
	expect_update(rig, b, &restarted, 109, 0);
	rig_stop(rig);
}

/* Small steps add up against what was announced. */
static void test_drift_is_announced(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 100, 1);
	unsigned updates = 0;
	for (uint16_t step = 1; step <= 10; step++) {
		give_update(rig, a, &o, (uint16_t)(100 + 10 * step), (uint16_t)(1 + step));
		updates += count_sent(rig, b, TLV_UPDATE);
	}
	assert_int_equal(updates, 5);
	rig_stop(rig);
}

/* The way turns round to a neighbour that knows the restarted node, while it still has our word of the life before. */
static void test_next_hop_of_another_source_is_told(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 50), b = rig_peer(rig, 10), c = rig_peer(rig, 10);
	struct origin o = origin_make(1, 1), restarted = origin_make(1, 2);
	give_update(rig, a, &o, 5, 1);
	expect_update(rig, b, &o, 55, 1);
	give_update(rig, b, &restarted, 0, 0);
	expect_update(rig, c, &restarted, 10, 0);
	expect_update(rig, a, &restarted, 10, 0);
	expect_retraction(rig, b, &o);
	/* Within one life feasibility does that. */
	give_update(rig, b, &restarted, 30, 1);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), 0);
	expect_update(rig, c, &restarted, 40, 1);
	rig_stop(rig);
}

static void test_lifetimes(void **state)
{
	(void)state;
	static const struct {
		uint16_t interval_cs;
		uint32_t lifetime_ms;
	} cases[] = {{30000, 1050000}, {6000, 210000}, {100, 10000},    {47, 10000},
		     {1, 10000},       {0, 10000},     {65535, 2293725}};
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o = origin_make(1, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tlv update = make_update(&o, 5, (uint16_t)i);
		update.update.interval_cs = cases[i].interval_cs;
		rig_give(rig, a, &update);
		uint64_t expires_ms = expect_event(rig, ROUTER_ROUTE_SET)->expires_ms;
		assert_in_range(expires_ms, rig->now + cases[i].lifetime_ms, rig->now + cases[i].lifetime_ms + 100);
	}
	rig_stop(rig);
}

/* Host bits are no part of a prefix (W37), and longer prefixes live beside the /64. */
static void test_host_bits_and_longer_prefixes(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0), longer = o;
	for (uint8_t len = 64; len <= 128; len++) {
		longer.subnet = (struct subnet){.addr = o.address, .len = len};
		give_update(rig, len % 2 == 0 ? a : b, &longer, 5, 0);
		struct subnet seen = expect_event(rig, ROUTER_ROUTE_SET)->subnet,
			      canonical = subnet_canonical(longer.subnet);
		assert_int_equal(seen.len, len);
		assert_memory_equal(&seen.addr, &canonical.addr, 16);
		const struct tlv *sent = first_sent(rig, len % 2 == 0 ? b : a, TLV_UPDATE);
		assert_memory_equal(&sent->update.prefix.subnet.addr, &canonical.addr, 16);
	}
	assert_int_equal(router_sizes(rig->router).subnets, 65);
	assert_int_equal(router_next_hop(rig->router, &o.address), a); /* /128 */
	struct ip6 sibling = o.address;
	sibling.bytes[15] ^= 1;
	assert_int_equal(router_next_hop(rig->router, &sibling), b); /* /127 */
	sibling.bytes[8] ^= 0x80;
	assert_int_equal(router_next_hop(rig->router, &sibling), a); /* /64 */
	longer.subnet = (struct subnet){.addr = o.address, .len = 128};
	give_retraction(rig, a, &longer);
	expect_retraction(rig, b, &longer); /* not the covering prefix */
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acquired_and_flooded),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_own_subnet_is_ignored),
		cmocka_unit_test(test_retraction),
		cmocka_unit_test(test_unfeasible_on_selected_same_source),
		cmocka_unit_test(test_unfeasible_on_selected_other_source),
		cmocka_unit_test(test_unfeasible_on_fallback),
		cmocka_unit_test(test_unfeasible_from_unknown_neighbour),
		cmocka_unit_test(test_announcement_thresholds),
		cmocka_unit_test(test_drift_is_announced),
		cmocka_unit_test(test_next_hop_of_another_source_is_told),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_host_bits_and_longer_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
