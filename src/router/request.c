// SPDX-License-Identifier: Apache-2.0
/* A route request arrives (docs/protocol/routing.md, "Route requests"; the numbers at the branches are its cases). */
#include "router/internal.h"

/* 1. A request for everything: the whole table, at the peer's pace and once a minute; in between the own subnet only.
 */
static void handle_wildcard(struct router *router, struct neighbour *from)
{
	router->counters.wildcard_route_requests++;
	announce_own(router, from);
	if (router->now_ms < from->dump_allowed_ms)
		return;
	from->dump_allowed_ms = router->now_ms + TABLE_DUMP_PAUSE_MS;
	from->dump_due = true;
	from->dump_place = 1;
	neighbour_wake(router, from);
}

/* 3. We have a route. There is no negative answer. */
static void answer_existing(struct router *router, struct neighbour *from, uint32_t destination)
{
	uint32_t selected = destination_selected(destination_at(router, destination));
	if (selected != 0 && entry_at(router, selected)->neighbour != (uint16_t)from->handle)
		announce_answer(router, from, destination, false);
	else
		interest_add(router, destination, from->handle);
}

/* 4, 5. We have none, or none any more: let others be asked, unless that has been done just now. A search that began
 * earlier may end long before the sender's, and would leave no trace of it. */
static void search(struct router *router, struct neighbour *from, uint64_t upper, uint8_t generation)
{
	if (generation >= ROUTE_REQUEST_GENERATION_MAX)
		return;
	struct query *query = query_find(router, upper);
	if (query != NULL && router->now_ms - query->asked_ms < QUERY_REPEAT_MS)
		return;
	if (query == NULL)
		query = query_start(router, upper, false);
	if (query != NULL)
		query_ask(router, query, (uint8_t)(generation + 1), from);
}

void route_request_handle(struct router *router, struct neighbour *from, const struct tlv_route_request *request)
{
	if (!token_bucket_take(&from->route_request_budget, REQUESTS_PER_SECOND, REQUESTS_BURST, router->now_ms)) {
		router->counters.dropped_over_budget++;
		return;
	}
	if (request->prefix.encoding == AE_WILDCARD) {
		handle_wildcard(router, from);
		return;
	}
	const struct subnet *asked = &request->prefix.subnet;
	if (request->prefix.encoding != AE_IPV6 || !ip6_in_overlay(&asked->addr) || asked->len < 64 ||
	    asked->len > 128) {
		router->counters.tlv_discarded++;
		return;
	}
	struct subnet subnet = subnet64_of(&asked->addr);
	if (subnet_equal(&router->own, &subnet)) { /* 2 */
		announce_own(router, from);
		return;
	}
	uint32_t destination = destination_find(router, &subnet);
	bool exists = destination != 0 && destination_at(router, destination)->first != 0;
	if (exists)
		answer_existing(router, from, destination);
	/* What was lost a moment ago is still known for a while. That must not hide it from those who look for it. */
	if (!exists || destination_selected(destination_at(router, destination)) == 0)
		search(router, from, ip6_upper64(&subnet.addr), request->generation);
}
