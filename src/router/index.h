// SPDX-License-Identifier: Apache-2.0
/*
 * Hash index over the records of a pool, by linear hashing: it grows and shrinks one bucket at a time, so no input ever
 * pays for a rehash of the whole table, and memory follows the number of records closely.
 *
 * Records of one bucket are chained through the uint32_t at their start. Chains are walked with index_chain() and
 * index_next(); their order depends on the hash key, so nothing visible may follow from it.
 */
#ifndef MYCELIUM_ROUTER_INDEX_H
#define MYCELIUM_ROUTER_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "router/pool.h"

enum { INDEX_CHUNK_BUCKETS = 256 };

struct index {
	const struct pool *pool;
	uint64_t (*hash_of)(const struct hash_key *key, const void *record);
	struct hash_key key;
	uint32_t **chunks;
	uint32_t chunk_count, chunk_capacity;
	uint32_t buckets; /* in use */
	uint32_t round;   /* power of two: buckets when the present round of splits began */
	uint32_t count;
};

/* Prepares an index; `pool` and `hash_of` must outlive it. Returns 0 or -ENOMEM. */
int index_init(struct index *index, const struct pool *pool,
	       uint64_t (*hash_of)(const struct hash_key *key, const void *record), const struct hash_key *key);
void index_release(struct index *index);

/* Adds and removes a record; its hashed fields must not change in between. */
void index_add(struct index *index, uint32_t handle);
void index_remove(struct index *index, uint32_t handle);

/* First record of the chain for a hash, or 0. */
uint32_t index_chain(const struct index *index, uint64_t hash);

/* Bytes allocated. */
size_t index_bytes(const struct index *index);

static inline uint32_t index_next(const struct index *index, uint32_t handle)
{
	return *(const uint32_t *)pool_at(index->pool, handle);
}

#endif
