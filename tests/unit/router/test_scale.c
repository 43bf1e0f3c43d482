// SPDX-License-Identifier: Apache-2.0
/* Memory for each subnet, and work in proportion to what is touched. */
#include <time.h>

#include "rig.h"
#include "router/internal.h"

enum { SUBNETS = 100000 };

static void announce_all(struct rig *rig, uint32_t peer, uint16_t metric, bool read_between)
{
	for (uint64_t i = 1; i <= SUBNETS; i++) {
		struct origin o = origin_make(i, 0);
		struct tlv update = make_update(&o, metric, 1);
		router_handle_tlv(rig->router, peer, &update, rig->now);
		if (read_between && i % 1000 == 0)
			rig_discard(rig);
	}
}

/* One entry, its feasibility distance and its own router id for each subnet. */
static void test_memory_for_each_subnet(void **state)
{
	(void)state;
	for (int read_between = 0; read_between < 2; read_between++) {
		struct rig *rig = rig_start_keeping(UNASKED_PEERS_SHARE * (SUBNETS + 1));
		uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
		size_t empty = router_sizes(rig->router).bytes;
		announce_all(rig, a, 5, read_between);
		rig_discard(rig);
		struct router_sizes sizes = router_sizes(rig->router);
		assert_int_equal(sizes.subnets, SUBNETS);
		assert_int_equal(sizes.entries, SUBNETS);
		assert_int_equal(sizes.sources, SUBNETS);
		assert_int_equal(sizes.router_ids, SUBNETS);
		size_t each = (sizes.bytes - empty) / SUBNETS;
		print_message("%zu bytes for each subnet\n", each);
		assert_true(each <= 192);
		/* A second entry. */
		size_t before = sizes.bytes;
		announce_all(rig, b, 7, read_between);
		sizes = router_sizes(rig->router);
		assert_int_equal(sizes.entries, 2 * SUBNETS);
		print_message("%zu bytes for each further entry\n", (sizes.bytes - before) / SUBNETS);
		assert_true((sizes.bytes - before) / SUBNETS <= 48);
		rig_stop(rig);
	}
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The death of a peer costs what its own entries cost, not what the table costs. */
static void test_death_touches_own_entries_only(void **state)
{
	(void)state;
	struct rig *rig = rig_start_keeping(UNASKED_PEERS_SHARE * (SUBNETS + 1));
	uint32_t big = rig_peer(rig, 20), small = rig_peer(rig, 20);
	announce_all(rig, big, 5, true);
	for (uint64_t i = SUBNETS + 1; i <= SUBNETS + 10; i++) {
		struct origin o = origin_make(i, 0);
		struct tlv update = make_update(&o, 5, 1);
		router_handle_tlv(rig->router, small, &update, rig->now);
	}
	rig_discard(rig);
	uint64_t selections = router_counters(rig->router)->route_selections;
	double begun = seconds();
	router_peers_died(rig->router, &small, 1, rig->now);
	double small_death = seconds() - begun;
	assert_int_equal(router_counters(rig->router)->route_selections - selections, 10);
	begun = seconds();
	router_peers_died(rig->router, &big, 1, rig->now);
	double big_death = seconds() - begun;
	assert_int_equal(router_counters(rig->router)->route_selections - selections, SUBNETS + 10);
	print_message("death with 10 entries: %.3f ms, with %d: %.1f ms\n", small_death * 1e3, SUBNETS,
		      big_death * 1e3);
	assert_true(small_death < big_death / 20);
	rig_discard(rig);
	/* All of it expires without growth. */
	size_t bytes = router_sizes(rig->router).bytes;
	rig->now += 7000;
	router_tick(rig->router, rig->now);
	rig_discard(rig);
	assert_int_equal(router_sizes(rig->router).subnets, 0);
	assert_true(router_sizes(rig->router).bytes <= bytes);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_for_each_subnet),
		cmocka_unit_test(test_death_touches_own_entries_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
