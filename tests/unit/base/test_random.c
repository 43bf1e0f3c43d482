// SPDX-License-Identifier: Apache-2.0
/* The first values of xoshiro256** and splitmix64 are their authors' own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/random.h"

static void known_sequence(void **state)
{
	(void)state;
	const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600};
	struct rng rng = {{1, 2, 3, 4}};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(rng_next(&rng) == expected[i]);
}

static void seed_is_spread_by_splitmix64(void **state)
{
	(void)state;
	const uint64_t expected[4] = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec};
	struct rng rng = rng_seeded(0);
	for (int i = 0; i < 4; i++)
		assert_true(rng.state[i] == expected[i]);
}

static void same_seed_same_run(void **state)
{
	(void)state;
	struct rng a = rng_seeded(42), b = rng_seeded(42), c = rng_seeded(43);
	unsigned equal_to_other = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t value = rng_next(&a);
		assert_true(value == rng_next(&b));
		equal_to_other += value == rng_next(&c);
	}
	assert_int_equal(equal_to_other, 0);
}

static void below_stays_below_and_is_even(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(7);
	unsigned seen[10] = {0};
	for (int i = 0; i < 100000; i++)
		seen[rng_below(&rng, 10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(seen[i], 9500, 10500);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rng_below(&rng, 1), 0);
		assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
	}
}

static void system_randomness_differs(void **state)
{
	(void)state;
	uint8_t a[64] = {0}, b[64] = {0}, guard[3] = {1, 2, 3};
	random_fill(a, sizeof(a));
	random_fill(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_fill(guard + 1, 0);
	assert_int_equal(guard[1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sequence),
		cmocka_unit_test(seed_is_spread_by_splitmix64),
		cmocka_unit_test(same_seed_same_run),
		cmocka_unit_test(below_stays_below_and_is_even),
		cmocka_unit_test(system_randomness_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
