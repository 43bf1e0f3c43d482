// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "vectors.h"
#include "wire/message.h"

static const uint8_t zeros[MESSAGE_CHUNK_DATA_MAX + 1];

static struct message_packet packet_of(enum message_kind kind, bool is_ack)
{
	return (struct message_packet){.id = {1, 2, 3, 4, 5, 6, 7, 8}, .kind = kind, .is_ack = is_ack};
}

static void test_flags_written(void **state)
{
	(void)state;
	static const struct {
		enum message_kind kind;
		bool is_ack, is_reply;
		uint8_t flags;
		int len;
	} rows[] = {
		{MESSAGE_INIT, false, false, 0x80, 21},  {MESSAGE_INIT, true, false, 0x81, 21},
		{MESSAGE_INIT, false, true, 0x84, 21},   {MESSAGE_INIT, true, true, 0x85, 21},
		{MESSAGE_DONE, false, false, 0x40, 52},  {MESSAGE_DONE, true, false, 0x41, 52},
		{MESSAGE_CHUNK, false, false, 0x10, 36}, {MESSAGE_CHUNK, true, false, 0x11, 36},
		{MESSAGE_ABORT, false, false, 0x20, 12}, {MESSAGE_READ, false, false, 0x08, 12},
		{MESSAGE_READ, true, false, 0x09, 12},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message_packet packet = packet_of(rows[i].kind, rows[i].is_ack), got;
		uint8_t out[MESSAGE_PACKET_SIZE_MAX];
		if (rows[i].kind == MESSAGE_INIT)
			packet.init.is_reply = rows[i].is_reply;
		assert_int_equal(message_encode(&packet, out, NULL), rows[i].len);
		assert_hex(out, 8, "0102030405060708");
		assert_int_equal(out[8], rows[i].flags);
		assert_hex(&out[9], 3, "000000");
		assert_int_equal(message_decode(out, (size_t)rows[i].len, &got), 0);
		assert_int_equal(got.kind, rows[i].kind);
		assert_int_equal(got.is_ack, rows[i].is_ack);
	}
}

static void test_field_offsets(void **state)
{
	(void)state;
	uint8_t out[MESSAGE_PACKET_SIZE_MAX];
	struct message_packet init = packet_of(MESSAGE_INIT, false);
	init.init.length = 0x1112131415161718;
	init.init.topic = (const uint8_t *)"xyz";
	init.init.topic_len = 3;
	assert_int_equal(message_encode(&init, out, NULL), 24);
	assert_hex(&out[12], 12, "11121314151617180378797a");

	struct message_packet chunk = packet_of(MESSAGE_CHUNK, false);
	chunk.chunk = (struct message_chunk){0x2122232425262728, 0x3132333435363738, 2, (const uint8_t *)"ab"};
	assert_int_equal(message_encode(&chunk, out, NULL), 38);
	assert_hex(&out[12], 8, "2122232425262728");
	assert_hex(&out[20], 8, "3132333435363738");
	assert_hex(&out[28], 8, "0000000000000002");
	assert_hex(&out[36], 2, "6162");

	struct message_packet done = packet_of(MESSAGE_DONE, false);
	done.done.chunk_count = 0x4142434445464748;
	memset(done.done.checksum, 0x5a, sizeof(done.done.checksum));
	assert_int_equal(message_encode(&done, out, NULL), 52);
	assert_hex(&out[12], 8, "4142434445464748");
	for (size_t i = 20; i < 52; i++)
		assert_int_equal(out[i], 0x5a);
}

