// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "base/slot.h"

enum { LIMIT = 4 * SLOTS_PER_SLAB };

static void slot_has_room_on_both_sides(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(LIMIT);
	struct slot *slot = slot_take(pool, 1400, 28);
	assert_non_null(slot);
	assert_int_equal(slot->len, 1400);
	assert_int_equal(slot->data - slot->bytes, SLOT_HEADROOM);
	assert_true(slot->capacity >= SLOT_HEADROOM + 1400 + 28);
	/* All of it may be written. */
	memset(slot->bytes, 0xaa, slot->capacity);
	assert_int_equal(slot_pool_used(pool), 1);
	slot_give(pool, slot);
	slot_give(pool, NULL);
	assert_int_equal(slot_pool_used(pool), 0);
	slot_pool_free(pool);
	slot_pool_free(NULL);
}

static void limit_is_kept_and_slots_come_back(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(LIMIT);
	static struct slot *held[LIMIT];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < LIMIT; i++) {
			held[i] = slot_take(pool, 100, 0);
			assert_non_null(held[i]);
		}
		assert_null(slot_take(pool, 100, 0));
		assert_int_equal(slot_pool_used(pool), LIMIT);
		for (int i = 0; i < LIMIT; i++)
			slot_give(pool, held[i]);
	}
	slot_pool_free(pool);
}

static void jumbos_are_few_and_apart(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(SLOTS_PER_SLAB);
	struct slot *held[SLOT_JUMBOS_MAX];
	for (int i = 0; i < SLOT_JUMBOS_MAX; i++) {
		held[i] = slot_take(pool, 65535, 40);
		assert_non_null(held[i]);
		assert_int_equal(held[i]->len, 65535);
		memset(held[i]->bytes, i, held[i]->capacity);
	}
	assert_null(slot_take(pool, 65535, 40));
	/* They do not use up the ordinary ones. */
	struct slot *ordinary = slot_take(pool, 100, 0);
	assert_non_null(ordinary);
	slot_give(pool, ordinary);
	for (int i = 0; i < SLOT_JUMBOS_MAX; i++)
		slot_give(pool, held[i]);
	struct slot *again = slot_take(pool, 65535, 40);
	assert_non_null(again);
	slot_give(pool, again);
	assert_int_equal(slot_pool_used(pool), 0);
	slot_pool_free(pool);
}

static void border_between_ordinary_and_jumbo(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(SLOTS_PER_SLAB);
	const size_t largest = SLOT_CAPACITY - SLOT_HEADROOM;
	struct slot *ordinary = slot_take(pool, largest, 0);
	struct slot *jumbo = slot_take(pool, largest, 1);
	assert_int_equal(ordinary->capacity, SLOT_CAPACITY);
	assert_int_equal(jumbo->capacity, SLOT_CAPACITY + 1);
	slot_give(pool, ordinary);
	slot_give(pool, jumbo);
	slot_pool_free(pool);
}

/* Each slot out carries its own pattern, so two slots that share a byte are noticed. */
static void slots_never_overlap(void **state)
{
	(void)state;
	enum { HELD = 100 };
	struct slot_pool *pool = slot_pool_new(LIMIT);
	struct slot *held[HELD] = {NULL};
	struct rng rng = rng_seeded(1);
	for (int i = 0; i < 20000; i++) {
		size_t at = rng_below(&rng, HELD);
		if (held[at] == NULL) {
			held[at] = slot_take(pool, 1 + rng_below(&rng, 1400), 28);
			memset(held[at]->data, (int)at, held[at]->len);
			continue;
		}
		for (size_t b = 0; b < held[at]->len; b++)
			assert_int_equal(held[at]->data[b], at);
		slot_give(pool, held[at]);
		held[at] = NULL;
	}
	for (int i = 0; i < HELD; i++)
		slot_give(pool, held[i]);
	assert_int_equal(slot_pool_used(pool), 0);
	slot_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_has_room_on_both_sides),
		cmocka_unit_test(limit_is_kept_and_slots_come_back),
		cmocka_unit_test(jumbos_are_few_and_apart),
		cmocka_unit_test(border_between_ordinary_and_jumbo),
		cmocka_unit_test(slots_never_overlap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
