// SPDX-License-Identifier: Apache-2.0
/*
 * The queue against a twin that follows the texts of RFC 8290 and RFC 8289 word by word: one list of all that wait, searched
 * from its start each time, and times with a fraction. Whatever is put and taken, both hand out the same packets with the
 * same marks, and count the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/queue.h"

enum { POOL = 4096, NONE = UINT32_MAX, MS = 1000, NUMBER_AT = 8, FLOWS = QUEUE_FLOWS, LIMIT = 2048, LIMIT_BYTES = 3145728 };
enum { QUANTUM = 1514, TARGET = 5 * MS, INTERVAL = 100 * MS };

struct twin_packet {
	uint32_t flow, number;
	size_t len;
	uint64_t at_us;
	bool may_mark;
};

enum where { NOWHERE, IN_NEW, IN_OLD };

struct twin_flow {
	enum where where;
	long credits;
	bool dropping;
	unsigned count, last_count;
	double first_above, drop_next; /* first_above: 0 when not above */
};

struct order {
	size_t count;
	uint32_t flows[FLOWS];
};

struct twin {
	struct twin_packet waiting[LIMIT + 1];
	size_t count;
	struct twin_flow flows[FLOWS];
	struct order new_flows, old_flows;
	uint64_t overflow, delayed, marked;
	bool unsure; /* a time was so close that rounding decides */
};

static void order_push(struct order *order, uint32_t flow)
{
	assert_true(order->count < FLOWS);
	order->flows[order->count++] = flow;
}

static void order_shift(struct order *order)
{
	memmove(order->flows, order->flows + 1, --order->count * sizeof(order->flows[0]));
}

static size_t bytes_of(const struct twin *twin, uint32_t flow, bool all)
{
	size_t bytes = 0;
	for (size_t i = 0; i < twin->count; i++)
		if (all || twin->waiting[i].flow == flow)
			bytes += twin->waiting[i].len;
	return bytes;
}

/* Removes the oldest packet of a flow. Returns false when there is none. */
static bool remove_oldest(struct twin *twin, uint32_t flow, struct twin_packet *ret)
{
	for (size_t i = 0; i < twin->count; i++) {
		if (twin->waiting[i].flow != flow)
			continue;
		*ret = twin->waiting[i];
		memmove(&twin->waiting[i], &twin->waiting[i + 1], (--twin->count - i) * sizeof(*ret));
		return true;
	}
	return false;
}

/* Of equals the first by number, which nobody relies on. */
static uint32_t find_fattest(const struct twin *twin)
{
	static size_t bytes[FLOWS];
	memset(bytes, 0, sizeof(bytes));
	uint32_t fattest = 0;
	for (size_t i = 0; i < twin->count; i++)
		bytes[twin->waiting[i].flow] += twin->waiting[i].len;
	for (uint32_t i = 0; i < FLOWS; i++)
		if (bytes[i] > bytes[fattest])
			fattest = i;
	return fattest;
}

static void twin_put(struct twin *twin, struct twin_packet packet, size_t most)
{
	most = most < LIMIT ? most : LIMIT;
	while (twin->count > 0 && (twin->count + 1 > most || bytes_of(twin, 0, true) + packet.len > LIMIT_BYTES)) {
		struct twin_packet lost;
		assert_true(remove_oldest(twin, find_fattest(twin), &lost));
		twin->overflow++;
	}
	twin->waiting[twin->count++] = packet;
	struct twin_flow *flow = &twin->flows[packet.flow];
	if (flow->where == NOWHERE) {
		flow->where = IN_NEW;
		flow->credits = QUANTUM;
		order_push(&twin->new_flows, packet.flow);
	}
}

/* Newton's. */
static double root_of(double value)
{
	double root = value;
	for (unsigned i = 0; i < 40; i++)
		root = (root + value / root) / 2;
	return root;
}

/* "now >= at", where each step of the law may be off by 2 µs. */
static bool is_reached(struct twin *twin, uint64_t now_us, double at, unsigned steps)
{
	double over = (double)now_us - at, rounding = 2.0 * (steps + 1);
	twin->unsure |= over >= -rounding && over <= rounding;
	return over >= 0;
}

/* RFC 8289, 5.5: dodequeue. */
static bool do_dequeue(struct twin *twin, uint32_t at, uint64_t now_us, struct twin_packet *ret, bool *ret_ok_to_drop)
{
	struct twin_flow *flow = &twin->flows[at];
	*ret_ok_to_drop = false;
	bool found = remove_oldest(twin, at, ret);
	if (!found || now_us - ret->at_us < TARGET || bytes_of(twin, at, false) <= QUANTUM)
		flow->first_above = 0;
	else if (flow->first_above == 0)
		flow->first_above = (double)now_us + INTERVAL;
	else
		*ret_ok_to_drop = (double)now_us >= flow->first_above;
	return found;
}