/* The first flag in the order decides; REPLY, unassigned flags and reserved bytes do not. */
static void test_flags_read(void **state)
{
	(void)state;
	static const struct {
		const char *flags;
		int result;
		enum message_kind kind;
		bool is_ack;
	} rows[] = {
		{"f8ff", 0, MESSAGE_INIT, false},     {"fcff", 0, MESSAGE_INIT, false},
		{"f900", 0, MESSAGE_INIT, true},      {"7800", 0, MESSAGE_CHUNK, false},
		{"7900", 0, MESSAGE_CHUNK, true},     {"6800", 0, MESSAGE_DONE, false},
		{"6900", 0, MESSAGE_DONE, true},      {"2800", 0, MESSAGE_READ, false},
		{"2900", 0, MESSAGE_READ, true},      {"2000", 0, MESSAGE_ABORT, false},
		{"26ff", 0, MESSAGE_ABORT, false},    {"2100", -EPROTONOSUPPORT, 0, false},
		{"0000", -EPROTONOSUPPORT, 0, false}, {"0100", -EPROTONOSUPPORT, 0, false},
		{"0400", -EPROTONOSUPPORT, 0, false}, {"06ff", -EPROTONOSUPPORT, 0, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char hex[64];
		struct message_packet packet;
		snprintf(hex, sizeof(hex), "0102030405060708%sffff", rows[i].flags);
		struct blob blob = blob_join(blob_of_hex(hex), blob_new(zeros, 64));
		assert_int_equal(message_decode(blob.bytes, blob.len, &packet), rows[i].result);
		if (rows[i].result == 0) {
			assert_int_equal(packet.kind, rows[i].kind);
			assert_int_equal(packet.is_ack, rows[i].is_ack);
		}
		blob_free(blob);
	}
}

/* Every shorter packet is refused, of each kind, and `ret` stays as it was. */
static void test_least_lengths(void **state)
{
	(void)state;
	static const struct {
		uint8_t flags;
		size_t least;
	} rows[] = {{0x80, 21}, {0x81, 21}, {0x84, 21}, {0x10, 36}, {0x11, 36},
		    {0x40, 52}, {0x41, 52}, {0x08, 12}, {0x09, 12}, {0x20, 12}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t len = 0; len <= 60; len++) {
			struct blob blob = blob_new(zeros, len);
			struct message_packet packet = {.kind = (enum message_kind)99};
			uint8_t ack[MESSAGE_ACK_SIZE_MAX];
			if (len > 8)
				blob.bytes[8] = rows[i].flags;
			bool whole = len >= rows[i].least;
			assert_int_equal(message_decode(blob.bytes, blob.len, &packet), whole ? 0 : -EBADMSG);
			assert_int_equal(packet.kind == (enum message_kind)99, !whole);
			if (!whole)
				assert_int_equal(message_write_ack(blob.bytes, blob.len, ack), 0);
			blob_free(blob);
		}
}

static void test_topic_lengths(void **state)
{
	(void)state;
	for (size_t topic_len = 0; topic_len <= 255; topic_len += 51) {
		for (size_t present = 0; present <= 260; present += 5) {
			uint8_t header[21] = {[8] = 0x80, [20] = (uint8_t)topic_len};
			struct blob blob = blob_join(blob_new(header, sizeof(header)), blob_new(zeros, present));
			struct message_packet packet;
			int result = message_decode(blob.bytes, blob.len, &packet);
			assert_int_equal(result, present >= topic_len ? 0 : -EBADMSG);
			if (result == 0) {
				assert_int_equal(packet.init.topic_len, topic_len);
				assert_ptr_equal(packet.init.topic, &blob.bytes[21]);
			}
			blob_free(blob);
		}
	}
}

static void test_chunk_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *offset, *size;
		size_t present;
		int result;
		uint64_t expected;
	} rows[] = {
		{"0000000000000000", "0000000000000000", 0, 0, 0},
		{"0000000000000514", "0000000000000003", 3, 0, 3},
		{"0000000000000514", "0000000000000003", 9, 0, 3},
		{"0000000000000514", "0000000000000009", 3, 0, 3},
		{"0000000000000000", "ffffffffffffffff", 5, 0, 5},
		{"ffffffffffffffff", "0000000000000000", 0, 0, 0},
		{"fffffffffffffffe", "0000000000000001", 1, 0, 1},
		{"ffffffffffffffff", "0000000000000001", 1, -EBADMSG, 0},
		{"fffffffffffffffe", "ffffffffffffffff", 2, -EBADMSG, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char hex[128];
		struct message_packet packet;
		snprintf(hex, sizeof(hex), "0102030405060708100000000000000000000007%s%s", rows[i].offset,
			 rows[i].size);
		struct blob blob = blob_join(blob_of_hex(hex), blob_new(zeros, rows[i].present));
		assert_int_equal(message_decode(blob.bytes, blob.len, &packet), rows[i].result);
		if (rows[i].result == 0) {
			assert_int_equal(packet.chunk.index, 7);
			assert_int_equal(packet.chunk.size, rows[i].expected);
			assert_ptr_equal(packet.chunk.data, &blob.bytes[36]);
		}
		blob_free(blob);
	}
}

