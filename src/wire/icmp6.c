// SPDX-License-Identifier: Apache-2.0
#include "wire/icmp6.h"

#include <assert.h>

#include "base/bytes.h"

/* Where the fields of an IPv6 header stand. */
enum {
	NEXT_HEADER_AT = 6,
	SOURCE_AT = 8,
	DESTINATION_AT = 24,
};

enum {
	NEXT_HEADER_HOP_BY_HOP = 0,
	NEXT_HEADER_ROUTING = 43,
	NEXT_HEADER_FRAGMENT = 44,
	NEXT_HEADER_DESTINATION = 60,
	EXTENSIONS_MAX = 8,
	FRAGMENT_OFFSET_MASK = 0xfff8,
	ICMP6_INFORMATIONAL = 128, /* types from here on are not errors */
	ICMP6_REDIRECT = 137,
};

static struct ip6 address_at(const uint8_t *packet, size_t offset)
{
	struct ip6 addr;
	memcpy(addr.bytes, &packet[offset], sizeof(addr.bytes));
	return addr;
}

struct ip6 ip6_packet_source(const uint8_t *packet)
{
	return address_at(packet, SOURCE_AT);
}

struct ip6 ip6_packet_destination(const uint8_t *packet)
{
	return address_at(packet, DESTINATION_AT);
}

bool ip6_packet_complete(const uint8_t *packet, size_t len)
{
	struct reader r = reader_init(packet, len);
	uint8_t version = read_u8(&r) >> 4;
	read_skip(&r, 3);
	uint16_t payload_len = read_u16(&r);
	read_skip(&r, IP6_HEADER_SIZE - 6);
	return !r.failed && version == 6 && reader_left(&r) == payload_len;
}

/* Leaves the reader behind one extension header and returns the next header's number. */
static uint8_t skip_extension(struct reader *r, uint8_t header, bool *ret_first_fragment)
{
	uint8_t next = read_u8(r);
	uint8_t extra = read_u8(r);
	if (header == NEXT_HEADER_FRAGMENT) {
		*ret_first_fragment = (read_u16(r) & FRAGMENT_OFFSET_MASK) == 0;
		read_skip(r, 4);
	} else {
		read_skip(r, 6 + (size_t)extra * 8);
	}
	return next;
}

static bool is_extension(uint8_t header)
{
	return header == NEXT_HEADER_HOP_BY_HOP || header == NEXT_HEADER_ROUTING || header == NEXT_HEADER_FRAGMENT ||
	       header == NEXT_HEADER_DESTINATION;
}

/* Whether what the packet carries may cause an error: not an ICMPv6 error, nor anything that could be one but cannot be
 * seen: a chain of extension headers that is cut off or has no end, a later fragment, a cut ICMPv6 header. */
static bool payload_may_cause_error(const uint8_t *packet, size_t len)
{
	struct reader r = reader_init(packet, len);
	read_skip(&r, IP6_HEADER_SIZE);
	uint8_t header = packet[NEXT_HEADER_AT];
	bool first_fragment = true;
	for (unsigned i = 0; i < EXTENSIONS_MAX && is_extension(header) && first_fragment; i++)
		header = skip_extension(&r, header, &first_fragment);
	if (header != NEXT_HEADER_ICMP6)
		return !is_extension(header) && !r.failed;
	uint8_t type = read_u8(&r);
	return first_fragment && !r.failed && type >= ICMP6_INFORMATIONAL && type != ICMP6_REDIRECT;
}

bool icmp6_may_report(const uint8_t *packet, size_t len, const struct icmp6_error *error)
{
	static const struct ip6 unspecified;

	if (len < IP6_HEADER_SIZE)
		return false;
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	if (source.bytes[0] == 0xff || ip6_equal(&source, &unspecified))
		return false;
	if (destination.bytes[0] == 0xff && error->type != ICMP6_TOO_BIG)
		return false;
	return payload_may_cause_error(packet, len);
}

size_t icmp6_write_error(uint8_t out[static ICMP6_ERROR_SIZE_MAX], const struct ip6 *source,
			 const struct ip6 *destination, uint8_t hop_limit, const struct icmp6_error *error,
			 const uint8_t *packet, size_t packet_len)
{
	size_t quote_len = packet_len < ICMP6_QUOTE_MAX ? packet_len : ICMP6_QUOTE_MAX;
	size_t message_len = ICMP6_HEADER_SIZE + quote_len;
	struct writer w = writer_init(out, ICMP6_ERROR_SIZE_MAX);
	write_u32(&w, 6u << 28);
	write_u16(&w, (uint16_t)message_len);
	write_u8(&w, NEXT_HEADER_ICMP6);
	write_u8(&w, hop_limit);
	write_bytes(&w, source->bytes, sizeof(source->bytes));
	write_bytes(&w, destination->bytes, sizeof(destination->bytes));

	const uint8_t *message = w.pos;
	write_u8(&w, error->type);
	write_u8(&w, error->code);
	struct writer checksum = writer_init(write_reserve(&w, 2), 2);
	write_u16(&checksum, 0);
	write_u32(&w, error->word);
	write_bytes(&w, packet, quote_len);
	assert(!w.failed);

	uint64_t sum = checksum_pseudo_header(source, destination, (uint32_t)message_len, NEXT_HEADER_ICMP6);
	checksum = writer_init(checksum.start, 2);
	write_u16(&checksum, checksum_finish(checksum_add(sum, message, message_len)));
	return writer_len(&w);
}
