// SPDX-License-Identifier: Apache-2.0
/*
 * An Update arrives (docs/protocol/routing.md, "Update reception"; the numbers at the branches are its steps).
 *
 *   filters ── own? ── feasible? ──┬─ retraction of the entry
 *                                  ├─ change of the entry   ──▶ select ──▶ announce, serve, tell
 *                                  └─ new entry
 */
#include "router/internal.h"

struct reception {
	struct neighbour *from;
	uint32_t destination; /* 0 when the prefix has no record */
	uint32_t originator;
	uint16_t metric, seqno;
	uint64_t lifetime_ms;
	bool is_new_source; /* its router id was not known */
	bool feasible;
};

/* The selected route before the Update. */
struct previous {
	uint32_t entry; /* 0: none */
	uint32_t originator;
};

/* 3.5 intervals, within limits that make flapping slow and outlive neither the source table nor reason. */
static uint64_t lifetime_ms(uint16_t interval_cs)
{
	uint64_t lifetime = interval_cs * 35ull;
	if (lifetime < LIFETIME_MIN_MS)
		return LIFETIME_MIN_MS;
	return lifetime < LIFETIME_MAX_MS ? lifetime : LIFETIME_MAX_MS;
}

static struct previous remember_selected(struct router *router, uint32_t destination)
{
	struct previous previous = {.entry = destination_selected(destination_at(router, destination))};
	if (previous.entry != 0) {
		previous.originator = entry_at(router, previous.entry)->originator;
		originator_retain(router, previous.originator);
	}
	return previous;
}

static bool is_big_change(uint16_t a, uint16_t b)
{
	return (a > b ? a - b : b - a) > BIG_METRIC_CHANGE;
}

/* 10. Whether everybody has to hear of the selection. Compared with what was last announced, so that small steps add
 * up. */
static bool is_worth_announcing(const struct router *router, uint32_t destination, const struct previous *old,
				uint32_t best)
{
	if (old->entry == 0 || best == 0)
		return old->entry != best;
	const struct entry *entry = entry_at(router, best);
	return entry->originator != old->originator ||
	       is_big_change(entry->metric, destination_at(router, destination)->announced_metric);
}

/* 9 to 12. `changed` is the entry that took the Update. Consumes `old`. */
static void reselect(struct router *router, uint32_t destination, const struct previous *old, uint32_t changed)
{
	uint32_t best = select_entry(router, destination);
	if (best == 0 && old->entry != 0)
		seqno_ask(router, destination, old->originator, NULL);
	entry_select(router, destination, best);

	bool announce = is_worth_announcing(router, destination, old, best);
	if (announce)
		announce_trigger(router, destination, old->originator);
	if (best != 0) {
		bool served = seqno_serve(router, destination, announce);
		if (served && !announce)
			router->counters.triggered_updates++;
		interests_serve(router, destination, announce);
		if (old->entry == 0 && destination_at(router, destination)->tail == 0)
			query_resolve(router, destination_at(router, destination)->upper);
	}
	if (best != old->entry || best == changed)
		event_route(router, destination);
	if (old->entry != 0)
		originator_forget(router, old->originator);
}

static void receive_retraction(struct router *router, uint32_t destination, const struct neighbour *from)
{
	if (destination == 0 || destination_at(router, destination)->first == 0) {
		router->counters.updates_not_interested++;
		return;
	}
	uint32_t handle = entry_find(router, destination, from);
	if (handle == 0 || entry_at(router, handle)->metric == METRIC_INFINITE) { /* 7b, 8 */
		router->counters.updates_skipped_selection++;
		return;
	}
	/* The router id and seqno of a retraction are the retractor's. The entry keeps those of its source, which are
	 * the ones to ask. */
	struct previous old = remember_selected(router, destination);
	entry_retract(router, handle);
	reselect(router, destination, &old, handle);
}

static void change_entry(struct router *router, const struct reception *update, uint32_t handle)
{
	struct entry *entry = entry_at(router, handle);
	struct destination *destination = destination_at(router, update->destination);
	bool selected = destination_selected(destination) == handle;
	if (selected && !update->feasible && entry->originator == update->originator) { /* 7a */
		seqno_ask(router, update->destination, update->originator, update->from);
		router->counters.updates_skipped_selection++;
		return;
	}
	struct previous old = remember_selected(router, update->destination);
	entry->seqno = update->seqno; /* 7c */
	entry->metric = update->metric;
	entry_set_originator(router, entry, update->originator);
	if (update->feasible) { /* 7d */
		entry_expire_at(router, handle, router->now_ms + update->lifetime_ms);
	} else if (!selected) { /* 7e */
		router->counters.updates_skipped_selection++;
		if (old.entry != 0)
			originator_forget(router, old.originator);
		return;
	} else { /* 7f */
		destination->flags &= (uint8_t)~DESTINATION_SELECTED;
	}
	reselect(router, update->destination, &old, handle);
}

