// SPDX-License-Identifier: Apache-2.0
/*
 * The wire watch: what a node may put on a connection, told from the bytes alone, without looking into the router.
 *
 * It knows the protocol's rules about single TLVs and the rates that hold always (docs/protocol/routing.md): one seqno
 * request for each peer, source and seqno within 4 s; bumps of the own seqno by one and at least 4 s apart.
 */
#ifndef MYCELIUM_SIM_WATCH_H
#define MYCELIUM_SIM_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/tlv.h"

struct link_end;
struct node;

/* A seqno request sent lately. */
struct watched_request {
	struct router_id router_id;
	struct subnet subnet;
	uint16_t seqno;
	uint64_t sent_ms;
};

/* State for one direction of a link. */
struct watch {
	struct watched_request *requests;
	size_t count, capacity;
	uint16_t hello_seqno;
};

/* A new connection: per-connection counters start anew. */
void watch_restart(struct watch *watch);
void watch_free(struct watch *watch);

/* A node lost a connection. Without any, it may change its seqno unseen. */
void watch_peer_gone(struct node *node);

/* Judges a TLV that leaves from an end. Returns NULL, or a static text that names the broken rule. */
const char *watch_tlv(struct link_end *end, const struct tlv *tlv);

#endif
