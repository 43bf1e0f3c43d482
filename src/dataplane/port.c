// SPDX-License-Identifier: Apache-2.0
/* The lane's side of a link: reading frames, queueing, flushing, closing. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/lane_internal.h"

enum {
	TLV_SIZE_MIN = 5,	/* the shortest known TLV: no read yields more TLVs than its bytes divided by this */
};

struct port *port_find(const struct lane *lane, uint32_t peer)
{
	struct port *port = lane->ports[(peer & 0xffff) % LANE_LINKS_MAX];
	return port != NULL && port->peer == peer ? port : NULL;
}

static void watch(struct port *port)
{
	loop_io_watch(port->io, (port->reading ? LOOP_READABLE : 0) | (port->blocked ? LOOP_WRITABLE : 0));
}

static void pass_tlvs(struct lane *lane, const struct port *port, const struct frame *frame)
{
	struct reader body = frame_control_body(frame);
	struct tlv tlv;
	while (tlv_next(&body, &tlv)) {
		struct lane_event *event = ring_reserve(lane->events);
		if (event == NULL) {
			lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
			return;
		}
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

/* How much may be read so that all TLVs in it find room in the event ring; 0 pauses reading. */
static size_t read_budget(struct lane *lane)
{
	size_t room = ring_room(lane->events);
	size_t bytes = room > EVENTS_KEPT_BACK ? (room - EVENTS_KEPT_BACK) * TLV_SIZE_MIN : 0;
	if (bytes < CONTROL_FRAME_HEADER_SIZE * 64)
		return 0;
	return bytes < LINK_READ_SIZE ? bytes : LINK_READ_SIZE;
}

static void read_port(struct lane *lane, struct port *port)
{
	size_t budget = read_budget(lane);
	if (budget == 0) {
		port->reading = false;
		watch(port);
		lane->paused++;
		atomic_store(&lane->starved, true);
		return;
	}
	long got = link_read(port->link, lane->read_buffer, budget);
	if (got == -EAGAIN)
		return;
	if (got < 0) {
		port_close(lane, port, (int)got, NULL);
		return;
	}
	_Atomic uint64_t *rx = &lane->bytes[(port->peer & 0xffff) % LANE_LINKS_MAX].rx;
	atomic_store_explicit(rx, atomic_load_explicit(rx, memory_order_relaxed) + (uint64_t)got, memory_order_relaxed);
	struct frame_vector frames;
	int error;
	while ((error = link_next_frames(port->link, &frames)) == 0 && frames.count > 0)
		handle_frames(lane, port, &frames);
	if (error != 0) {
		/* What came before the bad frame was good. */
		handle_frames(lane, port, &frames);
		port_close(lane, port, error, link_protocol_error(port->link));
	}
}

static void queue_flush(struct lane *lane, struct port *port)
{
	if (!port->blocked && list_empty(&port->flush))
		list_append(&lane->to_flush, &port->flush);
}

/* Moves slots from the queue to the link as far as it has room. */
static void refill(struct port *port)
{
	bool control;
	while (link_room(port->link) > 0) {
		struct slot *slot = queue_take(&port->queue, &control);
		if (slot == NULL)
			return;
		port->control_sent += control;
		link_put(port->link, slot);
	}
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
	long total = 0, written = 0;
	port->blocked = false;
	do {
		refill(port);
		written = link_flush(port->link, lane->pool, &port->blocked);
		total += written > 0 ? written : 0;
	} while (written > 0 && !port->blocked && !queue_empty(&port->queue));
	if (written < 0) {
		port_close(lane, port, (int)written, NULL);
		return;
	}
	if (total > 0 || !port->blocked)
		port->progress_ms = lane->now_ms;
	_Atomic uint64_t *tx = &lane->bytes[(port->peer & 0xffff) % LANE_LINKS_MAX].tx;
	atomic_store_explicit(tx, atomic_load_explicit(tx, memory_order_relaxed) + (uint64_t)total, memory_order_relaxed);
	tell_control_sent(lane, port);
	watch(port);
}

void port_flush_all(struct lane *lane)
{
	for (struct list *node; (node = list_pop(&lane->to_flush)) != NULL;)
		flush_port(lane, container_of(node, struct port, flush));
}

struct port_context {
	struct lane *lane;
	struct port port;
};

static struct lane *lane_of(struct port *port)
{
	return container_of(port, struct port_context, port)->lane;
}

static void on_link_ready(void *context, int events, int error)
{
	struct port *port = context;
	struct lane *lane = lane_of(port);
	if (error != 0) {
		/* Polling only says that something is wrong; reading says what. */
		long cause = link_read(port->link, lane->read_buffer, LINK_READ_SIZE);
		port_close(lane, port, cause < 0 ? (int)cause : error, NULL);
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
	struct link_bytes *bytes = &lane->bytes[(peer & 0xffff) % LANE_LINKS_MAX];
	/* Control always learns of a closing: room is kept back, one for each link. */
	struct lane_event *event = ring_reserve(lane->events);
	assert(event != NULL);
	event->type = LANE_LINK_CLOSED;
	event->peer = peer;
	event->closed.error = error;
	event->closed.text = text;
	event->closed.rx_bytes = atomic_load_explicit(&bytes->rx, memory_order_relaxed);
	event->closed.tx_bytes = atomic_load_explicit(&bytes->tx, memory_order_relaxed);
}

void port_open(struct lane *lane, uint32_t peer, struct link *link)
{
	uint32_t row = (peer & 0xffff) % LANE_LINKS_MAX;
	atomic_store_explicit(&lane->bytes[row].rx, 0, memory_order_relaxed);
	atomic_store_explicit(&lane->bytes[row].tx, 0, memory_order_relaxed);
	struct port_context *context = calloc(1, sizeof(*context));
	struct port *port = context != NULL ? &context->port : NULL;
	if (port != NULL)
		port->io = loop_io_new(lane->loop, link_fd(link), on_link_ready, port);
	if (port == NULL || port->io == NULL) {
		free(context);
		link_free(link, lane->pool);
		tell_closed(lane, peer, -ENOMEM, NULL);
		return;
	}
	context->lane = lane;
	port->peer = peer;
	port->link = link;
	port->reading = true;
	port->progress_ms = lane->now_ms;
	queue_init(&port->queue);
	list_init(&port->flush);
	lane->ports[row] = port;
	watch(port);
}

void port_close(struct lane *lane, struct port *port, int error, const char *text)
{
	uint32_t peer = port->peer;
	lane->ports[(peer & 0xffff) % LANE_LINKS_MAX] = NULL;
	list_remove(&port->flush);
	loop_io_free(port->io);
	lane->paused -= !port->reading;
	queue_clear(&port->queue, lane->pool);
	link_free(port->link, lane->pool);
	free(container_of(port, struct port_context, port));
	tell_closed(lane, peer, error, text);
}

void port_send_data(struct lane *lane, uint32_t peer, struct slot *slot)
{
	struct port *port = port_find(lane, peer);
	if (port == NULL) {
		lane_count(lane, LANE_PACKETS_NO_ROUTE);
		slot_give(lane->pool, slot);
		return;
	}
	uint64_t dropped = port->queue.dropped;
	queue_put_data(&port->queue, slot, lane->pool);
	for (; dropped < port->queue.dropped; dropped++)
		lane_count(lane, LANE_PACKETS_DROPPED_QUEUE);
	queue_flush(lane, port);
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
	}
}

void port_check_all(struct lane *lane)
{
	for (unsigned i = 0; i < LANE_LINKS_MAX; i++) {
		struct port *port = lane->ports[i];
		if (port == NULL)
			continue;
		tell_control_sent(lane, port);
		if (port->blocked && lane->now_ms - port->progress_ms > LANE_STALLED_MS)
			port_close(lane, port, -ETIMEDOUT, NULL);
	}
}
