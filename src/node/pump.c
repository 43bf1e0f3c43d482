// SPDX-License-Identifier: Apache-2.0
/*
 * The pump: carries the router's outputs to FIB, lane and waiting packets, and the lane's events to the router.
 *
 * TLVs are pulled from the router only as far as a peer's credit reaches, so that what waits for a slow peer waits in the
 * router as marks, not here or in the lane as bytes.
 */
#include "node/node_internal.h"

enum {
	EVENTS_PER_ROUND = 4096,	/* then timers and other descriptors get their turn */
	OUTBOUND_KINDS = 1u << PARCEL_EGRESS | 1u << PARCEL_TRANSIT,
	ALL_KINDS = OUTBOUND_KINDS | 1u << PARCEL_INGRESS,
};

/* ---- waiting packets --------------------------------------------------------------------------------------------- */

static void make_ready(struct node *node, struct parcel *first)
{
	*node->ready_tail = first;
	while (*node->ready_tail != NULL)
		node->ready_tail = &(*node->ready_tail)->next;
}

/* Their search ended in nothing: the local host hears of it, others do not. */
static void give_up_waiting(struct node *node, struct parcel *first)
{
	while (first != NULL) {
		struct parcel *next = first->next;
		if (first->kind == PARCEL_EGRESS)
			lanes_refuse(node->lanes, first);
		else
			parcel_free(first);
		first = next;
	}
}

/* Makes the secret with the owner of an address available to the lanes. Returns whether it is, and with a next hop when
 * one is asked for. */
static bool provide_key(struct node *node, const struct ip6 *address, bool with_next_hop)
{
	struct public_key key;
	struct subnet subnet;
	if (router_public_key(node->router, address, &subnet, &key) && keyring_provide(node->keyring, &subnet, &key) != 0)
		return false;
	const struct fib_route *route = fib_lookup(node->fib, address);
	return route != NULL && route->secret != NULL && (!with_next_hop || route->peer != FIB_NO_PEER);
}

static bool has_next_hop(struct node *node, const struct ip6 *address)
{
	const struct fib_route *route = fib_lookup(node->fib, address);
	return route != NULL && route->peer != FIB_NO_PEER;
}

/* A packet that needs a route to its destination. */
static void handle_outbound(struct node *node, struct parcel *parcel, uint64_t now_ms)
{
	const struct ip6 *destination = &parcel->destination;
	bool local = parcel->kind == PARCEL_EGRESS;
	enum route_answer answer =
		router_need_route(node->router, destination, local ? NEED_SEND : NEED_FORWARD, now_ms);
	if (answer == ROUTE_SEARCHING)
		wait_add(node->wait, destination, parcel, router_query_deadline(node->router, destination), now_ms);
	else if (answer == ROUTE_READY &&
		 (local ? provide_key(node, destination, true) : has_next_hop(node, destination)))
		lanes_retry(node->lanes, parcel);
	else
		lanes_refuse(node->lanes, parcel);
}

/* A packet for this node whose sender's key is needed. */
static void handle_inbound(struct node *node, struct parcel *parcel, uint64_t now_ms)
{
	enum route_answer answer = router_need_route(node->router, &parcel->source, NEED_KEY, now_ms);
	if (answer == ROUTE_SEARCHING)
		wait_add(node->wait, &parcel->source, parcel, router_query_deadline(node->router, &parcel->source), now_ms);
	else if (answer == ROUTE_READY && provide_key(node, &parcel->source, false))
		lanes_retry(node->lanes, parcel);
	else
		parcel_free(parcel);
}

static void handle_parcel(struct node *node, struct parcel *parcel, uint64_t now_ms)
{
	if (parcel->kind == PARCEL_INGRESS)
		handle_inbound(node, parcel, now_ms);
	else if (parcel->kind != PARCEL_REPORT)
		handle_outbound(node, parcel, now_ms);
	else if (provide_key(node, &parcel->source, true))
		lanes_retry(node->lanes, parcel);
	else
		parcel_free(parcel);
}

static void handle_ready(struct node *node, uint64_t now_ms)
{
	struct parcel *first = node->ready;
	node->ready = NULL;
	node->ready_tail = &node->ready;
	while (first != NULL) {
		struct parcel *next = first->next;
		handle_parcel(node, first, now_ms);
		first = next;
	}
}

/* ---- the router's events ----------------------------------------------------------------------------------------- */

static void route_set(struct node *node, const struct router_event *event)
{
	char text[SUBNET_TEXT_SIZE];
	keyring_note_key(node->keyring, &event->subnet, &event->key);
	int error = fib_set_route(node->fib, &event->subnet, event->peer, event->expires_ms);
	if (error != 0)
		log_debug("router", "No room for the route to %s", subnet_text(&event->subnet, text));
	else if (event->acquired)
		log_debug("router", "Acquired the route to %s", subnet_text(&event->subnet, text));
	make_ready(node, wait_take(node->wait, &event->subnet, ALL_KINDS));
}

