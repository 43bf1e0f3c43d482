// SPDX-License-Identifier: Apache-2.0
#include "sim/plan.h"

#include <stdlib.h>
#include <string.h>

#include "sim/flow.h"
#include "sim/invariants.h"
#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"
#include "sim/scenario.h"

enum {
	SETTLE_MS = 8000,           /* after all was made whole */
	SETTLE_DEPLOYED_MS = 65000, /* deployed nodes notice a silent peer late */
	REACH_WITHIN_MS = 16000,
	LARGE_WORLD = 100,          /* nodes; from there on, and with made-up subnets, tables are walked after one in CHECK_EVERY inputs */
	CHECK_EVERY = 64,
};

void plan_release(struct plan *plan)
{
	free(plan->faults);
	*plan = (struct plan){0};
}

void plan_add(struct plan *plan, struct fault fault)
{
	plan->faults =
		memory_grow(plan->faults, &plan->faults_capacity, plan->fault_count + 1, sizeof(*plan->faults));
	plan->faults[plan->fault_count++] = fault;
}

void plan_build(const struct plan *plan, struct world *world)
{
	topology_add(world, plan->topology, plan->nodes, plan->degree);
	for (size_t i = 0; i < world->link_count; i += 4)
		world->links[i]->credit_bytes = plan->credit_bytes;
	for (size_t i = 0; plan->deployed_every > 0 && i < world->node_count; i += plan->deployed_every)
		world->nodes[i]->ops = &speaker_deployed;
	for (size_t i = 0; i < plan->hostile_count; i++) {
		const struct plan_hostile *hostile = &plan->hostiles[i];
		if (hostile->node < world->node_count)
			hostile_set(world->nodes[hostile->node], hostile->attack, hostile->rate);
	}
	bool large_tables = plan->nodes >= LARGE_WORLD || plan->hostile_count > 0;
	world->check_every = large_tables ? CHECK_EVERY : 1;
}

/* A node that is still paused would be mended, but not there. */
static void wait_for_all(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++)
		world_run_until(world, world->nodes[i]->paused_until_ms);
}

static void make_whole(struct world *world)
{
	for (size_t i = 0; i < world->link_count; i++)
		world->links[i]->rate = 0;
	for (size_t i = 0; i < world->node_count; i++)
		fault_bring_up(world, i);
	for (size_t i = 0; i < world->link_count; i++)
		link_heal(world->links[i]);
}

void plan_run(const struct plan *plan, struct world *world)
{
	plan_build(plan, world);
	for (size_t i = 0; i < plan->fault_count && plan->faults[i].at_ms <= plan->end_ms; i++) {
		if (!world_run_until(world, plan->faults[i].at_ms))
			return;
		fault_apply(world, &plan->faults[i]);
	}
	world_run_until(world, plan->end_ms);
	for (size_t i = 0; i < world->traffic.flow_count; i++)
		flow_stop(world->traffic.flows[i]);
	wait_for_all(world);
	if (!world->is_broken)
		make_whole(world);
	world_run_for(world, plan->deployed_every > 0 ? SETTLE_DEPLOYED_MS : SETTLE_MS);
	if (!world->is_broken)
		scenario_reach_all(world, REACH_WITHIN_MS);
	if (!world->is_broken)
		invariants_check_all(world);
	if (!traffic_adds_up(world))
		world_break(world, NULL, "the packets do not add up");
}

bool plan_breaks(const struct plan *plan, char ret_text[static WORLD_BROKEN_TEXT_SIZE])
{
	struct world *world = world_new(plan->seed);
	plan_run(plan, world);
	bool breaks = world->is_broken;
	if (breaks)
		memcpy(ret_text, world->broken, WORLD_BROKEN_TEXT_SIZE);
	world_free(world);
	return breaks;
}

/* ---- shrinking ---------------------------------------------------------------------------------------------------- */

/* The plan without `count` faults from `first` on. Shares nothing. */
static struct plan without(const struct plan *plan, size_t first, size_t count)
{
	struct plan less = *plan;
	less.faults = NULL;
	less.fault_count = less.faults_capacity = 0;
	for (size_t i = 0; i < plan->fault_count; i++) {
		if (i < first || i >= first + count)
			plan_add(&less, plan->faults[i]);
	}
	return less;
}

bool plan_is_broken(const struct plan *plan)
{
	char text[WORLD_BROKEN_TEXT_SIZE];
	return plan_breaks(plan, text);
}

void plan_shrink(struct plan *plan, unsigned trials, bool (*still)(const struct plan *))
{
	for (size_t chunk = (plan->fault_count + 1) / 2; chunk > 0 && trials > 0; chunk /= 2) {
		for (size_t first = 0; first < plan->fault_count && trials > 0; trials--) {
			struct plan less = without(plan, first, chunk);
			if (still(&less)) {
				plan_release(plan);
				*plan = less;
			} else {
				plan_release(&less);
				first += chunk;
			}
		}
	}
}
