// SPDX-License-Identifier: Apache-2.0
/*
 * The router and the decoder before it in a whole conversation: a script (router_script.h) lets peers come and go, send
 * bytes, fall silent and not read, lets time pass and needs arise.
 *
 *   bytes ─▶ frame_decode ─▶ tlv_next ─▶ router ─▶ TLVs ─▶ frames: sendable? decode again
 *                                           └────▶ events ─▶ table of routes: the router's?
 *
 * Tables become full and take more again, as they do without memory.
 *
 * The invariants are checked as the play goes on, and memory stays within what the script can account for.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "router/internal.h"
#include "router_script.h"
#include "sendable.h"
#include "wire/frame.h"

enum {
	PEERS = 8,
	NODES = 16,
	TABLES = 8,
	STEPS_MAX = 2000,
	STEPS_CHECKED = 64, /* each of the first is; a check walks all tables, so later only each */
	CHECK_EVERY = 16,
	STREAM_MAX = FRAME_SIZE_MAX + 512,
	ROUTES_MAX = 4096,
	MEMORY_BASE = 1 << 20,
	MEMORY_PER_BYTE = 1 << 10, /* of the script */
};

struct place {
	uint32_t peer; /* a stale handle once the peer is gone */
	bool alive;
	size_t stream_len;
	uint8_t stream[STREAM_MAX];
};

/* What somebody who hears the events believes. */
struct route {
	struct subnet subnet;
	uint32_t peer;
};

struct play {
	struct router *router;
	uint64_t now;
	size_t script_len;
	size_t route_count;
	struct route routes[ROUTES_MAX];
	struct pool *tables[TABLES];
	uint32_t table_max[TABLES];
	struct place places[PEERS];
};

static struct play play;

static struct public_key node_key(uint8_t node)
{
	struct public_key key;
	for (unsigned i = 0; i < KEY_SIZE; i++)
		key.bytes[i] = (uint8_t)(node % NODES * 31 + i * 7);
	return key;
}

static struct ip6 node_address(uint8_t node)
{
	static struct ip6 addresses[NODES];
	struct ip6 *address = &addresses[node % NODES];
	if (address->bytes[0] == 0) {
		struct public_key key = node_key(node);
		*address = public_key_address(&key);
	}
	return *address;
}

static struct router_id node_router_id(uint8_t node, uint8_t life)
{
	const uint8_t tail[6] = {life % 4};
	struct public_key key = node_key(node);
	return router_id_make(&key, tail);
}

static struct place *read_place(struct reader *script)
{
	return &play.places[read_u8(script) % PEERS];
}

/* ---- bytes in ---------------------------------------------------------------------------------------------------- */

static void place_dies(struct place *place)
{
	router_peers_died(play.router, &place->peer, 1, play.now);
	place->alive = false;
	place->stream_len = 0;
}

static void handle_frame(const struct place *place, const struct frame *frame)
{
	if (frame->type == FRAME_DATA) {
		struct ip6 source = frame_source(frame), destination = frame_destination(frame);
		router_need_route(play.router, &destination, NEED_FORWARD, play.now);
		router_need_route(play.router, &source, NEED_KEY, play.now);
		return;
	}
	struct reader body = frame_control_body(frame);
	struct tlv tlv;
	while (tlv_next(&body, &tlv))
		router_handle_tlv(play.router, place->peer, &tlv, play.now);
}

static void receive(struct place *place, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return;
	assert(place->stream_len + len <= STREAM_MAX);
	memcpy(&place->stream[place->stream_len], bytes, len);
	place->stream_len += len;
	size_t at = 0;
	struct frame frame;
	enum frame_result result;
	while ((result = frame_decode(&place->stream[at], place->stream_len - at, &frame)) <= FRAME_SKIPPED) {
		if (result == FRAME_OK)
			handle_frame(place, &frame);
		at += frame.len;
	}
	if (result != FRAME_INCOMPLETE) {
		place_dies(place);
		return;
	}
	place->stream_len -= at;
	memmove(place->stream, &place->stream[at], place->stream_len);
}

static void receive_body(struct place *place, const uint8_t *body, size_t len)
{
	const uint8_t header[] = {FRAME_VERSION, FRAME_CONTROL, 0, 0, BABEL_MAGIC, BABEL_VERSION, 0, (uint8_t)len};
	receive(place, header, sizeof(header));
	receive(place, body, len);
}