/* Drops the packet and takes the next, unless a mark does. */
static bool drop_or_mark(struct twin *twin, uint32_t at, uint64_t now_us, struct twin_packet *packet, bool *ret_ok_to_drop,
			 bool *ret_marked)
{
	*ret_marked = packet->may_mark;
	twin->marked += packet->may_mark;
	twin->delayed += !packet->may_mark;
	return packet->may_mark || do_dequeue(twin, at, now_us, packet, ret_ok_to_drop);
}

/* RFC 8289, 5.5: dequeue. Returns false when the flow has no packet. */
static bool codel_dequeue(struct twin *twin, uint32_t at, uint64_t now_us, struct twin_packet *ret, bool *ret_marked)
{
	struct twin_flow *flow = &twin->flows[at];
	bool ok_to_drop, found = do_dequeue(twin, at, now_us, ret, &ok_to_drop);
	*ret_marked = false;
	if (flow->dropping) {
		flow->dropping = ok_to_drop;
		while (flow->dropping && !*ret_marked &&
		       is_reached(twin, now_us, flow->drop_next, flow->count - flow->last_count)) {
			flow->count++;
			found = drop_or_mark(twin, at, now_us, ret, &ok_to_drop, ret_marked);
			flow->dropping = ok_to_drop;
			if (ok_to_drop)
				flow->drop_next += INTERVAL / root_of(flow->count);
		}
	} else if (ok_to_drop) {
		found = drop_or_mark(twin, at, now_us, ret, &ok_to_drop, ret_marked);
		flow->dropping = true;
		unsigned delta = flow->count - flow->last_count;
		bool lately = delta > 1 && !is_reached(twin, now_us, flow->drop_next + 16.0 * INTERVAL, delta);
		flow->count = flow->last_count = lately ? delta : 1;
		flow->drop_next = (double)now_us + INTERVAL / root_of(flow->count);
	}
	return found;
}

/* RFC 8290, 4.2. Returns false when all is empty. */
static bool twin_take(struct twin *twin, uint64_t now_us, struct twin_packet *ret, bool *ret_marked)
{
	while (twin->new_flows.count + twin->old_flows.count > 0) {
		struct order *order = twin->new_flows.count > 0 ? &twin->new_flows : &twin->old_flows;
		uint32_t at = order->flows[0];
		struct twin_flow *flow = &twin->flows[at];
		bool more_credits = flow->credits <= 0;
		if (more_credits)
			flow->credits += QUANTUM;
		else if (codel_dequeue(twin, at, now_us, ret, ret_marked)) {
			flow->credits -= (long)ret->len;
			return true;
		}
		order_shift(order);
		flow->where = more_credits || flow->where == IN_NEW ? IN_OLD : NOWHERE;
		if (flow->where == IN_OLD)
			order_push(&twin->old_flows, at);
	}
	return false;
}

/* ---- both at once ------------------------------------------------------------------------------------------------ */

/* What a run is like. */
struct habit {
	unsigned flows;
	size_t share;	       /* of the pool */
	unsigned put_of_10;    /* how many of 10 steps put, while filling */
	uint64_t step_us;      /* the most between two steps */
	unsigned jump_of_1000; /* steps behind which time jumps */
};

struct pair {
	struct queue queue;
	struct twin twin;
	struct slot_pool *pool;
	struct rng rng;
	uint64_t now_us;
	uint32_t puts, takes;
	uint32_t last_of_hash[2 * FLOWS]; /* number of the last packet taken, and one */
};

static size_t some_len(struct rng *rng)
{
	switch (rng_below(rng, 40)) {
	case 0:
		return 20000 + rng_below(rng, 45576);
	case 1:
	case 2:
	case 3:
	case 4:
		return 40 + rng_below(rng, 60);
	default:
		return 40 + rng_below(rng, 1380);
	}
}

static void put_both(struct pair *pair, const struct habit *habit)
{
	struct rng *rng = &pair->rng;
	size_t len = some_len(rng);
	struct slot *slot = slot_take(pair->pool, len, 0);
	if (slot == NULL)
		return; /* too many large ones */
	uint32_t number = pair->puts++, hash = (uint32_t)rng_below(rng, rng_below(rng, 3) == 0 ? 2 : habit->flows);
	memset(slot->data, 0, 40);
	slot->data[0] = 0x60;
	slot->data[1] = (uint8_t)rng_next(rng);
	memcpy(&slot->data[NUMBER_AT], &number, sizeof(number));
	slot->flow = hash;
	slot->is_packet = rng_below(rng, 4) > 0;
	struct twin_packet packet = {hash % FLOWS, number, len, pair->now_us, slot->is_packet && slot->data[1] / 16 % 4 > 0};
	size_t share = rng_below(rng, 1000) == 0 ? rng_below(rng, 50) : habit->share;
	twin_put(&pair->twin, packet, share);
	queue_put_data(&pair->queue, slot, share, pair->now_us, pair->pool);
}

