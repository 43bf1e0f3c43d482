// SPDX-License-Identifier: Apache-2.0
#include "dataplane/queue.h"

static void fifo_init(struct slot_fifo *fifo)
{
	*fifo = (struct slot_fifo){.tail = &fifo->first};
}

static void fifo_put(struct slot_fifo *fifo, struct slot *slot)
{
	slot->next = NULL;
	*fifo->tail = slot;
	fifo->tail = &slot->next;
	fifo->count++;
	fifo->bytes += slot->len;
}

static struct slot *fifo_take(struct slot_fifo *fifo)
{
	struct slot *slot = fifo->first;
	if (slot == NULL)
		return NULL;
	fifo->first = slot->next;
	if (fifo->first == NULL)
		fifo->tail = &fifo->first;
	fifo->count--;
	fifo->bytes -= slot->len;
	return slot;
}

void queue_init(struct queue *queue)
{
	fifo_init(&queue->control);
	fifo_init(&queue->data);
	queue->dropped = 0;
}

void queue_clear(struct queue *queue, struct slot_pool *pool)
{
	bool control;
	for (struct slot *slot; (slot = queue_take(queue, &control)) != NULL;)
		slot_give(pool, slot);
}

void queue_put_control(struct queue *queue, struct slot *slot)
{
	fifo_put(&queue->control, slot);
}

static void drop_oldest(struct queue *queue, struct slot_pool *pool)
{
	slot_give(pool, fifo_take(&queue->data));
	queue->dropped++;
}

void queue_put_data(struct queue *queue, struct slot *slot, size_t packets_max, struct slot_pool *pool)
{
	struct slot_fifo *data = &queue->data;
	if (packets_max > QUEUE_DATA_PACKETS_MAX)
		packets_max = QUEUE_DATA_PACKETS_MAX;
	while (data->count > 0 && (data->count >= packets_max || data->bytes + slot->len > QUEUE_DATA_BYTES_MAX)) {
		drop_oldest(queue, pool);
	}
	fifo_put(data, slot);
}

struct slot *queue_take(struct queue *queue, bool *ret_control)
{
	struct slot *slot = fifo_take(&queue->control);
	*ret_control = slot != NULL;
	return slot != NULL ? slot : fifo_take(&queue->data);
}
