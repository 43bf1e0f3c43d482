// SPDX-License-Identifier: Apache-2.0
/*
 * Routing TLVs (docs/protocol/tlvs.md): one table with name, least length, read and write of each type.
 *
 * Towards a peer there is exactly one TLV in each control frame. On receipt any number is accepted, unknown ones are
 * skipped, short or invalid ones are skipped, bytes behind the known fields are ignored. IPv4 and IPv6 prefixes come
 * out canonical: bits behind the prefix length are zero, and none are ever sent.
 *
 * Values in, bytes out: no state, any thread.
 */
#ifndef MYCELIUM_WIRE_TLV_H
#define MYCELIUM_WIRE_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/ip6.h"
#include "crypto/keys.h"

enum tlv_type { TLV_HELLO = 4, TLV_IHU = 5, TLV_UPDATE = 8, TLV_ROUTE_REQUEST = 9, TLV_SEQNO_REQUEST = 10 };

/* Address encodings. */
enum address_encoding { AE_WILDCARD = 0, AE_IPV4 = 1, AE_IPV6 = 2, AE_LINK_LOCAL = 3 };

enum {
	METRIC_INFINITE = 0xffff,
	METRIC_MAX = 0xfffe,
	TLV_FRAME_SIZE_MAX = 96,	/* no TLV with both headers is larger */
};

/* A prefix as received. IPv4 ones keep their four bytes at the front of `subnet.addr`. Link-local ones are fe80:: with
 * the eight bytes received as the low half and length 64: bits behind the length are part of the value, so they are not
 * cleared; whoever stores prefixes takes AE_IPV6 only, and tlv_write_frame() refuses to pass a link-local one on. */
struct tlv_prefix {
	uint8_t encoding;	/* enum address_encoding; AE_WILDCARD: "no prefix" in a route request, ::/0 elsewhere */
	struct subnet subnet;
};

struct tlv_hello {
	uint16_t flags;		/* 0x8000: unicast */
	uint16_t seqno;
	uint16_t interval_cs;
};

struct tlv_ihu {
	uint16_t rx_cost;
	uint16_t interval_cs;
	uint8_t encoding;
	struct ip6 address;	/* zero for AE_WILDCARD; IPv4: four bytes at the front */
};

struct tlv_update {
	uint8_t flags;		/* 0xc0 of what was received */
	uint16_t interval_cs;
	uint16_t seqno;
	uint16_t metric;
	struct tlv_prefix prefix;
	struct router_id router_id;
};

struct tlv_route_request {
	uint8_t generation;
	struct tlv_prefix prefix;
};

struct tlv_seqno_request {
	uint16_t seqno;
	uint8_t hop_count;
	struct router_id router_id;
	struct tlv_prefix prefix;
};

struct tlv {
	enum tlv_type type;
	union {
		struct tlv_hello hello;
		struct tlv_ihu ihu;
		struct tlv_update update;
		struct tlv_route_request route_request;
		struct tlv_seqno_request seqno_request;
	};
};

/* Takes the next well-formed known TLV from a control body, skipping all others. Returns false, and leaves `ret` alone,
 * when the body is at its end or a TLV claims more bytes than the body has. */
bool tlv_next(struct reader *body, struct tlv *ret);

/* Writes a whole control frame with this one TLV. Returns its length (at most TLV_FRAME_SIZE_MAX), or 0 when the TLV
 * must not be sent: an encoding the peer may not be able to read (link-local anywhere, the wildcard except in IHU and
 * route request, IPv4 in a request), a prefix length above the encoding's, a hop count of 0, interval 0 in an IHU or
 * with a finite metric. After 0 the bytes of `out` mean nothing. */
__attribute__((nonnull)) size_t tlv_write_frame(const struct tlv *tlv, uint8_t out[static TLV_FRAME_SIZE_MAX]);

/* "hello", "ihu", "update", "route_request", "seqno_request"; "unknown" for any other number. */
const char *tlv_name(enum tlv_type type);

/* Seqno arithmetic modulo 2^16; at distance 32768 a seqno is neither newer nor older. */
bool seqno_newer(uint16_t a, uint16_t b);
bool seqno_older(uint16_t a, uint16_t b);

/* Metric sum: infinite when either is, else at most METRIC_MAX. */
uint16_t metric_add(uint16_t a, uint16_t b);

/* a - b, not below 0; infinite when a is. b must be finite. */
uint16_t metric_subtract(uint16_t a, uint16_t b);

#endif
