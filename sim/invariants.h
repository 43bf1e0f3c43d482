// SPDX-License-Identifier: Apache-2.0
/*
 * What must hold after every input of every router, whatever happened before.
 *
 *  - the router's own invariants (router_check);
 *  - the forwarding table made of its events agrees with its table;
 *  - following next hops from a node whose route changed never leads back to it: as every graph was acyclic before, and
 * only this node's arrow moved, a new loop must run through this node. Feasibility promises this for one source, that
 * is one start of a node: while two of its router ids are about, a loop across both may form, and must be gone within
 *    LOOP_ACROSS_STARTS_MAX_MS of time in which all its links work;
 *  - no packet waits for a destination that has a route.
 */
#ifndef MYCELIUM_SIM_INVARIANTS_H
#define MYCELIUM_SIM_INVARIANTS_H

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_ACROSS_STARTS_MAX_MS = 2000 };

struct node;
struct world;

/* Checks the node after an input; what is broken is noted in the world. */
void invariants_check(struct node *node);

/* The node that packets go to from `node` on the way to a destination, or NULL: no route, or its connection has no
 * other end. */
struct node *invariants_next_node(struct node *node, uint32_t destination);

/* Whether following next hops from `node` to a destination leads back to it. */
bool invariants_has_loop(struct node *node, uint32_t destination);

/* Compares all forwarding tables with the routers' and searches all graphs for loops. For the end of a run. */
void invariants_check_all(struct world *world);

#endif
