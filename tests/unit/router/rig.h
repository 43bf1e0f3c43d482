// SPDX-License-Identifier: Apache-2.0
/* One router under test with hand-fed peers and a hand-turned clock. After each input all outputs are pulled and kept
 * for the test to look at, Hellos are answered at once (unless the peer is mute), and the invariants are checked. */
#ifndef MYCELIUM_TESTS_ROUTER_RIG_H
#define MYCELIUM_TESTS_ROUTER_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/timers.h"
#include "router/router.h"

enum { RIG_OUTPUTS_MAX = 4096, RIG_START_MS = 1000000, RIG_MUTES_MAX = 16 };

/* A node of the network around the router. */
struct origin {
	struct public_key key;
	struct router_id rid;
	struct ip6 address;
	struct subnet subnet;
};

struct rig_output {
	uint32_t peer;
	struct tlv tlv;
};

struct rig {
	struct router *router;
	struct origin me;
	uint64_t now;
	struct rig_output sent[RIG_OUTPUTS_MAX];
	unsigned sent_count;
	struct router_event events[RIG_OUTPUTS_MAX];
	unsigned event_count;
	uint32_t mutes[RIG_MUTES_MAX];
	unsigned mute_count;
};

/* Node `number`, in its `life`th start. */
static inline struct origin origin_make(uint64_t number, uint8_t life)
{
	struct origin origin;
	struct rng rng = rng_seeded(number);
	for (int i = 0; i < KEY_SIZE; i++)
		origin.key.bytes[i] = (uint8_t)rng_next(&rng);
	const uint8_t tail[6] = {life, 1, 2, 3, 4, 5};
	origin.rid = router_id_make(&origin.key, tail);
	origin.address = public_key_address(&origin.key);
	origin.subnet = subnet64_of(&origin.address);
	return origin;
}

static inline void rig_check(struct rig *rig)
{
	const char *broken = router_check(rig->router, rig->now);
	if (broken != NULL)
		fail_msg("%s", broken);
}

/* A router that keeps so many subnets that nobody looked for; 0: as many as usual. */
static inline struct rig *rig_start_keeping(uint32_t unasked_max)
{
	static struct rig rig;
	memset(&rig, 0, sizeof(rig));
	rig.me = origin_make(0, 0);
	rig.now = RIG_START_MS;
	struct router_config config = {.id = rig.me.rid, .own = rig.me.subnet, .seed = 7, .unasked_max = unasked_max};
	rig.router = router_new(&config, rig.now);
	assert_non_null(rig.router);
	return &rig;
}

static inline struct rig *rig_start(void)
{
	return rig_start_keeping(0);
}

static inline void rig_stop(struct rig *rig)
{
	rig_check(rig);
	router_free(rig->router);
}

static inline void rig_forget(struct rig *rig)
{
	rig->sent_count = rig->event_count = 0;
}

static inline bool rig_is_mute(const struct rig *rig, uint32_t peer)
{
	for (unsigned i = 0; i < rig->mute_count; i++)
		if (rig->mutes[i] == peer)
			return true;
	return false;
}

/* Pulls everything. */
static inline void rig_pull(struct rig *rig)
{
	struct tlv tlv, ihu = {.type = TLV_IHU, .ihu = {.interval_cs = IHU_INTERVAL_CS}};
	struct router_event event;
	while (router_next_event(rig->router, &event)) {
		assert_true(rig->event_count < RIG_OUTPUTS_MAX);
		rig->events[rig->event_count++] = event;
	}
	for (uint32_t peer; (peer = router_next_ready_peer(rig->router)) != ROUTER_NO_PEER;)
		while (router_next_tlv(rig->router, peer, rig->now, &tlv)) {
			assert_true(rig->sent_count < RIG_OUTPUTS_MAX);
			rig->sent[rig->sent_count++] = (struct rig_output){.peer = peer, .tlv = tlv};
			if (tlv.type == TLV_HELLO && !rig_is_mute(rig, peer))
				router_handle_tlv(rig->router, peer, &ihu, rig->now);
		}
	rig_check(rig);
}

