// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile nodes: no router, but scripts that send TLVs at a rate.
 *
 * A hostile node answers Hellos and announces its own subnet, so that it is not thrown out. Beyond that it never tells
 * the truth about others, so no honest route leads through it unless it lies about the destination. It lies about each
 * fourth node only ("lied_about"); about the routes to these nothing is promised, about all others everything.
 */
#ifndef MYCELIUM_SIM_HOSTILE_H
#define MYCELIUM_SIM_HOSTILE_H

#include <stdbool.h>

enum attack {
	ATTACK_CLAIMS,         /* the right router id of others, metric 0 */
	ATTACK_SEQNOS,         /* the same with a seqno far ahead */
	ATTACK_HOSTS,          /* the same for the one address of others, which is longer than their prefix */
	ATTACK_FOREIGN,        /* prefixes outside the overlay, too short, with keys that do not belong to them */
	ATTACK_UPDATES,        /* subnets that nobody has, with keys that do */
	ATTACK_REQUESTS,       /* route requests for what nobody has, of any generation, of any kind, and for all */
	ATTACK_SEQNO_REQUESTS, /* for seqnos near and far, known and unknown */
	ATTACK_RETRACTIONS,    /* of everything */
	ATTACK_INTERVALS,      /* a few subnets whose intervals and metrics change all the time */
	ATTACK_MIXED,          /* all but lies about others */
	ATTACK_COUNT,
};

/* "claims", "seqnos", ... */
const char *attack_name(enum attack attack);

/* The attack of a name. Returns false when there is none. */
bool attack_parse(const char *name, enum attack *ret);

struct node;

/* Makes a node that is off hostile. */
void hostile_set(struct node *node, enum attack attack, unsigned rate);

#endif
