// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

static void expect_own(const struct rig *rig, uint32_t peer, uint16_t seqno)
{
	expect_update(rig, peer, &rig->me, 0, seqno);
}

static void test_bump(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	rig_pass(rig, 4001);
	give_seqno_request(rig, a, &rig->me, 1, 64);
	expect_own(rig, a, 1);
	expect_own(rig, b, 1);
	assert_int_equal(router_counters(rig->router)->seqno_bumped, 1);
	/* At once again: refused now, remembered, and done when the 4 s are over. */
	give_seqno_request(rig, a, &rig->me, 2, 64);
	expect_silence(rig);
	rig_pass(rig, 3999);
	expect_silence(rig);
	rig_pass(rig, 1);
	expect_own(rig, b, 2);
	assert_int_equal(router_counters(rig->router)->seqno_bumped, 2);
	rig_pass(rig, 8000);
	assert_int_equal(count_type(rig, TLV_UPDATE), 0);
	/* By one, whatever was asked. */
	give_seqno_request(rig, a, &rig->me, 900, 64);
	expect_own(rig, a, 3);
	rig_stop(rig);
}

static void test_first_seconds_refuse_but_remember(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_pass(rig, 1000);
	give_seqno_request(rig, a, &rig->me, 1, 64);
	expect_silence(rig);
	rig_pass(rig, 3000);
	expect_own(rig, a, 1);
	rig_stop(rig);
}

/* What we have already, or what an earlier life of ours had, is answered with the present state. */
static void test_own_seqno_not_newer(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	rig_pass(rig, 5000);
	give_seqno_request(rig, a, &rig->me, 0, 64);
	expect_own(rig, a, 0);
	assert_int_equal(count_sent(rig, b, TLV_UPDATE), 0);
	struct origin before = origin_make(0, 77);
	give_seqno_request(rig, a, &before, 5, 64);
	expect_own(rig, a, 0);
	assert_int_equal(router_counters(rig->router)->seqno_bumped, 0);
	rig_stop(rig);
}

static void test_answered_from_the_table(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 300);
	struct origin o = origin_make(1, 1), before = origin_make(1, 0);
	give_update(rig, a, &o, 5, 3);
	give_seqno_request(rig, b, &o, 3, 64);
	expect_update(rig, b, &o, 25, 3); /* our own cost, not that of the link to the asker */
	give_seqno_request(rig, b, &before, 700, 1);
	expect_update(rig, b, &o, 25, 3); /* another source than asked for */
	give_seqno_request(rig, a, &o, 2, 64);
	expect_update(rig, a, &o, 25, 3); /* even to the next hop */
	assert_int_equal(router_counters(rig->router)->seqno_reply_local, 3);
	rig_stop(rig);
}

static void test_hop_counts(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	give_seqno_request(rig, b, &o, 4, 1);
	expect_silence(rig);
	assert_int_equal(router_counters(rig->router)->seqno_hops_exceeded, 1);
	give_seqno_request(rig, b, &o, 4, 2);
	expect_seqno_request(rig, a, &o, 4, 1);
	assert_int_equal(rig->sent_count, 1);
	assert_int_equal(router_counters(rig->router)->seqno_forward_feasible, 1);
	give_seqno_request(rig, b, &o, 5, 255);
	expect_seqno_request(rig, a, &o, 5, 63);
	rig_stop(rig);
}

/* A second asker is served too; the question goes on once. */
static void test_requesters_are_served(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40), d = rig_peer(rig, 50);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	give_seqno_request(rig, b, &o, 4, 64);
	expect_seqno_request(rig, a, &o, 4, 63);
	rig_pass(rig, 1000);
	give_seqno_request(rig, c, &o, 4, 64);
	expect_silence(rig);
	give_seqno_request(rig, b, &o, 5, 64);
	expect_seqno_request(rig, a, &o, 5, 63);
	/* Seqno 4 serves those who asked for 4 only. */
	give_update(rig, a, &o, 5, 4);
	expect_update(rig, b, &o, 25, 4);
	expect_update(rig, c, &o, 25, 4);
	assert_int_equal(count_sent(rig, d, TLV_UPDATE), 0);
	/* One that jumped over what was asked serves as well, and once. */
	give_update(rig, a, &o, 5, 9);
	expect_update(rig, b, &o, 25, 9);
	assert_int_equal(rig->sent_count, 1);
	give_update(rig, a, &o, 5, 10);
	expect_silence(rig);
	rig_stop(rig);
}

