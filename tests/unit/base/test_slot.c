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

/* A slot given to another pool waits there: it counts as out, and its place is not free, until it is carried home. */
static void foreign_slots_wait_to_be_carried_home(void **state)
{
	(void)state;
	struct slot_pool *home = slot_pool_new(SLOTS_PER_SLAB), *away = slot_pool_new(SLOTS_PER_SLAB);
	struct slot *held[SLOTS_PER_SLAB];
	assert_null(slot_take_foreign(away));
	for (int i = 0; i < SLOTS_PER_SLAB; i++) {
		held[i] = slot_take(home, 100, 0);
		assert_ptr_equal(held[i]->home, home);
	}
	slot_give(away, held[3]);
	slot_give(away, held[4]);
	assert_int_equal(slot_pool_used(home), SLOTS_PER_SLAB);
	assert_int_equal(slot_pool_used(away), 0);
	assert_null(slot_take(home, 100, 0));
	/* Nor does the other pool use them. */
	struct slot *other = slot_take(away, 100, 0);
	assert_ptr_equal(other->home, away);
	slot_give(away, other);

	unsigned carried = 0;
	for (struct slot *slot; (slot = slot_take_foreign(away)) != NULL; carried++) {
		assert_true(slot == held[3] || slot == held[4]);
		slot_give(slot->home, slot);
	}
	assert_int_equal(carried, 2);
	assert_int_equal(slot_pool_used(home), SLOTS_PER_SLAB - 2);
	assert_null(slot_take_foreign(home));
	for (int i = 0; i < SLOTS_PER_SLAB; i++)
		if (i != 3 && i != 4)
			slot_give(home, held[i]);
	assert_int_equal(slot_pool_used(home), 0);
	slot_pool_free(away);
	slot_pool_free(home);
}

static void foreign_jumbos_count_at_home(void **state)
{
	(void)state;
	struct slot_pool *home = slot_pool_new(SLOTS_PER_SLAB), *away = slot_pool_new(SLOTS_PER_SLAB);
	struct slot *held[SLOT_JUMBOS_MAX];
	for (int i = 0; i < SLOT_JUMBOS_MAX; i++)
		held[i] = slot_take(home, 9000, 0);
	slot_give(away, held[0]);
	assert_null(slot_take(home, 9000, 0));
	struct slot *slot = slot_take_foreign(away);
	assert_ptr_equal(slot, held[0]);
	slot_give(home, slot);
	held[0] = slot_take(home, 9000, 0);
	assert_non_null(held[0]);
	for (int i = 0; i < SLOT_JUMBOS_MAX; i++)
		slot_give(home, held[i]);
	slot_pool_free(home);
	slot_pool_free(away);
}

/* A slot that served a packet is nobody's packet when it is taken again. */
static void slots_are_taken_without_marks(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(SLOTS_PER_SLAB);
	for (int i = 0; i < 2 * SLOTS_PER_SLAB; i++) {
		struct slot *slot = slot_take(pool, i % 2 == 0 ? 100 : 9000, 0);
		assert_false(slot->is_packet);
		assert_null(slot->next);
		slot->is_packet = true;
		slot->next = slot;
		slot_give(pool, slot);
	}
	slot_pool_free(pool);
}

enum { POOLS = 3, WANDERERS = 120 };

/* The naive model of slots that wander between threads: where each one is, nothing else. */
struct wanderer {
	struct slot *slot;	/* NULL: in no pool's hands */
	unsigned home;
	unsigned at;		/* the pool it was given to, POOLS while it is held */
};

static size_t out_of(const struct wanderer *all, unsigned home)
{
	size_t out = 0;
	for (int i = 0; i < WANDERERS; i++)
		out += all[i].slot != NULL && all[i].home == home;
	return out;
}

static void give_somewhere(struct slot_pool *const *pools, struct wanderer *one, unsigned at, uint8_t mark)
{
	for (size_t b = 0; b < one->slot->len; b++)
		assert_int_equal(one->slot->data[b], mark);
	slot_give(pools[at], one->slot);
	one->at = at;
	if (at == one->home)
		one->slot = NULL;
}

static void carry_one_home(struct slot_pool *const *pools, struct wanderer *all, unsigned from)
{
	struct slot *slot = slot_take_foreign(pools[from]);
	int found = -1;
	for (int i = 0; i < WANDERERS; i++) {
		/* One is there as long as the model has one. */
		assert_true(slot != NULL || all[i].slot == NULL || all[i].at != from);
		if (slot != NULL && all[i].slot == slot)
			found = i;
	}
	if (slot == NULL)
		return;
	assert_true(found >= 0);
	assert_int_equal(all[found].at, from);
	assert_ptr_equal(slot->home, pools[all[found].home]);
	give_somewhere(pools, &all[found], all[found].home, (uint8_t)found);
}

static void slots_wander_between_pools(void **state)
{
	(void)state;
	struct slot_pool *pools[POOLS];
	struct wanderer all[WANDERERS] = {0};
	struct rng rng = rng_seeded(2);
	for (unsigned i = 0; i < POOLS; i++)
		pools[i] = slot_pool_new(LIMIT);
	for (int i = 0; i < 30000; i++) {
		unsigned at = (unsigned)rng_below(&rng, POOLS);
		struct wanderer *one = &all[rng_below(&rng, WANDERERS)];
		if (rng_below(&rng, 3) == 0) {
			carry_one_home(pools, all, at);
		} else if (one->slot == NULL) {
			size_t len = rng_below(&rng, 50) == 0 ? 3000 : 1 + rng_below(&rng, 1400);
			*one = (struct wanderer){.slot = slot_take(pools[at], len, 28), .home = at, .at = POOLS};
			assert_non_null(one->slot);
			memset(one->slot->data, (int)(one - all), len);
		} else if (one->at == POOLS) {
			give_somewhere(pools, one, at, (uint8_t)(one - all));
		}
		for (unsigned pool = 0; pool < POOLS; pool++)
			assert_int_equal(slot_pool_used(pools[pool]), out_of(all, pool));
	}
	for (int i = 0; i < WANDERERS; i++)
		if (all[i].slot != NULL && all[i].at == POOLS)
			give_somewhere(pools, &all[i], all[i].home, (uint8_t)i);
	for (unsigned i = 0; i < POOLS; i++)
		for (int turn = 0; turn <= WANDERERS; turn++)
			carry_one_home(pools, all, i);
	for (unsigned i = 0; i < POOLS; i++) {
		assert_int_equal(slot_pool_used(pools[i]), 0);
		slot_pool_free(pools[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_has_room_on_both_sides),
		cmocka_unit_test(limit_is_kept_and_slots_come_back),
		cmocka_unit_test(jumbos_are_few_and_apart),
		cmocka_unit_test(border_between_ordinary_and_jumbo),
		cmocka_unit_test(slots_never_overlap),
		cmocka_unit_test(foreign_slots_wait_to_be_carried_home),
		cmocka_unit_test(foreign_jumbos_count_at_home),
		cmocka_unit_test(slots_are_taken_without_marks),
		cmocka_unit_test(slots_wander_between_pools),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
