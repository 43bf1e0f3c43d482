// SPDX-License-Identifier: Apache-2.0
/*
 * The queue in front of one link: control frames first, always; then data by FQ-CoDel (RFC 8290).
 *
 *                        ┌ flow ─ CoDel ┐
 *   packets ── by hash ──┼ flow ─ CoDel ┼── deficit round robin, flows that just began first ──▶ link
 *                        └ flow ─ CoDel ┘
 *
 * A flow that sends little does not wait behind one that sends much; one that keeps its packets waiting for longer than the
 * target is told so, by a mark where it understands marks (ECN) and a lost packet where not. Marks go into packets
 * that are not sealed yet, so packets of this host are sealed when they leave the queue. What was dropped cost no sealing.
 *
 * The data part is bounded in packets and bytes; beyond that the flow with the most bytes loses its oldest packet. How much
 * the whole may hold is told with each packet, so that queues of one pool can share what is free. The control part cannot
 * overflow: control hands a link at most QUEUE_CONTROL_MAX frames ahead of what was sent.
 *
 * Sans-I/O: time is a parameter. One thread (lane).
 */
#ifndef MYCELIUM_DATAPLANE_QUEUE_H
#define MYCELIUM_DATAPLANE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slot.h"

enum {
	QUEUE_CONTROL_MAX = 64,		/* frames a peer may be behind */
	QUEUE_DATA_PACKETS_MAX = 2048,
	QUEUE_DATA_BYTES_MAX = 3145728,
	QUEUE_FLOWS = 1024,
	QUEUE_QUANTUM = 1514,		/* bytes a flow may send in its turn (RFC 8290, 5.2.2) */
	QUEUE_TARGET_US = 5000,		/* RFC 8289, 4.3 and 4.4 */
	QUEUE_INTERVAL_US = 100000,	/* and the longest target */
};

struct slot_fifo {
	struct slot *first, *last;	/* `last` is only valid when there is a first */
};

/* Which round robin a flow takes part in. */
enum flow_state { FLOW_IDLE, FLOW_NEW, FLOW_OLD };

struct flow {
	struct slot_fifo fifo;
	struct flow *next;		/* in its round robin */
	enum flow_state state;
	int32_t deficit;		/* bytes it may still send in this turn */
	/* CoDel (RFC 8289, 4 and 5). */
	bool dropping;
	uint32_t count, last_count;	/* packets dropped or marked since dropping began, now and the last time */
	uint64_t first_above_us;	/* when the delay will have been above target for an interval; 0: it is not above */
	uint64_t drop_next_us;
};

struct flow_list {
	struct flow *first, *last;
};

struct queue_counters {
	uint64_t overflow;	/* packets that gave way for want of room */
	uint64_t delayed;	/* dropped by CoDel */
	uint64_t marked;	/* "congestion experienced" by CoDel */
};

/* All zero is an empty queue: memory that no flow touched stays untouched. */
struct queue {
	struct slot_fifo control;
	struct flow_list new_flows, old_flows;
	uint32_t count;		/* data packets */
	uint64_t bytes;
	uint32_t repair_us;	/* the link stands still for so long to repair a loss: to wait that long is no sign of congestion */
	struct queue_counters counters;
	uint32_t backlog[QUEUE_FLOWS];	/* bytes of each flow, side by side: looking through all costs little */
	struct flow flows[QUEUE_FLOWS];
};

/* Gives all slots back. */
void queue_clear(struct queue *queue, struct slot_pool *pool);

void queue_put_control(struct queue *queue, struct slot *slot);

/* Queues a data packet of the flow slot->flow and drops others to `pool` until at most `packets_max` (capped by
 * QUEUE_DATA_PACKETS_MAX) wait, and at most QUEUE_DATA_BYTES_MAX. Of a single flow the new one always stays. */
void queue_put_data(struct queue *queue, struct slot *slot, size_t packets_max, uint64_t now_us, struct slot_pool *pool);

/* The next slot to send, or NULL; `ret_control` tells its class. What CoDel drops on the way goes to `pool`. */
struct slot *queue_take(struct queue *queue, uint64_t now_us, struct slot_pool *pool, bool *ret_control);

static inline bool queue_empty(const struct queue *queue)
{
	return queue->control.first == NULL && queue->count == 0;
}

#endif
