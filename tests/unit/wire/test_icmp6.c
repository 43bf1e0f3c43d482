// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vectors.h"
#include "wire/icmp6.h"

/* An echo request from A to B with hop limit 64. */
static const char echo_hex[] = "6000000000103a4004a1b2c3d4e5f607112233445566778805123456789abcde"
			       "f0123456789abcde80005e5f123400016d7963656c69756d";
static const char a_text[] = "4a1:b2c3:d4e5:f607:1122:3344:5566:7788";

static void test_header_fields(void **state)
{
	(void)state;
	struct blob packet = blob_of_hex(echo_hex);
	struct ip6 source = ip6_packet_source(packet.bytes), destination = ip6_packet_destination(packet.bytes);
	struct ip6 a = ip6_of_text(a_text), b = ip6_of_text("512:3456:789a:bcde:f012:3456:789a:bcde");
	assert_memory_equal(&source, &a, sizeof(a));
	assert_memory_equal(&destination, &b, sizeof(b));
	assert_int_equal(ip6_packet_hop_limit(packet.bytes), 64);
	blob_free(packet);
}

static void test_complete(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 60; len++) {
		struct blob packet = blob_join(blob_of_hex(echo_hex), blob_of_hex("00000000"));
		struct blob cut = blob_new(packet.bytes, len);
		assert_int_equal(ip6_packet_complete(cut.bytes, cut.len), len == 56);
		blob_free(packet);
		blob_free(cut);
	}
	struct blob packet = blob_of_hex(echo_hex);
	packet.bytes[0] = 0x6f;
	assert_true(ip6_packet_complete(packet.bytes, packet.len));
	packet.bytes[0] = 0x45;
	assert_false(ip6_packet_complete(packet.bytes, packet.len));
	packet.bytes[0] = 0x60;
	packet.bytes[4] = 1;
	assert_false(ip6_packet_complete(packet.bytes, packet.len));
	packet.bytes[4] = packet.bytes[5] = 0;
	assert_true(ip6_packet_complete(packet.bytes, 40));
	blob_free(packet);
}

static struct blob write_error(const char *source, const char *destination, uint8_t hop_limit, uint8_t type,
			       uint8_t code, struct blob packet)
{
	struct ip6 from = ip6_of_text(source), to = ip6_of_text(destination);
	struct icmp6_error error = {.type = type, .code = code};
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	size_t len = icmp6_write_error(out, &from, &to, hop_limit, &error, packet.bytes, packet.len);
	blob_free(packet);
	return blob_new(out, len);
}

static void assert_error(struct blob got, const char *hex)
{
	assert_hex(got.bytes, got.len, hex);
	blob_free(got);
}

static void test_address_unreachable(void **state)
{
	(void)state;
	struct blob packet = blob_of_hex("6000000000103a4004a1b2c3d4e5f607112233445566778804a1b2c3d4e5f607"
					 "00000000000000428000a48e123400016d7963656c69756d");
	assert_error(write_error(a_text, a_text, 64, ICMP6_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, packet),
		     "6000000000403a4004a1b2c3d4e5f607112233445566778804a1b2c3d4e5f607"
		     "112233445566778801033d2d000000006000000000103a4004a1b2c3d4e5f607"
		     "112233445566778804a1b2c3d4e5f60700000000000000428000a48e12340001"
		     "6d7963656c69756d");
}

static void test_source_policy(void **state)
{
	(void)state;
	struct blob packet = blob_of_hex("6000000000081140fe80000000000000000000000000000105123456789abcde"
					 "f0123456789abcde0005000700080000");
	struct icmp6_error error = {ICMP6_UNREACHABLE, ICMP6_SOURCE_POLICY, 0};
	assert_true(icmp6_may_report(packet.bytes, packet.len, &error));
	assert_error(write_error(a_text, "fe80::1", 64, ICMP6_UNREACHABLE, ICMP6_SOURCE_POLICY, packet),
		     "6000000000383a4004a1b2c3d4e5f6071122334455667788fe80000000000000"
		     "0000000000000001010533bd000000006000000000081140fe80000000000000"
		     "000000000000000105123456789abcdef0123456789abcde0005000700080000");
}

