// SPDX-License-Identifier: Apache-2.0
/* The packets that wait at a node: for a route to their destination, or for the key of their sender. */
#ifndef MYCELIUM_SIM_WAITING_H
#define MYCELIUM_SIM_WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"

enum waiting_reason { WAITING_FOR_ROUTE, WAITING_FOR_KEY };

struct node;

struct waiting_packet {
	uint64_t upper64; /* the /64 that is searched */
	size_t packet;
	enum waiting_reason reason;
	uint8_t hop_limit; /* after this node's decrement */
	uint64_t deadline_ms; /* of the node's clock */
};

struct waiting {
	struct waiting_packet *packets; /* oldest first */
	size_t count, capacity;
	uint64_t armed_ms; /* when the first one comes to its end, 0: not armed */
};

void waiting_free(struct waiting *waiting);

/* Lets a packet wait until the search of `wanted`, as it stands now, has ended. That this is within QUERY_TIMEOUT_MS is
 * checked. */
void waiting_add(struct node *node, size_t packet, enum waiting_reason reason, const struct ip6 *wanted,
		 uint8_t hop_limit);

/* How many packets wait for a /64 for this reason. */
size_t waiting_count(const struct node *node, uint64_t upper64, enum waiting_reason reason);

/* A route appeared: all that wait for this /64 go on. */
void waiting_release(struct node *node, uint64_t upper64);

/* A search failed: those that wait for it are refused at their sender, lost elsewhere. */
void waiting_expire(struct node *node, uint64_t upper64);

/* The clock of the node jumped: so do those whose time is over. */
void waiting_expire_due(struct node *node);

/* The node ends: all are lost. */
void waiting_drop_all(struct node *node);

#endif
