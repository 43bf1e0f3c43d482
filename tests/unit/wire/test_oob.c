// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "vectors.h"
#include "wire/icmp6.h"

/* A relay T with the /64 4de:adbe:ef00:1122::/64 reports to A about a sealed body for B. */
static const char a_text[] = "4a1:b2c3:d4e5:f607:1122:3344:5566:7788";
static const char b_text[] = "512:3456:789a:bcde:f012:3456:789a:bcde";
static const char t_text[] = "4de:adbe:ef00:1122::";
static const char body_hex[] = "e7187c2d25cb02bf6275bd9303db721da449af1783957128c968510e7ab94157"
			       "aaecfb215f30676b2706b816897adda6552f46490fa9791b2d377e33fb67e547"
			       "0b6a0c795f6b0887db610d1ea0a1a2a3a4a5a6a7a8a9aaab";
static const char packet_hex[] = "6000000000603a4004deadbeef001122000000000000000004a1b2c3d4e5f607"
				 "11223344556677880300c80700000000e7187c2d25cb02bf6275bd9303db721d"
				 "a449af1783957128c968510e7ab94157aaecfb215f30676b2706b816897adda6"
				 "552f46490fa9791b2d377e33fb67e5470b6a0c795f6b0887db610d1ea0a1a2a3"
				 "a4a5a6a7a8a9aaab";

static struct blob write_report(uint8_t type, uint8_t code, const uint8_t *body, size_t len)
{
	struct ip6 a = ip6_of_text(a_text), b = ip6_of_text(b_text), t = ip6_of_text(t_text);
	struct icmp6_error error = {.type = type, .code = code};
	uint8_t out[OOB_PAYLOAD_MAX];
	return blob_new(out, oob_write(out, &b, &t, &a, &error, body, len));
}

static int read_report(struct blob payload, struct oob_report *ret)
{
	struct ip6 a = ip6_of_text(a_text), t = ip6_of_text(t_text);
	return oob_read(payload.bytes, payload.len, &t, &a, ret);
}

static struct blob example(void)
{
	struct blob body = blob_of_hex(body_hex);
	struct blob payload = write_report(ICMP6_TIME_EXCEEDED, 0, body.bytes, body.len);
	blob_free(body);
	return payload;
}

/* Makes the ICMPv6 checksum of a payload right again after a change. */
static void mend_checksum(struct blob payload)
{
	struct ip6 source = ip6_packet_source(&payload.bytes[16]),
		   destination = ip6_packet_destination(&payload.bytes[16]);
	size_t len = payload.len - 56;
	payload.bytes[58] = payload.bytes[59] = 0;
	uint64_t sum = checksum_pseudo_header(&source, &destination, (uint32_t)len, NEXT_HEADER_ICMP6);
	uint16_t checksum = checksum_finish(checksum_add(sum, &payload.bytes[56], len));
	payload.bytes[58] = (uint8_t)(checksum >> 8);
	payload.bytes[59] = (uint8_t)checksum;
}

static void test_write(void **state)
{
	(void)state;
	struct ip6 b = ip6_of_text(b_text);
	struct blob payload = example();
	assert_memory_equal(payload.bytes, &b, 16);
	assert_hex(&payload.bytes[16], payload.len - 16, packet_hex);
	blob_free(payload);
}

static void test_read(void **state)
{
	(void)state;
	struct ip6 b = ip6_of_text(b_text);
	struct blob payload = example();
	struct oob_report report;
	assert_int_equal(read_report(payload, &report), 0);
	assert_memory_equal(&report.original_destination, &b, 16);
	assert_int_equal(report.error.type, ICMP6_TIME_EXCEEDED);
	assert_int_equal(report.error.code, 0);
	assert_int_equal(report.error.word, 0);
	assert_ptr_equal(report.quote, &payload.bytes[64]);
	assert_hex(report.quote, report.quote_len, body_hex);
	blob_free(payload);
}

