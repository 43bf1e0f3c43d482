// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/host.h"

static void test_hosts(void **state)
{
	(void)state;
	static const char *const served[] = {
		"127.0.0.1", "127.0.0.1:8989", "[::1]",          "[::1]:8989", "192.0.2.6:80",     "[400::1]:8989",
		"localhost", "localhost:8989", "LocalHost:8989", "localhost:", "[fe80::1%3]:8989", "",
	};
	static const char *const refused[] = {
		"x",
		"evil.example",
		"evil.example:8989",
		"localhost.evil.example",
		"localhostx",
		"127.0.0.1.nip.io",
		"127.0.0.1.evil.example:8989",
		"127.0.0.1@evil.example",
		"localhost:80x",
		"notlocalhost",
		"::1",
		"[::1",
		"127.0.0.1:99999",
		"127.1",
		"0x7f.0.0.1",
		"localhost@evil.example",
		" 127.0.0.1",
		"localhost.",
		":80",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	assert_true(host_is_served(NULL));
	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
		if (!host_is_served(served[i]))
			fail_msg("refused %s", served[i]);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (host_is_served(refused[i]))
			fail_msg("served %s", refused[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hosts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
