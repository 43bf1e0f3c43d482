// SPDX-License-Identifier: Apache-2.0
/*
 * User data: what travels end to end inside a data frame, sealed in place (docs/protocol/sealing.md).
 *
 *   p-44  frame header (4), data header (36), user data header (4)
 *   p     payload (n), for L3 one IPv6 packet
 *   p+n   tag (16), nonce (12)
 *
 * Sealing reads and writes each byte once, so the frame may come to be in place or elsewhere at the same cost.
 */
#ifndef MYCELIUM_WIRE_SEALED_H
#define MYCELIUM_WIRE_SEALED_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/aead.h"
#include "crypto/nonce.h"
#include "wire/frame.h"

enum {
	USER_HEADER_SIZE = 4,
	USER_VERSION = 1,
	SEAL_HEADROOM = DATA_FRAME_HEADER_SIZE + USER_HEADER_SIZE,	/* 44 */
	SEAL_TAILROOM = AEAD_TAG_SIZE + AEAD_NONCE_SIZE,		/* 28 */
	SEAL_OVERHEAD = USER_HEADER_SIZE + SEAL_TAILROOM,		/* 32: body length = payload + this */
	SEALED_PAYLOAD_MAX = 65535 - SEAL_OVERHEAD,
};

enum user_type { USER_L3 = 0, USER_MESSAGE = 1, USER_OOB_ICMP = 2 };

/* Makes a whole data frame at `out` (SEAL_HEADROOM + len + SEAL_TAILROOM bytes) of the payload at `payload`, which has
 * USER_HEADER_SIZE writable bytes in front of it and at most SEALED_PAYLOAD_MAX bytes. `out` may be payload -
 * SEAL_HEADROOM, so that the frame comes to be in place. Returns the frame's length, len + 72. `hop_limit` goes on the wire
 * as it is: the sender has counted itself already. To be called by the thread that owns `key` and `nonces`. */
size_t sealed_write_frame(uint8_t *out, uint8_t *payload, size_t len, enum user_type type, const struct ip6 *source,
			  const struct ip6 *destination, uint8_t hop_limit, struct aead_key *key,
			  struct nonce_sequence *nonces);

/* Opens a sealed body in place. On success returns 0 and the payload (inside `body`, USER_HEADER_SIZE behind its start,
 * may be empty). The results stay untouched on failure.
 * -EBADMSG: shorter than 32 bytes or the tag does not fit; -EPROTONOSUPPORT: opened, but an unknown version or type.
 * After -EBADMSG the body's bytes are worthless. */
int sealed_open(uint8_t *body, size_t len, struct aead_key *key, enum user_type *ret_type, uint8_t **ret_payload,
		size_t *ret_payload_len);

#endif
