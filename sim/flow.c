// SPDX-License-Identifier: Apache-2.0
#include "sim/flow.h"

#include "sim/invariants.h"
#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"

static void flow_send(struct world *world, void *subject, uint64_t argument)
{
	(void)argument;
	struct flow *flow = subject;
	if (!flow->running)
		return;
	if (node_is_on(flow->source) && !node_is_paused(flow->source)) {
		flow->sent++;
		packet_send(flow->source, &flow->destination->address, flow->number);
	}
	world_at(world, world->now_ms + flow->interval_ms, flow_send, flow, 0);
}

struct flow *flow_start(struct node *source, struct node *destination, uint32_t interval_ms)
{
	struct world *world = source->world;
	struct traffic *traffic = &world->traffic;
	struct flow *flow = memory_new(1, sizeof(*flow));
	*flow = (struct flow){
		.number = (uint32_t)traffic->flow_count,
		.source = source,
		.destination = destination,
		.interval_ms = interval_ms,
		.running = true,
		.first_sent_ms = world->now_ms,
		.mark_ms = FLOW_NO_MARK,
	};
	traffic->flows =
		memory_grow(traffic->flows, &traffic->flows_capacity, traffic->flow_count + 1, sizeof(struct flow *));
	traffic->flows[traffic->flow_count++] = flow;
	world_at(world, world->now_ms, flow_send, flow, 0);
	return flow;
}

void flow_stop(struct flow *flow)
{
	flow->running = false;
}

void flow_mark(struct flow *flow)
{
	flow->mark_ms = flow->source->world->now_ms;
}

/* Whether the present path of a flow goes over a link, in either direction of it. */
static bool flow_uses(const struct flow *flow, const struct link *link)
{
	struct node *at = flow->source;
	for (size_t steps = 0; at != NULL && at != flow->destination && steps < HOP_LIMIT_INITIAL; steps++) {
		const struct fib_entry *entry = node_fib(at, flow->destination->index);
		const struct link_end *end = entry->present ? node_end(at, entry->peer) : NULL;
		if (end != NULL && end->link == link)
			return true;
		at = invariants_next_node(at, flow->destination->index);
	}
	return false;
}

bool flow_is_any_over(const struct link *link)
{
	const struct traffic *traffic = &link->world->traffic;
	for (size_t i = 0; i < traffic->flow_count; i++) {
		if (traffic->flows[i]->running && flow_uses(traffic->flows[i], link))
			return true;
	}
	return false;
}

void flow_mark_cut(const struct link *link)
{
	struct traffic *traffic = &link->world->traffic;
	for (size_t i = 0; i < traffic->flow_count; i++) {
		struct flow *flow = traffic->flows[i];
		if (flow->running && flow->mark_ms == FLOW_NO_MARK && flow_uses(flow, link))
			flow_mark(flow);
	}
}

static void flow_note_delivery(struct world *world, struct flow *flow, const struct packet *packet)
{
	struct traffic *traffic = &world->traffic;
	if (flow->delivered++ == 0)
		flow->first_delivered_ms = world->now_ms;
	if (flow->mark_ms == FLOW_NO_MARK || packet->sent_ms < flow->mark_ms)
		return;
	flow->repair_ms = world->now_ms - flow->mark_ms;
	flow->mark_ms = FLOW_NO_MARK;
	traffic->repairs_ms = memory_grow(traffic->repairs_ms, &traffic->repairs_capacity, traffic->repair_count + 1,
					  sizeof(*traffic->repairs_ms));
	traffic->repairs_ms[traffic->repair_count++] = flow->repair_ms;
}

void flow_note_end(struct world *world, struct flow *flow, const struct packet *packet)
{
	if (packet->state == PACKET_DELIVERED)
		flow_note_delivery(world, flow, packet);
	else if (packet->state == PACKET_REFUSED)
		flow->refused++;
	else
		flow->lost++;
}
