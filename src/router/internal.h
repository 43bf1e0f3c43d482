// SPDX-License-Identifier: Apache-2.0
/*
 * The router's inside: its records, and what its files offer each other. docs/protocol/routing.md has the rules.
 *
 *   router.c        life, inputs                    destination.c   prefixes: index, longest match, lifetime
 *   neighbour.c     peers, Hello, IHU, link cost    entry.c         what a neighbour announced, per destination
 *   update.c        an Update arrives               originator.c    router ids, stored once
 *   select.c        which entry is best             source.c        feasibility distances
 *   loss.c          expiry and death of entries     seqno.c         seqno requests
 *   request.c       route requests                  query.c         searches under way
 *   interest.c      peers that asked in vain        need.c          routes and keys the caller needs
 *   journal.c       whose announcement is due       announce.c      Updates, triggers, answers
 *   outgoing.c      the next TLV of a peer          event.c         what the caller is told
 *   clock.c         deadlines                       read.c, check.c looking without touching
 *
 * A destination record lives as long as it has entries, or anything holds it: a feasibility distance, a journal mark,
 * an answer due, a seqno request, an event, an interest. It EXISTS in the sense of the protocol when it has entries.
 *
 * All tables use 4-byte handles into pools; 0 is none.
 */
#ifndef MYCELIUM_ROUTER_INTERNAL_H
#define MYCELIUM_ROUTER_INTERNAL_H

#include "base/list.h"
#include "base/token_bucket.h"
#include "router/fifo.h"
#include "router/index.h"
#include "router/pool.h"
#include "router/router.h"
#include "router/wheel.h"

/* Limits. Beyond them the newest is refused and counted in `dropped_over_budget`, unless said otherwise. */
enum {
	DESTINATIONS_MAX = 1 << 20,
	ENTRIES_MAX = 1 << 22,
	ENTRIES_PER_PEER_MAX = DESTINATIONS_MAX / 2,
	SOURCES_MAX = 1 << 22,
	SOURCES_PER_DESTINATION_MAX = 64, /* router ids change with each restart of their node only */
	ORIGINATORS_MAX = 1 << 22,
	/* What nobody looked for, or only others: subnets in all, and so many times as many entries and router ids. A peer
	 * with few routes may go on when the others have taken everything. */
	UNASKED_MAX = 32768,
	UNASKED_ROWS_EACH = 4,
	UNASKED_FEW = 256,
	UNASKED_FEW_FACTOR = 2,
	ASKED_BY_OTHERS_FACTOR = 4,
	UNASKED_PEERS_SHARE = 2, /* one peer may tell half of them at once, then so many new names a second */
	UNASKED_PER_SECOND = 50,
	QUERIES_MAX = 65536,
	QUERIES_RESERVED = 8192,            /* of them, for what this node itself looks for */
	SEQNO_REQUESTS_MAX = 65536,         /* beyond: the oldest goes */
	SEQNO_REQUESTS_PER_SOURCE_MAX = 16, /* of one asker */
	SEQNO_REQUESTERS_MAX = 64,
	NOTES_MAX = 1 << 20,
	INTERESTS_MAX = 4096,
	ANSWERS_PER_PEER_MAX = 1024,
	REQUESTS_PER_PEER_MAX = 1024, /* waiting to leave, of each kind */
	REQUESTS_PER_SECOND = 200,    /* taken from one peer, of each kind */
	REQUESTS_BURST = 1000,
	UPDATES_PER_SECOND = 5000, /* finite ones, taken from one peer; retractions always */
	UPDATES_BURST = 100000,
	IHUS_PER_SECOND = 10,
	IHUS_BURST = 10,
};

