// SPDX-License-Identifier: Apache-2.0
/* Shapes of networks. */
#ifndef MYCELIUM_SIM_TOPOLOGY_H
#define MYCELIUM_SIM_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/world.h"

enum topology { TOPOLOGY_LINE, TOPOLOGY_RING, TOPOLOGY_GRID, TOPOLOGY_STAR, TOPOLOGY_RANDOM, TOPOLOGY_BRIDGE, TOPOLOGY_COUNT };

enum { LINK_DELAY_MAX_MS = 60 };

/* "line", "ring", "grid", "star", "random", "bridge". */
const char *topology_name(enum topology topology);

/* The topology of a name. Returns false when there is none. */
bool topology_parse(const char *name, enum topology *ret);

/* Adds nodes, and links that are down, with delays of 1..LINK_DELAY_MAX_MS and costs as real transports have them. The
 * first added node has the number world->node_count. A random graph is a random tree with links added until each node
 * has `degree` on average; a bridge is two such graphs joined by one link; the other shapes ignore `degree`. Everything
 * is connected. */
void topology_add(struct world *world, enum topology topology, size_t nodes, double degree);

/* Starts all nodes that are off and opens all links, in this moment. */
void topology_start(struct world *world);

/* Whether working links connect two nodes that are on. */
bool topology_connects(const struct world *world, const struct node *a, const struct node *b);

/* Distance of each node from one, in working links through nodes of ours; SIZE_MAX where there is no way. The caller
 * frees it. */
size_t *topology_distances_through_ours(const struct world *world, const struct node *start);

/* Most links on a shortest path between any two nodes, all links taken as up; for bounds. */
size_t topology_diameter(const struct world *world);

#endif
