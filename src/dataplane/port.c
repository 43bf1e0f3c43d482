// SPDX-License-Identifier: Apache-2.0
/* The lane's side of a link: reading frames, queueing, flushing, closing. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/lane_internal.h"

enum {
	READ_SIZE_MIN = 512,	/* less is not worth a system call */
	READ_MORE_FROM = 16384,	/* so much in one read means that more will be there soon */
	READ_ALIGNMENT = 64,
	TAKE_OVER_MAX = 64,	/* packets of other lanes queued before they are sent: large ones fill a burst */
};

struct port *port_find(const struct lane *lane, uint32_t peer)
{
	struct port *port = lane->ports[(peer & 0xffff) % LANE_LINKS_MAX];
	return port != NULL && port->peer == peer ? port : NULL;
}

static struct link_row *row_of(const struct lane *lane, uint32_t peer)
{
	return &lane->rows[(peer & 0xffff) % LANE_LINKS_MAX];
}

static void watch(struct port *port)
{
	if (port->io == NULL)
		return;
	int events = (port->reading ? LOOP_READABLE : 0) | (port->blocked ? LOOP_WRITABLE : 0);
	/* Each change costs system calls, and flushing rarely changes anything. */
	if (events != port->watched)
		loop_io_watch(port->io, events);
	port->watched = events;
}

static void pass_tlvs(struct lane *lane, const struct port *port, const struct frame *frame)
{
	struct reader body = frame_control_body(frame);
	struct tlv tlv;
	while (tlv_next(&body, &tlv)) {
		struct lane_event *event = lane_event_optional(lane);
		/* The read was no larger than what finds room. */
		assert(event != NULL);
		event->type = LANE_TLV;
		event->peer = port->peer;
		event->tlv = tlv;
	}
}

static void handle_frames(struct lane *lane, struct port *port, struct frame_vector *frames)
{
	for (unsigned i = 0; i < frames->count; i++) {
		if (frames->frames[i].type == FRAME_CONTROL)
			pass_tlvs(lane, port, &frames->frames[i]);
		else
			ingress_data(lane, &frames->frames[i]);
	}
}

void port_finish_read(struct lane *lane)
{
	coalesce_flush(&lane->coalescer);
	if (lane->passing_count > 0)
		port_flush_all(lane);
	lane->passing_count = 0;
	lane->reads_link = false;
}

/* How much may be read so that all TLVs in it, and in the frame that it may complete, find room in the event ring; 0 pauses
 * reading. Data frames raise fewer events than TLVs of their size. */
static size_t read_budget(struct lane *lane, const struct port *port)
{
	size_t room = ring_room(lane->events), carried = stream_carried(port->link);
	size_t bytes = room > EVENTS_KEPT_BACK ? (room - EVENTS_KEPT_BACK) * TLV_SIZE_MIN : 0;
	if (bytes < carried + READ_SIZE_MIN)
		return 0;
	return bytes - carried < STREAM_READ_SIZE ? bytes - carried : STREAM_READ_SIZE;
}

static void pause_reading(struct lane *lane, struct port *port)
{
	port->reading = false;
	watch(port);
	lane->paused++;
	atomic_store(&lane->starved, true);
	/* Control may have taken the events before it could see that somebody waits. */
	if (read_budget(lane, port) > 0 && atomic_exchange(&lane->starved, false))
		port_resume_reading(lane);
}

/* The port may have been closed while what it brought was sent on: to itself. */
static void close_if_open(struct lane *lane, uint32_t peer, int error)
{
	struct port *port = port_find(lane, peer);
	if (port != NULL)
		port_close(lane, port, error, error == -EPROTO ? link_protocol_error(port->link) : NULL);
}

static void note_read(struct lane *lane, struct port *port, long got)
{
	lane_add(&row_of(lane, port->peer)->rx, (uint64_t)got);
	port->heard_ms = lane->now_ms;
	port->unanswered_since_ms = 0;
	lane_start_watching(lane);
}

/* Sends what is passed on when the next frames might not find room beside it: a link that takes them all must not have to
 * queue them. Returns whether the port is still there, which may pass on to itself. */
static bool make_room_for_passing(struct lane *lane, uint32_t peer)
{
	if (lane->passing_count + lane->frames.count <= LINK_VECTOR)
		return true;
	port_flush_all(lane);
	lane->passing_count = 0;
	return port_find(lane, peer) != NULL;
}

