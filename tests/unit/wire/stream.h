// SPDX-License-Identifier: Apache-2.0
/*
 * A receiver of a byte stream, for the tests of this folder: collects bytes and notes the kind of each packet as soon
 * as it is there. Include behind vectors.h.
 */
#ifndef MYCELIUM_TESTS_WIRE_STREAM_H
#define MYCELIUM_TESTS_WIRE_STREAM_H

#include "vectors.h"

struct stream {
	struct blob buffer;       /* bytes not yet consumed */
	char kinds[256];          /* "hello data " and so on */
	enum frame_result result; /* of the last look */
};

static inline void stream_note(struct stream *stream, const char *kind)
{
	size_t at = strlen(stream->kinds);
	assert_true(at + strlen(kind) + 2 < sizeof(stream->kinds));
	snprintf(&stream->kinds[at], sizeof(stream->kinds) - at, "%s ", kind);
}

static inline void stream_note_frame(struct stream *stream, const struct frame *frame)
{
	if (frame->type == FRAME_DATA) {
		stream_note(stream, "data");
		return;
	}
	struct reader body = frame_control_body(frame);
	struct tlv tlv;
	while (tlv_next(&body, &tlv))
		stream_note(stream, tlv_name(tlv.type));
}

static inline bool stream_closed(const struct stream *stream)
{
	return stream->result == FRAME_BAD_VERSION || stream->result == FRAME_BAD_TYPE;
}

static inline void stream_feed(struct stream *stream, const uint8_t *bytes, size_t len)
{
	if (stream_closed(stream))
		return;
	stream->buffer = blob_join(stream->buffer, blob_new(bytes, len));
	struct frame frame;
	while ((stream->result = frame_decode(stream->buffer.bytes, stream->buffer.len, &frame)) == FRAME_OK ||
	       stream->result == FRAME_SKIPPED) {
		assert_true(frame.len > 0 && frame.len <= stream->buffer.len);
		if (stream->result == FRAME_OK)
			stream_note_frame(stream, &frame);
		struct blob rest = blob_new(&stream->buffer.bytes[frame.len], stream->buffer.len - frame.len);
		blob_free(stream->buffer);
		stream->buffer = rest;
	}
}

/* A receiver that was fed `bytes` in parts: first `first` bytes, then `step` at a time. Free its buffer. */
static inline struct stream stream_of(struct blob bytes, size_t first, size_t step)
{
	struct stream stream = {.buffer = blob_new("", 0)};
	stream_feed(&stream, bytes.bytes, first);
	for (size_t at = first; at < bytes.len; at += step)
		stream_feed(&stream, &bytes.bytes[at], bytes.len - at < step ? bytes.len - at : step);
	return stream;
}

/* Checks kinds, last result and bytes left, fed whole, one byte at a time and in each two parts. */
static inline void assert_stream(struct blob bytes, const char *kinds, enum frame_result result, size_t left)
{
	for (size_t first = 0; first <= bytes.len + 1; first++) {
		bool bytewise = first > bytes.len;
		struct stream stream = stream_of(bytes, bytewise ? 0 : first, bytewise ? 1 : bytes.len);
		assert_string_equal(stream.kinds, kinds);
		assert_int_equal(stream.result, result);
		if (result == FRAME_INCOMPLETE)
			assert_int_equal(stream.buffer.len, left);
		blob_free(stream.buffer);
	}
}

#endif
