// SPDX-License-Identifier: Apache-2.0
/* What is due to peers that read at their own pace. */
#include "rig.h"

/* Reads all that is due to one peer, but Hellos. */
static void read_peer(struct rig *rig, uint32_t peer)
{
	struct tlv tlv;
	rig_forget(rig);
	while (router_next_tlv(rig->router, peer, rig->now, &tlv))
		if (tlv.type != TLV_HELLO)
			rig->sent[rig->sent_count++] = (struct rig_output){.peer = peer, .tlv = tlv};
	rig_check(rig);
}

static void feed(struct rig *rig, uint32_t peer, const struct origin *o, uint16_t metric, uint16_t seqno)
{
	struct tlv update = make_update(o, metric, seqno);
	router_handle_tlv(rig->router, peer, &update, rig->now);
	rig_check(rig);
}

static void test_changes_merge(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), slow = rig_peer(rig, 30), fast = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0);
	for (uint16_t seqno = 1; seqno <= 1000; seqno++) {
		feed(rig, a, &o, (uint16_t)(seqno % 2 == 0 ? 100 : 200), seqno);
		read_peer(rig, fast);
		expect_update(rig, fast, &o, (uint16_t)(seqno % 2 == 0 ? 120 : 220), seqno);
	}
	read_peer(rig, slow);
	expect_update(rig, slow, &o, 120, 1000);
	/* Its reader gone, the journal is empty, and given back. */
	read_peer(rig, a);
	expect_silence(rig);
	assert_int_equal(router_sizes(rig->router).dirty_marks, 0);
	rig_stop(rig);
}

/* Many destinations, changed over and over: the slow peer gets each once, in its last state, and memory stays. */
static void test_slow_peer_costs_no_more_than_the_table(void **state)
{
	(void)state;
	enum { COUNT = 500 };
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), slow = rig_peer(rig, 30);
	size_t bytes = 0;
	for (uint16_t round = 1; round <= 40; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			struct origin o = origin_make(1 + (i * 7 + round) % COUNT, 0);
			struct tlv update = make_update(&o, (uint16_t)(round * 20), round);
			router_handle_tlv(rig->router, a, &update, rig->now);
		}
		rig_check(rig);
		if (round == 5)
			bytes = router_sizes(rig->router).bytes;
	}
	assert_int_equal(router_sizes(rig->router).bytes, bytes);
	read_peer(rig, slow);
	assert_int_equal(rig->sent_count, COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(rig->sent[i].tlv.update.metric, 40 * 20 + 20);
	rig_stop(rig);
}

static void test_retractions_first_and_never_lost(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), slow = rig_peer(rig, 30);
	struct origin lost = origin_make(1, 0), kept = origin_make(2, 0), back = origin_make(3, 0);
	feed(rig, a, &lost, 5, 1);
	feed(rig, a, &kept, 5, 1);
	feed(rig, a, &back, 5, 1);
	struct tlv retraction = make_retraction(&lost, &kept);
	router_handle_tlv(rig->router, a, &retraction, rig->now);
	retraction = make_retraction(&back, &kept);
	router_handle_tlv(rig->router, a, &retraction, rig->now);
	feed(rig, a, &back, 5, 2);
	read_peer(rig, slow);
	assert_int_equal(rig->sent_count, 3);
	assert_int_equal(rig->sent[0].tlv.update.metric, METRIC_INFINITE);
	assert_true(subnet_equal(&rig->sent[0].tlv.update.prefix.subnet, &lost.subnet));
	assert_true(subnet_equal(&rig->sent[1].tlv.update.prefix.subnet, &kept.subnet));
	assert_int_equal(rig->sent[2].tlv.update.seqno, 2);
	/* A subnet that is gone altogether is still retracted to who has not heard of it. */
	retraction = make_retraction(&kept, &lost);
	router_handle_tlv(rig->router, a, &retraction, rig->now);
	rig->now += 7000;
	router_tick(rig->router, rig->now);
	read_peer(rig, slow);
	expect_retraction(rig, slow, &kept);
	rig_stop(rig);
}

