// SPDX-License-Identifier: Apache-2.0
#include "peers/pace.h"

#include "peers/manager.h"

enum {
	RETRY_STEADY = 12, /* failures in a row before the wait begins to double */
	QUICK_MS = 250, /* doubled each time, up to: */
	QUICK_MAX_MS = 700,
	QUICK_AFTER_CHANGE = 4,
	QUICK_ATTEMPTS = 20, /* for about 13 s: most restarts take less, and are noticed within a second */
	QUICK_GRANT_INTERVAL_MS = 30000,
};

static uint64_t retry_delay(unsigned failures)
{
	uint64_t delay = PEERS_RETRY_MS;
	for (unsigned i = RETRY_STEADY; i < failures && delay < PEERS_RETRY_MAX_MS; i++)
		delay *= 2;
	return delay < PEERS_RETRY_MAX_MS ? delay : PEERS_RETRY_MAX_MS;
}

static uint64_t quick_delay(unsigned done)
{
	uint64_t delay = (uint64_t)QUICK_MS << (done < 2 ? done : 2);
	return delay < QUICK_MAX_MS ? delay : QUICK_MAX_MS;
}

uint64_t pace_jittered(struct rng *rng, uint64_t delay_ms)
{
	uint64_t fifth = delay_ms / 5;
	return delay_ms - fifth + rng_below(rng, 2 * fifth + 1);
}

uint64_t pace_next_delay(struct pace *pace, struct rng *rng)
{
	if (pace->quick_left > 0)
		return pace_jittered(rng, quick_delay(QUICK_ATTEMPTS - pace->quick_left--));
	return pace_jittered(rng, retry_delay(pace->slow_failures));
}

void pace_failed(struct pace *pace)
{
	pace->failures++;
	/* Quick attempts that fail are no reason to wait longer afterwards. */
	if (pace->quick_left == 0)
		pace->slow_failures++;
}

void pace_restart(struct pace *pace)
{
	pace->failures = pace->slow_failures = 0;
}

void pace_grant_few(struct pace *pace)
{
	if (pace->quick_left < QUICK_AFTER_CHANGE)
		pace->quick_left = QUICK_AFTER_CHANGE;
}

void pace_grant_quick(struct pace *pace, uint64_t now_ms)
{
	if (now_ms < pace->next_grant_ms)
		return;
	pace->next_grant_ms = now_ms + QUICK_GRANT_INTERVAL_MS;
	pace->quick_left = QUICK_ATTEMPTS;
}
