// SPDX-License-Identifier: Apache-2.0
/*
 * Frames: what peers exchange over a connection (docs/protocol/frames.md).
 *
 *   0        1        2        3        4
 *   +--------+--------+--------+--------+------------
 *   | ver =1 | type   |    reserved     | data header and body, or Babel header and TLVs
 *   +--------+--------+--------+--------+------------
 *
 * The decoder works in place on a contiguous buffer, never looks behind it and never loses step: the lengths in the
 * headers alone say where the next frame begins.
 */
#ifndef MYCELIUM_WIRE_FRAME_H
#define MYCELIUM_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/ip6.h"

enum {
	FRAME_VERSION = 1,
	FRAME_HEADER_SIZE = 4,
	DATA_HEADER_SIZE = 36,
	DATA_FRAME_HEADER_SIZE = FRAME_HEADER_SIZE + DATA_HEADER_SIZE,
	BABEL_HEADER_SIZE = 4,
	CONTROL_FRAME_HEADER_SIZE = FRAME_HEADER_SIZE + BABEL_HEADER_SIZE,
	BABEL_MAGIC = 42,
	BABEL_VERSION = 3,
	FRAME_SIZE_MAX = DATA_FRAME_HEADER_SIZE + 65535,
};

enum frame_type { FRAME_DATA = 0, FRAME_CONTROL = 1 };

/* One frame inside the receive buffer. Borrowed: valid as long as the buffer's bytes. */
struct frame {
	enum frame_type type;
	uint8_t *bytes;		/* whole frame, mutable: forwarding changes the hop limit in place */
	uint32_t len;
};

enum frame_result {
	FRAME_OK,		/* `ret` holds a frame of ret->len bytes */
	FRAME_SKIPPED,		/* a control frame with wrong magic or version of ret->len bytes: go on behind it */
	FRAME_INCOMPLETE,	/* more bytes are needed */
	FRAME_BAD_VERSION,	/* close the connection: "Unknown protocol version" */
	FRAME_BAD_TYPE,		/* close the connection: "Invalid packet type" */
};

/* Looks at the frame that starts at `bytes`. `available` counts the bytes there. `ret` is written with FRAME_OK and
 * FRAME_SKIPPED only. At the end of a stream FRAME_INCOMPLETE with no bytes left is a clean end. */
enum frame_result frame_decode(uint8_t *bytes, size_t available, struct frame *ret);

/* Text for a log line about a result: "Unknown protocol version", "Invalid packet type", and "bytes remaining on
 * stream" for FRAME_INCOMPLETE at the end of a stream. */
const char *frame_result_text(enum frame_result result);

/* The TLVs of a control frame, for tlv_next(). */
struct reader frame_control_body(const struct frame *frame);

/* Addresses, hop limit and body of a data frame. The body is opaque, may be empty and may be changed in place. */
struct ip6 frame_source(const struct frame *frame);
struct ip6 frame_destination(const struct frame *frame);
uint8_t frame_hop_limit(const struct frame *frame);
void frame_set_hop_limit(struct frame *frame, uint8_t hop_limit);
uint8_t *frame_body(const struct frame *frame, size_t *ret_len);

/* Writes the 40 bytes in front of a body of `body_len` bytes (at most 65535). */
__attribute__((nonnull)) void frame_write_data_header(uint8_t header[static DATA_FRAME_HEADER_SIZE],
						      const struct ip6 *source,
						      const struct ip6 *destination,
						      uint8_t hop_limit, uint16_t body_len);

#endif
