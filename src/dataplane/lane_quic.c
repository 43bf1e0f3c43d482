// SPDX-License-Identifier: Apache-2.0
/* The lane's QUIC endpoint: its sockets and its alarm, offers to control, frames of all its links. */
#include <errno.h>
#include <string.h>

#include "dataplane/lane_internal.h"

enum {
	BATCHES_PER_TURN = 8,	/* then others get their turn */
	UNFINISHED_US = 1000,
	EVENTS_OF_VECTOR = (QUIC_VECTOR_BYTES + FRAME_SIZE_MAX) / TLV_SIZE_MIN,	/* at most */
};

_Static_assert((int)EVENTS_OF_VECTOR + (int)EVENTS_KEPT_BACK < (int)LANE_EVENTS_MAX, "an empty event ring takes any vector");
_Static_assert(sizeof(((struct lane *)NULL)->read_buffer) >= (size_t)QUIC_BUFFER_SIZE, "frames of a batch find room");

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void offer(struct lane *lane, const struct quic_event *quic_event)
{
	struct lane_event *event = lane_event_optional(lane);
	if (event == NULL) {
		quic_refuse(lane->quic, quic_event->id);
		return;
	}
	event->type = LANE_LINK_OFFERED;
	event->peer = FIB_NO_PEER;
	event->offered.ticket = quic_event->ticket;
	event->offered.id = quic_event->id;
	event->offered.lane = lane->index;
	event->offered.rtt_us = quic_event->rtt_us;
	memcpy(&event->offered.remote, &quic_event->remote, sizeof(event->offered.remote));
}

static void tell_failed(struct lane *lane, uint64_t ticket, int error, const char *text)
{
	struct lane_event *event = lane_event_optional(lane);
	if (event == NULL)
		return;
	event->type = LANE_DIAL_FAILED;
	event->peer = FIB_NO_PEER;
	event->failed.ticket = ticket;
	event->failed.error = error;
	event->failed.text = text;
}

