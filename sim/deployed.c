// SPDX-License-Identifier: Apache-2.0
#include "sim/deployed.h"

#include <stdlib.h>

#include "base/timers.h"
#include "sim/memory.h"

enum { SWEEP_MS = 60000, LIVENESS_MS = 10000, DEAD_MS = 43000, COST_INITIAL = 1000 };

static void *deployed_start(struct node *node, const struct router_config *config, uint64_t now_ms)
{
	struct deployed *deployed = memory_new(1, sizeof(*deployed));
	deployed->node = node;
	deployed->config = *config;
	deployed->now_ms = deployed->last_bump_ms = now_ms;
	deployed->hello_at_ms = now_ms + HELLO_INTERVAL_MS;
	deployed->own_at_ms = now_ms + UPDATE_INTERVAL_MS;
	deployed->liveness_at_ms = now_ms + LIVENESS_MS;
	deployed->sweep_at_ms = now_ms + SWEEP_MS;
	deployed->subnets = memory_new(WORLD_NODES_MAX, sizeof(*deployed->subnets));
	return deployed;
}

static void deployed_stop(void *speaker)
{
	struct deployed *deployed = speaker;
	for (uint32_t i = 0; i < deployed->subnet_slots; i++) {
		free(deployed->subnets[i].entries);
		free(deployed->subnets[i].sources);
	}
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++)
		free(deployed->peers[slot].queue);
	free(deployed->subnets);
	free(deployed->requests);
	free(deployed->events);
	free(deployed);
}

struct deployed_subnet *deployed_find(struct deployed *deployed, const struct subnet *subnet, uint32_t *ret_number)
{
	const struct node *node = world_find_node(deployed->node->world, &subnet->addr);
	if (node == NULL || node == deployed->node)
		return NULL;
	if (node->index >= deployed->subnet_slots)
		deployed->subnet_slots = node->index + 1;
	*ret_number = node->index;
	return &deployed->subnets[node->index];
}

/* ---- outputs ------------------------------------------------------------------------------------------------------ */

void deployed_send(struct deployed_peer *to, const struct tlv *tlv)
{
	if (to->queue_head > 0 && to->queue_head == to->queue_count)
		to->queue_head = to->queue_count = 0;
	to->queue = memory_grow(to->queue, &to->queue_capacity, to->queue_count + 1, sizeof(*to->queue));
	to->queue[to->queue_count++] = *tlv;
	to->ready = true;
}

void deployed_event(struct deployed *deployed, const struct router_event *event)
{
	if (deployed->event_head == deployed->event_count)
		deployed->event_head = deployed->event_count = 0;
	deployed->events = memory_grow(deployed->events, &deployed->events_capacity, deployed->event_count + 1,
				       sizeof(*deployed->events));
	deployed->events[deployed->event_count++] = *event;
}

static bool deployed_next_event(void *speaker, struct router_event *ret)
{
	struct deployed *deployed = speaker;
	if (deployed->event_head == deployed->event_count)
		return false;
	*ret = deployed->events[deployed->event_head++];
	return true;
}

static uint32_t deployed_next_ready_peer(void *speaker)
{
	struct deployed *deployed = speaker;
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++) {
		struct deployed_peer *peer = &deployed->peers[slot];
		if (!peer->alive || !peer->ready)
			continue;
		peer->ready = false;
		return peer->handle;
	}
	return ROUTER_NO_PEER;
}

static bool deployed_next_tlv(void *speaker, uint32_t handle, uint64_t now_ms, struct tlv *ret)
{
	(void)now_ms;
	struct deployed_peer *peer = deployed_peer(speaker, handle);
	if (peer == NULL || peer->queue_head == peer->queue_count)
		return false;
	*ret = peer->queue[peer->queue_head++];
	return true;
}

/* ---- peers -------------------------------------------------------------------------------------------------------- */

