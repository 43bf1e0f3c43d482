// SPDX-License-Identifier: Apache-2.0
/* A lane's thread: its loop, its rings, the interface. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/lane_internal.h"
#include "dataplane/segment.h"
#include "dataplane/transport.h"
#include "router/router.h"

enum { SECOND_MS = 1000 };

/* ---- towards control --------------------------------------------------------------------------------------------- */

void lane_ask_control(struct lane *lane, enum parcel_kind kind, const struct ip6 *source, const struct ip6 *destination,
		      const uint8_t *bytes, size_t len, const struct icmp6_error *error)
{
	struct parcel *parcel = NULL;
	/* What was missing may be there at any moment: it is looked for again. */
	lane->last_source.holds = lane->last_destination.holds = false;
	if (atomic_load_explicit(&lane->parcel_bytes, memory_order_relaxed) + len <= lane->parcel_bytes_max)
		parcel = parcel_new(kind, source, destination, bytes, len);
	struct lane_event *event = parcel != NULL ? lane_event_optional(lane) : NULL;
	if (event == NULL) {
		parcel_free(parcel);
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return;
	}
	parcel->lane = lane->index;
	if (error != NULL)
		parcel->error = *error;
	event->type = LANE_PARCEL;
	event->peer = FIB_NO_PEER;
	event->parcel = parcel;
	event->parcel_len = (uint32_t)len;
	atomic_fetch_add_explicit(&lane->parcel_bytes, len, memory_order_relaxed);
}

void lane_hint_refresh(struct lane *lane, const struct fib_route *route, const struct ip6 *address)
{
	if (route->expires_ms >= lane->now_ms + REFRESH_BEFORE_MS)
		return;
	uint64_t *until_ms = &lane->hints_until_ms[hash_u64(&lane->hash_key, ip6_upper64(address)) % HINTS_SIZE];
	if (lane->now_ms < *until_ms)
		return;
	struct lane_event *event = lane_event_optional(lane);
	if (event == NULL)
		return;
	*until_ms = lane->now_ms + HINT_REPEAT_MS;
	event->type = LANE_REFRESH;
	event->peer = FIB_NO_PEER;
	event->address = *address;
}

/* ---- what packets need ------------------------------------------------------------------------------------------- */

uint32_t lane_flow_of_packet(const struct lane *lane, const uint8_t *packet, size_t len)
{
	enum { ADDRESSES_AT = 8, ADDRESSES_SIZE = 32, PORTS_SIZE = 4 };
	uint8_t key[ADDRESSES_SIZE + PORTS_SIZE + 1] = {0};
	struct writer w = writer_init(key, sizeof(key));
	write_bytes(&w, &packet[ADDRESSES_AT], ADDRESSES_SIZE);
	uint8_t protocol = packet[IP6_NEXT_HEADER_AT];
	write_u8(&w, protocol);
	if ((protocol == NEXT_HEADER_TCP || protocol == NEXT_HEADER_UDP) && len >= IP6_HEADER_SIZE + PORTS_SIZE)
		write_bytes(&w, &packet[IP6_HEADER_SIZE], PORTS_SIZE);
	return (uint32_t)hash_bytes(&lane->hash_key, key, sizeof(key));
}

struct aead_key *lane_key(struct lane *lane, const struct fib_secret *secret)
{
	/* Ids are counted up, so up to KEY_CACHE_SIZE secrets in use do not share a row. */
	struct key_cache_row *row = &lane->keys[secret->id % KEY_CACHE_SIZE];
	if (row->secret_id != secret->id) {
		aead_key_free(row->key);
		row->key = aead_key_new(&secret->secret);
		row->secret_id = row->key != NULL ? secret->id : 0;
	}
	return row->key;
}

/* ---- interface --------------------------------------------------------------------------------------------------- */

static void tun_gone(struct lane *lane)
{
	loop_io_free(lane->tun_io);
	lane->tun_io = NULL;
	lane->tun = NULL;
	struct lane_event *event = ring_reserve(lane->events);
	assert(event != NULL);
	event->type = LANE_TUN_GONE;
	event->peer = FIB_NO_PEER;
}

/* What coalescing made of packets for the host. */
static void take_joined(void *context, const struct iovec *parts, int count, const struct tun_offload *offload)
{
	struct lane *lane = context;
	if (lane->tun != NULL && tun_write(lane->tun, parts, count, offload) != 0)
		lane_count(lane, LANE_TUN_ERRORS);
}

