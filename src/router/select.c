// SPDX-License-Identifier: Apache-2.0
/* Route selection: which entry of a destination data is forwarded on (docs/protocol/routing.md, "Route selection"). */
#include "router/internal.h"

bool entry_feasible(const struct router *router, const struct entry *entry)
{
	return source_feasible(router, entry->destination, entry->originator, entry->metric, entry->seqno);
}

/* A total at the top of the range could not be told from any worse one: such a route is no route. */
static bool is_candidate(const struct router *router, const struct entry *entry)
{
	return entry_total(router, entry) < METRIC_MAX && entry_feasible(router, entry);
}

/* Whether an entry brings a seqno of the same source that somebody waits for. */
static bool brings_seqno(const struct entry *entry, uint32_t originator, uint16_t wanted)
{
	return entry->originator == originator && !seqno_older(entry->seqno, wanted);
}

/* Smallest total; ties go to the first in the list, so to the selected one. */
static uint32_t best_candidate(const struct router *router, uint32_t destination, uint32_t originator,
			       const uint16_t *wanted)
{
	uint32_t best = 0;
	uint16_t best_total = METRIC_INFINITE;
	for (uint32_t handle = destination_at(router, destination)->first; handle != 0;) {
		const struct entry *entry = entry_at(router, handle);
		uint16_t total = entry_total(router, entry);
		if (total < best_total && (wanted == NULL || brings_seqno(entry, originator, *wanted)) &&
		    is_candidate(router, entry)) {
			best = handle;
			best_total = total;
		}
		handle = entry->next;
	}
	return best;
}

uint32_t select_entry(const struct router *router, uint32_t destination)
{
	uint32_t best = best_candidate(router, destination, 0, NULL);
	uint32_t current = destination_selected(destination_at(router, destination));
	if (best == 0 || current == 0)
		return best;
	const struct entry *now = entry_at(router, current), *then = entry_at(router, best);
	/* A neighbour waits for a seqno, and only another entry has it: what we use must be what we can answer with. */
	uint16_t wanted;
	if (seqno_wanted(router, destination, now->originator, now->seqno, &wanted)) {
		uint32_t answer = best_candidate(router, destination, now->originator, &wanted);
		if (answer != 0)
			return answer;
	}
	if (best == current || !is_candidate(router, now))
		return best;
	if (entry_total(router, then) < metric_subtract(entry_total(router, now), SWITCH_GAIN) || then->metric == 0)
		return best;
	return current;
}
