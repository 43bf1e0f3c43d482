// SPDX-License-Identifier: Apache-2.0
/* The future of a simulated world: events in order of time, ties in order of creation. */
#ifndef MYCELIUM_SIM_EVENTS_H
#define MYCELIUM_SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* What happens to `subject`. The argument tells a stale event from a valid one, or carries a number. */
typedef void event_handler(struct world *world, void *subject, uint64_t argument);

struct event {
	uint64_t at_ms, order;
	event_handler *handle;
	void *subject;
	uint64_t argument;
};

struct events {
	struct event *heap;
	size_t count, capacity;
	uint64_t next_order;
};

/* Frees the heap. The subjects belong to others. */
void events_free(struct events *events);

/* Adds an event. Those of one time happen in the order in which they were added. */
void events_add(struct events *events, uint64_t at_ms, event_handler *handle, void *subject, uint64_t argument);

/* Takes the earliest event if it is due at `now_ms`. Returns false when there is none. */
bool events_pop_due(struct events *events, uint64_t now_ms, struct event *ret);

#endif
