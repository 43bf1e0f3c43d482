// SPDX-License-Identifier: Apache-2.0
/* The lane's thread: its loop, the two rings, the interface. */
#include "dataplane/lane.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/lane_internal.h"
#include "dataplane/segment.h"
#include "router/router.h"

enum {
	SECOND_MS = 1000,
	/* Of the order ring: closing every link must always be possible, parcels give way to that, control frames to both. */
	ORDERS_KEPT_FOR_LINKS = LANE_LINKS_MAX + 64,
	ORDERS_KEPT_BACK = 2 * LANE_LINKS_MAX,
};

/* ---- lane thread ------------------------------------------------------------------------------------------------- */

void lane_ask_control(struct lane *lane, enum parcel_kind kind, const struct ip6 *source, const struct ip6 *destination,
		      const uint8_t *bytes, size_t len, const struct icmp6_error *error)
{
	struct parcel *parcel = NULL;
	if (atomic_load_explicit(&lane->parcel_bytes, memory_order_relaxed) + len <= LANE_PARCEL_BYTES_MAX)
		parcel = parcel_new(kind, source, destination, bytes, len);
	struct lane_event *event = parcel != NULL ? lane_event_optional(lane) : NULL;
	if (event == NULL) {
		parcel_free(parcel);
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return;
	}
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

/* A packet of which the first TUN_MTU bytes were read into the slot (taken over), the rest into the lane's buffer. Returns
 * for how many it stands. */
static unsigned take_tun_packet(struct lane *lane, struct slot *slot, size_t len, const struct tun_offload *offload)
{
	if (offload->batch != TUN_SINGLE) {
		memcpy(lane->tun_buffer, slot->data, len < TUN_MTU ? len : TUN_MTU);
		slot_give(lane->pool, slot);
		return egress_batch(lane, lane->tun_buffer, len, offload);
	}
	slot->len = (uint32_t)len;
	if (len > TUN_MTU || (offload->checksum_open && segment_finish_checksum(slot->data, len, offload) != 0)) {
		lane_count(lane, LANE_PACKETS_INVALID);
		slot_give(lane->pool, slot);
	} else {
		egress_packet(lane, slot);
	}
	return 1;
}

/* Reads what stands for one packet or several and sends it on. Returns for how many, 0 when there is nothing more. */
static unsigned read_tun_packet(struct lane *lane)
{
	struct slot *slot = lane_take_slot(lane, TUN_MTU, SEAL_TAILROOM);
	struct tun_offload offload;
	struct iovec parts[] = {
		{slot != NULL ? slot->data : lane->tun_buffer, TUN_MTU},
		{lane->tun_buffer + TUN_MTU, sizeof(lane->tun_buffer) - TUN_MTU},
	};
	long len = tun_read(lane->tun, parts, 2, &offload);
	if (len > 0 && slot != NULL)
		return take_tun_packet(lane, slot, (size_t)len, &offload);
	slot_give(lane->pool, slot);
	if (len > 0) {
		/* Every slot waits in some queue: the packet is read and dropped, as a full queue would. */
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return 1;
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
	unsigned more = 1;
	for (unsigned taken = 0; taken < TUN_BATCH && more > 0; taken += more)
		more = read_tun_packet(lane);
}

static void retry_parcel(struct lane *lane, const struct parcel *parcel)
{
	struct frame frame = {.type = FRAME_DATA, .bytes = (uint8_t *)(uintptr_t)parcel->bytes, .len = parcel->len};
	switch (parcel->kind) {
	case PARCEL_EGRESS: {
		struct slot *slot = lane_take_slot(lane, parcel->len, SEAL_TAILROOM);
		if (slot == NULL) {
			lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
			return;
		}
		memcpy(slot->data, parcel->bytes, parcel->len);
		egress_packet(lane, slot);
		break;
	}
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

static void on_wake(void *context)
{
	struct lane *lane = context;
	lane_look_at_clock(lane);
	for (struct lane_order *order; (order = ring_front(lane->orders)) != NULL; ring_pop(lane->orders))
		obey(lane, order);
	if (!atomic_load(&lane->starved))
		port_resume_reading(lane);
}

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
	publish_events(lane);
	fib_reader_rest(lane->fib);
}

static void after_sleep(void *context)
{
	struct lane *lane = context;
	fib_reader_resume();
	lane_look_at_clock(lane);
	nonce_sequence_refresh(&lane->nonces, lane->now_ms);
}

static void *run(void *context)
{
	struct lane *lane = context;
	fib_reader_start();
	lane->now_ms = loop_now_ms(lane->loop);
	nonce_sequence_init(&lane->nonces, lane->now_ms);
	loop_timer_set(lane->second, lane->now_ms + SECOND_MS);
	if (lane->tun_io != NULL)
		loop_io_watch(lane->tun_io, LOOP_READABLE);
	loop_run(lane->loop);
	for (unsigned i = 0; i < LANE_LINKS_MAX; i++)
		if (lane->ports[i] != NULL)
			port_close(lane, lane->ports[i], 0, NULL);
	ring_publish(lane->events);
	for (unsigned i = 0; i < KEY_CACHE_SIZE; i++)
		aead_key_free(lane->keys[i].key);
	fib_reader_end(lane->fib);
	return NULL;
}

/* ---- control thread: life and orders ------------------------------------------------------------------------------ */

static void lane_free(struct lane *lane)
{
	for (struct lane_order *order; lane->orders != NULL && (order = ring_front(lane->orders)) != NULL; ring_pop(lane->orders)) {
		if (order->type == ORDER_RETRY || order->type == ORDER_REFUSE)
			parcel_free(order->parcel);
		else if (order->type == ORDER_ADD_LINK)
			link_free(order->link, lane->pool);
	}
	for (struct lane_event *event; lane->events != NULL && (event = ring_front(lane->events)) != NULL; ring_pop(lane->events))
		if (event->type == LANE_PARCEL)
			parcel_free(event->parcel);
	loop_free(lane->loop);
	ring_free(lane->orders);
	ring_free(lane->events);
	slot_pool_free(lane->pool);
	free(lane->bytes);
	free(lane);
}

static bool lane_build(struct lane *lane, const struct lane_config *config)
{
	struct rng rng = rng_seeded(config->seed);
	lane->hash_key = (struct hash_key){rng_next(&rng), rng_next(&rng)};
	lane->address = config->address;
	lane->own_upper = ip6_upper64(&config->address);
	lane->fib = config->fib;
	lane->tun = config->tun;
	lane->wake_control = config->wake_control;
	list_init(&lane->to_flush);
	lane->orders = ring_new(sizeof(struct lane_order), LANE_ORDERS_MAX);
	lane->events = ring_new(sizeof(struct lane_event), LANE_EVENTS_MAX);
	lane->bytes = calloc(LANE_LINKS_MAX, sizeof(struct link_bytes));
	lane->pool = slot_pool_new(LANE_SLOTS_MAX);
	lane->loop = loop_new();
	if (lane->orders == NULL || lane->events == NULL || lane->bytes == NULL || lane->pool == NULL || lane->loop == NULL)
		return false;
	lane->wake = loop_wake_new(lane->loop, on_wake, lane);
	lane->second = loop_timer_new(lane->loop, on_second, lane);
	lane->watch = loop_timer_new(lane->loop, on_watch, lane);
	if (lane->tun != NULL)
		lane->tun_io = loop_io_new(lane->loop, tun_fd(lane->tun), on_tun_ready, lane);
	bool joins_tcp = lane->tun != NULL && tun_takes(lane->tun, TUN_TCP);
	bool joins_udp = lane->tun != NULL && tun_takes(lane->tun, TUN_UDP);
	coalesce_init(&lane->coalescer, joins_tcp, joins_udp, take_joined, lane);
	loop_set_round_hooks(lane->loop, before_sleep, after_sleep, lane);
	return lane->wake != NULL && lane->second != NULL && lane->watch != NULL &&
	        (lane->tun == NULL || lane->tun_io != NULL);
}

struct lane *lane_start(const struct lane_config *config)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return NULL;
	/* Signals are control's. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = lane_build(lane, config) && pthread_create(&lane->thread, NULL, run, lane) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!started) {
		lane_free(lane);
		return NULL;
	}
	return lane;
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

void lane_stop(struct lane *lane)
{
	if (lane == NULL)
		return;
	while (reserve(lane, ORDER_STOP, FIB_NO_PEER) == NULL)
		lane_commit(lane);
	lane_commit(lane);
	pthread_join(lane->thread, NULL);
	lane_free(lane);
}

int lane_add_link(struct lane *lane, uint32_t peer, struct link *link)
{
	assert((peer & 0xffff) < LANE_LINKS_MAX);
	struct lane_order *order = reserve(lane, ORDER_ADD_LINK, peer);
	if (order == NULL)
		return -EAGAIN;
	order->link = link;
	return 0;
}

int lane_close_link(struct lane *lane, uint32_t peer)
{
	return reserve(lane, ORDER_CLOSE_LINK, peer) != NULL ? 0 : -EAGAIN;
}

bool lane_has_room(struct lane *lane)
{
	return ring_room(lane->orders) > ORDERS_KEPT_BACK;
}

void lane_send_control(struct lane *lane, uint32_t peer, const uint8_t *frame, size_t len)
{
	struct lane_order *order = reserve(lane, ORDER_CONTROL, peer);
	assert(order != NULL && len <= sizeof(order->control.bytes));
	order->control.len = (uint16_t)len;
	memcpy(order->control.bytes, frame, len);
}

static void send_parcel(struct lane *lane, enum lane_order_type type, struct parcel *parcel)
{
	struct lane_order *order = ring_room(lane->orders) > ORDERS_KEPT_FOR_LINKS ? reserve(lane, type, FIB_NO_PEER) : NULL;
	if (order == NULL)
		parcel_free(parcel);
	else
		order->parcel = parcel;
}

void lane_retry(struct lane *lane, struct parcel *parcel)
{
	send_parcel(lane, ORDER_RETRY, parcel);
}

void lane_refuse(struct lane *lane, struct parcel *parcel)
{
	send_parcel(lane, ORDER_REFUSE, parcel);
}

void lane_commit(struct lane *lane)
{
	if (ring_publish(lane->orders))
		loop_wake(lane->wake);
}

struct lane_event *lane_next_event(struct lane *lane)
{
	return ring_front(lane->events);
}

void lane_pop_event(struct lane *lane)
{
	const struct lane_event *event = ring_front(lane->events);
	if (event->type == LANE_PARCEL)
		atomic_fetch_sub_explicit(&lane->parcel_bytes, event->parcel_len, memory_order_relaxed);
	ring_pop(lane->events);
}

void lane_events_taken(struct lane *lane)
{
	if (atomic_exchange(&lane->starved, false))
		loop_wake(lane->wake);
}

void lane_link_bytes(const struct lane *lane, uint32_t peer, uint64_t *ret_rx, uint64_t *ret_tx)
{
	const struct link_bytes *bytes = &lane->bytes[(peer & 0xffff) % LANE_LINKS_MAX];
	/* The row may still be that of the peer before. */
	bool known = atomic_load_explicit(&bytes->peer, memory_order_acquire) == peer;
	*ret_rx = known ? atomic_load_explicit(&bytes->rx, memory_order_relaxed) : 0;
	*ret_tx = known ? atomic_load_explicit(&bytes->tx, memory_order_relaxed) : 0;
}

uint64_t lane_counter(const struct lane *lane, enum lane_counter counter)
{
	return atomic_load_explicit(&lane->counters[counter], memory_order_relaxed);
}
