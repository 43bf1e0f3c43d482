// SPDX-License-Identifier: Apache-2.0
#include "dataplane/mss.h"

#include <string.h>

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2, OPTION_MSS_LEN = 4 };

/* Where the value of the option is in a TCP header with its options, 0 when there is none. */
static size_t find_mss(const uint8_t *tcp, size_t header_len)
{
	for (size_t at = TCP_HEADER_SIZE; at + 1 < header_len;) {
		if (tcp[at] == OPTION_END)
			return 0;
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (tcp[at] == OPTION_MSS)
			return tcp[at + 1] == OPTION_MSS_LEN && at + OPTION_MSS_LEN <= header_len ? at + 2 : 0;
		if (tcp[at + 1] < 2)
			return 0;
		at += tcp[at + 1];
	}
	return 0;
}

/* The checksum after one 16-bit word at an offset became another (RFC 1624, equation 3). */
static uint16_t corrected(uint16_t checksum, uint16_t before, uint16_t after, size_t at)
{
	/* At an odd offset its bytes belong to two words of the sum, the other way round. */
	if (at % 2 == 1) {
		before = (uint16_t)(before << 8 | before >> 8);
		after = (uint16_t)(after << 8 | after >> 8);
	}
	return checksum_finish((uint64_t)(uint16_t)~checksum + (uint16_t)~before + after);
}

void mss_clamp_syn(uint8_t *packet, size_t len)
{
	uint8_t *tcp = &packet[IP6_HEADER_SIZE];
	size_t header_len = tcp_header_len(tcp);
	size_t at = header_len <= len - IP6_HEADER_SIZE ? find_mss(tcp, header_len) : 0;
	if (at == 0)
		return;
	struct reader mss_at = reader_init(&tcp[at], 2), checksum_at = reader_init(&tcp[TCP_CHECKSUM_AT], 2);
	uint16_t mss = read_u16(&mss_at), checksum = read_u16(&checksum_at);
	if (mss <= MSS_MAX)
		return;
	struct writer w = writer_init(&tcp[at], 2);
	write_u16(&w, MSS_MAX);
	w = writer_init(&tcp[TCP_CHECKSUM_AT], 2);
	write_u16(&w, corrected(checksum, mss, MSS_MAX, at));
}
