// SPDX-License-Identifier: Apache-2.0
/* Histories made up by chance. All of it follows from the seed and the shape of the network. */
#include <stdlib.h>

#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"
#include "sim/plan.h"

enum {
	FLOW_INTERVAL_MS = 500,
	JOIN_PAUSE_MAX_MS = 300,
	JUMP_MAX_MS = 3600000,
	FAR_DELAY_MS = 300,
	RATE_MIN = 2000,
	RATE_MAX = 20000,
	PARTITION_MAX_MS = 60000,
};

/* What is known of the network while its history is made up. */
struct author {
	struct plan *plan;
	struct world *world; /* only built, never run */
	struct rng rng;
	uint64_t now_ms;
	struct fault *later; /* in no order */
	size_t later_count, later_capacity;
};

static uint64_t draw(struct author *author, uint64_t low, uint64_t high)
{
	return low + rng_below(&author->rng, high - low + 1);
}

static struct fault make(uint64_t at_ms, enum fault_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
	return (struct fault){.at_ms = at_ms, .kind = kind, .arguments = {a, b, c}};
}

static void now(struct author *author, enum fault_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
	plan_add(author->plan, make(author->now_ms, kind, a, b, c));
}

static void later(struct author *author, uint64_t after_ms, enum fault_kind kind, uint64_t a)
{
	author->later = memory_grow(author->later, &author->later_capacity, author->later_count + 1,
				    sizeof(*author->later));
	author->later[author->later_count++] = make(author->now_ms + after_ms, kind, a, 0, 0);
}

static uint64_t any_node(struct author *author)
{
	return draw(author, 0, author->world->node_count - 1);
}

static uint64_t any_link(struct author *author)
{
	return draw(author, 0, author->world->link_count - 1);
}

/* The network falls into two parts, by notice or in silence, and comes together again. */
static void partition(struct author *author)
{
	const struct world *world = author->world;
	bool *side = memory_new(world->node_count, sizeof(*side));
	uint64_t heal_ms = draw(author, 1000, PARTITION_MAX_MS);
	enum fault_kind kind = draw(author, 0, 1) == 0 ? FAULT_CUT : FAULT_SILENCE;
	for (size_t i = 0; i < world->node_count; i++)
		side[i] = draw(author, 0, 2) == 0;
	for (size_t i = 0; i < world->link_count; i++) {
		const struct link *link = world->links[i];
		if (side[link->ends[0].node->index] == side[link->ends[1].node->index])
			continue;
		now(author, kind, i, 0, 0);
		later(author, heal_ms, FAULT_HEAL, i);
	}
	free(side);
}

/* Up to a second most of the time, which nobody may take for a death; else longer. */
static void pause_somebody(struct author *author)
{
	uint64_t span_ms = draw(author, 0, 3) > 0 ? draw(author, 1, 1000) : draw(author, 1000, 50000);
	now(author, FAULT_PAUSE, any_node(author), span_ms, 0);
}

/* From a second to an hour, each order of magnitude equally often. */
static void jump_somebody(struct author *author)
{
	uint64_t span_ms = 1000;
	for (uint64_t doublings = draw(author, 0, 11); doublings > 0; doublings--)
		span_ms *= 2;
	span_ms = draw(author, span_ms / 2, span_ms);
	now(author, FAULT_JUMP, any_node(author), span_ms < JUMP_MAX_MS ? span_ms : JUMP_MAX_MS, 0);
}

static void change_a_link(struct author *author)
{
	uint64_t link = any_link(author);
	switch (draw(author, 0, 4)) {
	case 0:
		now(author, FAULT_RATE, link, draw(author, RATE_MIN, RATE_MAX), 0);
		break;
	case 1:
		now(author, FAULT_RATE, link, 0, 0);
		break;
	case 2:
		now(author, FAULT_DELAY, link, draw(author, LINK_DELAY_MAX_MS, FAR_DELAY_MS), 0);
		break;
	default:
		now(author, FAULT_DELAY, link, draw(author, 1, LINK_DELAY_MAX_MS), 0);
		break;
	}
}

/* One thing that happens to a network. */
static void happen(struct author *author)
{
	uint64_t dice = draw(author, 0, 99);
	if (dice < 20)
		now(author, FAULT_CUT, any_link(author), 0, 0);
	else if (dice < 29)
		now(author, FAULT_SILENCE, any_link(author), 0, 0);
	else if (dice < 34)
		now(author, FAULT_MUTE, any_link(author), draw(author, 0, 1), 0);
	else if (dice < 62)
		now(author, FAULT_HEAL, any_link(author), 0, 0);
	else if (dice < 72)
		change_a_link(author);
	else if (dice < 78)
		pause_somebody(author);
	else if (dice < 80)
		jump_somebody(author);
	else if (dice < 82)
		partition(author);
	else if (dice < 83)
		now(author, FAULT_REPLACE, any_node(author), 0, 0);
	else if (dice < 88)
		now(author, FAULT_STOP, any_node(author), 0, 0);
	else
		now(author, FAULT_START, any_node(author), 0, 0);
}

/* Pauses are mostly short, so that a change meets the network while it deals with the one before. */
static uint64_t pause_ms(struct author *author)
{
	static const uint64_t longest_ms[] = {100, 2000, 12000, 12000};
	return draw(author, 0, longest_ms[draw(author, 0, 3)]);
}

/* What was to come by now has come. */
static void catch_up(struct author *author)
{
	for (;;) {
		size_t first = 0;
		for (size_t i = 1; i < author->later_count; i++) {
			if (author->later[i].at_ms < author->later[first].at_ms)
				first = i;
		}
		if (author->later_count == 0 || author->later[first].at_ms > author->now_ms)
			return;
		plan_add(author->plan, author->later[first]);
		author->later[first] = author->later[--author->later_count];
	}
}

void plan_fill_randomly(struct plan *plan)
{
	struct author author = {
		.plan = plan,
		.world = world_new(plan->seed),
		.rng = rng_seeded(~plan->seed),
	};
	topology_add(author.world, plan->topology, plan->nodes, plan->degree);
	for (size_t i = 0; i < plan->nodes; i++) {
		now(&author, FAULT_START, i, 0, 0);
		author.now_ms += draw(&author, 0, JOIN_PAUSE_MAX_MS);
	}
	for (size_t i = 0; i < plan->nodes / 2; i++)
		now(&author, FAULT_FLOW, any_node(&author), any_node(&author), FLOW_INTERVAL_MS);
	plan->end_ms += author.now_ms;
	while (author.now_ms < plan->end_ms) {
		happen(&author);
		author.now_ms += pause_ms(&author);
		catch_up(&author);
	}
	free(author.later);
	world_free(author.world);
}
