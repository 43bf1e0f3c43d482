// SPDX-License-Identifier: Apache-2.0
/*
 * A lane: the thread that moves packets between the interface and its links.
 *
 *     control ──orders──▶ ┌────────────────────────────┐ ──events──▶ control
 *                         │ tun ─ egress ─┐            │
 *                         │               ├─ queue ─ link
 *                         │ tun ─ ingress ┘            │
 *                         └────── fib (read only) ─────┘
 *
 * A packet with a route and a key stays in the lane: no lock, no allocation, no system call but its read and write. What
 * needs a decision goes to control as a parcel and comes back with an order. Links belong to the lane from lane_add_link()
 * until their LANE_LINK_CLOSED event.
 *
 * All functions are called on the control thread.
 */
#ifndef MYCELIUM_DATAPLANE_LANE_H
#define MYCELIUM_DATAPLANE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "base/loop.h"
#include "dataplane/fib.h"
#include "dataplane/parcel.h"
#include "link/link.h"
#include "tun/tun.h"
#include "wire/tlv.h"

enum {
	LANE_LINKS_MAX = 4096,		/* the low 16 bits of a peer handle are below this */
	LANE_SLOTS_MAX = 32768,		/* 64 MiB of packets */
	LANE_PARCEL_BYTES_MAX = 16777216,	/* in parcels on their way to control */
	LANE_ORDERS_MAX = 16384,
	LANE_EVENTS_MAX = 32768,
	LANE_STALLED_MS = 43000,	/* a link that takes nothing for so long while something waits is closed */
};

struct lane;

struct lane_config {
	struct ip6 address;		/* of this node */
	struct fib *fib;
	struct tun *tun;		/* NULL: no interface; packets for the host are dropped */
	struct loop_wake *wake_control;	/* called when events were published */
	uint64_t seed;			/* for tables keyed by others' addresses */
};

/* Starts the thread. Returns NULL without memory, descriptors or threads. */
struct lane *lane_start(const struct lane_config *config);

/* Ends the thread, closes its links, frees. Events not yet taken are freed too. NULL is fine. */
void lane_stop(struct lane *lane);

/* ---- orders: take effect with the next lane_commit() -------------------------------------------------------------- */

/* Hands a link over, for this peer handle. Returns 0, or -EAGAIN when the order ring is full: the link stays the caller's. */
int lane_add_link(struct lane *lane, uint32_t peer, struct link *link);

/* Closes a peer's link; LANE_LINK_CLOSED follows, once. Returns 0 or -EAGAIN. */
int lane_close_link(struct lane *lane, uint32_t peer);

/* Whether there is room for control frames: some room is kept back for the other orders. */
bool lane_has_room(struct lane *lane);

/* Sends one control frame to a peer. lane_has_room() must hold. */
void lane_send_control(struct lane *lane, uint32_t peer, const uint8_t *frame, size_t len);

/* Tries a parcel again (taken over): route and key are in the FIB now. Dropped when the ring is full. */
void lane_retry(struct lane *lane, struct parcel *parcel);

/* There is no route for this parcel (taken over): its sender gets ICMPv6 "no route". Dropped when the ring is full. */
void lane_refuse(struct lane *lane, struct parcel *parcel);

/* Lets the lane see the orders since the last commit: one wake-up for all of them. */
void lane_commit(struct lane *lane);

/* ---- events ------------------------------------------------------------------------------------------------------ */

enum lane_event_type {
	LANE_TLV,		/* a TLV from a peer */
	LANE_PARCEL,		/* a packet that needs a route or a key; the receiver owns it */
	LANE_REFRESH,		/* traffic uses a route that is about to expire */
	LANE_SILENT,		/* a peer leaves us without any sign; repeated while it does */
	LANE_CONTROL_SENT,	/* so many control frames of a peer left the queue */
	LANE_LINK_CLOSED,	/* the link is gone */
	LANE_TUN_GONE,		/* the interface was removed by somebody */
};

struct lane_event {
	enum lane_event_type type;
	uint32_t peer;
	union {
		struct tlv tlv;
		struct {
			struct parcel *parcel;
			uint32_t parcel_len;
		};
		struct ip6 address;	/* REFRESH */
		unsigned frames;	/* CONTROL_SENT */
		uint64_t unanswered_ms;	/* SILENT: since something was sent; 0: a busy link has fallen quiet */
		struct {
			int error;		/* negative errno; -ENODATA: the peer closed; 0: closed by order */
			const char *text;	/* static, for -EPROTO; else NULL */
			uint64_t rx_bytes, tx_bytes;
		} closed;
	};
};

/* The oldest event, or NULL; valid until lane_pop_event(). */
struct lane_event *lane_next_event(struct lane *lane);
void lane_pop_event(struct lane *lane);

/* To be called after events were taken: a lane that held back for want of room goes on. */
void lane_events_taken(struct lane *lane);

/* ---- counters ---------------------------------------------------------------------------------------------------- */

/* Bytes moved by a peer's link so far; 0 before the lane has it. */
void lane_link_bytes(const struct lane *lane, uint32_t peer, uint64_t *ret_rx, uint64_t *ret_tx);

enum lane_counter {
	LANE_PACKETS_LOCAL,		/* delivered to this host */
	LANE_PACKETS_FORWARDED,		/* sent or passed on to a peer */
	LANE_PACKETS_EXPIRED,		/* hop limit */
	LANE_PACKETS_NO_ROUTE,
	LANE_PACKETS_INVALID,		/* not what the rules of docs/protocol/dataplane.md allow */
	LANE_PACKETS_UNDECRYPTABLE,
	LANE_PACKETS_DROPPED_QUEUE,	/* gave way in a link's queue */
	LANE_PACKETS_DROPPED_MEMORY,	/* no slot, no room in a ring */
	LANE_REPORTS_SENT,
	LANE_REPORTS_LIMITED,		/* not sent: token bucket */
	LANE_TUN_ERRORS,
	LANE_COUNTERS,
};

uint64_t lane_counter(const struct lane *lane, enum lane_counter counter);

#endif
