// SPDX-License-Identifier: Apache-2.0
#include "sim/watch.h"

#include <stdlib.h>

#include "router/router.h"
#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"

enum { REQUEST_SPACING_MS = 4000, BUMP_SPACING_MS = 4000, GENERATION_MAX = 15, HOPS_MAX = 64 };

void watch_restart(struct watch *watch)
{
	watch->count = 0;
	watch->hello_seqno = 0;
}

void watch_free(struct watch *watch)
{
	free(watch->requests);
	*watch = (struct watch){0};
}

void watch_peer_gone(struct node *node)
{
	for (size_t i = 0; i < node->link_count; i++) {
		const struct link *link = node->links[i];
		if (link_end_is_open(&link->ends[link->ends[0].node == node ? 0 : 1]))
			return;
	}
	node->own_announced = false;
}

/* What hostile nodes announce of longer prefixes is passed on. */
static bool prefix_is_announceable(const struct link_end *end, const struct tlv_prefix *prefix)
{
	struct subnet canonical = subnet_canonical(prefix->subnet);
	bool long_enough = prefix->subnet.len == 64 || (end->link->world->has_strangers && prefix->subnet.len > 64);
	return prefix->encoding == AE_IPV6 && long_enough && ip6_in_overlay(&prefix->subnet.addr) &&
	       ip6_equal(&canonical.addr, &prefix->subnet.addr);
}

static const char *watch_own_update(struct link_end *end, const struct tlv_update *update)
{
	struct node *node = end->node;
	uint64_t now_ms = node_now_ms(end->node);
	if (update->metric != 0)
		return "the own subnet was announced with a metric other than 0";
	if (!router_id_equal(&update->router_id, &node->id))
		return "the own subnet was announced with another router id";
	/* On a slow link several bumps may be told as one, and later. */
	if (end->link->credit_bytes == 0 && node->own_announced && update->seqno != node->own_seqno) {
		if (update->seqno != (uint16_t)(node->own_seqno + 1))
			return "the own seqno moved by other than one";
		if (now_ms - node->own_seqno_since_ms < BUMP_SPACING_MS)
			return "the own seqno moved twice within 4 s";
	}
	if (node->own_announced && update->seqno != node->own_seqno)
		node->own_seqno_since_ms = now_ms;
	node->own_announced = true;
	node->own_seqno = update->seqno;
	return NULL;
}

static const char *watch_update(struct link_end *end, const struct tlv_update *update)
{
	if (!prefix_is_announceable(end, &update->prefix))
		return "an Update for a prefix that is not a canonical /64 of the overlay";
	if (update->interval_cs != UPDATE_INTERVAL_CS)
		return "an Update with an interval other than 300 s";
	if (ip6_upper64(&update->prefix.subnet.addr) == end->node->upper64)
		return watch_own_update(end, update);
	if (update->metric == 0)
		return "another node's subnet was announced with metric 0";
	struct public_key key = router_id_key(&update->router_id);
	struct ip6 address = public_key_address(&key);
	if (update->metric != METRIC_INFINITE && !subnet_contains(&update->prefix.subnet, &address))
		return "an Update whose router id does not belong to its prefix";
	return NULL;
}

static const char *watch_seqno_request(struct link_end *end, const struct tlv_seqno_request *request)
{
	struct watch *watch = &end->watch;
	uint64_t now_ms = node_now_ms(end->node);
	if (!prefix_is_announceable(end, &request->prefix))
		return "a seqno request for a prefix that is not a canonical /64 of the overlay";
	if (request->hop_count == 0 || request->hop_count > HOPS_MAX)
		return "a seqno request with a hop count outside 1..64";
	if (end->link->credit_bytes > 0)
		return NULL;
	size_t kept = 0;
	for (size_t i = 0; i < watch->count; i++) {
		struct watched_request *old = &watch->requests[i];
		if (now_ms - old->sent_ms >= REQUEST_SPACING_MS)
			continue;
		if (old->seqno == request->seqno && router_id_equal(&old->router_id, &request->router_id) &&
		    subnet_equal(&old->subnet, &request->prefix.subnet))
			return "the same seqno request went to one peer twice within 4 s";
		watch->requests[kept++] = *old;
	}
	watch->count = kept;
	watch->requests = memory_grow(watch->requests, &watch->capacity, kept + 1, sizeof(*watch->requests));
	watch->requests[watch->count++] = (struct watched_request){
		.router_id = request->router_id,
		.subnet = request->prefix.subnet,
		.seqno = request->seqno,
		.sent_ms = now_ms,
	};
	return NULL;
}

static const char *watch_route_request(const struct link_end *end, const struct tlv_route_request *request)
{
	if (!prefix_is_announceable(end, &request->prefix))
		return "a route request for a prefix that is not a canonical /64 of the overlay";
	if (request->generation > GENERATION_MAX)
		return "a route request with a generation above 15";
	return NULL;
}

const char *watch_tlv(struct link_end *end, const struct tlv *tlv)
{
	switch (tlv->type) {
	case TLV_HELLO:
		if (tlv->hello.seqno != end->watch.hello_seqno++)
			return "the seqno of a Hello is not the next one";
		return tlv->hello.interval_cs == HELLO_INTERVAL_CS ? NULL : "a Hello with an interval other than 20 s";
	case TLV_IHU:
		if (tlv->ihu.encoding != AE_WILDCARD)
			return "an IHU with an address";
		return tlv->ihu.interval_cs == IHU_INTERVAL_CS ? NULL : "an IHU with an interval other than 60 s";
	case TLV_UPDATE:
		return watch_update(end, &tlv->update);
	case TLV_ROUTE_REQUEST:
		return watch_route_request(end, &tlv->route_request);
	case TLV_SEQNO_REQUEST:
		return watch_seqno_request(end, &tlv->seqno_request);
	}
	return "a TLV of unknown type";
}
