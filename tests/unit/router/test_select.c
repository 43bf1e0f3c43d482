// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

/* Two neighbours announce one subnet; which one is used after the second? */
static uint32_t chosen(uint16_t metric1, uint16_t cost1, uint16_t metric2, uint16_t cost2, bool *ret_second)
{
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, cost1), b = rig_peer(rig, cost2);
	struct origin o = origin_make(1, 0);
	/* A newer seqno each time keeps both feasible. */
	give_update(rig, a, &o, metric1, 1);
	give_update(rig, b, &o, metric2, 2);
	uint32_t hop = next_hop(rig, &o);
	*ret_second = hop == b;
	unsigned updates = count_type(rig, TLV_UPDATE);
	assert_true(hop == a || hop == b);
	rig_stop(rig);
	return updates;
}

static void test_switch_thresholds(void **state)
{
	(void)state;
	static const struct {
		uint16_t metric1, cost1, metric2, cost2;
		bool second;
	} cases[] = {
		{100, 20, 100, 10, false}, /* 120 to 110 */
		{100, 20, 99, 10, true},   /* 120 to 109 */
		{2, 8, 1, 7, false},       /* 10 to 8, through others */
		{2, 8, 0, 8, true},        /* 10 to 8, direct */
		{2, 8, 0, 10, false},      /* a tie keeps */
		{20, 20, 0, 60, false},    /* direct, but not the smallest */
		{5, 5, 5, 5, false},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool second;
		chosen(cases[i].metric1, cases[i].cost1, cases[i].metric2, cases[i].cost2, &second);
		assert_int_equal(second, cases[i].second);
	}
}

/* From total 110 to 45, but the received metrics differ by 5 only. */
static void test_next_hop_change_alone_is_not_announced(void **state)
{
	(void)state;
	bool second;
	assert_int_equal(chosen(20, 90, 25, 20, &second), 0);
	assert_true(second);
}

static void test_ties_keep_the_first(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 10), b = rig_peer(rig, 10), c = rig_peer(rig, 10);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, 5, 1);
	give_update(rig, b, &o, 6, 2);
	give_update(rig, c, &o, 6, 2);
	assert_int_equal(next_hop(rig, &o), a);
	give_retraction(rig, a, &o);
	assert_int_equal(next_hop(rig, &o), b);
	rig_stop(rig);
}

/* The top of the range is not told apart from anything worse. */
static void test_saturated_route_is_no_route(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 10);
	rig_peer(rig, 10);
	struct origin o = origin_make(1, 0);
	give_update(rig, a, &o, METRIC_MAX, 1);
	expect_silence(rig);
	assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
	give_update(rig, a, &o, METRIC_MAX - 11, 1);
	assert_int_equal(next_hop(rig, &o), a);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_switch_thresholds),
		cmocka_unit_test(test_next_hop_change_alone_is_not_announced),
		cmocka_unit_test(test_ties_keep_the_first),
		cmocka_unit_test(test_saturated_route_is_no_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
