// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes: the threads that move packets between the interface and the links.
 *
 *     control ──orders──▶ ┌────────────────────────────┐ ──events──▶ control
 *                         │ tun ─ egress ─┐            │
 *                         │               ├─ queue ─ link
 *                         │ tun ─ ingress ┘            │
 *                         └────── fib (read only) ─────┘
 *                              ▲ handoffs │  slots home
 *                              │          ▼
 *                            every other lane
 *
 * Each lane has a queue of the interface and a share of the links, which it alone touches from lanes_add_link() until their
 * LANE_LINK_CLOSED event. QUIC connections live in a lane from their first packet on, and are offered to control
 * (LANE_LINK_OFFERED), which answers with lanes_adopt_link() or lanes_refuse_link(). A packet whose link is another lane's goes there through a ring, with one wake-up for all of a
 * round. The kernel sends a flow to the queue that its answers are written to, so most flows stay in the lane of their link.
 *
 * A packet with a route and a key stays in the lanes: no lock, no allocation, no system call but its read and write. What
 * needs a decision goes to control as a parcel and comes back with an order.
 *
 * All functions are called on the control thread.
 */
#ifndef MYCELIUM_DATAPLANE_LANES_H
#define MYCELIUM_DATAPLANE_LANES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "base/loop.h"
#include "dataplane/fib.h"
#include "dataplane/parcel.h"
#include "dataplane/queue.h"
#include "link/link.h"
#include "link/quic.h"
#include "tun/tun.h"
#include "wire/tlv.h"

enum {
	LANES_MAX = 16,
	LANE_LINKS_MAX = 4096,		/* the low 16 bits of a peer handle are below this */
	LANES_SLOTS_MAX = 32768,	/* 64 MiB of packets, in all lanes */
	LANES_PARCEL_BYTES_MAX = 16777216,	/* in parcels on their way to control */
	LANE_ORDERS_MAX = 16384,
	LANE_EVENTS_MAX = 32768,
	LANE_STALLED_MS = 43000,	/* a link that takes nothing for so long while something waits is closed */
};

struct lanes;

struct lanes_config {
	unsigned count;			/* of lanes, 1 to LANES_MAX */
	struct ip6 address;		/* of this node */
	struct fib *fib;
	/* The queues of the interface, for as many lanes: one without may write to the first. None: packets for the host are
	 * dropped. They stay the caller's and must outlive the lanes. */
	struct tun *tun[LANES_MAX];
	/* For QUIC: NULL for none. Both stay the caller's and must outlive the lanes. */
	const struct quic_identity *quic_identity;
	struct quic_sockets quic_sockets[LANES_MAX];
	struct loop_wake *wake_control;	/* called when events were published */
	uint64_t seed;			/* for tables keyed by others' addresses */
};

/* Starts the threads. Returns NULL without memory, descriptors or threads. */
struct lanes *lanes_start(const struct lanes_config *config);

/* Ends the threads, closes the links, frees. Events not yet taken are freed too. NULL is fine. */
void lanes_stop(struct lanes *lanes);

/* ---- orders: take effect with the next lanes_commit() -------------------------------------------------------------- */

/* Hands a link over, for this peer handle. Returns 0, or -EAGAIN when the order ring is full: the link stays the caller's. */
int lanes_add_link(struct lanes *lanes, uint32_t peer, struct link *link);

/* An address of the network below. */
union underlay_address {
	struct sockaddr any;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
};

/* Dials over QUIC. LANE_LINK_OFFERED or LANE_DIAL_FAILED follows with this ticket, unless the event ring was full: the
 * caller has a timeout of its own. Returns 0; -EAGAIN when the order ring is full; -EAFNOSUPPORT without a socket for it. */
int lanes_dial_quic(struct lanes *lanes, const struct sockaddr *remote, socklen_t len, uint64_t ticket);

/* Takes an offered link for this peer handle. When it ended meanwhile, LANE_LINK_CLOSED follows. Returns 0 or -EAGAIN. */
int lanes_adopt_link(struct lanes *lanes, unsigned lane, uint64_t offer, uint32_t peer);