/* Header and checksum of an error about the echo request, quoted exactly or padded with zeros to the largest quote. */
static void check_local_error(uint8_t hop_limit, uint8_t type, bool padded, const char *start, const char *checksum)
{
	struct blob packet = blob_of_hex(echo_hex);
	packet.bytes[7] = hop_limit;
	if (padded) {
		uint8_t zeros[ICMP6_QUOTE_MAX] = {0};
		packet = blob_join(packet, blob_new(zeros, ICMP6_QUOTE_MAX - packet.len));
	}
	struct blob got = write_error(a_text, a_text, hop_limit, type, 0, packet);
	assert_int_equal(got.len, padded ? 1280 : 104);
	assert_hex(got.bytes, 8, start);
	assert_hex(&got.bytes[42], 2, checksum);
	assert_hex(&got.bytes[44], 4, "00000000");
	blob_free(got);
}

static void test_local_errors(void **state)
{
	(void)state;
	check_local_error(1, ICMP6_TIME_EXCEEDED, false, "6000000000403a01", "3b6f");
	check_local_error(1, ICMP6_TIME_EXCEEDED, true, "6000000004d83a01", "36d7");
	check_local_error(64, ICMP6_UNREACHABLE, false, "6000000000403a40", "3d30");
	check_local_error(64, ICMP6_UNREACHABLE, true, "6000000004d83a40", "3898");
}

static void test_quote_limit(void **state)
{
	(void)state;
	static const size_t lens[][2] = {{0, 48}, {1, 49}, {1231, 1279}, {1232, 1280}, {1233, 1280}, {65535, 1280}};
	uint8_t *bytes = malloc(65535);
	for (size_t i = 0; i < 65535; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct blob got = write_error(a_text, "430::1", 64, ICMP6_UNREACHABLE, 0, blob_new(bytes, lens[i][0]));
		assert_int_equal(got.len, lens[i][1]);
		assert_memory_equal(&got.bytes[48], bytes, got.len - 48);
		assert_true(ip6_packet_complete(got.bytes, got.len));
		blob_free(got);
	}
	free(bytes);
}

static void test_second_word(void **state)
{
	(void)state;
	struct ip6 a = ip6_of_text(a_text);
	struct icmp6_error error = {.type = ICMP6_TOO_BIG, .word = 1400};
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	size_t len = icmp6_write_error(out, &a, &a, 64, &error, NULL, 0);
	assert_int_equal(len, 48);
	assert_hex(&out[44], 4, "00000578");
	uint64_t sum = checksum_pseudo_header(&a, &a, 8, NEXT_HEADER_ICMP6);
	assert_int_equal(checksum_finish(checksum_add(sum, &out[40], 8)), 0);
}

/* A packet with a next header and what follows it, from `source` to `destination`. */
static bool may_report(const char *source, const char *destination, const char *next_and_payload, uint8_t type)
{
	struct ip6 from = ip6_of_text(source), to = ip6_of_text(destination);
	struct blob payload = blob_of_hex(&next_and_payload[2]);
	uint8_t header[40] = {0x60, [7] = 64};
	header[5] = (uint8_t)payload.len;
	header[6] = (uint8_t)strtoul((char[]){next_and_payload[0], next_and_payload[1], '\0'}, NULL, 16);
	memcpy(&header[8], &from, 16);
	memcpy(&header[24], &to, 16);
	struct blob packet = blob_join(blob_new(header, sizeof(header)), payload);
	struct icmp6_error error = {.type = type};
	bool result = icmp6_may_report(packet.bytes, packet.len, &error);
	blob_free(packet);
	return result;
}

