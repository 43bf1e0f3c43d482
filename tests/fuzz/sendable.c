// SPDX-License-Identifier: Apache-2.0
#include "sendable.h"

#include <stdbool.h>
#include <string.h>

#include "crypto/keys.h"

enum { HEADERS = 10, HELLO = 4, IHU = 5, UPDATE = 8, ROUTE_REQUEST = 9, SEQNO_REQUEST = 10 };

static unsigned u16_at(const uint8_t *bytes)
{
	return bytes[0] * 256u + bytes[1];
}

static bool bit_is_set(const uint8_t *bytes, unsigned bit)
{
	return bytes[bit / 8] & 0x80 >> bit % 8;
}

/* `left` bytes are all that is left for the address; `ret_used` are those it takes. */
static const char *prefix_reason(const uint8_t *address, unsigned bits, size_t left, size_t *ret_used)
{
	*ret_used = (bits + 7) / 8;
	if (bits < 64 || bits > 128)
		return "prefix length outside 64 to 128";
	if (left < *ret_used)
		return "prefix is cut";
	if (address[0] != 4 && address[0] != 5)
		return "prefix outside 400::/7";
	for (unsigned bit = bits; bit < 8 * *ret_used; bit++)
		if (bit_is_set(address, bit))
			return "stray bits behind the prefix length";
	return NULL;
}

static const char *hello_reason(const uint8_t *tlv, size_t len)
{
	if (len != 6)
		return "Hello with a wrong length";
	return u16_at(tlv) == 0x8000 && u16_at(&tlv[4]) != 0 ? NULL : "Hello with other flags or interval 0";
}

static const char *ihu_reason(const uint8_t *tlv, size_t len)
{
	if (len != 6 || tlv[0] != 0)
		return "IHU with an address";
	return tlv[1] == 0 && u16_at(&tlv[4]) != 0 ? NULL : "IHU with reserved bits or interval 0";
}

/* A finite Update of a key whose address the prefix does not contain is not believed by anybody. */
static const char *router_id_reason(const uint8_t *prefix, unsigned bits, const uint8_t *router_id)
{
	struct public_key key;
	memcpy(key.bytes, router_id, sizeof(key.bytes));
	struct ip6 address = public_key_address(&key);
	for (unsigned bit = 0; bit < bits; bit++)
		if (bit_is_set(prefix, bit) != bit_is_set(address.bytes, bit))
			return "Update of a prefix that is not the key's";
	return NULL;
}

static const char *update_reason(const uint8_t *tlv, size_t len)
{
	size_t used;
	if (len < 50 || tlv[0] != 2 || tlv[1] != 0 || tlv[3] != 0)
		return "Update that is cut, not IPv6, with flags or omitted bytes";
	const char *reason = prefix_reason(&tlv[10], tlv[2], len - 50, &used);
	if (reason != NULL)
		return reason;
	if (len != 50 + used)
		return "Update with more behind";
	if (u16_at(&tlv[8]) == 0xffff)
		return NULL;
	if (u16_at(&tlv[4]) == 0)
		return "finite Update with interval 0";
	return router_id_reason(&tlv[10], tlv[2], &tlv[10 + used]);
}

static const char *route_request_reason(const uint8_t *tlv, size_t len)
{
	size_t used;
	if (len < 3 || tlv[0] > 15)
		return "route request that is cut or of a generation above 15";
	if (tlv[1] == 0)
		return tlv[2] == 0 && len == 3 ? NULL : "wildcard with a prefix";
	if (tlv[1] != 2)
		return "route request that is not IPv6";
	const char *reason = prefix_reason(&tlv[3], tlv[2], len - 3, &used);
	return reason != NULL || len == 3 + used ? reason : "route request with more behind";
}

static const char *seqno_request_reason(const uint8_t *tlv, size_t len)
{
	size_t used;
	if (len < 46 || tlv[0] != 2 || tlv[5] != 0)
		return "seqno request that is cut, not IPv6 or with reserved bits";
	if (tlv[4] == 0)
		return "seqno request with hop count 0";
	const char *reason = prefix_reason(&tlv[46], tlv[1], len - 46, &used);
	return reason != NULL || len == 46 + used ? reason : "seqno request with more behind";
}

const char *sendable_reason(const uint8_t *frame, size_t len)
{
	static const uint8_t start[] = {1, 1, 0, 0, 42, 3};

	if (len < HEADERS || memcmp(frame, start, sizeof(start)) != 0)
		return "not a control frame";
	if (u16_at(&frame[6]) != len - 8 || frame[9] != len - HEADERS)
		return "not exactly one TLV";
	const uint8_t *tlv = &frame[HEADERS];
	len -= HEADERS;
	switch (frame[8]) {
	case HELLO:
		return hello_reason(tlv, len);
	case IHU:
		return ihu_reason(tlv, len);
	case UPDATE:
		return update_reason(tlv, len);
	case ROUTE_REQUEST:
		return route_request_reason(tlv, len);
	case SEQNO_REQUEST:
		return seqno_request_reason(tlv, len);
	default:
		return "unknown TLV";
	}
}
