// SPDX-License-Identifier: Apache-2.0
/* What the files of a lane share. Everything here is the lane thread's, unless it says otherwise. */
#ifndef MYCELIUM_DATAPLANE_LANE_INTERNAL_H
#define MYCELIUM_DATAPLANE_LANE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/ring.h"
#include "base/slot.h"
#include "base/token_bucket.h"
#include "crypto/nonce.h"
#include "dataplane/coalesce.h"
#include "dataplane/lane.h"
#include "dataplane/queue.h"
#include "wire/icmp6.h"
#include "wire/sealed.h"

enum {
	KEY_CACHE_SIZE = 4096,		/* expanded keys, by secret id */
	HINTS_SIZE = 256,		/* routes whose refresh was asked for lately */
	HINT_REPEAT_MS = 100,		/* for each row: prefixes that share one take turns */
	REPORT_SOURCES = 256,		/* token buckets for originators, by hash */
	WATCH_TURN_MS = 100,
	SILENT_AFTER_MS = 200,		/* without an answer: the peer is silent */
	QUIET_AFTER_MS = 300,		/* a busy link on which nothing came for so long has fallen quiet */
	BUSY_TURNS = 3,
	TUN_BATCH = 128,		/* packets read from the interface in one turn, a few more when one stands for several */
	EVENTS_KEPT_BACK = LANE_LINKS_MAX + 64,	/* room in the event ring for what control must learn: closings */
	SLOTS_KEPT_BACK = 4096,		/* for control frames, whatever data packets wait */
	SLOT_SHARE = 16,		/* one queue may hold this part of the free slots */
};

/* One link and what waits for it. */
struct port {
	uint32_t peer;
	struct link *link;
	struct loop_io *io;
	struct queue queue;
	struct list flush;		/* in lane->to_flush when something was queued in this round */
	bool blocked;			/* the connection takes no more: wait until it is writable */
	bool reading;
	int watched;			/* events polled for */
	uint64_t progress_ms;		/* when something was last written, or nothing waited */
	uint64_t heard_ms;		/* when something was last read */
	uint64_t unanswered_since_ms;	/* when something was first written after that; 0: nothing was */
	unsigned busy_turns;		/* watch turns in a row in which something was read, up to BUSY_TURNS */
	unsigned control_sent;		/* since the last LANE_CONTROL_SENT */
};

/* One order of control. */
enum lane_order_type { ORDER_ADD_LINK, ORDER_CLOSE_LINK, ORDER_CONTROL, ORDER_RETRY, ORDER_REFUSE, ORDER_STOP };

struct lane_order {
	enum lane_order_type type;
	uint32_t peer;
	union {
		struct link *link;
		struct parcel *parcel;
		struct {
			uint16_t len;
			uint8_t bytes[TLV_FRAME_SIZE_MAX];
		} control;
	};
};

struct key_cache_row {
	uint64_t secret_id;
	struct aead_key *key;
};

/* Bytes of one link; written by the lane, read by control. The row is a peer's from port_open() on. */
struct link_bytes {
	_Atomic uint32_t peer;
	_Atomic uint64_t rx, tx;
};

struct lane {
	/* Shared with control. */
	struct ring *orders, *events;
	struct loop_wake *wake, *wake_control;
	atomic_bool starved;		/* the lane waits for room in the event ring */
	_Atomic uint64_t parcel_bytes;	/* in parcels on their way to control */
	_Atomic uint64_t counters[LANE_COUNTERS];
	struct link_bytes *bytes;	/* LANE_LINKS_MAX rows */
	struct fib *fib;
	pthread_t thread;

	/* The lane's own. */
	struct loop *loop;
	uint64_t now_ms;		/* of this round */
	struct ip6 address;
	uint64_t own_upper;		/* own /64 */
	struct tun *tun;
	struct loop_io *tun_io;
	struct loop_timer *second;
	struct loop_timer *watch;	/* runs while some port is busy or waits for an answer */
	bool watching;
	struct slot_pool *pool;
	struct nonce_sequence nonces;
	struct key_cache_row keys[KEY_CACHE_SIZE];
	struct port *ports[LANE_LINKS_MAX];
	struct list to_flush;
	unsigned paused;		/* ports that do not read for want of room in the event ring */
	uint64_t hints_until_ms[HINTS_SIZE];	/* no refresh is asked for before */
	struct hash_key hash_key;
	struct token_bucket local_reports, remote_reports;
	struct token_bucket source_reports[REPORT_SOURCES];
	struct coalescer coalescer;	/* what waits for the end of the present read of a link */
	uint8_t read_buffer[LINK_READ_SIZE];
	uint8_t tun_buffer[TUN_READ_MAX];	/* a packet of the interface that stands for several */
};

