// SPDX-License-Identifier: Apache-2.0
/* Packets that stop or mislead other implementations (W1 to W4, W37), as bytes; and random ones. */
#include <stdlib.h>

#include "rig.h"

static struct tlv decode(const uint8_t *bytes, size_t len)
{
	struct reader body = reader_init(bytes, len);
	struct tlv tlv;
	assert_true(tlv_next(&body, &tlv));
	return tlv;
}

static void expect_untouched(struct rig *rig)
{
	expect_silence(rig);
	assert_int_equal(rig->event_count, 0);
	struct router_sizes sizes = router_sizes(rig->router);
	assert_int_equal(sizes.subnets + sizes.queries + sizes.sources + sizes.router_ids + sizes.seqno_requests, 0);
}

/* An RR for 10.0.0.0/8 in generations 0, 14 and 255. */
static void test_ipv4_route_request(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 20);
	const uint8_t generations[] = {0, 14, 255};
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t bytes[] = {9, 4, generations[i], 1, 8, 10};
		struct tlv tlv = decode(bytes, sizeof(bytes));
		rig_give(rig, a, &tlv);
		expect_untouched(rig);
	}
	assert_int_equal(router_counters(rig->router)->tlv_discarded, 3);
	/* Lookups of what is no overlay address are answered, too. */
	struct ip6 mapped = {{[10] = 0xff, 0xff, 10, 0, 0, 1}};
	struct public_key key;
	assert_int_equal(router_next_hop(rig->router, &mapped), ROUTER_NO_PEER);
	assert_false(router_public_key(rig->router, &mapped, NULL, &key));
	assert_int_equal(router_query_deadline(rig->router, &mapped), 0);
	rig_stop(rig);
}

/* Generation 255 must not come out as 0, nor 15 as 16. */
static void test_generation_does_not_wrap(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 20);
	for (unsigned generation = 15; generation < 256; generation++) {
		const uint8_t bytes[] = {9, 11, (uint8_t)generation, 2, 64, 4, 1, 2, 3, 4, 5, 6, 7};
		struct tlv tlv = decode(bytes, sizeof(bytes));
		rig_give(rig, a, &tlv);
		expect_untouched(rig);
	}
	rig_stop(rig);
}

/* Prefixes shorter than /64, and all that is not in the overlay. */
static void test_wide_and_foreign_prefixes(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 20);
	for (uint8_t len = 0; len < 64; len++) {
		uint8_t bytes[2 + 3 + 8] = {9, 3 + 8, 0, 2, len, 4, 1, 2, 3, 4, 5, 6, 7};
		bytes[1] = (uint8_t)(3 + (len + 7) / 8);
		struct tlv tlv = decode(bytes, sizeof(bytes));
		rig_give(rig, a, &tlv);
		expect_untouched(rig);
	}
	const uint8_t foreign[] = {9, 11, 0, 2, 64, 0x20, 1, 2, 3, 4, 5, 6, 7};
	const uint8_t link_local[] = {9, 11, 0, 3, 64, 4, 1, 2, 3, 4, 5, 6, 7};
	struct tlv tlv = decode(foreign, sizeof(foreign));
	rig_give(rig, a, &tlv);
	expect_untouched(rig);
	tlv = decode(link_local, sizeof(link_local));
	rig_give(rig, a, &tlv);
	expect_untouched(rig);
	rig_stop(rig);
}

/* A request for something longer than a /64 is one for the /64, without host bits, whatever bits were set. */
static void test_long_prefixes_with_host_bits(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 20);
	for (uint8_t len = 65; len <= 128; len++) {
		uint8_t bytes[2 + 3 + 16];
		memset(bytes, 0xff, sizeof(bytes));
		bytes[0] = 9;
		bytes[1] = (uint8_t)(3 + (len + 7) / 8);
		bytes[2] = 0;
		bytes[3] = 2;
		bytes[4] = len;
		bytes[5] = 4;
		bytes[6] = len;
		struct tlv tlv = decode(bytes, sizeof(bytes));
		rig_give(rig, a, &tlv);
		assert_int_equal(count_sent(rig, b, TLV_ROUTE_REQUEST), 1);
		const struct subnet *asked = &first_sent(rig, b, TLV_ROUTE_REQUEST)->route_request.prefix.subnet;
		assert_int_equal(asked->len, 64);
		for (unsigned i = 8; i < 16; i++)
			assert_int_equal(asked->addr.bytes[i], 0);
	}
	assert_int_equal(router_sizes(rig->router).queries, 64);
	rig_stop(rig);
}

