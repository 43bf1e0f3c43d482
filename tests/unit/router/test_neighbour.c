// SPDX-License-Identifier: Apache-2.0
#include "rig.h"
#include "router/internal.h"

static void expect_series(uint16_t cost, uint16_t sample, const uint16_t *series, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(cost, series[i]);
		cost = link_cost_smooth(cost, sample);
	}
}

static void test_smoothing_series(void **state)
{
	(void)state;
	static const uint16_t falling[] = {1000, 900, 810, 729, 656, 590, 531, 477, 429, 386, 347, 312, 280,
					   252,  226, 203, 182, 163, 146, 131, 117, 105, 94,  84,  75,  67,
					   60,   54,  48,  43,  38,  34,  30,  27,  24,  21,  18,  16,  14,
					   12,   10,  9,   8,   7,   6,   5,   4,   3,   2,   1,   0,   0};
	static const uint16_t to_20[] = {1000, 902, 813, 733, 661, 596, 538, 486, 439, 397, 359, 325, 294,
					 266,  241, 218, 198, 180, 164, 149, 136, 124, 113, 103, 94};
	static const uint16_t rising[] = {0,  10, 19, 27, 34, 40, 46, 51, 55, 59, 63, 66, 69, 72, 74,
					  76, 78, 80, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 91, 91};
	static const uint16_t from_20[] = {20, 48, 73, 95, 115, 133, 149, 164, 177, 189, 200};
	expect_series(1000, 0, falling, sizeof(falling) / 2);
	expect_series(1000, 20, to_20, sizeof(to_20) / 2);
	expect_series(0, 100, rising, sizeof(rising) / 2);
	expect_series(20, 300, from_20, sizeof(from_20) / 2);
	uint16_t cost = 1000;
	for (int i = 0; i < 50; i++) {
		assert_true(cost > 20);
		cost = link_cost_smooth(cost, 20);
	}
	assert_int_equal(cost, 20);
	for (int i = 0; i < 100; i++)
		cost = link_cost_smooth(cost, 300);
	assert_int_equal(cost, 291);
}

static const struct tlv hello = {.type = TLV_HELLO, .hello = {.flags = 0x8000, .interval_cs = 2000}};
static const struct tlv ihu = {.type = TLV_IHU, .ihu = {.interval_cs = 6000}};

/* Adds a peer that does not answer by itself, and takes its first TLVs. */
static uint32_t silent_peer(struct rig *rig, uint16_t cost)
{
	uint32_t peer = router_add_peer(rig->router, cost, rig->now);
	rig->mutes[rig->mute_count++] = peer;
	rig_forget(rig);
	rig_pull(rig);
	return peer;
}

static void test_greeting(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	assert_int_equal(rig->sent_count, 2);
	expect_update(rig, a, &rig->me, 0, 0);
	const struct tlv_hello *sent = &first_sent(rig, a, TLV_HELLO)->hello;
	assert_int_equal(sent->flags, 0x8000);
	assert_int_equal(sent->seqno, 0);
	assert_int_equal(sent->interval_cs, 2000);
	rig_give(rig, a, &hello);
	assert_int_equal(rig->sent_count, 1);
	const struct tlv_ihu *reply = &first_sent(rig, a, TLV_IHU)->ihu;
	assert_int_equal(reply->rx_cost, 1015);
	assert_int_equal(reply->interval_cs, 6000);
	assert_int_equal(reply->encoding, AE_WILDCARD);
	rig_stop(rig);
}

static void test_first_sample_replaces_then_smooths(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	assert_int_equal(router_link_cost(rig->router, a), 1015);
	rig_pass(rig, 40);
	rig_give(rig, a, &ihu);
	assert_int_equal(router_link_cost(rig->router, a), 55);
	/* No Hello is outstanding: no sample, whenever it comes. */
	rig_pass(rig, 5000);
	rig_give(rig, a, &ihu);
	assert_int_equal(router_link_cost(rig->router, a), 55);
	rig_pass(rig, 20000 - 5040);
	assert_int_equal(first_sent(rig, a, TLV_HELLO)->hello.seqno, 1);
	rig_pass(rig, 140);
	rig_give(rig, a, &ihu);
	assert_int_equal(router_link_cost(rig->router, a), (9 * 40 + 140) / 10 + 15);
	rig_stop(rig);
}

static void test_cost_saturates(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 65535);
	assert_int_equal(router_link_cost(rig->router, a), METRIC_MAX);
	uint32_t b = silent_peer(rig, 0);
	rig_give(rig, b, &ihu);
	assert_int_equal(router_link_cost(rig->router, b), 1);
	assert_int_equal(router_link_cost(rig->router, ROUTER_NO_PEER), METRIC_INFINITE);
	rig_stop(rig);
}

