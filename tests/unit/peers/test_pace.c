// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "peers/pace.h"

static void expect_delays(struct pace *pace, struct rng *rng, const uint64_t *nominal, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_in_range(pace_next_delay(pace, rng), nominal[i] * 4 / 5, nominal[i] * 6 / 5);
		pace_failed(pace);
	}
}

static void test_failures_in_a_row(void **state)
{
	(void)state;
	static const uint64_t nominal[] = {5000, 5000, 5000, 5000, 5000, 5000,	5000,  5000,  5000,
					   5000, 5000, 5000, 5000, 10000, 20000, 40000, 60000, 60000};
	struct rng rng = rng_seeded(1);
	struct pace pace = {0};
	expect_delays(&pace, &rng, nominal, sizeof(nominal) / sizeof(nominal[0]));
	assert_int_equal(pace.failures, 18);
	pace_restart(&pace);
	assert_int_equal(pace.failures, 0);
	expect_delays(&pace, &rng, nominal, 14);
}

static void test_quick_attempts(void **state)
{
	(void)state;
	static const uint64_t nominal[] = {250, 500, 700, 700, 700, 700, 700, 700, 700, 700,  700,
					   700, 700, 700, 700, 700, 700, 700, 700, 700, 5000, 5000};
	struct rng rng = rng_seeded(2);
	struct pace pace = {0};
	pace_grant_quick(&pace, 0);
	expect_delays(&pace, &rng, nominal, 22);
	assert_int_equal(pace.failures, 22);
	/* Again after 30 s only. */
	pace_grant_quick(&pace, 29999);
	assert_int_equal(pace.quick_left, 0);
	pace_grant_quick(&pace, 30000);
	expect_delays(&pace, &rng, nominal, 20);
	pace_grant_quick(&pace, 59999);
	assert_int_equal(pace.quick_left, 0);
}

static void test_few_attempts(void **state)
{
	(void)state;
	static const uint64_t nominal[] = {700, 700, 700, 700, 5000};
	struct rng rng = rng_seeded(3);
	struct pace pace = {0};
	pace_grant_few(&pace);
	expect_delays(&pace, &rng, nominal, 5);
	/* They take nothing away. */
	pace_grant_quick(&pace, 0);
	unsigned before = pace.quick_left;
	pace_grant_few(&pace);
	assert_int_equal(pace.quick_left, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_in_a_row),
		cmocka_unit_test(test_quick_attempts),
		cmocka_unit_test(test_few_attempts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