/* A body of one TLV, whose length is set at the end. */
static struct writer begin_tlv(uint8_t body[static TLV_FRAME_SIZE_MAX], enum tlv_type type)
{
	struct writer w = writer_init(body, TLV_FRAME_SIZE_MAX);
	write_u8(&w, (uint8_t)type);
	write_u8(&w, 0);
	return w;
}

static void receive_tlv(struct place *place, const struct writer *w)
{
	assert(!w->failed);
	w->start[1] = (uint8_t)(writer_len(w) - 2);
	receive_body(place, w->start, writer_len(w));
}

static void step_control_frame(struct reader *script)
{
	struct place *place = read_place(script);
	size_t len = read_u8(script);
	if (len > reader_left(script))
		len = reader_left(script);
	receive_body(place, read_bytes(script, len), len);
}

static void step_stream(struct reader *script)
{
	struct place *place = read_place(script);
	size_t len = read_u8(script);
	if (len > reader_left(script))
		len = reader_left(script);
	receive(place, read_bytes(script, len), len);
}

static void step_update(struct reader *script)
{
	struct place *place = read_place(script);
	uint8_t node = read_u8(script);
	uint16_t metric = read_u16(script);
	uint8_t seqno = read_u8(script), life = read_u8(script);
	uint8_t bits = life & 0x80 ? (uint8_t)(64 + (life & 0x3f)) : 64;
	struct ip6 address = node_address(node);
	struct router_id id = node_router_id(node, life);
	uint8_t body[TLV_FRAME_SIZE_MAX];
	struct writer w = begin_tlv(body, TLV_UPDATE);
	write_u8(&w, AE_IPV6);
	write_u8(&w, 0);
	write_u8(&w, bits);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(life * 100));
	write_u16(&w, seqno);
	write_u16(&w, metric);
	write_bytes(&w, address.bytes, (bits + 7u) / 8);
	write_bytes(&w, id.bytes, sizeof(id.bytes));
	receive_tlv(place, &w);
}

static void step_seqno_request(struct reader *script)
{
	struct place *place = read_place(script);
	uint8_t node = read_u8(script), seqno = read_u8(script), life = read_u8(script), hops = read_u8(script);
	struct ip6 address = node_address(node);
	struct router_id id = node_router_id(node, life);
	uint8_t body[TLV_FRAME_SIZE_MAX];
	struct writer w = begin_tlv(body, TLV_SEQNO_REQUEST);
	write_u8(&w, AE_IPV6);
	write_u8(&w, 64);
	write_u16(&w, seqno);
	write_u8(&w, hops);
	write_u8(&w, 0);
	write_bytes(&w, id.bytes, sizeof(id.bytes));
	write_bytes(&w, address.bytes, 8);
	receive_tlv(place, &w);
}

static void step_short_tlv(struct reader *script)
{
	static const enum tlv_type types[] = {TLV_HELLO, TLV_IHU, TLV_ROUTE_REQUEST, TLV_ROUTE_REQUEST};

	struct place *place = read_place(script);
	uint8_t kind = read_u8(script), node = read_u8(script);
	struct ip6 address = node_address(node);
	uint8_t body[TLV_FRAME_SIZE_MAX];
	struct writer w = begin_tlv(body, types[kind % 4]);
	if (kind % 4 < 2) {
		write_zeros(&w, 6);
	} else {
		bool wildcard = kind % 4 == 2;
		write_u8(&w, kind / 4);
		write_u8(&w, wildcard ? AE_WILDCARD : AE_IPV6);
		write_u8(&w, 64);
		write_bytes(&w, address.bytes, wildcard ? 0 : 8);
	}
	receive_tlv(place, &w);
}

static void step_data(struct reader *script)
{
	struct ip6 source = node_address(read_u8(script)), destination = node_address(read_u8(script));
	uint8_t header[DATA_FRAME_HEADER_SIZE];
	frame_write_data_header(header, &source, &destination, 64, 0);
	receive(&play.places[0], header, sizeof(header));
}

/* ---- peers, time, needs ------------------------------------------------------------------------------------------ */

static void step_peer_comes(struct reader *script)
{
	struct place *place = read_place(script);
	if (place->alive)
		return;
	place->peer = router_add_peer(play.router, read_u8(script), play.now);
	place->alive = place->peer != ROUTER_NO_PEER;
	place->stream_len = 0;
}

static void step_peer_dies(struct reader *script)
{
	place_dies(read_place(script));
}

