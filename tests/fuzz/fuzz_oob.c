// SPDX-License-Identifier: Apache-2.0
/*
 * ICMPv6 in and out. The input is 16 bytes source and 16 bytes destination of a data frame, then a payload, taken
 *
 *   - as an out-of-band report, as it is and with its checksum made right: what is read is the same when written
 *   - as a packet that an error is written about: it is whole, its checksum right, and no error about it allowed
 *   - as a sealed body that a report is written about: it is read as written, and not with a bit of it flipped
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "wire/icmp6.h"

enum { CHECKSUM_AT = 2, HOP_LIMIT = 61 };

static void write_again(const struct oob_report *report, const uint8_t *payload, size_t len)
{
	uint8_t out[OOB_PAYLOAD_MAX];
	struct ip6 source = ip6_packet_source(&payload[16]), destination = ip6_packet_destination(&payload[16]);
	assert(report->quote_len == len - OOB_HEADER_SIZE && report->quote == &payload[OOB_HEADER_SIZE]);
	size_t written = oob_write(out, &report->original_destination, &source, &destination, &report->error,
				   report->quote, report->quote_len);
	/* Traffic class, flow label and hop limit are free, the second word may have been dropped. */
	assert(written == len && memcmp(out, payload, 16) == 0 && memcmp(&out[20], &payload[20], 3) == 0);
	assert(memcmp(&out[24], &payload[24], 34) == 0);
}

/* One's complement sum as RFC 1071 has it, over pseudo-header and message, word by word. */
static uint16_t naive_checksum(const uint8_t *packet, size_t len)
{
	uint32_t message_len = (uint32_t)(len - IP6_HEADER_SIZE), sum = message_len + NEXT_HEADER_ICMP6;
	for (size_t i = 8; i < len; i++) {
		sum += i % 2 == 0 ? packet[i] * 256u : packet[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void mend_checksum(uint8_t *packet, size_t len)
{
	struct writer w = writer_init(&packet[IP6_HEADER_SIZE + CHECKSUM_AT], 2);
	write_u16(&w, 0);
	uint16_t checksum = naive_checksum(packet, len);
	w = writer_init(&packet[IP6_HEADER_SIZE + CHECKSUM_AT], 2);
	write_u16(&w, checksum);
}

static void check_error(const uint8_t *out, size_t len, const struct icmp6_error *error, const uint8_t *packet,
			size_t packet_len)
{
	size_t quote_len = packet_len < ICMP6_QUOTE_MAX ? packet_len : ICMP6_QUOTE_MAX;
	assert(len == IP6_HEADER_SIZE + ICMP6_HEADER_SIZE + quote_len && ip6_packet_complete(out, len));
	assert(ip6_packet_hop_limit(out) == HOP_LIMIT && naive_checksum(out, len) == 0);
	assert(memcmp(&out[IP6_HEADER_SIZE + ICMP6_HEADER_SIZE], packet, quote_len) == 0);
	assert(!icmp6_may_report(out, len, error));
}

static void report_about(const uint8_t *packet, size_t len, const struct ip6 *addr)
{
	static const uint8_t types[] = {ICMP6_UNREACHABLE, ICMP6_TOO_BIG, ICMP6_TIME_EXCEEDED, ICMP6_PARAMETER_PROBLEM};
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	(void)ip6_packet_complete(packet, len);
	for (size_t i = 0; i < sizeof(types); i++) {
		struct icmp6_error error = {.type = types[i], .word = types[i] == ICMP6_TOO_BIG ? 1400 : 0};
		if (!icmp6_may_report(packet, len, &error))
			continue;
		assert(len >= IP6_HEADER_SIZE && packet[8] != 0xff);
		assert(packet[24] != 0xff || error.type == ICMP6_TOO_BIG);
		assert(packet[6] != NEXT_HEADER_ICMP6 || (len > IP6_HEADER_SIZE && packet[IP6_HEADER_SIZE] >= 128));
		size_t written = icmp6_write_error(out, addr, addr, HOP_LIMIT, &error, packet, len);
		check_error(out, written, &error, packet, len);
	}
}

static bool is_read(uint8_t *payload, size_t len, const struct ip6 *source, const struct ip6 *destination,
		    struct oob_report *ret)
{
	return oob_read(payload, len, source, destination, ret) == 0;
}

/* Which bits of a written report may be any: those of the original destination (only the quote's key depends on it),
 * traffic class, flow label and hop limit. */
static bool is_free_bit(size_t at, unsigned bit)
{
	return at < 16 || (at == 16 && bit < 4) || (at > 16 && at < 20) || at == 23;
}

static void report_body(const uint8_t *body, size_t len, const struct ip6 *reporter, const struct ip6 *originator)
{
	uint8_t out[OOB_PAYLOAD_MAX];
	struct icmp6_error error = {.type = ICMP6_TIME_EXCEEDED};
	struct subnet subnet = subnet64_of(reporter);
	struct oob_report report;
	size_t written = oob_write(out, originator, &subnet.addr, originator, &error, body, len);
	size_t quote_len = len <= ICMP6_QUOTE_MAX ? len : 0;
	assert(written == OOB_HEADER_SIZE + quote_len);
	assert(is_read(out, written, reporter, originator, &report));
	assert(report.quote_len == quote_len && memcmp(report.quote, body, quote_len) == 0);
	assert(report.error.type == error.type && ip6_equal(&report.original_destination, originator));

	/* The input chooses the bit. */
	size_t at = ip6_upper64(originator) % written;
	unsigned bit = originator->bytes[15] % 8;
	out[at] ^= (uint8_t)(1u << bit);
	assert(is_read(out, written, reporter, originator, &report) == is_free_bit(at, bit));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader r = reader_init(bytes, len);
	struct ip6 source, destination;
	struct oob_report report;
	read_copy(&r, source.bytes, sizeof(source.bytes));
	read_copy(&r, destination.bytes, sizeof(destination.bytes));
	size_t payload_len = reader_left(&r);
	uint8_t *payload = calloc(payload_len > 0 ? payload_len : 1, 1);
	read_copy(&r, payload, payload_len);

	report_about(payload, payload_len, &source);
	report_body(payload, payload_len, &source, &destination);
	if (is_read(payload, payload_len, &source, &destination, &report))
		write_again(&report, payload, payload_len);
	if (payload_len >= OOB_HEADER_SIZE) {
		mend_checksum(&payload[16], payload_len - 16);
		if (is_read(payload, payload_len, &source, &destination, &report))
			write_again(&report, payload, payload_len);
	}
	free(payload);
	return 0;
}