/* Times that only this room needs. */
enum {
	LIVENESS_CHECK_MS = 10000,
	HELLO_ANSWER_MAX_MS = 10000, /* an answer that is not there by then does not come: several became one */
	SEQNO_BUMP_MIN_MS = 4000,
	QUERY_REPEAT_MS = 5000, /* a request for what is being searched is passed on again after this */
	SEQNO_TARGET_MEMORY_MS = 4000,
	SEQNO_REQUEST_LIFE_MS = 60000,
	RETRACT_HOLD_MS = 6000,
	LIFETIME_MIN_MS = 10000,
	LIFETIME_MAX_MS = 2294000,
	SOURCE_LIFE_MS = 1800000,
	REFRESH_PAUSE_MS = 5000,
	INTEREST_LIFE_MS = 15000,
	TABLE_DUMP_PAUSE_MS = 60000,
};

enum {
	BIG_METRIC_CHANGE = 10, /* of a selected route, that is announced: strictly more */
	SWITCH_GAIN = 10,       /* of the total cost, that is worth another next hop: strictly more */
	HELLO_UNICAST = 0x8000,
	NO_NEIGHBOUR = UINT16_MAX, /* index of the neighbour of an entry whose neighbour died */
};

/* ---- records ----------------------------------------------------------------------------------------------------- */

enum destination_flag {
	DESTINATION_SELECTED = 1,       /* its first entry is selected */
	DESTINATION_UPDATE_DUE = 2,     /* stands in journals[JOURNAL_UPDATES] */
	DESTINATION_RETRACTION_DUE = 4, /* stands in journals[JOURNAL_RETRACTIONS] */
	DESTINATION_EVENT = 8,          /* stands in the list of events */
	DESTINATION_WAS_GONE = 16,      /* was without a route since the caller last heard of it */
	DESTINATION_PUBLISHED = 32,     /* the caller believes there is a route */
	DESTINATION_INTEREST = 64,      /* somebody waits for it in `interests` */
	DESTINATION_UNTOLD = 128,       /* the next hop, too, has to hear that an announcement is obsolete */
};

struct destination {
	uint32_t link;          /* chain by upper 64 bits */
	uint32_t first;         /* entry; the selected one, then in order of arrival */
	uint64_t upper;         /* upper 64 bits of the prefix */
	uint32_t tail;          /* struct prefix_tail of a prefix longer than /64, 0 for a /64 */
	uint32_t holds;         /* references that keep the record without entries */
	uint32_t journal_place; /* of the valid journal record, modulo 2^32 */
	uint32_t next_event;
	uint32_t refreshed;        /* tick of the last refresh by request, 0 never */
	uint16_t announced_metric; /* received metric behind the last triggered announcement */
	uint8_t flags;             /* enum destination_flag */
	uint8_t source_count;
};

struct prefix_tail {
	uint32_t link;
	uint8_t len;
	uint64_t lower; /* lower 64 bits */
};

struct entry {
	uint32_t destination;
	uint32_t next; /* of the same destination */
	uint32_t neighbour_prev, neighbour_next;
	struct wheel_node expiry;
	uint32_t originator;
	uint16_t neighbour; /* index, or NO_NEIGHBOUR */
	uint16_t metric;    /* as received */
	uint16_t seqno;
};

/* A router id with the address of its key, which is computed once. */
struct originator {
	uint32_t link;
	uint32_t references;
	struct router_id id;
	struct ip6 address;
};

/* Feasibility distance of a source key (destination, originator). */
struct source {
	uint32_t link;
	uint32_t destination, originator;
	struct wheel_node gc;
	uint16_t metric, seqno;
};

/* A search for a /64. Apart from destinations: looking for something must not change where packets go. */
struct query {
	uint32_t link;
	uint32_t handle;
	struct list node; /* in `queries_running` or `queries_expired`, in the order of `asked_ms` */
	uint64_t upper;
	uint64_t asked_ms;        /* peers were asked last; it ends QUERY_TIMEOUT_MS later */
	uint64_t needed_until_ms; /* so long it counts as asked with the widest radius, for a need here; 0: for others */
	bool for_this_node;       /* for a packet of the local host, at least */
};

/* A peer and a time, in a chain. */
struct peer_note {
	uint32_t next;
	uint32_t peer; /* handle */
	uint64_t at_ms;
};

