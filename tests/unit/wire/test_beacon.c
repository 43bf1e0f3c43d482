// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "vectors.h"
#include "wire/beacon.h"

static const char beacon_hex[] = "6d7963656c69756d25b3"
				 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0000a1a2a3a4a5a6";
static const struct router_id own = {{0x77}};

static int read_from(const char *sender, struct blob bytes, struct beacon *ret)
{
	struct ip6 addr = ip6_of_text(sender);
	return beacon_read(bytes.bytes, bytes.len, &addr, &own, ret);
}

static void test_bytes(void **state)
{
	(void)state;
	struct blob bytes = blob_of_hex(beacon_hex);
	struct beacon beacon;
	uint8_t out[BEACON_SIZE];
	assert_int_equal(read_from("fe80::1", bytes, &beacon), 0);
	assert_int_equal(beacon.tcp_port, 9651);
	assert_hex(beacon.router_id.bytes, ROUTER_ID_SIZE, &beacon_hex[20]);
	beacon_write(&beacon, out);
	assert_hex(out, sizeof(out), beacon_hex);
	blob_free(bytes);
}

static void test_lengths(void **state)
{
	(void)state;
	struct beacon beacon;
	for (size_t len = 0; len < BEACON_SIZE; len++) {
		struct blob whole = blob_of_hex(beacon_hex), cut = blob_new(whole.bytes, len);
		assert_int_equal(read_from("fe80::1", cut, &beacon), -EBADMSG);
		blob_free(whole);
		blob_free(cut);
	}
	for (size_t extra = 1; extra <= 20; extra++) {
		struct blob longer = blob_join(blob_of_hex(beacon_hex), blob_new("++++++++++++++++++++", extra));
		assert_int_equal(read_from("fe80::1", longer, &beacon), 0);
		assert_int_equal(beacon.tcp_port, 9651);
		blob_free(longer);
	}
}

static void test_refused(void **state)
{
	(void)state;
	struct beacon beacon = {.tcp_port = 4711};
	struct blob bytes = blob_of_hex(beacon_hex);
	for (size_t i = 0; i < 8; i++) {
		bytes.bytes[i] ^= 1;
		assert_int_equal(read_from("fe80::1", bytes, &beacon), -EBADMSG);
		bytes.bytes[i] ^= 1;
	}
	bytes.bytes[8] = bytes.bytes[9] = 0;
	assert_int_equal(read_from("fe80::1", bytes, &beacon), -EBADMSG);
	assert_int_equal(beacon.tcp_port, 4711);
	blob_free(bytes);
}

/* All 40 bytes count: the same key after a restart is another node's business to judge. */
static void test_own_beacon(void **state)
{
	(void)state;
	struct beacon beacon = {.tcp_port = 9651, .router_id = own}, got;
	struct blob bytes = blob_of_hex(beacon_hex);
	beacon_write(&beacon, bytes.bytes);
	assert_int_equal(read_from("fe80::1", bytes, &got), -ELOOP);
	bytes.bytes[BEACON_SIZE - 1] ^= 1;
	assert_int_equal(read_from("fe80::1", bytes, &got), 0);
	blob_free(bytes);
}

static void test_senders(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
	} senders[] = {
		{"fe80::", 0},
		{"fe80::ffff:ffff:ffff:ffff", 0},
		{"fe80:0:0:1::1", -EADDRNOTAVAIL},
		{"fe81::1", -EADDRNOTAVAIL},
		{"fd00::1", -EADDRNOTAVAIL},
		{"::ffff:192.0.2.1", -EADDRNOTAVAIL},
		{"::ffff:169.254.1.1", -EADDRNOTAVAIL},
		{"430::1", -EADDRNOTAVAIL},
		{"::", -EADDRNOTAVAIL},
	};
	struct blob bytes = blob_of_hex(beacon_hex);
	struct beacon beacon;
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
		assert_int_equal(read_from(senders[i].text, bytes, &beacon), senders[i].result);
	blob_free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_own_beacon),
		cmocka_unit_test(test_senders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
