// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/convert.h"

/* The value that a line "k = TEXT" has. The caller frees the root. */
static struct toml_value *root_of(const char *text, const struct toml_value **ret)
{
	struct toml_value *root = NULL;
	struct toml_error error;
	char line[128];
	snprintf(line, sizeof(line), "k = %s", text);
	assert_int_equal(toml_parse(line, strlen(line), &root, &error), 0);
	*ret = toml_find(root, "k")->value;
	return root;
}

static void assert_boolean(const char *text, int expected)
{
	const struct toml_value *value = NULL;
	char error[CONVERT_ERROR_SIZE] = "";
	bool result = expected == 0;
	struct toml_value *root = root_of(text, &value);
	assert_int_equal(convert_boolean(value, &result, error), expected < 0 ? -EINVAL : 0);
	if (expected >= 0)
		assert_int_equal(result, expected);
	else
		assert_true(strlen(error) > 0);
	toml_free(root);
}

static void test_booleans(void **state)
{
	(void)state;
	static const char *const yes[] = {"true", "1", "-7", "'1'", "'true'", "'On'", "'YES'"};
	static const char *const no[] = {"false", "0", "'0'", "'FALSE'", "'off'", "'No'"};
	static const char *const neither[] = {"'maybe'", "''", "'2'", "[]", "{}", "1979-05-27", "\"on\\u0000\""};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_boolean(yes[i], 1);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_boolean(no[i], 0);
	for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++)
		assert_boolean(neither[i], -1);
}

static void assert_number(const char *text, uint64_t expected)
{
	const struct toml_value *value = NULL;
	char error[CONVERT_ERROR_SIZE] = "";
	uint64_t result = 999;
	struct toml_value *root = root_of(text, &value);
	assert_int_equal(convert_unsigned(value, UINT16_MAX, &result, error), 0);
	assert_int_equal(result, expected);
	toml_free(root);
}

static void assert_no_number(const char *text, const char *reason)
{
	const struct toml_value *value = NULL;
	char error[CONVERT_ERROR_SIZE] = "";
	uint64_t result = 999;
	struct toml_value *root = root_of(text, &value);
	assert_int_equal(convert_unsigned(value, UINT16_MAX, &result, error), -EINVAL);
	assert_string_equal(error, reason);
	assert_int_equal(result, 999);
	toml_free(root);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_number("9652", 9652);
	assert_number("65535", 65535);
	assert_number("'9652'", 9652);
	assert_number("'yes'", 1);
	assert_number("'Off'", 0);
	assert_number("true", 1);
	assert_number("false", 0);
	assert_number("9651.5", 9652);
	assert_number("9651.4", 9651);
	assert_number("-0.4", 0);
	assert_no_number("70000", "70000 is not in 0..=65535");
	assert_no_number("-1", "-1 is not in 0..=65535");
	assert_no_number("'70000'", "\"70000\": 70000 is not in 0..=65535");
	assert_no_number("'x'", "\"x\" is not a number");
	assert_no_number("''", "\"\" is not a number");
	assert_no_number("1e300", "1e+300 is not in 0..=65535");
	assert_no_number("inf", "inf is not in 0..=65535");
	assert_no_number("nan", "nan is not in 0..=65535");
	assert_no_number("[1]", "must be a number, not a list");
	assert_no_number("{}", "must be a number, not a table");
}

static void assert_text(const char *text, const char *expected)
{
	const struct toml_value *value = NULL;
	char error[CONVERT_ERROR_SIZE] = "", *result = NULL;
	struct toml_value *root = root_of(text, &value);
	assert_int_equal(convert_string(value, &result, error), expected == NULL ? -EINVAL : 0);
	if (expected != NULL)
		assert_string_equal(result, expected);
	else
		assert_null(result);
	free(result);
	toml_free(root);
}

static void test_strings(void **state)
{
	(void)state;
	assert_text("'tun5'", "tun5");
	assert_text("5", "5");
	assert_text("-5", "-5");
	assert_text("1.5", "1.5");
	assert_text("0.1", "0.1");
	assert_text("true", "true");
	assert_text("[]", NULL);
	assert_text("1979-05-27", NULL);
	assert_text("\"a\\u0000b\"", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
