// SPDX-License-Identifier: Apache-2.0
/*
 * What leaves towards a peer, and in which order. Nothing is kept as bytes: short lists of requests, flags, and places
 * in the journals, from which the next TLV is built when the peer's connection has room for it.
 */
#include "router/internal.h"

void outgoing_route_request(struct router *router, struct neighbour *to, uint64_t upper, uint8_t generation,
			    bool is_probe)
{
	struct pending_route_request request = {.upper = upper, .generation = generation, .is_probe = is_probe};
	if (fifo_push(&to->route_requests, &request))
		neighbour_wake(router, to);
	else
		router->counters.dropped_over_budget++;
}

void outgoing_seqno_request(struct router *router, struct neighbour *to, const struct pending_seqno_request *request)
{
	if (!fifo_push(&to->seqno_requests, request)) {
		router->counters.dropped_over_budget++;
		return;
	}
	destination_hold(router, request->destination);
	originator_retain(router, request->originator);
	neighbour_wake(router, to);
}

static void release_seqno_request(struct router *router, const struct pending_seqno_request *request)
{
	originator_forget(router, request->originator);
	destination_unhold(router, request->destination);
}

void outgoing_clear(struct router *router, struct neighbour *neighbour)
{
	struct answer answer;
	while (fifo_pop(&neighbour->answers, &answer))
		destination_unhold(router, answer.destination);
	struct pending_seqno_request request;
	while (fifo_pop(&neighbour->seqno_requests, &request))
		release_seqno_request(router, &request);
	fifo_release(&neighbour->answers);
	fifo_release(&neighbour->seqno_requests);
	fifo_release(&neighbour->route_requests);
}

static bool next_ihu(struct router *router, struct neighbour *to, struct tlv *ret)
{
	(void)router;
	if (!to->ihu_due)
		return false;
	to->ihu_due = false;
	*ret = (struct tlv){
		.type = TLV_IHU,
		.ihu = {.rx_cost = neighbour_link_cost(to), .interval_cs = IHU_INTERVAL_CS, .encoding = AE_WILDCARD}};
	return true;
}

static bool next_hello(struct router *router, struct neighbour *to, struct tlv *ret)
{
	if (!to->hello_due)
		return false;
	to->hello_due = false;
	neighbour_note_hello(router, to);
	*ret = (struct tlv){
		.type = TLV_HELLO,
		.hello = {.flags = HELLO_UNICAST, .seqno = to->hello_seqno++, .interval_cs = HELLO_INTERVAL_CS}};
	return true;
}

static bool next_retraction(struct router *router, struct neighbour *to, struct tlv *ret)
{
	uint32_t destination = journal_peek(router, JOURNAL_RETRACTIONS, to);
	if (destination == 0)
		return false;
	announce_build_retraction(router, destination, ret);
	router->counters.retractions_sent++;
	journal_advance(router, JOURNAL_RETRACTIONS, to);
	return true;
}

static bool next_answer(struct router *router, struct neighbour *to, struct tlv *ret)
{
	struct answer answer;
	bool built = false;
	while (!built && fifo_pop(&to->answers, &answer)) {
		built = announce_build_route(router, to, answer.destination, answer.even_next_hop, ret);
		destination_unhold(router, answer.destination);
	}
	return built;
}

static bool next_seqno_request(struct router *router, struct neighbour *to, struct tlv *ret)
{
	struct pending_seqno_request request;
	if (!fifo_pop(&to->seqno_requests, &request))
		return false;
	struct subnet subnet = destination_subnet(router, request.destination);
	*ret = (struct tlv){.type = TLV_SEQNO_REQUEST,
			    .seqno_request = {.seqno = request.seqno,
					      .hop_count = request.hop_count,
					      .router_id = originator_at(router, request.originator)->id,
					      .prefix = {.encoding = AE_IPV6, .subnet = subnet}}};
	release_seqno_request(router, &request);
	return true;
}

