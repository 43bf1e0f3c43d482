// SPDX-License-Identifier: Apache-2.0
/* What a remote can grow, filled to its limit. */
#include "rig.h"
#include "router/internal.h"

static struct subnet numbered_subnet(uint32_t number)
{
	struct subnet subnet = {.len = 64};
	subnet.addr.bytes[0] = 4;
	for (int i = 0; i < 4; i++)
		subnet.addr.bytes[4 + i] = (uint8_t)(number >> (24 - 8 * i));
	return subnet;
}

static void test_peers(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	static uint32_t peers[ROUTER_PEERS_MAX];
	for (unsigned i = 0; i < ROUTER_PEERS_MAX; i++) {
		peers[i] = router_add_peer(rig->router, 10, rig->now);
		assert_int_not_equal(peers[i], ROUTER_NO_PEER);
	}
	assert_int_equal(router_add_peer(rig->router, 10, rig->now), ROUTER_NO_PEER);
	router_peers_died(rig->router, peers, ROUTER_PEERS_MAX, rig->now);
	assert_int_equal(router_sizes(rig->router).peers, 0);
	assert_int_not_equal(router_add_peer(rig->router, 10, rig->now), ROUTER_NO_PEER);
	rig_stop(rig);
}

static void test_route_requests_of_one_peer(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 20);
	for (uint32_t i = 0; i < 5000; i++) {
		struct tlv request = make_route_request(numbered_subnet(i), 0);
		router_handle_tlv(rig->router, a, &request, rig->now);
	}
	assert_int_equal(router_sizes(rig->router).queries, 1000);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 4000);
	rig_pull(rig);
	assert_int_equal(count_sent(rig, b, TLV_ROUTE_REQUEST), 1000);
	/* 200 a second come back; the other peer's own budget is whole. */
	rig_pass(rig, 1000);
	for (uint32_t i = 5000; i < 6000; i++) {
		struct tlv request = make_route_request(numbered_subnet(i), 0);
		router_handle_tlv(rig->router, a, &request, rig->now);
	}
	assert_int_equal(router_sizes(rig->router).queries, 1200);
	rig_check(rig);
	rig_pass(rig, 15000);
	assert_int_equal(router_sizes(rig->router).queries, 0);
	rig_stop(rig);
}

/* Fills `count` searches on behalf of others, from as many peers as that takes. */
static void fill_queries(struct rig *rig, uint32_t count)
{
	uint32_t peer = ROUTER_NO_PEER;
	for (uint32_t i = 0; i < count; i++) {
		if (i % REQUESTS_BURST == 0)
			peer = router_add_peer(rig->router, 10, rig->now);
		struct tlv request = make_route_request(numbered_subnet(i), 0);
		router_handle_tlv(rig->router, peer, &request, rig->now);
	}
}

static void test_queries(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	fill_queries(rig, QUERIES_MAX);
	assert_int_equal(router_sizes(rig->router).queries, QUERIES_MAX - QUERIES_RESERVED);
	rig_check(rig);
	/* Foreign packets find no room; the node itself does. */
	struct ip6 address = {{5}};
	assert_int_equal(router_need_route(rig->router, &address, NEED_FORWARD, rig->now), ROUTE_NONE);
	assert_int_equal(router_need_route(rig->router, &address, NEED_SEND, rig->now), ROUTE_SEARCHING);
	/* What waits to leave is bounded too: no peer has more than its list holds. */
	struct tlv tlv;
	unsigned requests = 0;
	uint32_t peer = router_next_ready_peer(rig->router);
	while (router_next_tlv(rig->router, peer, rig->now, &tlv))
		requests += tlv.type == TLV_ROUTE_REQUEST;
	assert_int_equal(requests, REQUESTS_PER_PEER_MAX);
	rig_stop(rig);
}

