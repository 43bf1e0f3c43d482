// SPDX-License-Identifier: Apache-2.0
/* Deadlines: when something happens by itself, and in which order. */
#include "router/internal.h"

static uint64_t hello_next_ms(const struct router *router)
{
	return router->hello_at_ms;
}

static uint64_t liveness_next_ms(const struct router *router)
{
	return router->liveness_at_ms;
}

static uint64_t own_next_ms(const struct router *router)
{
	return router->own_at_ms;
}

static void announce_own_again(struct router *router, uint64_t at_ms)
{
	announce_own(router, NULL);
	router->own_at_ms = at_ms + UPDATE_INTERVAL_MS;
}

static uint64_t bump_next_ms(const struct router *router)
{
	return router->bump_wanted ? router->last_bump_ms + SEQNO_BUMP_MIN_MS : UINT64_MAX;
}

static uint64_t wheel_next_ms(const struct router *router, const struct wheel *wheel)
{
	uint32_t tick = wheel_next(wheel);
	return tick != WHEEL_NEVER ? tick_ms(router, tick) : UINT64_MAX;
}

static uint64_t entries_next_ms(const struct router *router)
{
	return wheel_next_ms(router, &router->entry_wheel);
}

static uint64_t sources_next_ms(const struct router *router)
{
	return wheel_next_ms(router, &router->source_wheel);
}

/* What has deadlines: when is the next, and what to do once it is reached. Ties go in this order. */
static const struct {
	uint64_t (*next_ms)(const struct router *router);
	void (*run)(struct router *router, uint64_t at_ms);
} clocks[] = {
	{liveness_next_ms, neighbours_check_liveness},
	{entries_next_ms, entries_expire},
	{sources_next_ms, sources_expire},
	{queries_next_ms, queries_expire},
	{seqno_requests_next_ms, seqno_requests_expire},
	{seqno_retry_next_ms, seqno_retry},
	{interests_next_ms, interests_expire},
	{bump_next_ms, seqno_bump_late},
	{own_next_ms, announce_own_again},
	{hello_next_ms, neighbours_hello},
};

enum { CLOCKS = sizeof(clocks) / sizeof(clocks[0]) };

static uint64_t next_clock(const struct router *router, size_t *ret)
{
	uint64_t next_ms = UINT64_MAX;
	*ret = 0;
	for (size_t i = 0; i < CLOCKS; i++) {
		uint64_t at_ms = clocks[i].next_ms(router);
		if (at_ms < next_ms) {
			next_ms = at_ms;
			*ret = i;
		}
	}
	return next_ms;
}

uint64_t router_next_deadline(const struct router *router)
{
	size_t clock;
	return next_clock(router, &clock);
}

void router_tick(struct router *router, uint64_t now_ms)
{
	if (now_ms > router->now_ms)
		router->now_ms = now_ms;
	size_t clock;
	for (uint64_t at_ms; (at_ms = next_clock(router, &clock)) <= router->now_ms;)
		clocks[clock].run(router, at_ms);
	/* What is armed from here on counts from the present. */
	uint32_t tick = (uint32_t)((router->now_ms - router->start_ms) / WHEEL_TICK_MS);
	router->entry_wheel.now = tick;
	router->source_wheel.now = tick;
}
