// SPDX-License-Identifier: Apache-2.0
#include "sim/hostile.h"

#include <stdlib.h>
#include <string.h>

#include "base/timers.h"
#include "sim/memory.h"
#include "sim/node.h"
#include "wire/frame.h"

enum {
	PEERS_MAX = 64,
	HEARD_MAX = 256,
	TURN_MS = 10,
	LIED_ABOUT_EVERY = 4,
	MADE_UP_SUBNETS = 8,
	/* Where fields of an Update or a route request lie in its frame. */
	BODY = CONTROL_FRAME_HEADER_SIZE + 2,
	UPDATE_INTERVAL_AT = BODY + 4,
	REQUEST_ENCODING_AT = BODY + 1,
};

struct hostile_peer {
	uint32_t handle;
	bool alive, ready, own_due;
	unsigned ihus_due, owed;
	uint16_t hello_seqno;
	uint64_t hello_at_ms;
};

/* What somebody said of himself, to be turned against him. */
struct heard {
	struct subnet subnet;
	struct router_id id;
	uint16_t seqno;
};

struct hostile {
	struct node *node;
	struct router_config config;
	struct rng rng;
	uint64_t next_ms;
	struct hostile_peer peers[PEERS_MAX];
	uint32_t generation;
	struct heard heard[HEARD_MAX];
	size_t heard_count;
	struct router_id made_up[MADE_UP_SUBNETS];
};

static const char *const attack_names[ATTACK_COUNT] = {
	[ATTACK_CLAIMS] = "claims",
	[ATTACK_SEQNOS] = "seqnos",
	[ATTACK_HOSTS] = "hosts",
	[ATTACK_FOREIGN] = "foreign",
	[ATTACK_UPDATES] = "updates",
	[ATTACK_REQUESTS] = "requests",
	[ATTACK_SEQNO_REQUESTS] = "seqno-requests",
	[ATTACK_RETRACTIONS] = "retractions",
	[ATTACK_INTERVALS] = "intervals",
	[ATTACK_MIXED] = "mixed",
};

const char *attack_name(enum attack attack)
{
	return attack_names[attack];
}

bool attack_parse(const char *name, enum attack *ret)
{
	for (int i = 0; i < ATTACK_COUNT; i++) {
		if (strcmp(name, attack_names[i]) == 0) {
			*ret = (enum attack)i;
			return true;
		}
	}
	return false;
}

void hostile_set(struct node *node, enum attack attack, unsigned rate)
{
	node->ops = &speaker_hostile;
	node->attack = attack;
	node->attack_rate = rate;
	node->lied_about = true;
	node->world->has_strangers = true;
	if (attack > ATTACK_HOSTS)
		return;
	for (size_t i = 1; i < node->world->node_count; i += LIED_ABOUT_EVERY)
		node->world->nodes[i]->lied_about = true;
}

/* ---- what it says ------------------------------------------------------------------------------------------------- */

/* A router id of a key that nobody has the secret of. */
static struct router_id random_id(struct hostile *hostile)
{
	struct router_id id;
	for (size_t i = 0; i < sizeof(id.bytes); i++)
		id.bytes[i] = (uint8_t)rng_next(&hostile->rng);
	return id;
}

static struct subnet subnet_of_id(const struct router_id *id)
{
	struct public_key key = router_id_key(id);
	struct ip6 address = public_key_address(&key);
	return subnet64_of(&address);
}

static uint16_t random_u16(struct hostile *hostile)
{
	return (uint16_t)rng_next(&hostile->rng);
}

static bool chance(struct hostile *hostile, unsigned one_in)
{
	return rng_below(&hostile->rng, one_in) == 0;
}

/* Somebody it heard of; one that is lied about when `victim`. Returns NULL when there is none. */
static const struct heard *random_heard(struct hostile *hostile, bool victim)
{
	for (unsigned tries = 0; hostile->heard_count > 0 && tries < 50; tries++) {
		const struct heard *heard = &hostile->heard[rng_below(&hostile->rng, hostile->heard_count)];
		const struct node *node = world_find_node(hostile->node->world, &heard->subnet.addr);
		if (!victim || (node != NULL && node->lied_about))
			return heard;
	}
	return NULL;
}

static struct tlv make_update(struct subnet subnet, struct router_id id, uint16_t metric, uint16_t seqno)
{
	return (struct tlv){.type = TLV_UPDATE,
			    .update = {.interval_cs = UPDATE_INTERVAL_CS,
				       .seqno = seqno,
				       .metric = metric,
				       .prefix = {.encoding = AE_IPV6, .subnet = subnet},
				       .router_id = id}};
}

