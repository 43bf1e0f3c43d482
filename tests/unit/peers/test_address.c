// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "peers/address.h"

static void test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text, *rest;
		uint32_t max, value;
		bool ok;
	} rows[] = {
		{"9651:", ":", 65535, 9651, true},
		{"00080", "", 65535, 80, true},
		{"65536", NULL, 65535, 0, false},
		{"", NULL, 65535, 0, false},
		{"+1", NULL, 65535, 0, false},
		{"x", NULL, 65535, 0, false},
		{"0", "", 0, 0, true},
		{"4294967295%", "%", UINT32_MAX, UINT32_MAX, true},
		{"4294967296", NULL, UINT32_MAX, 0, false},
		{"99999999999999999999999999", NULL, UINT32_MAX, 0, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = rows[i].text;
		uint32_t value = 77;
		assert_int_equal(address_take_number(&at, rows[i].max, &value), rows[i].ok);
		assert_int_equal(value, rows[i].ok ? rows[i].value : 77);
		if (rows[i].ok)
			assert_string_equal(at, rows[i].rest);
	}
}

static void test_hosts(void **state)
{
	(void)state;
	struct endpoint endpoint = {0};
	const char *at = "192.0.2.6:1";
	assert_true(address_take_host(&at, &endpoint));
	assert_string_equal(at, ":1");
	assert_int_equal(endpoint.family, ENDPOINT_IPV4);
	at = "[fe80::1%3]/";
	assert_true(address_take_host(&at, &endpoint));
	assert_string_equal(at, "/");
	assert_int_equal(endpoint.family, ENDPOINT_IPV6);
	assert_int_equal(endpoint.scope, 3);
	at = "host.example:1";
	assert_false(address_take_host(&at, &endpoint));
	assert_int_equal(endpoint.scope, 3);
}

static void test_names(void **state)
{
	(void)state;
	char name[ENDPOINT_NAME_SIZE] = "untouched";
	const char *at = "Host_1.Example.:9651";
	assert_true(address_take_name(&at, name));
	assert_string_equal(name, "host_1.example.");
	assert_string_equal(at, ":9651");
	static const char *const refused[] = {"",	 ".",	 "a..b", "192.0.2.6", "host.5.",
					      "0x1f", ":1", "[::1]", "\xc3\xbc"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		at = refused[i];
		assert_false(address_take_name(&at, name));
		assert_string_equal(name, "host_1.example.");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
