// SPDX-License-Identifier: Apache-2.0
#include "sim/topology.h"

#include <stdlib.h>
#include <string.h>

#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"

static const char *const topology_names[TOPOLOGY_COUNT] = {
	[TOPOLOGY_LINE] = "line", [TOPOLOGY_RING] = "ring",     [TOPOLOGY_GRID] = "grid",
	[TOPOLOGY_STAR] = "star", [TOPOLOGY_RANDOM] = "random",
	[TOPOLOGY_BRIDGE] = "bridge",
};

const char *topology_name(enum topology topology)
{
	return topology_names[topology];
}

bool topology_parse(const char *name, enum topology *ret)
{
	for (int i = 0; i < TOPOLOGY_COUNT; i++) {
		if (strcmp(name, topology_names[i]) == 0) {
			*ret = (enum topology)i;
			return true;
		}
	}
	return false;
}

static void add_link(struct world *world, size_t a, size_t b)
{
	static const uint16_t costs[] = {5, 7, 10, 12, 15};
	uint32_t delay_ms = (uint32_t)world_random(world, 1, LINK_DELAY_MAX_MS);
	uint16_t cost = costs[world_random(world, 0, sizeof(costs) / sizeof(costs[0]) - 1)];
	link_new(world, world->nodes[a], world->nodes[b], delay_ms, cost);
}

static bool are_linked(const struct world *world, size_t a, size_t b)
{
	const struct node *node = world->nodes[a];
	for (size_t i = 0; i < node->link_count; i++) {
		const struct link_end *ends = node->links[i]->ends;
		if (ends[0].node->index == b || ends[1].node->index == b)
			return true;
	}
	return false;
}

static void add_random_links(struct world *world, size_t first, size_t nodes, double degree)
{
	for (size_t i = 1; i < nodes; i++)
		add_link(world, first + i, first + world_random(world, 0, i - 1));
	size_t wanted = (size_t)((double)nodes * degree / 2);
	size_t most = nodes * (nodes - 1) / 2;
	for (size_t count = nodes - 1; count < wanted && count < most;) {
		size_t a = first + world_random(world, 0, nodes - 1), b = first + world_random(world, 0, nodes - 1);
		if (a == b || are_linked(world, a, b))
			continue;
		add_link(world, a, b);
		count++;
	}
}

static void add_grid_links(struct world *world, size_t first, size_t nodes)
{
	size_t width = 1;
	while (width * width < nodes)
		width++;
	for (size_t i = 0; i < nodes; i++) {
		if (i % width != 0)
			add_link(world, first + i, first + i - 1);
		if (i >= width)
			add_link(world, first + i, first + i - width);
	}
}

void topology_add(struct world *world, enum topology topology, size_t nodes, double degree)
{
	size_t first = world->node_count;
	for (size_t i = 0; i < nodes; i++)
		world_add_node(world);
	if (topology == TOPOLOGY_BRIDGE && nodes >= 4) {
		add_random_links(world, first, nodes / 2, degree);
		add_random_links(world, first + nodes / 2, nodes - nodes / 2, degree);
		add_link(world, first, first + nodes / 2);
		return;
	}
	if (topology == TOPOLOGY_RANDOM || topology == TOPOLOGY_BRIDGE) {
		add_random_links(world, first, nodes, degree);
		return;
	}
	if (topology == TOPOLOGY_GRID) {
		add_grid_links(world, first, nodes);
		return;
	}
	for (size_t i = 1; i < nodes; i++)
		add_link(world, topology == TOPOLOGY_STAR ? first : first + i - 1, first + i);
	if (topology == TOPOLOGY_RING && nodes > 2)
		add_link(world, first + nodes - 1, first);
}

void topology_start(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++) {
		if (!node_is_on(world->nodes[i]))
			node_start(world->nodes[i]);
	}
	for (size_t i = 0; i < world->link_count; i++)
		link_up(world->links[i]);
}

size_t *topology_distances_through_ours(const struct world *world, const struct node *start)
{
	size_t *distance = memory_new(world->node_count, sizeof(*distance));
	size_t *queue = memory_new(world->node_count, sizeof(*queue));
	size_t first = 0, count = 1;
	for (size_t i = 0; i < world->node_count; i++)
		distance[i] = SIZE_MAX;
	distance[start->index] = 0;
	queue[0] = start->index;
	while (first < count) {
		const struct node *node = world->nodes[queue[first++]];
		for (size_t i = 0; i < node->link_count; i++) {
			const struct link *link = node->links[i];
			const struct node *far = link->ends[link->ends[0].node == node ? 1 : 0].node;
			if (distance[far->index] != SIZE_MAX || !far->ops->is_ours || !link_works(link))
				continue;
			distance[far->index] = distance[node->index] + 1;
			queue[count++] = far->index;
		}
	}
	free(queue);
	return distance;
}

/* Distances in links from one node, SIZE_MAX where there is no way. With `working_only` links that are down do not
 * count. */
static size_t *distances_from(const struct world *world, size_t start, bool working_only)
{
	size_t *distance = memory_new(world->node_count, sizeof(*distance));
	for (size_t i = 0; i < world->node_count; i++)
		distance[i] = SIZE_MAX;
	distance[start] = 0;
	bool moved = true;
	for (size_t reach = 0; moved; reach++) {
		moved = false;
		for (size_t i = 0; i < 2 * world->link_count; i++) {
			const struct link *link = world->links[i / 2];
			size_t from = link->ends[i % 2].node->index, to = link->ends[1 - i % 2].node->index;
			if (distance[from] != reach || distance[to] != SIZE_MAX || (working_only && !link_works(link)))
				continue;
			distance[to] = reach + 1;
			moved = true;
		}
	}
	return distance;
}

bool topology_connects(const struct world *world, const struct node *a, const struct node *b)
{
	size_t *distance = distances_from(world, a->index, true);
	bool connected = node_is_on(a) && node_is_on(b) && distance[b->index] != SIZE_MAX;
	free(distance);
	return connected;
}

size_t topology_diameter(const struct world *world)
{
	size_t diameter = 0;
	for (size_t start = 0; start < world->node_count; start++) {
		size_t *distance = distances_from(world, start, false);
		for (size_t i = 0; i < world->node_count; i++) {
			if (distance[i] != SIZE_MAX && distance[i] > diameter)
				diameter = distance[i];
		}
		free(distance);
	}
	return diameter;
}
