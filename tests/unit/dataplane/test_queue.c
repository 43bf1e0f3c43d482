// SPDX-License-Identifier: Apache-2.0
/* The queue in virtual time: who goes first, who gives way, and who is told to slow down (RFC 8290, RFC 8289). Whatever else
 * may happen is left to test_queue_twin.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/queue.h"

enum { POOL = 8192, NONE = UINT32_MAX, MS = 1000 };

struct scene {
	struct queue queue;
	struct slot_pool *pool;
	uint64_t now_us;
};

static struct scene *scene_new(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	scene->pool = slot_pool_new(POOL);
	scene->now_us = 1000000;
	return scene;
}

static void scene_free(struct scene *scene)
{
	queue_clear(&scene->queue, scene->pool);
	assert_true(queue_empty(&scene->queue));
	assert_int_equal(slot_pool_used(scene->pool), 0);
	slot_pool_free(scene->pool);
	free(scene);
}

static struct slot *numbered(struct scene *scene, uint32_t number, size_t len)
{
	struct slot *slot = slot_take(scene->pool, len, 0);
	assert_non_null(slot);
	slot->flow = 0;
	memset(slot->data, 0, len);
	memcpy(slot->data + 8, &number, sizeof(number));
	return slot;
}

static void put(struct scene *scene, uint32_t flow, uint32_t number, size_t len)
{
	struct slot *slot = numbered(scene, number, len);
	slot->flow = flow;
	queue_put_data(&scene->queue, slot, SIZE_MAX, scene->now_us, scene->pool);
}

static void put_control(struct scene *scene, uint32_t number)
{
	queue_put_control(&scene->queue, numbered(scene, number, 16));
}

/* Takes the next slot, gives it back and returns its number. */
static uint32_t take(struct scene *scene, bool *ret_control)
{
	uint32_t number = NONE;
	struct slot *slot = queue_take(&scene->queue, scene->now_us, scene->pool, ret_control);
	if (slot != NULL)
		memcpy(&number, slot->data + 8, sizeof(number));
	slot_give(scene->pool, slot);
	return number;
}

static uint32_t take_data(struct scene *scene)
{
	bool control;
	uint32_t number = take(scene, &control);
	assert_false(control);
	return number;
}

/* ---- order and room ---------------------------------------------------------------------------------------------- */

static void control_first(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	assert_true(queue_empty(&scene->queue));
	put(scene, 1, 10, 40);
	put_control(scene, 20);
	put(scene, 1, 11, 40);
	put_control(scene, 21);
	assert_false(queue_empty(&scene->queue));
	const uint32_t order[] = {20, 21, 10, 11};
	for (unsigned i = 0; i < 4; i++) {
		bool control;
		assert_int_equal(take(scene, &control), order[i]);
		assert_int_equal(control, i < 2);
	}
	assert_true(queue_empty(&scene->queue));
	assert_int_equal(take_data(scene), NONE);
	put(scene, 1, 30, 40);
	assert_int_equal(take_data(scene), 30);
	scene_free(scene);
}

static void oldest_of_one_flow_gives_way(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < QUEUE_CONTROL_MAX; i++)
		put_control(scene, 5000 + i);
	for (uint32_t i = 0; i < QUEUE_DATA_PACKETS_MAX + 10; i++)
		put(scene, 1, i, 40);
	assert_int_equal(scene->queue.counters.overflow, 10);
	assert_int_equal(slot_pool_used(scene->pool), QUEUE_CONTROL_MAX + QUEUE_DATA_PACKETS_MAX);
	for (uint32_t i = 0; i < QUEUE_CONTROL_MAX; i++) {
		bool control;
		assert_int_equal(take(scene, &control), 5000 + i);
	}
	assert_int_equal(take_data(scene), 10);
	scene_free(scene);
}

static void bytes_are_bounded(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	uint32_t fits = QUEUE_DATA_BYTES_MAX / 65575;
	for (uint32_t i = 0; i < fits; i++)
		put(scene, 1, i, 65575);
	assert_int_equal(scene->queue.counters.overflow, 0);
	put(scene, 1, 99, 65575);
	assert_int_equal(scene->queue.counters.overflow, 1);
	assert_int_equal(take_data(scene), 1);
	scene_free(scene);
}

