// SPDX-License-Identifier: Apache-2.0
/* Peers: their life, the Hello and IHU that prove it, the cost of the link, and whose turn it is to be read. */
#include <stdlib.h>

#include "router/internal.h"

/* Freed indexes rest in a queue at least this long before they are taken again. */
enum { INDEXES_RESTING = 64 };

struct neighbour *neighbour_find(const struct router *router, uint32_t handle)
{
	uint32_t index = (uint16_t)handle;
	if (index >= router->neighbour_slots)
		return NULL;
	struct neighbour *neighbour = router->neighbours[index];
	return neighbour != NULL && neighbour->handle == handle && neighbour->alive ? neighbour : NULL;
}

uint16_t neighbour_link_cost(const struct neighbour *neighbour)
{
	/* Never 0: what is announced has to be worse than what was received. */
	uint32_t cost = (uint32_t)neighbour->smoothed_cost + neighbour->static_cost;
	if (cost == 0)
		return 1;
	return cost < METRIC_MAX ? (uint16_t)cost : METRIC_MAX;
}

static bool grow_slots(struct router *router)
{
	uint32_t capacity = router->neighbour_capacity > 0 ? 2 * router->neighbour_capacity : 16;
	struct neighbour **neighbours = realloc(router->neighbours, capacity * sizeof(struct neighbour *));
	if (neighbours == NULL)
		return false;
	router->neighbours = neighbours;
	uint16_t *generations = realloc(router->generations, capacity * sizeof(*generations));
	if (generations == NULL)
		return false;
	router->generations = generations;
	router->neighbour_capacity = capacity;
	return true;
}

static bool take_index(struct router *router, uint16_t *ret)
{
	bool fresh = router->neighbour_slots < ROUTER_PEERS_MAX && router->free_indexes.count < INDEXES_RESTING;
	if (!fresh)
		return fifo_pop(&router->free_indexes, ret);
	if (router->neighbour_slots == router->neighbour_capacity && !grow_slots(router))
		return false;
	*ret = (uint16_t)router->neighbour_slots++;
	router->neighbours[*ret] = NULL;
	router->generations[*ret] = 0;
	return true;
}

static void neighbour_init(struct neighbour *neighbour, uint32_t handle, uint16_t static_cost, uint32_t unasked,
			   uint64_t now_ms)
{
	*neighbour = (struct neighbour){
		.attention = PEER_OFFERED,
		.handle = handle,
		.static_cost = static_cost,
		.smoothed_cost = LINK_COST_INITIAL,
		.alive = true,
		.hello_due = true,
		.own_due = true,
		.hello_sent_ms = now_ms,
		.ihu_received_ms = now_ms,
		.ihu_budget = token_bucket_full(IHUS_BURST, now_ms),
		.update_budget = token_bucket_full(UPDATES_BURST, now_ms),
		.unasked_budget = token_bucket_full(unasked, now_ms),
		.route_request_budget = token_bucket_full(REQUESTS_BURST, now_ms),
		.seqno_request_budget = token_bucket_full(REQUESTS_BURST, now_ms),
		.answers = fifo_empty(sizeof(struct answer), ANSWERS_PER_PEER_MAX),
		.route_requests = fifo_empty(sizeof(struct pending_route_request), REQUESTS_PER_PEER_MAX),
		.seqno_requests = fifo_empty(sizeof(struct pending_seqno_request), REQUESTS_PER_PEER_MAX),
	};
	list_init(&neighbour->life_node);
	list_init(&neighbour->attention_node);
}

uint32_t router_add_peer(struct router *router, uint16_t static_cost, uint64_t now_ms)
{
	router_tick(router, now_ms);
	uint16_t index;
	struct neighbour *neighbour = malloc(sizeof(*neighbour));
	if (neighbour == NULL || !take_index(router, &index)) {
		free(neighbour);
		return ROUTER_NO_PEER;
	}
	neighbour_init(neighbour, (uint32_t)router->generations[index] << 16 | index, static_cost,
		       router->unasked_max / UNASKED_PEERS_SHARE, router->now_ms);
	router->neighbours[index] = neighbour;
	router->neighbour_count++;
	router->counters.peers_added++;
	list_append(&router->alive, &neighbour->life_node);
	journal_join(router, neighbour);
	router_peer_writable(router, neighbour->handle);
	queries_ask_peer(router, neighbour);
	return neighbour->handle;
}

void neighbour_retire(struct router *router, struct neighbour *neighbour, struct list *retired)
{
	neighbour->alive = false;
	list_remove(&neighbour->life_node);
	list_append(retired, &neighbour->life_node);
	list_remove(&neighbour->attention_node);
	router->neighbour_count--;
	router->counters.peers_removed++;
	journal_leave(router, neighbour);
	outgoing_clear(router, neighbour);
}

void neighbour_free(struct router *router, struct neighbour *neighbour)
{
	uint16_t index = (uint16_t)neighbour->handle;
	list_remove(&neighbour->life_node);
	router->neighbours[index] = NULL;
	router->generations[index]++;
	/* Without memory for the queue the index is never used again, which does no harm. */
	fifo_push(&router->free_indexes, &index);
	free(neighbour);
}