/* A seqno asked for: by us, or through us. */
struct seqno_request {
	uint32_t link;
	uint32_t handle;
	struct list node; /* by age */
	uint32_t destination, originator;
	uint32_t targets, requesters; /* chains of peer_note */
	uint64_t created_ms;
	uint16_t seqno;
	struct list retry_node; /* by `retry_ms`; alone when nothing is to be asked again */
	uint64_t retry_ms;
	uint32_t retry_peer; /* whom to ask for ourselves, or ROUTER_NO_PEER: whoever leads on, for the requesters */
	uint8_t retry_hops;
};

/* A peer that asked for a route when there was nothing to tell it. */
struct interest {
	uint32_t destination; /* 0: served */
	uint32_t peer;
	uint64_t until_ms;
};

/* ---- peers ------------------------------------------------------------------------------------------------------- */

enum journal_kind { JOURNAL_RETRACTIONS, JOURNAL_UPDATES, JOURNAL_KINDS };

enum attention {
	PEER_IDLE,    /* nothing is due */
	PEER_READY,   /* waits to be offered */
	PEER_OFFERED, /* offered, and not read to the end */
};

struct answer {
	uint32_t destination;
	uint32_t even_next_hop; /* 1: sent although the peer is the next hop (to a seqno request) */
};

struct pending_route_request {
	uint64_t upper;
	uint8_t generation;
	bool is_probe; /* asked of its own accord, without a query */
};

struct pending_seqno_request {
	uint32_t destination, originator;
	uint16_t seqno;
	uint8_t hop_count;
};

struct neighbour {
	struct list life_node;      /* in `alive`, or in `dead` until the caller heard of it */
	struct list attention_node; /* in `idle` or `ready`, alone while offered */
	enum attention attention;
	uint32_t handle;
	uint16_t static_cost, smoothed_cost;
	uint16_t hello_seqno;
	bool alive, sampled;
	bool sampling;              /* the next IHU answers the Hello of `hello_sent_ms` */
	uint16_t hellos_unanswered; /* of all that were sent */
	bool hello_due, ihu_due, own_due, dump_due;
	uint64_t hello_sent_ms, last_hello_ms;
	uint64_t ihu_received_ms, dump_allowed_ms, probed_ms;
	uint64_t probing_since_ms; /* first probe of the present silence */
	struct token_bucket ihu_budget, update_budget, unasked_budget, route_request_budget, seqno_request_budget;
	uint32_t first_entry, entry_count;
	uint32_t dump_place; /* destination handle the dump of the table goes on with */
	uint64_t cursors[JOURNAL_KINDS];
	struct fifo answers, route_requests, seqno_requests;
};

/* Destinations whose announcement is due, each once, in order. Every peer reads it at its own pace; the last reader to
 * reach the end empties it. */
struct journal {
	uint32_t *records; /* ring of destination handles */
	uint32_t capacity; /* a power of two, or 0 */
	uint64_t first, end;
	uint32_t readers_behind;
};

struct router {
	struct router_id id;
	struct subnet own;
	uint32_t unasked_max;
	uint64_t start_ms, now_ms;
	struct hash_key hash_key;

	uint16_t seqno;
	uint64_t last_bump_ms;
	bool bump_wanted;
	uint64_t hello_at_ms, liveness_at_ms, own_at_ms;

	struct pool destinations, tails, entries, originators, sources, queries, notes, seqno_requests;
	struct index destination_index, originator_index, source_index, query_index, seqno_request_index;
	struct wheel entry_wheel, source_wheel;
	uint32_t existing; /* destinations with entries */

	struct list queries_running, queries_expired, seqno_requests_by_age, seqno_retries;
	struct token_bucket forward_budget, key_budget, send_budget;
	struct fifo interests;

	struct neighbour **neighbours; /* by index */
	uint16_t *generations;
	uint32_t neighbour_slots, neighbour_capacity, neighbour_count;
	struct fifo free_indexes;
	struct list alive, dead, idle, ready;

	struct journal journals[JOURNAL_KINDS];
	uint32_t first_event, last_event;
	struct router_counters counters;
};