static void step_peers_die(struct reader *script)
{
	uint8_t mask = read_u8(script);
	uint32_t peers[PEERS];
	size_t count = 0;
	for (unsigned i = 0; i < PEERS; i++)
		if (mask & 1u << i) {
			peers[count++] = play.places[i].peer;
			play.places[i].alive = false;
		}
	router_peers_died(play.router, peers, count, play.now);
}

static void step_silence(struct reader *script)
{
	struct place *place = read_place(script);
	router_peer_silent(play.router, place->peer, read_u8(script) * 32u, play.now);
}

static void step_time(struct reader *script)
{
	/* Squared, so that minutes are as near as milliseconds. */
	uint64_t amount = read_u16(script);
	play.now += amount * amount / 2048;
	router_tick(play.router, play.now);
	assert(router_next_deadline(play.router) > play.now);
}

static void step_need(struct reader *script)
{
	struct ip6 address = node_address(read_u8(script));
	enum route_need need = (enum route_need)(read_u8(script) % 3);
	enum route_answer answer = router_need_route(play.router, &address, need, play.now);
	if (answer == ROUTE_SEARCHING)
		assert(router_query_deadline(play.router, &address) > play.now);
	struct public_key key;
	if (answer == ROUTE_READY && need == NEED_KEY)
		assert(router_public_key(play.router, &address, NULL, &key));
	else if (answer == ROUTE_READY)
		assert(router_next_hop(play.router, &address) != ROUTER_NO_PEER);
}

static void step_refresh(struct reader *script)
{
	struct ip6 address = node_address(read_u8(script));
	router_refresh_route(play.router, &address, play.now);
}

static void step_full(struct reader *script)
{
	unsigned i = read_u8(script) % TABLES;
	struct pool *table = play.tables[i];
	table->max = table->max == play.table_max[i] ? table->count : play.table_max[i];
}

/* ---- what comes out ---------------------------------------------------------------------------------------------- */

static void check_sent(const struct tlv *tlv)
{
	uint8_t first[TLV_FRAME_SIZE_MAX], second[TLV_FRAME_SIZE_MAX];
	size_t len = tlv_write_frame(tlv, first);
	const char *reason = len > 0 ? sendable_reason(first, len) : "refused by the writer";
	if (reason != NULL) {
		fprintf(stderr, "%s: %s\n", tlv_name(tlv->type), reason);
		abort();
	}
	struct frame frame;
	struct tlv again;
	assert(frame_decode(first, len, &frame) == FRAME_OK && frame.len == len);
	struct reader body = frame_control_body(&frame);
	assert(tlv_next(&body, &again) && reader_left(&body) == 0);
	assert(tlv_write_frame(&again, second) == len && memcmp(first, second, len) == 0);
}

static void step_take_tlvs(struct reader *script)
{
	uint32_t peer = read_place(script)->peer;
	unsigned count = read_u8(script);
	if (count % 4 == 0)
		router_peer_writable(play.router, peer);
	if (count % 2 == 0)
		peer = router_next_ready_peer(play.router);
	struct tlv tlv;
	for (; count > 0 && router_next_tlv(play.router, peer, play.now, &tlv); count--)
		check_sent(&tlv);
}

static struct route *find_route(const struct subnet *subnet)
{
	for (size_t i = 0; i < play.route_count; i++)
		if (subnet_equal(&play.routes[i].subnet, subnet))
			return &play.routes[i];
	return NULL;
}

static void set_route(const struct router_event *event)
{
	struct route *route = find_route(&event->subnet);
	assert(route != NULL || event->acquired);
	assert(event->expires_ms > play.now && event->peer != ROUTER_NO_PEER);
	if (route == NULL) {
		assert(play.route_count < ROUTES_MAX);
		route = &play.routes[play.route_count++];
	}
	*route = (struct route){.subnet = event->subnet, .peer = event->peer};
}

static void drop_route(const struct router_event *event)
{
	struct route *route = find_route(&event->subnet);
	assert(route != NULL);
	*route = play.routes[--play.route_count];
}

static void handle_event(const struct router_event *event)
{
	if (event->type == ROUTER_ROUTE_SET)
		set_route(event);
	else if (event->type == ROUTER_ROUTE_GONE)
		drop_route(event);
	for (unsigned i = 0; event->type == ROUTER_PEER_DEAD && i < PEERS; i++)
		if (play.places[i].peer == event->peer)
			play.places[i].alive = false;
}