/* The whole way: T seals the report for A, A opens it, opens the quote, and tells its host. */
static void test_sealed_and_delivered(void **state)
{
	(void)state;
	struct ip6 a = ip6_of_text(a_text), t = ip6_of_text(t_text);
	struct aead_key *with_t = key_of_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
	struct aead_key *with_b = key_of_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	struct blob nonce = blob_of_hex("b0b1b2b3b4b5b6b7b8b9babb");
	struct blob plaintext = blob_join(blob_of_hex("01020000"), example());
	struct blob sealed = seal_frame(plaintext, &t, &a, 63, with_t, nonce.bytes);
	assert_hex(sealed.bytes, sealed.len,
		   "010000000000b83f04deadbeef001122000000000000000004a1b2c3d4e5f607"
		   "112233445566778873235383e22204910816072157ead7f00da9e0215a8e4a1a"
		   "2bdfcfd9b0c9b20474f55abc6c908bf338885b0ed70a7036d2139b90e8745efd"
		   "3f2412405842846649a52c273a9e69a397a15adf32fd8f5cad70de751f40406e"
		   "0da3809a08d61c807691e07b4d682894c2b6b81920eacbf7b9f883927e791111"
		   "2ed5d17f7d1c3d6b9eacca20094552851e32194341a6d57a686ec50dd018668a"
		   "57c8c4f1f6890b82ac5d79cdfc24225b053cb6f6b0b1b2b3b4b5b6b7b8b9babb");

	struct oob_report report;
	enum user_type type;
	uint8_t *payload, *quoted, out[ICMP6_ERROR_SIZE_MAX];
	size_t len, quoted_len;
	assert_int_equal(sealed_open(&sealed.bytes[40], sealed.len - 40, with_t, &type, &payload, &len), 0);
	assert_int_equal(type, USER_OOB_ICMP);
	assert_int_equal(oob_read(payload, len, &t, &a, &report), 0);
	assert_int_equal(sealed_open(report.quote, report.quote_len, with_b, &type, &quoted, &quoted_len), 0);
	assert_int_equal(type, USER_L3);
	assert_hex(out, icmp6_write_error(out, &t, &a, 61, &report.error, quoted, quoted_len),
		   "6000000000403a3d04deadbeef001122000000000000000004a1b2c3d4e5f607"
		   "112233445566778803001c18000000006000000000103a4004a1b2c3d4e5f607"
		   "112233445566778805123456789abcdef0123456789abcde80005e5f12340001"
		   "6d7963656c69756d");
	blob_free(nonce);
	blob_free(plaintext);
	blob_free(sealed);
	aead_key_free(with_t);
	aead_key_free(with_b);
}

static void test_quote_whole_or_nothing(void **state)
{
	(void)state;
	static const size_t rows[][2] = {{0, 64}, {31, 95}, {1231, 1295}, {1232, 1296}, {1233, 64}, {65535, 64}};
	uint8_t *body = malloc(65535);
	for (size_t i = 0; i < 65535; i++)
		body[i] = (uint8_t)(i * 13);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob payload = write_report(ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, body, rows[i][0]);
		struct oob_report report;
		assert_int_equal(payload.len, rows[i][1]);
		assert_int_equal(read_report(payload, &report), 0);
		assert_int_equal(report.quote_len, payload.len - 64);
		assert_memory_equal(report.quote, body, report.quote_len);
		blob_free(payload);
	}
	free(body);
}

/* Lengths outside 64..1296 are refused even when all else fits. */
static void test_lengths(void **state)
{
	(void)state;
	uint8_t body[1300] = {0};
	struct oob_report report;
	struct blob payload = write_report(ICMP6_UNREACHABLE, 0, body, 1232);
	for (size_t len = 0; len < payload.len; len++) {
		struct blob cut = blob_new(payload.bytes, len);
		assert_int_equal(read_report(cut, &report), -EBADMSG);
		blob_free(cut);
	}
	assert_int_equal(read_report(payload, &report), 0);
	struct blob longer = blob_join(payload, blob_of_hex("00"));
	assert_int_equal(read_report(longer, &report), -EBADMSG);
	longer.bytes[16 + 5]++;
	mend_checksum(longer);
	assert_int_equal(longer.len, 1297);
	assert_int_equal(read_report(longer, &report), -EBADMSG);
	blob_free(longer);
}