/* The flow with the most bytes pays, though others have more packets, and the new one is another's. */
static void the_fattest_gives_way(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < QUEUE_DATA_PACKETS_MAX - 100; i++)
		put(scene, 1, i, 60);
	for (uint32_t i = 0; i < 100; i++)
		put(scene, 2, 10000 + i, 1400);
	for (uint32_t i = 0; i < 5; i++)
		put(scene, 3, 20000 + i, 60);
	assert_int_equal(scene->queue.counters.overflow, 5);
	uint32_t first_of_2 = NONE;
	for (uint32_t number; (number = take_data(scene)) != NONE;)
		if (number >= 10000 && number < 20000 && first_of_2 == NONE)
			first_of_2 = number;
	assert_int_equal(first_of_2, 10005);
	scene_free(scene);
}

static void a_smaller_share_shortens_the_queue(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < 100; i++)
		queue_put_data(&scene->queue, numbered(scene, i, 40), 100, scene->now_us, scene->pool);
	assert_int_equal(scene->queue.counters.overflow, 0);
	queue_put_data(&scene->queue, numbered(scene, 100, 40), 5, scene->now_us, scene->pool);
	assert_int_equal(slot_pool_used(scene->pool), 5);
	assert_int_equal(scene->queue.counters.overflow, 96);
	queue_put_data(&scene->queue, numbered(scene, 101, 40), 0, scene->now_us, scene->pool);
	assert_int_equal(slot_pool_used(scene->pool), 1);
	assert_int_equal(take_data(scene), 101);
	scene_free(scene);
}

/* Many flows and a link that takes nothing: each loses what it has in turn, the new packet always stays. */
static void flows_that_lost_all_are_passed_over(void **state)
{
	(void)state;
	enum { PACKETS = 20000 };
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < PACKETS; i++)
		put(scene, i * 2654435761u, i, 40 + i % 7);
	assert_int_equal(slot_pool_used(scene->pool), QUEUE_DATA_PACKETS_MAX);
	assert_int_equal(scene->queue.counters.overflow, PACKETS - QUEUE_DATA_PACKETS_MAX);
	/* The pool is nearly used up by others. */
	for (uint32_t share = 1000; share > 0; share /= 3) {
		queue_put_data(&scene->queue, numbered(scene, PACKETS + share, 40), share, scene->now_us, scene->pool);
		assert_int_equal(slot_pool_used(scene->pool), share);
	}
	assert_int_equal(take_data(scene), PACKETS + 1);
	assert_int_equal(take_data(scene), NONE);
	scene_free(scene);
}

static void clearing_gives_all_back(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < 3000; i++) {
		put(scene, i % 300, i, 700);
		if (i % 3 == 0)
			take_data(scene);
	}
	put_control(scene, 3000);
	queue_clear(&scene->queue, scene->pool);
	assert_int_equal(slot_pool_used(scene->pool), 0);
	assert_true(queue_empty(&scene->queue));
	assert_int_equal(take_data(scene), NONE);
	/* It starts anew: in the order of their coming, nothing owed. */
	put(scene, 5, 1, 700);
	put(scene, 7, 2, 700);
	assert_int_equal(take_data(scene), 1);
	assert_int_equal(take_data(scene), 2);
	scene_free(scene);
}

/* ---- flows ------------------------------------------------------------------------------------------------------- */

/* A packet of a flow that just began leaves before those that wait of another. */
static void a_new_flow_goes_first(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < 100; i++)
		put(scene, 1, i, 1400);
	/* The first turn of flow 1 is over. */
	assert_int_equal(take_data(scene), 0);
	assert_int_equal(take_data(scene), 1);
	assert_int_equal(take_data(scene), 2);
	put(scene, 2, 1000, 100);
	assert_int_equal(take_data(scene), 1000);
	assert_int_equal(take_data(scene), 3);
	scene_free(scene);
}

/* One that stops and starts again does not stay new: one that was served before waits for its turn among the old. */
static void a_flow_is_new_only_once(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < 20; i++)
		put(scene, 1, i, 1514);
	assert_int_equal(take_data(scene), 0);
	put(scene, 2, 100, 100);
	assert_int_equal(take_data(scene), 100);
	/* Flow 2 is found empty, and goes behind flow 1. */
	assert_int_equal(take_data(scene), 1);
	put(scene, 2, 101, 100);
	put(scene, 2, 102, 100);
	assert_int_equal(take_data(scene), 101);
	assert_int_equal(take_data(scene), 102);
	put(scene, 3, 200, 100);
	assert_int_equal(take_data(scene), 200);
	assert_int_equal(take_data(scene), 2);
	scene_free(scene);
}

