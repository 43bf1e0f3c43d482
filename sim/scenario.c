// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/flow.h"
#include "sim/invariants.h"
#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"
#include "sim/plan.h"

enum {
	FLOW_INTERVAL_MS = 500,
	REPAIR_MAX_MS = 65000,
	REACH_DESTINATIONS = 12, /* of each node in a world of more than SMALL_WORLD nodes: searches have a budget */
	SMALL_WORLD = 64,
	SEARCH_RADIUS = ROUTE_REQUEST_GENERATION_MAX + 1,
};

static struct node *random_node(struct world *world)
{
	return world->nodes[world_random(world, 0, world->node_count - 1)];
}

static struct link *random_link(struct world *world)
{
	return world->links[world_random(world, 0, world->link_count - 1)];
}

static void build(struct world *world, const struct scenario_options *options)
{
	topology_add(world, options->topology, options->nodes, options->degree);
	for (size_t i = 0; i < world->link_count; i += 4)
		world->links[i]->credit_bytes = options->credit_bytes;
}

static void start_flows(struct world *world, size_t count)
{
	for (size_t i = 0; i < count && world->node_count > 1; i++) {
		struct node *source = random_node(world), *destination = random_node(world);
		if (source != destination)
			flow_start(source, destination, FLOW_INTERVAL_MS);
	}
}

/* Promised are ways between nodes of ours, through nodes of ours: not through hostile or deployed ones, farther than a
 * search goes, or with somebody hostile ones lie about: to him, or from him, since the other end looks for his key. */
static bool may_reach(const struct node *from, const struct node *to, size_t distance)
{
	return from != to && node_is_on(from) && node_is_on(to) && from->ops->is_ours && to->ops->is_ours &&
	       !from->lied_about && !to->lied_about && distance <= SEARCH_RADIUS;
}

/* Sends from each node to all others, in a large world to some. */
static void send_to_all(struct world *world)
{
	size_t step = world->node_count > SMALL_WORLD ? world->node_count / REACH_DESTINATIONS : 1;
	for (size_t from = 0; from < world->node_count; from++) {
		size_t *distance = topology_distances_through_ours(world, world->nodes[from]);
		for (size_t to = from % step; to < world->node_count && !world->is_broken; to += step) {
			if (may_reach(world->nodes[from], world->nodes[to], distance[to]))
				packet_send(world->nodes[from], &world->nodes[to]->address, NO_FLOW);
		}
		free(distance);
	}
}

void scenario_reach_all(struct world *world, uint64_t within_ms)
{
	size_t first = world->traffic.packet_count;
	send_to_all(world);
	world_run_for(world, within_ms);
	for (size_t i = first; i < world->traffic.packet_count; i++) {
		const struct packet *packet = &world->traffic.packets[i];
		if (packet->state == PACKET_DELIVERED)
			continue;
		char text[100];
		snprintf(text, sizeof(text), "node %u was not reached (state of the packet: %d)",
			 world_find_node(world, &packet->destination)->index, packet->state);
		world_break(world, world->nodes[packet->source], text);
	}
}

void scenario_run_random(struct world *world, const struct scenario_options *options)
{
	struct plan plan = scenario_plan(world->seed, options);
	plan_run(&plan, world);
	plan_release(&plan);
}

struct plan scenario_plan(uint64_t seed, const struct scenario_options *options)
{
	struct plan plan = {
		.seed = seed,
		.topology = options->topology,
		.nodes = options->nodes,
		.degree = options->degree,
		.credit_bytes = options->credit_bytes,
		.deployed_every = options->deployed_every,
		.end_ms = options->span_ms,
	};
	plan_fill_randomly(&plan);
	return plan;
}

/* ---- the others --------------------------------------------------------------------------------------------------- */

static void run_idle(struct world *world, const struct scenario_options *options)
{
	build(world, options);
	topology_start(world);
	world_run_for(world, options->span_ms);
}

static void run_steady(struct world *world, const struct scenario_options *options)
{
	build(world, options);
	topology_start(world);
	world_run_for(world, 10000);
	start_flows(world, options->nodes);
	world_run_for(world, options->span_ms);
}

/* Cuts one link after the other, gives each up to a minute, and heals it. */
static void run_cuts(struct world *world, const struct scenario_options *options)
{
	build(world, options);
	topology_start(world);
	world_run_for(world, REPAIR_MAX_MS);
	start_flows(world, options->nodes);
	uint64_t end_ms = world->now_ms + options->span_ms;
	while (world_run_for(world, 2000) && world->now_ms < end_ms) {
		struct link *link = random_link(world);
		link_cut(link);
		world_run_for(world, REPAIR_MAX_MS);
		link_heal(link);
	}
}

const struct scenario scenarios[] = {
	{"random", "joins, cuts, half-open peers, heals and restarts at random, with traffic", scenario_run_random},
	{"cuts", "steady traffic; one link after the other is cut and healed", run_cuts},
	{"steady", "steady traffic in an unchanging network", run_steady},
	{"idle", "all join at once, then nothing happens", run_idle},
	{NULL, NULL, NULL},
};

const struct scenario *scenario_find(const char *name)
{
	for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
		if (strcmp(scenario->name, name) == 0)
			return scenario;
	}
	return NULL;
}
