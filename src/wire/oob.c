// SPDX-License-Identifier: Apache-2.0
/*
 * Out-of-band reports: the ICMPv6 error that a relay seals for the originator of a packet it cannot read.
 *
 *   0                16              56        64
 *   | original       | IPv6 header   | ICMPv6  | sealed body of the dropped packet,
 *   | destination    |               | header  | whole or not at all
 *
 * Without the original destination the originator could not find the key that opens the quote; a cut quote could not be
 * opened either.
 */
#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "wire/icmp6.h"

size_t oob_write(uint8_t out[static OOB_PAYLOAD_MAX], const struct ip6 *original_destination,
		 const struct ip6 *reporter, const struct ip6 *originator, const struct icmp6_error *error,
		 const uint8_t *sealed_body, size_t body_len)
{
	struct writer w = writer_init(out, OOB_PAYLOAD_MAX);
	write_bytes(&w, original_destination->bytes, sizeof(original_destination->bytes));
	size_t prefix_len = writer_len(&w);
	size_t quote_len = body_len <= ICMP6_QUOTE_MAX ? body_len : 0;
	return prefix_len + icmp6_write_error(write_reserve(&w, ICMP6_ERROR_SIZE_MAX), reporter, originator,
					      OOB_HOP_LIMIT, error, sealed_body, quote_len);
}

/* The second word means something in these two only. */
static bool has_word(uint8_t type)
{
	return type == ICMP6_TOO_BIG || type == ICMP6_PARAMETER_PROBLEM;
}

/* Whether the IPv6 header says what the sealed frame around it says. */
static bool header_agrees(const uint8_t *packet, const struct ip6 *source, const struct ip6 *destination)
{
	struct ip6 inner_source = ip6_packet_source(packet), inner_destination = ip6_packet_destination(packet);
	return ip6_upper64(&inner_source) == ip6_upper64(source) && ip6_equal(&inner_destination, destination);
}

static bool checksum_valid(const uint8_t *packet, size_t len)
{
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	size_t message_len = len - IP6_HEADER_SIZE;
	uint64_t sum = checksum_pseudo_header(&source, &destination, (uint32_t)message_len, NEXT_HEADER_ICMP6);
	return checksum_finish(checksum_add(sum, &packet[IP6_HEADER_SIZE], message_len)) == 0;
}

int oob_read(uint8_t *payload, size_t len, const struct ip6 *source, const struct ip6 *destination,
	     struct oob_report *ret)
{
	if (len < OOB_HEADER_SIZE || len > OOB_PAYLOAD_MAX)
		return -EBADMSG;
	struct oob_report report;
	struct reader r = reader_init(payload, len);
	read_copy(&r, report.original_destination.bytes, sizeof(report.original_destination.bytes));
	const uint8_t *packet = r.pos;
	size_t packet_len = reader_left(&r);
	read_skip(&r, 6);
	uint8_t next_header = read_u8(&r);
	read_skip(&r, IP6_HEADER_SIZE - 7);
	report.error.type = read_u8(&r);
	report.error.code = read_u8(&r);
	read_skip(&r, 2); /* checksum */
	uint32_t word = read_u32(&r);
	report.error.word = has_word(report.error.type) ? word : 0;
	report.quote = &payload[OOB_HEADER_SIZE];
	report.quote_len = reader_left(&r);
	assert(!r.failed);

	if (!ip6_packet_complete(packet, packet_len) || next_header != NEXT_HEADER_ICMP6)
		return -EBADMSG;
	if (report.error.type < ICMP6_UNREACHABLE || report.error.type > ICMP6_PARAMETER_PROBLEM)
		return -EBADMSG;
	if (!header_agrees(packet, source, destination) || !checksum_valid(packet, packet_len))
		return -EBADMSG;
	*ret = report;
	return 0;
}
