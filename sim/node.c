// SPDX-License-Identifier: Apache-2.0
#include "sim/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/timers.h"
#include "sim/invariants.h"
#include "sim/link.h"
#include "sim/memory.h"

enum { SETTLE_ROUNDS_MAX = 10000 };

struct node *node_new(struct world *world, uint32_t index)
{
	struct node *node = memory_new(1, sizeof(*node));
	node->world = world;
	node->index = index;
	node->ops = &speaker_ours;
	node->tick_armed_ms = TIMERS_NEVER_MS;
	struct rng rng = rng_seeded(world->seed * 0x9e3779b97f4a7c15u + index);
	struct secret_key secret;
	for (size_t i = 0; i < sizeof(secret.bytes); i++)
		secret.bytes[i] = (uint8_t)rng_next(&rng);
	node->key = public_key_of(&secret);
	secret_wipe(&secret, sizeof(secret));
	node->address = public_key_address(&node->key);
	node->upper64 = ip6_upper64(&node->address);
	return node;
}

void node_free(struct node *node)
{
	if (node_is_on(node))
		node->ops->stop(node->speaker);
	waiting_free(&node->waiting);
	free(node->links);
	free(node->ends);
	free(node->fib);
	free(node->changed);
	free(node);
}

void node_note_link(struct node *node, struct link *link)
{
	node->links =
		memory_grow(node->links, &node->links_capacity, node->link_count + 1, sizeof(struct link *));
	node->links[node->link_count++] = link;
}

void node_start(struct node *node)
{
	struct world *world = node->world;
	/* From the node and its start alone, so that leaving out one fault does not change all that follows. */
	struct rng rng = rng_seeded(world->seed ^ (uint64_t)node->index << 40 ^ (uint64_t)++node->starts << 20);
	uint8_t tail[6];
	for (size_t i = 0; i < sizeof(tail); i++)
		tail[i] = (uint8_t)rng_next(&rng);
	node->id = router_id_make(&node->key, tail);
	node->own_announced = false;
	node->own_seqno_since_ms = node_now_ms(node);
	struct router_config config = {
		.id = node->id,
		.own = subnet64_of(&node->address),
		.seed = rng_next(&rng),
	};
	node->speaker = memory_checked(node->ops->start(node, &config, node_now_ms(node)));
	node->router = node->ops->is_ours ? node->speaker : NULL;
	node_settle(node);
}

/* Tells one neighbour about all its connections to a node that ended, in one notice. Where nothing gets through, it has
 * to find out for itself. */
static void neighbour_notice(struct node *neighbour, const struct node *ended)
{
	uint32_t died[64];
	size_t count = 0;
	if (!node_is_paused(neighbour))
		node_advance(neighbour);
	for (size_t i = 0; i < neighbour->link_count && count < 64; i++) {
		struct link *link = neighbour->links[i];
		struct link_end *end = &link->ends[link->ends[0].node == neighbour ? 0 : 1];
		const struct link_end *other = link_end_other(end);
		if (other->node != ended || !link_end_is_open(end) || other->muted)
			continue;
		if (node_is_paused(neighbour)) {
			link_end_notice(end);
			continue;
		}
		died[count++] = end->peer;
		link_end_forget(end);
	}
	if (count == 0)
		return;
	neighbour->ops->peers_died(neighbour->speaker, died, count, node_now_ms(neighbour));
	node_settle(neighbour);
}

void node_stop(struct node *node)
{
	node->ops->stop(node->speaker);
	node->speaker = node->router = NULL;
	node->tick_armed_ms = TIMERS_NEVER_MS;
	node->paused_until_ms = 0;
	waiting_drop_all(node);
	if (node->fib_capacity > 0)
		memset(node->fib, 0, node->fib_capacity * sizeof(*node->fib));
	for (size_t i = 0; i < node->link_count; i++)
		link_end_of_stopped(node->links[i], node);
	for (size_t i = 0; i < node->link_count; i++) {
		struct link *link = node->links[i];
		struct node *neighbour = link->ends[link->ends[0].node == node ? 1 : 0].node;
		if (node_is_on(neighbour))
			neighbour_notice(neighbour, node);
	}
}

static void node_tick(struct world *world, void *subject, uint64_t at_ms)
{
	struct node *node = subject;
	if (!node_is_on(node) || node->tick_armed_ms != at_ms)
		return;
	if (node_is_paused(node)) {
		node->tick_armed_ms = node->paused_until_ms;
		world_at(world, node->paused_until_ms, node_tick, node, node->tick_armed_ms);
		return;
	}
	node->tick_armed_ms = TIMERS_NEVER_MS;
	node->ops->tick(node->speaker, node_now_ms(node));
	if (node->ops->next_deadline(node->speaker) <= node_now_ms(node))
		world_break(world, node, "a deadline is still due after its tick");
	node_settle(node);
}

static void node_arm_tick(struct node *node)
{
	struct world *world = node->world;
	uint64_t deadline_ms = node->ops->next_deadline(node->speaker);
	if (deadline_ms == TIMERS_NEVER_MS)
		return;
	uint64_t ahead_ms = node->clock_ahead_ms;
	uint64_t at_ms = deadline_ms > world->now_ms + ahead_ms ? deadline_ms - ahead_ms : world->now_ms;
	if (at_ms == node->tick_armed_ms)
		return;
	node->tick_armed_ms = at_ms;
	world_at(world, at_ms, node_tick, node, at_ms);
}

void node_advance(struct node *node)
{
	uint64_t now_ms = node_now_ms(node);
	bool due = node->ops->next_deadline(node->speaker) <= now_ms;
	node->ops->tick(node->speaker, now_ms);
	if (due)
		node_settle(node);
}