void lane_write_tun(struct lane *lane, const uint8_t *packet, size_t len)
{
	struct iovec part = {(uint8_t *)(uintptr_t)packet, len};
	take_joined(lane, &part, 1, &(struct tun_offload){.batch = TUN_SINGLE});
}

/* Reads what stands for one packet or several and sends it on. Returns for how many, 0 when there is nothing more. */
static unsigned read_tun_packet(struct lane *lane)
{
	struct tun_offload offload;
	uint8_t *packet = &lane->tun_buffer[SLOT_HEADROOM];
	const struct iovec part = {packet, TUN_READ_MAX};
	long len = tun_read(lane->tun, &part, 1, &offload);
	if (len > 0) {
		unsigned count = egress(lane, packet, (size_t)len, &offload);
		port_flush_burst(lane);
		return count;
	}
	if (len != -EAGAIN)
		lane_count(lane, LANE_TUN_ERRORS);
	/* Any other error would be there again at once, for ever. */
	if (len != -EAGAIN && len != -EIO && len != -EINTR)
		tun_gone(lane);
	return 0;
}

static void on_tun_ready(void *context, int events, int error)
{
	struct lane *lane = context;
	(void)events;
	lane_look_at_clock(lane);
	if (error != 0) {
		tun_gone(lane);
		return;
	}
	/* After a pause one packet seldom has others behind it, and to look for them would delay it. */
	unsigned more = 1, most = lane->now_us - lane->tun_heard_us < TUN_PAUSE_US ? TUN_BATCH : 1;
	lane->tun_heard_us = lane->now_us;
	for (unsigned taken = 0; taken < most && more > 0; taken += more)
		more = read_tun_packet(lane);
}

/* ---- orders and other lanes -------------------------------------------------------------------------------------- */

static void retry_parcel(struct lane *lane, const struct parcel *parcel)
{
	struct frame frame = {.type = FRAME_DATA, .bytes = (uint8_t *)(uintptr_t)parcel->bytes, .len = parcel->len};
	switch (parcel->kind) {
	case PARCEL_EGRESS:
		memcpy(&lane->tun_buffer[SLOT_HEADROOM], parcel->bytes, parcel->len);
		egress(lane, &lane->tun_buffer[SLOT_HEADROOM], parcel->len, &(struct tun_offload){.batch = TUN_SINGLE});
		break;
	case PARCEL_TRANSIT:
		ingress_forward(lane, &frame);
		break;
	case PARCEL_INGRESS:
		ingress_deliver(lane, &frame);
		coalesce_flush(&lane->coalescer);
		break;
	case PARCEL_REPORT:
		report_remote_again(lane, &frame, &parcel->error);
		break;
	}
}

static void refuse_parcel(struct lane *lane, const struct parcel *parcel)
{
	struct frame frame = {.type = FRAME_DATA, .bytes = (uint8_t *)(uintptr_t)parcel->bytes, .len = parcel->len};
	lane_count(lane, LANE_PACKETS_NO_ROUTE);
	if (parcel->kind == PARCEL_EGRESS)
		report_local(lane, parcel->bytes, parcel->len, &report_no_route);
	else if (parcel->kind == PARCEL_TRANSIT)
		report_remote(lane, &frame, &report_no_route);
}

static void obey(struct lane *lane, const struct lane_order *order)
{
	struct port *port;
	switch (order->type) {
	case ORDER_ADD_LINK:
		port_open(lane, order->peer, order->link);
		break;
	case ORDER_DIAL_QUIC:
		lane_quic_dial(lane, order);
		break;
	case ORDER_ADOPT_LINK:
		lane_quic_adopt(lane, order->peer, order->offer);
		break;
	case ORDER_REFUSE_LINK:
		lane_quic_refuse(lane, order->offer);
		break;
	case ORDER_CLOSE_LINK:
		port = port_find(lane, order->peer);
		if (port != NULL)
			port_close(lane, port, 0, NULL);
		break;
	case ORDER_CONTROL:
		port_send_control(lane, order->peer, order->control.bytes, order->control.len);
		break;
	case ORDER_RETRY:
		retry_parcel(lane, order->parcel);
		parcel_free(order->parcel);
		break;
	case ORDER_REFUSE:
		refuse_parcel(lane, order->parcel);
		parcel_free(order->parcel);
		break;
	case ORDER_STOP:
		loop_stop(lane->loop);
		break;
	}
}

static struct ring *from_lane(const struct lane *lane, unsigned other, bool homeward)
{
	const struct lane *from = lane->lanes[other];
	return homeward ? from->homeward[lane->index] : from->handoffs[lane->index];
}

