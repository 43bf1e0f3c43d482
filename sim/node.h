// SPDX-License-Identifier: Apache-2.0
/*
 * A node: a speaker with what the daemon puts around it, a forwarding table fed by the speaker's events and nothing
 * else, packets that wait, connections, and a clock of its own, which may run ahead of the world's.
 */
#ifndef MYCELIUM_SIM_NODE_H
#define MYCELIUM_SIM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "crypto/keys.h"
#include "router/router.h"
#include "sim/hostile.h"
#include "sim/speaker.h"
#include "sim/waiting.h"
#include "sim/world.h"

/* What lanes of the daemon would know about one destination. */
struct fib_entry {
	bool present;   /* there is a selected route */
	bool key_known; /* kept when the route goes: the address certifies the key */
	bool changed;   /* in this input */
	uint32_t peer;
	uint64_t expires_ms;
};

struct node {
	struct world *world;
	uint32_t index;
	struct public_key key;
	struct ip6 address;
	uint64_t upper64;
	struct router_id id;   /* of the current start */
	const struct speaker_ops *ops;
	void *speaker;         /* NULL while the node is off */
	struct router *router; /* the speaker of one of our nodes, else NULL */
	bool retired;          /* off for good: its place was taken by another identity */
	enum attack attack;    /* of a hostile node */
	unsigned attack_rate;  /* TLVs per second and peer */
	bool lied_about;       /* a hostile node claims its subnet: no promise about routes to it */
	uint64_t clock_ahead_ms;
	uint64_t paused_until_ms;
	uint64_t tick_armed_ms;
	unsigned starts;
	struct link **links;
	size_t link_count, links_capacity;
	struct link_end **ends; /* by the low 16 bits of the peer handle */
	size_t ends_capacity;
	struct fib_entry *fib; /* by node number */
	size_t fib_capacity;
	uint32_t *changed; /* node numbers whose entry changed in this input */
	size_t changed_count, changed_capacity;
	struct waiting waiting;
	uint64_t inputs;
	bool tables_untouched; /* this input cannot have changed the router's tables */
	uint64_t peers_found_dead;
	uint16_t own_seqno; /* last announced, for the wire watch */
	bool own_announced;
	uint64_t own_seqno_since_ms; /* of this node's clock; the start counts as a bump */
};

/* A node of ours that is off. Another speaker may be set before it starts. */
struct node *node_new(struct world *world, uint32_t index);
void node_free(struct node *node);

/* Starts the router, with a new random tail of the router id at each start. */
void node_start(struct node *node);

/* Ends the process of a node: its connections close, and all its neighbours notice in this moment. Packets waiting in
 * it are lost. */
void node_stop(struct node *node);

static inline bool node_is_on(const struct node *node)
{
	return node->speaker != NULL;
}

/* The node does nothing for a while; what arrives waits on its connections. */
void node_pause(struct node *node, uint64_t span_ms);

static inline bool node_is_paused(const struct node *node)
{
	return node->world->now_ms < node->paused_until_ms;
}

/* The node's clock jumps forward, as after a sleep that nobody else had. */
void node_jump(struct node *node, uint64_t span_ms);

static inline uint64_t node_now_ms(const struct node *node)
{
	return node->world->now_ms + node->clock_ahead_ms;
}

/* A link begins or ends at the node. */
void node_note_link(struct node *node, struct link *link);

/* To be called before each input: lets the router's due deadlines happen. */
void node_advance(struct node *node);

/* To be called after each input: takes the router's events and TLVs, arms its next deadline, checks the invariants. */
void node_settle(struct node *node);

/* A new connection. Returns the handle, ROUTER_NO_PEER when the router refuses it. The caller settles. */
uint32_t node_add_peer(struct node *node, struct link_end *end);

/* The connection behind a handle, or NULL. */
struct link_end *node_end(const struct node *node, uint32_t peer);

/* The forwarding entry of this node for a destination node. */
struct fib_entry *node_fib(struct node *node, uint32_t destination);

#endif
