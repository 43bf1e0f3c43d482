// SPDX-License-Identifier: Apache-2.0
/* The frame that lies across two reads of a byte stream: what is there of it waits for its rest; inside the room. */
#ifndef MYCELIUM_LINK_CARRY_H
#define MYCELIUM_LINK_CARRY_H

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty one. Grows to the largest frame seen and is kept. */
struct carry {
	uint8_t *bytes;
	size_t len, capacity;
	size_t frame_len; /* length of the whole frame, 0 while its header is incomplete */
};

/* Frees the bytes. */
void carry_clear(struct carry *carry);

/* Keeps the cut frame at the end of what was read: `len` bytes, which may lie in `carry` already. Returns 0 or -ENOMEM. */
int carry_keep(struct carry *carry, uint8_t *bytes, size_t len);

#endif
