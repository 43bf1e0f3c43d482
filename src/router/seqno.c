// SPDX-License-Identifier: Apache-2.0
/*
 * Seqno requests: asking a source for a newer seqno when what is left of its routes is unfeasible, passing such
 * questions on, and answering them (docs/protocol/routing.md, "Seqno requests").
 *
 * One record for each (destination, originator, seqno) remembers whom we asked and who asked us. The index knows source
 * keys only, so all seqnos of one source stand in one short chain.
 */
#include "router/internal.h"

static uint64_t key_of(uint32_t destination, uint32_t originator)
{
	return (uint64_t)destination << 32 | originator;
}

uint64_t seqno_request_hash(const struct hash_key *key, const void *record)
{
	const struct seqno_request *request = record;
	return hash_u64(key, key_of(request->destination, request->originator));
}

/* The first record of this source from `handle` on along its chain. */
static uint32_t same_source(const struct router *router, uint32_t handle, uint32_t destination, uint32_t originator)
{
	while (handle != 0) {
		const struct seqno_request *request = seqno_request_at(router, handle);
		if (request->destination == destination && request->originator == originator)
			break;
		handle = index_next(&router->seqno_request_index, handle);
	}
	return handle;
}

static uint32_t first_of_source(const struct router *router, uint32_t destination, uint32_t originator)
{
	const struct index *index = &router->seqno_request_index;
	uint32_t handle = index_chain(index, hash_u64(&index->key, key_of(destination, originator)));
	return same_source(router, handle, destination, originator);
}

static uint32_t next_of_source(const struct router *router, const struct seqno_request *request)
{
	return same_source(router, request->link, request->destination, request->originator);
}

static void free_notes(struct router *router, uint32_t *chain)
{
	while (*chain != 0) {
		uint32_t handle = *chain;
		*chain = note_at(router, handle)->next;
		pool_put(&router->notes, handle);
	}
}

static struct peer_note *note_of(const struct router *router, uint32_t chain, uint32_t peer)
{
	for (; chain != 0; chain = note_at(router, chain)->next)
		if (note_at(router, chain)->peer == peer)
			return note_at(router, chain);
	return NULL;
}

/* Notes a peer at the end of a chain, or renews its time. Returns false when there is no room. */
static bool note_peer(struct router *router, uint32_t *chain, uint32_t peer, unsigned max)
{
	unsigned count = 0;
	for (; *chain != 0 && note_at(router, *chain)->peer != peer; chain = &note_at(router, *chain)->next)
		count++;
	if (*chain == 0) {
		uint32_t handle = count < max ? pool_take(&router->notes) : 0;
		if (handle == 0) {
			router->counters.dropped_over_budget++;
			return false;
		}
		note_at(router, handle)->peer = peer;
		*chain = handle;
	}
	note_at(router, *chain)->at_ms = router->now_ms;
	return true;
}

static void free_request(struct router *router, struct seqno_request *request)
{
	uint32_t destination = request->destination, originator = request->originator;
	free_notes(router, &request->targets);
	free_notes(router, &request->requesters);
	list_remove(&request->node);
	list_remove(&request->retry_node);
	index_remove(&router->seqno_request_index, request->handle);
	pool_put(&router->seqno_requests, request->handle);
	originator_forget(router, originator);
	destination_unhold(router, destination);
}

static struct seqno_request *make_request(struct router *router, uint32_t destination, uint32_t originator,
					  uint16_t seqno)
{
	if (router->seqno_requests.count >= SEQNO_REQUESTS_MAX)
		free_request(router, container_of(router->seqno_requests_by_age.next, struct seqno_request, node));
	uint32_t handle = pool_take(&router->seqno_requests);
	if (handle == 0)
		return NULL;
	struct seqno_request *request = seqno_request_at(router, handle);
	*request = (struct seqno_request){.handle = handle,
					  .destination = destination,
					  .originator = originator,
					  .created_ms = router->now_ms,
					  .seqno = seqno};
	destination_hold(router, destination);
	originator_retain(router, originator);
	list_init(&request->retry_node);
	index_add(&router->seqno_request_index, handle);
	list_append(&router->seqno_requests_by_age, &request->node);
	return request;
}

/* The record of a request by a peer, or by ourselves (NULL). Nobody may have too many of one source, so that nobody can
 * crowd out the others. */
