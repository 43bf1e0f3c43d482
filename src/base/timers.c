// SPDX-License-Identifier: Apache-2.0
#include "base/timers.h"

#include <errno.h>
#include <stdlib.h>

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void put(struct timers *timers, size_t position, struct timer *timer)
{
	timers->heap[position] = timer;
	timer->place = position + 1;
}

static void sift_up(struct timers *timers, size_t position, struct timer *timer)
{
	while (position > 0) {
		size_t parent = (position - 1) / 2;
		if (!earlier(timer, timers->heap[parent]))
			break;
		put(timers, position, timers->heap[parent]);
		position = parent;
	}
	put(timers, position, timer);
}

static void sift_down(struct timers *timers, size_t position, struct timer *timer)
{
	for (;;) {
		size_t child = 2 * position + 1;
		if (child >= timers->count)
			break;
		if (child + 1 < timers->count && earlier(timers->heap[child + 1], timers->heap[child]))
			child++;
		if (!earlier(timers->heap[child], timer))
			break;
		put(timers, position, timers->heap[child]);
		position = child;
	}
	put(timers, position, timer);
}

static int grow(struct timers *timers)
{
	size_t capacity = timers->capacity > 0 ? timers->capacity * 2 : 16;
	struct timer **heap = realloc(timers->heap, capacity * sizeof(struct timer *));
	if (heap == NULL)
		return -ENOMEM;
	timers->heap = heap;
	timers->capacity = capacity;
	return 0;
}

void timers_free(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){0};
}

int timers_arm(struct timers *timers, struct timer *timer, uint64_t at_ms)
{
	if (!timer_armed(timer) && timers->count == timers->capacity && grow(timers) != 0)
		return -ENOMEM;
	timers_disarm(timers, timer);
	timer->at_ms = at_ms;
	timer->order = timers->next_order++;
	sift_up(timers, timers->count++, timer);
	return 0;
}

void timers_disarm(struct timers *timers, struct timer *timer)
{
	if (!timer_armed(timer))
		return;
	size_t position = timer->place - 1;
	timer->place = 0;
	struct timer *last = timers->heap[--timers->count];
	if (last == timer)
		return;
	if (position > 0 && earlier(last, timers->heap[(position - 1) / 2]))
		sift_up(timers, position, last);
	else
		sift_down(timers, position, last);
}

uint64_t timers_next_ms(const struct timers *timers)
{
	return timers->count > 0 ? timers->heap[0]->at_ms : TIMERS_NEVER_MS;
}

struct timer *timers_pop_due(struct timers *timers, uint64_t now_ms)
{
	if (timers->count == 0 || timers->heap[0]->at_ms > now_ms)
		return NULL;
	struct timer *timer = timers->heap[0];
	timers_disarm(timers, timer);
	return timer;
}
