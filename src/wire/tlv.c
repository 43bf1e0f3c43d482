// SPDX-License-Identifier: Apache-2.0
/*
 * One row of `codecs` for each TLV: what a body must at least have, how it is read, how it is written.
 *
 * A read function sees only the bytes of its own TLV, so a wrong length can cost that TLV and nothing else. It returns
 * whether the values are allowed; running out of bytes is noticed by the caller in the reader. A write function returns
 * whether the values may be sent: the reference's reader loses step, or ends, on several encodings that it cannot read.
 */
#include "wire/tlv.h"

#include <assert.h>

#include "wire/frame.h"

enum {
	HELLO_FLAGS_KNOWN = 0x8000,
	UPDATE_FLAGS_KNOWN = 0xc0,
	IP4_SIZE = 4,
	IP4_BITS = 32,
	IP6_BITS = 128,
	LINK_LOCAL_BITS = 64,
	LINK_LOCAL_SIZE = 8,
	TLV_PAD1 = 0,
	TLV_HEADER_SIZE = 2,
	TLV_FRAME_HEADER_SIZE = CONTROL_FRAME_HEADER_SIZE + TLV_HEADER_SIZE,
};

struct tlv_codec {
	const char *name;
	uint8_t least_len;
	bool (*read)(struct reader *r, struct tlv *ret);
	bool (*write)(const struct tlv *tlv, struct writer *w);
};

static size_t prefix_bytes(uint8_t bits)
{
	return (size_t)(bits + 7) / 8;
}

/* fe80:: and the eight bytes on the wire as the low half. */
static struct ip6 read_link_local(struct reader *r)
{
	struct ip6 addr = {.bytes = {0xfe, 0x80}};
	read_copy(r, &addr.bytes[sizeof(addr.bytes) - LINK_LOCAL_SIZE], LINK_LOCAL_SIZE);
	return addr;
}

/* Reads the address bytes of a prefix; false when encoding and length do not go together. */
static bool read_prefix(struct reader *r, uint8_t encoding, uint8_t bits, struct tlv_prefix *ret)
{
	static const int bits_max[] = {[AE_WILDCARD] = 0, [AE_IPV4] = IP4_BITS, [AE_IPV6] = IP6_BITS};

	*ret = (struct tlv_prefix){.encoding = encoding, .subnet.len = bits};
	if (encoding == AE_LINK_LOCAL) {
		ret->subnet.addr = read_link_local(r);
		return bits == LINK_LOCAL_BITS;
	}
	if (encoding > AE_LINK_LOCAL || bits > bits_max[encoding])
		return false;
	read_copy(r, ret->subnet.addr.bytes, prefix_bytes(bits));
	ret->subnet = subnet_canonical(ret->subnet);
	return true;
}

static void write_prefix(struct writer *w, const struct tlv_prefix *prefix)
{
	struct subnet subnet = subnet_canonical(prefix->subnet);
	write_bytes(w, subnet.addr.bytes, prefix_bytes(subnet.len));
}

static bool is_ip6_prefix(const struct tlv_prefix *prefix)
{
	return prefix->encoding == AE_IPV6 && prefix->subnet.len <= IP6_BITS;
}

static bool is_ip4_prefix(const struct tlv_prefix *prefix)
{
	return prefix->encoding == AE_IPV4 && prefix->subnet.len <= IP4_BITS;
}

static bool read_hello(struct reader *r, struct tlv *ret)
{
	ret->hello.flags = read_u16(r) & HELLO_FLAGS_KNOWN;
	ret->hello.seqno = read_u16(r);
	ret->hello.interval_cs = read_u16(r);
	return true;
}

static bool write_hello(const struct tlv *tlv, struct writer *w)
{
	write_u16(w, tlv->hello.flags & HELLO_FLAGS_KNOWN);
	write_u16(w, tlv->hello.seqno);
	write_u16(w, tlv->hello.interval_cs);
	return true;
}