static size_t say_lie(struct hostile *hostile, enum attack attack, uint8_t *out)
{
	const struct heard *heard = random_heard(hostile, true);
	if (heard == NULL)
		return 0;
	struct subnet subnet = heard->subnet;
	uint16_t seqno = heard->seqno;
	if (attack == ATTACK_SEQNOS)
		seqno = (uint16_t)(seqno + 32767);
	if (attack == ATTACK_HOSTS) {
		struct public_key key = router_id_key(&heard->id);
		subnet = (struct subnet){.addr = public_key_address(&key), .len = 128};
	}
	struct tlv tlv = make_update(subnet, heard->id, (uint16_t)rng_below(&hostile->rng, 3), seqno);
	return tlv_write_frame(&tlv, out);
}

static size_t say_foreign(struct hostile *hostile, uint8_t *out)
{
	struct router_id id = random_id(hostile);
	struct subnet subnet = subnet_of_id(&id);
	switch (rng_below(&hostile->rng, 4)) {
	case 0:
		subnet.addr.bytes[0] = (uint8_t)rng_next(&hostile->rng) | 0x20;
		break;
	case 1:
		subnet.len = (uint8_t)rng_below(&hostile->rng, 64);
		break;
	case 2:
		id = random_id(hostile);
		break;
	default:
		subnet = hostile->heard_count > 0 ? random_heard(hostile, false)->subnet : subnet;
		break;
	}
	struct tlv tlv = make_update(subnet, id, 1, random_u16(hostile));
	return tlv_write_frame(&tlv, out);
}

static size_t say_update(struct hostile *hostile, uint8_t *out)
{
	struct router_id id = random_id(hostile);
	struct tlv tlv = make_update(subnet_of_id(&id), id, (uint16_t)rng_below(&hostile->rng, METRIC_MAX),
				     random_u16(hostile));
	return tlv_write_frame(&tlv, out);
}

static size_t say_request(struct hostile *hostile, uint8_t *out)
{
	struct router_id id = random_id(hostile);
	struct tlv tlv = {.type = TLV_ROUTE_REQUEST};
	tlv.route_request.prefix = (struct tlv_prefix){.encoding = AE_IPV6, .subnet = subnet_of_id(&id)};
	tlv.route_request.generation = (uint8_t)rng_next(&hostile->rng);
	if (chance(hostile, 4))
		tlv.route_request.generation = chance(hostile, 2) ? 255 : 0;
	if (chance(hostile, 8))
		tlv.route_request.prefix.subnet.len = (uint8_t)rng_below(&hostile->rng, 129);
	if (chance(hostile, 8))
		tlv.route_request.prefix = (struct tlv_prefix){.encoding = AE_WILDCARD};
	bool is_ip4 = chance(hostile, 8) && tlv.route_request.prefix.encoding == AE_IPV6;
	if (is_ip4)
		tlv.route_request.prefix.subnet.len = 32;
	size_t len = tlv_write_frame(&tlv, out);
	if (is_ip4)
		out[REQUEST_ENCODING_AT] = AE_IPV4;
	return len;
}

static size_t say_seqno_request(struct hostile *hostile, uint8_t *out)
{
	struct router_id id = random_id(hostile);
	struct heard target = {.subnet = subnet_of_id(&id), .id = id};
	const struct heard *heard = random_heard(hostile, false);
	if (heard != NULL && !chance(hostile, 4))
		target = *heard;
	struct tlv tlv = {.type = TLV_SEQNO_REQUEST};
	tlv.seqno_request.prefix = (struct tlv_prefix){.encoding = AE_IPV6, .subnet = target.subnet};
	tlv.seqno_request.router_id = target.id;
	tlv.seqno_request.seqno = chance(hostile, 2) ? (uint16_t)(target.seqno + 1) : random_u16(hostile);
	tlv.seqno_request.hop_count = (uint8_t)(1 + rng_below(&hostile->rng, 255));
	return tlv_write_frame(&tlv, out);
}

static size_t say_retraction(struct hostile *hostile, uint8_t *out)
{
	struct router_id id = random_id(hostile);
	const struct heard *heard = random_heard(hostile, false);
	struct subnet subnet = heard != NULL && !chance(hostile, 4) ? heard->subnet : subnet_of_id(&id);
	struct tlv tlv = make_update(subnet, id, METRIC_INFINITE, random_u16(hostile));
	return tlv_write_frame(&tlv, out);
}

