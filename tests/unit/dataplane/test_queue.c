// SPDX-License-Identifier: Apache-2.0
/* The queue in virtual time: who goes first, who gives way, and who is told to slow down (RFC 8290, RFC 8289). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
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

/* Marks come one interval after the delay rose above target, then at intervals that shrink with the square root of their
 * number. Marking leaves the queue as long as it is. */
static void marks_come_ever_faster(void **state)
{
	(void)state;
	static const double roots[] = {1, 1.41421, 1.73205, 2, 2.23607, 2.44949, 2.64575, 2.82843, 3, 3.16228};
	struct standing standing = {.scene = scene_new(), .ahead = 50, .every_us = MS / 2, .until_us = 600 * MS,
				    .is_packet = true, .ect = true};
	uint64_t start_us = standing.scene->now_us;
	run_standing(&standing);
	assert_int_equal(standing.scene->queue.counters.delayed, 0);
	assert_true(standing.signals > 8);
	/* The first packet that waited long enough is taken 5 ms after the start. */
	double expected = (double)start_us + QUEUE_TARGET_US + QUEUE_INTERVAL_US;
	for (unsigned i = 0; i < 9; i++) {
		double off = (double)standing.signals_us[i] - expected;
		assert_true(off > -2 * MS && off < 2 * MS);
		expected += QUEUE_INTERVAL_US / roots[i];
	}
	scene_free(standing.scene);
}

/* What cannot be marked is dropped: packets that do not understand marks, and sealed frames. */
static void others_are_dropped(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct standing standing = {.scene = scene_new(), .ahead = 400, .every_us = MS / 2, .until_us = 400 * MS,
					    .is_packet = i == 0, .ect = i == 1};
		run_standing(&standing);
		assert_int_equal(standing.scene->queue.counters.marked, 0);
		assert_true(standing.scene->queue.counters.delayed >= 4);
		scene_free(standing.scene);
	}
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

/* ---- anything ---------------------------------------------------------------------------------------------------- */

enum { RANDOM_FLOWS = 40 };

struct account {
	uint64_t put, taken;
	uint32_t next_put[RANDOM_FLOWS], next_taken[RANDOM_FLOWS];
	size_t waiting_most;
};

static void random_put(struct scene *scene, struct rng *rng, struct account *account)
{
	uint32_t flow = (uint32_t)rng_below(rng, rng_below(rng, 3) == 0 ? 2 : RANDOM_FLOWS);
	size_t len = rng_below(rng, 50) == 0 ? 65575 : 40 + rng_below(rng, 1400);
	struct slot *slot = numbered(scene, flow << 20 | account->next_put[flow]++, len);
	slot->flow = flow / 4 + flow % 4 * QUEUE_FLOWS;
	slot->is_packet = rng_below(rng, 2) == 0;
	slot->data[0] = 0x60;
	slot->data[1] = (uint8_t)(rng_below(rng, 4) << 4);
	size_t share = rng_below(rng, 400) == 0 ? rng_below(rng, 1200) : SIZE_MAX;
	queue_put_data(&scene->queue, slot, share, scene->now_us, scene->pool);
	account->put++;
}

static void random_take(struct scene *scene, struct account *account)
{
	bool control;
	uint32_t number = take(scene, &control);
	if (number == NONE)
		return;
	/* Some of a flow may be missing, none comes late. */
	uint32_t flow = number >> 20, at = number & 0xfffff;
	assert_true(at >= account->next_taken[flow]);
	account->next_taken[flow] = at + 1;
	account->taken++;
}

static void random_operations(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rng rng = rng_seeded(seed);
		struct scene *scene = scene_new();
		struct account account = {0};
		for (uint32_t step = 0; step < 20000; step++) {
			bool filling = step % 6000 < 3500;
			if (rng_below(&rng, 10) < (filling ? 8 : 3))
				random_put(scene, &rng, &account);
			else
				random_take(scene, &account);
			scene->now_us += rng_below(&rng, 100) == 0 ? rng_below(&rng, 60 * MS) : rng_below(&rng, 20);
			const struct queue *queue = &scene->queue;
			assert_true(queue->count <= QUEUE_DATA_PACKETS_MAX && queue->bytes <= QUEUE_DATA_BYTES_MAX);
			assert_int_equal(queue->count, slot_pool_used(scene->pool));
			assert_int_equal(account.put, account.taken + queue->count + queue->counters.overflow +
						      queue->counters.delayed);
			assert_int_equal(queue_empty(queue), queue->count == 0);
		}
		assert_true(scene->queue.counters.overflow > 0 && scene->queue.counters.delayed > 0 &&
			    scene->queue.counters.marked > 0);
		while (!queue_empty(&scene->queue))
			random_take(scene, &account);
		scene_free(scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_first),
		cmocka_unit_test(oldest_of_one_flow_gives_way),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(the_fattest_gives_way),
		cmocka_unit_test(a_smaller_share_shortens_the_queue),
		cmocka_unit_test(a_new_flow_goes_first),
		cmocka_unit_test(flows_share_bytes),
		cmocka_unit_test(hashes_that_meet),
		cmocka_unit_test(short_waits_are_fine),
		cmocka_unit_test(marks_come_ever_faster),
		cmocka_unit_test(others_are_dropped),
		cmocka_unit_test(the_last_packet_is_never_dropped),
		cmocka_unit_test(only_the_flow_that_waits_is_told),
		cmocka_unit_test(random_operations),
	};
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
