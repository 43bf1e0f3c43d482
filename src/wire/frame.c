// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.h"

#include <assert.h>

/* Where the fields of a data frame stand, counted from its first byte. */
enum {
	HOP_LIMIT_AT = 7,
	SOURCE_AT = 8,
	DESTINATION_AT = 24,
};

/* Hands out the frame of `len` bytes that starts at `bytes`, once all of it is there. */
static enum frame_result take_frame(uint8_t *bytes, size_t available, enum frame_type type, uint32_t len,
				    struct frame *ret)
{
	if (available < len)
		return FRAME_INCOMPLETE;
	*ret = (struct frame){.type = type, .bytes = bytes, .len = len};
	return FRAME_OK;
}

static enum frame_result decode_data(uint8_t *bytes, size_t available, struct reader *r, struct frame *ret)
{
	read_skip(r, 1); /* reserved */
	uint32_t body_len = read_u16(r);
	read_skip(r, DATA_HEADER_SIZE - 3);
	if (r->failed)
		return FRAME_INCOMPLETE;
	return take_frame(bytes, available, FRAME_DATA, DATA_FRAME_HEADER_SIZE + body_len, ret);
}

static enum frame_result decode_control(uint8_t *bytes, size_t available, struct reader *r, struct frame *ret)
{
	uint8_t magic = read_u8(r);
	uint8_t version = read_u8(r);
	uint32_t body_len = read_u16(r);
	if (r->failed)
		return FRAME_INCOMPLETE;
	enum frame_result result =
		take_frame(bytes, available, FRAME_CONTROL, CONTROL_FRAME_HEADER_SIZE + body_len, ret);
	if (result == FRAME_OK && (magic != BABEL_MAGIC || version != BABEL_VERSION))
		return FRAME_SKIPPED;
	return result;
}

enum frame_result frame_decode(uint8_t *bytes, size_t available, struct frame *ret)
{
	struct reader r = reader_init(bytes, available);
	uint8_t version = read_u8(&r);
	uint8_t type = read_u8(&r);
	read_skip(&r, 2); /* reserved */
	if (r.failed)
		return FRAME_INCOMPLETE;
	if (version != FRAME_VERSION)
		return FRAME_BAD_VERSION;
	switch (type) {
	case FRAME_DATA:
		return decode_data(bytes, available, &r, ret);
	case FRAME_CONTROL:
		return decode_control(bytes, available, &r, ret);
	default:
		return FRAME_BAD_TYPE;
	}
}

const char *frame_result_text(enum frame_result result)
{
	static const char *const texts[] = {
		[FRAME_OK] = "frame",
		[FRAME_SKIPPED] = "control frame with another magic or version",
		[FRAME_INCOMPLETE] = "bytes remaining on stream",
		[FRAME_BAD_VERSION] = "Unknown protocol version",
		[FRAME_BAD_TYPE] = "Invalid packet type",
	};
	return texts[result];
}

struct reader frame_control_body(const struct frame *frame)
{
	assert(frame->type == FRAME_CONTROL && frame->len >= CONTROL_FRAME_HEADER_SIZE);
	return reader_init(&frame->bytes[CONTROL_FRAME_HEADER_SIZE], frame->len - CONTROL_FRAME_HEADER_SIZE);
}

static struct ip6 address_at(const struct frame *frame, size_t offset)
{
	assert(frame->type == FRAME_DATA && frame->len >= DATA_FRAME_HEADER_SIZE);
	struct ip6 addr;
	memcpy(addr.bytes, &frame->bytes[offset], sizeof(addr.bytes));
	return addr;
}

struct ip6 frame_source(const struct frame *frame)
{
	return address_at(frame, SOURCE_AT);
}

struct ip6 frame_destination(const struct frame *frame)
{
	return address_at(frame, DESTINATION_AT);
}

uint8_t frame_hop_limit(const struct frame *frame)
{
	assert(frame->type == FRAME_DATA);
	return frame->bytes[HOP_LIMIT_AT];
}

void frame_set_hop_limit(struct frame *frame, uint8_t hop_limit)
{
	assert(frame->type == FRAME_DATA);
	frame->bytes[HOP_LIMIT_AT] = hop_limit;
}

uint8_t *frame_body(const struct frame *frame, size_t *ret_len)
{
	assert(frame->type == FRAME_DATA && frame->len >= DATA_FRAME_HEADER_SIZE);
	*ret_len = frame->len - DATA_FRAME_HEADER_SIZE;
	return &frame->bytes[DATA_FRAME_HEADER_SIZE];
}

void frame_write_data_header(uint8_t header[static DATA_FRAME_HEADER_SIZE], const struct ip6 *source,
			     const struct ip6 *destination, uint8_t hop_limit, uint16_t body_len)
{
	struct writer w = writer_init(header, DATA_FRAME_HEADER_SIZE);
	write_u8(&w, FRAME_VERSION);
	write_u8(&w, FRAME_DATA);
	write_zeros(&w, 3);
	write_u16(&w, body_len);
	write_u8(&w, hop_limit);
	write_bytes(&w, source->bytes, sizeof(source->bytes));
	write_bytes(&w, destination->bytes, sizeof(destination->bytes));
	assert(!w.failed);
}
