// SPDX-License-Identifier: Apache-2.0
/* The rules of TOML 1.0, one kind of value after the other, with what they forbid. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/toml.h"

static struct toml_value *parse_bytes(const char *bytes, size_t len)
{
	struct toml_value *root = NULL;
	struct toml_error error = {0};
	if (toml_parse(bytes, len, &root, &error) < 0)
		fail_msg("line %u: %s\n%s", error.line, error.text, bytes);
	assert_int_equal(root->type, TOML_TABLE);
	return root;
}

static struct toml_value *parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void refuse_bytes(const char *bytes, size_t len, int code, unsigned line)
{
	struct toml_value *root = NULL;
	struct toml_error error = {0};
	int result = toml_parse(bytes, len, &root, &error);
	if (result != code || error.line != line)
		fail_msg("result %d at line %u (%s), expected %d at line %u\n%s", result, error.line, error.text, code,
			 line, bytes);
	assert_null(root);
	assert_true(strlen(error.text) > 0);
}

static void refuse(const char *text)
{
	refuse_bytes(text, strlen(text), -EINVAL, 1);
}

static void refuse_at(const char *text, unsigned line)
{
	refuse_bytes(text, strlen(text), -EINVAL, line);
}

static const struct toml_value *value_of(const struct toml_value *table, const char *key)
{
	const struct toml_entry *entry = toml_find(table, key);
	if (entry == NULL)
		fail_msg("no key %s", key);
	return entry->value;
}

static void assert_string(const char *text, const char *expected, size_t expected_len)
{
	struct toml_value *root = parse(text);
	const struct toml_value *value = value_of(root, "k");
	assert_int_equal(value->type, TOML_STRING);
	assert_int_equal(value->text_len, expected_len);
	assert_memory_equal(value->text, expected, expected_len + 1);
	toml_free(root);
}

#define ASSERT_STRING(text, expected) assert_string(text, expected, sizeof(expected) - 1)

static void test_strings(void **state)
{
	(void)state;
	ASSERT_STRING("k = \"\"", "");
	ASSERT_STRING("k = \"a b\"", "a b");
	ASSERT_STRING("k = 'C:\\Users\\n'", "C:\\Users\\n");
	ASSERT_STRING("k = '\"'", "\"");
	ASSERT_STRING("k = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "\b\t\n\f\r\"\\");
	ASSERT_STRING("k = \"\\u00e9\\U0001F600\"", "\xc3\xa9\xf0\x9f\x98\x80");
	ASSERT_STRING("k = \"a\\u0000b\"", "a\0b");
	ASSERT_STRING("k = \"tab\there\" # comment", "tab\there");
	refuse("k = \"a");
	refuse("k = \"a\nb\"");
	refuse("k = 'a\nb'");
	refuse("k = \"\\x41\"");
	refuse("k = \"\\u12\"");
	refuse("k = \"\\ud800\"");
	refuse("k = \"\\U00110000\"");
	refuse("k = \"\\");
	refuse("k = \"a\001b\"");
	refuse("k = 'a\177b'");
	refuse("k = \"a\rb\"");
	refuse("k = \"a\" \"b\"");
}

static void test_strings_of_several_lines(void **state)
{
	(void)state;
	ASSERT_STRING("k = \"\"\"\nRoses\nViolets\"\"\"", "Roses\nViolets");
	ASSERT_STRING("k = \"\"\"\r\na\r\nb\"\"\"", "a\nb");
	ASSERT_STRING("k = '''\n\\a\n'''", "\\a\n");
	ASSERT_STRING("k = \"\"\"a\\  \n \n\t b\"\"\"", "ab");
	ASSERT_STRING("k = \"\"\"\\\n   x\"\"\"", "x");
	ASSERT_STRING("k = \"\"\"\"\"\"", "");
	ASSERT_STRING("k = \"\"\"a \"quoted\" b\"\"\"", "a \"quoted\" b");
	ASSERT_STRING("k = \"\"\"\"a\"\"\"\"\"", "\"a\"\"");
	ASSERT_STRING("k = '''''a'''''", "''a''");
	refuse("k = \"\"\"a");
	refuse_at("x = 1\nk = \"\"\"a\n\n", 2);
	refuse("k = \"\"\"a\"\"\"\"\"\"");
	refuse("k = \"\"\"a\\ b\"\"\"");
	refuse("k = '''a\rb'''");
}

static void assert_integer(const char *text, int64_t expected)
{
	struct toml_value *root = parse(text);
	assert_int_equal(value_of(root, "k")->type, TOML_INTEGER);
	assert_true(value_of(root, "k")->integer == expected);
	toml_free(root);
}

static void test_integers(void **state)
{
	(void)state;
	assert_integer("k = 0", 0);
	assert_integer("k = +99", 99);
	assert_integer("k = -17", -17);
	assert_integer("k = -0", 0);
	assert_integer("k = 1_000_000", 1000000);
	assert_integer("k = 9223372036854775807", INT64_MAX);
	assert_integer("k = -9223372036854775808", INT64_MIN);
	assert_integer("k = 0xDEAD_beef", 0xdeadbeef);
	assert_integer("k = 0x00ff", 255);
	assert_integer("k = 0o755", 493);
	assert_integer("k = 0b1101", 13);
	static const char *const invalid[] = {
		"k = 01", "k = -01", "k = 0_1", "k = _1", "k = 1_", "k = 1__2", "k = 9223372036854775808",
		"k = -9223372036854775809", "k = 0x", "k = 0xg", "k = 0X1", "k = 0o8", "k = 0b2", "k = +0x1",
		"k = 0x_1", "k = 0x8000000000000000", "k = --1", "k = 1a", "k = 1 2", "k = 1,2",
	};
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		refuse(invalid[i]);
}

static void assert_float(const char *text, double expected)
{
	struct toml_value *root = parse(text);
	const struct toml_value *value = value_of(root, "k");
	assert_int_equal(value->type, TOML_FLOAT);
	assert_true(memcmp(&value->real, &expected, sizeof(expected)) == 0);
	toml_free(root);
}

static void test_floats(void **state)
{
	(void)state;
	assert_float("k = 1.0", 1.0);
	assert_float("k = +3.1415", 3.1415);
	assert_float("k = -0.01", -0.01);
	assert_float("k = 5e+22", 5e22);
	assert_float("k = 1E06", 1e6);
	assert_float("k = 6.626e-34", 6.626e-34);
	assert_float("k = 224_617.445_991_228", 224617.445991228);
	assert_float("k = -0.0", -0.0);
	assert_float("k = inf", INFINITY);
	assert_float("k = -inf", -INFINITY);
	struct toml_value *root = parse("k = nan\nm = +nan");
	assert_true(isnan(value_of(root, "k")->real));
	assert_true(isnan(value_of(root, "m")->real));
	toml_free(root);
	static const char *const invalid[] = {
		"k = .7", "k = 7.", "k = 3.e+20", "k = 1e", "k = 1e+", "k = 1.2.3", "k = 1_.5", "k = 1._5", "k = 03.14",
		"k = 1e1.5", "k = Inf", "k = NaN", "k = +", "k = e5", "k = 1e_5",
	};
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		refuse(invalid[i]);
}

static void test_booleans(void **state)
{
	(void)state;
	struct toml_value *root = parse("yes = true\nno = false");
	assert_int_equal(value_of(root, "yes")->type, TOML_BOOLEAN);
	assert_true(value_of(root, "yes")->boolean);
	assert_int_equal(value_of(root, "no")->type, TOML_BOOLEAN);
	assert_false(value_of(root, "no")->boolean);
	toml_free(root);
	refuse("k = True");
	refuse("k = yes");
	refuse("k = +true");
	refuse("k =");
	refuse("k = # comment");
}

static void test_dates(void **state)
{
	(void)state;
	static const char *const valid[] = {
		"1979-05-27T07:32:00Z", "1979-05-27T00:32:00-07:00", "1979-05-27T00:32:00.999999+07:00",
		"1979-05-27 07:32:00z", "1979-05-27t07:32:00", "1979-05-27", "07:32:00", "00:32:00.5", "2000-02-29",
		"2024-02-29 23:59:60",
	};
	static const char *const invalid[] = {
		"1979-13-01", "1979-00-01", "1979-04-31", "1900-02-29", "2023-02-29", "79-05-27", "1979-5-27",
		"1979-05-27T", "1979-05-27T24:00:00", "1979-05-27T07:60:00", "1979-05-27T07:32:61", "07:32", "7:32:00",
		"07:32:00.", "07:32:00Z", "1979-05-27T07:32:00+24:00", "1979-05-27T07:32:00+0700",
		"1979-05-27  07:32:00", "1979-05-27x07:32:00",
	};
	char line[96];
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		snprintf(line, sizeof(line), "k = %s # x", valid[i]);
		struct toml_value *root = parse(line);
		assert_int_equal(value_of(root, "k")->type, TOML_DATETIME);
		assert_string_equal(value_of(root, "k")->text, valid[i]);
		toml_free(root);
	}
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		snprintf(line, sizeof(line), "k = %s", invalid[i]);
		refuse(line);
	}
}

static void test_lists(void **state)
{
	(void)state;
	struct toml_value *root = parse("empty = []\nk = [ 1, 'a', [true, ], # comment\n\n { x = 2 },\n]\nafter = 1");
	assert_int_equal(value_of(root, "empty")->type, TOML_ARRAY);
	assert_int_equal(value_of(root, "empty")->item_count, 0);
	const struct toml_value *list = value_of(root, "k");
	assert_int_equal(list->item_count, 4);
	assert_int_equal(list->items[0]->integer, 1);
	assert_string_equal(list->items[1]->text, "a");
	assert_int_equal(list->items[2]->item_count, 1);
	assert_true(list->items[2]->items[0]->boolean);
	assert_int_equal(value_of(list->items[3], "x")->integer, 2);
	assert_int_equal(list->items[3]->line, 4);
	assert_int_equal(toml_find(root, "after")->line, 6);
	toml_free(root);
	refuse("k = [");
	refuse("k = [1");
	refuse("k = [1 2]");
	refuse("k = [,]");
	refuse("k = [1,,2]");
	refuse("k = [1]]");
	refuse("k = [1}");
	refuse_at("a = 1\nk = [1,\n2\n", 2);
}

static void test_keys(void **state)
{
	(void)state;
	struct toml_value *root = parse("bare-key_1 = 1\n\"quoted key\" = 2\n'lit\"' = 3\n1234 = 4\n\"\" = 5\n"
					"a . \"b.c\" . d = 6\n3.14 = 7\n\"\\u00e9\" = 8\n");
	assert_int_equal(value_of(root, "bare-key_1")->integer, 1);
	assert_int_equal(value_of(root, "quoted key")->integer, 2);
	assert_int_equal(value_of(root, "lit\"")->integer, 3);
	assert_int_equal(value_of(root, "1234")->integer, 4);
	assert_int_equal(value_of(root, "")->integer, 5);
	assert_int_equal(value_of(value_of(value_of(root, "a"), "b.c"), "d")->integer, 6);
	assert_int_equal(value_of(value_of(root, "3"), "14")->integer, 7);
	assert_int_equal(value_of(root, "\xc3\xa9")->integer, 8);
	assert_null(toml_find(root, "bare-key"));
	assert_int_equal(toml_find(root, "1234")->line, 4);
	toml_free(root);
	static const char *const invalid[] = {
		"= 1", "k", "k 1", "a b = 1", "a..b = 1", ".a = 1", "a. = 1", "\xc3\xa9 = 1", "\"a = 1", "k = 1 l = 2",
		"\"\"\"a\"\"\" = 1", "k\n= 1", "k =\n1", "a@b = 1", "k = 1 x",
	};
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		refuse(invalid[i]);
}

static void test_tables(void **state)
{
	(void)state;
	struct toml_value *root = parse("top = 1\n[a]\nx = 1\n[ a . b ]\ny = 2\n[d.e]\n[d]\nz = 3\n[[list]]\nn = 1\n"
					"[list.sub]\nm = 2\n[[list]]\nn = 3\n[[list.deep]]\n[[list.deep]]\n");
	const struct toml_value *a = value_of(root, "a"), *list = value_of(root, "list");
	assert_int_equal(value_of(root, "top")->integer, 1);
	assert_int_equal(value_of(a, "x")->integer, 1);
	assert_int_equal(value_of(value_of(a, "b"), "y")->integer, 2);
	assert_int_equal(value_of(value_of(root, "d"), "z")->integer, 3);
	assert_int_equal(list->item_count, 2);
	assert_int_equal(value_of(value_of(list->items[0], "sub"), "m")->integer, 2);
	assert_int_equal(value_of(list->items[1], "n")->integer, 3);
	assert_int_equal(value_of(list->items[1], "deep")->item_count, 2);
	toml_free(root);
	refuse("[a");
	refuse("[]");
	refuse("[a]]");
	refuse("[[a]");
	refuse("[ [a]]");
	refuse("[a] b = 1");
	refuse("[a.]");
	refuse("[a\n]");
}

static void test_inline_tables(void **state)
{
	(void)state;
	struct toml_value *root = parse("k = { a = 1, b.c = 2, b.d = { } }");
	const struct toml_value *k = value_of(root, "k");
	assert_int_equal(value_of(k, "a")->integer, 1);
	assert_int_equal(value_of(value_of(k, "b"), "c")->integer, 2);
	assert_int_equal(value_of(value_of(k, "b"), "d")->entry_count, 0);
	toml_free(root);
	refuse("k = { a = 1");
	refuse("k = { a = 1, }");
	refuse("k = { , }");
	refuse("k = { a = 1 b = 2 }");
	refuse("k = { a = 1\n}");
	refuse("k = { a = 1, a = 2 }");
	refuse("k = { a = 1, a.b = 2 }");
}

/* A table can be written once, and by one syntax. */
static void test_nothing_is_defined_twice(void **state)
{
	(void)state;
	refuse_at("a = 1\na = 2", 2);
	refuse_at("a = 1\n\"a\" = 2", 2);
	refuse_at("[a]\n[a]", 2);
	refuse_at("a = 1\n[a]", 2);
	refuse_at("a = 1\na.b = 2", 2);
	refuse_at("a.b = 1\na = 2", 2);
	refuse_at("[a]\nb = 1\n[a.b]", 3);
	refuse_at("a = {}\n[a]", 2);
	refuse_at("a = {}\n[a.b]", 2);
	refuse_at("a = {}\na.b = 1", 2);
	refuse_at("a = { b = {} }\na.b.c = 1", 2);
	refuse_at("a = []\n[[a]]", 2);
	refuse_at("a = [{}]\n[a.b]", 2);
	refuse_at("[[a]]\n[a]", 2);
	refuse_at("[a]\n[[a]]", 2);
	refuse_at("[a.b]\n[[a]]", 2);
	refuse_at("[fruit]\napple.color = 1\n[fruit.apple]", 3);
	refuse_at("[a.b.c]\nz = 9\n[a]\nb.c.t = 1", 4);
	refuse_at("[[a.b]]\n[a]\nb.y = 2", 3);
	/* These are allowed. */
	toml_free(parse("[a.b]\n[a]"));
	toml_free(parse("a.b = 1\na.c = 2"));
	toml_free(parse("[fruit]\napple.color = 1\n[fruit.apple.texture]\nsmooth = true"));
	toml_free(parse("[a]\nb.c = 1\nb.d = 2"));
	toml_free(parse("[[a]]\nx = 1\n[[a]]\nx = 2"));
}

