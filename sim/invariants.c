// SPDX-License-Identifier: Apache-2.0
#include "sim/invariants.h"

#include <stdio.h>
#include <string.h>

#include "sim/link.h"
#include "sim/node.h"
#include "sim/world.h"

struct node *invariants_next_node(struct node *node, uint32_t destination)
{
	const struct fib_entry *entry = node_fib(node, destination);
	if (!node_is_on(node) || !entry->present)
		return NULL;
	const struct link_end *end = node_end(node, entry->peer);
	if (end == NULL)
		return NULL;
	const struct link_end *other = link_end_other(end);
	return link_end_is_open(other) ? other->node : NULL;
}

bool invariants_has_loop(struct node *node, uint32_t destination)
{
	struct node *at = node;
	/* A walk that is caught in another loop ends too: that loop was found when it was made. */
	for (size_t steps = 0; steps <= node->world->node_count; steps++) {
		at = at->index == destination ? NULL : invariants_next_node(at, destination);
		if (at == NULL)
			return false;
		if (at == node)
			return true;
	}
	return false;
}

static void break_at_loop(struct node *node, uint32_t destination, const char *kind)
{
	char text[220];
	int len = snprintf(text, sizeof(text), "loop %s towards node %u:", kind, destination);
	struct node *at = node;
	for (size_t steps = 0; at != NULL && steps < 12 && len > 0 && (size_t)len < sizeof(text); steps++) {
		len += snprintf(text + len, sizeof(text) - (size_t)len, " %u", at->index);
		at = invariants_next_node(at, destination);
	}
	world_break(node->world, node, text);
}

/* Whether all nodes on a loop select the same start of the destination. */
static bool loop_has_one_source(struct node *node, uint32_t destination)
{
	struct subnet subnet = subnet64_of(&node->world->nodes[destination]->address);
	struct router_id first, next;
	if (!node->ops->selected_source(node->speaker, &subnet, &first))
		return false;
	struct node *at = node;
	while ((at = invariants_next_node(at, destination)) != NULL && at != node) {
		if (!at->ops->selected_source(at->speaker, &subnet, &next) || !router_id_equal(&first, &next))
			return false;
	}
	return true;
}

/* Deployed nodes do nothing against loops across starts. */
static bool loop_is_ours(struct node *node, uint32_t destination)
{
	struct node *at = node;
	do {
		if (!at->ops->is_ours)
			return false;
		at = invariants_next_node(at, destination);
	} while (at != NULL && at != node);
	return true;
}

static bool loop_links_work(struct node *node, uint32_t destination)
{
	struct node *at = node;
	do {
		if (node_is_paused(at) || !link_works(node_end(at, node_fib(at, destination)->peer)->link))
			return false;
		at = invariants_next_node(at, destination);
	} while (at != NULL && at != node);
	return true;
}

/* Looks at a loop across starts again. While a link of it is silent, nothing that ends the loop can get through. */
static void check_loop_is_gone(struct world *world, void *subject, uint64_t destination)
{
	struct node *node = subject;
	if (!node_is_on(node) || !invariants_has_loop(node, (uint32_t)destination))
		return;
	if (!loop_is_ours(node, (uint32_t)destination))
		return;
	if (loop_links_work(node, (uint32_t)destination))
		break_at_loop(node, (uint32_t)destination, "that stays, across two starts,");
	else
		world_at(world, world->now_ms + LOOP_ACROSS_STARTS_MAX_MS, check_loop_is_gone, node, destination);
}

static void judge_loop(struct node *node, uint32_t destination)
{
	struct world *world = node->world;
	if (loop_has_one_source(node, destination)) {
		break_at_loop(node, destination, "of one source");
		return;
	}
	world->loops_across_starts++;
	world_at(world, world->now_ms + LOOP_ACROSS_STARTS_MAX_MS, check_loop_is_gone, node, destination);
}

static void check_destination(struct node *node, uint32_t destination)
{
	struct world *world = node->world;
	const struct fib_entry *entry = node_fib(node, destination);
	const struct node *target = world->nodes[destination];
	uint32_t expected = entry->present ? entry->peer : ROUTER_NO_PEER;
	if (!target->lied_about && node->ops->next_hop(node->speaker, &target->address) != expected)
		world_break(world, node, "the events about a route do not lead to the router's next hop");
	if (entry->present && node_end(node, entry->peer) == NULL)
		world_break(world, node, "the next hop of a route is not connected");
	if (entry->present && waiting_count(node, target->upper64, WAITING_FOR_ROUTE) > 0)
		world_break(world, node, "a packet waits for a destination that has a route");
	if (!target->lied_about && invariants_has_loop(node, destination))
		judge_loop(node, destination);
}

static void check_tables(struct node *node)
{
	const char *problem = node->router != NULL ? router_check(node->router, node_now_ms(node)) : NULL;
	if (problem != NULL)
		world_break(node->world, node, problem);
}

void invariants_check(struct node *node)
{
	if (!node->tables_untouched && node->inputs % node->world->check_every == 0)
		check_tables(node);
	for (size_t i = 0; i < node->changed_count; i++)
		check_destination(node, node->changed[i]);
}

void invariants_check_all(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++) {
		if (!node_is_on(world->nodes[i]) || !world->nodes[i]->ops->is_honest)
			continue;
		check_tables(world->nodes[i]);
		for (uint32_t destination = 0; destination < world->node_count; destination++) {
			if (destination != i)
				check_destination(world->nodes[i], destination);
		}
	}
}
