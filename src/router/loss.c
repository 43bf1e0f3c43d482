// SPDX-License-Identifier: Apache-2.0
/* Entries that come to their end: by expiry, or with their neighbour. */
#include "router/internal.h"

void loss_reselect(struct router *router, uint32_t destination)
{
	uint32_t lost = entry_at(router, destination_at(router, destination)->first)->originator;
	uint32_t best = select_entry(router, destination);
	if (best == 0)
		seqno_ask(router, destination, lost, NULL);
	entry_select(router, destination, best);
	announce_trigger(router, destination, lost);
	event_route(router, destination);
	if (best != 0) {
		seqno_serve(router, destination, true);
		interests_serve(router, destination, true);
	}
}

/* Removes what is not selected. What is selected has to wait until the unselected entries of all dead neighbours are
 * gone, so that none of them is chosen in its place. */
static void remove_unselected(struct router *router, struct neighbour *neighbour)
{
	uint32_t next;
	for (uint32_t handle = neighbour->first_entry; handle != 0; handle = next) {
		const struct entry *entry = entry_at(router, handle);
		next = entry->neighbour_next;
		if (destination_selected(destination_at(router, entry->destination)) != handle)
			entry_remove(router, handle);
	}
}

/* What a dead neighbour leaves says that the destination was known, and whom to ask about it: one is enough, however
 * many die within its time. */
static void remove_orphan(struct router *router, uint32_t destination)
{
	uint32_t handle = destination_at(router, destination)->first;
	while (handle != 0 && entry_at(router, handle)->neighbour != NO_NEIGHBOUR)
		handle = entry_at(router, handle)->next;
	if (handle != 0)
		entry_remove(router, handle);
}

static void replace_selected(struct router *router, struct neighbour *neighbour)
{
	while (neighbour->first_entry != 0) {
		uint32_t handle = neighbour->first_entry;
		uint32_t destination = entry_at(router, handle)->destination;
		remove_orphan(router, destination);
		entry_orphan(router, handle);
		entry_retract(router, handle);
		router->counters.route_selections++;
		loss_reselect(router, destination);
	}
}

void loss_of_neighbours(struct router *router, struct list *retired)
{
	list_foreach(retired, node, next)
		remove_unselected(router, container_of(node, struct neighbour, life_node));
	list_foreach(retired, other, after)
		replace_selected(router, container_of(other, struct neighbour, life_node));
}

void entries_expire(struct router *router, uint64_t at_ms)
{
	uint32_t tick = (uint32_t)((at_ms - router->start_ms) / WHEEL_TICK_MS);
	for (uint32_t handle; (handle = wheel_pop(&router->entry_wheel, tick)) != 0;) {
		uint32_t destination = entry_at(router, handle)->destination;
		if (destination_selected(destination_at(router, destination)) != handle) {
			router->counters.routes_removed++;
			entry_remove(router, handle);
			continue;
		}
		/* Treated like a loss by retraction, so that a new seqno is asked for at once. */
		router->counters.routes_retracted++;
		entry_retract(router, handle);
		loss_reselect(router, destination);
	}
}
