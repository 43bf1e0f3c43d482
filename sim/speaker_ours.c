// SPDX-License-Identifier: Apache-2.0
/* The router of the daemon as a speaker: nothing is added, nothing taken away. */
#include "sim/speaker.h"

static void *ours_start(struct node *node, const struct router_config *config, uint64_t now_ms)
{
	(void)node;
	return router_new(config, now_ms);
}

static void ours_stop(void *speaker)
{
	router_free(speaker);
}

static uint32_t ours_add_peer(void *speaker, uint16_t static_cost, uint64_t now_ms)
{
	return router_add_peer(speaker, static_cost, now_ms);
}

static void ours_peers_died(void *speaker, const uint32_t *peers, size_t count, uint64_t now_ms)
{
	router_peers_died(speaker, peers, count, now_ms);
}

static void ours_peer_writable(void *speaker, uint32_t peer)
{
	router_peer_writable(speaker, peer);
}

static void ours_peer_silent(void *speaker, uint32_t peer, uint64_t unanswered_ms, uint64_t now_ms)
{
	router_peer_silent(speaker, peer, unanswered_ms, now_ms);
}

static void ours_handle_tlv(void *speaker, uint32_t peer, const struct tlv *tlv, uint64_t now_ms)
{
	router_handle_tlv(speaker, peer, tlv, now_ms);
}

static void ours_tick(void *speaker, uint64_t now_ms)
{
	router_tick(speaker, now_ms);
}

static uint64_t ours_next_deadline(const void *speaker)
{
	return router_next_deadline(speaker);
}

static enum route_answer ours_need_route(void *speaker, const struct ip6 *address, enum route_need need,
					 uint64_t now_ms)
{
	return router_need_route(speaker, address, need, now_ms);
}

static void ours_refresh_route(void *speaker, const struct ip6 *address, uint64_t now_ms)
{
	router_refresh_route(speaker, address, now_ms);
}

static bool ours_next_event(void *speaker, struct router_event *ret)
{
	return router_next_event(speaker, ret);
}

static uint32_t ours_next_ready_peer(void *speaker)
{
	return router_next_ready_peer(speaker);
}

static bool ours_next_tlv(void *speaker, uint32_t peer, uint64_t now_ms, struct tlv *ret)
{
	return router_next_tlv(speaker, peer, now_ms, ret);
}

static uint32_t ours_next_hop(const void *speaker, const struct ip6 *destination)
{
	return router_next_hop(speaker, destination);
}

static uint64_t ours_query_deadline(const void *speaker, const struct ip6 *address)
{
	return router_query_deadline(speaker, address);
}

struct source_search {
	const struct subnet *subnet;
	struct router_id *ret;
	bool found;
};

static void note_source(void *context, const struct router_route *route)
{
	struct source_search *search = context;
	if (!route->selected || !subnet_equal(&route->subnet, search->subnet))
		return;
	*search->ret = route->router_id;
	search->found = true;
}

static bool ours_selected_source(const void *speaker, const struct subnet *subnet, struct router_id *ret)
{
	struct source_search search = {.subnet = subnet, .ret = ret};
	router_for_each_route(speaker, note_source, &search);
	return search.found;
}

static size_t ours_entry_count(const void *speaker)
{
	return router_sizes(speaker).entries;
}

const struct speaker_ops speaker_ours = {
	.name = "ours",
	.is_ours = true,
	.is_honest = true,
	.start = ours_start,
	.stop = ours_stop,
	.add_peer = ours_add_peer,
	.peers_died = ours_peers_died,
	.peer_writable = ours_peer_writable,
	.peer_silent = ours_peer_silent,
	.handle_tlv = ours_handle_tlv,
	.tick = ours_tick,
	.next_deadline = ours_next_deadline,
	.need_route = ours_need_route,
	.refresh_route = ours_refresh_route,
	.next_event = ours_next_event,
	.next_ready_peer = ours_next_ready_peer,
	.next_tlv = ours_next_tlv,
	.next_hop = ours_next_hop,
	.query_deadline = ours_query_deadline,
	.selected_source = ours_selected_source,
	.entry_count = ours_entry_count,
};