/* Pulls everything and keeps nothing, however much it is. */
static inline void rig_discard(struct rig *rig)
{
	struct tlv tlv;
	struct router_event event;
	while (router_next_event(rig->router, &event))
		;
	for (uint32_t peer; (peer = router_next_ready_peer(rig->router)) != ROUTER_NO_PEER;)
		while (router_next_tlv(rig->router, peer, rig->now, &tlv))
			;
}

/* Adds a peer whose link costs exactly `cost`, and forgets what that caused. */
static inline uint32_t rig_peer(struct rig *rig, uint16_t cost)
{
	uint32_t peer = router_add_peer(rig->router, cost, rig->now);
	assert_int_not_equal(peer, ROUTER_NO_PEER);
	rig_pull(rig);
	assert_int_equal(router_link_cost(rig->router, peer), cost);
	rig_forget(rig);
	return peer;
}

/* A TLV arrives; only what it causes is kept. */
static inline void rig_give(struct rig *rig, uint32_t peer, const struct tlv *tlv)
{
	rig_forget(rig);
	router_handle_tlv(rig->router, peer, tlv, rig->now);
	rig_pull(rig);
}

static inline void rig_die(struct rig *rig, uint32_t peer)
{
	rig_forget(rig);
	router_peers_died(rig->router, &peer, 1, rig->now);
	rig_pull(rig);
}

/* Lets time pass, deadline by deadline; what happens on the way is kept. */
static inline void rig_pass(struct rig *rig, uint64_t ms)
{
	uint64_t until = rig->now + ms;
	rig_forget(rig);
	for (uint64_t at; (at = router_next_deadline(rig->router)) <= until;) {
		assert_true(at >= rig->now);
		rig->now = at;
		router_tick(rig->router, at);
		rig_pull(rig);
	}
	rig->now = until;
	router_tick(rig->router, until);
	rig_pull(rig);
}

static inline struct tlv_prefix rig_prefix(struct subnet subnet)
{
	return (struct tlv_prefix){.encoding = AE_IPV6, .subnet = subnet};
}

static inline struct tlv make_update(const struct origin *origin, uint16_t metric, uint16_t seqno)
{
	return (struct tlv){.type = TLV_UPDATE,
			    .update = {.interval_cs = UPDATE_INTERVAL_CS,
				       .seqno = seqno,
				       .metric = metric,
				       .prefix = rig_prefix(origin->subnet),
				       .router_id = origin->rid}};
}

/* A retraction of `origin`'s subnet by `retractor`. */
static inline struct tlv make_retraction(const struct origin *origin, const struct origin *retractor)
{
	struct tlv tlv = make_update(origin, METRIC_INFINITE, 99);
	tlv.update.router_id = retractor->rid;
	return tlv;
}

static inline struct tlv make_route_request(struct subnet subnet, uint8_t generation)
{
	return (struct tlv){.type = TLV_ROUTE_REQUEST,
			    .route_request = {.generation = generation, .prefix = rig_prefix(subnet)}};
}

static inline struct tlv make_seqno_request(const struct origin *origin, uint16_t seqno, uint8_t hops)
{
	return (struct tlv){.type = TLV_SEQNO_REQUEST,
			    .seqno_request = {.seqno = seqno,
					      .hop_count = hops,
					      .router_id = origin->rid,
					      .prefix = rig_prefix(origin->subnet)}};
}

static inline void give_update(struct rig *rig, uint32_t peer, const struct origin *origin, uint16_t metric,
			       uint16_t seqno)
{
	struct tlv tlv = make_update(origin, metric, seqno);
	rig_give(rig, peer, &tlv);
}

static inline void give_retraction(struct rig *rig, uint32_t peer, const struct origin *origin)
{
	struct origin retractor = origin_make(1000000, 0);
	struct tlv tlv = make_retraction(origin, &retractor);
	rig_give(rig, peer, &tlv);
}

static inline void give_route_request(struct rig *rig, uint32_t peer, struct subnet subnet, uint8_t generation)
{
	struct tlv tlv = make_route_request(subnet, generation);
	rig_give(rig, peer, &tlv);
}

static inline void give_seqno_request(struct rig *rig, uint32_t peer, const struct origin *origin, uint16_t seqno,
				      uint8_t hops)
{
	struct tlv tlv = make_seqno_request(origin, seqno, hops);
	rig_give(rig, peer, &tlv);
}