static bool next_route_request(struct router *router, struct neighbour *to, struct tlv *ret)
{
	struct pending_route_request request;
	while (fifo_pop(&to->route_requests, &request)) {
		if (!request.is_probe && query_find(router, request.upper) == NULL)
			continue; /* found or given up while it waited */
		struct subnet subnet = {.addr = ip6_from_upper64(request.upper), .len = 64};
		*ret = (struct tlv){.type = TLV_ROUTE_REQUEST,
				    .route_request = {.generation = request.generation,
						      .prefix = {.encoding = AE_IPV6, .subnet = subnet}}};
		return true;
	}
	return false;
}

static bool next_own(struct router *router, struct neighbour *to, struct tlv *ret)
{
	if (!to->own_due)
		return false;
	to->own_due = false;
	announce_build_own(router, ret);
	return true;
}

/*
 * The next hop is not told of the route: feasibility keeps it from using what we announced before. But feasibility
 * compares within one source only. When the route's source was restarted, the next hop may still hold our announcement
 * of the old one, take it for a way back through us, and the two of us would point at each other. Then it is told that
 * we have nothing for it.
 */
static bool poison_next_hop(struct router *router, const struct neighbour *to, uint32_t destination, struct tlv *ret)
{
	const struct destination *record = destination_at(router, destination);
	uint32_t selected = destination_selected(record);
	if (selected == 0 || !(record->flags & DESTINATION_UNTOLD) ||
	    entry_at(router, selected)->neighbour != (uint16_t)to->handle)
		return false;
	announce_build_retraction(router, destination, ret);
	router->counters.retractions_sent++;
	return true;
}

static bool next_update(struct router *router, struct neighbour *to, struct tlv *ret)
{
	bool built = false;
	for (uint32_t destination; !built && (destination = journal_peek(router, JOURNAL_UPDATES, to)) != 0;) {
		built = announce_build_route(router, to, destination, false, ret) ||
			poison_next_hop(router, to, destination, ret);
		journal_advance(router, JOURNAL_UPDATES, to);
	}
	return built;
}

static bool next_of_dump(struct router *router, struct neighbour *to, struct tlv *ret)
{
	while (to->dump_due) {
		uint32_t destination = to->dump_place++;
		if (destination >= router->destinations.fresh)
			to->dump_due = false;
		else if (announce_build_route(router, to, destination, false, ret))
			return true;
	}
	return false;
}

/* Who we are (a connection begins with it), liveness, what may save packets, answers somebody waits for, news. */
static bool (*const next_by_urgency[])(struct router *, struct neighbour *, struct tlv *) = {
	next_own,           next_ihu,           next_hello,  next_retraction, next_answer,
	next_seqno_request, next_route_request, next_update, next_of_dump,
};

bool router_next_tlv(struct router *router, uint32_t peer, uint64_t now_ms, struct tlv *ret)
{
	struct neighbour *to = neighbour_find(router, peer);
	if (to == NULL)
		return false;
	if (now_ms > router->now_ms)
		router->now_ms = now_ms;
	for (size_t i = 0; i < sizeof(next_by_urgency) / sizeof(next_by_urgency[0]); i++)
		if (next_by_urgency[i](router, to, ret)) {
			router->counters.sent[ret->type]++;
			return true;
		}
	to->attention = PEER_IDLE;
	list_remove(&to->attention_node);
	list_append(&router->idle, &to->attention_node);
	return false;
}

uint32_t router_next_ready_peer(struct router *router)
{
	struct list *node = list_pop(&router->ready);
	if (node == NULL)
		return ROUTER_NO_PEER;
	struct neighbour *neighbour = container_of(node, struct neighbour, attention_node);
	neighbour->attention = PEER_OFFERED;
	return neighbour->handle;
}

/* Whether anything is due shows when the peer is read. */
void router_peer_writable(struct router *router, uint32_t peer)
{
	struct neighbour *neighbour = neighbour_find(router, peer);
	if (neighbour == NULL || neighbour->attention != PEER_OFFERED)
		return;
	neighbour->attention = PEER_READY;
	list_append(&router->ready, &neighbour->attention_node);
}
