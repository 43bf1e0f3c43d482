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

/* 3. We have heard of the subnet. There is no negative answer. */
static void answer_existing(struct router *router, struct neighbour *from, uint32_t destination)
{
	uint32_t selected = destination_selected(destination_at(router, destination));
	if (selected != 0 && entry_at(router, selected)->neighbour != (uint16_t)from->handle)
		announce_answer(router, from, destination, false);
	else
		interest_add(router, destination, from->handle);
}

/* 4, 5. We have not: let others be asked, unless that has been done. */
static void search(struct router *router, struct neighbour *from, uint64_t upper, uint8_t generation)
{
	if (generation >= ROUTE_REQUEST_GENERATION_MAX || query_find(router, upper) != NULL)
		return;
	query_start(router, upper, (uint8_t)(generation + 1), from, false);
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
	if (destination != 0 && destination_at(router, destination)->first != 0)
		answer_existing(router, from, destination);
	else
		search(router, from, ip6_upper64(&subnet.addr), request->generation);
}
