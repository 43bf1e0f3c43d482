// SPDX-License-Identifier: Apache-2.0
#include "base/ring.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { CACHE_LINE = 64 };

/* Each side keeps its own counters and a copy of the other's on its own cache line, and reads the shared one only when the
 * copy says full or empty. Counters run freely; the place is the counter modulo the capacity. */
struct ring {
	alignas(CACHE_LINE) _Atomic size_t published;
	alignas(CACHE_LINE) _Atomic size_t popped;
	alignas(CACHE_LINE) size_t reserved;
	size_t producer_published;
	size_t producer_popped;
	alignas(CACHE_LINE) size_t consumer_popped;
	size_t consumer_published;
	alignas(CACHE_LINE) size_t element_size;
	size_t mask;
	uint8_t *elements;
};

struct ring *ring_new(size_t element_size, size_t capacity)
{
	assert(capacity > 0 && (capacity & (capacity - 1)) == 0);
	struct ring *ring = aligned_alloc(CACHE_LINE, sizeof(*ring));
	/* Pages of a large ring stay untouched, and so cost nothing, until elements pass through them. */
	uint8_t *elements = calloc(capacity, element_size);
	if (ring == NULL || elements == NULL) {
		free(ring);
		free(elements);
		return NULL;
	}
	*ring = (struct ring){.element_size = element_size, .mask = capacity - 1, .elements = elements};
	return ring;
}

void ring_free(struct ring *ring)
{
	if (ring == NULL)
		return;
	free(ring->elements);
	free(ring);
}

size_t ring_room(struct ring *ring)
{
	ring->producer_popped = atomic_load_explicit(&ring->popped, memory_order_acquire);
	return ring->mask + 1 - (ring->reserved - ring->producer_popped);
}

void *ring_reserve(struct ring *ring)
{
	if (ring->reserved - ring->producer_popped > ring->mask && ring_room(ring) == 0)
		return NULL;
	return ring->elements + (ring->reserved++ & ring->mask) * ring->element_size;
}

bool ring_publish(struct ring *ring)
{
	if (ring->producer_published == ring->reserved)
		return false;
	ring->producer_published = ring->reserved;
	atomic_store_explicit(&ring->published, ring->reserved, memory_order_release);
	return true;
}

void *ring_front(struct ring *ring)
{
	if (ring->consumer_popped == ring->consumer_published) {
		ring->consumer_published = atomic_load_explicit(&ring->published, memory_order_acquire);
		if (ring->consumer_popped == ring->consumer_published)
			return NULL;
	}
	return ring->elements + (ring->consumer_popped & ring->mask) * ring->element_size;
}

void ring_pop(struct ring *ring)
{
	assert(ring->consumer_popped != ring->consumer_published);
	ring->consumer_popped++;
	atomic_store_explicit(&ring->popped, ring->consumer_popped, memory_order_release);
}