bool port_take_frames(struct lane *lane, uint32_t peer, size_t bytes)
{
	struct port *port = port_find(lane, peer);
	if (port == NULL)
		return false;
	note_read(lane, port, (long)bytes);
	if (!make_room_for_passing(lane, peer))
		return false;
	handle_frames(lane, port, &lane->frames);
	return port_find(lane, peer) != NULL;
}

/* Reads once and handles what came. Returns the number of bytes read, or a negative errno; with -ENOTCONN the port is gone. */
static long read_once(struct lane *lane, struct port *port, uint8_t *buffer, size_t budget)
{
	long got = stream_read(port->link, buffer, budget);
	if (got < 0)
		return got;
	note_read(lane, port, got);
	uint32_t peer = port->peer;
	int error;
	while ((error = stream_next_frames(port->link, &lane->frames)) == 0 && lane->frames.count > 0) {
		if (!make_room_for_passing(lane, peer))
			return -ENOTCONN;
		handle_frames(lane, port, &lane->frames);
	}
	/* What came before a bad frame was good. */
	handle_frames(lane, port, &lane->frames);
	return error != 0 ? error : got;
}

/* What the transport took from the descriptor but did not give yet is asked for in the next round, so that a peer that sends
 * without end does not keep the others waiting. */
static void read_later(struct lane *lane, struct port *port)
{
	if (port == NULL || !port->reading || !stream_pending(port->link))
		return;
	if (list_empty(&port->read))
		list_append(&lane->to_read, &port->read);
	loop_wake(lane->wake);
}

/*
 * While frames are opened more of them arrive: what is there by then is read behind the first, so that more packets can be
 * joined. A frame that was completed in its link does not stay there for that.
 */
static void read_port(struct lane *lane, struct port *port)
{
	uint32_t peer = port->peer;
	size_t budget = read_budget(lane, port), at = 0;
	if (budget == 0) {
		pause_reading(lane, port);
		return;
	}
	long got;
	bool stays;
	lane->reads_link = true;
	do {
		size_t carried = stream_carried(port->link);
		stays = carried < STREAM_LARGE_CARRY;
		got = read_once(lane, port, &lane->read_buffer[at], budget);
		at += got > 0 ? (carried + (size_t)got + READ_ALIGNMENT - 1) / READ_ALIGNMENT * READ_ALIGNMENT : 0;
		/* After an error the port may be gone. */
	} while (got >= READ_MORE_FROM && stays && at < STREAM_READ_SIZE && (budget = read_budget(lane, port)) > 0);
	port_finish_read(lane);
	if (got < 0 && got != -EAGAIN)
		close_if_open(lane, peer, (int)got);
	else
		read_later(lane, port_find(lane, peer));
}

void port_read_pending(struct lane *lane)
{
	struct list now;
	list_init(&now);
	for (struct list *node; (node = list_pop(&lane->to_read)) != NULL;)
		list_append(&now, node);
	for (struct list *node; (node = list_pop(&now)) != NULL;)
		read_port(lane, container_of(node, struct port, read));
}

static void queue_flush(struct lane *lane, struct port *port)
{
	if (!port->blocked && list_empty(&port->flush))
		list_append(&lane->to_flush, &port->flush);
}

/* How many slots one link may hold: a share of those that are free, so that links which take nothing, however many, leave
 * room for the others. Slots that go to other lanes are away for a round even when their link takes all, and some are kept
 * for that. */
static size_t slot_share(const struct lane *lane)
{
	size_t free = lane_slots_free(lane), kept = lane->lane_count > 1 ? lane->slots_max / SLOTS_FOR_HANDOFFS : 0;
	return (free > kept ? free - kept : 0) / SLOT_SHARE + 1;
}

/* Without room now, the next flush or the next second tells. */
static void tell_control_sent(struct lane *lane, struct port *port)
{
	struct lane_event *event = port->control_sent > 0 ? lane_event_optional(lane) : NULL;
	if (event == NULL)
		return;
	event->type = LANE_CONTROL_SENT;
	event->peer = port->peer;
	event->frames = port->control_sent;
	port->control_sent = 0;
}

