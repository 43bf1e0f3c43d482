// SPDX-License-Identifier: Apache-2.0
#include "sim/deployed.h"
#include "sim/memory.h"

enum { SUPPRESS_MS = 60000, BUMP_MIN_MS = 4000 };

/* ---- seqno requests ----------------------------------------------------------------------------------------------- */

struct deployed_seqno_request *deployed_seqno_request(struct deployed *deployed, uint32_t number,
						      const struct router_id *id, uint16_t seqno)
{
	for (size_t i = 0; i < deployed->request_count; i++) {
		struct deployed_seqno_request *request = &deployed->requests[i];
		if (request->subnet == number && request->seqno == seqno && router_id_equal(&request->id, id))
			return request;
	}
	return NULL;
}

static struct deployed_seqno_request *find_or_make(struct deployed *deployed, uint32_t number,
						   const struct router_id *id, uint16_t seqno)
{
	struct deployed_seqno_request *request = deployed_seqno_request(deployed, number, id, seqno);
	if (request != NULL)
		return request;
	deployed->requests = memory_grow(deployed->requests, &deployed->requests_capacity, deployed->request_count + 1,
					 sizeof(*deployed->requests));
	request = &deployed->requests[deployed->request_count++];
	*request = (struct deployed_seqno_request){
		.subnet = number, .seqno = seqno, .id = *id, .first_ms = deployed->now_ms};
	return request;
}

void deployed_sweep_requests(struct deployed *deployed)
{
	size_t kept = 0;
	for (size_t i = 0; i < deployed->request_count; i++) {
		if (deployed->now_ms - deployed->requests[i].first_ms <= SUPPRESS_MS)
			deployed->requests[kept++] = deployed->requests[i];
	}
	deployed->request_count = kept;
}

static void send_seqno_request(struct deployed *deployed, struct deployed_seqno_request *request,
			       struct deployed_peer *to, uint8_t hops)
{
	struct tlv tlv = {.type = TLV_SEQNO_REQUEST,
			  .seqno_request = {.seqno = request->seqno,
					    .hop_count = hops,
					    .router_id = request->id,
					    .prefix = {.encoding = AE_IPV6}}};
	tlv.seqno_request.prefix.subnet = subnet64_of(&deployed->node->world->nodes[request->subnet]->address);
	deployed_send(to, &tlv);
	peer_set_add(&request->targets, to->handle);
	request->last_ms = deployed->now_ms;
}

void deployed_ask_seqno(struct deployed *deployed, uint32_t number, const struct router_id *id,
			struct deployed_peer *to)
{
	const struct deployed_subnet *subnet = &deployed->subnets[number];
	const struct deployed_source *source = deployed_source(deployed, subnet, id);
	uint16_t seqno = source != NULL ? (uint16_t)(source->seqno + 1) : 1;
	struct deployed_seqno_request *request = find_or_make(deployed, number, id, seqno);
	if (to != NULL) {
		if (!peer_set_has(&request->requesters, to->handle))
			send_seqno_request(deployed, request, to, SEQNO_REQUEST_HOPS);
		return;
	}
	bool lately = request->last_ms != 0 && deployed->now_ms - request->last_ms < DEPLOYED_REPEAT_MS;
	struct peer_set asked = lately ? request->targets : (struct peer_set){0};
	for (size_t i = 0; i < subnet->count; i++) {
		struct deployed_peer *peer = deployed_peer(deployed, subnet->entries[i].peer);
		if (peer != NULL && !peer_set_has(&asked, peer->handle) &&
		    !peer_set_has(&request->requesters, peer->handle))
			send_seqno_request(deployed, request, peer, SEQNO_REQUEST_HOPS);
	}
}

static void bump(struct deployed *deployed)
{
	if (deployed->now_ms - deployed->last_bump_ms < BUMP_MIN_MS)
		return;
	deployed->seqno++;
	deployed->last_bump_ms = deployed->now_ms;
	deployed_announce_own(deployed, NULL);
}

/* The neighbour a request is forwarded to, or NULL. */
static struct deployed_peer *choose_target(struct deployed *deployed, const struct deployed_subnet *subnet,
					   const struct deployed_peer *from, bool feasible)
{
	for (size_t i = 0; i < subnet->count; i++) {
		const struct deployed_entry *entry = &subnet->entries[i];
		struct deployed_peer *peer = deployed_peer(deployed, entry->peer);
		if (peer != NULL && peer != from && entry->metric != METRIC_INFINITE &&
		    (!feasible || deployed_feasible(deployed, subnet, &entry->id, entry->metric, entry->seqno)))
			return peer;
	}
	return NULL;
}

