// SPDX-License-Identifier: Apache-2.0
/* Cutting, against a twin that builds each packet from its fields and sums word by word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/segment.h"
#include "joined_packets.h"

enum { ROOM_IN_FRONT = 4 };

/* A packet of many segments is cut into what the twin makes of its parts, each with an extension header if there was one. */
static void cut(const struct flow_packet *whole, size_t segment_size, bool extended)
{
	static uint8_t room[ROOM_IN_FRONT + TUN_READ_MAX], expected[TUN_READ_MAX];
	uint8_t *packet = room + ROOM_IN_FRONT;
	size_t len = flow_packet_write(whole, packet);
	struct tun_offload offload = flow_packet_offload(whole, segment_size);
	if (extended) {
		len = flow_packet_extend(packet, len);
		offload.checksum_start += FLOW_EXTENSION_SIZE;
	}
	struct segmenter segmenter;
	assert_int_equal(segment_begin(&segmenter, packet, len, &offload), 0);
	for (size_t at = 0; at < whole->payload_len; at += segment_size) {
		assert_int_equal(segments_left(&segmenter), (whole->payload_len - at + segment_size - 1) / segment_size);
		struct flow_packet part = flow_packet_part(whole, at, segment_size);
		size_t expected_len = flow_packet_write(&part, expected);
		expected_len = extended ? flow_packet_extend(expected, expected_len) : expected_len;
		assert_int_equal(segment_next_len(&segmenter), expected_len);
		uint8_t *segment = segment_next(&segmenter);
		assert_memory_equal(segment, expected, expected_len);
		/* Whoever takes it may write to it, and in front of it. */
		memset(segment - ROOM_IN_FRONT, 0xe5, ROOM_IN_FRONT + expected_len);
	}
	assert_int_equal(segment_next_len(&segmenter), 0);
	assert_int_equal(segments_left(&segmenter), 0);
}

static void test_segments_are_those_of_the_twin(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(1);
	for (unsigned round = 0; round < 3000; round++) {
		struct flow_packet whole = flow_packet_random(&rng, 20000);
		cut(&whole, 1 + rng_below(&rng, round % 2 == 0 ? 1400 : whole.payload_len + 10), rng_below(&rng, 4) == 0);
	}
}

/* 255 segments of 256 bytes: what the kernel makes of a small MSS. */
static void test_many_segments(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(2);
	struct flow_packet whole = flow_packet_random(&rng, 20000);
	whole.payload_len = 255 * 256;
	cut(&whole, 256, false);
	cut(&whole, 1328, false);
}

static void test_checksum_of_one_packet(void **state)
{
	(void)state;
	static uint8_t packet[TUN_READ_MAX], open[TUN_READ_MAX];
	struct rng rng = rng_seeded(3);
	for (unsigned round = 0; round < 3000; round++) {
		struct flow_packet fields = flow_packet_random(&rng, 1300);
		struct tun_offload offload = flow_packet_offload(&fields, 0);
		size_t len = flow_packet_write(&fields, packet);
		flow_packet_write(&fields, open);
		flow_packet_open_checksum(open, len);
		assert_int_equal(segment_finish_checksum(open, len, &offload), 0);
		assert_memory_equal(open, packet, len);
	}
}

/* What sums up to 0 is sent as 0xffff over UDP. */
static void test_udp_checksum_is_never_zero(void **state)
{
	(void)state;
	static uint8_t packet[TUN_READ_MAX];
	struct rng rng = rng_seeded(4);
	uint8_t payload[2] = {0};
	struct flow_packet fields = flow_packet_random(&rng, 100);
	fields.protocol = 17;
	fields.options_len = 0;
	fields.payload = payload;
	fields.payload_len = 2;
	unsigned found = 0;
	for (unsigned word = 0; word < 65536; word++) {
		payload[0] = (uint8_t)(word >> 8);
		payload[1] = (uint8_t)word;
		size_t len = flow_packet_write(&fields, packet);
		flow_packet_open_checksum(packet, len);
		struct tun_offload offload = flow_packet_offload(&fields, 0);
		assert_int_equal(segment_finish_checksum(packet, len, &offload), 0);
		assert_false(packet[46] == 0 && packet[47] == 0);
		found += packet[46] == 0xff && packet[47] == 0xff;
	}
	assert_true(found >= 1);
}

/* A kernel would not say such things; nothing is read outside the packet when it does. */
static void test_nonsense_is_refused(void **state)
{
	(void)state;
	static uint8_t packet[TUN_READ_MAX];
	struct rng rng = rng_seeded(5);
	struct segmenter segmenter;
	for (unsigned round = 0; round < 20000; round++) {
		struct flow_packet fields = flow_packet_random(&rng, 300);
		size_t len = flow_packet_write(&fields, packet);
		struct tun_offload offload = flow_packet_offload(&fields, rng_below(&rng, 200));
		offload.checksum_start = (uint16_t)rng_below(&rng, len + 50);
		offload.checksum_offset = (uint16_t)rng_below(&rng, 40);
		offload.batch = rng_below(&rng, 2) == 0 ? TUN_TCP : TUN_UDP;
		uint8_t *copy = test_malloc(len);
		memcpy(copy, packet, len);
		if (segment_begin(&segmenter, copy, len, &offload) == 0) {
			for (size_t next; (next = segment_next_len(&segmenter)) > 0;) {
				uint8_t *segment = segment_next(&segmenter);
				assert_true(segment >= copy && segment + next <= copy + len);
			}
		}
		(void)segment_finish_checksum(copy, len, &offload);
		test_free(copy);
	}
	struct flow_packet fields = flow_packet_random(&rng, 300);
	fields.payload_len = 300;
	size_t len = flow_packet_write(&fields, packet);
	struct tun_offload offload = flow_packet_offload(&fields, 0);
	assert_int_equal(segment_begin(&segmenter, packet, len, &offload), -EBADMSG);
	offload = flow_packet_offload(&fields, 100);
	assert_int_equal(segment_begin(&segmenter, packet, len - 1, &offload), -EBADMSG);
	offload.checksum_start = 39;
	assert_int_equal(segment_begin(&segmenter, packet, len, &offload), -EBADMSG);
	assert_int_equal(segment_finish_checksum(packet, len, &offload), -EBADMSG);
	/* Headers of a length that no kernel cuts. */
	offload = flow_packet_offload(&fields, 100);
	offload.batch = TUN_UDP;
	offload.checksum_start = SEGMENT_HEADERS_MAX - 8;
	assert_int_equal(segment_begin(&segmenter, packet, len, &offload), 0);
	offload.checksum_start++;
	assert_int_equal(segment_begin(&segmenter, packet, len, &offload), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_are_those_of_the_twin),
		cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_checksum_of_one_packet),
		cmocka_unit_test(test_udp_checksum_is_never_zero),
		cmocka_unit_test(test_nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
