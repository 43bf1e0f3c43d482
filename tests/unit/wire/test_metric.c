// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/tlv.h"

static void test_seqno_pairs(void **state)
{
	(void)state;
	static const struct {
		uint16_t a, b;
		bool newer, older;
	} pairs[] = {
		{7, 7, false, false},    {1, 2, false, true},         {3, 30000, false, true},
		{0, 32767, false, true}, {0, 32768, false, false},    {32768, 0, false, false},
		{0, 32769, true, false}, {6, 60000, true, false},     {0, 65535, true, false},
		{65535, 0, false, true}, {40000, 7232, false, false},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(seqno_newer(pairs[i].a, pairs[i].b), pairs[i].newer);
		assert_int_equal(seqno_older(pairs[i].a, pairs[i].b), pairs[i].older);
	}
}

/* Against the definition: a < b iff (b - a) mod 2^16 is below 32768, a > b iff it is above. */
static void test_seqno_definition(void **state)
{
	(void)state;
	for (long a = 0; a < 65536; a += 257)
		for (long b = 0; b < 65536; b += 64) {
			long distance = ((b - a) % 65536 + 65536) % 65536;
			assert_int_equal(seqno_older((uint16_t)a, (uint16_t)b), distance != 0 && distance < 32768);
			assert_int_equal(seqno_newer((uint16_t)a, (uint16_t)b), distance > 32768);
		}
}

static void test_metric_sum(void **state)
{
	(void)state;
	assert_int_equal(metric_add(0, 0), 0);
	assert_int_equal(metric_add(100, 1015), 1115);
	assert_int_equal(metric_add(65533, 1), 65534);
	assert_int_equal(metric_add(65534, 1), 65534);
	assert_int_equal(metric_add(65000, 1000), 65534);
	assert_int_equal(metric_add(65534, 65534), 65534);
	assert_int_equal(metric_add(METRIC_INFINITE, 0), METRIC_INFINITE);
	assert_int_equal(metric_add(0, METRIC_INFINITE), METRIC_INFINITE);
	assert_int_equal(metric_add(METRIC_INFINITE, METRIC_INFINITE), METRIC_INFINITE);
}

static void test_metric_difference(void **state)
{
	(void)state;
	assert_int_equal(metric_subtract(10, 5), 5);
	assert_int_equal(metric_subtract(5, 5), 0);
	assert_int_equal(metric_subtract(5, 10), 0);
	assert_int_equal(metric_subtract(65534, 0), 65534);
	assert_int_equal(metric_subtract(METRIC_INFINITE, 5), METRIC_INFINITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seqno_pairs),
		cmocka_unit_test(test_seqno_definition),
		cmocka_unit_test(test_metric_sum),
		cmocka_unit_test(test_metric_difference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