static void test_hello_every_20_s(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 15);
	for (uint16_t seqno = 1; seqno < 30; seqno++) {
		rig_pass(rig, 20000);
		assert_int_equal(count_sent(rig, a, TLV_HELLO), 1);
		assert_int_equal(first_sent(rig, a, TLV_HELLO)->hello.seqno, seqno);
		/* Nothing else is said on an idle connection, but the own subnet each 300 s. */
		assert_int_equal(rig->sent_count, seqno % 15 == 0 ? 2 : 1);
	}
	rig_stop(rig);
}

static void test_ihu_is_limited(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 15);
	unsigned replies = 0;
	for (unsigned i = 0; i < 1000; i++) {
		rig_give(rig, a, &hello);
		replies += count_sent(rig, a, TLV_IHU);
	}
	assert_int_equal(replies, 10);
	rig_pass(rig, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		rig_give(rig, a, &hello);
		replies += count_sent(rig, a, TLV_IHU);
	}
	assert_int_equal(replies, 20);
	/* While one waits, further Hellos add nothing. */
	rig_pass(rig, 1000);
	for (unsigned i = 0; i < 5; i++)
		router_handle_tlv(rig->router, a, &hello, rig->now);
	rig_pull(rig);
	assert_int_equal(count_sent(rig, a, TLV_IHU), 1);
	rig_stop(rig);
}

/* The check runs each 10 s from the start; 43 000 ms of silence are not yet death. */
static void test_death_by_silence(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct rig *rig = rig_start();
		rig_pass(rig, 7000 - late);
		uint32_t a = silent_peer(rig, 15), b = rig_peer(rig, 15);
		struct origin o = origin_make(1, 0);
		give_update(rig, a, &o, 5, 3);
		rig_pass(rig, 43000 + late);
		if (late == 0) {
			assert_int_equal(rig->event_count, 0);
			assert_int_equal(router_sizes(rig->router).peers, 2);
			rig_pass(rig, 10000);
		}
		assert_int_equal(rig->event_count, 2);
		assert_int_equal(rig->events[0].type, ROUTER_PEER_DEAD);
		assert_int_equal(rig->events[0].peer, a);
		assert_int_equal(rig->events[1].type, ROUTER_ROUTE_GONE);
		assert_int_equal(router_sizes(rig->router).peers, 1);
		assert_int_equal(next_hop(rig, &o), ROUTER_NO_PEER);
		(void)b;
		rig_stop(rig);
	}
}

/* What the link layer reports of a peer, and what the router makes of it. */
static void report_silence(struct rig *rig, uint32_t peer, uint64_t unanswered_ms)
{
	rig_forget(rig);
	router_peer_silent(rig->router, peer, unanswered_ms, rig->now);
	rig_pull(rig);
}

static void test_silence_is_probed_then_deadly(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	struct origin o = origin_make(1, 0);
	rig_give(rig, a, &ihu);
	give_update(rig, a, &o, 5, 3);
	rig_pass(rig, 3000);

	unsigned probes = 0;
	for (uint64_t silent = 200; silent <= SILENCE_DEAD_MIN_MS; silent += 100) {
		report_silence(rig, a, silent);
		probes += count_sent(rig, a, TLV_HELLO);
		assert_int_equal(rig->event_count, 0);
		rig_pass(rig, 100);
	}
	assert_int_equal(probes, 4); /* one each 250 ms, seen each 100 ms */
	assert_int_equal(router_sizes(rig->router).peers, 1);
	report_silence(rig, a, SILENCE_DEAD_MIN_MS + 1);
	assert_int_equal(rig->event_count, 2);
	assert_int_equal(rig->events[0].type, ROUTER_PEER_DEAD);
	assert_int_equal(rig->events[0].peer, a);
	assert_int_equal(rig->events[1].type, ROUTER_ROUTE_GONE);
	/* Whoever is gone is not missed twice. */
	report_silence(rig, a, 5000);
	assert_int_equal(rig->event_count, 0);
	rig_stop(rig);
}

static void test_silence_is_measured_in_round_trips(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t slow = silent_peer(rig, 15), unknown = silent_peer(rig, 15);
	rig_pass(rig, 600);
	rig_give(rig, slow, &ihu);
	report_silence(rig, slow, 200);
	report_silence(rig, unknown, 200);
	rig_pass(rig, 2200);
	report_silence(rig, slow, 2400);
	assert_int_equal(router_sizes(rig->router).peers, 2);
	rig_pass(rig, 1);
	report_silence(rig, slow, 2401);
	assert_int_equal(router_sizes(rig->router).peers, 1);
	rig_pass(rig, 1599);
	report_silence(rig, unknown, 4000);
	assert_int_equal(router_sizes(rig->router).peers, 1);
	rig_pass(rig, 1);
	report_silence(rig, unknown, 4001);
	assert_int_equal(router_sizes(rig->router).peers, 0);
	rig_stop(rig);
}