struct deployed_peer *deployed_peer(struct deployed *deployed, uint32_t handle)
{
	struct deployed_peer *peer = &deployed->peers[handle % DEPLOYED_PEERS_MAX];
	return peer->alive && peer->handle == handle ? peer : NULL;
}

uint16_t deployed_cost(struct deployed *deployed, uint32_t handle)
{
	const struct deployed_peer *peer = deployed_peer(deployed, handle);
	if (peer == NULL)
		return METRIC_INFINITE;
	uint32_t cost = (uint32_t)peer->dynamic_cost + peer->static_cost;
	return cost < METRIC_MAX ? (uint16_t)cost : METRIC_MAX;
}

static void send_route_requests_to_newcomer(struct deployed *deployed, struct deployed_peer *peer)
{
	for (uint32_t number = 0; number < deployed->subnet_slots; number++) {
		if (deployed->subnets[number].query_deadline_ms == 0)
			continue;
		struct tlv tlv = {.type = TLV_ROUTE_REQUEST, .route_request = {.prefix = {.encoding = AE_IPV6}}};
		tlv.route_request.prefix.subnet = subnet64_of(&deployed->node->world->nodes[number]->address);
		deployed_send(peer, &tlv);
	}
}

/* A slot rests while an entry, or a record of a request, may still mean its last peer. */
static uint32_t free_slot(const struct deployed *deployed)
{
	uint32_t slot = deployed->peer_slots;
	if (slot < DEPLOYED_PEERS_MAX)
		return slot;
	for (slot = 0; slot < DEPLOYED_PEERS_MAX && deployed->peers[slot].alive; slot++)
		;
	return slot;
}

static void forget_slot(struct deployed *deployed, uint32_t slot)
{
	for (size_t i = 0; i < deployed->request_count; i++) {
		peer_set_remove(&deployed->requests[i].requesters, slot);
		peer_set_remove(&deployed->requests[i].targets, slot);
	}
}

static uint32_t deployed_add_peer(void *speaker, uint16_t static_cost, uint64_t now_ms)
{
	struct deployed *deployed = speaker;
	uint32_t slot = free_slot(deployed);
	if (slot == DEPLOYED_PEERS_MAX)
		return ROUTER_NO_PEER;
	if (slot == deployed->peer_slots)
		deployed->peer_slots++;
	forget_slot(deployed, slot);
	struct deployed_peer *peer = &deployed->peers[slot];
	free(peer->queue);
	*peer = (struct deployed_peer){
		.handle = (uint32_t)++deployed->generation << 16 | slot,
		.alive = true,
		.static_cost = static_cost,
		.dynamic_cost = COST_INITIAL,
		.hello_sent_ms = now_ms,
		.ihu_received_ms = now_ms,
	};
	deployed_announce_own(deployed, peer);
	send_route_requests_to_newcomer(deployed, peer);
	return peer->handle;
}

static void deployed_peers_died(void *speaker, const uint32_t *peers, size_t count, uint64_t now_ms)
{
	struct deployed *deployed = speaker;
	struct peer_set dead = {0};
	deployed->now_ms = now_ms;
	for (size_t i = 0; i < count; i++) {
		struct deployed_peer *peer = deployed_peer(deployed, peers[i]);
		if (peer == NULL)
			continue;
		peer->alive = false;
		peer_set_add(&dead, peer->handle);
	}
	deployed_bury(deployed, &dead);
}

static void deployed_peer_writable(void *speaker, uint32_t handle)
{
	struct deployed_peer *peer = deployed_peer(speaker, handle);
	if (peer != NULL)
		peer->ready = true;
}

static void check_liveness(struct deployed *deployed)
{
	struct peer_set dead = {0};
	bool any = false;
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++) {
		struct deployed_peer *peer = &deployed->peers[slot];
		if (!peer->alive || deployed->now_ms - peer->ihu_received_ms <= DEAD_MS)
			continue;
		peer->alive = false;
		peer_set_add(&dead, peer->handle);
		deployed_event(deployed, &(struct router_event){.type = ROUTER_PEER_DEAD, .peer = peer->handle});
		any = true;
	}
	if (any)
		deployed_bury(deployed, &dead);
}

