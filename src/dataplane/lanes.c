// SPDX-License-Identifier: Apache-2.0
/* The lanes as control sees them: their life, orders to them and events from them. */
#include "dataplane/lanes.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/lane_internal.h"

enum {
	/* Of an order ring: closing every link must always be possible, parcels give way to that, control frames to both. */
	ORDERS_KEPT_FOR_LINKS = LANE_LINKS_MAX + 64,
	ORDERS_KEPT_BACK = 2 * LANE_LINKS_MAX,
};

struct lanes {
	unsigned count;
	unsigned next;	/* whose events come next */
	struct lane *lane[LANES_MAX];
	struct quic_sockets quic_sockets[LANES_MAX];
	_Atomic uint8_t lane_of[LANE_LINKS_MAX];	/* by the low 16 bits of a peer handle */
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

_Static_assert((int)LANES_SLOTS_MAX / 2 + (int)SLOT_JUMBOS_MAX <= (int)LANES_SLOTS_MAX, "slots of one of two lanes, or of more");

/* A ring to each other lane for packets, and one for slots on their way home, which has room for all there can be. */
static bool connect_lane(struct lanes *lanes, struct lane *lane)
{
	lane->lanes = lanes->lane;
	lane->lane_count = lanes->count;
	lane->lane_of = lanes->lane_of;
	for (unsigned i = 0; i < lanes->count; i++) {
		if (i == lane->index)
			continue;
		lane->handoffs[i] = ring_new(sizeof(struct handoff), HANDOFFS_MAX);
		lane->homeward[i] = ring_new(sizeof(struct slot *), LANES_SLOTS_MAX);
		if (lane->handoffs[i] == NULL || lane->homeward[i] == NULL)
			return false;
	}
	return true;
}

static bool build(struct lanes *lanes, const struct lanes_config *config)
{
	for (unsigned i = 0; i < lanes->count; i++)
		if ((lanes->lane[i] = lane_new(config, i)) == NULL)
			return false;
	for (unsigned i = 0; i < lanes->count; i++)
		if (!connect_lane(lanes, lanes->lane[i]))
			return false;
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = lanes->lane[i];
		if (pthread_create(&lane->thread, NULL, lane_run, lane) != 0)
			return false;
		lane->running = true;
	}
	return true;
}

struct lanes *lanes_start(const struct lanes_config *config)
{
	struct lanes *lanes = calloc(1, sizeof(*lanes));
	assert(config->count > 0 && config->count <= LANES_MAX);
	if (lanes == NULL)
		return NULL;
	lanes->count = config->count;
	memcpy(lanes->quic_sockets, config->quic_sockets, sizeof(lanes->quic_sockets));
	/* Signals are control's. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = build(lanes, config);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!started) {
		lanes_stop(lanes);
		return NULL;
	}
	return lanes;
}

static struct lane_order *reserve(struct lane *lane, enum lane_order_type type, uint32_t peer)
{
	struct lane_order *order = ring_reserve(lane->orders);
	if (order != NULL) {
		order->type = type;
		order->peer = peer;
	}
	return order;
}

static void commit(struct lane *lane)
{
	if (ring_publish(lane->orders))
		loop_wake(lane->wake);
}

void lanes_stop(struct lanes *lanes)
{
	if (lanes == NULL)
		return;
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = lanes->lane[i];
		if (lane == NULL || !lane->running)
			continue;
		while (reserve(lane, ORDER_STOP, FIB_NO_PEER) == NULL)
			commit(lane);
		commit(lane);
	}
	for (unsigned i = 0; i < lanes->count; i++)
		if (lanes->lane[i] != NULL && lanes->lane[i]->running)
			pthread_join(lanes->lane[i]->thread, NULL);
	for (unsigned i = 0; i < lanes->count; i++)
		if (lanes->lane[i] != NULL)
			lane_clear(lanes->lane[i]);
	for (unsigned i = 0; i < lanes->count; i++)
		lane_free(lanes->lane[i]);
	free(lanes);
}

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static struct lane *lane_of_peer(const struct lanes *lanes, uint32_t peer)
{
	return lanes->lane[lane_index_of(lanes->lane_of, peer)];
}

/* Before the peer has routes: packets that use them find its lane. */
static void settle(struct lanes *lanes, uint32_t peer, unsigned lane)
{
	assert((peer & 0xffff) < LANE_LINKS_MAX);
	atomic_store_explicit(&lanes->lane_of[peer & 0xffff], (uint8_t)lane, memory_order_relaxed);
}

int lanes_add_link(struct lanes *lanes, uint32_t peer, struct link *link)
{
	settle(lanes, peer, (peer & 0xffff) % lanes->count);
	struct lane_order *order = reserve(lane_of_peer(lanes, peer), ORDER_ADD_LINK, peer);
	if (order == NULL)
		return -EAGAIN;
	order->link = link;
	return 0;
}

/* Which lane dials next: in turn, of those that have a socket. */
static struct lane *lane_to_dial(const struct lanes *lanes, uint64_t ticket, sa_family_t family)
{
	unsigned index = family == AF_INET6;
	for (unsigned i = 0; i < lanes->count; i++) {
		unsigned candidate = (unsigned)((ticket + i) % lanes->count);
		if (lanes->lane[candidate]->quic != NULL && lanes->quic_sockets[candidate].fd[index] >= 0)
			return lanes->lane[candidate];
	}
	return NULL;
}

int lanes_dial_quic(struct lanes *lanes, const struct sockaddr *remote, socklen_t len, uint64_t ticket)
{
	struct lane *lane = lane_to_dial(lanes, ticket, remote->sa_family);
	if (lane == NULL || len > sizeof(union underlay_address))
		return -EAFNOSUPPORT;
	struct lane_order *order = reserve(lane, ORDER_DIAL_QUIC, FIB_NO_PEER);
	if (order == NULL)
		return -EAGAIN;
	order->dial.ticket = ticket;
	order->dial.len = len;
	memcpy(&order->dial.remote, remote, len);
	return 0;
}

int lanes_adopt_link(struct lanes *lanes, unsigned lane, uint64_t offer, uint32_t peer)
{
	settle(lanes, peer, lane);
	struct lane_order *order = reserve(lanes->lane[lane], ORDER_ADOPT_LINK, peer);
	if (order == NULL)
		return -EAGAIN;
	order->offer = offer;
	return 0;
}

void lanes_refuse_link(struct lanes *lanes, unsigned lane, uint64_t offer)
{
	struct lane_order *order = reserve(lanes->lane[lane], ORDER_REFUSE_LINK, FIB_NO_PEER);
	if (order != NULL)
		order->offer = offer;
}

int lanes_close_link(struct lanes *lanes, uint32_t peer)
{
	return reserve(lane_of_peer(lanes, peer), ORDER_CLOSE_LINK, peer) != NULL ? 0 : -EAGAIN;
}

bool lanes_has_room(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++)
		if (ring_room(lanes->lane[i]->orders) <= ORDERS_KEPT_BACK)
			return false;
	return true;
}