static void take_events(struct lane *lane)
{
	struct quic_event event;
	while (quic_next_event(lane->quic, &event)) {
		struct port *port;
		switch (event.type) {
		case QUIC_CONNECTED:
			offer(lane, &event);
			break;
		case QUIC_FAILED:
			tell_failed(lane, event.ticket, event.error, event.text);
			break;
		case QUIC_CLOSED:
			if ((port = port_find(lane, event.peer)) != NULL)
				port_close(lane, port, event.error, event.text);
			break;
		case QUIC_WRITABLE:
			port_unblock(lane, event.peer);
			break;
		}
	}
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static bool has_room(const struct lane *lane)
{
	return ring_room(lane->events) > (size_t)EVENTS_KEPT_BACK + EVENTS_OF_VECTOR;
}

/* Handles the frames of the present batch. Returns false when the event ring has no room for all of them. */
static bool take_batch(struct lane *lane)
{
	size_t at = 0;
	int result = 1;
	lane->reads_link = true;
	while (result != 0 && has_room(lane)) {
		uint32_t peer;
		size_t before = at;
		result = quic_next_frames(lane->quic, lane->read_buffer, &at, &peer, &lane->frames);
		if (result > 0)
			port_take_frames(lane, peer, at - before);
		if (result == -ENOBUFS) {
			port_finish_read(lane);
			lane->reads_link = true;
			at = 0;
		}
	}
	port_finish_read(lane);
	return result == 0;
}

static void watch_socket(struct lane *lane, unsigned index)
{
	struct quic_socket *socket = &lane->quic_sockets[index];
	int events = (lane->quic_unfinished ? 0 : LOOP_READABLE) |
		     (quic_socket_blocked(lane->quic, index) ? LOOP_WRITABLE : 0);
	if (socket->io == NULL || events == socket->watched)
		return;
	loop_io_watch(socket->io, events);
	socket->watched = events;
}

/* Takes the batch; what the event ring has no room for waits until control made some. */
static void take_batch_or_wait(struct lane *lane)
{
	lane->quic_unfinished = !take_batch(lane);
	if (!lane->quic_unfinished)
		return;
	atomic_store(&lane->starved, true);
	/* Control may have taken the events before it could see that somebody waits: it would not wake this lane. */
	if (has_room(lane) && atomic_exchange(&lane->starved, false))
		loop_wake(lane->wake);
}

void lane_quic_resume(struct lane *lane)
{
	if (lane->quic_unfinished)
		take_batch_or_wait(lane);
}

static void on_socket_ready(void *context, int events, int error)
{
	struct quic_socket *socket = context;
	struct lane *lane = socket->lane;
	unsigned index = (unsigned)(socket - lane->quic_sockets);
	(void)events;
	lane_look_at_clock(lane);
	/* An error of the network waits to be read; polling stopped over it. */
	if (error != 0)
		socket->watched = 0;
	for (unsigned i = 0; i < BATCHES_PER_TURN && !lane->quic_unfinished; i++) {
		if (quic_receive(lane->quic, index) < 0)
			break;
		take_batch_or_wait(lane);
		if (!quic_batch_was_full(lane->quic))
			break;
	}
	take_events(lane);
}

/* ---- orders and time --------------------------------------------------------------------------------------------- */

void lane_quic_dial(struct lane *lane, const struct lane_order *order)
{
	int error = quic_dial(lane->quic, &order->dial.remote.any, order->dial.len, order->dial.ticket);
	if (error != 0)
		tell_failed(lane, order->dial.ticket, error, NULL);
}

void lane_quic_adopt(struct lane *lane, uint32_t peer, uint64_t id)
{
	port_open(lane, peer, quic_adopt(lane->quic, id, peer));
}

void lane_quic_refuse(struct lane *lane, uint64_t id)
{
	quic_refuse(lane->quic, id);
}

static void on_alarm(void *context)
{
	struct lane *lane = context;
	lane_look_at_clock(lane);
	quic_expire(lane->quic);
	if (!lane->quic_unfinished)
		take_batch_or_wait(lane);
	take_events(lane);
}

void lane_quic_round_end(struct lane *lane)
{
	quic_flush(lane->quic);
	take_events(lane);
	port_flush_all(lane);
	quic_transmit(lane->quic);
	watch_socket(lane, 0);
	watch_socket(lane, 1);
	/* What waits for room would be due all the time. */
	uint64_t deadline_us = quic_deadline_us(lane->quic);
	if (lane->quic_unfinished && deadline_us < lane->now_us + UNFINISHED_US)
		deadline_us = lane->now_us + UNFINISHED_US;
	loop_alarm_set(lane->quic_alarm, deadline_us);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool watch_sockets(struct lane *lane, const struct quic_sockets *sockets)
{
	for (unsigned i = 0; i < 2; i++) {
		struct quic_socket *socket = &lane->quic_sockets[i];
		socket->lane = lane;
		if (sockets->fd[i] < 0)
			continue;
		socket->io = loop_io_new(lane->loop, sockets->fd[i], on_socket_ready, socket);
		if (socket->io == NULL)
			return false;
		watch_socket(lane, i);
	}
	return true;
}

/* How many lanes have sockets: all of them or, where the kernel cannot tell their packets apart, the first. */
static unsigned lanes_with_sockets(const struct lanes_config *config)
{
	unsigned count = 0;
	while (count < config->count && (config->quic_sockets[count].fd[0] >= 0 || config->quic_sockets[count].fd[1] >= 0))
		count++;
	return count;
}

bool lane_quic_start(struct lane *lane, const struct lanes_config *config)
{
	unsigned count = config->quic_identity != NULL ? lanes_with_sockets(config) : 0;
	if (lane->index >= count)
		return true;
	struct quic_config quic_config = {
		.identity = config->quic_identity,
		.sockets = config->quic_sockets[lane->index],
		.lane = lane->index,
		.lanes = count,
		.seed = config->seed,
	};
	lane->quic = quic_new(&quic_config);
	lane->quic_alarm = loop_alarm_new(lane->loop, on_alarm, lane);
	return lane->quic != NULL && lane->quic_alarm != NULL && watch_sockets(lane, &quic_config.sockets);
}

void lane_quic_stop(struct lane *lane)
{
	quic_free(lane->quic);
	lane->quic = NULL;
	loop_alarm_free(lane->quic_alarm);
}
