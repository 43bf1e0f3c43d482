// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/json.h"

static void assert_json(json_t *value, const char *expected)
{
	json_t *array = json_array();
	size_t len = 0;
	json_array_append_new(array, value);
	char *text = json_text(array, &len);
	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	/* Without the brackets around the one element. */
	assert_int_equal(len, strlen(expected) + 2);
	assert_memory_equal(text + 1, expected, strlen(expected));
	free(text);
}

static void test_counters(void **state)
{
	(void)state;
	assert_json(json_of_counter(0), "0");
	assert_json(json_of_counter(464531564), "464531564");
	assert_json(json_of_counter(9007199254740993), "9007199254740993");
	assert_json(json_of_counter(INT64_MAX), "9223372036854775807");
	assert_json(json_of_counter(UINT64_MAX), "9223372036854775807");
}

static void test_metrics(void **state)
{
	(void)state;
	assert_json(json_of_metric(0), "0");
	assert_json(json_of_metric(65534), "65534");
	assert_json(json_of_metric(65535), "\"infinite\"");
}

static void test_endpoints(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"tcp://192.0.2.6:9651", "{\"proto\":\"tcp\",\"addr\":{\"socket\":\"192.0.2.6:9651\"}}"},
		{"QUIC://[2001:DB8::2]:1", "{\"proto\":\"quic\",\"addr\":{\"socket\":\"[2001:db8::2]:1\"}}"},
		{"tls://[fe80::1%2]:9651", "{\"proto\":\"tls\",\"addr\":{\"socket\":\"[fe80::1%2]:9651\"}}"},
		{"tcp://[::ffff:192.0.2.6]:1", "{\"proto\":\"tcp\",\"addr\":{\"socket\":\"[::ffff:192.0.2.6]:1\"}}"},
		{"vsock://2:4294967295", "{\"proto\":\"vsock\",\"addr\":{\"vsock\":{\"cid\":2,\"port\":4294967295}}}"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint endpoint;
		char error[ENDPOINT_ERROR_SIZE];
		assert_int_equal(endpoint_parse(rows[i][0], &endpoint, error), 0);
		assert_json(json_of_endpoint(&endpoint), rows[i][1]);
	}
}

static void test_subnet(void **state)
{
	(void)state;
	struct subnet subnet = {.len = 64};
	assert_int_equal(ip6_parse("469:1348:ab0c:a1d8::", &subnet.addr), 0);
	assert_json(json_of_subnet(&subnet), "\"469:1348:ab0c:a1d8::/64\"");
}

static void test_text_is_compact_ordered_and_not_escaped(void **state)
{
	(void)state;
	size_t len;
	char *text = json_text(json_pack("{s:s,s:i,s:n}", "zeta", "\xc3\xa9/\"\\\n", "alpha", 1, "mid"), &len);
	assert_string_equal(text, "{\"zeta\":\"\xc3\xa9/\\\"\\\\\\n\",\"alpha\":1,\"mid\":null}");
	free(text);
	assert_null(json_text(NULL, &len));
}

static json_t *row(void *context, size_t index)
{
	const size_t *failing = context;
	return index == *failing ? NULL : json_pack("{s:i}", "n", (int)index);
}

static void test_rows(void **state)
{
	(void)state;
	size_t never = SIZE_MAX, second = 1, len = 77;
	char *text = json_text_of_rows(3, row, &never, &len);
	assert_string_equal(text, "[{\"n\":0},{\"n\":1},{\"n\":2}]");
	assert_int_equal(len, strlen(text));
	free(text);
	text = json_text_of_rows(0, row, &never, &len);
	assert_string_equal(text, "[]");
	assert_int_equal(len, 2);
	free(text);
	assert_null(json_text_of_rows(3, row, &second, &len));
	assert_int_equal(len, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),  cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_endpoints), cmocka_unit_test(test_subnet),
		cmocka_unit_test(test_rows),      cmocka_unit_test(test_text_is_compact_ordered_and_not_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