static size_t say_interval(struct hostile *hostile, uint8_t *out)
{
	static const uint16_t intervals[] = {0, 1, 50, 65535};
	const struct router_id *id = &hostile->made_up[rng_below(&hostile->rng, MADE_UP_SUBNETS)];
	uint16_t metric = chance(hostile, 4) ? METRIC_INFINITE : (uint16_t)rng_below(&hostile->rng, 1000);
	struct tlv tlv = make_update(subnet_of_id(id), *id, metric, (uint16_t)(hostile->node->world->now_ms / 100));
	size_t len = tlv_write_frame(&tlv, out);
	uint16_t interval_cs = intervals[rng_below(&hostile->rng, 4)];
	out[UPDATE_INTERVAL_AT] = (uint8_t)(interval_cs >> 8);
	out[UPDATE_INTERVAL_AT + 1] = (uint8_t)interval_cs;
	return len;
}

static size_t say(struct hostile *hostile, uint8_t *out)
{
	enum attack attack = hostile->node->attack;
	if (attack == ATTACK_MIXED)
		attack = (enum attack)(ATTACK_FOREIGN + rng_below(&hostile->rng, ATTACK_MIXED - ATTACK_FOREIGN));
	switch (attack) {
	case ATTACK_FOREIGN:
		return say_foreign(hostile, out);
	case ATTACK_UPDATES:
		return say_update(hostile, out);
	case ATTACK_REQUESTS:
		return say_request(hostile, out);
	case ATTACK_SEQNO_REQUESTS:
		return say_seqno_request(hostile, out);
	case ATTACK_RETRACTIONS:
		return say_retraction(hostile, out);
	case ATTACK_INTERVALS:
		return say_interval(hostile, out);
	default:
		return say_lie(hostile, attack, out);
	}
}

/* ---- the speaker -------------------------------------------------------------------------------------------------- */

static void *hostile_start(struct node *node, const struct router_config *config, uint64_t now_ms)
{
	struct hostile *hostile = memory_new(1, sizeof(*hostile));
	hostile->node = node;
	hostile->config = *config;
	hostile->rng = rng_seeded(config->seed);
	hostile->next_ms = now_ms + TURN_MS;
	for (size_t i = 0; i < MADE_UP_SUBNETS; i++)
		hostile->made_up[i] = random_id(hostile);
	return hostile;
}

static struct hostile_peer *find_peer(struct hostile *hostile, uint32_t handle)
{
	struct hostile_peer *peer = &hostile->peers[handle % PEERS_MAX];
	return peer->alive && peer->handle == handle ? peer : NULL;
}

static uint32_t hostile_add_peer(void *speaker, uint16_t static_cost, uint64_t now_ms)
{
	(void)static_cost;
	struct hostile *hostile = speaker;
	for (uint32_t i = 0; i < PEERS_MAX; i++) {
		struct hostile_peer *peer = &hostile->peers[i];
		if (peer->alive)
			continue;
		*peer = (struct hostile_peer){.handle = ++hostile->generation << 16 | i,
					      .alive = true,
					      .ready = true,
					      .own_due = true,
					      .hello_at_ms = now_ms};
		return peer->handle;
	}
	return ROUTER_NO_PEER;
}

static void hostile_peers_died(void *speaker, const uint32_t *peers, size_t count, uint64_t now_ms)
{
	(void)now_ms;
	for (size_t i = 0; i < count; i++) {
		struct hostile_peer *peer = find_peer(speaker, peers[i]);
		if (peer != NULL)
			peer->alive = false;
	}
}

static void hostile_peer_writable(void *speaker, uint32_t handle)
{
	struct hostile_peer *peer = find_peer(speaker, handle);
	if (peer != NULL)
		peer->ready = true;
}

static void hear(struct hostile *hostile, const struct tlv_update *update)
{
	const struct node *node = world_find_node(hostile->node->world, &update->prefix.subnet.addr);
	if (update->metric == METRIC_INFINITE || node == NULL || node == hostile->node)
		return;
	size_t at = 0;
	while (at < hostile->heard_count && !subnet_equal(&hostile->heard[at].subnet, &update->prefix.subnet))
		at++;
	if (at == HEARD_MAX)
		return;
	hostile->heard_count += at == hostile->heard_count;
	hostile->heard[at] = (struct heard){
		.subnet = update->prefix.subnet, .id = update->router_id, .seqno = update->seqno};
}

static void hostile_handle_tlv(void *speaker, uint32_t handle, const struct tlv *tlv, uint64_t now_ms)
{
	(void)now_ms;
	struct hostile_peer *peer = find_peer(speaker, handle);
	if (peer == NULL)
		return;
	if (tlv->type == TLV_HELLO) {
		peer->ihus_due++;
		peer->ready = true;
	} else if (tlv->type == TLV_UPDATE) {
		hear(speaker, &tlv->update);
	}
}

