// SPDX-License-Identifier: Apache-2.0
/*
 * Chance: the operating system's for secrets, a seeded generator for the cores.
 *
 * The sans-I/O cores never ask the system; they draw from a `struct rng` given to them, so that a run can be
 * repeated from its seed.
 */
#ifndef MYCELIUM_BASE_RANDOM_H
#define MYCELIUM_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* xoshiro256** state. Not for secrets. */
struct rng {
	uint64_t state[4];
};

/* A generator whose output depends on `seed` alone. */
struct rng rng_seeded(uint64_t seed);

/* The next 64 pseudo-random bits. */
uint64_t rng_next(struct rng *rng);

/* A number in 0..bound-1; `bound` is at least 1. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Fills `out` from the operating system's generator. Ends the process when the system has none: nothing
 * that needs a secret can go on. Any thread. */
void random_fill(void *out, size_t len);

#endif