static void route_gone(struct node *node, const struct router_event *event)
{
	char text[SUBNET_TEXT_SIZE];
	fib_clear_route(node->fib, &event->subnet);
	log_debug("router", "Lost the route to %s", subnet_text(&event->subnet, text));
}

static void peer_dead(struct node *node, const struct router_event *event)
{
	struct connection *connection = connection_of_peer(node, event->peer);
	if (connection == NULL)
		return;
	log_info("peers", "%s is silent, closing the connection", connection->name);
	lanes_close_link(node->lanes, event->peer);
}

static void take_router_events(struct node *node)
{
	struct router_event event;
	while (router_next_event(node->router, &event)) {
		switch (event.type) {
		case ROUTER_ROUTE_SET:
			route_set(node, &event);
			break;
		case ROUTER_ROUTE_GONE:
			route_gone(node, &event);
			break;
		case ROUTER_QUERY_EXPIRED:
			give_up_waiting(node, wait_take(node->wait, &event.subnet, ALL_KINDS));
			break;
		case ROUTER_PEER_DEAD:
			peer_dead(node, &event);
			break;
		}
	}
}

static void send_tlvs(struct node *node, uint64_t now_ms)
{
	uint32_t peer;
	struct tlv tlv;
	uint8_t frame[TLV_FRAME_SIZE_MAX];
	while (lanes_has_room(node->lanes) && (peer = router_next_ready_peer(node->router)) != ROUTER_NO_PEER) {
		struct connection *connection = connection_of_peer(node, peer);
		while (connection != NULL && connection->credit > 0 && lanes_has_room(node->lanes) &&
		       router_next_tlv(node->router, peer, now_ms, &tlv)) {
			size_t len = tlv_write_frame(&tlv, frame);
			if (len == 0)
				continue;
			lanes_send_control(node->lanes, peer, frame, len);
			connection->credit--;
		}
	}
}

/* ---- the lane's events ------------------------------------------------------------------------------------------- */

static void control_sent(struct node *node, const struct lane_event *event)
{
	struct connection *connection = connection_of_peer(node, event->peer);
	if (connection == NULL)
		return;
	connection->credit += event->frames;
	router_peer_writable(node->router, event->peer);
}

static void handle_lane_event(struct node *node, const struct lane_event *event, uint64_t now_ms)
{
	switch (event->type) {
	case LANE_TLV:
		if (event->tlv.type == TLV_UPDATE)
			connection_heard(node, event->peer, &event->tlv.update);
		router_handle_tlv(node->router, event->peer, &event->tlv, now_ms);
		break;
	case LANE_PARCEL:
		take_router_events(node);
		handle_parcel(node, event->parcel, now_ms);
		break;
	case LANE_REFRESH:
		router_refresh_route(node->router, &event->address, now_ms);
		break;
	case LANE_SILENT:
		router_peer_silent(node->router, event->peer, event->unanswered_ms, now_ms);
		break;
	case LANE_CONTROL_SENT:
		control_sent(node, event);
		break;
	case LANE_LINK_OFFERED:
		if (event->offered.ticket != 0)
			dial_offered(node, event);
		else
			listen_offered(node, event);
		break;
	case LANE_DIAL_FAILED:
		dial_failed(node, event);
		break;
	case LANE_LINK_CLOSED:
		connection_closed(node, event);
		break;
	case LANE_TUN_GONE:
		/* Each lane says so. */
		if (node->exit_status != 0)
			break;
		log_error("node", "The interface \"%s\" was removed, stopping", tun_name(node->resources.tun[0]));
		node->exit_status = 1;
		loop_stop(node->loop);
		break;
	}
}

void pump_lane_events(struct node *node)
{
	uint64_t now_ms = loop_now_ms(node->loop);
	router_tick(node->router, now_ms);
	unsigned taken = 0;
	for (struct lane_event *event; taken < EVENTS_PER_ROUND && (event = lanes_next_event(node->lanes)) != NULL; taken++) {
		handle_lane_event(node, event, now_ms);
		lanes_pop_event(node->lanes);
	}
	if (taken == EVENTS_PER_ROUND)
		loop_wake(node->lane_wake);
	lanes_events_taken(node->lanes);
}

void pump(struct node *node)
{
	uint64_t now_ms = loop_now_ms(node->loop);
	router_tick(node->router, now_ms);
	neighbours_tick(node, now_ms);
	peers_tick(node->peers, now_ms);
	connections_act(node);
	take_router_events(node);
	give_up_waiting(node, wait_take_expired(node->wait, now_ms));
	handle_ready(node, now_ms);
	send_tlvs(node, now_ms);
	lanes_commit(node->lanes);
	fib_reclaim(node->fib);

	uint64_t next = router_next_deadline(node->router);
	if (peers_next_deadline(node->peers) < next)
		next = peers_next_deadline(node->peers);
	if (neighbours_next_deadline(node) < next)
		next = neighbours_next_deadline(node);
	if (wait_next_deadline(node->wait) < next)
		next = wait_next_deadline(node->wait);
	if (!lanes_has_room(node->lanes) && now_ms + 1 < next)
		next = now_ms + 1;
	loop_timer_set(node->deadline, next);
}
