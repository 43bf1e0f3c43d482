// SPDX-License-Identifier: Apache-2.0
/* Scenarios: what happens to a network over time. */
#ifndef MYCELIUM_SIM_SCENARIO_H
#define MYCELIUM_SIM_SCENARIO_H

#include <stddef.h>

#include "sim/plan.h"
#include "sim/topology.h"
#include "sim/world.h"

struct scenario_options {
	enum topology topology;
	size_t nodes;
	double degree;
	uint64_t span_ms;
	size_t credit_bytes;   /* for every fourth link; 0: no link is slow */
	size_t deployed_every; /* each so manieth node behaves like deployed ones; 0: none does */
	size_t flows;          /* 0: as many as nodes */
};

struct scenario {
	const char *name;
	const char *summary;
	void (*run)(struct world *world, const struct scenario_options *options);
};

/* All scenarios, ended by one without a name. */
extern const struct scenario scenarios[];

/* The scenario of a name, or NULL. */
const struct scenario *scenario_find(const char *name);

/* A random history (plan_fill_randomly), and how it went. */
void scenario_run_random(struct world *world, const struct scenario_options *options);

/* The plan of such a history. Release with plan_release(). */
struct plan scenario_plan(uint64_t seed, const struct scenario_options *options);

/* Every node of ours sends to every other that nodes of ours connect it with, not farther than a search goes (to some in a large
 * world): notes in the world what cannot be reached within `within_ms`. */
void scenario_reach_all(struct world *world, uint64_t within_ms);

#endif
