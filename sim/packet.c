// SPDX-License-Identifier: Apache-2.0
#include "sim/packet.h"

#include <assert.h>

#include "base/bytes.h"
#include "sim/flow.h"
#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"
#include "sim/waiting.h"

enum { BODY_SIZE = 8, PACKET_FRAME_SIZE = DATA_FRAME_HEADER_SIZE + BODY_SIZE };

void packet_set_state(struct world *world, size_t number, enum packet_state state)
{
	struct traffic *traffic = &world->traffic;
	struct packet *packet = &traffic->packets[number];
	assert(packet->state == PACKET_TRAVELS || packet->state == PACKET_WAITS);
	traffic->count[packet->state]--;
	traffic->count[state]++;
	packet->state = state;
	if (state == PACKET_TRAVELS || state == PACKET_WAITS)
		return;
	packet->done_ms = world->now_ms;
	if (packet->flow != NO_FLOW)
		flow_note_end(world, traffic->flows[packet->flow], packet);
}

/* A connection that a route leads to but that is gone is a broken invariant. */
static void packet_transmit(struct node *node, size_t number, uint32_t peer, uint8_t hop_limit)
{
	struct world *world = node->world;
	const struct packet *packet = &world->traffic.packets[number];
	struct link_end *end = node_end(node, peer);
	if (end == NULL) {
		world_break(world, node, "a packet was routed to a peer that is not connected");
		return;
	}
	uint8_t frame[PACKET_FRAME_SIZE];
	frame_write_data_header(frame, &world->nodes[packet->source]->address, &packet->destination, hop_limit,
				BODY_SIZE);
	struct writer body = writer_init(frame + DATA_FRAME_HEADER_SIZE, BODY_SIZE);
	write_u64(&body, number);
	link_send_data(end, frame, sizeof(frame));
}

/* There is no usable entry in the forwarding table. */
static void packet_ask_router(struct node *node, size_t number, uint8_t hop_limit)
{
	struct world *world = node->world;
	const struct packet *packet = &world->traffic.packets[number];
	bool is_own = packet->source == node->index;
	struct ip6 destination = packet->destination;
	switch (node->ops->need_route(node->speaker, &destination, is_own ? NEED_SEND : NEED_FORWARD, node_now_ms(node))) {
	case ROUTE_READY:
		packet_transmit(node, number, node->ops->next_hop(node->speaker, &destination), hop_limit);
		break;
	case ROUTE_SEARCHING:
		waiting_add(node, number, WAITING_FOR_ROUTE, &destination, hop_limit);
		break;
	case ROUTE_NONE:
		packet_set_state(world, number, is_own ? PACKET_REFUSED : PACKET_LOST);
		break;
	}
	node_settle(node);
}

/* A packet whose hop limit this node has already counted. */
static void packet_route(struct node *node, size_t number, uint8_t hop_limit)
{
	struct world *world = node->world;
	struct ip6 destination = world->traffic.packets[number].destination;
	const struct node *target = world_find_node(world, &destination);
	const struct fib_entry *entry = target != NULL ? node_fib(node, target->index) : NULL;
	if (entry == NULL || !entry->present) {
		packet_ask_router(node, number, hop_limit);
		return;
	}
	packet_transmit(node, number, entry->peer, hop_limit);
	if (entry->expires_ms < node_now_ms(node) + REFRESH_BEFORE_MS) {
		node->ops->refresh_route(node->speaker, &destination, node_now_ms(node));
		node_settle(node);
	}
}

void packet_continue(struct node *node, size_t number, uint8_t hop_limit)
{
	const struct node *target = world_find_node(node->world, &node->world->traffic.packets[number].destination);
	const struct fib_entry *entry = target != NULL ? node_fib(node, target->index) : NULL;
	packet_set_state(node->world, number, PACKET_TRAVELS);
	if (entry != NULL && entry->present)
		packet_transmit(node, number, entry->peer, hop_limit);
}

size_t packet_send(struct node *source, const struct ip6 *destination, uint32_t flow)
{
	struct world *world = source->world;
	struct traffic *traffic = &world->traffic;
	size_t number = traffic->packet_count++;
	traffic->packets = memory_grow(traffic->packets, &traffic->packets_capacity, traffic->packet_count,
				       sizeof(*traffic->packets));
	traffic->packets[number] = (struct packet){
		.flow = flow,
		.source = source->index,
		.destination = *destination,
		.sent_ms = world->now_ms,
		.state = PACKET_TRAVELS,
	};
	traffic->count[PACKET_TRAVELS]++;
	node_advance(source);
	packet_route(source, number, HOP_LIMIT_INITIAL - 1);
	return number;
}

/* The destination needs the sender's key before it can open the packet. */
static void packet_open(struct node *node, size_t number)
{
	struct world *world = node->world;
	struct node *source = world->nodes[world->traffic.packets[number].source];
	if (node_fib(node, source->index)->key_known) {
		packet_set_state(world, number, PACKET_DELIVERED);
		return;
	}
	switch (node->ops->need_route(node->speaker, &source->address, NEED_KEY, node_now_ms(node))) {
	case ROUTE_READY:
		packet_set_state(world, number, PACKET_DELIVERED);
		break;
	case ROUTE_SEARCHING:
		waiting_add(node, number, WAITING_FOR_KEY, &source->address, 0);
		break;
	case ROUTE_NONE:
		packet_set_state(world, number, PACKET_LOST);
		break;
	}
	node_settle(node);
}

static size_t frame_packet(const uint8_t *frame)
{
	struct reader body = reader_init(frame + DATA_FRAME_HEADER_SIZE, BODY_SIZE);
	return (size_t)read_u64(&body);
}

void packet_receive(struct node *node, struct frame *frame)
{
	size_t number = frame_packet(frame->bytes);
	struct ip6 destination = frame_destination(frame);
	uint8_t hop_limit = frame_hop_limit(frame);
	node_advance(node);
	/* Every node counts, the destination included. */
	if (hop_limit < 2)
		packet_set_state(node->world, number, PACKET_EXPIRED);
	else if (ip6_upper64(&destination) == node->upper64)
		packet_open(node, number);
	else
		packet_route(node, number, (uint8_t)(hop_limit - 1));
}

void packet_frame_lost(struct world *world, const uint8_t *frame, size_t len)
{
	assert(len == PACKET_FRAME_SIZE);
	packet_set_state(world, frame_packet(frame), PACKET_LOST);
}
