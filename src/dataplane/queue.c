// SPDX-License-Identifier: Apache-2.0
#include "dataplane/queue.h"

#include <assert.h>

#include "wire/icmp6.h"

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static void fifo_put(struct slot_fifo *fifo, struct slot *slot)
{
	slot->next = NULL;
	if (fifo->first == NULL)
		fifo->first = slot;
	else
		fifo->last->next = slot;
	fifo->last = slot;
}

static struct slot *fifo_take(struct slot_fifo *fifo)
{
	struct slot *slot = fifo->first;
	if (slot != NULL)
		fifo->first = slot->next;
	return slot;
}

static void flows_append(struct flow_list *list, struct flow *flow, enum flow_state state)
{
	flow->state = state;
	flow->next = NULL;
	if (list->first == NULL)
		list->first = flow;
	else
		list->last->next = flow;
	list->last = flow;
}

/* The flow whose turn it is: new ones go first. */
static struct flow *flows_first(const struct queue *queue)
{
	return queue->new_flows.first != NULL ? queue->new_flows.first : queue->old_flows.first;
}

/* Takes it out. There is one; the lists are named apart because gcc 12 at -O2 gets a pointer to either of them wrong. */
static struct flow *flows_pop(struct queue *queue)
{
	struct flow *flow = flows_first(queue);
	if (queue->new_flows.first != NULL)
		queue->new_flows.first = flow->next;
	else
		queue->old_flows.first = flow->next;
	return flow;
}

void queue_clear(struct queue *queue, struct slot_pool *pool)
{
	for (struct slot *slot; (slot = fifo_take(&queue->control)) != NULL;)
		slot_give(pool, slot);
	for (unsigned i = 0; i < QUEUE_FLOWS; i++)
		for (struct slot *slot; (slot = fifo_take(&queue->flows[i].fifo)) != NULL;)
			slot_give(pool, slot);
	*queue = (struct queue){.counters = queue->counters};
}

void queue_put_control(struct queue *queue, struct slot *slot)
{
	fifo_put(&queue->control, slot);
}

/* ---- flows ------------------------------------------------------------------------------------------------------- */

static uint32_t *backlog_of(struct queue *queue, const struct flow *flow)
{
	return &queue->backlog[flow - queue->flows];
}

static struct slot *take_from(struct queue *queue, struct flow *flow)
{
	struct slot *slot = fifo_take(&flow->fifo);
	if (slot != NULL) {
		queue->count--;
		queue->bytes -= slot->len;
		*backlog_of(queue, flow) -= slot->len;
	}
	return slot;
}

/* The flow with the most bytes, of a queue that has some. First how many, then where: compilers make such loops fast. */
static struct flow *fattest(struct queue *queue)
{
	uint32_t most = 0;
	for (size_t i = 0; i < QUEUE_FLOWS; i++)
		most = queue->backlog[i] > most ? queue->backlog[i] : most;
	size_t at = 0;
	while (queue->backlog[at] != most)
		at++;
	return &queue->flows[at];
}

/* The oldest packet of the flow with the most bytes gives way. */
static void drop_from_fattest(struct queue *queue, struct slot_pool *pool)
{
	slot_give(pool, take_from(queue, fattest(queue)));
	queue->counters.overflow++;
}

void queue_put_data(struct queue *queue, struct slot *slot, size_t packets_max, uint64_t now_us, struct slot_pool *pool)
{
	assert(slot->len > 0);
	if (packets_max > QUEUE_DATA_PACKETS_MAX)
		packets_max = QUEUE_DATA_PACKETS_MAX;
	while (queue->count > 0 && (queue->count >= packets_max || queue->bytes + slot->len > QUEUE_DATA_BYTES_MAX))
		drop_from_fattest(queue, pool);
	struct flow *flow = &queue->flows[slot->flow % QUEUE_FLOWS];
	slot->queued_us = now_us;
	fifo_put(&flow->fifo, slot);
	queue->count++;
	queue->bytes += slot->len;
	*backlog_of(queue, flow) += slot->len;
	if (flow->state == FLOW_IDLE) {
		flow->deficit = QUEUE_QUANTUM;
		flows_append(&queue->new_flows, flow, FLOW_NEW);
	}
}

/* ---- CoDel, names as in RFC 8289 --------------------------------------------------------------------------------- */

static uint64_t square_root(uint64_t value)
{
	uint64_t root = 0;
	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
		if ((root | bit) * (root | bit) <= value)
			root |= bit;
	return root;
}

/* The root with 16 binary digits behind the point. */
static uint64_t control_law(uint64_t at_us, uint32_t count)
{
	return at_us + ((uint64_t)QUEUE_INTERVAL_US << 16) / square_root((uint64_t)count << 32);
}

static uint64_t target_of(const struct queue *queue)
{
	if (queue->repair_us <= QUEUE_TARGET_US)
		return QUEUE_TARGET_US;
	return queue->repair_us < QUEUE_INTERVAL_US ? queue->repair_us : QUEUE_INTERVAL_US;
}

