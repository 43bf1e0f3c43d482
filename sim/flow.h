// SPDX-License-Identifier: Apache-2.0
/* Flows: packets from one node to another at a steady pace, and how long their paths stay broken. */
#ifndef MYCELIUM_SIM_FLOW_H
#define MYCELIUM_SIM_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link;
struct node;
struct packet;
struct world;

struct flow {
	uint32_t number;
	struct node *source, *destination;
	uint32_t interval_ms;
	bool running;
	uint64_t sent, delivered, refused, lost; /* packets; lost ones include those whose hop limit ran out */
	uint64_t first_sent_ms, first_delivered_ms;
	uint64_t mark_ms;   /* when the present outage began; FLOW_NO_MARK: there is none */
	uint64_t repair_ms; /* length of the last repaired outage */
};

#define FLOW_NO_MARK UINT64_MAX

/* A flow that sends a packet every `interval_ms`, the first one now. It sends nothing while its source is off. The
 * world owns it. */
struct flow *flow_start(struct node *source, struct node *destination, uint32_t interval_ms);
void flow_stop(struct flow *flow);

/* An outage begins now; the next packet of the flow that is sent from now on and arrives ends it. */
void flow_mark(struct flow *flow);

/* Whether the present path of any flow uses a link. */
bool flow_is_any_over(const struct link *link);

/* Marks the flows whose present path uses a link that is about to fail. */
void flow_mark_cut(const struct link *link);

/* A packet of the flow found its end. */
void flow_note_end(struct world *world, struct flow *flow, const struct packet *packet);

#endif
