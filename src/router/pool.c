// SPDX-License-Identifier: Apache-2.0
#include "router/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct pool pool_empty(size_t record_size, uint32_t max)
{
	return (struct pool){.record_size = record_size, .fresh = 1, .max = max};
}

void pool_release(struct pool *pool)
{
	for (uint32_t i = 0; i < pool->chunk_count; i++)
		free(pool->chunks[i]);
	free(pool->chunks);
	*pool = pool_empty(pool->record_size, pool->max);
}

static int pool_grow(struct pool *pool)
{
	if (pool->chunk_count == pool->chunk_capacity) {
		uint32_t capacity = pool->chunk_capacity > 0 ? pool->chunk_capacity + pool->chunk_capacity / 2 + 1 : 4;
		uint8_t **chunks = realloc(pool->chunks, capacity * sizeof(*chunks));
		if (chunks == NULL)
			return -1;
		pool->chunks = chunks;
		pool->chunk_capacity = capacity;
	}
	uint8_t *chunk = malloc(POOL_CHUNK_RECORDS * pool->record_size);
	if (chunk == NULL)
		return -1;
	memset(chunk, 0, POOL_CHUNK_RECORDS * pool->record_size);
	pool->chunks[pool->chunk_count++] = chunk;
	return 0;
}

uint32_t pool_take(struct pool *pool)
{
	if (pool->count >= pool->max)
		return 0;
	uint32_t handle = pool->first_free;
	if (handle != 0) {
		uint32_t *record = pool_at(pool, handle);
		pool->first_free = *record;
		*record = 0;
	} else {
		if (pool->fresh > pool->chunk_count * POOL_CHUNK_RECORDS && pool_grow(pool) < 0)
			return 0;
		handle = pool->fresh++;
	}
	pool->count++;
	return handle;
}

void pool_put(struct pool *pool, uint32_t handle)
{
	assert(handle != 0 && handle < pool->fresh && pool->count > 0);
	uint32_t *record = pool_at(pool, handle);
	/* Free records are zero but for the link, so that a walk over all handles can tell them. */
	memset(record, 0, pool->record_size);
	*record = pool->first_free;
	pool->first_free = handle;
	pool->count--;
}

size_t pool_bytes(const struct pool *pool)
{
	return pool->chunk_count * POOL_CHUNK_RECORDS * pool->record_size +
	       pool->chunk_capacity * sizeof(*pool->chunks);
}
