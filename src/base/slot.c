// SPDX-License-Identifier: Apache-2.0
#include "base/slot.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOT_SIZE = (sizeof(struct slot) + SLOT_CAPACITY + 63) / 64 * 64 };

struct slab {
	struct slab *next;
	_Alignas(64) uint8_t bytes[SLOTS_PER_SLAB * SLOT_SIZE];
};

struct slot_pool {
	struct slot *free, *foreign;
	struct slab *slabs;
	size_t made, limit, used, jumbos;
};

struct slot_pool *slot_pool_new(size_t limit)
{
	struct slot_pool *pool = calloc(1, sizeof(*pool));
	if (pool != NULL)
		pool->limit = limit;
	return pool;
}

void slot_pool_free(struct slot_pool *pool)
{
	if (pool == NULL)
		return;
	assert(pool->used == 0 && pool->foreign == NULL);
	while (pool->slabs != NULL) {
		struct slab *next = pool->slabs->next;
		free(pool->slabs);
		pool->slabs = next;
	}
	free(pool);
}

static void grow(struct slot_pool *pool)
{
	if (pool->made >= pool->limit)
		return;
	struct slab *slab = aligned_alloc(64, sizeof(*slab));
	if (slab == NULL)
		return;
	slab->next = pool->slabs;
	pool->slabs = slab;
	pool->made += SLOTS_PER_SLAB;
	/* In descending order, so that slots are taken in the order of their addresses. */
	for (size_t i = SLOTS_PER_SLAB; i-- > 0;) {
		struct slot *slot = (void *)(slab->bytes + i * SLOT_SIZE);
		slot->capacity = SLOT_CAPACITY;
		slot->home = pool;
		slot->next = pool->free;
		pool->free = slot;
	}
}

static struct slot *take_jumbo(struct slot_pool *pool, size_t capacity)
{
	if (pool->jumbos == SLOT_JUMBOS_MAX)
		return NULL;
	struct slot *slot = malloc(sizeof(*slot) + capacity);
	if (slot == NULL)
		return NULL;
	slot->capacity = (uint32_t)capacity;
	slot->home = pool;
	pool->jumbos++;
	return slot;
}

static struct slot *take_ordinary(struct slot_pool *pool)
{
	if (pool->free == NULL)
		grow(pool);
	struct slot *slot = pool->free;
	if (slot != NULL)
		pool->free = slot->next;
	return slot;
}

struct slot *slot_take(struct slot_pool *pool, size_t len, size_t tailroom)
{
	size_t capacity = SLOT_HEADROOM + len + tailroom;
	struct slot *slot = capacity <= SLOT_CAPACITY ? take_ordinary(pool) : take_jumbo(pool, capacity);
	if (slot == NULL)
		return NULL;
	pool->used++;
	slot->next = NULL;
	slot->is_packet = false;
	slot->data = slot->bytes + SLOT_HEADROOM;
	slot->len = (uint32_t)len;
	return slot;
}

void slot_give(struct slot_pool *pool, struct slot *slot)
{
	if (slot == NULL)
		return;
	if (slot->home != pool) {
		slot->next = pool->foreign;
		pool->foreign = slot;
		return;
	}
	pool->used--;
	if (slot->capacity > SLOT_CAPACITY) {
		pool->jumbos--;
		free(slot);
		return;
	}
	slot->next = pool->free;
	pool->free = slot;
}

struct slot *slot_take_foreign(struct slot_pool *pool)
{
	struct slot *slot = pool->foreign;
	if (slot != NULL)
		pool->foreign = slot->next;
	return slot;
}

size_t slot_pool_used(const struct slot_pool *pool)
{
	return pool->used;
}