static inline void lane_count(struct lane *lane, enum lane_counter counter)
{
	/* One writer: a plain increment, made visible to readers. */
	_Atomic uint64_t *at = &lane->counters[counter];
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* An event control can do without: NULL when the ring has no room to spare. */
static inline struct lane_event *lane_event_optional(struct lane *lane)
{
	return ring_room(lane->events) > EVENTS_KEPT_BACK ? ring_reserve(lane->events) : NULL;
}

/* First thing in each callback of the loop: a timer set from an old time would be due again at once. */
static inline void lane_look_at_clock(struct lane *lane)
{
	lane->now_ms = loop_now_ms(lane->loop);
}

static inline bool lane_is_own(const struct lane *lane, const struct ip6 *address)
{
	return ip6_upper64(address) == lane->own_upper;
}

/* Slots data packets may still take. */
static inline size_t lane_slots_free(const struct lane *lane)
{
	size_t used = slot_pool_used(lane->pool), limit = LANE_SLOTS_MAX - SLOTS_KEPT_BACK;
	return used < limit ? limit - used : 0;
}

/* A slot for a data packet, or NULL. */
static inline struct slot *lane_take_slot(struct lane *lane, size_t len, size_t tailroom)
{
	return lane_slots_free(lane) > 0 ? slot_take(lane->pool, len, tailroom) : NULL;
}

/* lane.c */

/* Hands a packet to control. `error` is for PARCEL_REPORT, else NULL. Counts a drop when there is no room. */
void lane_ask_control(struct lane *lane, enum parcel_kind kind, const struct ip6 *source, const struct ip6 *destination,
		      const uint8_t *bytes, size_t len, const struct icmp6_error *error);

/* Asks control to refresh the route to `address` when it is about to expire, at most once per HINT_REPEAT_MS. */
void lane_hint_refresh(struct lane *lane, const struct fib_route *route, const struct ip6 *address);

/* Something was read or written: silence is to be noticed from now on. */
void lane_start_watching(struct lane *lane);

/* The expanded key of a secret, or NULL without memory. */
struct aead_key *lane_key(struct lane *lane, const struct fib_secret *secret);

/* Writes a packet to the interface, if there is one. */
void lane_write_tun(struct lane *lane, const uint8_t *packet, size_t len);

/* port.c */
void port_open(struct lane *lane, uint32_t peer, struct link *link);
void port_close(struct lane *lane, struct port *port, int error, const char *text);
struct port *port_find(const struct lane *lane, uint32_t peer);

/* Queue a slot (taken over) for a peer; a peer that is gone drops it. */
void port_send_data(struct lane *lane, uint32_t peer, struct slot *slot);
void port_send_control(struct lane *lane, uint32_t peer, const uint8_t *frame, size_t len);

/* Sends what was queued in this round. */
void port_flush_all(struct lane *lane);

/* Goes on reading after the event ring was full. */
void port_resume_reading(struct lane *lane);

/* Every WATCH_TURN_MS while needed: tells control of silent peers. Returns whether any port is still to be watched. */
bool port_watch_all(struct lane *lane);

/* Once a second: closes links that take nothing, tells what could not be told for want of room. */
void port_check_all(struct lane *lane);

/* egress.c: a packet from the local host (the slot is taken over). */
void egress_packet(struct lane *lane, struct slot *slot);

/* A packet of the local host that stands for several. Returns for how many. */
unsigned egress_batch(struct lane *lane, const uint8_t *packet, size_t len, const struct tun_offload *offload);

/* Sends a payload in a slot (SEAL_TAILROOM behind it; taken over) to `destination` by `route`, which has peer and secret. */
void egress_seal(struct lane *lane, struct slot *slot, enum user_type type, const struct ip6 *source,
		 const struct ip6 *destination, uint8_t hop_limit, const struct fib_route *route);

/* ingress.c: a data frame from a peer, in place. */
void ingress_data(struct lane *lane, struct frame *frame);

/* A frame whose hop limit was already decremented: for this node, or to be passed on. */
void ingress_deliver(struct lane *lane, struct frame *frame);
void ingress_forward(struct lane *lane, struct frame *frame);

/* report.c: ICMPv6 errors, to the local host about its packets, and out of band about frames of others. */
extern const struct icmp6_error report_no_route, report_time_exceeded;
void report_local(struct lane *lane, const uint8_t *packet, size_t len, const struct icmp6_error *error);
void report_remote(struct lane *lane, const struct frame *frame, const struct icmp6_error *error);

/* The second try, once control has looked for the originator's key. */
void report_remote_again(struct lane *lane, const struct frame *frame, const struct icmp6_error *error);

/* A received out-of-band report, opened. */
void report_received(struct lane *lane, const struct frame *frame, uint8_t *payload, size_t len);

#endif
