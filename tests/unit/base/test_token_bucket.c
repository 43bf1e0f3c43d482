// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/token_bucket.h"

static unsigned take_all(struct token_bucket *bucket, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
	unsigned taken = 0;
	while (token_bucket_take(bucket, rate, burst, now_ms))
		taken++;
	return taken;
}

static void burst_then_rate(void **state)
{
	(void)state;
	struct token_bucket bucket = token_bucket_full(5, 1000);
	assert_int_equal(take_all(&bucket, 10, 5, 1000), 5);
	assert_int_equal(take_all(&bucket, 10, 5, 1099), 0);
	assert_int_equal(take_all(&bucket, 10, 5, 1100), 1);
	assert_int_equal(take_all(&bucket, 10, 5, 1350), 2);
	assert_int_equal(take_all(&bucket, 10, 5, 1400), 1);
	/* However long it rests, a burst is a burst. */
	assert_int_equal(take_all(&bucket, 10, 5, UINT64_MAX / 2), 5);
}

/* Over a long time no fraction is lost and none is gained: burst + rate * time, asked at odd moments. */
static void long_run_keeps_the_rate(void **state)
{
	(void)state;
	const uint32_t rate = 7, burst = 3;
	struct token_bucket bucket = token_bucket_full(burst, 0);
	struct rng rng = rng_seeded(1);
	uint64_t now = 0, taken = 0;
	while (now < 1000000) {
		taken += take_all(&bucket, rate, burst, now);
		now += rng_below(&rng, 100);
	}
	assert_in_range(taken, 1000 * rate - 2, 1000 * rate + burst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(long_run_keeps_the_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
