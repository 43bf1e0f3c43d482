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

enum {
	FLOW_INTERVAL_MS = 500,
	REPAIR_MAX_MS = 65000, /* a silent cut is noticed and repaired within this */
	REACH_WITHIN_MS = 16000,
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

static void stop_flows(struct world *world)
{
	for (size_t i = 0; i < world->traffic.flow_count; i++)
		flow_stop(world->traffic.flows[i]);
}

void scenario_reach_all(struct world *world, uint64_t within_ms)
{
	size_t first = world->traffic.packet_count;
	for (size_t i = 0; i < world->node_count; i++) {
		for (size_t k = 0; k < world->node_count && !world->is_broken; k++) {
			if (i != k)
				packet_send(world->nodes[i], &world->nodes[k]->address, NO_FLOW);
		}
	}
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

/* ---- random ---------------------------------------------------------------------------------------------------------
 */

/* A node starts, and its links to nodes that are on come up one after the other. */
static void bring_up(struct world *world, struct node *node)
{
	if (!node_is_on(node))
		node_start(node);
	for (size_t i = 0; i < world->link_count; i++) {
		struct link *link = world->links[i];
		if (link->ends[0].node == node || link->ends[1].node == node)
			link_up(link);
	}
}

static void restart(struct world *world, struct node *node)
{
	if (node_is_on(node))
		node_stop(node);
	if (world_random(world, 0, 1) == 0)
		bring_up(world, node);
}

/* One thing that happens to a network. */
static void random_happening(struct world *world)
{
	struct link *link = random_link(world);
	uint64_t dice = world_random(world, 0, 99);
	if (dice < 25)
		link_cut(link);
	else if (dice < 35)
		link_cut_silently(link);
	else if (dice < 40)
		link_mute(link, (unsigned)world_random(world, 0, 1));
	else if (dice < 75)
		link_heal(link);
	else if (dice < 85)
		link->delay_ms = (uint32_t)world_random(world, 1, LINK_DELAY_MAX_MS);
	else if (dice < 90)
		restart(world, random_node(world));
	else
		bring_up(world, random_node(world));
}

/* Pauses are mostly short, so that a change meets the network while it deals with the one before. */
static uint64_t random_pause_ms(struct world *world)
{
	switch (world_random(world, 0, 3)) {
	case 0:
		return world_random(world, 0, 100);
	case 1:
		return world_random(world, 0, 2000);
	default:
		return world_random(world, 0, 12000);
	}
}

static void make_whole(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++)
		bring_up(world, world->nodes[i]);
	for (size_t i = 0; i < world->link_count; i++)
		link_heal(world->links[i]);
}

void scenario_run_random(struct world *world, const struct scenario_options *options)
{
	build(world, options);
	for (size_t i = 0; i < world->node_count && !world->is_broken; i++) {
		bring_up(world, world->nodes[i]);
		world_run_for(world, world_random(world, 0, 300));
	}
	start_flows(world, options->nodes / 2);
	uint64_t end_ms = world->now_ms + options->span_ms;
	while (world->now_ms < end_ms && !world->is_broken) {
		random_happening(world);
		world_run_for(world, random_pause_ms(world));
	}
	stop_flows(world);
	if (!world->is_broken)
		make_whole(world);
	world_run_for(world, REPAIR_MAX_MS);
	if (!world->is_broken)
		scenario_reach_all(world, REACH_WITHIN_MS);
	if (!world->is_broken)
		invariants_check_all(world);
	if (!traffic_adds_up(world))
		world_break(world, NULL, "the packets do not add up");
}

/* ---- the others
 * ------------------------------------------------------------------------------------------------------- */

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