static void expect_route(void *context, const struct router_route *route)
{
	if (!route->selected)
		return;
	const struct route *known = find_route(&route->subnet);
	assert(known != NULL && known->peer == route->peer);
	++*(size_t *)context;
}

/* Takes up to `count` events. After the last one, what the events told is what the router has. */
static void take_events(unsigned count)
{
	struct router_event event;
	for (; count > 0; count--) {
		if (!router_next_event(play.router, &event)) {
			size_t selected = 0;
			router_for_each_route(play.router, expect_route, &selected);
			assert(selected == play.route_count);
			return;
		}
		handle_event(&event);
	}
}

static void step_take_events(struct reader *script)
{
	take_events(read_u8(script));
}

static void step_round(struct reader *script)
{
	static const struct tlv ihu = {.type = TLV_IHU, .ihu = {.interval_cs = IHU_INTERVAL_CS}};

	(void)script;
	take_events(UINT32_MAX);
	for (unsigned i = 0; i < PEERS; i++)
		router_peer_writable(play.router, play.places[i].peer);
	struct tlv tlv;
	for (uint32_t peer; (peer = router_next_ready_peer(play.router)) != ROUTER_NO_PEER;)
		while (router_next_tlv(play.router, peer, play.now, &tlv)) {
			check_sent(&tlv);
			if (tlv.type == TLV_HELLO)
				router_handle_tlv(play.router, peer, &ihu, play.now);
		}
}

/* ---- the play ---------------------------------------------------------------------------------------------------- */

static void (*const actions[SCRIPT_ACTIONS])(struct reader *) = {
	[SCRIPT_PEER_COMES] = step_peer_comes,
	[SCRIPT_PEER_DIES] = step_peer_dies,
	[SCRIPT_CONTROL_FRAME] = step_control_frame,
	[SCRIPT_TIME] = step_time,
	[SCRIPT_UPDATE] = step_update,
	[SCRIPT_TAKE_TLVS] = step_take_tlvs,
	[SCRIPT_TAKE_EVENTS] = step_take_events,
	[SCRIPT_NEED] = step_need,
	[SCRIPT_REFRESH] = step_refresh,
	[SCRIPT_SEQNO_REQUEST] = step_seqno_request,
	[SCRIPT_STREAM] = step_stream,
	[SCRIPT_SILENCE] = step_silence,
	[SCRIPT_PEERS_DIE] = step_peers_die,
	[SCRIPT_SHORT_TLV] = step_short_tlv,
	[SCRIPT_DATA] = step_data,
	[SCRIPT_ROUND] = step_round,
	[SCRIPT_FULL] = step_full,
};

static void check(void)
{
	const char *broken = router_check(play.router, play.now);
	if (broken != NULL) {
		fprintf(stderr, "%s\n", broken);
		abort();
	}
	struct router_sizes sizes = router_sizes(play.router);
	/* One more for what a dead peer left. */
	assert(sizes.peers <= PEERS && sizes.entries <= sizes.subnets * (PEERS + 1));
	assert(sizes.bytes <= MEMORY_BASE + MEMORY_PER_BYTE * play.script_len);
}

static void begin(size_t script_len)
{
	struct ip6 own = node_address(0);
	struct router_config config = {.id = node_router_id(0, 1), .own = subnet64_of(&own), .seed = 3};
	play.now = 1000;
	play.script_len = script_len;
	play.route_count = 0;
	struct router *router = play.router = router_new(&config, play.now);
	for (unsigned i = 0; i < PEERS; i++) {
		play.places[i].peer = ROUTER_NO_PEER;
		play.places[i].alive = false;
		play.places[i].stream_len = 0;
	}
	struct pool *const tables[TABLES] = {&router->destinations, &router->tails,         &router->entries,
					     &router->originators,  &router->sources,       &router->queries,
					     &router->notes,        &router->seqno_requests};
	for (unsigned i = 0; i < TABLES; i++) {
		play.tables[i] = tables[i];
		play.table_max[i] = tables[i]->max;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	begin(len);
	struct reader script = reader_init(bytes, len);
	for (unsigned step = 0; step < STEPS_MAX && reader_left(&script) > 0; step++) {
		actions[read_u8(&script) % SCRIPT_ACTIONS](&script);
		if (step < STEPS_CHECKED || step % CHECK_EVERY == 0)
			check();
	}
	check();
	router_free(play.router);
	return 0;
}
