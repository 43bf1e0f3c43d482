// SPDX-License-Identifier: Apache-2.0
/*
 * Nonce sequence of one thread: a random start and a counter (docs/protocol/sealing.md).
 *
 * All packets between two identities, in both directions and over the life of both keys, share one AES key, so no
 * nonce may ever repeat. 96 random bits P (4) | C (8, big-endian); per packet C is used and counted up, from 2^64 - 1
 * on to 0. Fresh bits are drawn at start, after fork, after 2^32 packets and at least every 10 minutes, which also
 * bounds the damage when a virtual machine is cloned. Two runs of a and b packets collide with probability at most
 * (a+b)/2^96.
 *
 * A sequence belongs to one thread and serves all its keys. It must not be copied: a copy would repeat its nonces.
 */
#ifndef MYCELIUM_CRYPTO_NONCE_H
#define MYCELIUM_CRYPTO_NONCE_H

#include <stdint.h>

#include "crypto/aead.h"

/* Limits of one run of the counter. */
#define NONCE_PACKETS_MAX (UINT64_C(1) << 32)
#define NONCE_LIFETIME_MS UINT64_C(600000)

struct nonce_sequence {
	uint32_t prefix;
	uint64_t counter;
	uint64_t left;		/* packets until fresh bits are drawn */
	uint64_t redraw_at_ms;
	uint64_t fork_epoch;	/* process in which the bits were drawn */
};

/* A sequence with fresh random bits. `now_ms` is monotonic. Ends the process when the system has no random bits. */
void nonce_sequence_init(struct nonce_sequence *sequence, uint64_t now_ms);

/* To be called once per batch with the time: draws fresh bits when they are due. */
void nonce_sequence_refresh(struct nonce_sequence *sequence, uint64_t now_ms);

/* Writes the next nonce. No system call, except when fresh bits are due. */
void nonce_next(struct nonce_sequence *sequence, uint8_t nonce[static AEAD_NONCE_SIZE]);

#endif
