// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/mss.h"

enum { PACKET_MAX = 1400 };

/* A SYN of that many bytes of options and payload with a right checksum. */
static size_t make_syn(uint8_t *packet, const uint8_t *options, size_t options_len, size_t payload_len)
{
	size_t tcp_len = TCP_HEADER_SIZE + options_len + payload_len;
	memset(packet, 0, PACKET_MAX);
	packet[0] = 0x60;
	packet[IP6_LENGTH_AT] = (uint8_t)(tcp_len >> 8);
	packet[IP6_LENGTH_AT + 1] = (uint8_t)tcp_len;
	packet[IP6_NEXT_HEADER_AT] = NEXT_HEADER_TCP;
	packet[8] = packet[24] = 4;
	uint8_t *tcp = &packet[IP6_HEADER_SIZE];
	tcp[TCP_DATA_OFFSET_AT] = (uint8_t)((TCP_HEADER_SIZE + options_len) / 4 << 4);
	tcp[TCP_FLAGS_AT] = TCP_SYN;
	memcpy(&tcp[TCP_HEADER_SIZE], options, options_len);
	memset(&tcp[TCP_HEADER_SIZE + options_len], 0xa5, payload_len);
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	uint64_t sum = checksum_pseudo_header(&source, &destination, (uint32_t)tcp_len, NEXT_HEADER_TCP);
	uint16_t checksum = checksum_finish(checksum_add(sum, tcp, tcp_len));
	tcp[TCP_CHECKSUM_AT] = (uint8_t)(checksum >> 8);
	tcp[TCP_CHECKSUM_AT + 1] = (uint8_t)checksum;
	return IP6_HEADER_SIZE + tcp_len;
}

static bool checksum_is_right(const uint8_t *packet, size_t len)
{
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	size_t tcp_len = len - IP6_HEADER_SIZE;
	uint64_t sum = checksum_pseudo_header(&source, &destination, (uint32_t)tcp_len, NEXT_HEADER_TCP);
	return checksum_finish(checksum_add(sum, &packet[IP6_HEADER_SIZE], tcp_len)) == 0;
}

struct row {
	const char *name;
	uint8_t options[12];
	size_t options_len, mss_at; /* 0: there is none to be lowered */
};

static const struct row rows[] = {
	{"alone", {2, 4, 0x05, 0x3c}, 4, 2},
	{"at an odd offset", {1, 2, 4, 0x05, 0x3c, 1, 1, 0}, 8, 3},
	{"behind others", {3, 3, 7, 4, 2, 2, 4, 0xff, 0xff, 1, 1, 0}, 12, 7},
	{"small enough", {2, 4, 0x04, 0xf8}, 4, 0},
	{"none", {1, 1, 1, 1}, 4, 0},
	{"behind the end", {0, 2, 4, 0xff, 0xff, 0, 0, 0}, 8, 0},
	{"cut", {1, 1, 2, 4}, 4, 0},
	{"of a wrong length", {2, 3, 0xff, 0xff}, 4, 0},
	{"behind an option of length 0", {9, 0, 2, 4, 0xff, 0xff, 0, 0}, 8, 0},
	{"behind an option of length 1", {9, 1, 2, 4, 0xff, 0xff, 0, 0}, 8, 0},
};

static void offers_are_lowered_and_nothing_else_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint8_t packet[PACKET_MAX], expected[PACKET_MAX], options[12];
		memcpy(options, row->options, sizeof(options));
		size_t len = make_syn(packet, row->options, row->options_len, 7);
		if (row->mss_at > 0) {
			options[row->mss_at] = MSS_MAX >> 8;
			options[row->mss_at + 1] = MSS_MAX & 0xff;
		}
		make_syn(expected, options, row->options_len, 7);
		mss_clamp(packet, len);
		if (memcmp(packet, expected, len) != 0)
			fail_msg("option %s", row->name);
	}
}

static void other_segments_pass_untouched(void **state)
{
	(void)state;
	const uint8_t options[] = {2, 4, 0xff, 0xff};
	uint8_t packet[PACKET_MAX], before[PACKET_MAX];
	size_t len = make_syn(packet, options, sizeof(options), 0);
	packet[IP6_HEADER_SIZE + TCP_FLAGS_AT] = TCP_ACK;
	memcpy(before, packet, len);
	mss_clamp(packet, len);
	assert_memory_equal(packet, before, len);
	packet[IP6_HEADER_SIZE + TCP_FLAGS_AT] = TCP_SYN;
	packet[IP6_NEXT_HEADER_AT] = NEXT_HEADER_UDP;
	memcpy(before, packet, len);
	mss_clamp(packet, len);
	assert_memory_equal(packet, before, len);
}

/* Data offset and options of any kind stay inside the packet; what was right stays right. */
static void random_headers_stay_inside(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(7);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t options[40], packet[PACKET_MAX];
		size_t options_len = rng_below(&rng, 11) * 4;
		for (size_t k = 0; k < options_len; k++)
			options[k] = (uint8_t)rng_below(&rng, i % 2 == 0 ? 6 : 256);
		size_t len = make_syn(packet, options, options_len, rng_below(&rng, 3));
		mss_clamp(packet, len);
		assert_true(checksum_is_right(packet, len));
		packet[IP6_HEADER_SIZE + TCP_DATA_OFFSET_AT] = (uint8_t)rng_next(&rng);
		uint8_t *exact = malloc(len);
		memcpy(exact, packet, len);
		mss_clamp(exact, len);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_are_lowered_and_nothing_else_changes),
		cmocka_unit_test(other_segments_pass_untouched),
		cmocka_unit_test(random_headers_stay_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
