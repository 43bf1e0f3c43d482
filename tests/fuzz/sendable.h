// SPDX-License-Identifier: Apache-2.0
/* What may be sent to a deployed node (docs/protocol/frames.md, tlvs.md): its reader loses step, or ends, on anything
 * else. Written from the byte layouts alone, so that it does not share a mistake with the code it judges. */
#ifndef MYCELIUM_TESTS_FUZZ_SENDABLE_H
#define MYCELIUM_TESTS_FUZZ_SENDABLE_H

#include <stddef.h>
#include <stdint.h>

/* Returns NULL when `len` bytes are one control frame that every deployed node can read, or what is wrong with them. */
const char *sendable_reason(const uint8_t *frame, size_t len);

#endif
