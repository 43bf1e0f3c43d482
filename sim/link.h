// SPDX-License-Identifier: Apache-2.0
/*
 * A link: two nodes and at most one connection between them, a reliable ordered stream in each direction with delay.
 *
 *                  link_up                       link_cut: both ends notice
 *      down ────────────────────────► up ──────────────────────────────────► down
 *        ▲                            │ ▲
 *        │ link_heal: who still       │ │ link_heal: both ends still believe in it,
 *        │ believes in it learns      ▼ │ what was held arrives, in order
 *        └──────────────────────── silent ── link_cut_silently, link_mute
 *
 * Frames are real bytes: written by the wire code at one end, read by it at the other. A silent cut holds bytes back,
 * as a stream does: bytes are late or the connection ends, but none is missing in between. A connection that one end
 * gave up is made anew after RECONNECT_MS, unless the link was cut, when its path works.
 */
#ifndef MYCELIUM_SIM_LINK_H
#define MYCELIUM_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "router/router.h"
#include "sim/silence.h"
#include "sim/watch.h"
#include "sim/world.h"
#include "wire/tlv.h"

enum {
	RECONNECT_MS = 1000,
	BACKLOG_MAX_MS = 100, /* of data packets on a link with a rate; more are dropped */
};

/* A frame on its way. */
struct flight {
	uint16_t len;
	bool is_data;
	uint8_t bytes[TLV_FRAME_SIZE_MAX];
};

/* One end, and the direction that leaves from it. */
struct link_end {
	struct link *link;
	unsigned side;
	struct node *node;
	uint32_t peer; /* handle at `node`; ROUTER_NO_PEER while this end has no connection */
	uint16_t static_cost;
	bool muted;             /* what leaves here does not arrive */
	bool out_of_room;       /* the router was told to wait */
	bool closing;           /* the end of the stream is behind the frames in flight */
	struct flight *flights; /* a ring, oldest at `flights_head` */
	size_t flights_head, flights_count, flights_capacity;
	size_t control_bytes_in_flight;
	size_t held; /* arrivals that fell into a silent time, or into a pause of the receiver */
	bool resume_armed;
	uint64_t last_arrival_ms;
	uint64_t busy_until_us; /* when the bytes sent so far have left, on a link with a rate */
	struct silence silence;
	uint64_t sent[TLV_SEQNO_REQUEST + 1];
	struct watch watch;
};

struct link {
	struct world *world;
	size_t index;
	uint32_t epoch;      /* counts connections, so that late events of an old one do nothing */
	uint32_t delay_ms;   /* one way, at least 1 */
	size_t credit_bytes; /* room for control bytes in flight for each direction; 0: no limit */
	uint64_t rate;       /* bytes per second for each direction; 0: no limit */
	bool wanted;         /* its nodes want a connection: not cut */
	struct link_end ends[2];
};

/* A link between two nodes, down. */
struct link *link_new(struct world *world, struct node *a, struct node *b, uint32_t delay_ms, uint16_t static_cost);
void link_free(struct link *link);

/* Opens the connection: both routers get a peer. Nothing happens unless both nodes are on and both ends are closed. */
void link_up(struct link *link);

/* Ends the connection; both routers are told in this moment. What is in flight is lost. */
void link_cut(struct link *link);

/* From now on nothing arrives, and nobody is told. */
void link_cut_silently(struct link *link);

/* From now on nothing arrives that leaves from one side (a half-open peer, seen from the other side). */
void link_mute(struct link *link, unsigned side);

/* The path is back. A connection that both ends believe in goes on; one that only one end believes in ends there, and a
 * new one is made. */
void link_heal(struct link *link);

/* Whether both ends have the connection. */
bool link_is_open(const struct link *link);

/* Whether both ends have the connection and bytes arrive in both directions. */
bool link_works(const struct link *link);

static inline bool link_end_is_open(const struct link_end *end)
{
	return end->peer != ROUTER_NO_PEER;
}

static inline struct link_end *link_end_other(const struct link_end *end)
{
	return &end->link->ends[1 - end->side];
}

/* Whether control bytes may still be put on the way. */
bool link_end_has_room(struct link_end *end);

/* Puts a TLV, or any control frame, or a data frame of `len` bytes, on the way. */
void link_send_tlv(struct link_end *end, const struct tlv *tlv);
void link_send_control(struct link_end *end, const uint8_t *frame, size_t len);
void link_send_data(struct link_end *end, const uint8_t *frame, size_t len);

/* This end's node gave the connection up: the other end learns it behind the frames in flight, if anything gets
 * through. */
void link_end_close(struct link_end *end);

/* The node at this end learns that the connection ended, or will when it goes on after a pause. */
void link_end_notice(struct link_end *end);

/* This end has no connection any more; nobody is told. */
void link_end_forget(struct link_end *end);

/* The ends of this link at a node whose process ended have no connection any more. */
void link_end_of_stopped(struct link *link, const struct node *node);

#endif