static void test_white_space_and_comments(void **state)
{
	(void)state;
	toml_free(parse(""));
	toml_free(parse("\n\r\n \t\n"));
	toml_free(parse("# only a comment"));
	toml_free(parse("# caf\xc3\xa9\tand tab\r\nk = 1 # x\r\n"));
	struct toml_value *root = parse("\xef\xbb\xbfk = 1");
	assert_int_equal(value_of(root, "k")->integer, 1);
	toml_free(root);
	refuse("# bell \a");
	refuse("k = 1\rl = 2");
	refuse("\fk = 1");
	refuse_bytes("k = 1\n\0", 7, -EINVAL, 2);
	refuse_bytes("k = \"a\0b\"", 9, -EINVAL, 1);
	refuse_at("k = 1\n\n\xef\xbb\xbf", 3);
}

static void test_ill_formed_utf8_is_replaced(void **state)
{
	(void)state;
	ASSERT_STRING("k = \"a\xff\xc3\"", "a\xef\xbf\xbd\xef\xbf\xbd");
}

static char *repeated(const char *piece, size_t count, const char *tail)
{
	size_t len = strlen(piece);
	char *text = malloc(len * count + strlen(tail) + 1);
	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, piece, len);
	strcpy(text + len * count, tail);
	return text;
}

