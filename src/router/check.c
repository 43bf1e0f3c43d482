// SPDX-License-Identifier: Apache-2.0
/* The invariants of docs/protocol/routing.md, and those of the tables themselves. I5 and I6 speak of changes, which a
 * look at one moment cannot show; the unit tests of the source table do. */
#include "router/internal.h"

/* What a walk over the table counts, to be compared with the counts the records keep. */
struct census {
	size_t existing, entries, orphans, journal_marks, events, holds, source_counts;
};

static const char *check_entry(const struct router *router, uint32_t destination, uint32_t handle, uint64_t now_ms)
{
	const struct entry *entry = entry_at(router, handle);
	if (entry->destination != destination)
		return "an entry stands in the list of another destination";
	if (!wheel_armed(&entry->expiry) || entry->expiry.at <= router->entry_wheel.now)
		return "I8: an entry has no deadline in the future";
	if (entry->metric == METRIC_INFINITE &&
	    tick_ms(router, entry->expiry.at) > now_ms + RETRACT_HOLD_MS + WHEEL_TICK_MS)
		return "an infinite entry stays longer than its hold";
	if (entry->neighbour == NO_NEIGHBOUR)
		return entry->metric == METRIC_INFINITE ? NULL : "I7: a finite entry has no neighbour";
	const struct neighbour *neighbour = router->neighbours[entry->neighbour];
	if (neighbour == NULL || !neighbour->alive)
		return "I7: the neighbour of an entry is dead";
	for (uint32_t other = entry->next; other != 0; other = entry_at(router, other)->next)
		if (entry_at(router, other)->neighbour == entry->neighbour)
			return "I2: two entries of a destination via one neighbour";
	return NULL;
}

static const char *check_selected(const struct router *router, const struct destination *destination)
{
	uint32_t selected = destination_selected(destination);
	if (selected == 0)
		return destination->flags & DESTINATION_SELECTED ? "I2: selected without entries" : NULL;
	const struct entry *entry = entry_at(router, selected);
	if (entry->metric == METRIC_INFINITE || entry->neighbour == NO_NEIGHBOUR)
		return "I3: an infinite entry is selected";
	if (!entry_feasible(router, entry))
		return "I3: an unfeasible entry is selected";
	if (destination->tail == 0 && query_find(router, destination->upper) != NULL)
		return "I1: a search runs for a destination that has a route";
	return NULL;
}

static const char *check_destination(const struct router *router, uint32_t handle, uint64_t now_ms,
				     struct census *census)
{
	const struct destination *destination = destination_at(router, handle);
	struct subnet subnet = destination_subnet(router, handle);
	if (destination_find(router, &subnet) != handle)
		return "I1: a destination is not in the index, or twice";
	if (subnet_covers(&router->own, &subnet))
		return "I4: the own subnet is in the table";
	census->existing += destination->first != 0;
	census->journal_marks += (destination->flags & DESTINATION_UPDATE_DUE) != 0;
	census->journal_marks += (destination->flags & DESTINATION_RETRACTION_DUE) != 0;
	census->events += (destination->flags & DESTINATION_EVENT) != 0;
	census->holds += destination->holds;
	census->source_counts += destination->source_count;
	size_t orphans = 0;
	for (uint32_t entry = destination->first; entry != 0; entry = entry_at(router, entry)->next) {
		const char *broken = check_entry(router, handle, entry, now_ms);
		if (broken != NULL)
			return broken;
		census->entries++;
		orphans += entry_at(router, entry)->neighbour == NO_NEIGHBOUR;
	}
	census->orphans += orphans;
	return orphans <= 1 ? check_selected(router, destination) : "I2: two entries of dead neighbours";
}

static const char *check_table(const struct router *router, uint64_t now_ms, struct census *census)
{
	size_t found = 0;
	for (uint32_t handle = 1; handle < router->destinations.fresh; handle++) {
		const struct destination *destination = destination_at(router, handle);
		if (destination->first == 0 && destination->holds == 0)
			continue;
		found++;
		const char *broken = check_destination(router, handle, now_ms, census);
		if (broken != NULL)
			return broken;
	}
	if (found != router->destinations.count || found != router->destination_index.count)
		return "a destination nobody needs stays";
	if (census->existing != router->existing || census->entries != router->entries.count)
		return "an entry is in no list";
	return router->entry_wheel.count == census->entries ? NULL : "I8: deadlines without entries";
}