static void test_seqno_requests(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 20), c = rig_peer(rig, 20);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	for (uint16_t seqno = 4; seqno < 500; seqno++) {
		struct tlv request = make_seqno_request(&o, seqno, 64);
		router_handle_tlv(rig->router, b, &request, rig->now);
	}
	assert_int_equal(router_sizes(rig->router).seqno_requests, SEQNO_REQUESTS_PER_SOURCE_MAX);
	rig_forget(rig);
	rig_pull(rig);
	assert_int_equal(count_sent(rig, a, TLV_SEQNO_REQUEST), SEQNO_REQUESTS_PER_SOURCE_MAX);
	give_seqno_request(rig, c, &o, 600, 64); /* others are not crowded out */
	expect_seqno_request(rig, a, &o, 600, 63);
	/* Beyond the budget nothing is even looked at. */
	uint64_t unhandled = router_counters(rig->router)->seqno_unhandled;
	for (unsigned i = 0; i < 3000; i++) {
		struct origin unknown = origin_make(1000 + i, 0);
		struct tlv request = make_seqno_request(&unknown, 1, 64);
		router_handle_tlv(rig->router, b, &request, rig->now);
	}
	assert_true(router_counters(rig->router)->seqno_unhandled - unhandled <= REQUESTS_BURST - 496);
	rig_stop(rig);
}

static void test_requesters(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t peer = rig_peer(rig, 30);
		give_seqno_request(rig, peer, &o, 4, 64);
	}
	give_update(rig, a, &o, 5, 4);
	assert_int_equal(count_type(rig, TLV_UPDATE), SEQNO_REQUESTERS_MAX);
	rig_stop(rig);
}

/* New router ids for one subnet: only so many sources are kept, and without one nothing is announced. */
static void test_sources_of_one_subnet(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	unsigned announced = 0;
	for (unsigned life = 0; life < 200; life++) {
		struct origin o = origin_make(1, (uint8_t)life);
		give_update(rig, a, &o, 5, 3);
		announced += count_sent(rig, b, TLV_UPDATE);
	}
	assert_int_equal(announced, SOURCES_PER_DESTINATION_MAX);
	assert_int_equal(router_sizes(rig->router).sources, SOURCES_PER_DESTINATION_MAX);
	struct origin other = origin_make(2, 0);
	give_update(rig, a, &other, 5, 3);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), 1);
	rig_stop(rig);
}

/* Routes beyond the budget are not taken; a retraction always is. */
static void test_updates_of_one_peer(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0), late = origin_make(2, 0);
	for (unsigned i = 0; i < UPDATES_BURST; i++) {
		struct tlv update = make_update(&o, 5, 3);
		router_handle_tlv(rig->router, a, &update, rig->now);
	}
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 0);
	give_update(rig, a, &late, 5, 3);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 1);
	assert_int_equal(next_hop(rig, &late), ROUTER_NO_PEER);
	give_update(rig, b, &late, 5, 3); /* another peer has its own */
	assert_int_equal(next_hop(rig, &late), b);
	give_retraction(rig, a, &o);
	assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
	rig_pass(rig, 1000);
	give_update(rig, a, &o, 5, 4);
	assert_int_equal(next_hop(rig, &o), a);
	rig_stop(rig);
}

enum { KEPT = 4096, SHARE = KEPT / UNASKED_PEERS_SHARE };

/* Peers announce nodes `first` and following, which nobody looked for. Returns how many of them are believed. */
static size_t tell_unasked(struct rig *rig, uint32_t peer, uint64_t first, unsigned count)
{
	size_t before = router_sizes(rig->router).entries;
	for (uint64_t i = first; i < first + count; i++) {
		struct origin o = origin_make(i, 0);
		struct tlv update = make_update(&o, 5, 3);
		router_handle_tlv(rig->router, peer, &update, rig->now);
	}
	rig_discard(rig);
	return router_sizes(rig->router).entries - before;
}

static bool is_learnt(struct rig *rig, uint32_t peer, uint64_t number)
{
	struct origin o = origin_make(number, 0);
	give_update(rig, peer, &o, 5, 3);
	return next_hop(rig, &o) == peer;
}

