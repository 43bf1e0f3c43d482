// SPDX-License-Identifier: Apache-2.0
/* A byte stream from a peer: frames are found, their fields read and their TLVs walked, until bytes are missing. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/frame.h"
#include "wire/tlv.h"

static void use_data(struct frame *frame)
{
	size_t body_len;
	struct ip6 source = frame_source(frame), destination = frame_destination(frame);
	uint8_t header[DATA_FRAME_HEADER_SIZE];
	uint8_t *body = frame_body(frame, &body_len);
	if (body + body_len != frame->bytes + frame->len)
		abort();
	frame_set_hop_limit(frame, (uint8_t)(frame_hop_limit(frame) - 1));
	frame_write_data_header(header, &source, &destination, frame_hop_limit(frame), (uint16_t)body_len);
	if (memcmp(&header[5], &frame->bytes[5], sizeof(header) - 5) != 0)
		abort();
}

static void use_control(const struct frame *frame)
{
	struct reader body = frame_control_body(frame);
	struct tlv tlv;
	while (tlv_next(&body, &tlv))
		if (strcmp(tlv_name(tlv.type), "unknown") == 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	if (len > 0)
		memcpy(copy, bytes, len);
	size_t at = 0;
	struct frame frame;
	enum frame_result result;
	while ((result = frame_decode(&copy[at], len - at, &frame)) == FRAME_OK || result == FRAME_SKIPPED) {
		if (frame.len < CONTROL_FRAME_HEADER_SIZE || frame.len > len - at)
			abort();
		if (result == FRAME_OK && frame.type == FRAME_DATA)
			use_data(&frame);
		else if (result == FRAME_OK)
			use_control(&frame);
		at += frame.len;
	}
	free(copy);
	return 0;
}
