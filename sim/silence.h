// SPDX-License-Identifier: Apache-2.0
/*
 * Silence of a peer, noticed as the daemon's link layer notices it on a connection whose transport gives no sign of its
 * own: what was sent and got no byte back for SILENT_AFTER_MS is reported every turn; that a busy link has fallen quiet
 * is reported once (docs/protocol/routing.md, "Silent peers").
 */
#ifndef MYCELIUM_SIM_SILENCE_H
#define MYCELIUM_SIM_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { SILENCE_TURN_MS = 100, SILENT_AFTER_MS = 200, QUIET_AFTER_MS = 300, BUSY_TURNS = 3 };

struct link_end;

/* What one end knows of the other. Times are those of the end's node. */
struct silence {
	uint64_t heard_ms;
	uint64_t unanswered_since_ms; /* when something was first sent after that; 0: nothing was */
	unsigned busy_turns;          /* turns in a row in which something was heard, up to BUSY_TURNS */
	bool armed;
};

/* A new connection. */
void silence_restart(struct link_end *end);

void silence_note_sent(struct link_end *end);
void silence_note_heard(struct link_end *end);

#endif
