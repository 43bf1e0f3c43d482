// SPDX-License-Identifier: Apache-2.0
/*
 * Ring between two threads: one producer, one consumer, vectors of fixed-size elements.
 *
 * The producer reserves elements, fills them and publishes them together; the consumer looks at the front and pops. Neither
 * waits for the other: a full ring refuses, and the producer decides what that means. Waking the consumer is the caller's
 * business (once per published vector).
 */
#ifndef MYCELIUM_BASE_RING_H
#define MYCELIUM_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;

/* `capacity` elements, a power of two. Returns NULL without memory. */
struct ring *ring_new(size_t element_size, size_t capacity);

/* Both threads must be done with it. Elements left inside are not looked at. NULL is fine. */
void ring_free(struct ring *ring);

/* Producer: the next element to fill, not yet visible; NULL when the ring is full. */
void *ring_reserve(struct ring *ring);

/* Producer: makes all reserved elements visible. Returns whether there were any: then wake the consumer. */
bool ring_publish(struct ring *ring);

/* Producer: elements that can be reserved now. */
size_t ring_room(struct ring *ring);

/* Consumer: the oldest element, or NULL. Valid until ring_pop(). */
void *ring_front(struct ring *ring);

/* Consumer: gives the front element back. */
void ring_pop(struct ring *ring);

#endif