/* The seqno arrives by another way than the one in use. */
static void test_entry_with_the_seqno_is_taken(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 20), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	give_seqno_request(rig, c, &o, 4, 64);
	give_update(rig, b, &o, 5, 4); /* a tie: nobody would switch for that */
	assert_int_equal(next_hop(rig, &o), b);
	expect_update(rig, c, &o, 25, 4);
	rig_stop(rig);
}

static void test_forwarded_to_unfeasible_or_not_at_all(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 1), other = origin_make(2, 1);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 7, 3);
	give_update(rig, b, &o, 80, 3);
	give_seqno_request(rig, a, &o, 4, 64); /* the only feasible way is the asker itself */
	expect_seqno_request(rig, b, &o, 4, 63);
	assert_int_equal(router_counters(rig->router)->seqno_forward_unfeasible, 1);
	give_seqno_request(rig, c, &other, 4, 64); /* unknown subnet */
	expect_silence(rig);
	assert_int_equal(router_counters(rig->router)->seqno_unhandled, 1);
	rig_stop(rig);
}

static void test_records_die(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	give_seqno_request(rig, b, &o, 4, 64);
	rig_pass(rig, 59000);
	assert_int_equal(router_sizes(rig->router).seqno_requests, 1);
	rig_pass(rig, 2000);
	assert_int_equal(router_sizes(rig->router).seqno_requests, 0);
	give_seqno_request(rig, b, &o, 4, 64);
	expect_seqno_request(rig, a, &o, 4, 63);
	rig_stop(rig);
}

/* Nobody is asked the same twice within 4 s, not even when the record of the first time is old. */
static void test_pause_between_equal_requests(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20);
	rig_peer(rig, 30);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	uint64_t last_ms = 0;
	unsigned requests = 0;
	for (unsigned i = 0; i < 300; i++) {
		give_update(rig, a, &o, 25, 3); /* unfeasible */
		if (count_sent(rig, a, TLV_SEQNO_REQUEST) > 0) {
			assert_true(last_ms == 0 || rig->now - last_ms >= 4000);
			last_ms = rig->now;
			requests++;
		}
		rig_pass(rig, 700);
	}
	assert_int_equal(requests, 50); /* each 4.2 s in 210 s */
	rig_stop(rig);
}

/* Within 4 s an equal request is not forwarded again; after that it is, since the answer may have been lost on the way:
 * whoever was asked had no route itself, and has one now. */
static void test_a_repeated_request_is_forwarded_again(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	give_seqno_request(rig, b, &o, 4, 64);
	expect_seqno_request(rig, a, &o, 4, 63);
	rig_pass(rig, 3900);
	give_seqno_request(rig, c, &o, 4, 64);
	expect_silence(rig);
	rig_pass(rig, 200);
	give_seqno_request(rig, c, &o, 4, 64);
	expect_seqno_request(rig, a, &o, 4, 63);
	rig_stop(rig);
}

/* When the one that was asked is gone, the next asker makes us ask somebody else. */
static void test_dead_target_does_not_block(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30), c = rig_peer(rig, 40);
	struct origin o = origin_make(1, 1);
	give_update(rig, a, &o, 5, 3);
	give_update(rig, b, &o, 6, 3);
	give_seqno_request(rig, c, &o, 4, 64);
	expect_seqno_request(rig, a, &o, 4, 63);
	rig_die(rig, a);
	give_seqno_request(rig, c, &o, 4, 64);
	expect_seqno_request(rig, b, &o, 4, 63);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bump),
		cmocka_unit_test(test_first_seconds_refuse_but_remember),
		cmocka_unit_test(test_own_seqno_not_newer),
		cmocka_unit_test(test_answered_from_the_table),
		cmocka_unit_test(test_hop_counts),
		cmocka_unit_test(test_requesters_are_served),
		cmocka_unit_test(test_entry_with_the_seqno_is_taken),
		cmocka_unit_test(test_forwarded_to_unfeasible_or_not_at_all),
		cmocka_unit_test(test_records_die),
		cmocka_unit_test(test_pause_between_equal_requests),
		cmocka_unit_test(test_a_repeated_request_is_forwarded_again),
		cmocka_unit_test(test_dead_target_does_not_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
