// SPDX-License-Identifier: Apache-2.0
/* The queue in virtual time: who is told to slow down, when, and how (RFC 8289). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue_scene.h"

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
	return cmocka_run_group_tests_name("queue_codel", tests, NULL, NULL);
}
