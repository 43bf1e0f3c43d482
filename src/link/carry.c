// SPDX-License-Identifier: Apache-2.0
#include "link/carry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/frame.h"

void carry_clear(struct carry *carry)
{
	free(carry->bytes);
	*carry = (struct carry){0};
}

static int carry_reserve(struct carry *carry, size_t capacity)
{
	if (capacity <= carry->capacity)
		return 0;
	uint8_t *bytes = realloc(carry->bytes, capacity);
	if (bytes == NULL)
		return -ENOMEM;
	carry->bytes = bytes;
	carry->capacity = capacity;
	return 0;
}

/* Length of the whole frame that begins at `bytes`, 0 while the header does not tell. */
static size_t whole_length(uint8_t *bytes, size_t available)
{
	if (available < FRAME_HEADER_SIZE)
		return 0;
	bool data = bytes[1] == FRAME_DATA;
	if (available < (data ? (size_t)DATA_FRAME_HEADER_SIZE : (size_t)CONTROL_FRAME_HEADER_SIZE))
		return 0;
	struct reader r = reader_init(bytes, available);
	read_skip(&r, data ? FRAME_HEADER_SIZE + 1 : FRAME_HEADER_SIZE + 2);
	return (data ? (size_t)DATA_FRAME_HEADER_SIZE : (size_t)CONTROL_FRAME_HEADER_SIZE) + read_u16(&r);
}

int carry_keep(struct carry *carry, uint8_t *bytes, size_t len)
{
	size_t frame_len = whole_length(bytes, len);
	if (carry_reserve(carry, frame_len > len ? frame_len : len) != 0)
		return -ENOMEM;
	/* A large one that grew in place lies there already. */
	if (carry->bytes != bytes)
		memcpy(carry->bytes, bytes, len);
	carry->len = len;
	carry->frame_len = frame_len;
	return 0;
}
