// SPDX-License-Identifier: Apache-2.0
/* Faults: single things that happen to a network at a time. Each has a line of text. */
#ifndef MYCELIUM_SIM_FAULT_H
#define MYCELIUM_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct world;

enum fault_kind {
	FAULT_START,   /* node: starts, and its links come up */
	FAULT_STOP,    /* node */
	FAULT_REPLACE, /* node: ends for good; a new one with another key takes its links */
	FAULT_CUT,     /* link: both ends notice */
	FAULT_SILENCE, /* link: nobody notices */
	FAULT_MUTE,    /* link, side: nothing arrives that leaves from this side */
	FAULT_HEAL,    /* link */
	FAULT_DELAY,   /* link, ms */
	FAULT_RATE,    /* link, bytes per second; 0: no limit */
	FAULT_PAUSE,   /* node, ms */
	FAULT_JUMP,    /* node, ms by which its clock jumps forward */
	FAULT_FLOW,    /* node, node, ms between two packets */
	FAULT_KINDS,
};

enum { FAULT_ARGUMENTS_MAX = 3 };

struct fault {
	uint64_t at_ms;
	enum fault_kind kind;
	uint64_t arguments[FAULT_ARGUMENTS_MAX];
};

/* Lets a fault happen now. One whose node or link there is not, or not in a state for it, does nothing. */
void fault_apply(struct world *world, const struct fault *fault);

/* Starts a node unless it is on, and brings its links up. */
void fault_bring_up(struct world *world, size_t node);

/* Writes one line: time, name, arguments. */
void fault_write(const struct fault *fault, FILE *out);

/* Reads such a line. Returns false when it is something else. */
bool fault_parse(const char *line, struct fault *ret);

#endif
