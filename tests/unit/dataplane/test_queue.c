// SPDX-License-Identifier: Apache-2.0
/* The queue in virtual time: who goes first and who gives way (RFC 8290). Who is told to slow down is test_queue_codel.c's,
 * whatever else may happen test_queue_twin.c's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue_scene.h"

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
	};
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