void node_pause(struct node *node, uint64_t span_ms)
{
	uint64_t until_ms = node->world->now_ms + span_ms;
	if (node_is_on(node) && until_ms > node->paused_until_ms)
		node->paused_until_ms = until_ms;
}

void node_jump(struct node *node, uint64_t span_ms)
{
	node->clock_ahead_ms += span_ms;
	if (!node_is_on(node) || node_is_paused(node))
		return;
	node_advance(node);
	waiting_expire_due(node);
}

uint32_t node_add_peer(struct node *node, struct link_end *end)
{
	uint32_t peer = node->ops->add_peer(node->speaker, end->static_cost, node_now_ms(node));
	if (peer == ROUTER_NO_PEER)
		return peer;
	size_t slot = peer & 0xffff;
	size_t before = node->ends_capacity;
	node->ends = memory_grow(node->ends, &node->ends_capacity, slot + 1, sizeof(struct link_end *));
	for (size_t i = before; i < node->ends_capacity; i++)
		node->ends[i] = NULL;
	node->ends[slot] = end;
	return peer;
}

struct link_end *node_end(const struct node *node, uint32_t peer)
{
	size_t slot = peer & 0xffff;
	if (peer == ROUTER_NO_PEER || slot >= node->ends_capacity)
		return NULL;
	struct link_end *end = node->ends[slot];
	return end != NULL && end->peer == peer && end->node == node ? end : NULL;
}

struct fib_entry *node_fib(struct node *node, uint32_t destination)
{
	size_t before = node->fib_capacity;
	node->fib = memory_grow(node->fib, &node->fib_capacity, destination + 1, sizeof(*node->fib));
	if (node->fib_capacity > before)
		memset(node->fib + before, 0, (node->fib_capacity - before) * sizeof(*node->fib));
	return &node->fib[destination];
}

static struct fib_entry *fib_touch(struct node *node, const struct node *destination)
{
	struct fib_entry *entry = node_fib(node, destination->index);
	if (!entry->changed) {
		entry->changed = true;
		node->changed =
			memory_grow(node->changed, &node->changed_capacity, node->changed_count + 1, sizeof(uint32_t));
		node->changed[node->changed_count++] = destination->index;
	}
	return entry;
}

static void handle_route_set(struct node *node, const struct router_event *event)
{
	struct node *destination = world_find_node(node->world, &event->subnet.addr);
	if (node->world->has_strangers && (destination == NULL || event->subnet.len != 64))
		return;
	if (destination == NULL || event->subnet.len != 64) {
		world_break(node->world, node, "a route to a subnet that nobody has");
		return;
	}
	if (memcmp(event->key.bytes, destination->key.bytes, KEY_SIZE) != 0)
		world_break(node->world, node, "a route event carries a wrong key");
	if (event->expires_ms <= node_now_ms(node))
		world_break(node->world, node, "a route event carries an expiry that has passed");
	struct fib_entry *entry = fib_touch(node, destination);
	bool was_present = entry->present;
	entry->present = entry->key_known = true;
	entry->peer = event->peer;
	entry->expires_ms = event->expires_ms;
	if (event->acquired)
		waiting_release(node, destination->upper64);
	else if (!was_present)
		world_break(node->world, node, "a new route was not reported as acquired");
}

static void handle_event(struct node *node, const struct router_event *event)
{
	const struct node *destination;
	struct link_end *end;
	switch (event->type) {
	case ROUTER_ROUTE_SET:
		handle_route_set(node, event);
		break;
	case ROUTER_ROUTE_GONE:
		destination = world_find_node(node->world, &event->subnet.addr);
		if (destination != NULL && event->subnet.len == 64)
			fib_touch(node, destination)->present = false;
		break;
	case ROUTER_QUERY_EXPIRED:
		waiting_expire(node, ip6_upper64(&event->subnet.addr));
		break;
	case ROUTER_PEER_DEAD:
		node->peers_found_dead++;
		end = node_end(node, event->peer);
		if (end != NULL)
			link_end_close(end);
		else
			world_break(node->world, node, "an unknown peer was found dead");
		break;
	}
}

/* Pulls what one peer is owed, as far as its connection has room. */
static void pull_tlvs(struct node *node, uint32_t peer)
{
	struct link_end *end = node_end(node, peer);
	if (end == NULL) {
		world_break(node->world, node, "a peer without connection has TLVs");
		return;
	}
	struct tlv tlv;
	uint8_t frame[TLV_FRAME_SIZE_MAX];
	size_t len;
	if (node->ops->next_frame != NULL) {
		while (link_end_has_room(end) &&
		       (len = node->ops->next_frame(node->speaker, peer, node_now_ms(node), frame)) > 0)
			link_send_control(end, frame, len);
		return;
	}
	while (link_end_has_room(end) && node->ops->next_tlv(node->speaker, peer, node_now_ms(node), &tlv))
		link_send_tlv(end, &tlv);
}

void node_settle(struct node *node)
{
	struct world *world = node->world;
	node->inputs++;
	struct router_event event;
	for (unsigned rounds = 0; !world->is_broken; rounds++) {
		uint32_t peer = ROUTER_NO_PEER;
		if (rounds > SETTLE_ROUNDS_MAX)
			world_break(world, node, "the router does not come to rest");
		else if (node->ops->next_event(node->speaker, &event))
			handle_event(node, &event);
		else if ((peer = node->ops->next_ready_peer(node->speaker)) != ROUTER_NO_PEER)
			pull_tlvs(node, peer);
		else
			break;
	}
	node_arm_tick(node);
	invariants_check(node);
	for (size_t i = 0; i < node->changed_count; i++)
		node->fib[node->changed[i]].changed = false;
	node->changed_count = 0;
	node->tables_untouched = false;
}