static void hostile_tick(void *speaker, uint64_t now_ms)
{
	struct hostile *hostile = speaker;
	if (now_ms < hostile->next_ms)
		return;
	/* Turns that were missed are not made up for. */
	uint64_t turns = hostile->next_ms / TURN_MS;
	hostile->next_ms = now_ms + TURN_MS;
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct hostile_peer *peer = &hostile->peers[i];
		unsigned rate = hostile->node->attack_rate;
		unsigned most = rate / 10 + 1;
		peer->owed += (unsigned)(rate * (turns % 100 + 1) / 100 - rate * (turns % 100) / 100);
		if (peer->owed > most)
			peer->owed = most;
		peer->ready = peer->alive;
	}
}

static uint64_t hostile_next_deadline(const void *speaker)
{
	const struct hostile *hostile = speaker;
	return hostile->next_ms;
}

static enum route_answer hostile_need_route(void *speaker, const struct ip6 *address, enum route_need need,
					    uint64_t now_ms)
{
	(void)speaker, (void)address, (void)need, (void)now_ms;
	return ROUTE_NONE;
}

static void hostile_refresh_route(void *speaker, const struct ip6 *address, uint64_t now_ms)
{
	(void)speaker, (void)address, (void)now_ms;
}

static bool hostile_next_event(void *speaker, struct router_event *ret)
{
	(void)speaker, (void)ret;
	return false;
}

static uint32_t hostile_next_ready_peer(void *speaker)
{
	struct hostile *hostile = speaker;
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct hostile_peer *peer = &hostile->peers[i];
		if (!peer->alive || !peer->ready)
			continue;
		peer->ready = false;
		return peer->handle;
	}
	return ROUTER_NO_PEER;
}

/* What every node says. Returns false when nothing of it is due. */
static bool next_decent(struct hostile *hostile, struct hostile_peer *peer, uint64_t now_ms, struct tlv *ret)
{
	if (peer->own_due) {
		peer->own_due = false;
		*ret = make_update(hostile->config.own, hostile->config.id, 0, 0);
	} else if (peer->ihus_due > 0) {
		peer->ihus_due--;
		*ret = (struct tlv){.type = TLV_IHU, .ihu = {.interval_cs = IHU_INTERVAL_CS}};
	} else if (now_ms >= peer->hello_at_ms) {
		peer->hello_at_ms = now_ms + HELLO_INTERVAL_MS;
		*ret = (struct tlv){.type = TLV_HELLO,
				    .hello = {.seqno = peer->hello_seqno++, .interval_cs = HELLO_INTERVAL_CS}};
	} else {
		return false;
	}
	return true;
}

static size_t hostile_next_frame(void *speaker, uint32_t handle, uint64_t now_ms,
				 uint8_t out[static TLV_FRAME_SIZE_MAX])
{
	struct hostile *hostile = speaker;
	struct hostile_peer *peer = find_peer(hostile, handle);
	uint8_t frame[TLV_FRAME_SIZE_MAX];
	struct tlv tlv;
	size_t len = 0;
	if (peer == NULL)
		return 0;
	if (next_decent(hostile, peer, now_ms, &tlv)) {
		len = tlv_write_frame(&tlv, frame);
	} else if (peer->owed > 0) {
		peer->owed--;
		len = say(hostile, frame);
	}
	memcpy(out, frame, len);
	return len;
}

static uint32_t hostile_next_hop(const void *speaker, const struct ip6 *destination)
{
	(void)speaker, (void)destination;
	return ROUTER_NO_PEER;
}

static uint64_t hostile_query_deadline(const void *speaker, const struct ip6 *address)
{
	(void)speaker, (void)address;
	return 0;
}

static bool hostile_selected_source(const void *speaker, const struct subnet *subnet, struct router_id *ret)
{
	(void)speaker, (void)subnet, (void)ret;
	return false;
}

const struct speaker_ops speaker_hostile = {
	.name = "hostile",
	.start = hostile_start,
	.stop = free,
	.add_peer = hostile_add_peer,
	.peers_died = hostile_peers_died,
	.peer_writable = hostile_peer_writable,
	.handle_tlv = hostile_handle_tlv,
	.tick = hostile_tick,
	.next_deadline = hostile_next_deadline,
	.need_route = hostile_need_route,
	.refresh_route = hostile_refresh_route,
	.next_event = hostile_next_event,
	.next_ready_peer = hostile_next_ready_peer,
	.next_frame = hostile_next_frame,
	.next_hop = hostile_next_hop,
	.query_deadline = hostile_query_deadline,
	.selected_source = hostile_selected_source,
};
