// SPDX-License-Identifier: Apache-2.0
/* Bounded first-in first-out list of equal items, grown on demand and given back when it was large and ran empty. */
#ifndef MYCELIUM_ROUTER_FIFO_H
#define MYCELIUM_ROUTER_FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fifo {
	uint8_t *items;
	uint32_t item_size;
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t first, count, max;
};

/* An empty list of at most `max` items. Allocates nothing yet. */
struct fifo fifo_empty(size_t item_size, uint32_t max);
void fifo_release(struct fifo *fifo);

/* Appends a copy of an item. Returns false when the list is full or memory is short. */
bool fifo_push(struct fifo *fifo, const void *item);

/* Copies the first item to `ret` and removes it. Returns false when there is none. */
bool fifo_pop(struct fifo *fifo, void *ret);

/* The item at a place counted from the first. */
static inline void *fifo_at(const struct fifo *fifo, uint32_t place)
{
	return fifo->items + (size_t)((fifo->first + place) & (fifo->capacity - 1)) * fifo->item_size;
}

/* Bytes allocated. */
static inline size_t fifo_bytes(const struct fifo *fifo)
{
	return (size_t)fifo->capacity * fifo->item_size;
}

#endif
