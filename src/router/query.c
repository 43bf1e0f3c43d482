// SPDX-License-Identifier: Apache-2.0
/*
 * Searches for a /64 under way. Each sends one request to each peer: connections are reliable, so repeating could only
 * add load. It is asked anew, and lasts anew, when a peer's request comes late in it, since what it found missing may be
 * there by now, and when this node needs what it looked for on behalf of others. When it has ended, the next packet may
 * start another at once.
 *
 * A query that expired keeps its record until the caller has heard of it.
 */
#include "router/internal.h"

uint64_t query_hash(const struct hash_key *key, const void *record)
{
	const struct query *query = record;
	return hash_u64(key, query->upper);
}

struct query *query_find(const struct router *router, uint64_t upper)
{
	const struct index *index = &router->query_index;
	uint32_t handle = index_chain(index, hash_u64(&index->key, upper));
	while (handle != 0 && query_at(router, handle)->upper != upper)
		handle = index_next(index, handle);
	return handle != 0 ? query_at(router, handle) : NULL;
}

struct query *query_start(struct router *router, uint64_t upper, bool for_this_node)
{
	uint32_t max = for_this_node ? QUERIES_MAX : QUERIES_MAX - QUERIES_RESERVED;
	uint32_t handle = router->queries.count < max ? pool_take(&router->queries) : 0;
	if (handle == 0) {
		router->counters.dropped_over_budget++;
		return NULL;
	}
	struct query *query = query_at(router, handle);
	*query = (struct query){.handle = handle, .upper = upper, .asked_ms = router->now_ms};
	index_add(&router->query_index, handle);
	list_append(&router->queries_running, &query->node);
	return query;
}

void query_ask(struct router *router, struct query *query, uint8_t generation, const struct neighbour *except)
{
	query->asked_ms = router->now_ms;
	list_remove(&query->node);
	list_append(&router->queries_running, &query->node);
	list_foreach(&router->alive, node, next) {
		struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		if (neighbour != except)
			outgoing_route_request(router, neighbour, query->upper, generation, false);
	}
}

void query_resolve(struct router *router, uint64_t upper)
{
	struct query *query = query_find(router, upper);
	if (query == NULL)
		return;
	list_remove(&query->node);
	index_remove(&router->query_index, query->handle);
	pool_put(&router->queries, query->handle);
}

void queries_ask_peer(struct router *router, struct neighbour *neighbour)
{
	list_foreach(&router->queries_running, node, next)
		outgoing_route_request(router, neighbour, container_of(node, struct query, node)->upper, 0, false);
}

static struct query *oldest(const struct router *router)
{
	return container_of(router->queries_running.next, struct query, node);
}

uint64_t queries_next_ms(const struct router *router)
{
	return list_empty(&router->queries_running) ? UINT64_MAX : query_deadline_ms(oldest(router));
}

void queries_expire(struct router *router, uint64_t at_ms)
{
	while (queries_next_ms(router) <= at_ms) {
		struct query *query = oldest(router);
		list_remove(&query->node);
		index_remove(&router->query_index, query->handle);
		list_append(&router->queries_expired, &query->node);
	}
}