static struct seqno_request *find_or_make(struct router *router, uint32_t destination, uint32_t originator,
					  uint16_t seqno, const struct neighbour *requester)
{
	unsigned count = 0;
	for (uint32_t handle = first_of_source(router, destination, originator); handle != 0;) {
		struct seqno_request *request = seqno_request_at(router, handle);
		if (request->seqno == seqno)
			return request;
		count += requester != NULL ? note_of(router, request->requesters, requester->handle) != NULL
					   : request->requesters == 0;
		handle = next_of_source(router, request);
	}
	struct seqno_request *request =
		count < SEQNO_REQUESTS_PER_SOURCE_MAX ? make_request(router, destination, originator, seqno) : NULL;
	if (request == NULL)
		router->counters.dropped_over_budget++;
	return request;
}

/* Sends a request to a neighbour and notes it as a target. */
static void send_to(struct router *router, struct seqno_request *request, struct neighbour *to, uint8_t hop_count)
{
	if (!note_peer(router, &request->targets, to->handle, ROUTER_PEERS_MAX))
		return;
	/* The record must outlive the memory of this sending. */
	request->created_ms = router->now_ms;
	list_remove(&request->node);
	list_append(&router->seqno_requests_by_age, &request->node);
	struct pending_seqno_request pending = {.destination = request->destination,
						.originator = request->originator,
						.seqno = request->seqno,
						.hop_count = hop_count};
	outgoing_seqno_request(router, to, &pending);
}

/* Whether this request left lately towards somebody who may still answer. Later than that the question has to be put
 * anew: the way on which it was answered in vain may have changed since. */
static bool is_pending(const struct router *router, const struct seqno_request *request)
{
	for (uint32_t chain = request->targets; chain != 0; chain = note_at(router, chain)->next) {
		const struct peer_note *note = note_at(router, chain);
		if (router->now_ms - note->at_ms < SEQNO_TARGET_MEMORY_MS && neighbour_find(router, note->peer) != NULL)
			return true;
	}
	return false;
}

static bool was_asked_lately(const struct router *router, const struct seqno_request *request, uint32_t peer)
{
	const struct peer_note *note = note_of(router, request->targets, peer);
	return note != NULL && router->now_ms - note->at_ms < SEQNO_TARGET_MEMORY_MS;
}

/* The living neighbour of an entry, or NULL. */
static struct neighbour *living_neighbour(const struct router *router, const struct entry *entry)
{
	if (entry->neighbour == NO_NEIGHBOUR || !router->neighbours[entry->neighbour]->alive)
		return NULL;
	return router->neighbours[entry->neighbour];
}

/* What must not be asked yet is asked when it may be: the answer to the last time may have been lost on the way. */
static void put_off(struct router *router, struct seqno_request *request, uint32_t peer, uint8_t hop_count)
{
	if (!list_empty(&request->retry_node))
		return;
	request->retry_ms = router->now_ms + SEQNO_TARGET_MEMORY_MS;
	request->retry_peer = peer;
	request->retry_hops = hop_count;
	list_append(&router->seqno_retries, &request->retry_node);
}

/* Asks one neighbour, a little later if it was asked the same lately. */
static void ask_neighbour(struct router *router, uint32_t destination, uint32_t originator, struct neighbour *to)
{
	uint16_t seqno = source_next_seqno(router, destination, originator);
	struct seqno_request *request = find_or_make(router, destination, originator, seqno, NULL);
	if (request == NULL)
		return;
	if (was_asked_lately(router, request, to->handle))
		put_off(router, request, to->handle, SEQNO_REQUEST_HOPS);
	else
		send_to(router, request, to, SEQNO_REQUEST_HOPS);
}

void seqno_ask(struct router *router, uint32_t destination, uint32_t originator, struct neighbour *neighbour)
{
	if (neighbour != NULL) {
		ask_neighbour(router, destination, originator, neighbour);
		return;
	}
	for (uint32_t handle = destination_at(router, destination)->first; handle != 0;) {
		const struct entry *entry = entry_at(router, handle);
		struct neighbour *to = living_neighbour(router, entry);
		if (to != NULL)
			ask_neighbour(router, destination, originator, to);
		handle = entry->next;
	}
}

bool seqno_wanted(const struct router *router, uint32_t destination, uint32_t originator, uint16_t present,
		  uint16_t *ret_wanted)
{
	if (router->seqno_requests.count == 0)
		return false;
	bool found = false;
	for (uint32_t handle = first_of_source(router, destination, originator); handle != 0;) {
		const struct seqno_request *request = seqno_request_at(router, handle);
		if (request->requesters != 0 && seqno_older(present, request->seqno) &&
		    (!found || seqno_older(request->seqno, *ret_wanted))) {
			*ret_wanted = request->seqno;
			found = true;
		}
		handle = next_of_source(router, request);
	}
	return found;
}