/* Closes an offered link. When the order ring is full it ends by itself some time later. */
void lanes_refuse_link(struct lanes *lanes, unsigned lane, uint64_t offer);

/* Closes a peer's link; LANE_LINK_CLOSED follows, once. Returns 0 or -EAGAIN. */
int lanes_close_link(struct lanes *lanes, uint32_t peer);

/* Whether there is room for control frames: some room is kept back for the other orders. */
bool lanes_has_room(struct lanes *lanes);

/* Sends one control frame to a peer. lanes_has_room() must hold. */
void lanes_send_control(struct lanes *lanes, uint32_t peer, const uint8_t *frame, size_t len);

/* Tries a parcel again (taken over): route and key are in the FIB now. Dropped when the ring is full. */
void lanes_retry(struct lanes *lanes, struct parcel *parcel);

/* There is no route for this parcel (taken over): its sender gets ICMPv6 "no route". Dropped when the ring is full. */
void lanes_refuse(struct lanes *lanes, struct parcel *parcel);

/* Lets the lanes see the orders since the last commit: one wake-up for all orders of a lane. */
void lanes_commit(struct lanes *lanes);

/* ---- events ------------------------------------------------------------------------------------------------------ */

enum lane_event_type {
	LANE_TLV,		/* a TLV from a peer */
	LANE_PARCEL,		/* a packet that needs a route or a key; the receiver owns it */
	LANE_REFRESH,		/* traffic uses a route that is about to expire */
	LANE_SILENT,		/* a peer leaves us without any sign; repeated while it does */
	LANE_CONTROL_SENT,	/* so many control frames of a peer left the queue */
	LANE_LINK_OFFERED,	/* a QUIC connection was made: adopt or refuse it */
	LANE_DIAL_FAILED,	/* lanes_dial_quic() came to nothing */
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
		struct {
			uint64_t ticket;	/* 0: the peer dialled */
			uint64_t id;		/* of the offer, in this lane */
			unsigned lane;
			uint32_t rtt_us;
			union underlay_address remote;
		} offered;
		struct {
			uint64_t ticket;
			int error;
			const char *text;	/* static, or NULL */
		} failed;
	};
};

/* The oldest event, or NULL; valid until lanes_pop_event(). */
struct lane_event *lanes_next_event(struct lanes *lanes);
void lanes_pop_event(struct lanes *lanes);

/* To be called after events were taken: lanes that held back for want of room go on. */
void lanes_events_taken(struct lanes *lanes);

/* ---- counters ---------------------------------------------------------------------------------------------------- */

/* A peer's link; all 0 before the lane has it. Bytes are as of now, the rest as of the last second. */
struct lane_link_state {
	uint64_t rx_bytes, tx_bytes;	/* frames, without what the transport adds */
	struct link_stats transport;
	uint32_t queued_packets;	/* waiting in front of the link */
	uint64_t queued_bytes;
	struct queue_counters drops;
};

void lanes_link_state(const struct lanes *lanes, uint32_t peer, struct lane_link_state *ret);

/* Sums of all lanes. */
enum lane_counter {
	LANE_PACKETS_LOCAL,		/* delivered to this host */
	LANE_PACKETS_FORWARDED,		/* sent or passed on to a peer */
	LANE_PACKETS_EXPIRED,		/* hop limit */
	LANE_PACKETS_NO_ROUTE,
	LANE_PACKETS_INVALID,		/* not what the rules of docs/protocol/dataplane.md allow */
	LANE_PACKETS_UNDECRYPTABLE,
	LANE_PACKETS_DROPPED_QUEUE,	/* gave way in a link's queue */
	LANE_PACKETS_DROPPED_DELAY,	/* waited too long there: CoDel */
	LANE_PACKETS_MARKED,		/* the same, but sent on with a mark (ECN) */
	LANE_PACKETS_DROPPED_MEMORY,	/* no slot, no room in a ring */
	LANE_REPORTS_SENT,
	LANE_REPORTS_LIMITED,		/* not sent: token bucket */
	LANE_TUN_ERRORS,
	LANE_COUNTERS,
};

uint64_t lanes_counter(const struct lanes *lanes, enum lane_counter counter);

#endif
