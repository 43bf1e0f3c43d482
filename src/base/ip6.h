// SPDX-License-Identifier: Apache-2.0
/*
 * IPv6 addresses and prefixes as values, and their text (RFC 5952).
 *
 * The overlay lives in 400::/7: the first byte of each of its addresses is 0x04 or 0x05.
 */
#ifndef MYCELIUM_BASE_IP6_H
#define MYCELIUM_BASE_IP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ip6 {
	uint8_t bytes[16];
};

/* A prefix: `len` leading bits of `addr`, 0..128. Bits behind them are zero once canonical. */
struct subnet {
	struct ip6 addr;
	uint8_t len;
};

enum {
	IP6_TEXT_SIZE = 46,	/* longest address text and its terminator */
	SUBNET_TEXT_SIZE = 50,	/* longest "address/length" and its terminator */
};

static inline bool ip6_equal(const struct ip6 *a, const struct ip6 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* The upper 64 bits as a number: the /64 an address lies in. */
static inline uint64_t ip6_upper64(const struct ip6 *addr)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value = value << 8 | addr->bytes[i];
	return value;
}

/* The /64 network address (lower half zero) for upper 64 bits. */
static inline struct ip6 ip6_from_upper64(uint64_t upper)
{
	struct ip6 addr = {0};
	for (int i = 7; i >= 0; i--, upper >>= 8)
		addr.bytes[i] = (uint8_t)upper;
	return addr;
}

/* Whether an address lies in 400::/7. */
static inline bool ip6_in_overlay(const struct ip6 *addr)
{
	return (addr->bytes[0] & 0xfe) == 0x04;
}

/* The /64 that contains an address, canonical. */
static inline struct subnet subnet64_of(const struct ip6 *addr)
{
	return (struct subnet){.addr = ip6_from_upper64(ip6_upper64(addr)), .len = 64};
}

/* The same prefix with all bits behind its length cleared; lengths above 128 become 128. */
struct subnet subnet_canonical(struct subnet subnet);

/* Equal lengths and equal leading bits; bits behind the length do not matter. */
bool subnet_equal(const struct subnet *a, const struct subnet *b);

/* Whether an address lies in a prefix. */
bool subnet_contains(const struct subnet *subnet, const struct ip6 *addr);

/* Whether `inner` lies wholly in `outer`. */
bool subnet_covers(const struct subnet *outer, const struct subnet *inner);

/* Writes RFC 5952 text: lower case, first longest run of two or more zero groups compressed, ::ffff:a.b.c.d for
 * IPv4-mapped addresses. Returns `text`, which the caller owns. */
const char *ip6_text(const struct ip6 *addr, char text[static IP6_TEXT_SIZE]);

/* Writes "address/length" with the address as it is. Returns `text`. */
const char *subnet_text(const struct subnet *subnet, char text[static SUBNET_TEXT_SIZE]);

/* Parses strict IPv6 text (no brackets, no zone). Returns 0, or -EINVAL and leaves `ret` alone. */
int ip6_parse(const char *text, struct ip6 *ret);

#endif
