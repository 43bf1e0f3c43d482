// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "peers/endpoint.h"

static void test_hints(void **state)
{
	(void)state;
	static const struct {
		const char *text, *hint;
	} rows[] = {
		{"192.0.2.6:9651", "write tcp://192.0.2.6:9651 or quic://192.0.2.6:9651"},
		{"192.0.2.6", "write tcp://192.0.2.6:9651 or quic://192.0.2.6:9651"},
		{"2001:db8::2", "write tcp://[2001:db8::2]:9651 or quic://[2001:db8::2]:9651"},
		{"[2001:db8::2]:1234", "write tcp://[2001:db8::2]:1234 or quic://[2001:db8::2]:1234"},
		{"[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535",
		 "write tcp://[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535"},
		{"example.org:9651", "write tcp://example.org:9651 or quic://example.org:9651"},
		{"Example.org", "write tcp://example.org:9651 or quic://example.org:9651"},
		{"localhost:1234", "write tcp://localhost:1234 or quic://localhost:1234"},
		{"a-long-name-of-a-host.in-a-deep-hierarchy.of-domains.that-do-not-fit.twice.example:9651",
		 "write tcp://a-long-name-of-a-host.in-a-deep-hierarchy.of-domains.that-do-not-fit.twice.example:9651"},
		{"example.org:http", "write tcp://ADDRESS:PORT, for instance tcp://192.0.2.6:9651"},
		{"nonsense", "write tcp://ADDRESS:PORT, for instance tcp://192.0.2.6:9651"},
		{"tcp:/1.2.3.4:9651", "write tcp://ADDRESS:PORT, for instance tcp://192.0.2.6:9651"},
		{"", "write tcp://ADDRESS:PORT, for instance tcp://192.0.2.6:9651"},
		{"http://192.0.2.6:9651", "the protocols are tcp, quic, tls and vsock"},
		{"://192.0.2.6:9651", "the protocols are tcp, quic, tls and vsock"},
		{"tcp://example.org:9651", "use an IP address instead of the host name"},
		{"quic://localhost:9651", "use an IP address instead of the host name"},
		{"tcp://Example.org", "the port is missing, write tcp://example.org:9651"},
		{"tcp://example.org:", "the port must be a number, for instance 9651"},
		{"tcp://example.org:http", "the port must be a number, for instance 9651"},
		{"tcp://example.org:70000", "a port is a number up to 65535"},
		{"tcp://example.org:9651/", "nothing may follow the port"},
		{"tcp://example.org/path", "write the address as host.example:9651"},
		{"tcp://example..org:9651",
		 "a host name is made of letters, digits, '-' and '_', in parts of up to 63 joined by dots"},
		{"tcp://user@example.org:9651", "write the address as host.example:9651"},
		{"tcp://b\xc3\xbc"
		 "cher.example:9651",
		 "write the host name in ASCII, as xn--..."},
		{"tcp://192.0.2.6", "the port is missing, write tcp://192.0.2.6:9651"},
		{"quic://[2001:db8::2]", "the port is missing, write quic://[2001:db8::2]:9651"},
		{"tcp://2001:db8::2", "IPv6 addresses need brackets: tcp://[2001:db8::2]:9651"},
		{"tcp://::1:9651", "IPv6 addresses need brackets: tcp://[::1]:9651"},
		{"tcp://2001:db8::2:9652", "IPv6 addresses need brackets: tcp://[2001:db8::2]:9652"},
		{"tls://fe80::1%3:9651", "IPv6 addresses need brackets: tls://[fe80::1%3]:9651"},
		{"tcp://1111:2222:3333:4444:5555:6666:7777:8888%4294967295",
		 "IPv6 addresses need brackets: tcp://[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:9651"},
		{"tcp://[fe80::1%eth0]:9651",
		 "use the interface's number instead of its name, for instance [fe80::1%3]:9651"},
		{"tcp://192.0.2.6:70000", "a port is a number up to 65535"},
		{"tcp://192.0.2.6:", "the port must be a number, for instance 9651"},
		{"tcp://192.0.2.6:http", "the port must be a number, for instance 9651"},
		{"tcp://192.0.2.6:9651/", "nothing may follow the port"},
		{"tcp://192.0.02.6:9651", "write the address without leading zeros"},
		{"tcp://192.0.2.6:9651 ", "remove the white space"},
		{" tcp://192.0.2.6:9651", "remove the white space"},
		{"tcp://192.0.2.6:9651\n", "remove the white space"},
		{"tcp://192.0.2:9651", "write the address as 192.0.2.6:9651 or [2001:db8::2]:9651"},
		{"tcp://[zz::1]:9651", "write the address as 192.0.2.6:9651 or [2001:db8::2]:9651"},
		{"vsock://2", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buffer[ENDPOINT_ERROR_SIZE] = "";
		struct endpoint endpoint;
		assert_int_not_equal(endpoint_parse(rows[i].text, &endpoint, buffer), 0);
		const char *hint = endpoint_hint(rows[i].text, buffer);
		if (rows[i].hint == NULL) {
			assert_null(hint);
		} else {
			assert_non_null(hint);
			assert_string_equal(hint, rows[i].hint);
		}
	}
}

/* Nothing of a text that is no address may reach the terminal. */
static void test_foreign_text_is_not_repeated(void **state)
{
	(void)state;
	static const char *const texts[] = {"\x1b[31m", "tcp://\x1b[31m:1", "\x1b://1.2.3.4:1",
					    "tcp://1.2.3.4:1\x1b[31m"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char buffer[ENDPOINT_ERROR_SIZE];
		const char *hint = endpoint_hint(texts[i], buffer);
		assert_non_null(hint);
		assert_null(strchr(hint, '\x1b'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_foreign_text_is_not_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