static void new_entry(struct router *router, const struct reception *update)
{
	struct previous old = remember_selected(router, update->destination);
	uint32_t handle = entry_add(router, update->destination, update->from, update->originator);
	if (handle == 0) {
		router->counters.dropped_over_budget++;
		if (old.entry != 0)
			originator_forget(router, old.originator);
		destination_release_if_unused(router, update->destination);
		return;
	}
	struct entry *entry = entry_at(router, handle);
	entry->metric = update->metric;
	entry->seqno = update->seqno;
	entry_expire_at(router, handle, router->now_ms + update->lifetime_ms);
	reselect(router, update->destination, &old, handle);
}

static uint32_t share_of_peer(const struct router *router)
{
	return router->unasked_max / UNASKED_PEERS_SHARE;
}

static bool tables_have_room(const struct router *router, uint64_t subnets)
{
	return router->destinations.count < subnets && router->entries.count < UNASKED_ROWS_EACH * subnets &&
	       router->originators.count < UNASKED_ROWS_EACH * subnets;
}

/* A name that was not known before may leave a feasibility distance behind, which outlives its route. */
static bool may_name_another(const struct router *router, struct neighbour *from)
{
	return token_bucket_take(&from->unasked_budget, UNASKED_PER_SECOND, share_of_peer(router), router->now_ms);
}

/* Whether there is room for a route that would add to the table. What this node looks for is always learnt, what others
 * look for within the share of the peer. The rest is told to everybody, perhaps by somebody who made it up: beyond the
 * budget it looks as if it had not been told, and is found by a search when somebody needs it. */
static bool may_learn(const struct router *router, const struct reception *update, uint64_t upper)
{
	struct neighbour *from = update->from;
	const struct query *query = query_find(router, upper);
	if (query != NULL && query->for_this_node)
		return true;
	if (from->entry_count >= share_of_peer(router))
		return false;
	uint64_t subnets = router->unasked_max;
	if (query != NULL)
		return tables_have_room(router, subnets * ASKED_BY_OTHERS_FACTOR);
	if (from->entry_count < UNASKED_FEW)
		subnets *= UNASKED_FEW_FACTOR;
	bool is_new = update->destination == 0 || update->is_new_source;
	return tables_have_room(router, subnets) && (!is_new || may_name_another(router, from));
}

/* The same for another router id of a route that is there. */
static bool may_rename(const struct router *router, const struct reception *update)
{
	return !update->is_new_source || (tables_have_room(router, (uint64_t)router->unasked_max * UNASKED_FEW_FACTOR) &&
					  may_name_another(router, update->from));
}

static void receive_route(struct router *router, struct reception *update, const struct subnet *subnet)
{
	update->feasible = update->destination == 0 || source_feasible(router, update->destination, update->originator,
								       update->metric, update->seqno);
	bool exists = update->destination != 0 && destination_at(router, update->destination)->first != 0;
	uint32_t handle = exists ? entry_find(router, update->destination, update->from) : 0;
	if (handle != 0) {
		if (may_rename(router, update))
			change_entry(router, update, handle);
		else
			router->counters.dropped_over_budget++;
		return;
	}
	if (!update->feasible) { /* 5, 8 */
		if (destination_selected(destination_at(router, update->destination)) == 0)
			seqno_ask(router, update->destination, update->originator, update->from);
		*(exists ? &router->counters.updates_skipped_selection : &router->counters.updates_not_interested) += 1;
		return;
	}
	bool has_room = may_learn(router, update, ip6_upper64(&subnet->addr));
	if (has_room && update->destination == 0)
		update->destination = destination_find_or_make(router, subnet);
	if (has_room && update->destination != 0)
		new_entry(router, update);
	else
		router->counters.dropped_over_budget++;
}

void update_handle(struct router *router, struct neighbour *from, const struct tlv_update *update)
{
	struct subnet subnet = subnet_canonical(update->prefix.subnet);
	if (update->prefix.encoding != AE_IPV6 || !ip6_in_overlay(&subnet.addr) || subnet.len < 64) { /* 1 */
		router->counters.updates_denied++;
		return;
	}
	uint32_t destination = destination_find(router, &subnet);
	if (update->metric == METRIC_INFINITE) {
		if (!subnet_covers(&router->own, &subnet)) /* 2 */
			receive_retraction(router, destination, from);
		return;
	}
	/* A retraction is cheap and must not be lost; a route beyond the budget looks as if it had not been told. */
	uint32_t originator = 0;
	if (token_bucket_take(&from->update_budget, UPDATES_PER_SECOND, UPDATES_BURST, router->now_ms))
		originator = originator_refer(router, &update->router_id);
	if (originator == 0) {
		router->counters.dropped_over_budget++;
		return;
	}
	if (!subnet_contains(&subnet, &originator_at(router, originator)->address)) { /* 1 */
		router->counters.updates_denied++;
	} else if (!subnet_covers(&router->own, &subnet)) { /* 2 */
		struct reception reception = {.from = from,
					      .destination = destination,
					      .originator = originator,
					      .metric = update->metric,
					      .seqno = update->seqno,
					      .lifetime_ms = lifetime_ms(update->interval_cs),
					      .is_new_source = originator_at(router, originator)->references == 1};
		receive_route(router, &reception, &subnet);
	}
	originator_forget(router, originator);
}
