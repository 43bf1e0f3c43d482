// SPDX-License-Identifier: Apache-2.0
/* Feasibility distances: seen through the table itself, and through what the router accepts. */
#include "rig.h"
#include "router/internal.h"

/* A router with a record for one destination, and the originator `o`. */
static uint32_t make_destination(struct rig *rig, const struct origin *o, uint32_t *ret_originator)
{
	uint32_t destination = destination_find_or_make(rig->router, &o->subnet);
	destination_hold(rig->router, destination);
	*ret_originator = originator_refer(rig->router, &o->rid);
	return destination;
}

static void drop_destination(struct rig *rig, uint32_t destination, uint32_t originator)
{
	originator_forget(rig->router, originator);
	destination_unhold(rig->router, destination);
}

static void test_feasibility(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	struct origin o = origin_make(1, 0);
	uint32_t originator, destination = make_destination(rig, &o, &originator);
	assert_true(source_feasible(rig->router, destination, originator, 60000, 0));
	assert_true(source_note(rig->router, destination, originator, 10, 1));
	static const struct {
		uint16_t metric, seqno;
		bool feasible;
	} cases[] = {{METRIC_INFINITE, 0, true},
		     {9, 1, true},
		     {10, 1, false},
		     {11, 1, false},
		     {1, 0, false},
		     {200, 2, true},
		     {1, 32769, false},
		     {1, 32768, true}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(source_feasible(rig->router, destination, originator, cases[i].metric, cases[i].seqno),
				 cases[i].feasible);
	drop_destination(rig, destination, originator);
	rig_stop(rig);
}

/* Lets time pass without the check of all invariants, which would miss the holder of the record. */
static void pass(struct rig *rig, uint64_t ms)
{
	rig->now += ms;
	router_tick(rig->router, rig->now);
}

static void expect_distance(const struct rig *rig, uint32_t destination, uint32_t originator, uint16_t metric,
			    uint16_t seqno)
{
	uint16_t have_metric, have_seqno;
	assert_true(source_distance(rig->router, destination, originator, &have_metric, &have_seqno));
	assert_int_equal(have_metric, metric);
	assert_int_equal(have_seqno, seqno);
}

static void test_distance_only_improves(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	struct origin o = origin_make(1, 0);
	uint32_t originator, destination = make_destination(rig, &o, &originator);
	assert_true(source_note(rig->router, destination, originator, 10, 1));
	assert_true(source_note(rig->router, destination, originator, 12, 1)); /* worse */
	expect_distance(rig, destination, originator, 10, 1);
	assert_true(source_note(rig->router, destination, originator, 8, 1));
	expect_distance(rig, destination, originator, 8, 1);
	assert_true(source_note(rig->router, destination, originator, 300, 2)); /* newer, though larger */
	expect_distance(rig, destination, originator, 300, 2);
	assert_true(source_note(rig->router, destination, originator, 1, 1)); /* older */
	expect_distance(rig, destination, originator, 300, 2);
	assert_int_equal(source_next_seqno(rig->router, destination, originator), 3);
	drop_destination(rig, destination, originator);
	rig_stop(rig);
}

static void test_lives_1800_s_from_the_last_announcement(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	struct origin o = origin_make(1, 0);
	uint32_t originator, destination = make_destination(rig, &o, &originator);
	uint16_t metric, seqno;
	assert_true(source_note(rig->router, destination, originator, 10, 1));
	pass(rig, 1799000);
	assert_true(source_note(rig->router, destination, originator, 12, 1));
	pass(rig, 1799999);
	assert_true(source_distance(rig->router, destination, originator, &metric, &seqno));
	assert_int_equal(router_counters(rig->router)->source_keys_expired, 0);
	pass(rig, 101);
	assert_false(source_distance(rig->router, destination, originator, &metric, &seqno));
	assert_int_equal(router_counters(rig->router)->source_keys_expired, 1);
	assert_int_equal(source_next_seqno(rig->router, destination, originator), 1);
	drop_destination(rig, destination, originator);
	rig_stop(rig);
}

/* The table changes when an Update is taken for sending, not before; and retractions leave no trace in it. */
static void test_noted_when_an_update_leaves(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	struct tlv update = make_update(&o, 5, 3), out;
	router_handle_tlv(rig->router, a, &update, rig->now);
	assert_int_equal(router_sizes(rig->router).sources, 0);
	assert_false(router_next_tlv(rig->router, a, rig->now, &out));
	assert_int_equal(router_sizes(rig->router).sources, 0);
	assert_true(router_next_tlv(rig->router, b, rig->now, &out));
	assert_int_equal(router_sizes(rig->router).sources, 1);
	uint32_t destination = destination_find(rig->router, &o.subnet);
	uint32_t originator = originator_refer(rig->router, &o.rid);
	expect_distance(rig, destination, originator, 25, 3);
	originator_forget(rig->router, originator);
	give_retraction(rig, a, &o);
	assert_int_equal(router_sizes(rig->router).sources, 1);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feasibility),
		cmocka_unit_test(test_distance_only_improves),
		cmocka_unit_test(test_lives_1800_s_from_the_last_announcement),
		cmocka_unit_test(test_noted_when_an_update_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