static inline unsigned count_sent(const struct rig *rig, uint32_t peer, enum tlv_type type)
{
	unsigned count = 0;
	for (unsigned i = 0; i < rig->sent_count; i++)
		count += rig->sent[i].peer == peer && rig->sent[i].tlv.type == type;
	return count;
}

static inline unsigned count_type(const struct rig *rig, enum tlv_type type)
{
	unsigned count = 0;
	for (unsigned i = 0; i < rig->sent_count; i++)
		count += rig->sent[i].tlv.type == type;
	return count;
}

static inline const struct tlv *first_sent(const struct rig *rig, uint32_t peer, enum tlv_type type)
{
	for (unsigned i = 0; i < rig->sent_count; i++)
		if (rig->sent[i].peer == peer && rig->sent[i].tlv.type == type)
			return &rig->sent[i].tlv;
	fail_msg("no %s was sent to that peer", tlv_name(type));
	return NULL;
}

static inline void expect_silence(const struct rig *rig)
{
	assert_int_equal(rig->sent_count, 0);
}

/* Exactly one Update went to the peer, this one. */
static inline void expect_update(const struct rig *rig, uint32_t peer, const struct origin *origin, uint16_t metric,
				 uint16_t seqno)
{
	assert_int_equal(count_sent(rig, peer, TLV_UPDATE), 1);
	const struct tlv_update *update = &first_sent(rig, peer, TLV_UPDATE)->update;
	assert_true(subnet_equal(&update->prefix.subnet, &origin->subnet));
	assert_int_equal(update->prefix.encoding, AE_IPV6);
	assert_int_equal(update->metric, metric);
	assert_int_equal(update->seqno, seqno);
	assert_int_equal(update->interval_cs, 30000);
	assert_true(router_id_equal(&update->router_id, &origin->rid));
}

static inline void expect_retraction(const struct rig *rig, uint32_t peer, const struct origin *origin)
{
	assert_int_equal(count_sent(rig, peer, TLV_UPDATE), 1);
	const struct tlv_update *update = &first_sent(rig, peer, TLV_UPDATE)->update;
	assert_true(subnet_equal(&update->prefix.subnet, &origin->subnet));
	assert_int_equal(update->metric, METRIC_INFINITE);
	assert_int_equal(update->interval_cs, 30000);
	assert_true(router_id_equal(&update->router_id, &rig->me.rid));
}

/* Exactly one seqno request went to the peer, this one. */
static inline void expect_seqno_request(const struct rig *rig, uint32_t peer, const struct origin *origin,
					uint16_t seqno, uint8_t hops)
{
	assert_int_equal(count_sent(rig, peer, TLV_SEQNO_REQUEST), 1);
	const struct tlv_seqno_request *request = &first_sent(rig, peer, TLV_SEQNO_REQUEST)->seqno_request;
	assert_true(subnet_equal(&request->prefix.subnet, &origin->subnet));
	assert_true(router_id_equal(&request->router_id, &origin->rid));
	assert_int_equal(request->seqno, seqno);
	assert_int_equal(request->hop_count, hops);
}

struct route_search {
	const struct subnet *subnet;
	uint32_t peer;
	bool selected_only, found;
	struct router_route route;
	unsigned count;
};

static inline void match_route(void *context, const struct router_route *route)
{
	struct route_search *search = context;
	if (!subnet_equal(&route->subnet, search->subnet))
		return;
	search->count++;
	if (search->selected_only ? route->selected : route->peer == search->peer) {
		search->found = true;
		search->route = *route;
	}
}

/* The entry of a subnet via a peer. Returns false when there is none. */
static inline bool route_via(const struct rig *rig, const struct origin *origin, uint32_t peer,
			     struct router_route *ret)
{
	struct route_search search = {.subnet = &origin->subnet, .peer = peer};
	router_for_each_route(rig->router, match_route, &search);
	if (search.found && ret != NULL)
		*ret = search.route;
	return search.found;
}

static inline uint32_t next_hop(const struct rig *rig, const struct origin *origin)
{
	return router_next_hop(rig->router, &origin->address);
}

/* The events of one input about a subnet: exactly one of this type. */
static inline const struct router_event *expect_event(const struct rig *rig, enum router_event_type type)
{
	assert_int_equal(rig->event_count, 1);
	assert_int_equal(rig->events[0].type, type);
	return &rig->events[0];
}

#endif