/* Whether the flow's delay has been above target for an interval, judged by the packet just taken. */
static bool is_ok_to_drop(struct queue *queue, struct flow *flow, const struct slot *slot, uint64_t now_us)
{
	if (slot == NULL || now_us - slot->queued_us < target_of(queue) || *backlog_of(queue, flow) <= QUEUE_QUANTUM) {
		flow->first_above_us = 0;
		return false;
	}
	if (flow->first_above_us == 0) {
		flow->first_above_us = now_us + QUEUE_INTERVAL_US;
		return false;
	}
	return now_us >= flow->first_above_us;
}

/* Marks a packet that may be marked (RFC 3168). Frames are sealed: nothing inside can be changed. */
static bool mark(struct queue *queue, struct slot *slot)
{
	enum { ECN_AT = 1, ECN_BITS = 0x30 };
	if (!slot->is_packet || slot->len < IP6_HEADER_SIZE || (slot->data[ECN_AT] & ECN_BITS) == 0)
		return false;
	slot->data[ECN_AT] |= ECN_BITS;
	queue->counters.marked++;
	return true;
}

/* Tells the sender by this packet. Returns the packet if it goes on, else the next one, or NULL. */
static struct slot *signal_congestion(struct queue *queue, struct flow *flow, struct slot *slot, struct slot_pool *pool)
{
	if (mark(queue, slot))
		return slot;
	slot_give(pool, slot);
	queue->counters.delayed++;
	return take_from(queue, flow);
}

static struct slot *begin_dropping(struct queue *queue, struct flow *flow, struct slot *slot, uint64_t now_us,
				   struct slot_pool *pool)
{
	slot = signal_congestion(queue, flow, slot, pool);
	/* The next one may be the first that did not wait for long. */
	(void)is_ok_to_drop(queue, flow, slot, now_us);
	flow->dropping = true;
	/* Shortly after the last time, go on where that left off. */
	uint32_t delta = flow->count - flow->last_count;
	bool lately = now_us - flow->drop_next_us < 16 * QUEUE_INTERVAL_US;
	flow->count = delta > 1 && lately ? delta : 1;
	flow->last_count = flow->count;
	flow->drop_next_us = control_law(now_us, flow->count);
	return slot;
}

static struct slot *go_on_dropping(struct queue *queue, struct flow *flow, struct slot *slot, uint64_t now_us,
				   struct slot_pool *pool)
{
	while (flow->dropping && now_us >= flow->drop_next_us) {
		struct slot *before = slot;
		flow->count += flow->count < UINT32_MAX;
		slot = signal_congestion(queue, flow, slot, pool);
		if (slot == before) {
			flow->drop_next_us = control_law(flow->drop_next_us, flow->count);
			break;
		}
		if (is_ok_to_drop(queue, flow, slot, now_us))
			flow->drop_next_us = control_law(flow->drop_next_us, flow->count);
		else
			flow->dropping = false;
	}
	return slot;
}

static struct slot *codel_take(struct queue *queue, struct flow *flow, uint64_t now_us, struct slot_pool *pool)
{
	struct slot *slot = take_from(queue, flow);
	bool ok_to_drop = is_ok_to_drop(queue, flow, slot, now_us);
	if (!ok_to_drop) {
		flow->dropping = false;
		return slot;
	}
	return flow->dropping ? go_on_dropping(queue, flow, slot, now_us, pool) :
				begin_dropping(queue, flow, slot, now_us, pool);
}

/* ---- round robin (RFC 8290, 4.2) --------------------------------------------------------------------------------- */

/* The flow whose turn it is, still first of its list; NULL when there is none. */
static struct flow *next_flow(struct queue *queue)
{
	struct flow *flow;
	while ((flow = flows_first(queue)) != NULL && flow->deficit <= 0) {
		flow->deficit += QUEUE_QUANTUM;
		flows_append(&queue->old_flows, flows_pop(queue), FLOW_OLD);
	}
	return flow;
}

/* The flow whose turn it is has no packets: a new one goes through the old ones once, so that it gains nothing by stopping
 * and starting. */
static void retire_first(struct queue *queue)
{
	struct flow *flow = flows_pop(queue);
	if (flow->state == FLOW_NEW)
		flows_append(&queue->old_flows, flow, FLOW_OLD);
	else
		flow->state = FLOW_IDLE;
}

static struct slot *take_data(struct queue *queue, uint64_t now_us, struct slot_pool *pool)
{
	for (struct flow *flow; (flow = next_flow(queue)) != NULL;) {
		struct slot *slot = codel_take(queue, flow, now_us, pool);
		if (slot != NULL) {
			flow->deficit -= (int32_t)slot->len;
			return slot;
		}
		retire_first(queue);
	}
	return NULL;
}

struct slot *queue_take(struct queue *queue, uint64_t now_us, struct slot_pool *pool, bool *ret_control)
{
	struct slot *slot = fifo_take(&queue->control);
	*ret_control = slot != NULL;
	return slot != NULL ? slot : take_data(queue, now_us, pool);
}