/* One byte of a good report changed, the checksum made right again. */
static void test_changed_fields(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
		int result;
	} rows[] = {
		{0, 0x04, 0},         /* original destination: anything */
		{16, 0x45, -EBADMSG}, /* version 4 */
		{16, 0x6f, 0},        /* traffic class and flow label do not matter */
		{20, 0x01, -EBADMSG}, /* payload length too long */
		{21, 0x5f, -EBADMSG}, /* too short */
		{21, 0x61, -EBADMSG}, {21, 0x00, -EBADMSG}, {22, 17, -EBADMSG}, /* next header */
		{22, 0, -EBADMSG},    {23, 1, 0},                               /* hop limit */
		{24, 0x05, -EBADMSG},                                           /* source in another /64 */
		{31, 0x23, -EBADMSG}, {39, 0x01, 0},                            /* any host of the reporter's /64 */
		{40, 0x05, -EBADMSG},                                           /* destination */
		{55, 0x89, -EBADMSG}, {56, 0, -EBADMSG},                        /* type */
		{56, 1, 0},           {56, 2, 0},           {56, 4, 0},
		{56, 5, -EBADMSG},    {56, 128, -EBADMSG},  {57, 7, 0}, /* code */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct oob_report report;
		struct blob payload = example();
		payload.bytes[rows[i].at] = rows[i].value;
		mend_checksum(payload);
		assert_int_equal(read_report(payload, &report), rows[i].result);
		blob_free(payload);
	}
}

/* The checksum covers everything from the addresses on, except traffic class, flow label and hop limit. */
static void test_each_bit(void **state)
{
	(void)state;
	struct blob payload = example();
	for (size_t bit = 0; bit < payload.len * 8; bit++) {
		size_t at = bit / 8;
		struct oob_report report;
		bool free_byte = at < 16 || (at == 16 && bit % 8 < 4) || (at >= 17 && at < 20) || at == 23;
		payload.bytes[at] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(read_report(payload, &report), free_byte ? 0 : -EBADMSG);
		payload.bytes[at] ^= (uint8_t)(1u << bit % 8);
	}
	blob_free(payload);
}

static void test_second_word(void **state)
{
	(void)state;
	static const uint32_t words[] = {[ICMP6_UNREACHABLE] = 0,
					 [ICMP6_TOO_BIG] = 0x578,
					 [ICMP6_TIME_EXCEEDED] = 0,
					 [ICMP6_PARAMETER_PROBLEM] = 0x578};
	for (uint8_t type = 1; type <= 4; type++) {
		struct oob_report report;
		struct blob payload = example();
		payload.bytes[56] = type;
		payload.bytes[62] = 0x05;
		payload.bytes[63] = 0x78;
		mend_checksum(payload);
		assert_int_equal(read_report(payload, &report), 0);
		assert_int_equal(report.error.word, words[type]);
		blob_free(payload);
	}
}

static void test_untouched_on_failure(void **state)
{
	(void)state;
	struct oob_report report = {.quote_len = 4711};
	struct blob payload = example();
	payload.bytes[59] ^= 1;
	assert_int_equal(read_report(payload, &report), -EBADMSG);
	assert_int_equal(report.quote_len, 4711);
	blob_free(payload);
}

static void test_random_bytes(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(5);
	for (unsigned round = 0; round < 2000; round++) {
		struct blob payload = example();
		struct oob_report report;
		for (unsigned i = 0; i < 3; i++)
			payload.bytes[rng_below(&rng, payload.len)] = (uint8_t)rng_next(&rng);
		mend_checksum(payload);
		if (read_report(payload, &report) == 0)
			assert_int_equal(report.quote_len, payload.len - 64);
		blob_free(payload);
	}
}

static int set_up(void **state)
{
	(void)state;
	return aead_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_sealed_and_delivered),
		cmocka_unit_test(test_quote_whole_or_nothing),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_changed_fields),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_second_word),
		cmocka_unit_test(test_untouched_on_failure),
		cmocka_unit_test(test_random_bytes),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