static void assert_too_big(char *text)
{
	refuse_bytes(text, strlen(text), -E2BIG, 1);
	free(text);
}

static void test_limits(void **state)
{
	(void)state;
	char nested[128] = "k = ", *text = NULL;
	memset(nested + 4, '[', TOML_DEPTH_MAX);
	memset(nested + 4 + TOML_DEPTH_MAX, ']', TOML_DEPTH_MAX);
	nested[4 + 2 * TOML_DEPTH_MAX] = '\0';
	toml_free(parse(nested));
	memset(nested + 4, '[', TOML_DEPTH_MAX + 1);
	refuse_bytes(nested, strlen(nested), -E2BIG, 1);

	text = repeated("a.", TOML_DEPTH_MAX - 1, "a = 1");
	toml_free(parse(text));
	free(text);
	assert_too_big(repeated("a.", TOML_DEPTH_MAX, "a = 1"));
	char *tables = repeated("{k=", TOML_DEPTH_MAX, "1");
	assert_too_big(repeated("k=", 1, tables));
	free(tables);
	assert_too_big(repeated("#", TOML_SIZE_MAX, "#"));
	text = repeated("#", TOML_SIZE_MAX, "");
	toml_free(parse(text));
	free(text);

	text = malloc(16 * (TOML_KEYS_MAX + 1));
	size_t len = 0;
	for (unsigned i = 0; i <= TOML_KEYS_MAX; i++)
		len += (size_t)sprintf(text + len, "k%u = 1\n", i);
	refuse_bytes(text, len, -E2BIG, TOML_KEYS_MAX + 1);
	free(text);
}

static void test_errors_do_not_steer_the_terminal(void **state)
{
	(void)state;
	struct toml_value *root = NULL;
	struct toml_error error = {0};
	const char *text = "\"\\u001b[2J\" = 1\n\"\\u001b[2J\" = 2";
	assert_int_equal(toml_parse(text, strlen(text), &root, &error), -EINVAL);
	assert_null(strchr(error.text, '\033'));
	assert_non_null(strstr(error.text, "?[2J"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strings_of_several_lines),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_inline_tables),
		cmocka_unit_test(test_nothing_is_defined_twice),
		cmocka_unit_test(test_white_space_and_comments),
		cmocka_unit_test(test_ill_formed_utf8_is_replaced),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_errors_do_not_steer_the_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
