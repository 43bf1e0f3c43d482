// SPDX-License-Identifier: Apache-2.0
/*
 * Speakers: what decides at a node. Ours is the router of the daemon; others model the nodes it meets out there.
 *
 *   speaker_ours       the router itself                               sim/speaker_ours.c
 *   speaker_deployed   the behaviour of deployed nodes (v0.7.10)       sim/deployed.c
 *   speaker_hostile    sends what it likes                             sim/hostile.c
 *
 * All of them stand behind the inputs and outputs of router/router.h, so that nodes, links, packets and invariants need
 * not know who is who.
 */
#ifndef MYCELIUM_SIM_SPEAKER_H
#define MYCELIUM_SIM_SPEAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "router/router.h"

struct node;

/* The functions mean what their namesakes in router/router.h mean. */
struct speaker_ops {
	const char *name;
	bool is_ours;
	bool is_honest;
	void *(*start)(struct node *node, const struct router_config *config, uint64_t now_ms);
	void (*stop)(void *speaker);
	uint32_t (*add_peer)(void *speaker, uint16_t static_cost, uint64_t now_ms);
	void (*peers_died)(void *speaker, const uint32_t *peers, size_t count, uint64_t now_ms);
	void (*peer_writable)(void *speaker, uint32_t peer);
	void (*peer_silent)(void *speaker, uint32_t peer, uint64_t unanswered_ms, uint64_t now_ms); /* may be NULL */
	void (*handle_tlv)(void *speaker, uint32_t peer, const struct tlv *tlv, uint64_t now_ms);
	void (*tick)(void *speaker, uint64_t now_ms);
	uint64_t (*next_deadline)(const void *speaker);
	enum route_answer (*need_route)(void *speaker, const struct ip6 *address, enum route_need need,
					uint64_t now_ms);
	void (*refresh_route)(void *speaker, const struct ip6 *address, uint64_t now_ms);
	bool (*next_event)(void *speaker, struct router_event *ret);
	uint32_t (*next_ready_peer)(void *speaker);
	/* One of the two. A frame is bytes that need not be well-formed; returns its length, 0 when nothing is due. */
	bool (*next_tlv)(void *speaker, uint32_t peer, uint64_t now_ms, struct tlv *ret);
	size_t (*next_frame)(void *speaker, uint32_t peer, uint64_t now_ms, uint8_t out[static TLV_FRAME_SIZE_MAX]);
	uint32_t (*next_hop)(const void *speaker, const struct ip6 *destination);
	uint64_t (*query_deadline)(const void *speaker, const struct ip6 *address);
	/* The router id of the selected route to a /64. Returns false when there is none. */
	bool (*selected_source)(const void *speaker, const struct subnet *subnet, struct router_id *ret);
	size_t (*entry_count)(const void *speaker); /* NULL: it has no table */
};

extern const struct speaker_ops speaker_ours, speaker_deployed, speaker_hostile;

#endif
