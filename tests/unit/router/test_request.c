// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

static void expect_route_request(const struct rig *rig, uint32_t peer, const struct subnet *subnet, uint8_t generation)
{
	assert_int_equal(count_sent(rig, peer, TLV_ROUTE_REQUEST), 1);
	const struct tlv_route_request *request = &first_sent(rig, peer, TLV_ROUTE_REQUEST)->route_request;
	assert_int_equal(request->generation, generation);
	assert_int_equal(request->prefix.encoding, AE_IPV6);
	assert_int_equal(request->prefix.subnet.len, subnet->len);
	assert_memory_equal(&request->prefix.subnet.addr, &subnet->addr, 16);
}

static void test_own_subnet(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 20);
	const uint8_t lengths[] = {64, 65, 100, 128};
	for (unsigned i = 0; i < 4; i++)
		for (unsigned generation = 0; generation < 256; generation += 15) {
			struct subnet asked = {.addr = rig->me.address, .len = lengths[i]};
			give_route_request(rig, a, subnet_canonical(asked), (uint8_t)generation);
			expect_update(rig, a, &rig->me, 0, 0);
			assert_int_equal(rig->sent_count, 1);
		}
	rig_stop(rig);
}

static void test_known_subnet(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_route_request(rig, b, o.subnet, 15);
	expect_update(rig, b, &o, 25, 3);
	give_route_request(rig, b, (struct subnet){.addr = o.address, .len = 128}, 0);
	expect_update(rig, b, &o, 25, 3); /* the covering /64 */
	give_route_request(rig, a, o.subnet, 0);
	expect_silence(rig); /* the next hop itself */
	assert_int_equal(router_sizes(rig->router).queries, 0);
	rig_stop(rig);
}

/* What was lost a moment ago does not end the searches of others here. */
static void test_lost_subnet_is_searched(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_retraction(rig, a, &o);
	give_route_request(rig, b, o.subnet, 3);
	assert_int_equal(rig->sent_count, 2);
	expect_route_request(rig, a, &o.subnet, 4);
	expect_route_request(rig, c, &o.subnet, 4);
	give_update(rig, c, &o, 5, 4);
	expect_update(rig, b, &o, 45, 4);
	rig_stop(rig);
}

/* A request passes while a search runs if that has run for a while: else it would find nothing, and leave nothing behind
 * for what comes up later. */
static void test_late_request_is_passed_on(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 0);
	give_route_request(rig, a, o.subnet, 0);
	rig_pass(rig, 4999);
	give_route_request(rig, b, o.subnet, 7);
	expect_silence(rig);
	rig_pass(rig, 1);
	give_route_request(rig, b, o.subnet, 7);
	assert_int_equal(rig->sent_count, 2);
	expect_route_request(rig, a, &o.subnet, 8);
	expect_route_request(rig, c, &o.subnet, 8);
	assert_int_equal(router_query_deadline(rig->router, &o.address), rig->now + 15000);
	rig_pass(rig, 14999);
	assert_int_equal(rig->event_count, 0);
	uint32_t d = router_add_peer(rig->router, 5, rig->now);
	rig_pull(rig);
	expect_route_request(rig, d, &o.subnet, 0);
	rig_pass(rig, 1);
	expect_event(rig, ROUTER_QUERY_EXPIRED);
	rig_stop(rig);
}

static void test_unknown_subnet_is_searched(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 0);
	give_route_request(rig, a, o.subnet, 3);
	expect_route_request(rig, b, &o.subnet, 4);
	expect_route_request(rig, c, &o.subnet, 4);
	assert_int_equal(rig->sent_count, 2);
	assert_int_equal(router_query_deadline(rig->router, &o.address), rig->now + 15000);
	give_route_request(rig, c, o.subnet, 0); /* asked already */
	expect_silence(rig);
	/* A new peer is asked at once, generation 0. */
	uint32_t d = router_add_peer(rig->router, 5, rig->now);
	rig_pull(rig);
	expect_route_request(rig, d, &o.subnet, 0);
	give_update(rig, b, &o, 5, 3);
	expect_update(rig, a, &o, 35, 3);
	expect_update(rig, c, &o, 35, 3);
	assert_int_equal(router_query_deadline(rig->router, &o.address), 0);
	rig_stop(rig);
}

static void test_generations(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	for (unsigned generation = 0; generation < 256; generation++) {
		struct origin o = origin_make(1 + generation, 0);
		give_route_request(rig, a, o.subnet, (uint8_t)generation);
		if (generation < 15) {
			expect_route_request(rig, b, &o.subnet, (uint8_t)(generation + 1));
			continue;
		}
		expect_silence(rig);
		assert_int_equal(router_query_deadline(rig->router, &o.address), 0);
	}
	assert_int_equal(router_sizes(rig->router).queries, 15);
	rig_stop(rig);
}

static void test_query_expires(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_route_request(rig, a, o.subnet, 0);
	rig_pass(rig, 14999);
	assert_int_equal(rig->event_count, 0);
	rig_pass(rig, 1);
	const struct router_event *event = expect_event(rig, ROUTER_QUERY_EXPIRED);
	assert_true(subnet_equal(&event->subnet, &o.subnet));
	assert_int_equal(router_sizes(rig->router).queries, 0);
	/* Nothing negative is remembered. */
	give_route_request(rig, a, o.subnet, 0);
	expect_route_request(rig, b, &o.subnet, 1);
	rig_stop(rig);
}

static void test_wildcard(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	for (unsigned i = 1; i <= 20; i++) {
		struct origin o = origin_make(i, 0);
		give_update(rig, i % 4 == 0 ? b : a, &o, 5, 3);
	}
	struct tlv wildcard = {.type = TLV_ROUTE_REQUEST, .route_request = {.prefix = {.encoding = AE_WILDCARD}}};
	rig_give(rig, b, &wildcard);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), 15 + 1);
	/* Within the minute: the own subnet only. */
	rig_pass(rig, 1000);
	rig_give(rig, b, &wildcard);
	expect_update(rig, b, &rig->me, 0, 0);
	rig_pass(rig, 60000);
	rig_give(rig, b, &wildcard);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), 16);
	assert_int_equal(router_counters(rig->router)->wildcard_route_requests, 3);
	rig_stop(rig);
}

/* The next hop asks, and gets nothing. When the route then moves elsewhere without a word to all, it is told. */
static void test_next_hop_that_asked_is_told_later(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 7, 3);
	give_route_request(rig, a, o.subnet, 0);
	expect_silence(rig);
	give_retraction(rig, a, &o);
	assert_int_equal(next_hop(rig, &o), b);
	expect_update(rig, a, &o, 37, 3);
	assert_int_equal(count_sent(rig, c, TLV_UPDATE), 0);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_subnet),
		cmocka_unit_test(test_known_subnet),
		cmocka_unit_test(test_lost_subnet_is_searched),
		cmocka_unit_test(test_late_request_is_passed_on),
		cmocka_unit_test(test_unknown_subnet_is_searched),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_query_expires),
		cmocka_unit_test(test_wildcard),
		cmocka_unit_test(test_next_hop_that_asked_is_told_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