static inline struct destination *destination_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->destinations, handle);
}

static inline struct entry *entry_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->entries, handle);
}

static inline struct originator *originator_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->originators, handle);
}

static inline struct source *source_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->sources, handle);
}

static inline struct query *query_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->queries, handle);
}

static inline struct seqno_request *seqno_request_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->seqno_requests, handle);
}

static inline struct peer_note *note_at(const struct router *router, uint32_t handle)
{
	return pool_at(&router->notes, handle);
}

/* The first tick not before a time. */
static inline uint32_t tick_at_or_after(const struct router *router, uint64_t at_ms)
{
	return (uint32_t)((at_ms - router->start_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS);
}

static inline uint64_t tick_ms(const struct router *router, uint32_t tick)
{
	return router->start_ms + (uint64_t)tick * WHEEL_TICK_MS;
}

/* Selected entry, or 0. */
static inline uint32_t destination_selected(const struct destination *destination)
{
	return destination->flags & DESTINATION_SELECTED ? destination->first : 0;
}

/* ---- destination.c ----------------------------------------------------------------------------------------------- */

uint64_t destination_hash(const struct hash_key *key, const void *record);

/* Exactly this prefix (canonical, length 64 or more), or 0. */
uint32_t destination_find(const struct router *router, const struct subnet *subnet);

/* The same, made when it is not there. Returns 0 when the table is full. A new one is freed by
 * destination_release_if_unused() unless it got an entry or a hold. */
uint32_t destination_find_or_make(struct router *router, const struct subnet *subnet);

/* Longest prefix with entries that contains an address, or 0. */
uint32_t destination_match(const struct router *router, const struct ip6 *address);

struct subnet destination_subnet(const struct router *router, uint32_t handle);

void destination_hold(struct router *router, uint32_t handle);
void destination_unhold(struct router *router, uint32_t handle);
void destination_release_if_unused(struct router *router, uint32_t handle);

/* ---- originator.c ------------------------------------------------------------------------------------------------ */

uint64_t originator_hash(const struct hash_key *key, const void *record);

/* The record of a router id with one more reference. Returns 0 when there is no room. */
uint32_t originator_refer(struct router *router, const struct router_id *id);
void originator_retain(struct router *router, uint32_t handle);
void originator_forget(struct router *router, uint32_t handle);

/* ---- entry.c ----------------------------------------------------------------------------------------------------- */

/* Entry of a destination via a neighbour, or 0. */
uint32_t entry_find(const struct router *router, uint32_t destination, const struct neighbour *neighbour);

/* Adds an unselected entry at the end. Takes a reference to the originator. Returns 0 when a limit is reached. */
uint32_t entry_add(struct router *router, uint32_t destination, struct neighbour *neighbour, uint32_t originator);

/* Removes an entry; a destination without entries and holds goes with it. */
void entry_remove(struct router *router, uint32_t handle);

void entry_set_originator(struct router *router, struct entry *entry, uint32_t originator);

/* Takes an entry out of its neighbour's list: the neighbour is dead. */
void entry_orphan(struct router *router, uint32_t handle);

void entry_expire_at(struct router *router, uint32_t handle, uint64_t at_ms);

/* Makes an entry unreachable for the time of the hold. */
void entry_retract(struct router *router, uint32_t handle);

/* Received metric plus the cost of the link. */
uint16_t entry_total(const struct router *router, const struct entry *entry);

/* Makes an entry of the destination (or none, 0) the selected one. */
void entry_select(struct router *router, uint32_t destination, uint32_t handle);

/* ---- source.c ---------------------------------------------------------------------------------------------------- */

uint64_t source_hash(const struct hash_key *key, const void *record);

/* Whether a route with this metric and seqno cannot be part of a loop. */
bool source_feasible(const struct router *router, uint32_t destination, uint32_t originator, uint16_t metric,
		     uint16_t seqno);

/* The feasibility distance of a source. Returns false when there is none. */
bool source_distance(const struct router *router, uint32_t destination, uint32_t originator, uint16_t *ret_metric,
		     uint16_t *ret_seqno);

/* Takes note of a finite announcement that is about to leave. Returns false when there is no room: then it must not. */
bool source_note(struct router *router, uint32_t destination, uint32_t originator, uint16_t metric, uint16_t seqno);

/* The seqno to ask for when a source has become unfeasible. */
uint16_t source_next_seqno(const struct router *router, uint32_t destination, uint32_t originator);

/* Forgets the sources that are due up to a tick. */
void sources_expire(struct router *router, uint64_t at_ms);

/* ---- select.c ---------------------------------------------------------------------------------------------------- */

bool entry_feasible(const struct router *router, const struct entry *entry);

/* The entry to use for a destination, or 0. */
uint32_t select_entry(const struct router *router, uint32_t destination);

/* ---- loss.c ------------------------------------------------------------------------------------------------------ */

/* The selected entry has become infinite: takes the next best, or none and asks for a new seqno. Announces. */
void loss_reselect(struct router *router, uint32_t destination);

/* Removes the entries of retired neighbours, given as a list of their `life_node`. */
void loss_of_neighbours(struct router *router, struct list *retired);

void entries_expire(struct router *router, uint64_t at_ms);

/* ---- update.c ---------------------------------------------------------------------------------------------------- */

void update_handle(struct router *router, struct neighbour *from, const struct tlv_update *update);

/* ---- seqno.c ----------------------------------------------------------------------------------------------------- */

uint64_t seqno_request_hash(const struct hash_key *key, const void *record);

void seqno_request_handle(struct router *router, struct neighbour *from, const struct tlv_seqno_request *request);

/* Asks one neighbour, or all that announced the destination (NULL), for a source's next seqno. */
void seqno_ask(struct router *router, uint32_t destination, uint32_t originator, struct neighbour *neighbour);

/* Whether somebody waits for a seqno of this source that `present` does not satisfy; `ret_wanted` is then the oldest
 * such seqno. */
bool seqno_wanted(const struct router *router, uint32_t destination, uint32_t originator, uint16_t present,
		  uint16_t *ret_wanted);

/* The selected route of a destination may satisfy requests: it becomes due to the requesters, unless `all_told` says
 * that it goes to everybody anyway. Returns whether there was any. */
bool seqno_serve(struct router *router, uint32_t destination, bool all_told);

void seqno_requests_expire(struct router *router, uint64_t at_ms);
uint64_t seqno_requests_next_ms(const struct router *router);

/* Asks again where asking was put off. */
void seqno_retry(struct router *router, uint64_t at_ms);
uint64_t seqno_retry_next_ms(const struct router *router);

/* Bumps the own seqno when it was wanted too early. */
void seqno_bump_late(struct router *router, uint64_t at_ms);

/* ---- query.c ----------------------------------------------------------------------------------------------------- */

uint64_t query_hash(const struct hash_key *key, const void *record);
struct query *query_find(const struct router *router, uint64_t upper);

static inline uint64_t query_deadline_ms(const struct query *query)
{
	return query->asked_ms + QUERY_TIMEOUT_MS;
}

/* Starts a search that does not run yet, without asking anybody. Returns NULL when too many are running: the last ones
 * are for what this node itself needs. */
struct query *query_start(struct router *router, uint64_t upper, bool for_this_node);

/* Asks all peers but one (NULL: all). The search lasts from now. */
void query_ask(struct router *router, struct query *query, uint8_t generation, const struct neighbour *except);

/* A route to this /64 was found. */
void query_resolve(struct router *router, uint64_t upper);

/* Asks a new peer for everything that is being searched. */
void queries_ask_peer(struct router *router, struct neighbour *neighbour);

void queries_expire(struct router *router, uint64_t at_ms);
uint64_t queries_next_ms(const struct router *router);

/* ---- request.c --------------------------------------------------------------------------------------------------- */

void route_request_handle(struct router *router, struct neighbour *from, const struct tlv_route_request *request);

/* ---- interest.c -------------------------------------------------------------------------------------------------- */

/* A peer asked for a destination when there was nothing to tell it. */
void interest_add(struct router *router, uint32_t destination, uint32_t peer);

/* The selected route of a destination changed: it becomes due to the peers that asked in vain, unless `all_told` says
 * that it goes to everybody anyway. */
void interests_serve(struct router *router, uint32_t destination, bool all_told);
void interests_expire(struct router *router, uint64_t at_ms);
uint64_t interests_next_ms(const struct router *router);

/* ---- journal.c --------------------------------------------------------------------------------------------------- */

/* An announcement of the destination is due to all peers: an Update, or a retraction when nothing is selected.
 * `next_hop_too`: what the next hop had from us is of another source, so it gets a retraction. */
void journal_mark(struct router *router, uint32_t destination, bool next_hop_too);

/* The next destination a peer has not read, still marked, or 0. It stays valid until journal_advance(). */
uint32_t journal_peek(struct router *router, enum journal_kind kind, struct neighbour *neighbour);
void journal_advance(struct router *router, enum journal_kind kind, struct neighbour *neighbour);

void journal_join(struct router *router, struct neighbour *neighbour);
void journal_leave(struct router *router, struct neighbour *neighbour);

/* ---- announce.c -------------------------------------------------------------------------------------------------- */

/* A change worth telling everybody. `before` is the originator of the route it replaces, 0 for none. */
void announce_trigger(struct router *router, uint32_t destination, uint32_t before);

/* The selected route is due to one peer. */
void announce_answer(struct router *router, struct neighbour *neighbour, uint32_t destination, bool even_next_hop);

/* The own subnet is due to one peer, or to all (NULL). */
void announce_own(struct router *router, struct neighbour *neighbour);

/* Build Updates from the present state. False: nothing to tell this peer. */
bool announce_build_route(struct router *router, const struct neighbour *neighbour, uint32_t destination,
			  bool even_next_hop, struct tlv *ret);
void announce_build_retraction(struct router *router, uint32_t destination, struct tlv *ret);
void announce_build_own(const struct router *router, struct tlv *ret);

/* ---- neighbour.c ------------------------------------------------------------------------------------------------- */

/* The living peer of a handle, or NULL. */
struct neighbour *neighbour_find(const struct router *router, uint32_t handle);

/* Next step of the recurrence that smooths round trip times, all in ms. */
static inline uint16_t link_cost_smooth(uint16_t cost, uint16_t sample)
{
	return (uint16_t)((9u * cost + sample) / 10u);
}

uint16_t neighbour_link_cost(const struct neighbour *neighbour);
/* A Hello leaves. */
void neighbour_note_hello(struct router *router, struct neighbour *to);

void neighbour_handle_hello(struct router *router, struct neighbour *from);
void neighbour_handle_ihu(struct router *router, struct neighbour *from);
void neighbours_hello(struct router *router, uint64_t at_ms);
void neighbours_check_liveness(struct router *router, uint64_t at_ms);

/* A peer, or all, have something to send. */
void neighbour_wake(struct router *router, struct neighbour *neighbour);
void neighbours_wake(struct router *router);

/* Ends a peer's life: moves it from `alive` to `retired`; only its entries remain, for loss_of_neighbours(). */
void neighbour_retire(struct router *router, struct neighbour *neighbour, struct list *retired);

/* Frees a retired peer and its index. */
void neighbour_free(struct router *router, struct neighbour *neighbour);

/* ---- outgoing.c -------------------------------------------------------------------------------------------------- */

void outgoing_route_request(struct router *router, struct neighbour *to, uint64_t upper, uint8_t generation,
			    bool is_probe);
void outgoing_seqno_request(struct router *router, struct neighbour *to, const struct pending_seqno_request *request);
void outgoing_clear(struct router *router, struct neighbour *neighbour);

/* ---- event.c ----------------------------------------------------------------------------------------------------- */

/* The selected route of a destination changed in what the caller sees of it, or is gone. */
void event_route(struct router *router, uint32_t destination);

#endif
