// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"

static void numbers_are_big_endian(void **state)
{
	(void)state;
	const uint8_t expected[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};
	uint8_t bytes[sizeof(expected)];
	struct writer w = writer_init(bytes, sizeof(bytes));
	write_u8(&w, 0x01);
	write_u16(&w, 0x2345);
	write_u32(&w, 0x6789abcd);
	write_u64(&w, 0xef01020304050607);
	assert_false(w.failed);
	assert_int_equal(writer_len(&w), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));

	struct reader r = reader_init(bytes, sizeof(bytes));
	assert_int_equal(read_u8(&r), 0x01);
	assert_int_equal(read_u16(&r), 0x2345);
	assert_int_equal(read_u32(&r), 0x6789abcd);
	assert_true(read_u64(&r) == 0xef01020304050607);
	assert_int_equal(reader_left(&r), 0);
	assert_false(r.failed);
}

static void reads_behind_the_end_are_zero_and_stick(void **state)
{
	(void)state;
	const uint8_t bytes[] = {0xff, 0xff, 0xff};
	struct reader r = reader_init(bytes, sizeof(bytes));
	assert_int_equal(read_u16(&r), 0xffff);
	assert_int_equal(read_u16(&r), 0);
	assert_true(r.failed);
	assert_int_equal(reader_left(&r), 0);
	/* The byte that is still there is not given out any more. */
	assert_int_equal(read_u8(&r), 0);
	uint8_t copy[2] = {1, 1};
	read_copy(&r, copy, sizeof(copy));
	assert_int_equal(copy[0] | copy[1], 0);
	assert_null(read_bytes(&r, 0));
}

static void large_numbers_fail_at_every_cut(void **state)
{
	(void)state;
	const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	for (size_t len = 0; len < sizeof(bytes); len++) {
		struct reader r = reader_init(bytes, len);
		(void)read_u64(&r);
		assert_true(r.failed);
	}
}

static void slices_bound_what_is_inside(void **state)
{
	(void)state;
	const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct reader r = reader_init(bytes, sizeof(bytes));
	struct reader slice = read_slice(&r, 3);
	read_skip(&slice, 2);
	assert_int_equal(read_u8(&slice), 3);
	(void)read_u8(&slice);
	assert_true(slice.failed);
	/* The outer reader stands behind the slice, whatever happened inside. */
	assert_false(r.failed);
	assert_int_equal(read_u8(&r), 4);
	struct reader missing = read_slice(&r, 2);
	assert_true(missing.failed);
	assert_true(r.failed);
	assert_int_equal(reader_left(&missing), 0);
}

static void empty_input_reads_nothing(void **state)
{
	(void)state;
	struct reader r = reader_init(NULL, 0);
	assert_int_equal(reader_left(&r), 0);
	assert_false(r.failed);
	(void)read_u8(&r);
	assert_true(r.failed);
}

static void writes_behind_the_end_are_ignored_and_stick(void **state)
{
	(void)state;
	uint8_t bytes[4] = {9, 9, 9, 9};
	struct writer w = writer_init(bytes, 3);
	write_u16(&w, 0x0102);
	write_bytes(&w, "ab", 2);
	assert_true(w.failed);
	write_u8(&w, 7);
	assert_null(write_reserve(&w, 0));
	assert_int_equal(writer_len(&w), 2);
	assert_int_equal(bytes[2], 9);
	assert_int_equal(bytes[3], 9);
}

static void reserved_and_zero_bytes_are_in_order(void **state)
{
	(void)state;
	uint8_t bytes[6] = {9, 9, 9, 9, 9, 9};
	struct writer w = writer_init(bytes, sizeof(bytes));
	uint8_t *at = write_reserve(&w, 2);
	write_zeros(&w, 3);
	write_bytes(&w, NULL, 0);
	write_u8(&w, 5);
	at[0] = at[1] = 1;
	const uint8_t expected[] = {1, 1, 0, 0, 0, 5};
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_false(w.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(reads_behind_the_end_are_zero_and_stick),
		cmocka_unit_test(large_numbers_fail_at_every_cut),
		cmocka_unit_test(slices_bound_what_is_inside),
		cmocka_unit_test(empty_input_reads_nothing),
		cmocka_unit_test(writes_behind_the_end_are_ignored_and_stick),
		cmocka_unit_test(reserved_and_zero_bytes_are_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
