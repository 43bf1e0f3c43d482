// SPDX-License-Identifier: Apache-2.0
/* Events: what the caller is told. Those about routes are marks on the destinations, so changes the caller has not
 * taken yet merge; the others are records that wait until they are taken. */
#include "router/internal.h"

void event_route(struct router *router, uint32_t handle)
{
	struct destination *destination = destination_at(router, handle);
	if (destination_selected(destination) == 0)
		destination->flags |= DESTINATION_WAS_GONE;
	if (destination->flags & DESTINATION_EVENT)
		return;
	destination->flags |= DESTINATION_EVENT;
	destination_hold(router, handle);
	destination->next_event = 0;
	if (router->last_event != 0)
		destination_at(router, router->last_event)->next_event = handle;
	else
		router->first_event = handle;
	router->last_event = handle;
}

static bool next_peer_dead(struct router *router, struct router_event *ret)
{
	if (list_empty(&router->dead))
		return false;
	struct neighbour *neighbour = container_of(router->dead.next, struct neighbour, life_node);
	*ret = (struct router_event){.type = ROUTER_PEER_DEAD, .peer = neighbour->handle};
	neighbour_free(router, neighbour);
	return true;
}

static void fill_route_set(const struct router *router, const struct destination *destination, struct router_event *ret)
{
	const struct entry *entry = entry_at(router, destination_selected(destination));
	ret->type = ROUTER_ROUTE_SET;
	ret->peer = router->neighbours[entry->neighbour]->handle;
	ret->key = router_id_key(&originator_at(router, entry->originator)->id);
	ret->expires_ms = tick_ms(router, entry->expiry.at);
	ret->acquired = !(destination->flags & DESTINATION_PUBLISHED) || (destination->flags & DESTINATION_WAS_GONE);
}

/* Tells of one destination. Returns false when the caller has never heard of the route that is gone. */
static bool tell_route(const struct router *router, struct destination *destination, struct router_event *ret)
{
	bool published = destination->flags & DESTINATION_PUBLISHED;
	if (destination_selected(destination) != 0) {
		fill_route_set(router, destination, ret);
		destination->flags |= DESTINATION_PUBLISHED;
	} else {
		ret->type = ROUTER_ROUTE_GONE;
		destination->flags &= (uint8_t)~DESTINATION_PUBLISHED;
	}
	destination->flags &= (uint8_t)~DESTINATION_WAS_GONE;
	return published || ret->type == ROUTER_ROUTE_SET;
}

static bool next_route(struct router *router, struct router_event *ret)
{
	while (router->first_event != 0) {
		uint32_t handle = router->first_event;
		struct destination *destination = destination_at(router, handle);
		router->first_event = destination->next_event;
		if (router->first_event == 0)
			router->last_event = 0;
		*ret = (struct router_event){.peer = ROUTER_NO_PEER, .subnet = destination_subnet(router, handle)};
		bool told = tell_route(router, destination, ret);
		destination->flags &= (uint8_t)~DESTINATION_EVENT;
		destination->next_event = 0;
		destination_unhold(router, handle);
		if (told)
			return true;
	}
	return false;
}

static bool next_query_expired(struct router *router, struct router_event *ret)
{
	struct list *node = list_pop(&router->queries_expired);
	if (node == NULL)
		return false;
	struct query *query = container_of(node, struct query, node);
	*ret = (struct router_event){.type = ROUTER_QUERY_EXPIRED,
				     .peer = ROUTER_NO_PEER,
				     .subnet = {.addr = ip6_from_upper64(query->upper), .len = 64}};
	pool_put(&router->queries, query->handle);
	return true;
}

bool router_next_event(struct router *router, struct router_event *ret)
{
	struct router_event event;
	if (!next_peer_dead(router, &event) && !next_route(router, &event) && !next_query_expired(router, &event))
		return false;
	*ret = event;
	return true;
}
