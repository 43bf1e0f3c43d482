// SPDX-License-Identifier: Apache-2.0
/* Route entries: what one neighbour last announced for one destination. */
#include <assert.h>

#include "router/internal.h"

uint32_t entry_find(const struct router *router, uint32_t destination, const struct neighbour *neighbour)
{
	uint16_t index = (uint16_t)neighbour->handle;
	uint32_t handle = destination_at(router, destination)->first;
	while (handle != 0 && entry_at(router, handle)->neighbour != index)
		handle = entry_at(router, handle)->next;
	return handle;
}

/* The link that points at an entry of a destination, or the link at the end of its list for 0. */
static uint32_t *link_to(const struct router *router, struct destination *destination, uint32_t handle)
{
	uint32_t *link = &destination->first;
	while (*link != handle) {
		assert(*link != 0);
		link = &entry_at(router, *link)->next;
	}
	return link;
}

static void join_neighbour(struct router *router, struct neighbour *neighbour, uint32_t handle)
{
	struct entry *entry = entry_at(router, handle);
	entry->neighbour = (uint16_t)neighbour->handle;
	entry->neighbour_next = neighbour->first_entry;
	if (neighbour->first_entry != 0)
		entry_at(router, neighbour->first_entry)->neighbour_prev = handle;
	neighbour->first_entry = handle;
	neighbour->entry_count++;
}

void entry_orphan(struct router *router, uint32_t handle)
{
	struct entry *entry = entry_at(router, handle);
	if (entry->neighbour == NO_NEIGHBOUR)
		return;
	struct neighbour *neighbour = router->neighbours[entry->neighbour];
	if (entry->neighbour_next != 0)
		entry_at(router, entry->neighbour_next)->neighbour_prev = entry->neighbour_prev;
	if (entry->neighbour_prev != 0)
		entry_at(router, entry->neighbour_prev)->neighbour_next = entry->neighbour_next;
	else
		neighbour->first_entry = entry->neighbour_next;
	neighbour->entry_count--;
	entry->neighbour_prev = entry->neighbour_next = 0;
	entry->neighbour = NO_NEIGHBOUR;
}

uint32_t entry_add(struct router *router, uint32_t destination, struct neighbour *neighbour, uint32_t originator)
{
	if (neighbour->entry_count >= ENTRIES_PER_PEER_MAX)
		return 0;
	uint32_t handle = pool_take(&router->entries);
	if (handle == 0)
		return 0;
	struct destination *record = destination_at(router, destination);
	if (record->first == 0)
		router->existing++;
	*link_to(router, record, 0) = handle;
	struct entry *entry = entry_at(router, handle);
	entry->destination = destination;
	entry->originator = originator;
	originator_retain(router, originator);
	join_neighbour(router, neighbour, handle);
	return handle;
}

void entry_remove(struct router *router, uint32_t handle)
{
	struct entry *entry = entry_at(router, handle);
	uint32_t destination = entry->destination;
	struct destination *record = destination_at(router, destination);
	assert(destination_selected(record) != handle);
	wheel_disarm(&router->entry_wheel, handle);
	entry_orphan(router, handle);
	*link_to(router, record, handle) = entry->next;
	originator_forget(router, entry->originator);
	pool_put(&router->entries, handle);
	if (record->first == 0)
		router->existing--;
	destination_release_if_unused(router, destination);
}

void entry_set_originator(struct router *router, struct entry *entry, uint32_t originator)
{
	originator_retain(router, originator);
	originator_forget(router, entry->originator);
	entry->originator = originator;
}

void entry_expire_at(struct router *router, uint32_t handle, uint64_t at_ms)
{
	wheel_arm(&router->entry_wheel, handle, tick_at_or_after(router, at_ms));
}

void entry_retract(struct router *router, uint32_t handle)
{
	entry_at(router, handle)->metric = METRIC_INFINITE;
	entry_expire_at(router, handle, router->now_ms + RETRACT_HOLD_MS);
}

uint16_t entry_total(const struct router *router, const struct entry *entry)
{
	if (entry->neighbour == NO_NEIGHBOUR)
		return METRIC_INFINITE;
	return metric_add(entry->metric, neighbour_link_cost(router->neighbours[entry->neighbour]));
}

void entry_select(struct router *router, uint32_t destination, uint32_t handle)
{
	struct destination *record = destination_at(router, destination);
	if (handle == 0) {
		record->flags &= (uint8_t)~DESTINATION_SELECTED;
		return;
	}
	struct entry *entry = entry_at(router, handle);
	*link_to(router, record, handle) = entry->next;
	entry->next = record->first;
	record->first = handle;
	record->flags |= DESTINATION_SELECTED;
}
