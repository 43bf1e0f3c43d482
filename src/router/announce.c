// SPDX-License-Identifier: Apache-2.0
/* Announcements: what is due to whom, and the Updates themselves, built at the moment they leave. */
#include "router/internal.h"

void announce_trigger(struct router *router, uint32_t handle, uint32_t before)
{
	struct destination *destination = destination_at(router, handle);
	uint32_t selected = destination_selected(destination);
	destination->announced_metric = selected != 0 ? entry_at(router, selected)->metric : METRIC_INFINITE;
	router->counters.triggered_updates++;
	bool other_source = selected != 0 && before != 0 && entry_at(router, selected)->originator != before;
	journal_mark(router, handle, other_source);
}

void announce_answer(struct router *router, struct neighbour *neighbour, uint32_t destination, bool even_next_hop)
{
	struct fifo *answers = &neighbour->answers;
	for (uint32_t place = 0; place < answers->count; place++) {
		struct answer *answer = fifo_at(answers, place);
		if (answer->destination == destination) {
			answer->even_next_hop |= even_next_hop;
			return;
		}
	}
	struct answer answer = {.destination = destination, .even_next_hop = even_next_hop};
	if (!fifo_push(answers, &answer)) {
		router->counters.dropped_over_budget++;
		return;
	}
	destination_hold(router, destination);
	neighbour_wake(router, neighbour);
}

void announce_own(struct router *router, struct neighbour *neighbour)
{
	if (neighbour != NULL) {
		neighbour->own_due = true;
		neighbour_wake(router, neighbour);
		return;
	}
	list_foreach(&router->alive, node, next)
		container_of(node, struct neighbour, life_node)->own_due = true;
	neighbours_wake(router);
}

static struct tlv make_update(const struct subnet *subnet, uint16_t metric, uint16_t seqno, const struct router_id *id)
{
	return (struct tlv){.type = TLV_UPDATE,
			    .update = {.interval_cs = UPDATE_INTERVAL_CS,
				       .seqno = seqno,
				       .metric = metric,
				       .prefix = {.encoding = AE_IPV6, .subnet = *subnet},
				       .router_id = *id}};
}

bool announce_build_route(struct router *router, const struct neighbour *neighbour, uint32_t destination,
			  bool even_next_hop, struct tlv *ret)
{
	uint32_t selected = destination_selected(destination_at(router, destination));
	if (selected == 0)
		return false;
	const struct entry *entry = entry_at(router, selected);
	uint16_t total = entry_total(router, entry);
	bool is_next_hop = entry->neighbour == (uint16_t)neighbour->handle;
	if ((is_next_hop && !even_next_hop) || total >= METRIC_MAX)
		return false;
	/* The source table first: what is announced binds us from now on. */
	if (!source_note(router, destination, entry->originator, total, entry->seqno))
		return false;
	struct subnet subnet = destination_subnet(router, destination);
	*ret = make_update(&subnet, total, entry->seqno, &originator_at(router, entry->originator)->id);
	return true;
}

void announce_build_retraction(struct router *router, uint32_t destination, struct tlv *ret)
{
	struct subnet subnet = destination_subnet(router, destination);
	*ret = make_update(&subnet, METRIC_INFINITE, router->seqno, &router->id);
}

void announce_build_own(const struct router *router, struct tlv *ret)
{
	*ret = make_update(&router->own, 0, router->seqno, &router->id);
}
