// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cli/values.h"

static void assert_number(const char *text, uint64_t max, uint64_t expected)
{
	char error[VALUE_ERROR_SIZE] = "";
	uint64_t number = 999;
	assert_int_equal(value_parse_unsigned(text, max, &number, error), 0);
	assert_int_equal(number, expected);
}

static void assert_no_number(const char *text, uint64_t max, const char *reason)
{
	char error[VALUE_ERROR_SIZE] = "";
	uint64_t number = 999;
	assert_int_equal(value_parse_unsigned(text, max, &number, error), -EINVAL);
	assert_string_equal(error, reason);
	assert_int_equal(number, 999);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_number("0", UINT16_MAX, 0);
	assert_number("65535", UINT16_MAX, 65535);
	assert_number("+00080", UINT16_MAX, 80);
	assert_number("-0", UINT16_MAX, 0);
	assert_number("4294967295", UINT32_MAX, 4294967295);
	assert_no_number("65536", UINT16_MAX, "65536 is not in 0..=65535");
	assert_no_number("70000", UINT16_MAX, "70000 is not in 0..=65535");
	assert_no_number("-1", UINT16_MAX, "-1 is not in 0..=65535");
	assert_no_number("4294967296", UINT32_MAX, "4294967296 is not in 0..=4294967295");
	assert_no_number("9223372036854775807", UINT16_MAX, "9223372036854775807 is not in 0..=65535");
	assert_no_number("9223372036854775808", UINT16_MAX, "number too large to fit in target type");
	assert_no_number("-99999999999999999999", UINT16_MAX, "number too small to fit in target type");
	assert_no_number("", UINT16_MAX, "cannot parse integer from empty string");
	assert_no_number("x", UINT16_MAX, "invalid digit found in string");
	assert_no_number("-", UINT16_MAX, "invalid digit found in string");
	assert_no_number("1 ", UINT16_MAX, "invalid digit found in string");
	assert_no_number("0x10", UINT16_MAX, "invalid digit found in string");
}

static void test_log_formats(void **state)
{
	(void)state;
	char error[VALUE_ERROR_SIZE] = "";
	enum log_format format = LOG_FORMAT_COMPACT;
	assert_int_equal(value_parse_log_format("logfmt", &format, error), 0);
	assert_int_equal(format, LOG_FORMAT_LOGFMT);
	assert_int_equal(value_parse_log_format("plain", &format, error), 0);
	assert_int_equal(format, LOG_FORMAT_PLAIN);
	assert_int_equal(value_parse_log_format("compact", &format, error), 0);
	assert_int_equal(format, LOG_FORMAT_COMPACT);
	assert_int_equal(value_parse_log_format("Plain", &format, error), -EINVAL);
	assert_string_equal(error, "invalid logging format");
}

static void test_lanes(void **state)
{
	(void)state;
	char error[VALUE_ERROR_SIZE];
	unsigned lanes = 99;
	assert_int_equal(value_parse_lanes("0", &lanes, error), -EINVAL);
	assert_string_equal(error, "a node needs at least one lane");
	assert_int_equal(value_parse_lanes("17", &lanes, error), -EINVAL);
	assert_int_equal(value_parse_lanes("two", &lanes, error), -EINVAL);
	assert_int_equal(lanes, 99);
	assert_int_equal(value_parse_lanes("16", &lanes, error), 0);
	assert_int_equal(lanes, 16);
}

static void test_interface_names(void **state)
{
	(void)state;
	char error[VALUE_ERROR_SIZE] = "";
	assert_int_equal(value_check_interface_name("mycelium", error), 0);
	assert_int_equal(value_check_interface_name("abcdefghijklmno", error), 0);
	assert_int_equal(value_check_interface_name("abcdefghijklmnop", error), -EINVAL);
	assert_string_equal(error, "interface names have at most 15 characters, this one has 16");
	assert_int_equal(value_check_interface_name("", error), -EINVAL);
	assert_int_equal(value_check_interface_name("a/b", error), -EINVAL);
	assert_int_equal(value_check_interface_name("a b", error), -EINVAL);
	assert_int_equal(value_check_interface_name("..", error), -EINVAL);
}

static void test_paths(void **state)
{
	(void)state;
	char error[VALUE_ERROR_SIZE] = "";
	assert_int_equal(value_check_path("/etc/mycelium/psk.bin", error), 0);
	assert_int_equal(value_check_path("", error), -EINVAL);
	assert_string_equal(error, "the path of a file cannot be empty");
}

static void test_network_names(void **state)
{
	(void)state;
	char error[VALUE_ERROR_SIZE] = "", longest[66];
	memset(longest, 'x', sizeof(longest));
	longest[64] = '\0';
	assert_int_equal(value_check_network_name(longest, error), 0);
	assert_int_equal(value_check_network_name("ab", error), 0);
	assert_int_equal(value_check_network_name("a b/c:d", error), 0);
	/* Two bytes, one character. */
	assert_int_equal(value_check_network_name("\u00e9", error), 0);
	assert_int_equal(value_check_network_name("\U0001f344 mycelium", error), 0);
}

static void test_words_that_name_no_network(void **state)
{
	(void)state;
	static const struct {
		const char *name, *reason;
	} cases[] = {
		{"", "network names have 2 to 64 bytes, this one has 0"},
		{"a", "network names have 2 to 64 bytes, this one has 1"},
		/* 22 characters of three bytes each. */
		{"\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac"
		 "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac",
		 "network names have 2 to 64 bytes, this one has 66"},
		{"a\n", "network names have no control characters"},
		{"\tab", "network names have no control characters"},
		{"ab\x7f", "network names have no control characters"},
		{"ab\xc2\x9b", "network names have no control characters"},
		{"ab\xff", "network names are UTF-8, this one is not"},
		{"ab\xc3", "network names are UTF-8, this one is not"},
		{"\xed\xa0\x80", "network names are UTF-8, this one is not"},
		{"ab\ufffd", "network names are UTF-8, this one is not"},
		{"a\x80", "network names are UTF-8, this one is not"},
		{"\xc3\x28", "network names are UTF-8, this one is not"},
		{"\xc0\xaf", "network names are UTF-8, this one is not"},
		{"\xe0\x80\xaf", "network names are UTF-8, this one is not"},
		{"\xe2\x82", "network names are UTF-8, this one is not"},
		{"\xf0\x80\x80\xaf", "network names are UTF-8, this one is not"},
		{"\xf4\x90\x80\x80", "network names are UTF-8, this one is not"},
		{"\xf5\x80\x80\x80", "network names are UTF-8, this one is not"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[VALUE_ERROR_SIZE] = "";
		assert_int_equal(value_check_network_name(cases[i].name, error), -EINVAL);
		assert_string_equal(error, cases[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_log_formats),
		cmocka_unit_test(test_interface_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_network_names),
		cmocka_unit_test(test_words_that_name_no_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