static void test_may_report_addresses(void **state)
{
	(void)state;
	static const char udp[] = "110005000700080000";
	static const struct {
		const char *source, *destination;
		bool unreachable, too_big;
	} rows[] = {
		{"430::1", "437::1", true, true},      {"fe80::1", "437::1", true, true},
		{"::", "437::1", false, false},        {"ff02::1", "437::1", false, false},
		{"430::1", "ff02::cafe", false, true}, {"::", "ff02::cafe", false, false},
		{"::1", "437::1", true, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(may_report(rows[i].source, rows[i].destination, udp, ICMP6_UNREACHABLE),
				 rows[i].unreachable);
		assert_int_equal(may_report(rows[i].source, rows[i].destination, udp, ICMP6_TOO_BIG), rows[i].too_big);
	}
}

static void test_may_report_payloads(void **state)
{
	(void)state;
	static const struct {
		const char *next_and_payload;
		bool allowed;
	} rows[] = {
		{"3a8000f5ba12340001", true},  /* echo request */
		{"3a8100f4ba12340001", true},  /* echo reply */
		{"3a8700000000000000", true},  /* neighbour solicitation */
		{"3a8900000000000000", false}, /* redirect */
		{"3a0100000000000000", false}, /* errors */
		{"3a0200000000000000", false},
		{"3a0300000000000000", false},
		{"3a7f00000000000000", false},
		{"3a", false}, /* type cut off */
		{"06", true},  /* TCP, cut off */
		{"3b", true},  /* no next header */
		{"003a00000000000000"
		 "0100",
		 false}, /* behind hop-by-hop options */
		{"003a00000000000000"
		 "8000",
		 true},
		{"003a01000000000000"
		 "8000000000000000"
		 "01",
		 false}, /* 16 bytes of options */
		{"3c2b00000000000000"
		 "3a00000000000000"
		 "03",
		 false}, /* destination options, routing */
		{"3c2b00000000000000"
		 "1100000000000000",
		 true},
		{"2c3a00000100000000"
		 "80",
		 true}, /* first fragment */
		{"2c3a00000100000000"
		 "01",
		 false},
		{"2c3a00000900000000"
		 "80",
		 false}, /* later fragment: could be anything */
		{"2c1100000900000000"
		 "80",
		 true},
		{"003aff000000000000"
		 "80",
		 false}, /* options longer than the packet */
		{"0000000000000000"
		 "0000000000000000",
		 false},
		{"00", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(may_report("430::1", "437::1", rows[i].next_and_payload, ICMP6_TIME_EXCEEDED),
				 rows[i].allowed);
}

static void test_endless_extensions(void **state)
{
	(void)state;
	char chain[2 + 16 * 12 + 3] = "00";
	for (unsigned i = 0; i < 11; i++)
		strcat(chain, "0000000000000000");
	strcat(chain, "1100000000000000");
	assert_false(may_report("430::1", "437::1", chain, ICMP6_TIME_EXCEEDED));
}

static void test_may_report_short_packet(void **state)
{
	(void)state;
	struct icmp6_error error = {.type = ICMP6_TIME_EXCEEDED};
	struct blob packet = blob_of_hex(echo_hex);
	for (size_t len = 0; len <= packet.len; len++) {
		struct blob cut = blob_new(packet.bytes, len);
		assert_int_equal(icmp6_may_report(cut.bytes, cut.len, &error), len > 40);
		blob_free(cut);
	}
	blob_free(packet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_address_unreachable),
		cmocka_unit_test(test_source_policy),
		cmocka_unit_test(test_local_errors),
		cmocka_unit_test(test_quote_limit),
		cmocka_unit_test(test_second_word),
		cmocka_unit_test(test_may_report_addresses),
		cmocka_unit_test(test_may_report_payloads),
		cmocka_unit_test(test_endless_extensions),
		cmocka_unit_test(test_may_report_short_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
