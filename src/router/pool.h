// SPDX-License-Identifier: Apache-2.0
/*
 * Pool of equal records under 4-byte handles.
 *
 * Records live in chunks that never move, so a pointer stays good until its record is put back. Handle 0 is none. Each
 * record begins with a uint32_t the pool uses while the record is free, and an index may use while it is taken.
 */
#ifndef MYCELIUM_ROUTER_POOL_H
#define MYCELIUM_ROUTER_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { POOL_CHUNK_RECORDS = 128 };

struct pool {
	uint8_t **chunks;
	size_t record_size;
	uint32_t chunk_count, chunk_capacity;
	uint32_t fresh; /* lowest handle never taken */
	uint32_t first_free;
	uint32_t count, max;
};

/* An empty pool of at most `max` records of `record_size` bytes. Allocates nothing yet. */
struct pool pool_empty(size_t record_size, uint32_t max);
void pool_release(struct pool *pool);

/* Takes a zeroed record. Returns its handle, or 0 when `max` are taken or memory is short. */
uint32_t pool_take(struct pool *pool);

/* Gives a record back. */
void pool_put(struct pool *pool, uint32_t handle);

/* Bytes allocated. */
size_t pool_bytes(const struct pool *pool);

/* The record of a handle that was taken (or, for a walk over all, of any handle in 1..fresh-1). */
static inline void *pool_at(const struct pool *pool, uint32_t handle)
{
	uint32_t number = handle - 1;
	return pool->chunks[number / POOL_CHUNK_RECORDS] + (number % POOL_CHUNK_RECORDS) * pool->record_size;
}

#endif
