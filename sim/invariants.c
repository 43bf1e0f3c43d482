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
	/* A walk that does not come back here may still be caught in another loop; that one was found when it was made. */
	for (size_t steps = 0; steps <= node->world->node_count; steps++) {
		at = at->index == destination ? NULL : invariants_next_node(at, destination);
		if (at == NULL)
			return false;
		if (at == node)
			return true;
	}
	return true;
}

static void break_at_loop(struct node *node, uint32_t destination)
{
	char text[200];
	int len = snprintf(text, sizeof(text), "loop towards node %u:", destination);
	struct node *at = node;
	for (size_t steps = 0; at != NULL && steps < 12 && len > 0 && (size_t)len < sizeof(text); steps++) {
		len += snprintf(text + len, sizeof(text) - (size_t)len, " %u", at->index);
		at = invariants_next_node(at, destination);
	}
	world_break(node->world, node, text);
}

static void check_destination(struct node *node, uint32_t destination)
{
	struct world *world = node->world;
	const struct fib_entry *entry = node_fib(node, destination);
	const struct node *target = world->nodes[destination];
	uint32_t expected = entry->present ? entry->peer : ROUTER_NO_PEER;
	if (router_next_hop(node->router, &target->address) != expected)
		world_break(world, node, "the events about a route do not lead to the router's next hop");
	if (entry->present && node_end(node, entry->peer) == NULL)
		world_break(world, node, "the next hop of a route is not connected");
	if (entry->present && waiting_count(node, target->upper64, WAITING_FOR_ROUTE) > 0)
		world_break(world, node, "a packet waits for a destination that has a route");
	if (invariants_has_loop(node, destination))
		break_at_loop(node, destination);
}

void invariants_check(struct node *node)
{
	const char *problem = router_check(node->router, node->world->now_ms);
	if (problem != NULL)
		world_break(node->world, node, problem);
	for (size_t i = 0; i < node->changed_count; i++)
		check_destination(node, node->changed[i]);
}

void invariants_check_all(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++) {
		if (!node_is_on(world->nodes[i]))
			continue;
		for (uint32_t destination = 0; destination < world->node_count; destination++) {
			if (destination != i)
				check_destination(world->nodes[i], destination);
		}
	}
}
