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
	FAST_FLOW_INTERVAL_MS = 100, /* where the time without a path is measured */
	REPAIR_MAX_MS = 65000,
	SPARE_LINK_TRIES = 1000,
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

static void start_flows(struct world *world, const struct scenario_options *options, uint32_t interval_ms)
{
	for (size_t i = options->flows > 0 ? options->flows : options->nodes; i > 0;) {
		struct node *source = random_node(world), *destination = random_node(world);
		if (source == destination)
			continue;
		flow_start(source, destination, interval_ms);
		i--;
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

/* A plan in which nothing happens. */
static struct plan empty_plan(uint64_t seed, const struct scenario_options *options)
{
	return (struct plan){
		.seed = seed,
		.topology = options->topology,
		.nodes = options->nodes,
		.degree = options->degree,
		.credit_bytes = options->credit_bytes,
		.deployed_every = options->deployed_every,
		.end_ms = options->span_ms,
	};
}

struct plan scenario_plan(uint64_t seed, const struct scenario_options *options)
{
	struct plan plan = empty_plan(seed, options);
	plan_fill_randomly(&plan);
	return plan;
}

/* ---- the others --------------------------------------------------------------------------------------------------- */

static void start_all(struct world *world, const struct scenario_options *options)
{
	struct plan plan = empty_plan(world->seed, options);
	plan_build(&plan, world);
	topology_start(world);
}

static void run_idle(struct world *world, const struct scenario_options *options)
{
	start_all(world, options);
	world_run_for(world, options->span_ms);
}

static void run_steady(struct world *world, const struct scenario_options *options)
{
	start_all(world, options);
	world_run_for(world, 10000);
	start_flows(world, options, FLOW_INTERVAL_MS);
	world_run_for(world, options->span_ms);
}

/* A link in use, without which there is still a way between its ends; any link where there is hardly one. */
static struct link *random_spare_link(struct world *world)
{
	struct link *link = random_link(world);
	for (unsigned tries = 0; tries < SPARE_LINK_TRIES; tries++) {
		link->ends[0].muted = true;
		bool is_spare = topology_connects(world, link->ends[0].node, link->ends[1].node);
		link->ends[0].muted = false;
		if (is_spare && flow_is_any_over(link))
			break;
		link = random_link(world);
	}
	return link;
}

/* Takes one link after the other away, gives each up to a minute, and heals it. */
static void run_losses(struct world *world, const struct scenario_options *options, void (*lose)(struct link *link))
{
	start_all(world, options);
	world_run_for(world, REPAIR_MAX_MS);
	start_flows(world, options, FAST_FLOW_INTERVAL_MS);
	uint64_t end_ms = world->now_ms + options->span_ms;
	while (world_run_for(world, 2000) && world->now_ms < end_ms) {
		struct link *link = random_spare_link(world);
		lose(link);
		world_run_for(world, REPAIR_MAX_MS);
		link_heal(link);
	}
}

static void run_cuts(struct world *world, const struct scenario_options *options)
{
	run_losses(world, options, link_cut);
}

static void run_silences(struct world *world, const struct scenario_options *options)
{
	run_losses(world, options, link_cut_silently);
}

const struct scenario scenarios[] = {
	{"random", "joins, cuts, half-open peers, heals and restarts at random, with traffic", scenario_run_random},
	{"cuts", "steady traffic; one link in use after the other is cut and healed", run_cuts},
	{"silences", "the same, but nobody is told that a link is cut", run_silences},
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