/* A short-lived route over and over: no faster than the least lifetime allows. */
static void test_flapping_by_interval(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 20);
	struct origin o = origin_make(1, 0);
	struct tlv update = make_update(&o, 5, 0);
	update.update.interval_cs = 0;
	unsigned sent = 0;
	for (unsigned i = 0; i < 100; i++) {
		rig_give(rig, a, &update);
		sent += count_sent(rig, b, TLV_UPDATE);
		rig_pass(rig, 90);
		sent += count_sent(rig, b, TLV_UPDATE);
	}
	assert_int_equal(sent, 1);
	rig_stop(rig);
}

static struct tlv random_tlv(struct rng *rng)
{
	struct origin o = origin_make(rng_below(rng, 40), (uint8_t)rng_below(rng, 3));
	if (rng_below(rng, 8) == 0)
		o.subnet =
			subnet_canonical((struct subnet){.addr = o.address, .len = (uint8_t)(60 + rng_below(rng, 69))});
	struct tlv tlv;
	switch (rng_below(rng, 6)) {
	case 0:
		return make_route_request(o.subnet, (uint8_t)rng_below(rng, 17));
	case 1:
		return make_seqno_request(&o, (uint16_t)rng_below(rng, 6), (uint8_t)(1 + rng_below(rng, 64)));
	case 2:
		return make_retraction(&o, &o);
	case 3:
		tlv = make_update(&o, (uint16_t)rng_next(rng), (uint16_t)rng_next(rng));
		break;
	default:
		tlv = make_update(&o, (uint16_t)rng_below(rng, 200), (uint16_t)rng_below(rng, 4));
		break;
	}
	tlv.update.interval_cs = (uint16_t)rng_below(rng, 3000);
	return tlv;
}

/* A long random life with many peers, slow readers and deaths. Invariants are checked after each step. */
static void live_randomly(uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	struct rig *rig = rig_start();
	enum { PEERS = 6 };
	uint32_t peers[PEERS];
	for (unsigned i = 0; i < PEERS; i++)
		peers[i] = rig_peer(rig, (uint16_t)(1 + rng_below(&rng, 100)));
	struct tlv tlv;
	struct router_event event;
	for (unsigned step = 0; step < 3000; step++) {
		unsigned which = (unsigned)rng_below(&rng, PEERS);
		tlv = random_tlv(&rng);
		struct origin o = origin_make(rng_below(&rng, 40), 0);
		switch (rng_below(&rng, 16)) {
		case 0:
			rig->now += rng_below(&rng, 2000);
			router_tick(rig->router, rig->now);
			break;
		case 1:
			router_need_route(rig->router, &o.address, (enum route_need)rng_below(&rng, 3), rig->now);
			break;
		case 2:
			while (router_next_event(rig->router, &event) && rng_below(&rng, 4) > 0)
				;
			break;
		case 3:
		case 4:
			while (router_next_tlv(rig->router, peers[which], rig->now, &tlv) && rng_below(&rng, 8) > 0)
				;
			break;
		case 5:
			if (rng_below(&rng, 6) > 0)
				break;
			router_peers_died(rig->router, &peers[which], 1, rig->now);
			peers[which] = router_add_peer(rig->router, 10, rig->now);
			break;
		case 6:
			tlv = (struct tlv){.type = TLV_IHU};
			router_handle_tlv(rig->router, peers[which], &tlv, rig->now);
			break;
		case 7:
			router_refresh_route(rig->router, &o.address, rig->now);
			break;
		default:
			router_handle_tlv(rig->router, peers[which], &tlv, rig->now);
			break;
		}
		rig_check(rig);
	}
	/* Left alone, everything but the distances goes in time, and then those too. */
	for (unsigned i = 0; i < PEERS; i++)
		router_peers_died(rig->router, &peers[i], 1, rig->now);
	for (unsigned hour = 0; hour < 2; hour++) {
		rig_pass(rig, 3600000);
		struct router_sizes sizes = router_sizes(rig->router);
		assert_int_equal(sizes.subnets + sizes.entries + sizes.queries + sizes.seqno_requests + sizes.sources,
				 0);
		assert_int_equal(sizes.router_ids + sizes.dirty_marks + sizes.peers, 0);
	}
	rig_stop(rig);
}

static void test_random_life(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		live_randomly(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_route_request),        cmocka_unit_test(test_generation_does_not_wrap),
		cmocka_unit_test(test_wide_and_foreign_prefixes), cmocka_unit_test(test_long_prefixes_with_host_bits),
		cmocka_unit_test(test_flapping_by_interval),      cmocka_unit_test(test_random_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