/* Serves the requesters of one record but the next hop, which has to wait for another route. */
static bool serve_requesters(struct router *router, struct seqno_request *request, uint16_t next_hop, bool all_told)
{
	bool any = false;
	for (uint32_t *chain = &request->requesters; *chain != 0;) {
		uint32_t handle = *chain;
		struct peer_note *note = note_at(router, handle);
		if ((uint16_t)note->peer == next_hop) {
			chain = &note->next;
			continue;
		}
		struct neighbour *requester = neighbour_find(router, note->peer);
		if (requester != NULL && !all_told)
			announce_answer(router, requester, request->destination, false);
		any = true;
		*chain = note->next;
		pool_put(&router->notes, handle);
	}
	return any;
}

bool seqno_serve(struct router *router, uint32_t destination, bool all_told)
{
	if (router->seqno_requests.count == 0)
		return false;
	const struct entry *entry = entry_at(router, destination_selected(destination_at(router, destination)));
	bool any = false;
	for (uint32_t handle = first_of_source(router, destination, entry->originator); handle != 0;) {
		struct seqno_request *request = seqno_request_at(router, handle);
		if (!seqno_older(entry->seqno, request->seqno))
			any |= serve_requesters(router, request, entry->neighbour, all_told);
		handle = next_of_source(router, request);
	}
	return any;
}

static void bump(struct router *router)
{
	router->seqno++;
	router->last_bump_ms = router->now_ms;
	router->bump_wanted = false;
	router->counters.seqno_bumped++;
	announce_own(router, NULL);
}

void seqno_bump_late(struct router *router, uint64_t at_ms)
{
	(void)at_ms;
	bump(router);
}

/* A request for a prefix of our own. One that asks for nothing newer, or for an earlier life of this node, is answered
 * too: its sender lacks the present state. */
static void handle_own(struct router *router, struct neighbour *from, const struct tlv_seqno_request *request)
{
	if (!router_id_equal(&request->router_id, &router->id) || !seqno_newer(request->seqno, router->seqno)) {
		router->counters.seqno_reply_local++;
		announce_own(router, from);
	} else if (router->now_ms - router->last_bump_ms >= SEQNO_BUMP_MIN_MS) {
		bump(router);
	} else {
		router->bump_wanted = true;
	}
}

/* 2. The selected route satisfies the request: the sender gets it even when it is the next hop. */
static bool answer_from_table(struct router *router, struct neighbour *from, const struct tlv_seqno_request *request,
			      uint32_t destination)
{
	uint32_t handle = destination_selected(destination_at(router, destination));
	if (handle == 0)
		return false;
	const struct entry *entry = entry_at(router, handle);
	if (router_id_equal(&originator_at(router, entry->originator)->id, &request->router_id) &&
	    seqno_older(entry->seqno, request->seqno))
		return false;
	router->counters.seqno_reply_local++;
	announce_answer(router, from, destination, true);
	return true;
}

/* 5. The first entry that leads on; a feasible one when there is any. */
static struct neighbour *choose_target(const struct router *router, const struct seqno_request *request,
				       const struct neighbour *from, bool feasible)
{
	uint32_t handle = destination_at(router, request->destination)->first;
	for (; handle != 0; handle = entry_at(router, handle)->next) {
		const struct entry *entry = entry_at(router, handle);
		struct neighbour *to = living_neighbour(router, entry);
		if (to != NULL && to != from && entry->metric != METRIC_INFINITE &&
		    !was_asked_lately(router, request, to->handle) && (!feasible || entry_feasible(router, entry)))
			return to;
	}
	return NULL;
}

/* Forwards one copy. */
static void forward(struct router *router, const struct neighbour *from, struct seqno_request *request,
		    uint8_t hop_count)
{
	struct neighbour *to = choose_target(router, request, from, true);
	bool feasible = to != NULL;
	if (!feasible)
		to = choose_target(router, request, from, false);
	if (to == NULL) { /* 6 */
		router->counters.seqno_unhandled++;
		return;
	}
	*(feasible ? &router->counters.seqno_forward_feasible : &router->counters.seqno_forward_unfeasible) += 1;
	send_to(router, request, to, hop_count);
}