static void test_largest_packets(void **state)
{
	(void)state;
	uint8_t out[MESSAGE_PACKET_SIZE_MAX];
	struct problems problems = {0};
	struct message_packet chunk = packet_of(MESSAGE_CHUNK, false);
	chunk.chunk.data = zeros;
	chunk.chunk.size = 1364;
	assert_int_equal(message_encode(&chunk, out, &problems), 1400);
	chunk.chunk.size = 1365;
	assert_int_equal(problems.count, 0);
	assert_int_equal(message_encode(&chunk, out, &problems), -EMSGSIZE);
	assert_string_equal(problems.text[0], "Insufficient capacity available, needed 1365 bytes, have 1364 bytes");
	assert_int_equal(message_encode(&chunk, out, NULL), -EMSGSIZE);

	struct message_packet init = packet_of(MESSAGE_INIT, false);
	init.init.topic = zeros;
	init.init.topic_len = 255;
	assert_int_equal(message_encode(&init, out, &problems), 276);
	init.init.topic_len = 256;
	assert_int_equal(problems.count, 1);
	assert_int_equal(message_encode(&init, out, &problems), -EMSGSIZE);
	assert_string_equal(problems.text[1], "topic too large, topic is limited to 255 bytes");
}

/* Echoed as it came: id, all flags, reserved bytes, the fixed fields; not topic and data. */
static void test_acknowledgements(void **state)
{
	(void)state;
	static const struct {
		const char *packet, *ack;
	} rows[] = {
		{"112233445566778886ffaabb"
		 "000000000000000e"
		 "03"
		 "787978"
		 "ff",
		 "112233445566778887ffaabb"
		 "000000000000000e"
		 "03"},
		{"112233445566778812340000"
		 "0000000000000001"
		 "0000000000000514"
		 "ffffffffffffffff"
		 "6162",
		 "112233445566778813340000"
		 "0000000000000001"
		 "0000000000000514"
		 "ffffffffffffffff"},
		{"112233445566778840000001"
		 "0000000000000001"
		 "3c8c3830b6e546ec3b11db7e4828ccb70fb623e93e9754a6920458133accd019"
		 "eeee",
		 "112233445566778841000001"
		 "0000000000000001"
		 "3c8c3830b6e546ec3b11db7e4828ccb70fb623e93e9754a6920458133accd019"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob packet = blob_of_hex(rows[i].packet), again;
		struct message_packet decoded;
		uint8_t ack[MESSAGE_ACK_SIZE_MAX];
		size_t len = message_write_ack(packet.bytes, packet.len, ack);
		assert_hex(ack, len, rows[i].ack);
		again = blob_new(ack, len);
		assert_int_equal(message_decode(again.bytes, again.len, &decoded), 0);
		assert_true(decoded.is_ack);
		assert_int_equal(message_write_ack(again.bytes, again.len, ack), 0);
		blob_free(packet);
		blob_free(again);
	}
}

static void test_not_acknowledged(void **state)
{
	(void)state;
	static const char *const rows[] = {"112233445566778808000000", "112233445566778809000000",
					   "112233445566778820000000", "112233445566778801000000",
					   "112233445566778800000000"};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob packet = blob_of_hex(rows[i]);
		uint8_t ack[MESSAGE_ACK_SIZE_MAX];
		assert_int_equal(message_write_ack(packet.bytes, packet.len, ack), 0);
		blob_free(packet);
	}
}

/* What is decoded from random bytes can be encoded, and is the same when decoded again. */
static void test_random_bytes(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(6);
	unsigned decoded = 0;
	for (unsigned round = 0; round < 20000; round++) {
		struct blob blob = blob_new(zeros, (size_t)rng_below(&rng, 300));
		struct message_packet packet, again;
		uint8_t out[MESSAGE_PACKET_SIZE_MAX];
		for (size_t i = 0; i < blob.len; i++)
			blob.bytes[i] = (uint8_t)rng_next(&rng);
		if (message_decode(blob.bytes, blob.len, &packet) == 0) {
			int len = message_encode(&packet, out, NULL);
			assert_true(len >= 12 && (size_t)len <= blob.len);
			assert_int_equal(message_decode(out, (size_t)len, &again), 0);
			assert_int_equal(again.kind, packet.kind);
			assert_int_equal(again.is_ack, packet.is_ack);
			decoded++;
		}
		blob_free(blob);
	}
	assert_true(decoded > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags_written),
		cmocka_unit_test(test_field_offsets),
		cmocka_unit_test(test_flags_read),
		cmocka_unit_test(test_least_lengths),
		cmocka_unit_test(test_topic_lengths),
		cmocka_unit_test(test_chunk_sizes),
		cmocka_unit_test(test_largest_packets),
		cmocka_unit_test(test_acknowledgements),
		cmocka_unit_test(test_not_acknowledged),
		cmocka_unit_test(test_random_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