/* In bytes, whatever the sizes of their packets: within two packets and a quantum. */
static void flows_share_bytes(void **state)
{
	(void)state;
	static const size_t sizes[] = {1400, 100, 700};
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < 600; i++)
		for (uint32_t flow = 0; flow < 3; flow++)
			put(scene, 100 + flow, flow << 16 | i, sizes[flow]);
	uint64_t bytes[3] = {0};
	for (unsigned i = 0; i < 400; i++) {
		uint32_t number = take_data(scene);
		bytes[number >> 16] += sizes[number >> 16];
	}
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 3; j++)
			assert_true(bytes[i] < bytes[j] + 2 * 1400 + QUEUE_QUANTUM);
	scene_free(scene);
}

/* Flows whose hashes meet share a place: none is lost, none is out of order. */
static void hashes_that_meet(void **state)
{
	(void)state;
	enum { FLOWS = 24, EACH = 20 };
	struct scene *scene = scene_new();
	uint32_t next[FLOWS] = {0};
	for (uint32_t i = 0; i < EACH; i++)
		for (uint32_t flow = 0; flow < FLOWS; flow++)
			put(scene, flow % 3 + flow / 3 * QUEUE_FLOWS, flow << 16 | i, 300);
	for (unsigned i = 0; i < FLOWS * EACH; i++) {
		uint32_t number = take_data(scene);
		assert_int_equal(number & 0xffff, next[number >> 16]++);
	}
	assert_true(queue_empty(&scene->queue));
	scene_free(scene);
}

/* ---- CoDel ------------------------------------------------------------------------------------------------------- */

/* A flow that brings a packet every `every_us` and may send one as often, after `ahead` packets were there at once: each
 * waits ahead * every_us. Runs until `until_us`, and notes when packets were dropped or marked. */
struct standing {
	struct scene *scene;
	unsigned ahead;
	uint64_t every_us, until_us;
	bool is_packet, ect;
	uint64_t signals_us[64];
	unsigned signals;
};

static void put_standing(struct standing *standing, uint32_t number)
{
	struct slot *slot = numbered(standing->scene, number, 1400);
	slot->flow = 1;
	slot->is_packet = standing->is_packet;
	slot->data[0] = 0x60;
	slot->data[1] = standing->ect ? 0x20 : 0;
	queue_put_data(&standing->scene->queue, slot, SIZE_MAX, standing->scene->now_us, standing->scene->pool);
}

static void run_standing(struct standing *standing)
{
	struct scene *scene = standing->scene;
	const struct queue_counters *counters = &scene->queue.counters;
	uint32_t number = 0;
	for (; number < standing->ahead; number++)
		put_standing(standing, number);
	for (uint64_t end = scene->now_us + standing->until_us; scene->now_us < end; scene->now_us += standing->every_us) {
		uint64_t before = counters->delayed + counters->marked;
		put_standing(standing, number++);
		uint32_t got = take_data(scene);
		assert_int_not_equal(got, NONE);
		for (; before < counters->delayed + counters->marked && standing->signals < 64; before++)
			standing->signals_us[standing->signals++] = scene->now_us;
	}
}

static void short_waits_are_fine(void **state)
{
	(void)state;
	struct standing standing = {.scene = scene_new(), .ahead = 4, .every_us = 1 * MS, .until_us = 3000 * MS};
	run_standing(&standing);
	assert_int_equal(standing.signals, 0);
	scene_free(standing.scene);
}

/* A link that stands still while it repairs a loss has a longer target, but never none: 30 ms of waiting are fine for one that
 * takes 40 ms, and 120 ms for none. */
static void repairs_are_no_congestion(void **state)
{
	(void)state;
	static const struct {
		uint32_t repair_us;
		unsigned ahead;
		bool told;
	} cases[] = {{0, 30, true}, {4 * MS, 30, true}, {40 * MS, 30, false}, {40 * MS, 50, true}, {UINT32_MAX, 90, false},
		     {UINT32_MAX, 120, true}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct standing standing = {
			.scene = scene_new(), .ahead = cases[i].ahead, .every_us = 1 * MS, .until_us = 1000 * MS};
		standing.scene->queue.repair_us = cases[i].repair_us;
		run_standing(&standing);
		assert_int_equal(standing.signals > 0, cases[i].told);
		scene_free(standing.scene);
	}
}

/* Signals come one interval after the delay rose above target, then at intervals that shrink with the square root of their
 * number, each at the first packet taken from then on. */
static void check_times(const struct standing *standing, uint64_t start_us)
{
	static const double roots[] = {1, 1.4142136, 1.7320508, 2, 2.2360680, 2.4494897, 2.6457513, 2.8284271, 3};
	assert_true(standing->signals > 8);
	/* The first packet that waited long enough is taken 5 ms after the start. */
	double expected = (double)start_us + 5000 + 100000;
	for (unsigned i = 0; i < 9; i++) {
		double off = (double)standing->signals_us[i] - expected;
		assert_true(off > -50 && off < (double)standing->every_us + 50);
		expected += 100000 / roots[i];
	}
}

