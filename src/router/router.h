// SPDX-License-Identifier: Apache-2.0
/*
 * The router: a Babel variant (RFC 8966 with the differences of docs/protocol/routing.md) as a sans-I/O state machine.
 *
 *              tlv, peer added, peers died, need for a route, tick          now_ms with each input
 *                                     │
 *                              ┌──────▼──────┐
 *                              │   router    │   table · sources · queries · seqno requests · peers
 *                              └──┬───────┬──┘
 *            per peer: TLVs, pulled│       │events, pulled: routes set and gone, queries expired, dead peers
 *
 * No clock, no sockets, no logging, no randomness but the seed given at the start: the same inputs give the same
 * outputs, bit for bit. The daemon and the simulator run this very object. One thread (control) owns it.
 *
 * Outgoing TLVs are not queued as bytes. Each peer has a short list of immediate TLVs and a set of subnets whose
 * announcement is due ("dirty"); router_next_tlv() builds an Update from the state at the moment it is pulled, after the
 * source table took note of it. Repeated changes merge, memory is bounded by the table, a retraction is never lost, and a
 * peer that does not read costs nothing but its marks.
 *
 * After each input the caller pulls all events, and TLVs for each ready peer as far as the peer's connection has room.
 */
#ifndef MYCELIUM_ROUTER_ROUTER_H
#define MYCELIUM_ROUTER_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "crypto/keys.h"
#include "wire/tlv.h"

/* Handle of a peer: one live connection. Index in the low, generation in the high 16 bits; never reused while anything
 * can still refer to it. */
#define ROUTER_NO_PEER UINT32_MAX

/* Protocol constants (docs/protocol/routing.md has the reasons). */
enum {
	ROUTER_PEERS_MAX = 4096,
	HELLO_INTERVAL_MS = 20000,
	HELLO_INTERVAL_CS = 2000,
	IHU_INTERVAL_CS = 6000,
	UPDATE_INTERVAL_MS = 300000,
	UPDATE_INTERVAL_CS = 30000,
	DEAD_PEER_AGE_MS = 43000,
	SILENCE_PROBE_MS = 250,		/* between probes of a silent peer */
	SILENCE_DEAD_MIN_MS = 1300,
	SILENCE_BORNE_MS = 1100,	/* a process that is stopped for a second, and a turn of the watch, is not dead */
	QUERY_TIMEOUT_MS = 15000,
	REFRESH_BEFORE_MS = 15000,
	ROUTE_REQUEST_GENERATION_MAX = 15,
	SEQNO_REQUEST_HOPS = 64,
	LINK_COST_INITIAL = 1000,
};

struct router;

struct router_config {
	struct router_id id;		/* key, zone and the random tail of this start */
	struct subnet own;		/* the /64 this node announces */
	uint64_t seed;			/* for hash keys and jitter */
	uint32_t unasked_max;		/* subnets kept that nobody looked for; 0: 32768, which takes up to 15 MB */
};

/* A fresh router with seqno 0. Returns NULL without memory. Free with router_free(); NULL is fine. */
struct router *router_new(const struct router_config *config, uint64_t now_ms);
void router_free(struct router *router);

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

/* A connection is up. `static_cost` is the cost of its transport (transport costs, docs/protocol/routing.md). The own subnet
 * and a request per running query become due to this peer, and a Hello. Returns the peer's handle, or ROUTER_NO_PEER when
 * ROUTER_PEERS_MAX are there or memory is short. */
uint32_t router_add_peer(struct router *router, uint16_t static_cost, uint64_t now_ms);

/* Connections ended, all in the same moment. Unknown handles are ignored, so a second notice is harmless. */
void router_peers_died(struct router *router, const uint32_t *peers, size_t count, uint64_t now_ms);

/* A TLV arrived. Ignored when the peer is not alive. */
void router_handle_tlv(struct router *router, uint32_t peer, const struct tlv *tlv, uint64_t now_ms);

/* Lets all deadlines up to `now_ms` happen, in order. To be called before any other input with the same `now_ms`. */
void router_tick(struct router *router, uint64_t now_ms);

/* When router_tick() is needed next, or TIMERS_NEVER_MS. */
uint64_t router_next_deadline(const struct router *router);

/*
 * The link layer noticed a silence: something was sent to a peer `unanswered_ms` ago and since then nothing was heard of it,
 * no byte and no acknowledgement of the transport; or, with 0, a link that was busy has fallen quiet. To be repeated about
 * every 100 ms while it lasts. Probes the peer with a Hello, which every peer answers; gives the peer up (ROUTER_PEER_DEAD)
 * once the silence is longer than SILENCE_DEAD_MIN_MS and four round trips, and its first probe has been unanswered for more
 * than SILENCE_BORNE_MS and a round trip.
 */
void router_peer_silent(struct router *router, uint32_t peer, uint64_t unanswered_ms, uint64_t now_ms);

/* Why somebody needs a route or a key. */
enum route_need {
	NEED_SEND,	/* a local packet to this destination */
	NEED_FORWARD,	/* a packet of others to this destination */
	NEED_KEY,	/* a received packet from this source */
};

