// SPDX-License-Identifier: Apache-2.0
/* The router's life, and the TLVs that come in. */
#include <stdlib.h>

#include "base/random.h"
#include "router/internal.h"

static struct hash_key draw_key(struct rng *rng)
{
	uint64_t k0 = rng_next(rng);
	return (struct hash_key){.k0 = k0, .k1 = rng_next(rng)};
}

static void init_tables(struct router *router)
{
	router->destinations = pool_empty(sizeof(struct destination), DESTINATIONS_MAX);
	router->tails = pool_empty(sizeof(struct prefix_tail), DESTINATIONS_MAX);
	router->entries = pool_empty(sizeof(struct entry), ENTRIES_MAX);
	router->originators = pool_empty(sizeof(struct originator), ORIGINATORS_MAX);
	router->sources = pool_empty(sizeof(struct source), SOURCES_MAX);
	router->queries = pool_empty(sizeof(struct query), QUERIES_MAX);
	router->notes = pool_empty(sizeof(struct peer_note), NOTES_MAX);
	router->seqno_requests = pool_empty(sizeof(struct seqno_request), SEQNO_REQUESTS_MAX);
	router->entry_wheel = wheel_empty(&router->entries, offsetof(struct entry, expiry));
	router->source_wheel = wheel_empty(&router->sources, offsetof(struct source, gc));
	router->interests = fifo_empty(sizeof(struct interest), INTERESTS_MAX);
	router->free_indexes = fifo_empty(sizeof(uint16_t), ROUTER_PEERS_MAX);
}

static int init_indexes(struct router *router, struct rng *rng)
{
	struct hash_key key = draw_key(rng);
	int error = 0;
	error |= index_init(&router->destination_index, &router->destinations, destination_hash, &key);
	error |= index_init(&router->originator_index, &router->originators, originator_hash, &key);
	error |= index_init(&router->source_index, &router->sources, source_hash, &key);
	error |= index_init(&router->query_index, &router->queries, query_hash, &key);
	error |= index_init(&router->seqno_request_index, &router->seqno_requests, seqno_request_hash, &key);
	return error;
}

static void init_lists(struct router *router)
{
	list_init(&router->queries_running);
	list_init(&router->queries_expired);
	list_init(&router->seqno_requests_by_age);
	list_init(&router->seqno_retries);
	list_init(&router->alive);
	list_init(&router->dead);
	list_init(&router->idle);
	list_init(&router->ready);
}

struct router *router_new(const struct router_config *config, uint64_t now_ms)
{
	struct router *router = calloc(1, sizeof(*router));
	if (router == NULL)
		return NULL;
	router->id = config->id;
	router->own = subnet_canonical(config->own);
	router->unasked_max = config->unasked_max > 0 ? config->unasked_max : UNASKED_MAX;
	router->start_ms = router->now_ms = router->last_bump_ms = now_ms;
	router->hello_at_ms = now_ms + HELLO_INTERVAL_MS;
	router->liveness_at_ms = now_ms + LIVENESS_CHECK_MS;
	router->own_at_ms = now_ms + UPDATE_INTERVAL_MS;
	router->forward_budget = token_bucket_full(REQUESTS_BURST, now_ms);
	router->key_budget = router->send_budget = router->forward_budget;
	init_tables(router);
	init_lists(router);
	struct rng rng = rng_seeded(config->seed);
	if (init_indexes(router, &rng) < 0) {
		router_free(router);
		return NULL;
	}
	return router;
}

static void free_neighbours(struct list *list)
{
	for (struct list *node; (node = list_pop(list)) != NULL;) {
		struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		fifo_release(&neighbour->answers);
		fifo_release(&neighbour->route_requests);
		fifo_release(&neighbour->seqno_requests);
		free(neighbour);
	}
}

void router_free(struct router *router)
{
	if (router == NULL)
		return;
	free_neighbours(&router->alive);
	free_neighbours(&router->dead);
	free(router->neighbours);
	free(router->generations);
	fifo_release(&router->free_indexes);
	fifo_release(&router->interests);
	for (unsigned kind = 0; kind < JOURNAL_KINDS; kind++)
		free(router->journals[kind].records);
	struct index *const indexes[] = {&router->destination_index, &router->originator_index, &router->source_index,
					 &router->query_index, &router->seqno_request_index};
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
		index_release(indexes[i]);
	struct pool *const pools[] = {&router->destinations, &router->tails,         &router->entries,
				      &router->originators,  &router->sources,       &router->queries,
				      &router->notes,        &router->seqno_requests};
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		pool_release(pools[i]);
	free(router);
}

void router_handle_tlv(struct router *router, uint32_t peer, const struct tlv *tlv, uint64_t now_ms)
{
	router_tick(router, now_ms);
	struct neighbour *from = neighbour_find(router, peer);
	if (from == NULL) {
		router->counters.tlv_source_died++;
		return;
	}
	router->counters.tlvs[tlv->type]++;
	switch (tlv->type) {
	case TLV_HELLO:
		neighbour_handle_hello(router, from);
		break;
	case TLV_IHU:
		neighbour_handle_ihu(router, from);
		break;
	case TLV_UPDATE:
		update_handle(router, from, &tlv->update);
		break;
	case TLV_ROUTE_REQUEST:
		route_request_handle(router, from, &tlv->route_request);
		break;
	case TLV_SEQNO_REQUEST:
		seqno_request_handle(router, from, &tlv->seqno_request);
		break;
	}
}
