// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/table.h"

static void assert_bytes(uint64_t bytes, const char *expected)
{
	char text[BYTES_TEXT_SIZE];
	assert_string_equal(bytes_text(bytes, text), expected);
}

static void test_bytes(void **state)
{
	(void)state;
	assert_bytes(0, "0.00 B");
	assert_bytes(1023, "1023.00 B");
	assert_bytes(1024, "1.00 KiB");
	assert_bytes(1536, "1.50 KiB");
	assert_bytes(1048575, "1024.00 KiB");
	assert_bytes(1048576, "1.00 MiB");
	assert_bytes(UINT64_MAX, "16.00 EiB");
	assert_bytes(464531564, "443.01 MiB");
	assert_bytes(64645089, "61.65 MiB");
	/* 1.125 and 1.375 lie exactly between two texts: half to even. */
	assert_bytes(1152, "1.12 KiB");
	assert_bytes(1408, "1.38 KiB");
	for (unsigned unit = 0; unit < 7; unit++) {
		static const char *const texts[] = {"1.00 B", "1.00 KiB", "1.00 MiB", "1.00 GiB", "1.00 TiB",
						    "1.00 PiB", "1.00 EiB"};
		assert_bytes(UINT64_C(1) << (10 * unit), texts[unit]);
	}
}

static void assert_duration(uint64_t seconds, const char *expected)
{
	char text[DURATION_TEXT_SIZE];
	assert_string_equal(duration_text(seconds, text), expected);
}

static void test_durations(void **state)
{
	(void)state;
	assert_duration(0, "0s");
	assert_duration(59, "59s");
	assert_duration(60, "1m 0s");
	assert_duration(3599, "59m 59s");
	assert_duration(3600, "1h 0m 0s");
	assert_duration(3725, "1h 2m 5s");
	assert_duration(86399, "23h 59m 59s");
	assert_duration(86400, "1d 0h 0m 0s");
	assert_duration(93600, "1d 2h 0m 0s");
	assert_duration(5184000, "60d 0h 0m 0s");
	assert_duration(UINT64_MAX, "213503982334601d 7h 0m 15s");
}

static char *printed(const struct table *table)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	table_print(table, out);
	fclose(out);
	return text;
}

static void test_frame(void **state)
{
	(void)state;
	struct table *table = table_new(2);
	assert_int_equal(table_add_row(table, (const char *const[]){"Subnet", "Query expiration"}), 0);
	char *text = printed(table);
	assert_string_equal(text, "+--------+------------------+\n"
				  "| Subnet | Query expiration |\n"
				  "+--------+------------------+\n");
	free(text);
	assert_int_equal(table_add_row(table, (const char *const[]){"503:5478:df06:d79a::/64", "12"}), 0);
	text = printed(table);
	assert_string_equal(text, "+-------------------------+------------------+\n"
				  "| Subnet                  | Query expiration |\n"
				  "+-------------------------+------------------+\n"
				  "| 503:5478:df06:d79a::/64 | 12               |\n"
				  "+-------------------------+------------------+\n");
	free(text);
	assert_null(table_free(table));
	assert_null(table_free(NULL));
}

static void test_width_counts_columns_not_bytes(void **state)
{
	(void)state;
	struct table *table = table_new(1);
	assert_int_equal(table_add_row(table, (const char *const[]){"\xe6\x97\xa5"}), 0);
	assert_int_equal(table_add_row(table, (const char *const[]){"abc"}), 0);
	char *text = printed(table);
	assert_string_equal(text, "+-----+\n| \xe6\x97\xa5  |\n+-----+\n| abc |\n+-----+\n");
	free(text);
	table_free(table);
}

static void test_control_characters_do_not_reach_the_terminal(void **state)
{
	(void)state;
	struct table *table = table_new(1);
	assert_int_equal(table_add_row(table, (const char *const[]){"a\033[31m\n\x7f"}), 0);
	char *text = printed(table);
	assert_string_equal(text, "+----------+\n| a?[31m?? |\n+----------+\n");
	free(text);
	table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_width_counts_columns_not_bytes),
		cmocka_unit_test(test_control_characters_do_not_reach_the_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
