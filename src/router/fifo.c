// SPDX-License-Identifier: Apache-2.0
#include "router/fifo.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16, CAPACITY_KEPT = 64 };

struct fifo fifo_empty(size_t item_size, uint32_t max)
{
	return (struct fifo){.item_size = (uint32_t)item_size, .max = max};
}

void fifo_release(struct fifo *fifo)
{
	free(fifo->items);
	*fifo = fifo_empty(fifo->item_size, fifo->max);
}

static bool fifo_grow(struct fifo *fifo)
{
	uint32_t capacity = fifo->capacity > 0 ? 2 * fifo->capacity : CAPACITY_FIRST;
	uint8_t *items = malloc((size_t)capacity * fifo->item_size);
	if (items == NULL)
		return false;
	for (uint32_t place = 0; place < fifo->count; place++)
		memcpy(items + (size_t)place * fifo->item_size, fifo_at(fifo, place), fifo->item_size);
	free(fifo->items);
	fifo->items = items;
	fifo->capacity = capacity;
	fifo->first = 0;
	return true;
}

bool fifo_push(struct fifo *fifo, const void *item)
{
	if (fifo->count >= fifo->max || (fifo->count == fifo->capacity && !fifo_grow(fifo)))
		return false;
	fifo->count++;
	memcpy(fifo_at(fifo, fifo->count - 1), item, fifo->item_size);
	return true;
}

bool fifo_pop(struct fifo *fifo, void *ret)
{
	if (fifo->count == 0)
		return false;
	memcpy(ret, fifo_at(fifo, 0), fifo->item_size);
	fifo->first = (fifo->first + 1) & (fifo->capacity - 1);
	fifo->count--;
	if (fifo->count == 0 && fifo->capacity > CAPACITY_KEPT)
		fifo_release(fifo);
	return true;
}
