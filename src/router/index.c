// SPDX-License-Identifier: Apache-2.0
#include "router/index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static uint32_t *bucket_at(const struct index *index, uint32_t bucket)
{
	return &index->chunks[bucket / INDEX_CHUNK_BUCKETS][bucket % INDEX_CHUNK_BUCKETS];
}

static uint32_t *link_of(const struct index *index, uint32_t handle)
{
	return pool_at(index->pool, handle);
}

/* Buckets below the split point have been split already and are told apart by one more bit. */
static uint32_t bucket_of(const struct index *index, uint64_t hash)
{
	uint32_t bucket = (uint32_t)hash & (index->round - 1);
	if (bucket < index->buckets - index->round)
		bucket = (uint32_t)hash & (2 * index->round - 1);
	return bucket;
}

static uint32_t bucket_of_record(const struct index *index, uint32_t handle)
{
	return bucket_of(index, index->hash_of(&index->key, pool_at(index->pool, handle)));
}

static int add_chunk(struct index *index)
{
	if (index->chunk_count == index->chunk_capacity) {
		uint32_t capacity = index->chunk_capacity + index->chunk_capacity / 2 + 4;
		uint32_t **chunks = realloc(index->chunks, capacity * sizeof(*chunks));
		if (chunks == NULL)
			return -ENOMEM;
		index->chunks = chunks;
		index->chunk_capacity = capacity;
	}
	uint32_t *chunk = calloc(INDEX_CHUNK_BUCKETS, sizeof(*chunk));
	if (chunk == NULL)
		return -ENOMEM;
	index->chunks[index->chunk_count++] = chunk;
	return 0;
}

int index_init(struct index *index, const struct pool *pool,
	       uint64_t (*hash_of)(const struct hash_key *key, const void *record), const struct hash_key *key)
{
	*index = (struct index){.pool = pool,
				.hash_of = hash_of,
				.key = *key,
				.buckets = INDEX_CHUNK_BUCKETS,
				.round = INDEX_CHUNK_BUCKETS};
	return add_chunk(index);
}

void index_release(struct index *index)
{
	for (uint32_t i = 0; i < index->chunk_count; i++)
		free(index->chunks[i]);
	free(index->chunks);
	index->chunks = NULL;
	index->chunk_count = index->chunk_capacity = index->count = 0;
}

/* Splits one bucket in two. Without memory the chains just get longer. */
static void split_bucket(struct index *index)
{
	if (index->buckets == index->chunk_count * INDEX_CHUNK_BUCKETS && add_chunk(index) < 0)
		return;
	uint32_t fresh = index->buckets;
	uint32_t *link = bucket_at(index, fresh - index->round);
	uint32_t *fresh_link = bucket_at(index, fresh);
	index->buckets++;
	while (*link != 0) {
		uint32_t handle = *link;
		if (bucket_of_record(index, handle) == fresh) {
			*link = *link_of(index, handle);
			*fresh_link = handle;
			fresh_link = link_of(index, handle);
			*fresh_link = 0;
		} else {
			link = link_of(index, handle);
		}
	}
	if (index->buckets == 2 * index->round)
		index->round *= 2;
}

/* Joins the last bucket to the one it was split from. */
static void join_bucket(struct index *index)
{
	if (index->buckets == index->round)
		index->round /= 2;
	uint32_t last = --index->buckets;
	uint32_t *link = bucket_at(index, last - index->round);
	while (*link != 0)
		link = link_of(index, *link);
	*link = *bucket_at(index, last);
	*bucket_at(index, last) = 0;
	if (last % INDEX_CHUNK_BUCKETS == 0)
		free(index->chunks[--index->chunk_count]);
}

void index_add(struct index *index, uint32_t handle)
{
	uint32_t *bucket = bucket_at(index, bucket_of_record(index, handle));
	*link_of(index, handle) = *bucket;
	*bucket = handle;
	index->count++;
	if (index->count > index->buckets + index->buckets / 2)
		split_bucket(index);
}

void index_remove(struct index *index, uint32_t handle)
{
	uint32_t *link = bucket_at(index, bucket_of_record(index, handle));
	while (*link != handle) {
		assert(*link != 0);
		link = link_of(index, *link);
	}
	*link = *link_of(index, handle);
	*link_of(index, handle) = 0;
	index->count--;
	/* Two for one, or the index would end half as large as it was. */
	for (int i = 0; i < 2 && index->buckets > INDEX_CHUNK_BUCKETS && index->count < index->buckets / 2; i++)
		join_bucket(index);
}

uint32_t index_chain(const struct index *index, uint64_t hash)
{
	return *bucket_at(index, bucket_of(index, hash));
}

size_t index_bytes(const struct index *index)
{
	return index->chunk_count * INDEX_CHUNK_BUCKETS * sizeof(uint32_t) +
	       index->chunk_capacity * sizeof(*index->chunks);
}
