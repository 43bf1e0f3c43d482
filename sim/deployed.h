// SPDX-License-Identifier: Apache-2.0
/*
 * A model of deployed nodes (v0.7.10): how they route, without what our router does better, so that networks of both can
 * be tried out. docs/protocol/routing.md, "What we decided", names the differences.
 *
 *   deployed.c           peers, clocks, the speaker      deployed_update.c    Updates, selection, announcements, loss
 *   deployed_request.c   requests of both kinds
 *
 * Left out: packets wait 15 s at most and are not counted twice (W7 to W9), a search has one timer (W5), and the memory
 * of sent route requests ends with the search, so that no search blocks the next (W6). It knows the /64s of the world's
 * nodes and no other prefixes.
 */
#ifndef MYCELIUM_SIM_DEPLOYED_H
#define MYCELIUM_SIM_DEPLOYED_H

#include "router/router.h"
#include "sim/node.h"

enum {
	DEPLOYED_PEERS_MAX = 256,
	DEPLOYED_RETRACT_HOLD_MS = 6000,
	DEPLOYED_REPEAT_MS = 4000,
	DEPLOYED_REQUEST_MEMORY_MS = 15000,
	DEPLOYED_GENERATIONS = 16,
};

struct deployed_peer {
	uint32_t handle;
	bool alive, ready;
	uint16_t static_cost, dynamic_cost, hello_seqno;
	uint64_t hello_sent_ms, ihu_received_ms;
	struct tlv *queue; /* without bound */
	size_t queue_head, queue_count, queue_capacity;
};

struct deployed_entry {
	uint32_t peer;
	uint16_t metric, seqno;
	uint64_t expires_ms;
	struct router_id id;
};

struct deployed_source {
	struct router_id id;
	uint16_t metric, seqno;
	uint64_t forgotten_ms;
};

/* What is known of one node's /64. The selected entry is the first. */
struct deployed_subnet {
	struct deployed_entry *entries;
	size_t count, capacity;
	bool is_selected;
	uint64_t query_deadline_ms; /* 0: not queried */
	struct deployed_source *sources;
	size_t source_count, sources_capacity;
	bool published;             /* the node was told of a route */
	uint32_t published_peer;
	uint64_t published_expires_ms;
	bool asked; /* a route request was sent */
	uint8_t asked_generation;
	uint64_t asked_ms;
};

/* Peers by slot, as bits. */
struct peer_set {
	uint64_t bits[DEPLOYED_PEERS_MAX / 64];
};

struct deployed_seqno_request {
	uint32_t subnet;
	uint16_t seqno;
	struct router_id id;
	struct peer_set requesters, targets;
	uint64_t first_ms, last_ms;
};

struct deployed {
	struct node *node;
	struct router_config config;
	uint64_t now_ms;
	uint16_t seqno, generation;
	uint64_t last_bump_ms, hello_at_ms, own_at_ms, liveness_at_ms, sweep_at_ms;
	struct deployed_peer peers[DEPLOYED_PEERS_MAX];
	uint32_t peer_slots;
	struct deployed_subnet *subnets; /* by node number */
	uint32_t subnet_slots;           /* those behind have never been touched */
	struct deployed_seqno_request *requests;
	size_t request_count, requests_capacity;
	struct router_event *events;
	size_t event_head, event_count, events_capacity;
};

/* ---- deployed.c --------------------------------------------------------------------------------------------------- */

struct deployed_peer *deployed_peer(struct deployed *deployed, uint32_t handle);
uint16_t deployed_cost(struct deployed *deployed, uint32_t handle);
void deployed_send(struct deployed_peer *to, const struct tlv *tlv);
void deployed_event(struct deployed *deployed, const struct router_event *event);

/* The record of a /64, or NULL: the own one, or nobody's. */
struct deployed_subnet *deployed_find(struct deployed *deployed, const struct subnet *subnet, uint32_t *ret_number);

static inline bool peer_set_has(const struct peer_set *set, uint32_t handle)
{
	uint32_t slot = handle % DEPLOYED_PEERS_MAX;
	return (set->bits[slot / 64] >> slot % 64 & 1) != 0;
}

static inline void peer_set_add(struct peer_set *set, uint32_t handle)
{
	uint32_t slot = handle % DEPLOYED_PEERS_MAX;
	set->bits[slot / 64] |= (uint64_t)1 << slot % 64;
}

static inline void peer_set_remove(struct peer_set *set, uint32_t handle)
{
	uint32_t slot = handle % DEPLOYED_PEERS_MAX;
	set->bits[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

/* ---- deployed_update.c -------------------------------------------------------------------------------------------- */

void deployed_handle_update(struct deployed *deployed, struct deployed_peer *from, const struct tlv_update *update);
bool deployed_feasible(const struct deployed *deployed, const struct deployed_subnet *subnet, const struct router_id *id,
		       uint16_t metric, uint16_t seqno);

/* The feasibility distance of a source, or NULL. */
struct deployed_source *deployed_source(const struct deployed *deployed, const struct deployed_subnet *subnet,
					const struct router_id *id);

/* Announces the selected route, or that there is none, to those of a set, or to all (NULL). */
void deployed_announce(struct deployed *deployed, uint32_t number, const struct peer_set *to);

/* Sends the selected route to one peer, with this metric. */
void deployed_answer(struct deployed *deployed, uint32_t number, struct deployed_peer *to, uint16_t metric);

void deployed_announce_own(struct deployed *deployed, struct deployed_peer *to);
void deployed_bury(struct deployed *deployed, const struct peer_set *dead);
void deployed_expire(struct deployed *deployed, uint32_t number);

/* ---- deployed_request.c ------------------------------------------------------------------------------------------- */

/* Asks one peer, or all with an entry (NULL), for a source's next seqno. */
void deployed_ask_seqno(struct deployed *deployed, uint32_t number, const struct router_id *id,
			struct deployed_peer *to);
void deployed_handle_seqno_request(struct deployed *deployed, struct deployed_peer *from,
				   const struct tlv_seqno_request *request);

/* The record of a request, or NULL. */
struct deployed_seqno_request *deployed_seqno_request(struct deployed *deployed, uint32_t number,
						      const struct router_id *id, uint16_t seqno);
void deployed_sweep_requests(struct deployed *deployed);

void deployed_search(struct deployed *deployed, uint32_t number);
void deployed_handle_route_request(struct deployed *deployed, struct deployed_peer *from,
				   const struct tlv_route_request *request);

#endif