/* Marking leaves the queue as long as it is. */
static void marks_come_ever_faster(void **state)
{
	(void)state;
	struct standing standing = {.scene = scene_new(), .ahead = 50, .every_us = MS / 2, .until_us = 600 * MS,
				    .is_packet = true, .ect = true};
	uint64_t start_us = standing.scene->now_us;
	run_standing(&standing);
	assert_int_equal(standing.scene->queue.counters.delayed, 0);
	assert_int_equal(standing.scene->queue.counters.marked, standing.signals);
	check_times(&standing, start_us);
	assert_int_equal(slot_pool_used(standing.scene->pool), 50);
	scene_free(standing.scene);
}

/* Both bits of the mark and nothing else; a packet that is marked already counts as told. */
static void only_the_mark_changes(void **state)
{
	(void)state;
	static const uint8_t before[] = {0x1f, 0x2a, 0xf0, 0x30, 0x90}, after[] = {0x3f, 0x3a, 0xf0, 0x30, 0xb0};
	for (unsigned i = 0; i < sizeof(before); i++) {
		struct scene *scene = scene_new();
		uint8_t bytes[1400];
		for (size_t at = 0; at < sizeof(bytes); at++)
			bytes[at] = (uint8_t)(0x60 + at * 7);
		bytes[1] = before[i];
		for (uint32_t k = 0; k < 10; k++) {
			struct slot *slot = numbered(scene, k, sizeof(bytes));
			memcpy(slot->data, bytes, sizeof(bytes));
			slot->is_packet = true;
			queue_put_data(&scene->queue, slot, SIZE_MAX, scene->now_us, scene->pool);
		}
		for (unsigned k = 0; k < 2; k++) {
			bool control;
			scene->now_us += 2 * QUEUE_INTERVAL_US;
			struct slot *slot = queue_take(&scene->queue, scene->now_us, scene->pool, &control);
			bytes[1] = k == 0 ? before[i] : after[i];
			assert_memory_equal(slot->data, bytes, sizeof(bytes));
			slot_give(scene->pool, slot);
		}
		assert_int_equal(scene->queue.counters.marked, 1);
		assert_int_equal(scene->queue.counters.delayed, 0);
		scene_free(scene);
	}
}

/* What cannot be marked is dropped, by the same law: packets that do not understand marks, and sealed frames. */
static void others_are_dropped(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct standing standing = {.scene = scene_new(), .ahead = 400, .every_us = MS / 2, .until_us = 600 * MS,
					    .is_packet = i == 0, .ect = i == 1};
		uint64_t start_us = standing.scene->now_us;
		run_standing(&standing);
		assert_int_equal(standing.scene->queue.counters.marked, 0);
		assert_int_equal(standing.scene->queue.counters.delayed, standing.signals);
		check_times(&standing, start_us);
		scene_free(standing.scene);
	}
}

/* Puts `count` packets at once. */
static void put_many(struct scene *scene, uint32_t *number, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put(scene, 1, (*number)++, 1400);
}

/* Takes one packet every millisecond until the counter of drops is there. Returns how many milliseconds that took. */
static unsigned wait_for_drop(struct scene *scene, uint64_t drops)
{
	unsigned ms = 0;
	for (; scene->queue.counters.delayed < drops; ms++) {
		assert_int_not_equal(take_data(scene), NONE);
		scene->now_us += 1 * MS;
	}
	assert_int_equal(scene->queue.counters.delayed, drops);
	return ms;
}

/* One packet that did not wait ends it, and an interval must pass again. Soon after, it goes on at the pace it had: with a
 * count of 4 - 1, less than an interval over its root lies between. */
static void stops_below_target_and_goes_on(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct scene *scene = scene_new();
		uint32_t number = 0;
		put_many(scene, &number, 1000);
		scene->now_us += 10 * MS;
		/* 100 ms, then 100 ms, 71 ms, 58 ms behind one another. */
		unsigned ms = wait_for_drop(scene, 4);
		assert_in_range(ms, 325, 335);
		/* All the old ones leave at once, which is before the next drop is due. */
		while (take_data(scene) != NONE)
			continue;
		assert_int_equal(scene->queue.counters.delayed, 4);
		put_many(scene, &number, 1000);
		assert_int_not_equal(take_data(scene), NONE);
		scene->now_us += late == 0 ? 1000 * MS : 1700 * MS;
		/* Above target for the first time. */
		assert_int_not_equal(take_data(scene), NONE);
		assert_int_equal(scene->queue.counters.delayed, 4);
		ms = wait_for_drop(scene, 5);
		assert_in_range(ms, 100, 102);
		ms = wait_for_drop(scene, 6);
		/* 100 ms / sqrt(3), or from the start. */
		assert_in_range(ms, late == 0 ? 56 : 98, late == 0 ? 60 : 102);
		scene_free(scene);
	}
}

