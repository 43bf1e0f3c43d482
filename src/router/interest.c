// SPDX-License-Identifier: Apache-2.0
/*
 * Peers that asked for a destination in vain: nothing was selected, or the peer itself was the next hop.
 *
 * A route that is acquired is announced to everybody. But when the next hop changes without a word to all, the old one
 * may need our route now and will not ask again while its search runs; so it is remembered that long.
 */
#include "router/internal.h"

void interest_add(struct router *router, uint32_t destination, uint32_t peer)
{
	struct destination *record = destination_at(router, destination);
	if (record->flags & DESTINATION_INTEREST) {
		for (uint32_t place = 0; place < router->interests.count; place++) {
			const struct interest *other = fifo_at(&router->interests, place);
			if (other->destination == destination && other->peer == peer)
				return;
		}
	}
	struct interest interest = {
		.destination = destination, .peer = peer, .until_ms = router->now_ms + INTEREST_LIFE_MS};
	if (!fifo_push(&router->interests, &interest)) {
		router->counters.dropped_over_budget++;
		return;
	}
	destination_hold(router, destination);
	record->flags |= DESTINATION_INTEREST;
}

void interests_serve(struct router *router, uint32_t destination, bool all_told)
{
	struct destination *record = destination_at(router, destination);
	if (!(record->flags & DESTINATION_INTEREST))
		return;
	uint16_t next_hop = entry_at(router, destination_selected(record))->neighbour;
	bool waiting = false;
	for (uint32_t place = 0; place < router->interests.count; place++) {
		struct interest *interest = fifo_at(&router->interests, place);
		if (interest->destination != destination)
			continue;
		struct neighbour *neighbour = neighbour_find(router, interest->peer);
		if (neighbour != NULL && (uint16_t)interest->peer == next_hop) {
			waiting = true;
			continue;
		}
		if (neighbour != NULL && !all_told)
			announce_answer(router, neighbour, destination, false);
		interest->destination = 0;
		destination_unhold(router, destination);
	}
	if (!waiting)
		record->flags &= (uint8_t)~DESTINATION_INTEREST;
}

uint64_t interests_next_ms(const struct router *router)
{
	if (router->interests.count == 0)
		return UINT64_MAX;
	const struct interest *first = fifo_at(&router->interests, 0);
	return first->until_ms;
}

void interests_expire(struct router *router, uint64_t at_ms)
{
	struct interest interest;
	while (interests_next_ms(router) <= at_ms) {
		fifo_pop(&router->interests, &interest);
		if (interest.destination != 0)
			destination_unhold(router, interest.destination);
	}
}
