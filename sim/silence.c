// SPDX-License-Identifier: Apache-2.0
#include "sim/silence.h"

#include "sim/link.h"
#include "sim/node.h"

static void silence_turn(struct world *world, void *subject, uint64_t epoch);

static void silence_arm(struct link_end *end)
{
	if (end->silence.armed || end->node->ops->peer_silent == NULL)
		return;
	struct world *world = end->link->world;
	end->silence.armed = true;
	world_at(world, world->now_ms + SILENCE_TURN_MS, silence_turn, end, end->link->epoch);
}

void silence_restart(struct link_end *end)
{
	end->silence = (struct silence){.heard_ms = node_now_ms(end->node)};
}

void silence_note_sent(struct link_end *end)
{
	if (end->silence.unanswered_since_ms != 0 || !link_end_is_open(end))
		return;
	end->silence.unanswered_since_ms = node_now_ms(end->node);
	silence_arm(end);
}

void silence_note_heard(struct link_end *end)
{
	end->silence.heard_ms = node_now_ms(end->node);
	end->silence.unanswered_since_ms = 0;
	silence_arm(end);
}

static void tell_silent(struct link_end *end, uint64_t unanswered_ms)
{
	node_advance(end->node);
	if (!link_end_is_open(end))
		return;
	end->node->ops->peer_silent(end->node->speaker, end->peer, unanswered_ms, node_now_ms(end->node));
	end->node->tables_untouched = unanswered_ms <= SILENCE_DEAD_MIN_MS;
	node_settle(end->node);
}

static void note_quiet(struct link_end *end)
{
	struct silence *silence = &end->silence;
	uint64_t quiet_ms = node_now_ms(end->node) - silence->heard_ms;
	if (quiet_ms <= SILENCE_TURN_MS) {
		silence->busy_turns += silence->busy_turns < BUSY_TURNS;
		return;
	}
	if (quiet_ms < QUIET_AFTER_MS)
		return;
	bool was_busy = silence->busy_turns == BUSY_TURNS;
	silence->busy_turns = 0;
	if (was_busy)
		tell_silent(end, 0);
}

static void silence_turn(struct world *world, void *subject, uint64_t epoch)
{
	struct link_end *end = subject;
	struct silence *silence = &end->silence;
	if (epoch != end->link->epoch || !link_end_is_open(end))
		return;
	/* A process that does not run has no turns; the late one comes before anything is read. */
	if (node_is_paused(end->node)) {
		world_at(world, end->node->paused_until_ms, silence_turn, end, epoch);
		return;
	}
	silence->armed = false;
	note_quiet(end);
	uint64_t since_ms = silence->unanswered_since_ms;
	uint64_t unanswered_ms = since_ms != 0 ? node_now_ms(end->node) - since_ms : 0;
	if (link_end_is_open(end) && unanswered_ms >= SILENT_AFTER_MS)
		tell_silent(end, unanswered_ms);
	if (link_end_is_open(end) && (silence->busy_turns > 0 || silence->unanswered_since_ms != 0))
		silence_arm(end);
}
