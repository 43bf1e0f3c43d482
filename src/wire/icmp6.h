// SPDX-License-Identifier: Apache-2.0
/*
 * IPv6 and ICMPv6 as far as a router needs them: header fields, checksum, errors about packets (RFC 4443), and the
 * out-of-band report about a packet that a relay cannot read (docs/protocol/icmp.md).
 */
#ifndef MYCELIUM_WIRE_ICMP6_H
#define MYCELIUM_WIRE_ICMP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"

enum {
	IP6_HEADER_SIZE = 40,
	ICMP6_HEADER_SIZE = 8,
	ICMP6_QUOTE_MAX = 1232,				/* 1280 - 40 - 8 */
	ICMP6_ERROR_SIZE_MAX = 1280,
	NEXT_HEADER_ICMP6 = 58,
	OOB_HEADER_SIZE = 16 + IP6_HEADER_SIZE + ICMP6_HEADER_SIZE,	/* 64 */
	OOB_PAYLOAD_MAX = OOB_HEADER_SIZE + ICMP6_QUOTE_MAX,		/* 1296 */
	OOB_HOP_LIMIT = 64,
};

enum icmp6_type { ICMP6_UNREACHABLE = 1, ICMP6_TOO_BIG = 2, ICMP6_TIME_EXCEEDED = 3, ICMP6_PARAMETER_PROBLEM = 4 };

enum icmp6_unreachable_code { ICMP6_NO_ROUTE = 0, ICMP6_ADDRESS_UNREACHABLE = 3, ICMP6_SOURCE_POLICY = 5 };

/* What an ICMPv6 error says: type, code and the second word (MTU for "too big", pointer for "parameter problem", 0
 * otherwise). */
struct icmp6_error {
	uint8_t type, code;
	uint32_t word;
};

/* Fields of an IPv6 header; `packet` holds at least IP6_HEADER_SIZE bytes. */
struct ip6 ip6_packet_source(const uint8_t *packet);
struct ip6 ip6_packet_destination(const uint8_t *packet);
static inline uint8_t ip6_packet_hop_limit(const uint8_t *packet)
{
	return packet[7];
}

/* Whether `len` bytes are one whole IPv6 packet: header complete, version 6, payload length equal to the rest. */
bool ip6_packet_complete(const uint8_t *packet, size_t len);

/* One's complement sum of bytes (16-bit big-endian words), not folded in any particular way: chain several regions and
 * give the total to checksum_finish(). All but the last region have an even length. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len);

/* Folds and inverts: 0x220d for 0001 f203 f4f5 f6f7. */
uint16_t checksum_finish(uint64_t sum);

/* Sum of the IPv6 pseudo-header (RFC 8200 section 8.1). */
uint64_t checksum_pseudo_header(const struct ip6 *source, const struct ip6 *destination, uint32_t len,
				uint8_t next_header);

/* Whether an error about this packet is allowed (RFC 4443 section 2.4 e): it is not itself an ICMPv6 error or redirect,
 * also not behind extension headers, its source is a unicast address, its destination not multicast (except for "too
 * big"). `len` may be short; what cannot be seen for that reason counts as an error. */
bool icmp6_may_report(const uint8_t *packet, size_t len, const struct icmp6_error *error);

/* Writes the ICMPv6 error in its IPv6 packet, quoting `packet` up to ICMP6_QUOTE_MAX bytes; `packet` must not overlap
 * `out`. Returns the length written, 48 plus the quote. */
__attribute__((nonnull(1))) size_t icmp6_write_error(uint8_t out[static ICMP6_ERROR_SIZE_MAX],
						     const struct ip6 *source, const struct ip6 *destination,
						     uint8_t hop_limit, const struct icmp6_error *error,
						     const uint8_t *packet, size_t packet_len);

/* Writes the payload of an out-of-band report: the original destination, then an ICMPv6 error from `reporter` (a /64
 * network address) to `originator` whose quote is the sealed body whole, or nothing when it is longer than
 * ICMP6_QUOTE_MAX (such a report tells the originator nothing: better not sent). Returns the payload's length. */
__attribute__((nonnull(1))) size_t oob_write(uint8_t out[static OOB_PAYLOAD_MAX],
					     const struct ip6 *original_destination, const struct ip6 *reporter,
					     const struct ip6 *originator, const struct icmp6_error *error,
					     const uint8_t *sealed_body, size_t body_len);

/* A received out-of-band report, checked as far as it can be without the key of the quote. What the host is told is
 * icmp6_write_error() with `error` and the opened quote. */
struct oob_report {
	struct ip6 original_destination;
	struct icmp6_error error;
	uint8_t *quote;			/* the sealed body that came back, inside the payload */
	size_t quote_len;
};

/* Reads a report. Returns 0, or -EBADMSG with `ret` untouched when anything is off: length (64..1296), version, payload
 * length, next header, checksum, type outside 1..4, inner addresses other than those of the data frame it came in
 * (source in the /64 of `source`, destination `destination`). A quote may be empty; then nothing can be delivered. */
int oob_read(uint8_t *payload, size_t len, const struct ip6 *source, const struct ip6 *destination,
	     struct oob_report *ret);

#endif