/* Sends until the queue is empty or the connection takes no more. */
static void flush_port(struct lane *lane, struct port *port)
{
	if (lane->burst.port != NULL && lane->burst.port != port)
		flush_port(lane, lane->burst.port);
	long written = burst_send(lane, port);
	if (written < 0) {
		port_close(lane, port, (int)written, NULL);
		return;
	}
	if (written > 0 || !port->blocked)
		port->progress_ms = lane->now_ms;
	if (written > 0 && port->unanswered_since_ms == 0) {
		port->unanswered_since_ms = lane->now_ms;
		lane_start_watching(lane);
	}
	lane_add(&row_of(lane, port->peer)->tx, (uint64_t)written);
	tell_control_sent(lane, port);
	watch(port);
}

void port_flush_all(struct lane *lane)
{
	if (list_empty(&lane->to_flush))
		return;
	/* Much may have been read since the callback began. */
	lane_look_at_clock_us(lane);
	for (struct list *node; (node = list_pop(&lane->to_flush)) != NULL;)
		flush_port(lane, container_of(node, struct port, flush));
}

void port_flush_burst(struct lane *lane)
{
	if (lane->burst.filled > BURST_SIZE / 2)
		flush_port(lane, lane->burst.port);
}

struct port_context {
	struct lane *lane;
	struct port port;
};

static struct lane *lane_of(struct port *port)
{
	return container_of(port, struct port_context, port)->lane;
}

/* Polling only says that something is wrong; reading to the end says what. */
static int cause_of(struct lane *lane, struct port *port, int error)
{
	long cause;
	do
		cause = stream_read(port->link, lane->read_buffer, STREAM_READ_SIZE);
	while (cause > 0);
	return cause != -EAGAIN ? (int)cause : error;
}

static void on_link_ready(void *context, int events, int error)
{
	struct port *port = context;
	struct lane *lane = lane_of(port);
	lane_look_at_clock(lane);
	if (error != 0) {
		port_close(lane, port, cause_of(lane, port, error), NULL);
		return;
	}
	if ((events & LOOP_WRITABLE) != 0) {
		port->blocked = false;
		queue_flush(lane, port);
	}
	if ((events & LOOP_READABLE) != 0)
		read_port(lane, port);
}

static void tell_closed(struct lane *lane, uint32_t peer, int error, const char *text)
{
	const struct link_row *row = row_of(lane, peer);
	/* Control always learns of a closing: room is kept back, one for each link. */
	struct lane_event *event = ring_reserve(lane->events);
	assert(event != NULL);
	event->type = LANE_LINK_CLOSED;
	event->peer = peer;
	event->closed.error = error;
	event->closed.text = text;
	event->closed.rx_bytes = atomic_load_explicit(&row->rx, memory_order_relaxed);
	event->closed.tx_bytes = atomic_load_explicit(&row->tx, memory_order_relaxed);
}

static void set_number(_Atomic uint64_t *at, uint64_t number)
{
	atomic_store_explicit(at, number, memory_order_relaxed);
}

static void look_at_state(struct lane *lane, struct port *port)
{
	struct link_row *row = row_of(lane, port->peer);
	struct link_stats stats;
	link_get_stats(port->link, &stats);
	port->queue.repair_us = stats.repair_us;
	atomic_store_explicit(&row->rtt_us, stats.rtt_us, memory_order_relaxed);
	atomic_store_explicit(&row->queued_packets, port->queue.count, memory_order_relaxed);
	set_number(&row->lost, stats.lost);
	set_number(&row->dropped, stats.dropped);
	set_number(&row->queued_bytes, port->queue.bytes);
	set_number(&row->overflow, port->queue.counters.overflow);
	set_number(&row->delayed, port->queue.counters.delayed);
	set_number(&row->marked, port->queue.counters.marked);
}

void port_open(struct lane *lane, uint32_t peer, struct link *link)
{
	uint32_t row = (peer & 0xffff) % LANE_LINKS_MAX;
	/* An order to close it may have found no room. */
	if (lane->ports[row] != NULL)
		port_close(lane, lane->ports[row], 0, NULL);
	struct link_row *link_row = row_of(lane, peer);
	set_number(&link_row->rx, 0);
	set_number(&link_row->tx, 0);
	if (link == NULL) {
		tell_closed(lane, peer, -ECONNRESET, NULL);
		return;
	}
	struct port_context *context = calloc(1, sizeof(*context));
	struct port *port = context != NULL ? &context->port : NULL;
	bool polled = link_fd(link) >= 0;
	if (port != NULL && polled)
		port->io = loop_io_new(lane->loop, link_fd(link), on_link_ready, port);
	if (port == NULL || (polled && port->io == NULL)) {
		free(context);
		link_free(link);
		tell_closed(lane, peer, -ENOMEM, NULL);
		return;
	}
	context->lane = lane;
	port->peer = peer;
	port->link = link;
	port->reading = true;
	port->progress_ms = port->heard_ms = lane->now_ms;
	list_init(&port->flush);
	list_init(&port->read);
	lane->ports[row] = port;
	look_at_state(lane, port);
	atomic_store_explicit(&link_row->peer, peer, memory_order_release);
	watch(port);
}

