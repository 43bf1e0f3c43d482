// SPDX-License-Identifier: Apache-2.0
/* What the files of the lanes share. Everything here is the lane thread's, unless it says otherwise. */
#ifndef MYCELIUM_DATAPLANE_LANE_INTERNAL_H
#define MYCELIUM_DATAPLANE_LANE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/alarm.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/ring.h"
#include "base/slot.h"
#include "base/token_bucket.h"
#include "crypto/nonce.h"
#include "dataplane/coalesce.h"
#include "dataplane/lanes.h"
#include "dataplane/queue.h"
#include "link/stream.h"
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
	TUN_PAUSE_US = 1000,		/* without a packet of the host: the next one is looked for alone */
	TLV_SIZE_MIN = 5,		/* the shortest known TLV: bytes yield no more TLVs than their number divided by this */
	EVENTS_KEPT_BACK = LANE_LINKS_MAX + 64,	/* room in the event ring for what control must learn: closings */
	SLOTS_KEPT_BACK = 8,		/* this part of all slots is for control frames, whatever data packets wait */
	SLOTS_FOR_HANDOFFS = 4,		/* this part of a lane's slots is not for waiting when there are other lanes */
	SLOT_SHARE = 16,		/* one link may hold this part of the free slots, and of the bytes below */
	UNSENT_BYTES_MAX = 8388608,	/* that left the queues of all links and that no connection took yet */
	BURST_SIZE = 81920,		/* bytes given to a link at once: what one read of the interface makes stays in the caches */
	HANDOFFS_MAX = 4096,		/* packets on their way from one lane to another */
};

/* One link and what waits for it. */
struct port {
	uint32_t peer;
	struct link *link;
	struct loop_io *io;		/* NULL for QUIC: lane_quic.c reads for all of them */
	struct list flush;		/* in lane->to_flush when something was queued in this round */
	struct list read;		/* in lane->to_read when it has bytes that polling does not tell of */
	bool blocked;			/* the connection takes no more: wait until it is writable */
	bool reading;
	int watched;			/* events polled for */
	uint64_t progress_ms;		/* when something was last written, or nothing waited */
	uint64_t heard_ms;		/* when something was last read */
	uint64_t unanswered_since_ms;	/* when something was first written after that; 0: nothing was */
	unsigned busy_turns;		/* watch turns in a row in which something was read, up to BUSY_TURNS */
	unsigned control_sent;		/* since the last LANE_CONTROL_SENT */
	/* Frames to be passed on that still lie in the read buffer: places in lane->passing, counted from 1. */
	unsigned passing_first, passing_last;
	size_t passing_bytes;
	struct queue queue;
};

/* A received frame that goes out to another link from where it lies. */
struct passing_frame {
	struct iovec bytes;
	unsigned next;	/* of the same port, counted from 1 */
};

/* What is given to a link at once. */
struct burst {
	struct port *port;	/* whose it is while it fills; else NULL */
	unsigned count;
	size_t bytes;		/* in all frames */
	size_t filled;		/* of the buffer: sealed packets */
	struct slot *held;	/* slots whose frames are sent from where they are */
	struct iovec frames[LINK_VECTOR];
	uint8_t buffer[BURST_SIZE];
};

/* The last address looked up in this round and what was found, or NULL: most packets have that of the packet before. */
struct last_lookup {
	bool holds;
	struct ip6 address;
	const struct fib_route *route;
};

/* A packet on its way to the lane of its link. */
struct handoff {
	struct slot *slot;
	uint32_t peer;
	uint32_t share;	/* how many slots the link may hold, as free ones are left in the lane that the slot is of */
};

/* One order of control. */
enum lane_order_type {
	ORDER_ADD_LINK,
	ORDER_DIAL_QUIC,
	ORDER_ADOPT_LINK,
	ORDER_REFUSE_LINK,
	ORDER_CLOSE_LINK,
	ORDER_CONTROL,
	ORDER_RETRY,
	ORDER_REFUSE,
	ORDER_STOP,
};

struct lane_order {
	enum lane_order_type type;
	uint32_t peer;
	union {
		struct link *link;
		uint64_t offer;
		struct {
			uint64_t ticket;
			socklen_t len;
			union underlay_address remote;
		} dial;
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

/* One link as control sees it; written by the lane. The row is a peer's from port_open() on. */
struct link_row {
	_Atomic uint32_t peer;
	_Atomic uint64_t rx, tx;
	_Atomic uint32_t rtt_us, queued_packets;
	_Atomic uint64_t lost, dropped, queued_bytes, overflow, delayed, marked;
};

struct lane {
	/* Shared with control. */
	struct ring *orders, *events;
	struct loop_wake *wake, *wake_control;
	atomic_bool starved;		/* the lane waits for room in the event ring */
	_Atomic uint64_t parcel_bytes;	/* in parcels on their way to control */
	_Atomic uint64_t counters[LANE_COUNTERS];
	struct link_row *rows;		/* LANE_LINKS_MAX */
	struct fib *fib;
	pthread_t thread;
	bool running;

