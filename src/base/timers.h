// SPDX-License-Identifier: Apache-2.0
/*
 * Timer heap for the cores: deadlines in order of time, ties in order of arming.
 *
 * A timer is embedded in its owner and is armed at most once; re-arming moves it, so a deadline that was
 * re-armed never fires at its old time. No clock: the caller passes `now_ms`.
 */
#ifndef MYCELIUM_BASE_TIMERS_H
#define MYCELIUM_BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t at_ms;
	uint64_t order;
	size_t place;	/* 1 + position in the heap, 0 when not armed */
	int kind;	/* for the owner, to tell its timers apart */
};

struct timers {
	struct timer **heap;
	size_t count, capacity;
	uint64_t next_order;
};

/* No deadline. */
#define TIMERS_NEVER_MS UINT64_MAX

/* Frees the heap itself; the timers belong to their owners. */
void timers_free(struct timers *timers);

static inline bool timer_armed(const struct timer *timer)
{
	return timer->place != 0;
}

/* Arms or re-arms. Returns 0, or -ENOMEM with the timer as it was. */
int timers_arm(struct timers *timers, struct timer *timer, uint64_t at_ms);

/* Disarms; nothing happens when it is not armed. */
void timers_disarm(struct timers *timers, struct timer *timer);

/* Time of the earliest deadline, or TIMERS_NEVER_MS. */
uint64_t timers_next_ms(const struct timers *timers);

/* Disarms and returns the earliest timer due at `now_ms`, or NULL. */
struct timer *timers_pop_due(struct timers *timers, uint64_t now_ms);

#endif
