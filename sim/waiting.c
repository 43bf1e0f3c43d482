// SPDX-License-Identifier: Apache-2.0
#include "sim/waiting.h"

#include <stdlib.h>

#include "sim/memory.h"
#include "sim/node.h"

void waiting_free(struct waiting *waiting)
{
	free(waiting->packets);
	*waiting = (struct waiting){0};
}

static void waiting_turn(struct world *world, void *subject, uint64_t at_ms);

static void waiting_arm(struct node *node)
{
	struct waiting *waiting = &node->waiting;
	if (waiting->count == 0)
		return;
	uint64_t first_ms = UINT64_MAX, now_ms = node_now_ms(node);
	for (size_t i = 0; i < waiting->count; i++) {
		if (waiting->packets[i].deadline_ms < first_ms)
			first_ms = waiting->packets[i].deadline_ms;
	}
	waiting->armed_ms = node->world->now_ms + (first_ms > now_ms ? first_ms - now_ms : 0);
	world_at(node->world, waiting->armed_ms, waiting_turn, node, waiting->armed_ms);
}

static void waiting_turn(struct world *world, void *subject, uint64_t at_ms)
{
	struct node *node = subject;
	if (node->waiting.armed_ms != at_ms)
		return;
	if (node_is_paused(node)) {
		node->waiting.armed_ms = node->paused_until_ms;
		world_at(world, node->paused_until_ms, waiting_turn, node, node->paused_until_ms);
		return;
	}
	node->waiting.armed_ms = 0;
	waiting_expire_due(node);
}

void waiting_add(struct node *node, size_t packet, enum waiting_reason reason, const struct ip6 *wanted,
		 uint8_t hop_limit)
{
	struct world *world = node->world;
	struct waiting *waiting = &node->waiting;
	uint64_t now_ms = node_now_ms(node), deadline_ms = node->ops->query_deadline(node->speaker, wanted);
	packet_set_state(world, packet, PACKET_WAITS);
	waiting->packets =
		memory_grow(waiting->packets, &waiting->capacity, waiting->count + 1, sizeof(*waiting->packets));
	waiting->packets[waiting->count++] = (struct waiting_packet){
		.upper64 = ip6_upper64(wanted),
		.packet = packet,
		.reason = reason,
		.hop_limit = hop_limit,
		.deadline_ms = deadline_ms,
	};
	if (deadline_ms <= now_ms || deadline_ms > now_ms + QUERY_TIMEOUT_MS)
		world_break(world, node, "a search does not end when it should");
	if (waiting->armed_ms == 0 || deadline_ms - now_ms < waiting->armed_ms - world->now_ms)
		waiting_arm(node);
}

size_t waiting_count(const struct node *node, uint64_t upper64, enum waiting_reason reason)
{
	size_t count = 0;
	for (size_t i = 0; i < node->waiting.count; i++)
		count += node->waiting.packets[i].upper64 == upper64 && node->waiting.packets[i].reason == reason;
	return count;
}

/* Takes the packets of one /64 out, in order. Returns how many; `ret_taken` is to be freed. */
static size_t waiting_take(struct waiting *waiting, uint64_t upper64, struct waiting_packet **ret_taken)
{
	struct waiting_packet *taken = memory_new(waiting->count, sizeof(*taken));
	size_t taken_count = 0, kept = 0;
	for (size_t i = 0; i < waiting->count; i++) {
		if (waiting->packets[i].upper64 == upper64)
			taken[taken_count++] = waiting->packets[i];
		else
			waiting->packets[kept++] = waiting->packets[i];
	}
	waiting->count = kept;
	*ret_taken = taken;
	return taken_count;
}

void waiting_release(struct node *node, uint64_t upper64)
{
	struct waiting_packet *taken;
	size_t count = waiting_take(&node->waiting, upper64, &taken);
	for (size_t i = 0; i < count; i++) {
		if (taken[i].reason == WAITING_FOR_KEY)
			packet_set_state(node->world, taken[i].packet, PACKET_DELIVERED);
		else
			packet_continue(node, taken[i].packet, taken[i].hop_limit);
	}
	free(taken);
}

static void give_up(struct node *node, size_t packet)
{
	bool is_own = node->world->traffic.packets[packet].source == node->index;
	packet_set_state(node->world, packet, is_own ? PACKET_REFUSED : PACKET_LOST);
}

void waiting_expire(struct node *node, uint64_t upper64)
{
	struct waiting_packet *taken;
	size_t count = waiting_take(&node->waiting, upper64, &taken);
	for (size_t i = 0; i < count; i++)
		give_up(node, taken[i].packet);
	free(taken);
}

void waiting_expire_due(struct node *node)
{
	struct waiting *waiting = &node->waiting;
	size_t kept = 0;
	for (size_t i = 0; i < waiting->count; i++) {
		if (waiting->packets[i].deadline_ms <= node_now_ms(node))
			give_up(node, waiting->packets[i].packet);
		else
			waiting->packets[kept++] = waiting->packets[i];
	}
	waiting->count = kept;
	waiting_arm(node);
}

void waiting_drop_all(struct node *node)
{
	for (size_t i = 0; i < node->waiting.count; i++)
		packet_set_state(node->world, node->waiting.packets[i].packet, PACKET_LOST);
	node->waiting.count = 0;
}