void deployed_handle_seqno_request(struct deployed *deployed, struct deployed_peer *from,
				   const struct tlv_seqno_request *request)
{
	if (subnet_equal(&request->prefix.subnet, &deployed->config.own)) {
		if (router_id_equal(&request->router_id, &deployed->config.id) &&
		    seqno_newer(request->seqno, deployed->seqno))
			bump(deployed);
		return;
	}
	uint32_t number;
	struct deployed_subnet *subnet = deployed_find(deployed, &request->prefix.subnet, &number);
	if (subnet == NULL)
		return;
	const struct deployed_seqno_request *seen =
		deployed_seqno_request(deployed, number, &request->router_id, request->seqno);
	if (seen != NULL && deployed->now_ms - seen->last_ms <= SUPPRESS_MS)
		return;
	const struct deployed_entry *entry = subnet->is_selected ? &subnet->entries[0] : NULL;
	if (entry != NULL && (!router_id_equal(&entry->id, &request->router_id) ||
			      !seqno_older(entry->seqno, request->seqno))) {
		deployed_answer(deployed, number, from,
				metric_add(entry->metric, deployed_cost(deployed, from->handle)));
		return;
	}
	if (request->hop_count < 2)
		return;
	struct deployed_peer *to = choose_target(deployed, subnet, from, true);
	if (to == NULL)
		to = choose_target(deployed, subnet, from, false);
	if (to == NULL)
		return;
	struct deployed_seqno_request *made = find_or_make(deployed, number, &request->router_id, request->seqno);
	send_seqno_request(deployed, made, to, (uint8_t)(request->hop_count - 1));
	peer_set_add(&made->requesters, from->handle);
}

/* ---- route requests ----------------------------------------------------------------------------------------------- */

static void send_route_request(struct deployed *deployed, uint32_t number, uint8_t generation,
			       const struct deployed_peer *except)
{
	struct deployed_subnet *subnet = &deployed->subnets[number];
	struct tlv tlv = {.type = TLV_ROUTE_REQUEST,
			  .route_request = {.generation = generation, .prefix = {.encoding = AE_IPV6}}};
	tlv.route_request.prefix.subnet = subnet64_of(&deployed->node->world->nodes[number]->address);
	bool lately = subnet->asked && deployed->now_ms - subnet->asked_ms <= DEPLOYED_REQUEST_MEMORY_MS;
	if (lately && generation >= subnet->asked_generation)
		return;
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++) {
		struct deployed_peer *peer = &deployed->peers[slot];
		if (peer->alive && peer != except)
			deployed_send(peer, &tlv);
	}
	subnet->asked = true;
	subnet->asked_generation = generation;
	subnet->asked_ms = deployed->now_ms;
}

static void mark_queried(struct deployed *deployed, uint32_t number)
{
	struct deployed_subnet *subnet = &deployed->subnets[number];
	if (subnet->count == 0 && subnet->query_deadline_ms == 0)
		subnet->query_deadline_ms = deployed->now_ms + QUERY_TIMEOUT_MS;
}

void deployed_search(struct deployed *deployed, uint32_t number)
{
	mark_queried(deployed, number);
	send_route_request(deployed, number, 0, NULL);
}

static void answer_wildcard(struct deployed *deployed, struct deployed_peer *from)
{
	for (uint32_t number = 0; number < deployed->subnet_slots; number++) {
		const struct deployed_subnet *subnet = &deployed->subnets[number];
		if (subnet->is_selected && subnet->entries[0].peer != from->handle)
			deployed_answer(deployed, number, from,
					metric_add(subnet->entries[0].metric,
						   deployed_cost(deployed, subnet->entries[0].peer)));
	}
	deployed_announce_own(deployed, from);
}

void deployed_handle_route_request(struct deployed *deployed, struct deployed_peer *from,
				   const struct tlv_route_request *request)
{
	if (request->prefix.encoding == AE_WILDCARD) {
		answer_wildcard(deployed, from);
		return;
	}
	if (subnet_covers(&deployed->config.own, &request->prefix.subnet)) {
		deployed_announce_own(deployed, from);
		return;
	}
	uint32_t number;
	struct deployed_subnet *subnet = deployed_find(deployed, &request->prefix.subnet, &number);
	if (subnet == NULL)
		return;
	if (subnet->count > 0) {
		if (subnet->is_selected && subnet->entries[0].peer != from->handle)
			deployed_answer(deployed, number, from,
					metric_add(subnet->entries[0].metric,
						   deployed_cost(deployed, subnet->entries[0].peer)));
		return;
	}
	if (subnet->query_deadline_ms != 0 || request->generation + 1 >= DEPLOYED_GENERATIONS)
		return;
	mark_queried(deployed, number);
	send_route_request(deployed, number, (uint8_t)(request->generation + 1), from);
}
