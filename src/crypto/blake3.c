// SPDX-License-Identifier: Apache-2.0
/*
 * BLAKE3 as a stream.
 *
 * The input is cut into chunks of 1024 bytes, each a chain of 16 blocks. The chaining values of the chunks are the
 * leaves of a binary tree; of its inner nodes only those still waiting for their right half are kept:
 *
 *            parent                    after 7 chunks the stack holds
 *           /      \                   the subtree of chunks 0-3, of 4-5, and of 6:
 *      parent      parent              one entry for each bit set in 7.
 *      /    \      /    \
 *     0      1    2      3   ...
 *
 * Whether a block is the last one is known only when more input comes, so a full block waits until then.
 */
#include "crypto/blake3.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum {
	BLOCK_SIZE = 64,
	BLOCKS_PER_CHUNK = 16,
	ROUNDS = 7,
};

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Row r: which message word each place takes in round r, that is the permutation applied r times. */
static const uint8_t schedule[ROUNDS][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
	{3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
	{10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
	{12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
	{9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
	{11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

static uint32_t load_le32(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void store_le32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static inline uint32_t rotate_right(uint32_t value, int bits)
{
	return value >> bits | value << (32 - bits);
}

static inline void mix(uint32_t v[static 16], int a, int b, int c, int d, uint32_t x, uint32_t y)
{
	v[a] = v[a] + v[b] + x;
	v[d] = rotate_right(v[d] ^ v[a], 16);
	v[c] = v[c] + v[d];
	v[b] = rotate_right(v[b] ^ v[c], 12);
	v[a] = v[a] + v[b] + y;
	v[d] = rotate_right(v[d] ^ v[a], 8);
	v[c] = v[c] + v[d];
	v[b] = rotate_right(v[b] ^ v[c], 7);
}

static inline void mix_round(uint32_t v[static 16], const uint32_t m[static 16], const uint8_t s[static 16])
{
	mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
	mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
	mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
	mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
	mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
	mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
	mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
	mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/* Writes the first half of the output: a chaining value, or with ROOT the hash. `out` may be `cv`. */
static void compress(const uint32_t cv[static 8], const uint32_t m[static 16], uint64_t counter, uint32_t block_len,
		     uint32_t flags, uint32_t out[static 8])
{
	uint32_t v[16] = {
		cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7], iv[0], iv[1], iv[2], iv[3],
		(uint32_t)counter, (uint32_t)(counter >> 32), block_len, flags,
	};
	for (int round = 0; round < ROUNDS; round++)
		mix_round(v, m, schedule[round]);
	for (int i = 0; i < 8; i++)
		out[i] = v[i] ^ v[i + 8];
}

static void compress_parent(const uint32_t left[static 8], const uint32_t right[static 8], uint32_t flags,
			    uint32_t out[static 8])
{
	uint32_t m[16];
	memcpy(m, left, 8 * sizeof(m[0]));
	memcpy(m + 8, right, 8 * sizeof(m[0]));
	compress(iv, m, 0, BLOCK_SIZE, PARENT | flags, out);
}

/* Compresses the waiting block, zero padded, as the next one of the current chunk. */
static void compress_block(const struct blake3 *hash, uint32_t flags, uint32_t out[static 8])
{
	uint8_t padded[BLOCK_SIZE] = {0};
	memcpy(padded, hash->block, hash->block_len);
	uint32_t m[16];
	for (int i = 0; i < 16; i++)
		m[i] = load_le32(padded + 4 * i);
	if (hash->blocks_compressed == 0)
		flags |= CHUNK_START;
	compress(hash->cv, m, hash->chunk, hash->block_len, flags, out);
}

static void chunk_start(struct blake3 *hash, uint64_t chunk)
{
	memcpy(hash->cv, iv, sizeof(hash->cv));
	hash->chunk = chunk;
	hash->block_len = 0;
	hash->blocks_compressed = 0;
}

/* Ends a chunk that is not the last: merges every subtree that it completes and begins the next chunk. */
static void chunk_finish(struct blake3 *hash)
{
	uint32_t cv[8];
	compress_block(hash, CHUNK_END, cv);
	uint64_t chunks = hash->chunk + 1;
	for (uint64_t pairs = chunks; (pairs & 1) == 0; pairs >>= 1)
		compress_parent(hash->stack[--hash->stack_len], cv, 0, cv);
	assert(hash->stack_len < sizeof(hash->stack) / sizeof(hash->stack[0]));
	memcpy(hash->stack[hash->stack_len++], cv, sizeof(cv));
	chunk_start(hash, chunks);
}

/* More input follows a full block, so it is not the last one of the input. */
static void block_finish(struct blake3 *hash)
{
	if (hash->blocks_compressed == BLOCKS_PER_CHUNK - 1) {
		chunk_finish(hash);
		return;
	}
	compress_block(hash, 0, hash->cv);
	hash->blocks_compressed++;
	hash->block_len = 0;
}

void blake3_init(struct blake3 *hash)
{
	hash->stack_len = 0;
	chunk_start(hash, 0);
}

void blake3_update(struct blake3 *hash, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	while (len > 0) {
		if (hash->block_len == BLOCK_SIZE)
			block_finish(hash);
		size_t room = BLOCK_SIZE - (size_t)hash->block_len;
		size_t take = len < room ? len : room;
		memcpy(hash->block + hash->block_len, from, take);
		hash->block_len = (uint8_t)(hash->block_len + take);
		from += take;
		len -= take;
	}
}

void blake3_final(const struct blake3 *hash, uint8_t out[static BLAKE3_SIZE])
{
	/* The last compression is the root: the chunk's when there is one chunk, else the one that takes in the
	 * oldest and largest subtree. */
	uint32_t cv[8];
	bool single = hash->stack_len == 0;
	compress_block(hash, single ? CHUNK_END | ROOT : CHUNK_END, cv);
	for (unsigned left = hash->stack_len; left > 0; left--)
		compress_parent(hash->stack[left - 1], cv, left == 1 ? ROOT : 0, cv);
	for (int i = 0; i < 8; i++)
		store_le32(out + 4 * i, cv[i]);
}

void blake3(const void *bytes, size_t len, uint8_t out[static BLAKE3_SIZE])
{
	struct blake3 hash;
	blake3_init(&hash);
	blake3_update(&hash, bytes, len);
	blake3_final(&hash, out);
}