static void pass_on(struct router *router, struct neighbour *from, struct seqno_request *request, uint8_t hop_count)
{
	note_peer(router, &request->requesters, from->handle, SEQNO_REQUESTERS_MAX);
	if (is_pending(router, request)) { /* 1: asked just now, by us or for somebody else; the sender will be served
					      with the answer */
		router->counters.seqno_unhandled++;
		put_off(router, request, ROUTER_NO_PEER, hop_count);
		return;
	}
	forward(router, from, request, hop_count);
}

/* Whether the selected route has what is asked for. */
static bool is_satisfied(const struct router *router, const struct seqno_request *request)
{
	uint32_t handle = destination_selected(destination_at(router, request->destination));
	if (handle == 0)
		return false;
	const struct entry *entry = entry_at(router, handle);
	return entry->originator != request->originator || !seqno_older(entry->seqno, request->seqno);
}

static void ask_again(struct router *router, struct seqno_request *request)
{
	struct neighbour *to = neighbour_find(router, request->retry_peer);
	if (to != NULL && !was_asked_lately(router, request, to->handle)) {
		send_to(router, request, to, request->retry_hops);
		return;
	}
	uint32_t chain = request->requesters;
	while (chain != 0 && neighbour_find(router, note_at(router, chain)->peer) == NULL)
		chain = note_at(router, chain)->next;
	if (chain != 0 && !is_pending(router, request))
		forward(router, neighbour_find(router, note_at(router, chain)->peer), request, request->retry_hops);
}

static struct seqno_request *next_retry(const struct router *router)
{
	return container_of(router->seqno_retries.next, struct seqno_request, retry_node);
}

uint64_t seqno_retry_next_ms(const struct router *router)
{
	return list_empty(&router->seqno_retries) ? UINT64_MAX : next_retry(router)->retry_ms;
}

void seqno_retry(struct router *router, uint64_t at_ms)
{
	while (seqno_retry_next_ms(router) <= at_ms) {
		struct seqno_request *request = next_retry(router);
		list_remove(&request->retry_node);
		if (!is_satisfied(router, request))
			ask_again(router, request);
	}
}

void seqno_request_handle(struct router *router, struct neighbour *from, const struct tlv_seqno_request *request)
{
	struct subnet subnet = subnet_canonical(request->prefix.subnet);
	if (request->prefix.encoding != AE_IPV6 || !ip6_in_overlay(&subnet.addr) || subnet.len < 64 ||
	    request->hop_count == 0) {
		router->counters.tlv_discarded++;
		return;
	}
	if (!token_bucket_take(&from->seqno_request_budget, REQUESTS_PER_SECOND, REQUESTS_BURST, router->now_ms)) {
		router->counters.dropped_over_budget++;
		return;
	}
	if (subnet_covers(&router->own, &subnet)) { /* 3 */
		handle_own(router, from, request);
		return;
	}
	uint32_t destination = destination_find(router, &subnet);
	bool exists = destination != 0 && destination_at(router, destination)->first != 0;
	if (exists && answer_from_table(router, from, request, destination))
		return;
	if (request->hop_count < 2) { /* 4 */
		router->counters.seqno_hops_exceeded++;
		return;
	}
	uint32_t originator = exists && !router_id_equal(&request->router_id, &router->id)
				      ? originator_refer(router, &request->router_id)
				      : 0;
	if (originator == 0) { /* 6 */
		router->counters.seqno_unhandled++;
		return;
	}
	struct seqno_request *record = find_or_make(router, destination, originator, request->seqno, from);
	/* Nobody's request travels farther than one that was made here. */
	uint8_t hop_count = request->hop_count < SEQNO_REQUEST_HOPS ? request->hop_count : SEQNO_REQUEST_HOPS;
	if (record != NULL)
		pass_on(router, from, record, (uint8_t)(hop_count - 1));
	originator_forget(router, originator);
}

static struct seqno_request *oldest(const struct router *router)
{
	return container_of(router->seqno_requests_by_age.next, struct seqno_request, node);
}

uint64_t seqno_requests_next_ms(const struct router *router)
{
	return list_empty(&router->seqno_requests_by_age) ? UINT64_MAX
							  : oldest(router)->created_ms + SEQNO_REQUEST_LIFE_MS;
}

void seqno_requests_expire(struct router *router, uint64_t at_ms)
{
	while (seqno_requests_next_ms(router) <= at_ms)
		free_request(router, oldest(router));
}