/* A peer has its share of the table. What it tells beyond that is believed when this node looks for it. */
static void test_unasked_of_one_peer(void **state)
{
	(void)state;
	struct rig *rig = rig_start_keeping(KEPT);
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	assert_int_equal(tell_unasked(rig, a, 1, SHARE + 500), SHARE);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 500);
	struct origin wanted = origin_make(5000, 0);
	assert_false(is_learnt(rig, a, 5000));
	give_route_request(rig, b, wanted.subnet, 0);
	assert_false(is_learnt(rig, a, 5000)); /* others look for it */
	assert_int_equal(router_need_route(rig->router, &wanted.address, NEED_SEND, rig->now), ROUTE_SEARCHING);
	assert_true(is_learnt(rig, a, 5000));
	/* Changes of what is there, and another peer, are not affected. */
	struct origin known = origin_make(1, 0);
	give_update(rig, a, &known, 50, 4);
	expect_update(rig, b, &known, 70, 4);
	assert_true(is_learnt(rig, b, 6000));
	rig_stop(rig);
}

/* What comes and goes leaves feasibility distances behind, so that new names are limited in time, too. */
static void test_unasked_that_come_and_go(void **state)
{
	(void)state;
	struct rig *rig = rig_start_keeping(KEPT);
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	assert_int_equal(tell_unasked(rig, a, 1, SHARE), SHARE);
	for (uint64_t i = 1; i <= SHARE; i++) {
		struct origin o = origin_make(i, 0);
		give_retraction(rig, a, &o);
	}
	rig_pass(rig, 7000);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	assert_int_equal(router_sizes(rig->router).sources, SHARE);
	size_t saved = 7 * UNASKED_PER_SECOND;
	assert_int_equal(tell_unasked(rig, a, 10000, SHARE), saved);
	assert_int_equal(tell_unasked(rig, b, 20000, SHARE), KEPT - SHARE - saved);
	rig_stop(rig);
}

/* So are new router ids of what is known: each of them may be a new source. */
static void test_router_ids_of_one_peer(void **state)
{
	(void)state;
	struct rig *rig = rig_start_keeping(KEPT);
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 30);
	enum { SUBNETS = 200, LIVES = 20 };
	for (unsigned life = 0; life < LIVES; life++) {
		for (unsigned i = 1; i <= SUBNETS; i++) {
			struct origin o = origin_make(i, (uint8_t)life);
			give_update(rig, a, &o, 5, 3);
		}
	}
	assert_int_equal(router_sizes(rig->router).sources, SHARE);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, SUBNETS * LIVES - SHARE);
	assert_int_equal(router_sizes(rig->router).entries, SUBNETS);
	rig_pass(rig, 1000);
	struct origin restarted = origin_make(1, LIVES), present = {0};
	struct router_route route;
	give_update(rig, a, &restarted, 5, 3);
	present.subnet = restarted.subnet;
	assert_true(route_via(rig, &present, a, &route));
	assert_true(router_id_equal(&route.router_id, &restarted.rid));
	rig_stop(rig);
}

/* All peers together fill the table. Each still gets a few routes in, until that is too much, and what others look for,
 * until that is too much, and what this node looks for. */
