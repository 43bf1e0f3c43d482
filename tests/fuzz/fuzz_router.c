// SPDX-License-Identifier: Apache-2.0
/*
 * The router as a whole: a byte script makes peers come and go, lets TLVs arrive as bytes, time pass and needs arise.
 * The invariants are checked after each step, and everything sent must be something that may be sent.
 *
 * Each step is a byte of action and what that action takes:
 *
 *   0 peer u8            a peer comes, with this cost          5 peer u8, n u8      up to n TLVs are taken
 *   1 peer u8            a peer dies                           6 n u8               up to n events are taken
 *   2 peer u8, n u8, n   control bytes arrive                  7 node u8, need u8   a route or key is needed
 *   3 ms u16             time passes                           8 node u8            a route is to be refreshed
 *   4 peer u8, node u8, metric u16, seqno u8, life u8          an Update that passes the filters arrives
 *   9 peer u8, node u8, seqno u8, life u8, hops u8             a seqno request for a node arrives
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "router/router.h"

enum { PEERS = 8, NODES = 16, STEPS_MAX = 2000 };

struct play {
	struct router *router;
	uint64_t now;
	uint32_t peers[PEERS];
};

static struct public_key node_key(uint8_t node)
{
	struct public_key key;
	for (unsigned i = 0; i < KEY_SIZE; i++)
		key.bytes[i] = (uint8_t)(node % NODES * 31 + i * 7);
	return key;
}

static struct ip6 node_address(uint8_t node)
{
	struct public_key key = node_key(node);
	return public_key_address(&key);
}

static void step_peer_comes(struct play *play, struct reader *script)
{
	uint8_t place = read_u8(script) % PEERS;
	if (play->peers[place] == ROUTER_NO_PEER)
		play->peers[place] = router_add_peer(play->router, read_u8(script), play->now);
}

static void step_peer_dies(struct play *play, struct reader *script)
{
	uint8_t place = read_u8(script) % PEERS;
	router_peers_died(play->router, &play->peers[place], 1, play->now);
	play->peers[place] = ROUTER_NO_PEER;
}

static void step_bytes(struct play *play, struct reader *script)
{
	uint8_t place = read_u8(script) % PEERS;
	size_t len = read_u8(script);
	struct reader body = read_slice(script, len < reader_left(script) ? len : reader_left(script));
	struct tlv tlv;
	while (tlv_next(&body, &tlv))
		router_handle_tlv(play->router, play->peers[place], &tlv, play->now);
}

static void step_time(struct play *play, struct reader *script)
{
	/* Squared, so that minutes are as near as milliseconds. */
	uint64_t amount = read_u16(script);
	play->now += amount * amount / 2048;
	router_tick(play->router, play->now);
	assert(router_next_deadline(play->router) > play->now);
}

static void step_update(struct play *play, struct reader *script)
{
	uint8_t place = read_u8(script) % PEERS, node = read_u8(script);
	uint16_t metric = read_u16(script);
	uint8_t seqno = read_u8(script), life = read_u8(script);
	const uint8_t tail[6] = {life % 4};
	struct public_key key = node_key(node);
	struct ip6 address = node_address(node);
	struct tlv tlv = {.type = TLV_UPDATE,
			  .update = {.interval_cs = (uint16_t)(life * 100),
				     .seqno = seqno,
				     .metric = metric,
				     .prefix = {.encoding = AE_IPV6, .subnet = subnet64_of(&address)},
				     .router_id = router_id_make(&key, tail)}};
	if (life & 0x80)
		tlv.update.prefix.subnet = (struct subnet){.addr = address, .len = (uint8_t)(64 + (life & 0x3f))};
	router_handle_tlv(play->router, play->peers[place], &tlv, play->now);
}

static void step_seqno_request(struct play *play, struct reader *script)
{
	uint8_t place = read_u8(script) % PEERS, node = read_u8(script), seqno = read_u8(script);
	const uint8_t tail[6] = {read_u8(script) % 4};
	struct public_key key = node_key(node);
	struct ip6 address = node_address(node);
	struct tlv tlv = {.type = TLV_SEQNO_REQUEST,
			  .seqno_request = {.seqno = seqno,
					    .hop_count = read_u8(script),
					    .prefix = {.encoding = AE_IPV6, .subnet = subnet64_of(&address)},
					    .router_id = router_id_make(&key, tail)}};
	router_handle_tlv(play->router, play->peers[place], &tlv, play->now);
}

static void step_take_tlvs(struct play *play, struct reader *script)
{
	uint32_t peer = play->peers[read_u8(script) % PEERS];
	unsigned count = read_u8(script);
	if (count % 4 == 0)
		router_peer_writable(play->router, peer);
	if (count % 2 == 0)
		peer = router_next_ready_peer(play->router);
	struct tlv tlv;
	uint8_t frame[TLV_FRAME_SIZE_MAX];
	for (; count > 0 && router_next_tlv(play->router, peer, play->now, &tlv); count--)
		assert(tlv_write_frame(&tlv, frame) > 0);
}

static void step_take_events(struct play *play, struct reader *script)
{
	struct router_event event;
	for (unsigned count = read_u8(script); count > 0 && router_next_event(play->router, &event); count--)
		for (unsigned place = 0; event.type == ROUTER_PEER_DEAD && place < PEERS; place++)
			if (play->peers[place] == event.peer)
				play->peers[place] = ROUTER_NO_PEER;
}

static void step_need(struct play *play, struct reader *script)
{
	struct ip6 address = node_address(read_u8(script));
	router_need_route(play->router, &address, (enum route_need)(read_u8(script) % 3), play->now);
}

static void step_refresh(struct play *play, struct reader *script)
{
	struct ip6 address = node_address(read_u8(script));
	router_refresh_route(play->router, &address, play->now);
}

static void (*const actions[])(struct play *, struct reader *) = {
	step_peer_comes, step_peer_dies,   step_bytes, step_time,    step_update,
	step_take_tlvs,  step_take_events, step_need,  step_refresh, step_seqno_request,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const uint8_t tail[6] = {1};
	struct public_key key = node_key(0);
	struct ip6 own = node_address(0);
	struct router_config config = {.id = router_id_make(&key, tail), .own = subnet64_of(&own), .seed = 3};
	struct play play = {.now = 1000};
	play.router = router_new(&config, play.now);
	for (unsigned place = 0; place < PEERS; place++)
		play.peers[place] = ROUTER_NO_PEER;
	struct reader script = reader_init(bytes, len);
	for (unsigned step = 0; step < STEPS_MAX && reader_left(&script) > 0; step++) {
		actions[read_u8(&script) % (sizeof(actions) / sizeof(actions[0]))](&play, &script);
		assert(router_check(play.router, play.now) == NULL);
	}
	router_free(play.router);
	return 0;
}
