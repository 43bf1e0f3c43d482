// SPDX-License-Identifier: Apache-2.0
/*
 * How long to wait before an endpoint is dialled again; inside the room.
 *
 *   after a loss:     0.25 s, 0.5 s, 0.7 s …   20 quick attempts in about 13 s, granted once in 30 s
 *   after a failure:  5 s ×12, 10, 20, 40, 60, 60 … s
 *
 * Each wait is stretched or shortened by up to a fifth, so that a thousand nodes that lost the same peer do not come
 * back in one moment.
 */
#ifndef MYCELIUM_PEERS_PACE_H
#define MYCELIUM_PEERS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

struct pace {
	unsigned failures;	/* failed attempts in a row */
	unsigned slow_failures; /* those that were no quick attempts */
	unsigned quick_left;	/* quick attempts left */
	uint64_t next_grant_ms; /* quick attempts are granted from then on */
};

/* The time until the next attempt; uses up a quick attempt when there is one. */
uint64_t pace_next_delay(struct pace *pace, struct rng *rng);

void pace_failed(struct pace *pace);

/* The endpoint was reached, or everything is different now: no failures. */
void pace_restart(struct pace *pace);

/* Grants quick attempts, unless the last grant was not long ago: an endpoint that accepts and hangs up at once must not be
 * dialled twice a second for ever. */
void pace_grant_quick(struct pace *pace, uint64_t now_ms);

/* Grants a few, for a network that has just changed and may still be coming up. */
void pace_grant_few(struct pace *pace);

/* A delay between four and six fifths of `delay_ms`. */
uint64_t pace_jittered(struct rng *rng, uint64_t delay_ms);

#endif
