// SPDX-License-Identifier: Apache-2.0
/*
 * A world: many routers in one process and in virtual time, the very objects of the daemon.
 *
 *      test or scenario                events (time, then order)
 *            │                                  │
 *   ┌────────▼──────────────────────────────────▼────────┐
 *   │ world   clock · seed · nodes · links · flows        │
 *   └──┬──────────────────┬───────────────────┬──────────┘
 *   ┌──▼───┐  frames   ┌──▼───┐  frames    ┌──▼───┐
 *   │ node │◄─────────►│ link │◄──────────►│ node │     node = router + forwarding table + waiting packets
 *   └──────┘  (bytes)  └──────┘            └──────┘
 *
 * Everything follows from the seed: the same seed and the same calls give the same bytes on every link. After each
 * input of a router its invariants and the loop-freedom of what changed are checked (in large worlds the walk over all
 * tables of a router is made less often); the first broken one stops the world and stays in `broken`, with the number of the event at which it broke.
 */
#ifndef MYCELIUM_SIM_WORLD_H
#define MYCELIUM_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "sim/events.h"
#include "sim/traffic.h"
#include "wire/tlv.h"

enum { WORLD_NODES_MAX = 2000, WORLD_BROKEN_TEXT_SIZE = 320 };

struct node;
struct link;
struct link_end;

/* Sees each TLV as it leaves a node. */
typedef void world_observer(void *context, const struct world *world, const struct link_end *from,
			    const struct tlv *tlv);

struct world {
	uint64_t seed;
	uint64_t now_ms;
	uint64_t events_done;
	struct rng rng;
	struct events events;
	struct node **nodes;
	size_t node_count, nodes_capacity;
	uint32_t *places; /* number of a node + 1 by hash of its /64, 0: free; twice as many as nodes at least */
	size_t places_size;
	unsigned check_every; /* a router's tables are walked after one in so many of its inputs */
	bool has_strangers;   /* hostile nodes make up subnets */
	struct link **links;
	size_t link_count, links_capacity;
	struct traffic traffic;
	uint64_t sent[TLV_SEQNO_REQUEST + 1]; /* TLVs put on links, by type */
	uint64_t retractions_sent;            /* of the Updates: those with an infinite metric */
	uint64_t digest;                      /* of all bytes, with time and link, ever put on links */
	world_observer *observer;
	void *observer_context;
	uint64_t loops_across_starts; /* short loops between routes of two starts of a node */
	bool is_broken;
	char broken[WORLD_BROKEN_TEXT_SIZE];
};

/* An empty world at time 0. Never NULL. Free with world_free(). */
struct world *world_new(uint64_t seed);

/* Frees the world with all its nodes and links. NULL is fine; returns NULL. */
struct world *world_free(struct world *world);

/* Lets `handle` happen at a time, not before now. */
void world_at(struct world *world, uint64_t at_ms, event_handler *handle, void *subject, uint64_t argument);

/* Lets all events up to `at_ms` happen and sets the clock to it. Returns false when something is or was broken; the
 * clock then stays at the broken event. */
bool world_run_until(struct world *world, uint64_t at_ms);

/* The same for a span from now. */
bool world_run_for(struct world *world, uint64_t span_ms);

/* Notes that something is broken; the first note stays. `node` is where, or NULL. */
void world_break(struct world *world, const struct node *node, const char *text);

/* Adds a node, which is not started. Its key follows from the seed and its number. */
struct node *world_add_node(struct world *world);

/* The node whose /64 contains an address, or NULL. */
struct node *world_find_node(const struct world *world, const struct ip6 *address);

/* A number in low..high, from the world's generator. */
uint64_t world_random(struct world *world, uint64_t low, uint64_t high);

/* Notes bytes in the digest. */
void world_digest(struct world *world, const void *bytes, size_t len);

#endif
