// SPDX-License-Identifier: Apache-2.0
/* What the caller needs: routes for packets, keys of senders, routes kept fresh. */
#include "router/internal.h"

static struct token_bucket *budget_for(struct router *router, enum route_need need)
{
	if (need == NEED_SEND)
		return &router->send_budget;
	return need == NEED_KEY ? &router->key_budget : &router->forward_budget;
}

/* Starts a search, or puts anew one that runs on behalf of others: those who only pass on what they were asked would
 * not be asked by us. Returns what runs then, or NULL. */
static struct query *ask(struct router *router, struct query *query, uint64_t upper, enum route_need need)
{
	if (!token_bucket_take(budget_for(router, need), REQUESTS_PER_SECOND, REQUESTS_BURST, router->now_ms)) {
		router->counters.dropped_over_budget++;
		return query;
	}
	if (query == NULL)
		query = query_start(router, upper, need == NEED_SEND);
	if (query == NULL)
		return NULL;
	query_ask(router, query, 0, NULL);
	query->needed_until_ms = query_deadline_ms(query);
	return query;
}

static enum route_answer search(struct router *router, uint64_t upper, enum route_need need)
{
	struct query *query = query_find(router, upper);
	if (query == NULL || query->needed_until_ms <= router->now_ms)
		query = ask(router, query, upper, need);
	if (query == NULL)
		return ROUTE_NONE;
	query->for_this_node |= need == NEED_SEND;
	return ROUTE_SEARCHING;
}

static bool has_route64(const struct router *router, const struct ip6 *address)
{
	struct subnet subnet = subnet64_of(address);
	uint32_t handle = destination_find(router, &subnet);
	return handle != 0 && destination_selected(destination_at(router, handle)) != 0;
}

enum route_answer router_need_route(struct router *router, const struct ip6 *address, enum route_need need,
				    uint64_t now_ms)
{
	router_tick(router, now_ms);
	if (!ip6_in_overlay(address) || subnet_contains(&router->own, address))
		return ROUTE_NONE;
	uint64_t upper = ip6_upper64(address);
	uint32_t handle = destination_match(router, address);
	if (handle == 0)
		return search(router, upper, need);
	const struct destination *destination = destination_at(router, handle);
	if (destination_selected(destination) != 0 || need == NEED_KEY)
		return ROUTE_READY;
	if (need == NEED_FORWARD)
		return ROUTE_NONE;
	/* All that is left is unfeasible or on its way out. The neighbours that had it are asked for a newer seqno, and
	 * everybody for another route. */
	seqno_ask(router, handle, entry_at(router, destination->first)->originator, NULL);
	/* Searches are for a /64. One that is there would not bring back a longer prefix inside it. */
	return has_route64(router, address) ? ROUTE_NONE : search(router, upper, need);
}

/* Asks the neighbours that announced a destination, without leaving a search behind there: the last generation is
 * answered from what a node has and goes no further. */
static void probe_neighbours(struct router *router, uint32_t handle)
{
	const struct destination *destination = destination_at(router, handle);
	for (uint32_t place = destination->first; place != 0; place = entry_at(router, place)->next) {
		uint16_t index = entry_at(router, place)->neighbour;
		if (index != NO_NEIGHBOUR)
			outgoing_route_request(router, router->neighbours[index], destination->upper,
					       ROUTE_REQUEST_GENERATION_MAX, true);
	}
}

void router_refresh_route(struct router *router, const struct ip6 *address, uint64_t now_ms)
{
	router_tick(router, now_ms);
	uint32_t handle = destination_match(router, address);
	if (handle == 0 || destination_selected(destination_at(router, handle)) == 0)
		return;
	struct destination *destination = destination_at(router, handle);
	uint32_t tick = tick_at_or_after(router, router->now_ms);
	if (destination->refreshed != 0 && tick - destination->refreshed < REFRESH_PAUSE_MS / WHEEL_TICK_MS)
		return;
	destination->refreshed = tick > 0 ? tick : 1;
	probe_neighbours(router, handle);
}