static void take_handoffs(struct lane *lane)
{
	for (unsigned i = 0; i < lane->lane_count; i++) {
		if (i == lane->index)
			continue;
		struct ring *ring = from_lane(lane, i, false);
		for (struct handoff *handoff; (handoff = ring_front(ring)) != NULL; ring_pop(ring))
			port_take_over(lane, handoff);
	}
}

/* Slots of this lane that others have done with. */
static void take_slots_home(struct lane *lane)
{
	for (unsigned i = 0; i < lane->lane_count; i++) {
		if (i == lane->index)
			continue;
		struct ring *ring = from_lane(lane, i, true);
		for (struct slot **slot; (slot = ring_front(ring)) != NULL; ring_pop(ring))
			slot_give(lane->pool, *slot);
	}
}

static unsigned index_of_home(const struct lane *lane, const struct slot *slot)
{
	unsigned i = 0;
	while (lane->lanes[i]->pool != slot->home)
		i++;
	return i;
}

static void send_slots_home(struct lane *lane)
{
	for (struct slot *slot; (slot = slot_take_foreign(lane->pool)) != NULL;) {
		struct slot **place = ring_reserve(lane->homeward[index_of_home(lane, slot)]);
		/* There is room for all slots that exist. */
		assert(place != NULL);
		*place = slot;
	}
}

/* What this round made for other lanes; one wake-up for all packets. Slots are found when they are needed. */
static void publish_to_lanes(struct lane *lane)
{
	send_slots_home(lane);
	for (unsigned i = 0; i < lane->lane_count; i++) {
		if (i == lane->index)
			continue;
		ring_publish(lane->homeward[i]);
		if (ring_publish(lane->handoffs[i]))
			loop_wake(lane->lanes[i]->wake);
	}
}

static void on_wake(void *context)
{
	struct lane *lane = context;
	lane_look_at_clock(lane);
	for (struct lane_order *order; (order = ring_front(lane->orders)) != NULL; ring_pop(lane->orders))
		obey(lane, order);
	take_handoffs(lane);
	if (!atomic_load(&lane->starved)) {
		port_resume_reading(lane);
		lane_quic_resume(lane);
	}
	port_read_pending(lane);
}

/* ---- rounds ------------------------------------------------------------------------------------------------------ */

static void on_second(void *context)
{
	struct lane *lane = context;
	lane_look_at_clock(lane);
	port_check_all(lane);
	loop_timer_set(lane->second, lane->now_ms + SECOND_MS);
}

void lane_start_watching(struct lane *lane)
{
	if (lane->watching)
		return;
	lane->watching = true;
	loop_timer_set(lane->watch, lane->now_ms + WATCH_TURN_MS);
}

static void on_watch(void *context)
{
	struct lane *lane = context;
	lane_look_at_clock(lane);
	lane->watching = false;
	if (port_watch_all(lane))
		lane_start_watching(lane);
}

static void publish_events(struct lane *lane)
{
	if (ring_publish(lane->events))
		loop_wake(lane->wake_control);
}

static void before_sleep(void *context)
{
	struct lane *lane = context;
	port_flush_all(lane);
	if (lane->quic != NULL)
		lane_quic_round_end(lane);
	publish_to_lanes(lane);
	publish_events(lane);
	lane->last_source.holds = lane->last_destination.holds = false;
	fib_reader_rest(lane->fib);
}

