// SPDX-License-Identifier: Apache-2.0
/*
 * Byte streams for tests of receiving, and what must come out of them. The twin is a decoder over the whole stream, written
 * from docs/protocol/frames.md alone. Include behind cmocka.h.
 */
#ifndef MYCELIUM_TESTS_LINK_BYTE_STREAM_H
#define MYCELIUM_TESTS_LINK_BYTE_STREAM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "wire/frame.h"

enum { STREAM_MAX = 1 << 20, FRAMES_MAX = 4096 };

/* A byte stream under construction. */
struct bytes {
	uint8_t *at;
	size_t len;
};

static inline struct bytes bytes_new(void)
{
	struct bytes bytes = {.at = malloc(STREAM_MAX)};
	assert_non_null(bytes.at);
	return bytes;
}

static inline void add(struct bytes *bytes, const void *from, size_t len)
{
	assert_true(bytes->len + len <= STREAM_MAX);
	memcpy(bytes->at + bytes->len, from, len);
	bytes->len += len;
}

static inline void add_random(struct bytes *bytes, struct rng *rng, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)rng_next(rng);
		add(bytes, &byte, 1);
	}
}

static inline void add_data(struct bytes *bytes, struct rng *rng, uint16_t body_len)
{
	uint8_t header[8] = {1, 0, 0xaa, 0xbb, 0xcc, (uint8_t)(body_len >> 8), (uint8_t)body_len, 63};
	add(bytes, header, sizeof(header));
	add_random(bytes, rng, 32u + body_len);
}

static inline void add_control(struct bytes *bytes, struct rng *rng, uint8_t magic, uint8_t version, uint16_t body_len)
{
	uint8_t header[8] = {1, 1, 0, 0, magic, version, (uint8_t)(body_len >> 8), (uint8_t)body_len};
	add(bytes, header, sizeof(header));
	add_random(bytes, rng, body_len);
}

struct span {
	size_t at, len;
};

enum ending { END_CLEAN, END_INSIDE, END_VERSION, END_TYPE };

struct twin {
	struct span frames[FRAMES_MAX];
	size_t count;
	enum ending ending;
};

static inline void twin_decode(struct twin *twin, struct bytes bytes)
{
	size_t at = 0;
	twin->count = 0;
	while (at < bytes.len) {
		const uint8_t *b = bytes.at + at;
		size_t left = bytes.len - at;
		twin->ending = END_INSIDE;
		if (left < 4)
			return;
		twin->ending = b[0] != 1 ? END_VERSION : b[1] > 1 ? END_TYPE : END_INSIDE;
		size_t header = b[1] == 0 ? 40 : 8;
		if (twin->ending != END_INSIDE || left < header)
			return;
		size_t len = header + (b[1] == 0 ? (size_t)(b[5] << 8 | b[6]) : (size_t)(b[6] << 8 | b[7]));
		if (left < len)
			return;
		if (b[1] == 0 || (b[4] == 42 && b[5] == 3)) {
			assert_true(twin->count < FRAMES_MAX);
			twin->frames[twin->count++] = (struct span){at, len};
		}
		at += len;
	}
	twin->ending = END_CLEAN;
}

/* How far the frames of a link have been compared with the twin's. */
struct check {
	const struct twin *twin;
	struct bytes bytes;
	size_t seen;
};

static inline void assert_next_frame(struct check *check, const struct frame *frame)
{
	assert_true(check->seen < check->twin->count);
	struct span expected = check->twin->frames[check->seen++];
	const uint8_t *bytes = check->bytes.at + expected.at;
	assert_int_equal(frame->len, expected.len);
	assert_int_equal(frame->type, bytes[1]);
	assert_memory_equal(frame->bytes, bytes, expected.len);
}

#endif
