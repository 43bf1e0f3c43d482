// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/random.h"
#include "dataplane/queue.h"

enum { POOL = 4096 };

static struct slot *numbered(struct slot_pool *pool, uint32_t number, size_t len)
{
	struct slot *slot = slot_take(pool, len, 0);
	assert_non_null(slot);
	memcpy(slot->data, &number, sizeof(number));
	return slot;
}

/* Takes the next slot, gives it back and returns its number; UINT32_MAX when there is none. */
static uint32_t take(struct queue *queue, struct slot_pool *pool, bool *ret_control)
{
	uint32_t number = UINT32_MAX;
	struct slot *slot = queue_take(queue, ret_control);
	if (slot != NULL)
		memcpy(&number, slot->data, sizeof(number));
	slot_give(pool, slot);
	return number;
}

static void control_first(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(POOL);
	struct queue queue;
	bool control;
	queue_init(&queue);
	assert_true(queue_empty(&queue));
	queue_put_data(&queue, numbered(pool, 10, 40), SIZE_MAX, pool);
	queue_put_control(&queue, numbered(pool, 20, 16));
	queue_put_data(&queue, numbered(pool, 11, 40), SIZE_MAX, pool);
	queue_put_control(&queue, numbered(pool, 21, 16));
	assert_false(queue_empty(&queue));
	const uint32_t order[] = {20, 21, 10, 11};
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(take(&queue, pool, &control), order[i]);
		assert_int_equal(control, i < 2);
	}
	assert_true(queue_empty(&queue));
	assert_int_equal(take(&queue, pool, &control), UINT32_MAX);
	queue_put_data(&queue, numbered(pool, 30, 40), SIZE_MAX, pool);
	assert_int_equal(take(&queue, pool, &control), 30);
	slot_pool_free(pool);
}

static void oldest_data_gives_way(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(POOL);
	struct queue queue;
	bool control;
	queue_init(&queue);
	for (uint32_t i = 0; i < QUEUE_CONTROL_MAX; i++)
		queue_put_control(&queue, numbered(pool, 5000 + i, 16));
	for (uint32_t i = 0; i < QUEUE_DATA_PACKETS_MAX + 10; i++)
		queue_put_data(&queue, numbered(pool, i, 40), SIZE_MAX, pool);
	assert_int_equal(queue.dropped, 10);
	assert_int_equal(slot_pool_used(pool), QUEUE_CONTROL_MAX + QUEUE_DATA_PACKETS_MAX);
	for (uint32_t i = 0; i < QUEUE_CONTROL_MAX; i++)
		assert_int_equal(take(&queue, pool, &control), 5000 + i);
	assert_int_equal(take(&queue, pool, &control), 10);
	queue_clear(&queue, pool);
	assert_true(queue_empty(&queue));
	assert_int_equal(slot_pool_used(pool), 0);
	slot_pool_free(pool);
}

static void bytes_are_bounded(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(POOL);
	struct queue queue;
	bool control;
	queue_init(&queue);
	uint32_t fits = QUEUE_DATA_BYTES_MAX / 65575;
	for (uint32_t i = 0; i < fits; i++)
		queue_put_data(&queue, numbered(pool, i, 65575), SIZE_MAX, pool);
	assert_int_equal(queue.dropped, 0);
	queue_put_data(&queue, numbered(pool, 99, 65575), SIZE_MAX, pool);
	assert_int_equal(queue.dropped, 1);
	assert_int_equal(take(&queue, pool, &control), 1);
	queue_clear(&queue, pool);
	slot_pool_free(pool);
}

static void a_smaller_share_shortens_the_queue(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(POOL);
	struct queue queue;
	bool control;
	queue_init(&queue);
	for (uint32_t i = 0; i < 100; i++)
		queue_put_data(&queue, numbered(pool, i, 40), 100, pool);
	assert_int_equal(queue.dropped, 0);
	queue_put_data(&queue, numbered(pool, 100, 40), 5, pool);
	assert_int_equal(slot_pool_used(pool), 5);
	assert_int_equal(queue.dropped, 96);
	queue_put_data(&queue, numbered(pool, 101, 40), 0, pool);
	assert_int_equal(slot_pool_used(pool), 1);
	assert_int_equal(take(&queue, pool, &control), 101);
	slot_pool_free(pool);
}

struct twin_item {
	uint32_t number;
	size_t len;
};

struct twin {
	struct twin_item control[400], data[QUEUE_DATA_PACKETS_MAX + 1];
	unsigned controls, datas;
	uint64_t dropped;
};

static void twin_shift(struct twin_item *items, unsigned *count)
{
	memmove(items, items + 1, --*count * sizeof(*items));
}

static void twin_put_data(struct twin *twin, uint32_t number, size_t len, size_t packets_max)
{
	for (;;) {
		size_t bytes = len;
		for (unsigned i = 0; i < twin->datas; i++)
			bytes += twin->data[i].len;
		if (twin->datas == 0 || (twin->datas < packets_max && twin->datas < 1024 && bytes <= 2097152))
			break;
		twin_shift(twin->data, &twin->datas);
		twin->dropped++;
	}
	twin->data[twin->datas++] = (struct twin_item){number, len};
}

static void random_operations(void **state)
{
	(void)state;
	static struct twin twin;
	struct rng rng = rng_seeded(11);
	struct slot_pool *pool = slot_pool_new(POOL);
	struct queue queue;
	queue_init(&queue);
	for (uint32_t step = 0; step < 6000; step++) {
		uint64_t kind = rng_below(&rng, 10);
		size_t len = rng_below(&rng, 20) == 0 ? 65575 : 40 + rng_below(&rng, 1400);
		/* Long phases in which more comes than goes, and the other way round. */
		bool filling = step % 3000 < 1800;
		if (kind == 0 && twin.controls < 400) {
			queue_put_control(&queue, numbered(pool, step, 16));
			twin.control[twin.controls++] = (struct twin_item){step, 16};
		} else if (filling ? kind < 8 : kind < 2) {
			size_t share = rng_below(&rng, 400) == 0 ? rng_below(&rng, 1200) : SIZE_MAX;
			queue_put_data(&queue, numbered(pool, step, len), share, pool);
			twin_put_data(&twin, step, len, share);
		} else {
			bool control;
			struct twin_item *items = twin.controls > 0 ? twin.control : twin.data;
			unsigned *count = twin.controls > 0 ? &twin.controls : &twin.datas;
			uint32_t expected = *count > 0 ? items[0].number : UINT32_MAX;
			bool expected_control = twin.controls > 0;
			if (*count > 0)
				twin_shift(items, count);
			assert_int_equal(take(&queue, pool, &control), expected);
			assert_int_equal(control, expected_control);
		}
		assert_int_equal(queue.dropped, twin.dropped);
		assert_int_equal(slot_pool_used(pool), twin.controls + twin.datas);
		assert_int_equal(queue_empty(&queue), twin.controls + twin.datas == 0);
	}
	assert_true(twin.dropped > 0);
	queue_clear(&queue, pool);
	slot_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_first),
		cmocka_unit_test(oldest_data_gives_way),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(a_smaller_share_shortens_the_queue),
		cmocka_unit_test(random_operations),
	};
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
