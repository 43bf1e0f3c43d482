// SPDX-License-Identifier: Apache-2.0
/*
 * A packet: goes hop by hop as the daemon would send it, in real data frames whose body is its number.
 *
 * Without a route it waits at its node while the router searches; at its destination it waits for the key of its
 * sender.
 */
#ifndef MYCELIUM_SIM_PACKET_H
#define MYCELIUM_SIM_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "wire/frame.h"

enum { HOP_LIMIT_INITIAL = 64 };

#define NO_FLOW UINT32_MAX

struct node;
struct world;

enum packet_state {
	PACKET_TRAVELS,
	PACKET_WAITS, /* at a node, for a route or a key */
	PACKET_DELIVERED,
	PACKET_REFUSED, /* its sender was told "no route" */
	PACKET_LOST, /* on a connection that ended, with a node that ended, or after a search that failed in transit */
	PACKET_EXPIRED, /* its hop limit ran out */
	PACKET_STATES,
};

struct packet {
	uint32_t flow;   /* number of its flow, or NO_FLOW */
	uint32_t source; /* node number */
	struct ip6 destination;
	uint64_t sent_ms;
	uint64_t done_ms; /* delivered, refused, lost or expired */
	enum packet_state state;
};

/* Sends a packet now from a node that is on. Returns its number. */
size_t packet_send(struct node *source, const struct ip6 *destination, uint32_t flow);

/* A data frame reached a node. */
void packet_receive(struct node *node, struct frame *frame);

/* A data frame will not reach anybody. */
void packet_frame_lost(struct world *world, const uint8_t *frame, size_t len);

/* Moves a packet to its next state; the last four are final. */
void packet_set_state(struct world *world, size_t number, enum packet_state state);

/* Sends a packet on after it waited for a route. */
void packet_continue(struct node *node, size_t number, uint8_t hop_limit);

#endif
