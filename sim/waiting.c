// SPDX-License-Identifier: Apache-2.0
#include "sim/waiting.h"

#include <stdlib.h>

#include "sim/memory.h"
#include "sim/node.h"

enum { WAIT_MAX_MS = QUERY_TIMEOUT_MS + 100, AFTER_PAUSE_MS = 100 };

void waiting_free(struct waiting *waiting)
{
	free(waiting->packets);
	*waiting = (struct waiting){0};
}

static void waiting_check(struct world *world, void *subject, uint64_t at_ms)
{
	struct node *node = subject;
	struct waiting *waiting = &node->waiting;
	if (waiting->check_armed_ms != at_ms)
		return;
	waiting->check_armed_ms = 0;
	if (waiting->count == 0)
		return;
	uint64_t limit_ms = waiting->packets[0].since_ms + WAIT_MAX_MS;
	/* A pause makes everything late. */
	if (limit_ms < node->paused_until_ms + AFTER_PAUSE_MS)
		limit_ms = node->paused_until_ms + AFTER_PAUSE_MS;
	if (limit_ms <= at_ms) {
		world_break(world, node, "a packet waits longer than a search may last");
		return;
	}
	waiting->check_armed_ms = limit_ms;
	world_at(world, limit_ms, waiting_check, node, limit_ms);
}

void waiting_add(struct node *node, size_t packet, enum waiting_reason reason, const struct ip6 *wanted,
		 uint8_t hop_limit)
{
	struct world *world = node->world;
	struct waiting *waiting = &node->waiting;
	packet_set_state(world, packet, PACKET_WAITS);
	waiting->packets =
		memory_grow(waiting->packets, &waiting->capacity, waiting->count + 1, sizeof(*waiting->packets));
	waiting->packets[waiting->count++] = (struct waiting_packet){
		.upper64 = ip6_upper64(wanted),
		.packet = packet,
		.reason = reason,
		.hop_limit = hop_limit,
		.since_ms = world->now_ms,
	};
	if (node->ops->query_deadline(node->speaker, wanted) <= node_now_ms(node))
		world_break(world, node, "a search without deadline");
	if (waiting->check_armed_ms == 0) {
		waiting->check_armed_ms = world->now_ms + WAIT_MAX_MS;
		world_at(world, waiting->check_armed_ms, waiting_check, node, waiting->check_armed_ms);
	}
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

void waiting_expire(struct node *node, uint64_t upper64)
{
	struct world *world = node->world;
	struct waiting_packet *taken;
	size_t count = waiting_take(&node->waiting, upper64, &taken);
	for (size_t i = 0; i < count; i++) {
		bool is_own = world->traffic.packets[taken[i].packet].source == node->index;
		packet_set_state(world, taken[i].packet, is_own ? PACKET_REFUSED : PACKET_LOST);
	}
	free(taken);
}

void waiting_drop_all(struct node *node)
{
	for (size_t i = 0; i < node->waiting.count; i++)
		packet_set_state(node->world, node->waiting.packets[i].packet, PACKET_LOST);
	node->waiting.count = 0;
}
