// SPDX-License-Identifier: Apache-2.0
/* Expected values from RFC 3629 and from the Unicode standard's examples of ill-formed sequences (table 3-8). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/utf8.h"

static void test_encode(void **state)
{
	(void)state;
	char bytes[UTF8_MAX];
	assert_int_equal(utf8_encode('A', bytes), 1);
	assert_memory_equal(bytes, "A", 1);
	assert_int_equal(utf8_encode(0xe9, bytes), 2);
	assert_memory_equal(bytes, "\xc3\xa9", 2);
	assert_int_equal(utf8_encode(0x20ac, bytes), 3);
	assert_memory_equal(bytes, "\xe2\x82\xac", 3);
	assert_int_equal(utf8_encode(0x1f600, bytes), 4);
	assert_memory_equal(bytes, "\xf0\x9f\x98\x80", 4);
	assert_int_equal(utf8_encode(0, bytes), 1);
	assert_int_equal(utf8_encode(0x10ffff, bytes), 4);
	assert_int_equal(utf8_encode(0x110000, bytes), 0);
	assert_int_equal(utf8_encode(0xd800, bytes), 0);
	assert_int_equal(utf8_encode(0xdfff, bytes), 0);
}

static void test_every_character_round_trips(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char bytes[UTF8_MAX];
		uint32_t decoded = 0;
		size_t len = utf8_encode(code, bytes);
		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		assert_int_equal(utf8_decode(bytes, len, &decoded), len);
		assert_int_equal(decoded, code);
	}
}

static void assert_repaired(const char *bytes, size_t len, const char *expected)
{
	size_t repaired_len = 0;
	char *repaired = utf8_repair(bytes, len, &repaired_len);
	assert_non_null(repaired);
	assert_int_equal(repaired_len, strlen(expected));
	assert_string_equal(repaired, expected);
	free(repaired);
}

#define R "\xef\xbf\xbd"
#define ASSERT_REPAIRED(bytes, expected) assert_repaired(bytes, sizeof(bytes) - 1, expected)

static void test_ill_formed_bytes_are_replaced(void **state)
{
	(void)state;
	ASSERT_REPAIRED("ok \xc3\xa9", "ok \xc3\xa9");
	ASSERT_REPAIRED("", "");
	ASSERT_REPAIRED("\xff", R);
	ASSERT_REPAIRED("\x80 x", R " x");
	ASSERT_REPAIRED("\xc0\xaf", R R);			/* overlong */
	ASSERT_REPAIRED("\xe0\x80\xbf", R R R);			/* overlong */
	ASSERT_REPAIRED("\xed\xa0\x80", R R R);			/* surrogate */
	ASSERT_REPAIRED("\xf4\x91\x92\x93", R R R R);		/* beyond Unicode */
	ASSERT_REPAIRED("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf" "A", R R R R "A");	/* cut short */
	ASSERT_REPAIRED("\xf0\x9f\x98", R);
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(utf8_width(""), 0);
	assert_int_equal(utf8_width("abc"), 3);
	assert_int_equal(utf8_width("h\xc3\xa9"), 2);
	assert_int_equal(utf8_width("e\xcc\x81"), 1);			/* e and a combining accent */
	assert_int_equal(utf8_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);	/* two ideographs */
	assert_int_equal(utf8_width("\xf0\x9f\x98\x80"), 2);		/* emoji */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_every_character_round_trips),
		cmocka_unit_test(test_ill_formed_bytes_are_replaced),
		cmocka_unit_test(test_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