static void send_hellos(struct deployed *deployed)
{
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++) {
		struct deployed_peer *peer = &deployed->peers[slot];
		if (!peer->alive)
			continue;
		struct tlv tlv = {
			.type = TLV_HELLO,
			.hello = {.flags = 0x8000, .seqno = peer->hello_seqno++, .interval_cs = HELLO_INTERVAL_CS}};
		peer->hello_sent_ms = deployed->now_ms;
		deployed_send(peer, &tlv);
	}
}

/* Any IHU is a sample, one in ten of the cost. */
static void handle_ihu(const struct deployed *deployed, struct deployed_peer *from)
{
	uint16_t sample = (uint16_t)(deployed->now_ms - from->hello_sent_ms);
	from->dynamic_cost = (uint16_t)((9u * from->dynamic_cost + sample) / 10u);
	from->ihu_received_ms = deployed->now_ms;
}

static void handle_hello(struct deployed *deployed, struct deployed_peer *from)
{
	struct tlv tlv = {.type = TLV_IHU,
			  .ihu = {.rx_cost = deployed_cost(deployed, from->handle), .interval_cs = IHU_INTERVAL_CS}};
	deployed_send(from, &tlv);
}

static void deployed_handle_tlv(void *speaker, uint32_t handle, const struct tlv *tlv, uint64_t now_ms)
{
	struct deployed *deployed = speaker;
	struct deployed_peer *from = deployed_peer(deployed, handle);
	deployed->now_ms = now_ms;
	if (from == NULL)
		return;
	switch (tlv->type) {
	case TLV_HELLO:
		handle_hello(deployed, from);
		break;
	case TLV_IHU:
		handle_ihu(deployed, from);
		break;
	case TLV_UPDATE:
		deployed_handle_update(deployed, from, &tlv->update);
		break;
	case TLV_ROUTE_REQUEST:
		deployed_handle_route_request(deployed, from, &tlv->route_request);
		break;
	case TLV_SEQNO_REQUEST:
		deployed_handle_seqno_request(deployed, from, &tlv->seqno_request);
		break;
	}
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static uint64_t deployed_next_deadline(const void *speaker)
{
	const struct deployed *deployed = speaker;
	uint64_t next_ms = earlier(earlier(deployed->hello_at_ms, deployed->own_at_ms),
				   earlier(deployed->liveness_at_ms, deployed->sweep_at_ms));
	for (uint32_t number = 0; number < deployed->subnet_slots; number++) {
		const struct deployed_subnet *subnet = &deployed->subnets[number];
		if (subnet->query_deadline_ms != 0)
			next_ms = earlier(next_ms, subnet->query_deadline_ms);
		for (size_t i = 0; i < subnet->count; i++)
			next_ms = earlier(next_ms, subnet->entries[i].expires_ms);
	}
	return next_ms;
}

/* Intervals that were slept through are not made up for. */
static bool is_due(uint64_t *at_ms, uint64_t interval_ms, uint64_t now_ms)
{
	if (*at_ms > now_ms)
		return false;
	*at_ms += (1 + (now_ms - *at_ms) / interval_ms) * interval_ms;
	return true;
}

static void deployed_tick(void *speaker, uint64_t now_ms)
{
	struct deployed *deployed = speaker;
	if (deployed_next_deadline(deployed) > now_ms)
		return;
	deployed->now_ms = now_ms;
	if (is_due(&deployed->liveness_at_ms, LIVENESS_MS, now_ms))
		check_liveness(deployed);
	for (uint32_t number = 0; number < deployed->subnet_slots; number++)
		deployed_expire(deployed, number);
	if (is_due(&deployed->sweep_at_ms, SWEEP_MS, now_ms))
		deployed_sweep_requests(deployed);
	if (is_due(&deployed->own_at_ms, UPDATE_INTERVAL_MS, now_ms))
		deployed_announce_own(deployed, NULL);
	if (is_due(&deployed->hello_at_ms, HELLO_INTERVAL_MS, now_ms))
		send_hellos(deployed);
}

/* ---- needs -------------------------------------------------------------------------------------------------------- */

static enum route_answer deployed_need_route(void *speaker, const struct ip6 *address, enum route_need need,
					     uint64_t now_ms)
{
	struct deployed *deployed = speaker;
	struct subnet wanted = subnet64_of(address);
	uint32_t number;
	struct deployed_subnet *subnet = deployed_find(deployed, &wanted, &number);
	deployed->now_ms = now_ms;
	if (subnet == NULL)
		return ROUTE_NONE;
	if (subnet->is_selected || (need == NEED_KEY && subnet->count > 0))
		return ROUTE_READY;
	if (subnet->count > 0) {
		struct router_id id = subnet->entries[0].id;
		if (need == NEED_SEND)
			deployed_ask_seqno(deployed, number, &id, NULL);
		return ROUTE_NONE;
	}
	if (subnet->query_deadline_ms == 0)
		deployed_search(deployed, number);
	return ROUTE_SEARCHING;
}

static void deployed_refresh_route(void *speaker, const struct ip6 *address, uint64_t now_ms)
{
	struct deployed *deployed = speaker;
	struct subnet wanted = subnet64_of(address);
	uint32_t number;
	deployed->now_ms = now_ms;
	if (deployed_find(deployed, &wanted, &number) != NULL)
		deployed_search(deployed, number);
}

static uint32_t deployed_next_hop(const void *speaker, const struct ip6 *destination)
{
	const struct deployed *deployed = speaker;
	const struct node *node = world_find_node(deployed->node->world, destination);
	if (node == NULL || node->index >= deployed->subnet_slots)
		return ROUTER_NO_PEER;
	const struct deployed_subnet *subnet = &deployed->subnets[node->index];
	return subnet->is_selected ? subnet->entries[0].peer : ROUTER_NO_PEER;
}

static uint64_t deployed_query_deadline(const void *speaker, const struct ip6 *address)
{
	const struct deployed *deployed = speaker;
	const struct node *node = world_find_node(deployed->node->world, address);
	return node != NULL ? deployed->subnets[node->index].query_deadline_ms : 0;
}

static bool deployed_selected_source(const void *speaker, const struct subnet *subnet, struct router_id *ret)
{
	const struct deployed *deployed = speaker;
	const struct node *node = world_find_node(deployed->node->world, &subnet->addr);
	if (node == NULL || !deployed->subnets[node->index].is_selected)
		return false;
	*ret = deployed->subnets[node->index].entries[0].id;
	return true;
}

static size_t deployed_entry_count(const void *speaker)
{
	const struct deployed *deployed = speaker;
	size_t count = 0;
	for (uint32_t number = 0; number < deployed->subnet_slots; number++)
		count += deployed->subnets[number].count;
	return count;
}

const struct speaker_ops speaker_deployed = {
	.name = "deployed",
	.is_honest = true,
	.start = deployed_start,
	.stop = deployed_stop,
	.add_peer = deployed_add_peer,
	.peers_died = deployed_peers_died,
	.peer_writable = deployed_peer_writable,
	.handle_tlv = deployed_handle_tlv,
	.tick = deployed_tick,
	.next_deadline = deployed_next_deadline,
	.need_route = deployed_need_route,
	.refresh_route = deployed_refresh_route,
	.next_event = deployed_next_event,
	.next_ready_peer = deployed_next_ready_peer,
	.next_tlv = deployed_next_tlv,
	.next_hop = deployed_next_hop,
	.query_deadline = deployed_query_deadline,
	.selected_source = deployed_selected_source,
	.entry_count = deployed_entry_count,
};
