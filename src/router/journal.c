// SPDX-License-Identifier: Apache-2.0
/*
 * Journals: which destinations have an announcement due, for all peers at once.
 *
 *      first                                       end
 *        │ a │ b │(a)│ c │ d │(b)│ a │ e │ b │        (x): stale, x was marked again later
 *                  ▲               ▲         ▲
 *                peer 3          peer 1    peer 2 (nothing due)
 *
 * There is one journal for retractions, which leave first, and one for the rest. Marking a destination again moves it
 * to the end, so changes a peer has not read merge into one, whatever the number of peers and changes. A destination
 * stands validly in at most one journal, at its `journal_place`.
 */
#include <assert.h>
#include <stdlib.h>

#include "router/internal.h"

enum { CAPACITY_FIRST = 64, CAPACITY_KEPT = 1024 };

static uint8_t flag_of(enum journal_kind kind)
{
	return kind == JOURNAL_UPDATES ? DESTINATION_UPDATE_DUE : DESTINATION_RETRACTION_DUE;
}

static uint32_t *record_at(const struct journal *journal, uint64_t place)
{
	return &journal->records[place & (journal->capacity - 1)];
}

static bool is_valid(const struct router *router, enum journal_kind kind, uint64_t place)
{
	/* A stale record may name a handle that is free or taken by another destination: the place tells. */
	const struct destination *destination = destination_at(router, *record_at(&router->journals[kind], place));
	return (destination->flags & flag_of(kind)) && destination->journal_place == (uint32_t)place;
}

static void drop_mark(struct router *router, enum journal_kind kind, uint64_t place)
{
	uint32_t handle = *record_at(&router->journals[kind], place);
	destination_at(router, handle)->flags &= (uint8_t)~(flag_of(kind) | DESTINATION_UNTOLD);
	destination_unhold(router, handle);
}

static void clear(struct router *router, enum journal_kind kind)
{
	struct journal *journal = &router->journals[kind];
	for (; journal->first < journal->end; journal->first++)
		if (is_valid(router, kind, journal->first))
			drop_mark(router, kind, journal->first);
	if (journal->capacity > CAPACITY_KEPT) {
		free(journal->records);
		journal->records = NULL;
		journal->capacity = 0;
	}
}

static bool resize(struct journal *journal, uint32_t capacity)
{
	uint32_t *records = malloc(capacity * sizeof(*records));
	if (records == NULL)
		return false;
	for (uint64_t place = journal->first; place < journal->end; place++)
		records[place & (capacity - 1)] = *record_at(journal, place);
	free(journal->records);
	journal->records = records;
	journal->capacity = capacity;
	return true;
}

static uint64_t least_cursor(const struct router *router, enum journal_kind kind)
{
	uint64_t least = router->journals[kind].end;
	list_foreach(&router->alive, node, next) {
		const struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		if (neighbour->cursors[kind] < least)
			least = neighbour->cursors[kind];
	}
	return least;
}

/* Drops the records that are stale or read by all, and moves the rest together. */
static void compact(struct router *router, enum journal_kind kind)
{
	struct journal *journal = &router->journals[kind];
	uint64_t length = journal->end - journal->first, least = least_cursor(router, kind);
	/* kept[i]: how many of the first i records stay. */
	uint32_t *kept = malloc((length + 1) * sizeof(*kept));
	if (kept == NULL)
		return;
	kept[0] = 0;
	for (uint64_t i = 0; i < length; i++) {
		uint64_t place = journal->first + i, to = journal->first + kept[i];
		bool valid = is_valid(router, kind, place), keep = valid && place >= least;
		if (valid && !keep)
			drop_mark(router, kind, place);
		if (keep) {
			uint32_t handle = *record_at(journal, place);
			*record_at(journal, to) = handle;
			destination_at(router, handle)->journal_place = (uint32_t)to;
		}
		kept[i + 1] = kept[i] + keep;
	}
	list_foreach(&router->alive, node, next) {
		struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		uint64_t *cursor = &neighbour->cursors[kind];
		*cursor = journal->first + kept[*cursor - journal->first];
	}
	journal->end = journal->first + kept[length];
	free(kept);
}

/* Makes room for one more record. A full journal grows unless compaction frees half of it. */
static bool make_room(struct router *router, enum journal_kind kind)
{
	struct journal *journal = &router->journals[kind];
	if (journal->end - journal->first < journal->capacity)
		return true;
	if (journal->capacity == 0)
		return resize(journal, CAPACITY_FIRST);
	compact(router, kind);
	if (journal->end - journal->first <= journal->capacity / 2)
		return true;
	return resize(journal, 2 * journal->capacity) || journal->end - journal->first < journal->capacity;
}

void journal_mark(struct router *router, uint32_t handle, bool next_hop_too)
{
	if (router->neighbour_count == 0)
		return;
	struct destination *destination = destination_at(router, handle);
	enum journal_kind kind = destination_selected(destination) != 0 ? JOURNAL_UPDATES : JOURNAL_RETRACTIONS;
	struct journal *journal = &router->journals[kind];
	destination_hold(router, handle);
	if (!make_room(router, kind)) {
		router->counters.dropped_over_budget++;
		destination_unhold(router, handle);
		return;
	}
	bool was_due = destination->flags & (DESTINATION_UPDATE_DUE | DESTINATION_RETRACTION_DUE);
	/* A retraction that gives way to an Update may not have reached the new next hop. */
	if (kind == JOURNAL_RETRACTIONS)
		destination->flags &= (uint8_t)~DESTINATION_UNTOLD;
	else if (next_hop_too || (destination->flags & DESTINATION_RETRACTION_DUE))
		destination->flags |= DESTINATION_UNTOLD;
	destination->flags &= (uint8_t)~(DESTINATION_UPDATE_DUE | DESTINATION_RETRACTION_DUE);
	destination->flags |= flag_of(kind);
	destination->journal_place = (uint32_t)journal->end;
	*record_at(journal, journal->end++) = handle;
	journal->readers_behind = router->neighbour_count;
	if (was_due)
		destination_unhold(router, handle); /* one mark holds once */
	neighbours_wake(router);
}

static void reader_arrived(struct router *router, enum journal_kind kind)
{
	struct journal *journal = &router->journals[kind];
	assert(journal->readers_behind > 0);
	if (--journal->readers_behind == 0)
		clear(router, kind);
}

void journal_advance(struct router *router, enum journal_kind kind, struct neighbour *neighbour)
{
	if (++neighbour->cursors[kind] == router->journals[kind].end)
		reader_arrived(router, kind);
}

uint32_t journal_peek(struct router *router, enum journal_kind kind, struct neighbour *neighbour)
{
	while (neighbour->cursors[kind] < router->journals[kind].end) {
		uint64_t place = neighbour->cursors[kind];
		if (is_valid(router, kind, place))
			return *record_at(&router->journals[kind], place);
		journal_advance(router, kind, neighbour);
	}
	return 0;
}

void journal_join(struct router *router, struct neighbour *neighbour)
{
	for (unsigned kind = 0; kind < JOURNAL_KINDS; kind++)
		neighbour->cursors[kind] = router->journals[kind].end;
}

void journal_leave(struct router *router, struct neighbour *neighbour)
{
	for (enum journal_kind kind = 0; kind < JOURNAL_KINDS; kind++)
		if (neighbour->cursors[kind] < router->journals[kind].end) {
			neighbour->cursors[kind] = router->journals[kind].end;
			reader_arrived(router, kind);
		}
}
