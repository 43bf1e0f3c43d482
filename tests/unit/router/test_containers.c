// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "router/fifo.h"
#include "router/index.h"

struct record {
	uint32_t link;
	uint64_t value;
};

static uint64_t hash_record(const struct hash_key *key, const void *record)
{
	return hash_u64(key, ((const struct record *)record)->value);
}

static void test_pool_reuses_and_limits(void **state)
{
	(void)state;
	struct pool pool = pool_empty(sizeof(struct record), 300);
	uint32_t handles[300];
	for (int i = 0; i < 300; i++) {
		handles[i] = pool_take(&pool);
		assert_int_not_equal(handles[i], 0);
		struct record *record = pool_at(&pool, handles[i]);
		assert_int_equal(record->value, 0);
		record->value = (uint64_t)i + 1;
	}
	assert_int_equal(pool_take(&pool), 0);
	size_t bytes = pool_bytes(&pool);
	for (int i = 0; i < 300; i++) {
		const struct record *record = pool_at(&pool, handles[i]);
		assert_int_equal(record->value, i + 1);
	}
	pool_put(&pool, handles[17]);
	uint32_t again = pool_take(&pool);
	assert_int_equal(again, handles[17]);
	const struct record *record = pool_at(&pool, again);
	assert_int_equal(record->value, 0);
	assert_int_equal(record->link, 0);
	assert_int_equal(pool_bytes(&pool), bytes);
	pool_release(&pool);
}

/* Number of records with this value found by walking its chain. */
static unsigned found(const struct index *index, uint64_t value)
{
	unsigned count = 0;
	for (uint32_t handle = index_chain(index, hash_u64(&index->key, value)); handle != 0;
	     handle = index_next(index, handle))
		count += ((const struct record *)pool_at(index->pool, handle))->value == value;
	return count;
}

static void test_index_grows_and_shrinks(void **state)
{
	(void)state;
	enum { COUNT = 5000 };
	struct pool pool = pool_empty(sizeof(struct record), COUNT);
	struct hash_key key = {.k0 = 1, .k1 = 2};
	struct index index;
	assert_int_equal(index_init(&index, &pool, hash_record, &key), 0);
	size_t empty_bytes = index_bytes(&index);
	for (uint64_t value = 1; value <= COUNT; value++) {
		uint32_t handle = pool_take(&pool);
		((struct record *)pool_at(&pool, handle))->value = value;
		index_add(&index, handle);
		assert_int_equal(found(&index, value), 1);
		assert_int_equal(found(&index, value + 1), 0);
	}
	for (uint64_t value = 1; value <= COUNT; value++)
		assert_int_equal(found(&index, value), 1);
	assert_true(index_bytes(&index) <= COUNT * 4 + 4096);
	for (uint32_t handle = 1; handle <= COUNT; handle++) {
		index_remove(&index, handle);
		assert_int_equal(found(&index, handle), 0);
		assert_int_equal(found(&index, handle + 1), handle < COUNT);
	}
	assert_true(index_bytes(&index) <= empty_bytes + 1024);
	index_release(&index);
	pool_release(&pool);
}

/* Random adding and removing against a plain array of flags. */
static void test_index_against_array(void **state)
{
	(void)state;
	enum { COUNT = 2000 };
	struct pool pool = pool_empty(sizeof(struct record), COUNT);
	struct hash_key key = {.k0 = 3, .k1 = 4};
	struct index index;
	assert_int_equal(index_init(&index, &pool, hash_record, &key), 0);
	static uint32_t handle_of[COUNT];
	struct rng rng = rng_seeded(5);
	for (int step = 0; step < 20000; step++) {
		/* Long runs of adding and of removing make the index swing in size. */
		bool adding = step / 3000 % 2 == 0 ? rng_below(&rng, 10) > 1 : rng_below(&rng, 10) < 2;
		uint64_t value = rng_below(&rng, COUNT);
		if (adding && handle_of[value] == 0) {
			handle_of[value] = pool_take(&pool);
			((struct record *)pool_at(&pool, handle_of[value]))->value = value;
			index_add(&index, handle_of[value]);
		} else if (!adding && handle_of[value] != 0) {
			index_remove(&index, handle_of[value]);
			pool_put(&pool, handle_of[value]);
			handle_of[value] = 0;
		}
		assert_int_equal(found(&index, value), handle_of[value] != 0);
	}
	for (uint64_t value = 0; value < COUNT; value++)
		assert_int_equal(found(&index, value), handle_of[value] != 0);
	index_release(&index);
	pool_release(&pool);
}

static void test_fifo_keeps_order(void **state)
{
	(void)state;
	struct fifo fifo = fifo_empty(sizeof(uint32_t), 100);
	uint32_t in = 0, out = 0, item;
	struct rng rng = rng_seeded(9);
	assert_false(fifo_pop(&fifo, &item));
	for (int round = 0; round < 1000; round++) {
		for (uint64_t n = rng_below(&rng, 150); n > 0 && fifo.count < 100; n--, in++)
			assert_true(fifo_push(&fifo, &in));
		if (fifo.count == 100)
			assert_false(fifo_push(&fifo, &in));
		for (uint32_t place = 0; place < fifo.count; place++)
			assert_int_equal(*(uint32_t *)fifo_at(&fifo, place), out + place);
		for (uint64_t n = rng_below(&rng, 150); n > 0 && fifo_pop(&fifo, &item); n--)
			assert_int_equal(item, out++);
	}
	assert_int_equal(fifo.count, in - out);
	while (fifo_pop(&fifo, &item))
		out++;
	assert_int_equal(in, out);
	assert_true(fifo_bytes(&fifo) <= 64 * sizeof(uint32_t));
	fifo_release(&fifo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_reuses_and_limits),
		cmocka_unit_test(test_index_grows_and_shrinks),
		cmocka_unit_test(test_index_against_array),
		cmocka_unit_test(test_fifo_keeps_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
