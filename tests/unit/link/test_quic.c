// SPDX-License-Identifier: Apache-2.0
/* Links over QUIC: beginning, frames of all sizes, back-pressure, end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "quic_pair.h"

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static void assert_handshake(int family, const char *name)
{
	char expected[LINK_NAME_SIZE];
	connect_ends(&a, &b, family);
	assert_int_equal(a.link[0].ticket, 7);
	assert_int_equal(b.link[0].ticket, 0);
	assert_int_equal(a.link[0].remote.ss_family, family);
	assert_int_equal(b.link[0].remote.ss_family, family);
	assert_true(a.link[0].rtt_us > 0 && a.link[0].rtt_us < 2000000);
	assert_int_equal(link_fd(a.link[0].link), -1);
	snprintf(expected, sizeof(expected), "QUIC -> [%s]:%u", name, end_port(&b));
	assert_string_equal(link_name(a.link[0].link), expected);
	snprintf(expected, sizeof(expected), "QUIC -> [%s]:%u", name, end_port(&a));
	assert_string_equal(link_name(b.link[0].link), expected);
	send_control(&b, 0, 100, 2);
	wait_until(both, 2, a.link[0].frames == 1);
	assert_int_equal(a.link[0].bytes, 100);
	assert_int_equal(quic_counters(b.quic)->accepted, 1);
	assert_int_equal(quic_counters(b.quic)->datagrams_invalid, 0);
}

static void handshake_over_ipv4(void **state)
{
	(void)state;
	assert_handshake(AF_INET, "::ffff:127.0.0.1");
}

static void handshake_over_ipv6(void **state)
{
	(void)state;
	assert_handshake(AF_INET6, "::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(handshake_over_ipv4, open_both, close_both),
		cmocka_unit_test_setup_teardown(handshake_over_ipv6, open_both, close_both),
	};
	return cmocka_run_group_tests_name("quic", tests, NULL, NULL);
}