	/* All lanes by index, this one among them, and what goes from it to each other: packets, and their slots back. */
	struct lane **lanes;
	unsigned index, lane_count;
	struct ring *handoffs[LANES_MAX];
	struct ring *homeward[LANES_MAX];
	const _Atomic uint8_t *lane_of;	/* by the low 16 bits of a peer handle: which lane has its link */

	/* The lane's own. */
	struct loop *loop;
	uint64_t now_ms, now_us;	/* of this callback */
	struct ip6 address;
	uint64_t own_upper;		/* own /64 */
	struct tun *tun;		/* to write to */
	struct loop_io *tun_io;		/* NULL: it reads from none */
	uint64_t tun_heard_us;		/* when it last had something to read */
	struct loop_timer *second;
	struct loop_timer *watch;	/* runs while some port is busy or waits for an answer */
	bool watching;
	struct slot_pool *pool;
	size_t slots_max, parcel_bytes_max;
	struct nonce_sequence nonces;
	struct last_lookup last_source, last_destination;
	struct key_cache_row keys[KEY_CACHE_SIZE];
	struct port *ports[LANE_LINKS_MAX];
	struct list to_flush, to_read;
	unsigned paused;		/* ports that do not read for want of room in the event ring */
	struct quic *quic;		/* NULL: no QUIC */
	struct quic_socket {
		struct lane *lane;
		struct loop_io *io;	/* NULL: no such socket */
		int watched;		/* events polled for */
	} quic_sockets[2];
	struct loop_alarm *quic_alarm;
	bool quic_unfinished;		/* frames of a batch wait for room in the event ring */
	size_t unsent_bytes;		/* in all links */
	uint64_t hints_until_ms[HINTS_SIZE];	/* no refresh is asked for before */
	struct hash_key hash_key;
	struct token_bucket local_reports, remote_reports;
	struct token_bucket source_reports[REPORT_SOURCES];
	bool reads_link;		/* frames lie in the read buffer, or their link, until the end of this read */
	struct coalescer coalescer;	/* what waits for that end */
	struct frame_vector frames;
	unsigned passing_count;
	struct passing_frame passing[LINK_VECTOR];
	struct burst burst;
	uint8_t read_buffer[STREAM_READ_SIZE + STREAM_BUFFER_SIZE];	/* for a last read behind others */
	uint8_t tun_buffer[SLOT_HEADROOM + TUN_READ_MAX];
};

/* One writer: a plain addition, made visible to control. */
static inline void lane_add(_Atomic uint64_t *at, uint64_t number)
{
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + number, memory_order_relaxed);
}

static inline void lane_count(struct lane *lane, enum lane_counter counter)
{
	lane_add(&lane->counters[counter], 1);
}

/* An event control can do without: NULL when the ring has no room to spare. */
static inline struct lane_event *lane_event_optional(struct lane *lane)
{
	return ring_room(lane->events) > EVENTS_KEPT_BACK ? ring_reserve(lane->events) : NULL;
}

/* Again when much was done meanwhile. */
static inline void lane_look_at_clock_us(struct lane *lane)
{
	lane->now_us = monotonic_us();
	if (lane->quic != NULL)
		quic_set_time(lane->quic, lane->now_us);
}

/* First thing in each callback of the loop: a timer set from an old time would be due again at once. */
static inline void lane_look_at_clock(struct lane *lane)
{
	lane->now_ms = loop_now_ms(lane->loop);
	lane_look_at_clock_us(lane);
}

/* The route to an address, or NULL. Valid in this round. */
static inline const struct fib_route *lane_lookup(const struct lane *lane, struct last_lookup *last, const struct ip6 *address)
{
	if (!last->holds || !ip6_equal(&last->address, address))
		*last = (struct last_lookup){.holds = true, .address = *address, .route = fib_lookup(lane->fib, address)};
	return last->route;
}

/* The lane that has a peer's link. */
static inline unsigned lane_index_of(const _Atomic uint8_t *lane_of, uint32_t peer)
{
	return atomic_load_explicit(&lane_of[(peer & 0xffff) % LANE_LINKS_MAX], memory_order_relaxed);
}

static inline bool lane_is_own(const struct lane *lane, const struct ip6 *address)
{
	return ip6_upper64(address) == lane->own_upper;
}

/* Slots data packets may still take. */
static inline size_t lane_slots_free(const struct lane *lane)
{
	size_t used = slot_pool_used(lane->pool), limit = lane->slots_max - lane->slots_max / SLOTS_KEPT_BACK;
	return used < limit ? limit - used : 0;
}

/* A slot for a data packet, or NULL. */
static inline struct slot *lane_take_slot(struct lane *lane, size_t len, size_t tailroom)
{
	return lane_slots_free(lane) > 0 ? slot_take(lane->pool, len, tailroom) : NULL;
}

/* The hash that tells flows apart in queues: of a frame by its addresses, all that can be seen of it; of a packet by what
 * RFC 6438 takes. */
static inline uint32_t lane_flow_of_frame(const struct lane *lane, const uint8_t *frame)
{
	enum { ADDRESSES_AT = 8, ADDRESSES_SIZE = 32 };
	return (uint32_t)hash_bytes(&lane->hash_key, &frame[ADDRESSES_AT], ADDRESSES_SIZE);
}

uint32_t lane_flow_of_packet(const struct lane *lane, const uint8_t *packet, size_t len);

/* lane.c */

/* Makes a lane without a thread; the rings to others are still missing. Returns NULL without memory or descriptors. */
struct lane *lane_new(const struct lanes_config *config, unsigned index);

/* The thread. */
void *lane_run(void *lane);

/* After all threads have ended: closes links, sends slots home, wherever they are. */
void lane_clear(struct lane *lane);

/* After all lanes were cleared. NULL is fine. */
void lane_free(struct lane *lane);

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

/* port.c: without a link, which ended before it could be taken, control only hears that it is closed. */
void port_open(struct lane *lane, uint32_t peer, struct link *link);
void port_close(struct lane *lane, struct port *port, int error, const char *text);
struct port *port_find(const struct lane *lane, uint32_t peer);

/* Handles frames of a peer that were read, and counts them as `bytes` read. Returns whether the peer's port is still there. */
bool port_take_frames(struct lane *lane, uint32_t peer, size_t bytes);

/* The end of a read: its buffer is used again. */
void port_finish_read(struct lane *lane);

/* The link may take more. */
void port_unblock(struct lane *lane, uint32_t peer);

/* Sends a packet of this host, which has USER_HEADER_SIZE writable bytes in front of it: at once when nothing waits, else from
 * a copy. At most TUN_MTU bytes. */
void port_send_packet(struct lane *lane, uint32_t peer, uint8_t *packet, size_t len);

/* Queue a slot (taken over) for a peer, whose link may be another lane's; a peer that is gone drops it. */
void port_send_data(struct lane *lane, uint32_t peer, struct slot *slot);
void port_send_control(struct lane *lane, uint32_t peer, const uint8_t *frame, size_t len);

/* Sends a frame from where it lies, at the end of the present read of a link; false when it has to wait in a queue. */
bool port_pass_on(struct lane *lane, uint32_t peer, const struct frame *frame);

/* Takes a packet that another lane has for a link of this one. */
void port_take_over(struct lane *lane, const struct handoff *handoff);

/* Sends a burst that is half full, which another packet that stands for several would only overfill. */
void port_flush_burst(struct lane *lane);

/* Sends what was queued in this round. */
void port_flush_all(struct lane *lane);

/* Ports go on reading after the event ring was full. */
void port_resume_reading(struct lane *lane);

/* Reads what polling does not tell of. */
void port_read_pending(struct lane *lane);

/* Every WATCH_TURN_MS while needed: tells control of silent peers. Returns whether any port is still to be watched. */
bool port_watch_all(struct lane *lane);

/* Once a second: closes links that take nothing, tells what could not be told for want of room. */
void port_check_all(struct lane *lane);

/* lane_quic.c: the lane's QUIC endpoint. Returns false without memory or descriptors. */
bool lane_quic_start(struct lane *lane, const struct lanes_config *config);
void lane_quic_stop(struct lane *lane);
void lane_quic_dial(struct lane *lane, const struct lane_order *order);
void lane_quic_adopt(struct lane *lane, uint32_t peer, uint64_t offer);
void lane_quic_refuse(struct lane *lane, uint64_t offer);

/* Goes on reading after the event ring was full. */
void lane_quic_resume(struct lane *lane);

/* Before the lane sleeps: sends what is due, sets the alarm. */
void lane_quic_round_end(struct lane *lane);

/* burst.c: takes a frame of the present read among those that go out with the next burst, or refuses. */
bool burst_pass_on(struct lane *lane, struct port *port, const struct frame *frame);

/* Empties it for the next one, whoever's that is. */
void burst_reset(struct burst *burst);

/* Whether a packet may go straight into the burst of a port: nothing waits there. */
bool burst_takes(struct lane *lane, struct port *port);

/* Seals a packet of this host there. It has USER_HEADER_SIZE writable bytes in front of it. */
void burst_add(struct lane *lane, struct port *port, uint8_t *packet, size_t len);

/* Sends what waits for a port, as far as its link takes it. Returns the number of bytes written, or a negative errno
 * when the connection broke. */
long burst_send(struct lane *lane, struct port *port);

/* egress.c: what was read from the interface: a packet of the local host, or one that stands for several. It has
 * USER_HEADER_SIZE writable bytes in front of it, and is used up. Returns for how many it stands. */
unsigned egress(struct lane *lane, uint8_t *packet, size_t len, const struct tun_offload *offload);

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