void port_close(struct lane *lane, struct port *port, int error, const char *text)
{
	uint32_t peer = port->peer;
	lane->ports[(peer & 0xffff) % LANE_LINKS_MAX] = NULL;
	list_remove(&port->flush);
	list_remove(&port->read);
	if (lane->burst.port == port)
		burst_reset(&lane->burst);
	loop_io_free(port->io);
	lane->paused -= !port->reading;
	queue_clear(&port->queue, lane->pool);
	lane->unsent_bytes -= link_unsent(port->link);
	link_free(port->link);
	free(container_of(port, struct port_context, port));
	tell_closed(lane, peer, error, text);
}

/* A link that was idle has not stood still. */
static void note_start(const struct lane *lane, struct port *port)
{
	if (!port->blocked && queue_empty(&port->queue))
		port->progress_ms = lane->now_ms;
}

static void queue_data(struct lane *lane, uint32_t peer, struct slot *slot, size_t share)
{
	struct port *port = port_find(lane, peer);
	if (port == NULL) {
		lane_count(lane, LANE_PACKETS_NO_ROUTE);
		slot_give(lane->pool, slot);
		return;
	}
	note_start(lane, port);
	uint64_t before = port->queue.counters.overflow;
	queue_put_data(&port->queue, slot, share, lane->now_us, lane->pool);
	lane_add(&lane->counters[LANE_PACKETS_DROPPED_QUEUE], port->queue.counters.overflow - before);
	queue_flush(lane, port);
}

/* A copy of a packet that has to wait. */
static void wait_in_slot(struct lane *lane, uint32_t peer, const uint8_t *packet, size_t len)
{
	struct slot *slot = lane_take_slot(lane, len, 0);
	if (slot == NULL) {
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return;
	}
	memcpy(slot->data, packet, len);
	slot->is_packet = true;
	slot->flow = lane_flow_of_packet(lane, packet, len);
	port_send_data(lane, peer, slot);
}

void port_send_packet(struct lane *lane, uint32_t peer, uint8_t *packet, size_t len)
{
	bool ours = lane_index_of(lane->lane_of, peer) == lane->index;
	struct port *port = ours ? port_find(lane, peer) : NULL;
	if (ours && port == NULL) {
		lane_count(lane, LANE_PACKETS_NO_ROUTE);
		return;
	}
	if (!ours || !burst_takes(lane, port)) {
		/* A full burst leaves, and then there is room for the next packet, if the link took it. */
		wait_in_slot(lane, peer, packet, len);
		if (ours && lane->burst.port == port)
			flush_port(lane, port);
		return;
	}
	note_start(lane, port);
	burst_add(lane, port, packet, len);
	queue_flush(lane, port);
}

void port_send_data(struct lane *lane, uint32_t peer, struct slot *slot)
{
	unsigned owner = lane_index_of(lane->lane_of, peer);
	if (owner == lane->index) {
		queue_data(lane, peer, slot, slot_share(lane));
		return;
	}
	struct handoff *handoff = ring_reserve(lane->handoffs[owner]);
	if (handoff == NULL) {
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		slot_give(lane->pool, slot);
		return;
	}
	*handoff = (struct handoff){.slot = slot, .peer = peer, .share = (uint32_t)slot_share(lane)};
}

bool port_pass_on(struct lane *lane, uint32_t peer, const struct frame *frame)
{
	struct port *port = port_find(lane, peer);
	if (port == NULL || !lane->reads_link || !burst_pass_on(lane, port, frame))
		return false;
	note_start(lane, port);
	queue_flush(lane, port);
	return true;
}