void router_peers_died(struct router *router, const uint32_t *peers, size_t count, uint64_t now_ms)
{
	router_tick(router, now_ms);
	struct list retired;
	list_init(&retired);
	for (size_t i = 0; i < count; i++) {
		struct neighbour *neighbour = neighbour_find(router, peers[i]);
		if (neighbour == NULL)
			continue;
		router->counters.peers_died++;
		neighbour_retire(router, neighbour, &retired);
	}
	loss_of_neighbours(router, &retired);
	list_foreach(&retired, node, next)
		neighbour_free(router, container_of(node, struct neighbour, life_node));
}

/* Routes through dead neighbours go, and the caller is told to close their connections. */
static void bury(struct router *router, struct list *retired)
{
	loss_of_neighbours(router, retired);
	for (struct list *node; (node = list_pop(retired)) != NULL;)
		list_append(&router->dead, node);
}

void neighbours_check_liveness(struct router *router, uint64_t at_ms)
{
	struct list retired;
	list_init(&retired);
	list_foreach(&router->alive, node, next) {
		struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		if (router->now_ms - neighbour->ihu_received_ms <= DEAD_PEER_AGE_MS)
			continue;
		router->counters.peers_died++;
		neighbour_retire(router, neighbour, &retired);
	}
	bury(router, &retired);
	router->liveness_at_ms = at_ms + LIVENESS_CHECK_MS;
}

/* Whether a peer is silent for longer than a living one can be: four round trips, as the Hello measured them, and time
 * enough for a process that was stopped for a second to answer the first probe. */
static bool is_deadly_silent(const struct neighbour *neighbour, uint64_t unanswered_ms, uint64_t now_ms)
{
	uint64_t round_trip_ms = neighbour->smoothed_cost;
	return unanswered_ms > SILENCE_DEAD_MIN_MS && unanswered_ms > 4 * round_trip_ms &&
	       now_ms - neighbour->probing_since_ms > SILENCE_BORNE_MS + round_trip_ms;
}

void router_peer_silent(struct router *router, uint32_t peer, uint64_t unanswered_ms, uint64_t now_ms)
{
	router_tick(router, now_ms);
	struct neighbour *neighbour = neighbour_find(router, peer);
	if (neighbour == NULL)
		return;
	uint64_t began_ms = unanswered_ms < router->now_ms ? router->now_ms - unanswered_ms : 0;
	bool first = neighbour->probing_since_ms < began_ms;
	if (first)
		neighbour->probing_since_ms = router->now_ms;
	if (is_deadly_silent(neighbour, unanswered_ms, router->now_ms)) {
		struct list retired;
		list_init(&retired);
		router->counters.peers_died++;
		router->counters.silence_deaths++;
		neighbour_retire(router, neighbour, &retired);
		bury(router, &retired);
		return;
	}
	if (!first && router->now_ms - neighbour->probed_ms < SILENCE_PROBE_MS)
		return;
	neighbour->probed_ms = router->now_ms;
	neighbour->hello_due = true;
	router->counters.silence_probes++;
	neighbour_wake(router, neighbour);
}

void neighbours_hello(struct router *router, uint64_t at_ms)
{
	list_foreach(&router->alive, node, next)
		container_of(node, struct neighbour, life_node)->hello_due = true;
	neighbours_wake(router);
	router->hello_at_ms = at_ms + HELLO_INTERVAL_MS;
}

/* The content of a Hello has no meaning. At most one answer waits, and a flood of Hellos is not answered in full. */
void neighbour_handle_hello(struct router *router, struct neighbour *from)
{
	if (from->ihu_due)
		return;
	if (!token_bucket_take(&from->ihu_budget, IHUS_PER_SECOND, IHUS_BURST, router->now_ms)) {
		router->counters.dropped_over_budget++;
		return;
	}
	from->ihu_due = true;
	neighbour_wake(router, from);
}

/* Probes may follow each other faster than they are answered. A Hello is a sample only when no older one is unanswered:
 * then the next answer is its own. */
void neighbour_note_hello(struct router *router, struct neighbour *to)
{
	if (!to->sampling && router->now_ms - to->last_hello_ms > HELLO_ANSWER_MAX_MS)
		to->hellos_unanswered = 0;
	if (to->hellos_unanswered == 0) {
		to->sampling = true;
		to->hello_sent_ms = router->now_ms;
	}
	if (to->hellos_unanswered < UINT16_MAX)
		to->hellos_unanswered++;
	to->last_hello_ms = router->now_ms;
}

/* Any IHU shows life. The first sample replaces the assumed cost, so that a good new link is not shunned for minutes. */
void neighbour_handle_ihu(struct router *router, struct neighbour *from)
{
	from->ihu_received_ms = router->now_ms;
	if (from->hellos_unanswered > 0)
		from->hellos_unanswered--;
	if (!from->sampling)
		return;
	from->sampling = false;
	uint64_t round_trip_ms = router->now_ms - from->hello_sent_ms;
	uint16_t sample = round_trip_ms < METRIC_MAX ? (uint16_t)round_trip_ms : METRIC_MAX;
	from->smoothed_cost = from->sampled ? link_cost_smooth(from->smoothed_cost, sample) : sample;
	from->sampled = true;
}

void neighbour_wake(struct router *router, struct neighbour *neighbour)
{
	if (neighbour->attention != PEER_IDLE)
		return;
	neighbour->attention = PEER_READY;
	list_remove(&neighbour->attention_node);
	list_append(&router->ready, &neighbour->attention_node);
}

void neighbours_wake(struct router *router)
{
	for (struct list *node; (node = list_pop(&router->idle)) != NULL;)
		neighbour_wake(router, container_of(node, struct neighbour, attention_node));
}