void lanes_send_control(struct lanes *lanes, uint32_t peer, const uint8_t *frame, size_t len)
{
	struct lane_order *order = reserve(lane_of_peer(lanes, peer), ORDER_CONTROL, peer);
	assert(order != NULL && len <= sizeof(order->control.bytes));
	order->control.len = (uint16_t)len;
	memcpy(order->control.bytes, frame, len);
}

static void send_parcel(struct lanes *lanes, enum lane_order_type type, struct parcel *parcel)
{
	struct lane *lane = lanes->lane[parcel->lane];
	struct lane_order *order = ring_room(lane->orders) > ORDERS_KEPT_FOR_LINKS ? reserve(lane, type, FIB_NO_PEER) : NULL;
	if (order == NULL)
		parcel_free(parcel);
	else
		order->parcel = parcel;
}

void lanes_retry(struct lanes *lanes, struct parcel *parcel)
{
	send_parcel(lanes, ORDER_RETRY, parcel);
}

void lanes_refuse(struct lanes *lanes, struct parcel *parcel)
{
	send_parcel(lanes, ORDER_REFUSE, parcel);
}

void lanes_commit(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++)
		commit(lanes->lane[i]);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

struct lane_event *lanes_next_event(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane_event *event = ring_front(lanes->lane[lanes->next]->events);
		if (event != NULL)
			return event;
		lanes->next = (lanes->next + 1) % lanes->count;
	}
	return NULL;
}

void lanes_pop_event(struct lanes *lanes)
{
	struct lane *lane = lanes->lane[lanes->next];
	const struct lane_event *event = ring_front(lane->events);
	if (event->type == LANE_PARCEL)
		atomic_fetch_sub_explicit(&lane->parcel_bytes, event->parcel_len, memory_order_relaxed);
	ring_pop(lane->events);
}

void lanes_events_taken(struct lanes *lanes)
{
	/* A lane that never falls silent must not keep the others from being heard. */
	lanes->next = (lanes->next + 1) % lanes->count;
	for (unsigned i = 0; i < lanes->count; i++)
		if (atomic_exchange(&lanes->lane[i]->starved, false))
			loop_wake(lanes->lane[i]->wake);
}

/* ---- counters ---------------------------------------------------------------------------------------------------- */

static uint64_t number_of(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

void lanes_link_state(const struct lanes *lanes, uint32_t peer, struct lane_link_state *ret)
{
	const struct link_row *row = &lane_of_peer(lanes, peer)->rows[(peer & 0xffff) % LANE_LINKS_MAX];
	*ret = (struct lane_link_state){0};
	/* The row may still be that of the peer before. */
	if (atomic_load_explicit(&row->peer, memory_order_acquire) != peer)
		return;
	*ret = (struct lane_link_state){
		.rx_bytes = number_of(&row->rx),
		.tx_bytes = number_of(&row->tx),
		.transport = {.rtt_us = atomic_load_explicit(&row->rtt_us, memory_order_relaxed),
			      .lost = number_of(&row->lost),
			      .dropped = number_of(&row->dropped)},
		.queued_packets = atomic_load_explicit(&row->queued_packets, memory_order_relaxed),
		.queued_bytes = number_of(&row->queued_bytes),
		.drops = {.overflow = number_of(&row->overflow),
			  .delayed = number_of(&row->delayed),
			  .marked = number_of(&row->marked)},
	};
}

uint64_t lanes_counter(const struct lanes *lanes, enum lane_counter counter)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < lanes->count; i++)
		sum += atomic_load_explicit(&lanes->lane[i]->counters[counter], memory_order_relaxed);
	return sum;
}
