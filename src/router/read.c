// SPDX-License-Identifier: Apache-2.0
/* Looking without touching. */
#include "router/internal.h"

uint32_t router_next_hop(const struct router *router, const struct ip6 *destination)
{
	uint32_t handle = destination_match(router, destination);
	uint32_t selected = handle != 0 ? destination_selected(destination_at(router, handle)) : 0;
	return selected != 0 ? router->neighbours[entry_at(router, selected)->neighbour]->handle : ROUTER_NO_PEER;
}

bool router_public_key(const struct router *router, const struct ip6 *address, struct subnet *ret_subnet,
		       struct public_key *ret)
{
	uint32_t handle = destination_match(router, address);
	if (handle == 0)
		return false;
	const struct entry *first = entry_at(router, destination_at(router, handle)->first);
	*ret = router_id_key(&originator_at(router, first->originator)->id);
	if (ret_subnet != NULL)
		*ret_subnet = destination_subnet(router, handle);
	return true;
}

uint64_t router_query_deadline(const struct router *router, const struct ip6 *address)
{
	const struct query *query = query_find(router, ip6_upper64(address));
	return query != NULL ? query_deadline_ms(query) : 0;
}

uint16_t router_link_cost(const struct router *router, uint32_t peer)
{
	const struct neighbour *neighbour = neighbour_find(router, peer);
	return neighbour != NULL ? neighbour_link_cost(neighbour) : METRIC_INFINITE;
}

static void visit_entry(const struct router *router, uint32_t handle, const struct subnet *subnet, bool selected,
			void (*callback)(void *context, const struct router_route *route), void *context)
{
	const struct entry *entry = entry_at(router, handle);
	uint32_t peer =
		entry->neighbour != NO_NEIGHBOUR ? router->neighbours[entry->neighbour]->handle : ROUTER_NO_PEER;
	struct router_route route = {.subnet = *subnet,
				     .peer = peer,
				     .metric = entry->metric,
				     .seqno = entry->seqno,
				     .selected = selected,
				     .expires_ms = tick_ms(router, entry->expiry.at),
				     .router_id = originator_at(router, entry->originator)->id};
	callback(context, &route);
}

void router_for_each_route(const struct router *router,
			   void (*callback)(void *context, const struct router_route *route), void *context)
{
	for (uint32_t handle = 1; handle < router->destinations.fresh; handle++) {
		const struct destination *destination = destination_at(router, handle);
		if (destination->first == 0)
			continue;
		struct subnet subnet = destination_subnet(router, handle);
		for (uint32_t entry = destination->first; entry != 0; entry = entry_at(router, entry)->next)
			visit_entry(router, entry, &subnet, entry == destination_selected(destination), callback,
				    context);
	}
}

void router_for_each_query(const struct router *router,
			   void (*callback)(void *context, const struct subnet *subnet, uint64_t deadline_ms),
			   void *context)
{
	list_foreach(&router->queries_running, node, next) {
		const struct query *query = container_of(node, struct query, node);
		struct subnet subnet = {.addr = ip6_from_upper64(query->upper), .len = 64};
		callback(context, &subnet, query_deadline_ms(query));
	}
}

const struct router_counters *router_counters(const struct router *router)
{
	return &router->counters;
}

static size_t bytes_of_peers(const struct router *router)
{
	size_t bytes = router->neighbour_capacity * (sizeof(struct neighbour *) + sizeof(uint16_t));
	list_foreach(&router->alive, node, next) {
		const struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		bytes += sizeof(*neighbour) + fifo_bytes(&neighbour->answers) + fifo_bytes(&neighbour->route_requests) +
			 fifo_bytes(&neighbour->seqno_requests);
	}
	return bytes;
}

static size_t bytes_of_tables(const struct router *router)
{
	const struct pool *const pools[] = {&router->destinations, &router->tails,         &router->entries,
					    &router->originators,  &router->sources,       &router->queries,
					    &router->notes,        &router->seqno_requests};
	const struct index *const indexes[] = {&router->destination_index, &router->originator_index,
					       &router->source_index, &router->query_index,
					       &router->seqno_request_index};
	size_t bytes = fifo_bytes(&router->interests) + fifo_bytes(&router->free_indexes);
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		bytes += pool_bytes(pools[i]);
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
		bytes += index_bytes(indexes[i]);
	for (unsigned kind = 0; kind < JOURNAL_KINDS; kind++)
		bytes += router->journals[kind].capacity * sizeof(uint32_t);
	return bytes;
}

static size_t count_marks(const struct router *router)
{
	size_t marks = 0;
	list_foreach(&router->alive, node, next) {
		const struct neighbour *neighbour = container_of(node, struct neighbour, life_node);
		marks += neighbour->answers.count;
		for (unsigned kind = 0; kind < JOURNAL_KINDS; kind++)
			marks += router->journals[kind].end - neighbour->cursors[kind];
	}
	return marks;
}

struct router_sizes router_sizes(const struct router *router)
{
	return (struct router_sizes){
		.subnets = router->existing,
		.entries = router->entries.count,
		.sources = router->sources.count,
		.router_ids = router->originators.count,
		.queries = router->query_index.count,
		.seqno_requests = router->seqno_requests.count,
		.dirty_marks = count_marks(router),
		.peers = router->neighbour_count,
		.bytes = sizeof(*router) + bytes_of_peers(router) + bytes_of_tables(router),
	};
}