static void test_unasked_of_all(void **state)
{
	(void)state;
	struct rig *rig = rig_start_keeping(KEPT);
	for (uint64_t i = 0; i < UNASKED_PEERS_SHARE; i++)
		assert_int_equal(tell_unasked(rig, rig_peer(rig, 20), 1 + i * SHARE, SHARE), SHARE);
	uint32_t late = rig_peer(rig, 30), other = rig_peer(rig, 30);
	assert_int_equal(tell_unasked(rig, late, 10000, SHARE), UNASKED_FEW);
	assert_int_equal(router_sizes(rig->router).subnets, KEPT + UNASKED_FEW);
	struct origin wanted = origin_make(20000, 0);
	give_route_request(rig, other, wanted.subnet, 0);
	assert_true(is_learnt(rig, late, 20000));
	for (uint64_t i = 1; router_sizes(rig->router).subnets < UNASKED_FEW_FACTOR * KEPT; i++)
		assert_true(tell_unasked(rig, rig_peer(rig, 40), 100000 * i, UNASKED_FEW) > 0);
	late = rig_peer(rig, 30);
	assert_false(is_learnt(rig, late, 30000));
	wanted = origin_make(30000, 0);
	give_route_request(rig, other, wanted.subnet, 0);
	assert_true(is_learnt(rig, late, 30000));
	rig->router->unasked_max = KEPT / ASKED_BY_OTHERS_FACTOR; /* as if others had looked for so many */
	wanted = origin_make(40000, 0);
	give_route_request(rig, other, wanted.subnet, 0);
	assert_false(is_learnt(rig, late, 40000));
	assert_int_equal(router_need_route(rig->router, &wanted.address, NEED_SEND, rig->now), ROUTE_SEARCHING);
	assert_true(is_learnt(rig, late, 40000));
	rig_stop(rig);
}

/* Further entries for what is known are bounded as well. */
static void test_unasked_entries(void **state)
{
	(void)state;
	struct rig *rig = rig_start_keeping(KEPT);
	size_t entries = 0;
	while (entries < UNASKED_ROWS_EACH * KEPT) {
		tell_unasked(rig, rig_peer(rig, 40), 1, SHARE);
		assert_true(router_sizes(rig->router).entries > entries);
		entries = router_sizes(rig->router).entries;
	}
	assert_int_equal(tell_unasked(rig, rig_peer(rig, 40), 1, SHARE), UNASKED_FEW);
	rig_stop(rig);
}

static void test_answers(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	enum { COUNT = 1500 };
	for (unsigned i = 1; i <= COUNT; i++) {
		struct origin o = origin_make(i, 0);
		give_update(rig, a, &o, 5, 3);
	}
	for (unsigned i = 1; i <= COUNT; i++) {
		struct origin o = origin_make(i, 0);
		struct tlv request = make_route_request(o.subnet, 0);
		router_handle_tlv(rig->router, b, &request, rig->now + 5000 + i * 10);
		router_handle_tlv(rig->router, b, &request, rig->now + 5000 + i * 10);
	}
	rig->now += 5000 + COUNT * 10;
	rig_forget(rig);
	rig_pull(rig);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), ANSWERS_PER_PEER_MAX);
	rig_stop(rig);
}

static void test_interests(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	for (unsigned i = 0; i < 500; i++)
		give_route_request(rig, a, o.subnet, 0); /* the same interest */
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 0);
	for (unsigned i = 0; i < INTERESTS_MAX + 100; i++) {
		uint32_t handle = destination_find(rig->router, &o.subnet);
		interest_add(rig->router, handle, 0x7f000000u + i);
	}
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, 101);
	rig_check(rig);
	rig_pass(rig, 15000);
	assert_int_equal(rig->router->interests.count, 0);
	rig_stop(rig);
}

/* A table that takes no more. Returns what to set it back to. */
static uint32_t fill(struct pool *pool)
{
	uint32_t max = pool->max;
	pool->max = pool->count;
	return max;
}

/* While `pool` is full an Update is refused, counted and leaves nothing behind; afterwards it is taken. */
static void expect_refused(struct rig *rig, struct pool *pool, uint32_t peer, const struct tlv *update)
{
	struct router_sizes before = router_sizes(rig->router);
	uint64_t dropped = router_counters(rig->router)->dropped_over_budget;
	uint32_t max = fill(pool);
	rig_give(rig, peer, update);
	struct router_sizes after = router_sizes(rig->router);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, dropped + 1);
	assert_int_equal(after.subnets, before.subnets);
	assert_int_equal(after.entries, before.entries);
	assert_int_equal(after.router_ids, before.router_ids);
	assert_int_equal(rig->event_count, 0);
	expect_silence(rig);
	pool->max = max;
	rig_give(rig, peer, update);
	assert_int_equal(router_sizes(rig->router).entries, before.entries + 1);
}

