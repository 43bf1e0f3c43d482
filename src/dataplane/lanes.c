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
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

_Static_assert((int)LANES_SLOTS_MAX / 2 + (int)SLOT_JUMBOS_MAX <= (int)LANES_SLOTS_MAX, "slots of one of two lanes, or of more");

/* A ring to each other lane for packets, and one for slots on their way home, which has room for all there can be. */
static bool connect_lane(struct lanes *lanes, struct lane *lane)
{
	lane->lanes = lanes->lane;
	lane->lane_count = lanes->count;
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
	return lanes->lane[lane_index_of(peer, lanes->count)];
}

int lanes_add_link(struct lanes *lanes, uint32_t peer, struct link *link)
{
	assert((peer & 0xffff) < LANE_LINKS_MAX);
	struct lane_order *order = reserve(lane_of_peer(lanes, peer), ORDER_ADD_LINK, peer);
	if (order == NULL)
		return -EAGAIN;
	order->link = link;
	return 0;
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

void lanes_link_bytes(const struct lanes *lanes, uint32_t peer, uint64_t *ret_rx, uint64_t *ret_tx)
{
	const struct link_bytes *bytes = &lane_of_peer(lanes, peer)->bytes[(peer & 0xffff) % LANE_LINKS_MAX];
	/* The row may still be that of the peer before. */
	bool known = atomic_load_explicit(&bytes->peer, memory_order_acquire) == peer;
	*ret_rx = known ? atomic_load_explicit(&bytes->rx, memory_order_relaxed) : 0;
	*ret_tx = known ? atomic_load_explicit(&bytes->tx, memory_order_relaxed) : 0;
}

uint64_t lanes_counter(const struct lanes *lanes, enum lane_counter counter)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < lanes->count; i++)
		sum += atomic_load_explicit(&lanes->lane[i]->counters[counter], memory_order_relaxed);
	return sum;
}