/* The packet behind the first that is dropped did not wait for long: that ends it. */
static void one_fresh_packet_is_enough(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	uint32_t number = 2;
	put(scene, 1, 0, 1400);
	put(scene, 1, 1, 1600);
	scene->now_us += 10 * MS;
	assert_int_equal(take_data(scene), 0);
	scene->now_us += 99 * MS;
	put_many(scene, &number, 50);
	scene->now_us += 1 * MS;
	assert_int_equal(take_data(scene), 2);
	assert_int_equal(scene->queue.counters.delayed, 1);
	/* Above target again after 10 ms, for 100 ms. */
	for (uint32_t i = 0; i < 10; i++) {
		scene->now_us += 10 * MS;
		assert_int_equal(take_data(scene), 3 + i);
	}
	assert_int_equal(scene->queue.counters.delayed, 1);
	scene->now_us += 10 * MS;
	assert_int_equal(take_data(scene), 14);
	assert_int_equal(scene->queue.counters.delayed, 2);
	scene_free(scene);
}

/* A link that stood still for long: what is overdue goes at once, down to a quantum. */
static void much_is_dropped_behind_a_standstill(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	uint32_t number = 0;
	put_many(scene, &number, 1000);
	scene->now_us += 50 * MS;
	assert_int_equal(take_data(scene), 0);
	scene->now_us += 100 * MS;
	assert_int_equal(take_data(scene), 2);
	assert_int_equal(scene->queue.counters.delayed, 1);
	scene->now_us += 3600000 * (uint64_t)MS;
	/* One packet is less than a quantum. */
	assert_int_equal(take_data(scene), 998);
	assert_int_equal(take_data(scene), 999);
	assert_int_equal(take_data(scene), NONE);
	scene_free(scene);
}

/* Once no more waits than one quantum, the flow is left alone, however old the packet is. */
static void the_last_packet_is_never_dropped(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	for (uint32_t i = 0; i < 1000; i++) {
		put(scene, 1, i, 1400);
		scene->now_us += 50 * MS;
		assert_int_equal(take_data(scene), i);
	}
	assert_int_equal(scene->queue.counters.delayed, 0);
	scene_free(scene);
}

/* A short flow is not punished for the long one beside it. */
static void only_the_flow_that_waits_is_told(void **state)
{
	(void)state;
	struct scene *scene = scene_new();
	uint32_t sparse = 0, got = 0;
	for (uint32_t i = 0; i < 1500; i++)
		put(scene, 1, i, 1400);
	for (unsigned i = 0; i < 1000; i++) {
		if (i % 10 == 0)
			put(scene, 2, 1u << 20 | sparse++, 100);
		uint32_t number = take_data(scene);
		if (number != NONE && number >> 20 == 1)
			assert_int_equal(number & 0xfffff, got++);
		scene->now_us += 1 * MS;
	}
	assert_true(scene->queue.counters.delayed > 10);
	assert_int_equal(got, sparse);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_first),
		cmocka_unit_test(oldest_of_one_flow_gives_way),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(the_fattest_gives_way),
		cmocka_unit_test(a_smaller_share_shortens_the_queue),
		cmocka_unit_test(flows_that_lost_all_are_passed_over),
		cmocka_unit_test(clearing_gives_all_back),
		cmocka_unit_test(a_new_flow_goes_first),
		cmocka_unit_test(a_flow_is_new_only_once),
		cmocka_unit_test(flows_share_bytes),
		cmocka_unit_test(hashes_that_meet),
		cmocka_unit_test(short_waits_are_fine),
		cmocka_unit_test(repairs_are_no_congestion),
		cmocka_unit_test(marks_come_ever_faster),
		cmocka_unit_test(only_the_mark_changes),
		cmocka_unit_test(others_are_dropped),
		cmocka_unit_test(stops_below_target_and_goes_on),
		cmocka_unit_test(one_fresh_packet_is_enough),
		cmocka_unit_test(much_is_dropped_behind_a_standstill),
		cmocka_unit_test(the_last_packet_is_never_dropped),
		cmocka_unit_test(only_the_flow_that_waits_is_told),
	};
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