/* The first report may come late: we were stopped ourselves, or what the peer owed was an answer to nothing that needs
 * one. It then has the time of a stopped second, and a round trip, to answer the probe. */
static void test_no_death_without_an_unanswered_probe(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	rig_pass(rig, 40);
	rig_give(rig, a, &ihu);
	rig_pass(rig, 9000);
	report_silence(rig, a, 9000);
	assert_int_equal(count_sent(rig, a, TLV_HELLO), 1);
	rig_pass(rig, 1140);
	report_silence(rig, a, 10140);
	assert_int_equal(router_sizes(rig->router).peers, 1);
	/* It answered; what is unanswered now is something else, and probed anew at once. */
	rig_give(rig, a, &ihu);
	rig_pass(rig, 200);
	report_silence(rig, a, 150);
	assert_int_equal(count_sent(rig, a, TLV_HELLO), 1);
	rig_pass(rig, 1250); /* the round trip is 150 ms now */
	report_silence(rig, a, 1400);
	assert_int_equal(router_sizes(rig->router).peers, 1);
	rig_pass(rig, 1);
	report_silence(rig, a, 1401);
	assert_int_equal(router_sizes(rig->router).peers, 0);
	rig_stop(rig);
}

/* Probes follow each other faster than they are answered: the first answer belongs to the first. */
static void test_probes_do_not_shorten_the_round_trip(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	rig_pass(rig, 300);
	report_silence(rig, a, 300);
	assert_int_equal(count_sent(rig, a, TLV_HELLO), 1);
	rig_pass(rig, 100);
	rig_give(rig, a, &ihu);
	assert_int_equal(router_link_cost(rig->router, a), 415);
	rig_stop(rig);
}

/* The answer to a probe that was sent before is no sample for one that was sent after. */
static void test_a_late_answer_is_no_sample(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	rig_pass(rig, 600);
	rig_give(rig, a, &ihu);
	assert_int_equal(router_link_cost(rig->router, a), 615);
	/* A round trip of 600 ms, and probes that are answered in order, for ten seconds. */
	for (uint64_t passed = 0; passed < 10000; passed += 250) {
		report_silence(rig, a, 200);
		if (passed >= 500) {
			rig_pass(rig, 100);
			rig_give(rig, a, &ihu);
			rig_pass(rig, 150);
		} else {
			rig_pass(rig, 250);
		}
		assert_int_equal(router_link_cost(rig->router, a), 615);
	}
	rig_stop(rig);
}

/* A busy link that has fallen quiet gets a Hello, and nothing else follows of it. */
static void test_quiet_link_is_probed(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	rig_give(rig, a, &ihu);
	for (unsigned i = 0; i < 20; i++) {
		rig_pass(rig, 1000);
		report_silence(rig, a, 0);
		assert_int_equal(count_sent(rig, a, TLV_HELLO), 1);
	}
	assert_int_equal(router_sizes(rig->router).peers, 1);
	rig_stop(rig);
}

/* An IHU nobody asked for shows life all the same. */
static void test_unsolicited_ihu_keeps_alive(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = silent_peer(rig, 15);
	for (unsigned i = 0; i < 10; i++) {
		rig_pass(rig, 30000);
		assert_int_equal(rig->event_count, 0);
		rig_give(rig, a, &ihu);
	}
	assert_int_equal(router_sizes(rig->router).peers, 1);
	rig_stop(rig);
}

static void test_handles_are_not_reused_early(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t seen[300];
	for (unsigned i = 0; i < 300; i++) {
		seen[i] = rig_peer(rig, 15);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
		rig_die(rig, seen[i]);
	}
	assert_int_equal(router_sizes(rig->router).peers, 0);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smoothing_series),
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_first_sample_replaces_then_smooths),
		cmocka_unit_test(test_cost_saturates),
		cmocka_unit_test(test_hello_every_20_s),
		cmocka_unit_test(test_ihu_is_limited),
		cmocka_unit_test(test_death_by_silence),
		cmocka_unit_test(test_silence_is_probed_then_deadly),
		cmocka_unit_test(test_silence_is_measured_in_round_trips),
		cmocka_unit_test(test_no_death_without_an_unanswered_probe),
		cmocka_unit_test(test_probes_do_not_shorten_the_round_trip),
		cmocka_unit_test(test_a_late_answer_is_no_sample),
		cmocka_unit_test(test_quiet_link_is_probed),
		cmocka_unit_test(test_unsolicited_ihu_keeps_alive),
		cmocka_unit_test(test_handles_are_not_reused_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