static const char *check_sources(const struct router *router, uint64_t now_ms, const struct census *census)
{
	for (uint32_t handle = 1; handle < router->sources.fresh; handle++) {
		const struct source *source = source_at(router, handle);
		if (source->destination == 0)
			continue;
		if (!wheel_armed(&source->gc))
			return "I8: a source has no deadline";
		if (tick_ms(router, source->gc.at) > now_ms + SOURCE_LIFE_MS + WHEEL_TICK_MS)
			return "I9: a source lives too long";
		if (source->metric == METRIC_INFINITE)
			return "I6: an infinite feasibility distance";
	}
	if (router->source_wheel.count != router->sources.count || census->source_counts != router->sources.count)
		return "sources are miscounted";
	return NULL;
}

/* Number of destinations held by what waits to leave and by those who wait. */
static size_t waiting_holds(const struct router *router)
{
	size_t holds = 0;
	for (uint32_t place = 0; place < router->interests.count; place++) {
		const struct interest *interest = fifo_at(&router->interests, place);
		holds += interest->destination != 0;
	}
	list_foreach(&router->alive, node, next) {
		const struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		holds += neighbour->answers.count + neighbour->seqno_requests.count;
	}
	return holds;
}

static const char *check_references(const struct router *router, const struct census *census)
{
	size_t expected = router->sources.count + router->seqno_requests.count;
	if (census->holds != expected + census->journal_marks + census->events + waiting_holds(router))
		return "destinations are held by nobody, or not held";
	size_t references = 0, referred = 0;
	for (uint32_t handle = 1; handle < router->originators.fresh; handle++) {
		uint32_t count = originator_at(router, handle)->references;
		references += count;
		referred += count > 0;
	}
	if (referred != router->originators.count || referred != router->originator_index.count)
		return "a router id nobody needs stays";
	list_foreach(&router->alive, node, next)
		expected += container_of(node, struct neighbour, life_node)->seqno_requests.count;
	return references == expected + census->entries ? NULL : "references to router ids are miscounted";
}

static const char *check_peers(const struct router *router, const struct census *census)
{
	size_t peers = 0, entries = 0;
	list_foreach(&router->alive, node, next) {
		const struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		peers++;
		size_t count = 0;
		for (uint32_t handle = neighbour->first_entry; handle != 0; count++) {
			const struct entry *entry = entry_at(router, handle);
			if (entry->neighbour != (uint16_t)neighbour->handle)
				return "an entry stands in the list of another neighbour";
			handle = entry->neighbour_next;
		}
		if (count != neighbour->entry_count)
			return "the entries of a neighbour are miscounted";
		entries += count;
	}
	if (peers != router->neighbour_count)
		return "peers are miscounted";
	return entries + census->orphans == census->entries ? NULL : "an entry is in no neighbour's list";
}

static const char *check_journals(const struct router *router, const struct census *census)
{
	size_t marks = 0;
	for (unsigned kind = 0; kind < JOURNAL_KINDS; kind++) {
		const struct journal *journal = &router->journals[kind];
		uint8_t flag = kind == JOURNAL_UPDATES ? DESTINATION_UPDATE_DUE : DESTINATION_RETRACTION_DUE;
		for (uint64_t place = journal->first; place < journal->end; place++) {
			uint32_t handle = journal->records[place & (journal->capacity - 1)];
			const struct destination *destination = destination_at(router, handle);
			marks += (destination->flags & flag) && destination->journal_place == (uint32_t)place;
		}
		size_t behind = 0;
		list_foreach(&router->alive, node, next)
			behind += container_of(node, struct neighbour, life_node)->cursors[kind] < journal->end;
		if (behind != journal->readers_behind)
			return "readers of a journal are miscounted";
	}
	return marks == census->journal_marks ? NULL : "an announcement is due, but in no journal";
}

static const char *check_queries(const struct router *router, uint64_t now_ms)
{
	size_t running = 0;
	uint64_t previous_ms = 0;
	list_foreach(&router->queries_running, node, next) {
		const struct query *query = container_of(node, struct query, node);
		if (query_find(router, query->upper) != query)
			return "I1: a search is not in the index, or twice";
		if (query->asked_ms < previous_ms || query->asked_ms > now_ms)
			return "I8: a search has a wrong deadline";
		previous_ms = query->asked_ms;
		running++;
	}
	return running == router->query_index.count ? NULL : "I1: searches are miscounted";
}

const char *router_check(const struct router *router, uint64_t now_ms)
{
	if (now_ms < router->now_ms)
		now_ms = router->now_ms;
	struct census census = {0};
	const char *broken = check_table(router, now_ms, &census);
	if (broken == NULL)
		broken = check_sources(router, now_ms, &census);
	if (broken == NULL)
		broken = check_references(router, &census);
	if (broken == NULL)
		broken = check_peers(router, &census);
	if (broken == NULL)
		broken = check_journals(router, &census);
	if (broken == NULL)
		broken = check_queries(router, now_ms);
	return broken;
}
