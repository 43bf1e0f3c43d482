// SPDX-License-Identifier: Apache-2.0
/*
 * A plan: a network and all that happens to it, as data. The same plan gives the same run. Its text is a scenario file:
 *
 *     seed 7
 *     topology ring
 *     nodes 12
 *     slow 200              every fourth link holds at most so many control bytes
 *     deployed 2            every second node behaves like deployed ones
 *     hostile 3 claims 100  node 3 sends 100 lies a second
 *     end 60000
 *     0 start 0             milliseconds, what happens (sim/fault.h), to whom
 *     9000 cut 4
 *
 * Empty lines and what follows a '#' do not count.
 */
#ifndef MYCELIUM_SIM_PLAN_H
#define MYCELIUM_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/fault.h"
#include "sim/hostile.h"
#include "sim/topology.h"
#include "sim/world.h"

struct plan_hostile {
	size_t node;
	enum attack attack;
	unsigned rate; /* TLVs per second and peer */
};

enum { PLAN_HOSTILES_MAX = 8 };

struct plan {
	uint64_t seed;
	enum topology topology;
	size_t nodes;
	double degree;
	size_t credit_bytes;
	size_t deployed_every; /* 0: none */
	struct plan_hostile hostiles[PLAN_HOSTILES_MAX];
	size_t hostile_count;
	uint64_t end_ms; /* then all is made whole, and everybody has to reach everybody */
	struct fault *faults;
	size_t fault_count, faults_capacity;
};

/* Frees the faults. */
void plan_release(struct plan *plan);

void plan_add(struct plan *plan, struct fault fault);

/* Builds the network of a plan in an empty world of its seed. Nothing is started. */
void plan_build(const struct plan *plan, struct world *world);

/* Joins, cuts, partitions, restarts, pauses, clock jumps and so on at random moments up to `end_ms`, with traffic. The
 * network's shape has to be set. */
void plan_fill_randomly(struct plan *plan);

/* Makes a plan happen in an empty world of its seed, and judges the outcome: what is broken is noted in the world. */
void plan_run(const struct plan *plan, struct world *world);

/* Whether something breaks when a plan happens; its words then go to `ret_text`. */
bool plan_breaks(const struct plan *plan, char ret_text[static WORLD_BROKEN_TEXT_SIZE]);

/* The same without the words, for plan_shrink(). */
bool plan_is_broken(const struct plan *plan);

/* Leaves out faults that are not needed for something to be still the case, within a number of trials. */
void plan_shrink(struct plan *plan, unsigned trials, bool (*still)(const struct plan *));

void plan_write(const struct plan *plan, FILE *out);

/* Reads a scenario file. Returns 0, or the number of the first line that makes no sense. `ret` is to be released. */
unsigned plan_read(FILE *in, struct plan *ret);

#endif
