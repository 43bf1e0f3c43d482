// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "router/wheel.h"

struct record {
	uint32_t link;
	struct wheel_node node;
};

enum { RECORDS = 500 };

static void test_fires_in_time_order(void **state)
{
	(void)state;
	struct pool pool = pool_empty(sizeof(struct record), RECORDS);
	struct wheel wheel = wheel_empty(&pool, offsetof(struct record, node));
	static const uint32_t ticks[] = {1, 255, 256, 257, 511, 512, 10500, 22940, 18000, 65000, 256 * 255 - 1};
	enum { COUNT = sizeof(ticks) / sizeof(ticks[0]) };
	for (unsigned i = 0; i < COUNT; i++)
		wheel_arm(&wheel, pool_take(&pool), ticks[i]);
	uint32_t last = 0;
	for (unsigned fired = 0; fired < COUNT; fired++) {
		uint32_t next;
		while ((next = wheel_next(&wheel)) != WHEEL_NEVER) {
			assert_true(next > wheel.now);
			uint32_t handle = wheel_pop(&wheel, next);
			if (handle == 0)
				continue; /* a coarse bucket was opened */
			assert_int_equal(wheel.now, ticks[handle - 1]);
			assert_true(wheel.now >= last);
			last = wheel.now;
			break;
		}
	}
	assert_int_equal(wheel.count, 0);
	assert_int_equal(wheel_next(&wheel), WHEEL_NEVER);
	pool_release(&pool);
}

/* Arms, re-arms and disarms at random, with jumps of time, against an array of deadlines. */
static void test_against_array(void **state)
{
	(void)state;
	struct pool pool = pool_empty(sizeof(struct record), RECORDS);
	struct wheel wheel = wheel_empty(&pool, offsetof(struct record, node));
	static uint32_t due[RECORDS + 1];
	struct rng rng = rng_seeded(11);
	for (int i = 0; i < RECORDS; i++)
		pool_take(&pool);
	uint32_t now = 0;
	for (int step = 0; step < 20000; step++) {
		uint32_t handle = 1 + (uint32_t)rng_below(&rng, RECORDS);
		uint64_t choice = rng_below(&rng, 10);
		if (choice < 7) {
			static const uint32_t spans[] = {3, 60, 300, 11000, 24000};
			due[handle] = now + 1 + (uint32_t)rng_below(&rng, spans[rng_below(&rng, 5)]);
			wheel_arm(&wheel, handle, due[handle]);
		} else if (choice < 8) {
			due[handle] = 0;
			wheel_disarm(&wheel, handle);
		} else {
			uint32_t until = now + (uint32_t)rng_below(&rng, choice == 8 ? 20 : 3000), last = now;
			for (uint32_t fired; (fired = wheel_pop(&wheel, until)) != 0; due[fired] = 0) {
				assert_int_equal(due[fired], wheel.now);
				assert_true(wheel.now >= last && wheel.now <= until);
				last = wheel.now;
			}
			now = until;
			assert_int_equal(wheel.now, now);
		}
		unsigned armed = 0;
		uint32_t earliest = WHEEL_NEVER;
		for (uint32_t i = 1; i <= RECORDS; i++) {
			if (due[i] == 0)
				continue;
			armed++;
			assert_true(due[i] > now);
			earliest = due[i] < earliest ? due[i] : earliest;
		}
		assert_int_equal(wheel.count, armed);
		assert_true(wheel_next(&wheel) <= earliest);
		assert_true(armed == 0 || wheel_next(&wheel) > now);
	}
	pool_release(&pool);
}

static void test_limits_of_delay(void **state)
{
	(void)state;
	struct pool pool = pool_empty(sizeof(struct record), RECORDS);
	struct wheel wheel = wheel_empty(&pool, offsetof(struct record, node));
	uint32_t past = pool_take(&pool), far = pool_take(&pool);
	assert_int_equal(wheel_pop(&wheel, 1000), 0);
	wheel_arm(&wheel, past, 7);
	wheel_arm(&wheel, far, UINT32_MAX - 1);
	assert_int_equal(wheel_pop(&wheel, 1001), past);
	assert_int_equal(wheel_pop(&wheel, 1000 + WHEEL_DELAY_MAX - 1), 0);
	assert_int_equal(wheel_pop(&wheel, 1000 + WHEEL_DELAY_MAX), far);
	pool_release(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fires_in_time_order),
		cmocka_unit_test(test_against_array),
		cmocka_unit_test(test_limits_of_delay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