/* What comes over is as much as another lane read meanwhile: more than a link may queue, even one that takes it all. */
void port_take_over(struct lane *lane, const struct handoff *handoff)
{
	struct port *port = port_find(lane, handoff->peer);
	size_t most = handoff->share < TAKE_OVER_MAX ? handoff->share : TAKE_OVER_MAX;
	if (port != NULL && !port->blocked && port->queue.count >= most)
		flush_port(lane, port);
	queue_data(lane, handoff->peer, handoff->slot, handoff->share);
}

void port_send_control(struct lane *lane, uint32_t peer, const uint8_t *frame, size_t len)
{
	struct port *port = port_find(lane, peer);
	if (port == NULL)
		return;
	struct slot *slot = slot_take(lane->pool, len, 0);
	if (slot == NULL) {
		/* A lost control frame could leave the peer with a stale route: let it start afresh instead. */
		port_close(lane, port, -ENOBUFS, NULL);
		return;
	}
	memcpy(slot->data, frame, len);
	note_start(lane, port);
	queue_put_control(&port->queue, slot);
	queue_flush(lane, port);
}

void port_resume_reading(struct lane *lane)
{
	for (unsigned i = 0; i < LANE_LINKS_MAX && lane->paused > 0; i++) {
		struct port *port = lane->ports[i];
		if (port == NULL || port->reading)
			continue;
		port->reading = true;
		lane->paused--;
		watch(port);
		read_later(lane, port);
	}
}

void port_unblock(struct lane *lane, uint32_t peer)
{
	struct port *port = port_find(lane, peer);
	if (port == NULL)
		return;
	port->blocked = false;
	queue_flush(lane, port);
}

static void tell_silent(struct lane *lane, const struct port *port, uint64_t unanswered_ms)
{
	struct lane_event *event = lane_event_optional(lane);
	if (event == NULL)
		return;
	event->type = LANE_SILENT;
	event->peer = port->peer;
	event->unanswered_ms = unanswered_ms;
}

/* How long the peer owes us a sign. Acknowledgements of the transport are signs: a peer that is slow, or whose process is
 * stopped, still gives them, and what waits in its queue is no silence. */
static uint64_t unanswered_ms(struct lane *lane, struct port *port)
{
	if (port->unanswered_since_ms == 0)
		return 0;
	uint64_t unanswered = lane->now_ms - port->unanswered_since_ms;
	if (unanswered < SILENT_AFTER_MS)
		return 0;
	long unacknowledged = link_unacknowledged_ms(port->link);
	if (unacknowledged == 0)
		port->unanswered_since_ms = 0;
	return unacknowledged >= 0 && (uint64_t)unacknowledged < unanswered ? (uint64_t)unacknowledged : unanswered;
}

/* Returns whether the port is to be looked at again. */
static bool watch_port(struct lane *lane, struct port *port)
{
	/* What is not read cannot be heard. */
	if (!port->reading) {
		port->heard_ms = lane->now_ms;
		port->unanswered_since_ms = 0;
		return true;
	}
	uint64_t quiet_ms = lane->now_ms - port->heard_ms;
	if (quiet_ms <= WATCH_TURN_MS)
		port->busy_turns += port->busy_turns < BUSY_TURNS;
	else if (quiet_ms >= QUIET_AFTER_MS && port->busy_turns == BUSY_TURNS) {
		port->busy_turns = 0;
		tell_silent(lane, port, 0);
	} else if (quiet_ms >= QUIET_AFTER_MS)
		port->busy_turns = 0;
	uint64_t unanswered = unanswered_ms(lane, port);
	if (unanswered >= SILENT_AFTER_MS)
		tell_silent(lane, port, unanswered);
	return port->busy_turns > 0 || port->unanswered_since_ms != 0;
}

bool port_watch_all(struct lane *lane)
{
	bool again = false;
	for (unsigned i = 0; i < LANE_LINKS_MAX; i++)
		if (lane->ports[i] != NULL)
			again |= watch_port(lane, lane->ports[i]);
	return again;
}

void port_check_all(struct lane *lane)
{
	for (unsigned i = 0; i < LANE_LINKS_MAX; i++) {
		struct port *port = lane->ports[i];
		if (port == NULL)
			continue;
		tell_control_sent(lane, port);
		look_at_state(lane, port);
		if (port->blocked && lane->now_ms - port->progress_ms > LANE_STALLED_MS)
			port_close(lane, port, -ETIMEDOUT, NULL);
	}
}