/* Unlike a prefix this is always a whole address. */
static bool read_ihu(struct reader *r, struct tlv *ret)
{
	struct tlv_ihu *ihu = &ret->ihu;
	ihu->encoding = read_u8(r);
	read_skip(r, 1); /* reserved */
	ihu->rx_cost = read_u16(r);
	ihu->interval_cs = read_u16(r);
	ihu->address = (struct ip6){0};
	if (ihu->encoding == AE_IPV4)
		read_copy(r, ihu->address.bytes, IP4_SIZE);
	else if (ihu->encoding == AE_IPV6)
		read_copy(r, ihu->address.bytes, sizeof(ihu->address.bytes));
	else if (ihu->encoding == AE_LINK_LOCAL)
		ihu->address = read_link_local(r);
	return ihu->encoding <= AE_LINK_LOCAL;
}

static bool write_ihu(const struct tlv *tlv, struct writer *w)
{
	static const size_t address_size[] = {[AE_WILDCARD] = 0, [AE_IPV4] = IP4_SIZE, [AE_IPV6] = 16};

	const struct tlv_ihu *ihu = &tlv->ihu;
	if (ihu->encoding > AE_IPV6 || ihu->interval_cs == 0)
		return false;
	write_u8(w, ihu->encoding);
	write_zeros(w, 1);
	write_u16(w, ihu->rx_cost);
	write_u16(w, ihu->interval_cs);
	write_bytes(w, ihu->address.bytes, address_size[ihu->encoding]);
	return true;
}

static bool read_update(struct reader *r, struct tlv *ret)
{
	struct tlv_update *update = &ret->update;
	uint8_t encoding = read_u8(r);
	update->flags = read_u8(r) & UPDATE_FLAGS_KNOWN;
	uint8_t bits = read_u8(r);
	read_skip(r, 1); /* omitted bytes: there is no prefix compression */
	update->interval_cs = read_u16(r);
	update->seqno = read_u16(r);
	update->metric = read_u16(r);
	bool valid = read_prefix(r, encoding, bits, &update->prefix);
	read_copy(r, update->router_id.bytes, ROUTER_ID_SIZE);
	return valid;
}

static bool write_update(const struct tlv *tlv, struct writer *w)
{
	const struct tlv_update *update = &tlv->update;
	if (!is_ip6_prefix(&update->prefix) && !is_ip4_prefix(&update->prefix))
		return false;
	if (update->metric != METRIC_INFINITE && update->interval_cs == 0)
		return false;
	write_u8(w, update->prefix.encoding);
	write_u8(w, update->flags & UPDATE_FLAGS_KNOWN);
	write_u8(w, update->prefix.subnet.len);
	write_zeros(w, 1);
	write_u16(w, update->interval_cs);
	write_u16(w, update->seqno);
	write_u16(w, update->metric);
	write_prefix(w, &update->prefix);
	write_bytes(w, update->router_id.bytes, ROUTER_ID_SIZE);
	return true;
}

static bool read_route_request(struct reader *r, struct tlv *ret)
{
	struct tlv_route_request *request = &ret->route_request;
	request->generation = read_u8(r);
	uint8_t encoding = read_u8(r);
	uint8_t bits = read_u8(r);
	/* With the wildcard the length says nothing: the whole table is asked for. */
	return read_prefix(r, encoding, encoding == AE_WILDCARD ? 0 : bits, &request->prefix);
}

/* An IPv4 prefix here would stop the reference's control plane. */
static bool write_route_request(const struct tlv *tlv, struct writer *w)
{
	const struct tlv_route_request *request = &tlv->route_request;
	bool wildcard = request->prefix.encoding == AE_WILDCARD;
	if (!wildcard && !is_ip6_prefix(&request->prefix))
		return false;
	write_u8(w, request->generation);
	write_u8(w, request->prefix.encoding);
	write_u8(w, wildcard ? 0 : request->prefix.subnet.len);
	if (!wildcard)
		write_prefix(w, &request->prefix);
	return true;
}