static void test_order_of_urgency(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), slow = rig_peer(rig, 30);
	struct origin asked = origin_make(1, 0), lost = origin_make(2, 0), fresh = origin_make(3, 0),
		      sought = origin_make(4, 0);
	give_update(rig, a, &asked, 5, 1);
	give_update(rig, a, &lost, 5, 1);
	const struct tlv inputs[] = {
		make_update(&fresh, 5, 1),            /* news */
		make_route_request(sought.subnet, 0), /* to be passed on */
		make_retraction(&lost, &asked),
		{.type = TLV_HELLO},
	};
	for (unsigned i = 0; i < 3; i++)
		router_handle_tlv(rig->router, a, &inputs[i], rig->now);
	struct tlv request = make_route_request(asked.subnet, 0);
	router_handle_tlv(rig->router, slow, &request, rig->now);
	router_handle_tlv(rig->router, slow, &inputs[3], rig->now);
	read_peer(rig, slow);
	assert_int_equal(rig->sent_count, 5);
	assert_int_equal(rig->sent[0].tlv.type, TLV_IHU);
	assert_int_equal(rig->sent[1].tlv.update.metric, METRIC_INFINITE);
	assert_true(subnet_equal(&rig->sent[2].tlv.update.prefix.subnet, &asked.subnet));
	assert_int_equal(rig->sent[3].tlv.type, TLV_ROUTE_REQUEST);
	assert_true(subnet_equal(&rig->sent[4].tlv.update.prefix.subnet, &fresh.subnet));
	rig_stop(rig);
}

/* A peer is offered when something is due, and after it was passed by only when it is writable again. */
static void test_ready_peers(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), b = rig_peer(rig, 30);
	struct origin o = origin_make(1, 0), other = origin_make(2, 0);
	struct tlv tlv;
	assert_int_equal(router_next_ready_peer(rig->router), ROUTER_NO_PEER);
	router_peer_writable(rig->router, b);
	assert_int_equal(router_next_ready_peer(rig->router), ROUTER_NO_PEER);
	feed(rig, a, &o, 5, 1);
	assert_int_equal(router_next_ready_peer(rig->router), a);
	assert_false(router_next_tlv(rig->router, a, rig->now, &tlv));
	assert_int_equal(router_next_ready_peer(rig->router), b); /* passed by */
	assert_int_equal(router_next_ready_peer(rig->router), ROUTER_NO_PEER);
	feed(rig, a, &other, 5, 1);
	assert_int_equal(router_next_ready_peer(rig->router), a);
	assert_int_equal(router_next_ready_peer(rig->router), ROUTER_NO_PEER);
	router_peer_writable(rig->router, b);
	assert_int_equal(router_next_ready_peer(rig->router), b);
	assert_true(router_next_tlv(rig->router, b, rig->now, &tlv));
	assert_true(router_next_tlv(rig->router, b, rig->now, &tlv));
	assert_false(router_next_tlv(rig->router, b, rig->now, &tlv));
	assert_false(router_next_tlv(rig->router, ROUTER_NO_PEER, rig->now, &tlv));
	rig_stop(rig);
}

static void test_slow_peer_dies(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 20), slow = rig_peer(rig, 30);
	for (unsigned i = 0; i < 200; i++) {
		struct origin o = origin_make(1 + i, 0);
		feed(rig, a, &o, 5, 1);
	}
	read_peer(rig, a);
	assert_int_equal(router_sizes(rig->router).dirty_marks, 200);
	router_peers_died(rig->router, &slow, 1, rig->now);
	assert_int_equal(router_sizes(rig->router).dirty_marks, 0);
	rig_check(rig);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_merge),
		cmocka_unit_test(test_slow_peer_costs_no_more_than_the_table),
		cmocka_unit_test(test_retractions_first_and_never_lost),
		cmocka_unit_test(test_order_of_urgency),
		cmocka_unit_test(test_ready_peers),
		cmocka_unit_test(test_slow_peer_dies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