static void after_sleep(void *context)
{
	struct lane *lane = context;
	fib_reader_resume();
	lane_look_at_clock(lane);
	take_slots_home(lane);
	nonce_sequence_refresh(&lane->nonces, lane->now_ms);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void *lane_run(void *context)
{
	struct lane *lane = context;
	fib_reader_start();
	lane_look_at_clock(lane);
	nonce_sequence_init(&lane->nonces, lane->now_ms);
	loop_timer_set(lane->second, lane->now_ms + SECOND_MS);
	if (lane->tun_io != NULL)
		loop_io_watch(lane->tun_io, LOOP_READABLE);
	loop_run(lane->loop);
	fib_reader_end(lane->fib);
	return NULL;
}

static bool build(struct lane *lane, const struct lanes_config *config)
{
	struct rng rng = rng_seeded(config->seed);
	lane->hash_key = (struct hash_key){rng_next(&rng), rng_next(&rng)};
	lane->address = config->address;
	lane->own_upper = ip6_upper64(&config->address);
	lane->fib = config->fib;
	lane->wake_control = config->wake_control;
	lane->slots_max = LANES_SLOTS_MAX / config->count;
	lane->parcel_bytes_max = LANES_PARCEL_BYTES_MAX / config->count;
	list_init(&lane->to_flush);
	list_init(&lane->to_read);
	lane->orders = ring_new(sizeof(struct lane_order), LANE_ORDERS_MAX);
	lane->events = ring_new(sizeof(struct lane_event), LANE_EVENTS_MAX);
	lane->rows = calloc(LANE_LINKS_MAX, sizeof(struct link_row));
	lane->pool = slot_pool_new(lane->slots_max);
	lane->loop = loop_new();
	if (lane->orders == NULL || lane->events == NULL || lane->rows == NULL || lane->pool == NULL || lane->loop == NULL)
		return false;
	lane->wake = loop_wake_new(lane->loop, on_wake, lane);
	lane->second = loop_timer_new(lane->loop, on_second, lane);
	lane->watch = loop_timer_new(lane->loop, on_watch, lane);
	loop_set_round_hooks(lane->loop, before_sleep, after_sleep, lane);
	return lane->wake != NULL && lane->second != NULL && lane->watch != NULL;
}

/* A lane without a queue of its own writes to the first: several threads may. */
static bool take_tun(struct lane *lane, const struct lanes_config *config)
{
	struct tun *own = config->tun[lane->index];
	lane->tun = own != NULL ? own : config->tun[0];
	if (own != NULL && (lane->tun_io = loop_io_new(lane->loop, tun_fd(own), on_tun_ready, lane)) == NULL)
		return false;
	bool joins_tcp = lane->tun != NULL && tun_takes(lane->tun, TUN_TCP);
	bool joins_udp = lane->tun != NULL && tun_takes(lane->tun, TUN_UDP);
	coalesce_init(&lane->coalescer, joins_tcp, joins_udp, take_joined, lane);
	return true;
}

struct lane *lane_new(const struct lanes_config *config, unsigned index)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return NULL;
	lane->index = index;
	if (!build(lane, config) || !take_tun(lane, config) || !lane_quic_start(lane, config)) {
		lane_free(lane);
		return NULL;
	}
	return lane;
}

void lane_clear(struct lane *lane)
{
	for (unsigned i = 0; i < LANE_LINKS_MAX; i++)
		if (lane->ports[i] != NULL)
			port_close(lane, lane->ports[i], 0, NULL);
	for (unsigned i = 0; i < lane->lane_count; i++) {
		if (lane->handoffs[i] != NULL)
			ring_publish(lane->handoffs[i]);
		if (lane->homeward[i] != NULL)
			ring_publish(lane->homeward[i]);
		if (lane->handoffs[i] != NULL)
			for (struct handoff *handoff; (handoff = ring_front(lane->handoffs[i])) != NULL; ring_pop(lane->handoffs[i]))
				slot_give(handoff->slot->home, handoff->slot);
		if (lane->homeward[i] != NULL)
			for (struct slot **slot; (slot = ring_front(lane->homeward[i])) != NULL; ring_pop(lane->homeward[i]))
				slot_give((*slot)->home, *slot);
	}
	for (struct slot *slot; (slot = slot_take_foreign(lane->pool)) != NULL;)
		slot_give(slot->home, slot);
}

static void drop_orders_and_events(struct lane *lane)
{
	for (struct lane_order *order; lane->orders != NULL && (order = ring_front(lane->orders)) != NULL; ring_pop(lane->orders)) {
		if (order->type == ORDER_RETRY || order->type == ORDER_REFUSE)
			parcel_free(order->parcel);
		else if (order->type == ORDER_ADD_LINK)
			link_free(order->link);
	}
	if (lane->events != NULL)
		ring_publish(lane->events);
	for (struct lane_event *event; lane->events != NULL && (event = ring_front(lane->events)) != NULL; ring_pop(lane->events))
		if (event->type == LANE_PARCEL)
			parcel_free(event->parcel);
}

void lane_free(struct lane *lane)
{
	if (lane == NULL)
		return;
	drop_orders_and_events(lane);
	for (unsigned i = 0; i < KEY_CACHE_SIZE; i++)
		aead_key_free(lane->keys[i].key);
	lane_quic_stop(lane);
	loop_free(lane->loop);
	ring_free(lane->orders);
	ring_free(lane->events);
	for (unsigned i = 0; i < LANES_MAX; i++) {
		ring_free(lane->handoffs[i]);
		ring_free(lane->homeward[i]);
	}
	slot_pool_free(lane->pool);
	free(lane->rows);
	free(lane);
}
