// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "vectors.h"
#include "wire/icmp6.h"

/* The sum by the book: big-endian words one after the other, each carry added at once. */
static uint16_t naive_checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0u);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static uint16_t checksum_of_hex(const char *hex)
{
	struct blob blob = blob_of_hex(hex);
	uint16_t sum = checksum_finish(checksum_add(0, blob.bytes, blob.len));
	blob_free(blob);
	return sum;
}

static void test_known_answers(void **state)
{
	(void)state;
	assert_int_equal(checksum_of_hex("0001f203f4f5f6f7"), 0x220d);
	assert_int_equal(checksum_of_hex(""), 0xffff);
	assert_int_equal(checksum_of_hex("42"), 0xbdff);
	assert_int_equal(checksum_of_hex("ffff"), 0);
	assert_int_equal(checksum_of_hex("0000"), 0xffff);
	assert_int_equal(checksum_of_hex("4500003c1c4640004006b1e6ac100a63ac100a0c"), 0);
	assert_int_equal(checksum_of_hex("4500003c1c46400040060000ac100a63ac100a0c"), 0xb1e6);
}

static void test_all_lengths_and_alignments(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(3);
	uint8_t bytes[1536];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	for (size_t len = 0; len <= 300; len++)
		for (size_t at = 0; at < 9; at++)
			assert_int_equal(checksum_finish(checksum_add(0, &bytes[at], len)),
					 naive_checksum(&bytes[at], len));
	assert_int_equal(checksum_finish(checksum_add(0, bytes, sizeof(bytes))), naive_checksum(bytes, sizeof(bytes)));
}

/* Random regions of any length, so that each remainder of the wide loop follows many turns of it; sums that were begun
 * elsewhere go on. */
static void test_random_regions(void **state)
{
	(void)state;
	enum { SIZE = 65535 + 64 };
	struct rng rng = rng_seeded(5);
	uint8_t *bytes = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	for (int i = 0; i < 2000; i++) {
		size_t len = rng_below(&rng, i % 2 == 0 ? 65536 : 2000);
		size_t at = rng_below(&rng, SIZE - len + 1);
		size_t cut = rng_below(&rng, len / 2 + 1) * 2;
		uint16_t expected = naive_checksum(&bytes[at], len);
		assert_int_equal(checksum_finish(checksum_add(0, &bytes[at], len)), expected);
		uint64_t sum = checksum_add(0, &bytes[at], cut);
		assert_int_equal(checksum_finish(checksum_add(sum, &bytes[at + cut], len - cut)), expected);
	}
	free(bytes);
}

/* Neither a byte in front of the region nor one behind it counts or is read. */
static void test_exact_regions(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(6);
	for (size_t len = 0; len <= 200; len++) {
		uint8_t *bytes = malloc(len + 1);
		for (size_t i = 0; i <= len; i++)
			bytes[i] = (uint8_t)rng_next(&rng);
		uint8_t *region = &bytes[1];
		assert_int_equal(checksum_finish(checksum_add(0, region, len)), naive_checksum(region, len));
		free(bytes);
	}
}

/* All ones make the most carries. */
static void test_largest_region(void **state)
{
	(void)state;
	size_t len = 65551;
	uint8_t *bytes = malloc(len);
	memset(bytes, 0xff, len);
	assert_int_equal(checksum_finish(checksum_add(0, bytes, len)), naive_checksum(bytes, len));
	bytes[len / 2] = 0x12;
	assert_int_equal(checksum_finish(checksum_add(0, bytes, len)), naive_checksum(bytes, len));
	free(bytes);
}

static void test_chained_regions(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(4);
	uint8_t bytes[256];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 2) {
		uint64_t sum = checksum_add(checksum_add(0, bytes, cut), &bytes[cut], sizeof(bytes) - cut);
		assert_int_equal(checksum_finish(sum), naive_checksum(bytes, sizeof(bytes)));
	}
}

static void test_pseudo_header(void **state)
{
	(void)state;
	static const uint32_t lens[] = {0, 20, 65535, 65536, 0x12345678, UINT32_MAX};
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct ip6 source = ip6_of_text("4a1:b2c3:d4e5:f607:1122:3344:5566:7788");
		struct ip6 destination = ip6_of_text("512:3456:789a:bcde:f012:3456:789a:bcde");
		uint8_t bytes[40] = {0};
		memcpy(bytes, &source, 16);
		memcpy(&bytes[16], &destination, 16);
		bytes[32] = (uint8_t)(lens[i] >> 24);
		bytes[33] = (uint8_t)(lens[i] >> 16);
		bytes[34] = (uint8_t)(lens[i] >> 8);
		bytes[35] = (uint8_t)lens[i];
		bytes[39] = 17;
		assert_int_equal(checksum_finish(checksum_pseudo_header(&source, &destination, lens[i], 17)),
				 naive_checksum(bytes, sizeof(bytes)));
	}
}

/* Transport checksums of known packets between A and B, ports 5000 and 6000. */
static void test_udp_packets(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		uint16_t checksum;
	} rows[] = {
		{"13881770000d0000"
		 "68656c6c6f",
		 0x349f},
		{"1388177000100000"
		 "4142434445464748",
		 0x6756},
		{"1388177000100000"
		 "494a4b4c4d4e4f50",
		 0x4736},
		{"13881770000c0000"
		 "51525354",
		 0xd3cc},
		{"13881770000a0000"
		 "7877",
		 0x0000},
	};
	struct ip6 a = ip6_of_text("4a1:b2c3:d4e5:f607:1122:3344:5566:7788");
	struct ip6 b = ip6_of_text("512:3456:789a:bcde:f012:3456:789a:bcde");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob blob = blob_of_hex(rows[i].hex);
		uint64_t sum = checksum_pseudo_header(&a, &b, (uint32_t)blob.len, 17);
		assert_int_equal(checksum_finish(checksum_add(sum, blob.bytes, blob.len)), rows[i].checksum);
		blob_free(blob);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_all_lengths_and_alignments),
		cmocka_unit_test(test_random_regions),
		cmocka_unit_test(test_exact_regions),
		cmocka_unit_test(test_largest_region),
		cmocka_unit_test(test_chained_regions),
		cmocka_unit_test(test_pseudo_header),
		cmocka_unit_test(test_udp_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
