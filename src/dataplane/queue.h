// SPDX-License-Identifier: Apache-2.0
/*
 * The queue in front of one link: control frames first, always; then data, bounded in packets and bytes.
 *
 * When the data part is full the oldest packet gives way, so what is sent is recent. How much it may hold is told with each
 * packet, so that queues of one pool can share what is free. The control part cannot overflow:
 * control hands a link at most QUEUE_CONTROL_MAX frames ahead of what was sent. One thread (lane).
 */
#ifndef MYCELIUM_DATAPLANE_QUEUE_H
#define MYCELIUM_DATAPLANE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slot.h"

enum {
	QUEUE_CONTROL_MAX = 64,		/* frames a peer may be behind */
	QUEUE_DATA_PACKETS_MAX = 1024,
	QUEUE_DATA_BYTES_MAX = 2097152,
};

struct slot_fifo {
	struct slot *first, **tail;
	uint32_t count;
	uint64_t bytes;
};

struct queue {
	struct slot_fifo control, data;
	uint64_t dropped;	/* data packets that gave way */
};

void queue_init(struct queue *queue);

/* Gives all slots back. */
void queue_clear(struct queue *queue, struct slot_pool *pool);

void queue_put_control(struct queue *queue, struct slot *slot);

/* Queues a data packet and drops older ones to `pool` until at most `packets_max` (capped by QUEUE_DATA_PACKETS_MAX) wait, and
 * at most QUEUE_DATA_BYTES_MAX. The new one always stays. */
void queue_put_data(struct queue *queue, struct slot *slot, size_t packets_max, struct slot_pool *pool);

/* The next slot to send, or NULL; `ret_control` tells its class. */
struct slot *queue_take(struct queue *queue, bool *ret_control);

static inline bool queue_empty(const struct queue *queue)
{
	return queue->control.first == NULL && queue->data.first == NULL;
}

#endif