static void check_taken(struct pair *pair, struct slot *slot, const struct twin_packet *packet, bool marked)
{
	uint32_t number;
	memcpy(&number, &slot->data[NUMBER_AT], sizeof(number));
	assert_int_equal(number, packet->number);
	assert_int_equal(slot->len, packet->len);
	if (marked)
		assert_int_equal(slot->data[1] & 0x30, 0x30);
	/* Order is kept whatever the twin thinks. */
	assert_true(slot->flow < 2 * FLOWS && pair->last_of_hash[slot->flow] <= number);
	pair->last_of_hash[slot->flow] = number + 1;
	pair->takes++;
}

static bool take_both(struct pair *pair)
{
	struct twin_packet packet;
	bool control, marked = false, found = twin_take(&pair->twin, pair->now_us, &packet, &marked);
	if (pair->twin.unsure)
		return false;
	struct slot *slot = queue_take(&pair->queue, pair->now_us, pair->pool, &control);
	assert_false(control);
	assert_int_equal(slot != NULL, found);
	if (slot != NULL)
		check_taken(pair, slot, &packet, marked);
	slot_give(pair->pool, slot);
	return true;
}

static void check_counts(const struct pair *pair)
{
	const struct queue *queue = &pair->queue;
	assert_int_equal(queue->counters.overflow, pair->twin.overflow);
	assert_int_equal(queue->counters.delayed, pair->twin.delayed);
	assert_int_equal(queue->counters.marked, pair->twin.marked);
	size_t waiting = slot_pool_used(pair->pool);
	assert_int_equal(waiting, pair->twin.count);
	assert_int_equal(queue_empty(queue), waiting == 0);
	assert_int_equal(pair->puts, pair->takes + queue->counters.overflow + queue->counters.delayed + waiting);
}

static uint64_t some_time(struct rng *rng, const struct habit *habit)
{
	static const uint64_t jumps[] = {20 * MS, 150 * MS, 2000 * MS, 3600000 * (uint64_t)MS};
	if (rng_below(rng, 1000) < habit->jump_of_1000)
		return rng_below(rng, jumps[rng_below(rng, 4)]);
	return rng_below(rng, 1 + habit->step_us);
}

/* Returns how many steps both agreed on. */
static unsigned run(struct pair *pair, const struct habit *habit, unsigned steps)
{
	unsigned step = 0;
	for (; step < steps; step++) {
		bool filling = step / 700 % 2 == 0;
		if (rng_below(&pair->rng, 10) < (filling ? habit->put_of_10 : 10 - habit->put_of_10))
			put_both(pair, habit);
		else if (!take_both(pair))
			return step;
		check_counts(pair);
		pair->now_us += some_time(&pair->rng, habit);
	}
	while (!queue_empty(&pair->queue) && take_both(pair))
		check_counts(pair);
	return step;
}

/* A queue that is never empty for long, one whose link stands still at times, many flows, few places. */
static const struct habit habits[] = {
	{1, SIZE_MAX, 6, 300, 0},   {3, SIZE_MAX, 6, 200, 2},	{40, SIZE_MAX, 7, 100, 1}, {40, 60, 6, 500, 2},
	{2000, SIZE_MAX, 8, 50, 0}, {2000, 300, 7, 200, 1},	{2, SIZE_MAX, 5, 2000, 0}, {6, 500, 9, 400, 5},
	{2, 200, 5, 700, 0},	    {2000, SIZE_MAX, 9, 0, 10},
};

static void agrees_with_the_twin(void **state)
{
	(void)state;
	enum { ROUNDS = 12, STEPS = 6000, HABITS = sizeof(habits) / sizeof(habits[0]) };
	uint64_t agreed = 0, overflow = 0, delayed = 0, marked = 0;
	for (uint64_t seed = 1; seed <= ROUNDS * HABITS; seed++) {
		struct pair *pair = calloc(1, sizeof(*pair));
		assert_non_null(pair);
		pair->pool = slot_pool_new(POOL);
		pair->rng = rng_seeded(seed);
		pair->now_us = 1000000 + rng_below(&pair->rng, 1000000);
		agreed += run(pair, &habits[seed % HABITS], STEPS);
		overflow += pair->queue.counters.overflow;
		delayed += pair->queue.counters.delayed;
		marked += pair->queue.counters.marked;
		queue_clear(&pair->queue, pair->pool);
		assert_int_equal(slot_pool_used(pair->pool), 0);
		slot_pool_free(pair->pool);
		free(pair);
	}
	print_message("%llu of %u steps, %llu overflow, %llu delayed, %llu marked\n", (unsigned long long)agreed,
		      ROUNDS * HABITS * STEPS, (unsigned long long)overflow, (unsigned long long)delayed,
		      (unsigned long long)marked);
	/* Runs that rounding ended are few. */
	assert_true(agreed > (uint64_t)ROUNDS * HABITS * STEPS / 2);
	assert_true(overflow > 1000 && delayed > 1000 && marked > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_twin),
	};
	return cmocka_run_group_tests_name("queue_twin", tests, NULL, NULL);
}
