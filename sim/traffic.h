// SPDX-License-Identifier: Apache-2.0
/* All packets and flows of a world. */
#ifndef MYCELIUM_SIM_TRAFFIC_H
#define MYCELIUM_SIM_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/packet.h"

struct flow;
struct world;

struct traffic {
	struct packet *packets;
	size_t packet_count, packets_capacity;
	struct flow **flows; /* allocated one by one, so that they stay where events find them */
	size_t flow_count, flows_capacity;
	uint64_t count[PACKET_STATES];
	uint64_t *repairs_ms; /* lengths of the repaired outages, in order of repair */
	size_t repair_count, repairs_capacity;
};

void traffic_free(struct traffic *traffic);

/* Whether every packet ever sent is in exactly one state, and the waiting ones are those in the nodes' queues. */
bool traffic_adds_up(const struct world *world);

#endif