static bool read_seqno_request(struct reader *r, struct tlv *ret)
{
	struct tlv_seqno_request *request = &ret->seqno_request;
	uint8_t encoding = read_u8(r);
	uint8_t bits = read_u8(r);
	request->seqno = read_u16(r);
	request->hop_count = read_u8(r);
	read_skip(r, 1); /* reserved */
	read_copy(r, request->router_id.bytes, ROUTER_ID_SIZE);
	return read_prefix(r, encoding, bits, &request->prefix) && request->hop_count > 0;
}

static bool write_seqno_request(const struct tlv *tlv, struct writer *w)
{
	const struct tlv_seqno_request *request = &tlv->seqno_request;
	if (!is_ip6_prefix(&request->prefix) || request->hop_count == 0)
		return false;
	write_u8(w, request->prefix.encoding);
	write_u8(w, request->prefix.subnet.len);
	write_u16(w, request->seqno);
	write_u8(w, request->hop_count);
	write_zeros(w, 1);
	write_bytes(w, request->router_id.bytes, ROUTER_ID_SIZE);
	write_prefix(w, &request->prefix);
	return true;
}

static const struct tlv_codec codecs[] = {
	[TLV_HELLO] = {"hello", 6, read_hello, write_hello},
	[TLV_IHU] = {"ihu", 6, read_ihu, write_ihu},
	[TLV_UPDATE] = {"update", 50, read_update, write_update},
	[TLV_ROUTE_REQUEST] = {"route_request", 3, read_route_request, write_route_request},
	[TLV_SEQNO_REQUEST] = {"seqno_request", 46, read_seqno_request, write_seqno_request},
};

/* NULL for types that are not known. */
static const struct tlv_codec *codec_find(unsigned type)
{
	if (type >= sizeof(codecs) / sizeof(codecs[0]) || codecs[type].name == NULL)
		return NULL;
	return &codecs[type];
}

static bool decode(uint8_t type, struct reader payload, struct tlv *ret)
{
	const struct tlv_codec *codec = codec_find(type);
	if (codec == NULL || reader_left(&payload) < codec->least_len)
		return false;
	struct tlv tlv = {.type = (enum tlv_type)type};
	if (!codec->read(&payload, &tlv) || payload.failed)
		return false;
	*ret = tlv;
	return true;
}

bool tlv_next(struct reader *body, struct tlv *ret)
{
	while (reader_left(body) > 0) {
		uint8_t type = read_u8(body);
		if (type == TLV_PAD1)
			continue;
		struct reader payload = read_slice(body, read_u8(body));
		if (decode(type, payload, ret))
			return true;
	}
	return false;
}

size_t tlv_write_frame(const struct tlv *tlv, uint8_t out[static TLV_FRAME_SIZE_MAX])
{
	const struct tlv_codec *codec = codec_find(tlv->type);
	assert(codec != NULL);

	struct writer payload = writer_init(&out[TLV_FRAME_HEADER_SIZE], TLV_FRAME_SIZE_MAX - TLV_FRAME_HEADER_SIZE);
	if (!codec->write(tlv, &payload))
		return 0;
	assert(!payload.failed);

	size_t len = writer_len(&payload);
	struct writer w = writer_init(out, TLV_FRAME_HEADER_SIZE);
	write_u8(&w, FRAME_VERSION);
	write_u8(&w, FRAME_CONTROL);
	write_zeros(&w, 2);
	write_u8(&w, BABEL_MAGIC);
	write_u8(&w, BABEL_VERSION);
	write_u16(&w, (uint16_t)(TLV_HEADER_SIZE + len));
	write_u8(&w, (uint8_t)tlv->type);
	write_u8(&w, (uint8_t)len);
	assert(!w.failed);
	return TLV_FRAME_HEADER_SIZE + len;
}

const char *tlv_name(enum tlv_type type)
{
	const struct tlv_codec *codec = codec_find(type);
	return codec != NULL ? codec->name : "unknown";
}
