// SPDX-License-Identifier: Apache-2.0
#include "sim/events.h"

#include <stdlib.h>

#include "sim/memory.h"

static bool event_before(const struct event *a, const struct event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void events_free(struct events *events)
{
	free(events->heap);
	*events = (struct events){0};
}

void events_add(struct events *events, uint64_t at_ms, event_handler *handle, void *subject, uint64_t argument)
{
	struct event event = {
		.at_ms = at_ms,
		.order = events->next_order++,
		.handle = handle,
		.subject = subject,
		.argument = argument,
	};
	events->heap = memory_grow(events->heap, &events->capacity, events->count + 1, sizeof(*events->heap));
	size_t place = events->count++;
	while (place > 0 && event_before(&event, &events->heap[(place - 1) / 2])) {
		events->heap[place] = events->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	events->heap[place] = event;
}

/* Moves `event` down from the root until both children come later. */
static void heap_sink(struct events *events, const struct event *event)
{
	size_t place = 0;
	for (;;) {
		size_t child = 2 * place + 1;
		if (child >= events->count)
			break;
		if (child + 1 < events->count && event_before(&events->heap[child + 1], &events->heap[child]))
			child++;
		if (!event_before(&events->heap[child], event))
			break;
		events->heap[place] = events->heap[child];
		place = child;
	}
	events->heap[place] = *event;
}

bool events_pop_due(struct events *events, uint64_t now_ms, struct event *ret)
{
	if (events->count == 0 || events->heap[0].at_ms > now_ms)
		return false;
	*ret = events->heap[0];
	struct event last = events->heap[--events->count];
	if (events->count > 0)
		heap_sink(events, &last);
	return true;
}