enum route_answer {
	ROUTE_READY,		/* selected (NEED_KEY: its key is known): use it */
	ROUTE_SEARCHING,	/* a search is under way until router_query_deadline(); the packet may wait */
	ROUTE_NONE,		/* no route and no search: report "no route" or drop */
};

/* Asks for the route to an address, and starts a search where the rules and the budgets allow one (W3 to W6, W29, W30).
 * Addresses outside 400::/7 and in the own /64 are never searched. */
enum route_answer router_need_route(struct router *router, const struct ip6 *address, enum route_need need, uint64_t now_ms);

/* Traffic uses this route although it is about to expire: ask the neighbours that announced it, at most once per 5 s. */
void router_refresh_route(struct router *router, const struct ip6 *address, uint64_t now_ms);

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

enum router_event_type {
	ROUTER_ROUTE_SET,	/* a selected route is new, has another next hop, key or expiry */
	ROUTER_ROUTE_GONE,	/* the subnet has no selected route any more */
	ROUTER_QUERY_EXPIRED,	/* a search ended without a route */
	ROUTER_PEER_DEAD,	/* the peer was silent for too long; it is already forgotten: close its connection */
};

struct router_event {
	enum router_event_type type;
	uint32_t peer;			/* ROUTE_SET: next hop; PEER_DEAD */
	struct subnet subnet;		/* all but PEER_DEAD */
	struct public_key key;		/* ROUTE_SET: key of the originator */
	uint64_t expires_ms;		/* ROUTE_SET */
	bool acquired;			/* ROUTE_SET: there was no usable route before; waiting packets may go */
};

/* Takes the next event. Returns false when there is none. */
bool router_next_event(struct router *router, struct router_event *ret);

/* A peer that has TLVs to send, each in its turn, or ROUTER_NO_PEER. A peer the caller passes by (no room on its
 * connection) is offered again only after router_peer_writable(). */
uint32_t router_next_ready_peer(struct router *router);

/* The peer's connection has room again. */
void router_peer_writable(struct router *router, uint32_t peer);

/* Builds the next TLV for a peer: immediate ones first (IHU, Hello), retractions, answers, then the rest. Returns false when
 * nothing is due. The source table is updated before an Update leaves (I6). */
bool router_next_tlv(struct router *router, uint32_t peer, uint64_t now_ms, struct tlv *ret);

/* ---- read-only --------------------------------------------------------------------------------------------------- */

/* Next hop of the selected route by longest prefix match, or ROUTER_NO_PEER. */
uint32_t router_next_hop(const struct router *router, const struct ip6 *destination);

/* Public key of the originator of the longest matching prefix, and that prefix (`ret_subnet` may be NULL). Returns false when
 * unknown. */
bool router_public_key(const struct router *router, const struct ip6 *address, struct subnet *ret_subnet,
		       struct public_key *ret);

/* When the search for an address ends, or 0 when there is none. */
uint64_t router_query_deadline(const struct router *router, const struct ip6 *address);

/* Cost of the link to a peer: smoothed round trip in ms plus the transport's, at most METRIC_MAX. */
uint16_t router_link_cost(const struct router *router, uint32_t peer);

struct router_route {
	struct subnet subnet;
	uint32_t peer;			/* ROUTER_NO_PEER once its neighbour died */
	uint16_t metric;		/* as received */
	uint16_t seqno;
	bool selected;
	uint64_t expires_ms;
	struct router_id router_id;
};

/* Calls back for every route entry, in no particular order. The callback must not change the router. */
void router_for_each_route(const struct router *router, void (*callback)(void *context, const struct router_route *route),
			   void *context);

/* Calls back for every running query. */
void router_for_each_query(const struct router *router,
			   void (*callback)(void *context, const struct subnet *subnet, uint64_t deadline_ms), void *context);

/* Counters since the start; names follow the metrics of docs/protocol/routing.md. */
struct router_counters {
	uint64_t tlvs[TLV_SEQNO_REQUEST + 1];	/* by type */
	uint64_t wildcard_route_requests;
	uint64_t tlv_source_died, tlv_discarded;
	uint64_t peers_added, peers_removed, peers_died;
	uint64_t route_selections, source_keys_expired;
	uint64_t routes_removed, routes_retracted;
	uint64_t triggered_updates;
	uint64_t seqno_reply_local, seqno_bumped, seqno_hops_exceeded, seqno_forward_feasible, seqno_forward_unfeasible,
		seqno_unhandled;
	uint64_t updates_denied, updates_not_interested, updates_skipped_selection;
	uint64_t sent[TLV_SEQNO_REQUEST + 1];	/* TLVs pulled, by type */
	uint64_t retractions_sent;
	uint64_t silence_probes, silence_deaths;
	uint64_t dropped_over_budget;		/* requests beyond a token bucket or a table limit */
};

const struct router_counters *router_counters(const struct router *router);

/* Numbers of table rows, for limits and tests. */
struct router_sizes {
	size_t subnets, entries, sources, router_ids, queries, seqno_requests, dirty_marks, peers;
	size_t bytes;	/* allocated for all of it */
};

struct router_sizes router_sizes(const struct router *router);

/* Verifies the invariants I1 to I9 of docs/protocol/routing.md. Returns NULL, or a static text that names the broken one.
 * For tests and the simulator: it walks the whole table. */
const char *router_check(const struct router *router, uint64_t now_ms);

#endif