static void test_full_tables_refuse_updates(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct router *router = rig->router;
	struct pool *const pools[] = {&router->destinations, &router->entries, &router->originators};
	for (unsigned i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct origin o = origin_make(1 + i, 0);
		struct tlv update = make_update(&o, 5, 3);
		expect_refused(rig, pools[i], a, &update);
		assert_int_equal(next_hop(rig, &o), a);
	}
	/* A second entry of a subnet that has one; a longer prefix, which takes two records. */
	struct origin o = origin_make(1, 0);
	struct tlv update = make_update(&o, 5, 3);
	expect_refused(rig, &router->entries, b, &update);
	update.update.prefix.subnet = (struct subnet){.addr = o.address, .len = 128};
	expect_refused(rig, &router->tails, b, &update);
	o = origin_make(2, 0);
	update = make_update(&o, 5, 3);
	update.update.prefix.subnet = (struct subnet){.addr = o.address, .len = 128};
	expect_refused(rig, &router->destinations, b, &update);
	assert_int_equal(router->tails.count, 2);
	rig_stop(rig);
}

/* Without a note of its feasibility distance a route is used, but not announced. */
static void test_full_source_table(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	uint32_t max = fill(&rig->router->sources);
	give_update(rig, a, &o, 5, 3);
	assert_int_equal(next_hop(rig, &o), a);
	expect_silence(rig);
	rig->router->sources.max = max;
	give_route_request(rig, b, o.subnet, 0);
	expect_update(rig, b, &o, 25, 3);
	rig_stop(rig);
}

/* Without a record of it a seqno request is not passed on: nobody would know whom to answer. */
static void test_full_seqno_request_tables(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	struct pool *const pools[] = {&rig->router->seqno_requests, &rig->router->notes};
	for (unsigned i = 0; i < 2; i++) {
		uint64_t dropped = router_counters(rig->router)->dropped_over_budget;
		uint32_t max = fill(pools[i]);
		give_seqno_request(rig, b, &o, (uint16_t)(4 + i), 64);
		expect_silence(rig);
		assert_true(router_counters(rig->router)->dropped_over_budget > dropped);
		pools[i]->max = max;
	}
	give_seqno_request(rig, b, &o, 6, 64);
	expect_seqno_request(rig, a, &o, 6, 63);
	rig_stop(rig);
}

/* A peer that is not read gets no more seqno requests than its list holds. */
static void test_waiting_seqno_requests(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	enum { COUNT = REQUESTS_PER_PEER_MAX + 10 };
	for (unsigned i = 1; i <= COUNT; i++) {
		struct origin o = origin_make(i, 0);
		give_update(rig, a, &o, 5, 3);
	}
	for (unsigned i = 1; i <= COUNT; i++) {
		struct origin o = origin_make(i, 0);
		struct tlv request = make_seqno_request(&o, 4, 64);
		rig->now += 10;
		router_handle_tlv(rig->router, b, &request, rig->now);
	}
	rig_forget(rig);
	rig_pull(rig);
	assert_int_equal(count_sent(rig, a, TLV_SEQNO_REQUEST), REQUESTS_PER_PEER_MAX);
	assert_int_equal(router_counters(rig->router)->dropped_over_budget, COUNT - REQUESTS_PER_PEER_MAX);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_route_requests_of_one_peer),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_seqno_requests),
		cmocka_unit_test(test_requesters),
		cmocka_unit_test(test_sources_of_one_subnet),
		cmocka_unit_test(test_updates_of_one_peer),
		cmocka_unit_test(test_unasked_of_one_peer),
		cmocka_unit_test(test_unasked_that_come_and_go),
		cmocka_unit_test(test_unasked_entries),
		cmocka_unit_test(test_router_ids_of_one_peer),
		cmocka_unit_test(test_unasked_of_all),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_interests),
		cmocka_unit_test(test_full_tables_refuse_updates),
		cmocka_unit_test(test_full_source_table),
		cmocka_unit_test(test_full_seqno_request_tables),
		cmocka_unit_test(test_waiting_seqno_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
