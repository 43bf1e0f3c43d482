// SPDX-License-Identifier: Apache-2.0
/*
 * BLAKE3, unkeyed, 32 bytes of output: for addresses (docs/protocol/identity.md) and message checksums.
 *
 * Portable C. Nothing here fails, allocates or keeps global state; different hashes may run in different threads.
 */
#ifndef MYCELIUM_CRYPTO_BLAKE3_H
#define MYCELIUM_CRYPTO_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

enum { BLAKE3_SIZE = 32 };

/* A hash under way. Plain data: copying it forks the hash. */
struct blake3 {
	uint32_t cv[8];		/* chaining value of the current chunk */
	uint64_t chunk;		/* number of the current chunk */
	uint8_t block[64];	/* the block being filled */
	uint8_t block_len;
	uint8_t blocks_compressed;
	uint8_t stack_len;
	uint32_t stack[54][8];	/* finished subtrees, largest first: enough for 2^64 bytes */
};

/* Starts a hash; needed before the other two. */
void blake3_init(struct blake3 *hash);

/* Takes in `len` more bytes; any split of the input gives the same hash. `bytes` may be NULL when `len` is 0. */
void blake3_update(struct blake3 *hash, const void *bytes, size_t len);

/* The hash of everything so far. More input may follow. */
void blake3_final(const struct blake3 *hash, uint8_t out[static BLAKE3_SIZE]);

/* The hash of `len` bytes in one call. */
void blake3(const void *bytes, size_t len, uint8_t out[static BLAKE3_SIZE]);

#endif
