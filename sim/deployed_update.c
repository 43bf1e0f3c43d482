// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "sim/deployed.h"
#include "sim/memory.h"

enum { BIG_CHANGE = 10, SWITCH_GAIN = 10, SOURCE_LIFE_MS = 1800000, LIFETIME_MS_PER_CS = 35 };

static uint16_t total(struct deployed *deployed, const struct deployed_entry *entry)
{
	return metric_add(entry->metric, deployed_cost(deployed, entry->peer));
}

struct deployed_source *deployed_source(const struct deployed *deployed, const struct deployed_subnet *subnet,
					const struct router_id *id)
{
	for (size_t i = 0; i < subnet->source_count; i++) {
		struct deployed_source *source = &subnet->sources[i];
		if (router_id_equal(&source->id, id) && source->forgotten_ms > deployed->now_ms)
			return source;
	}
	return NULL;
}

bool deployed_feasible(const struct deployed *deployed, const struct deployed_subnet *subnet, const struct router_id *id,
		       uint16_t metric, uint16_t seqno)
{
	const struct deployed_source *source = deployed_source(deployed, subnet, id);
	return metric == METRIC_INFINITE || source == NULL || seqno_newer(seqno, source->seqno) ||
	       (seqno == source->seqno && metric < source->metric);
}

static struct deployed_source *make_source(struct deployed_subnet *subnet, uint64_t now_ms)
{
	for (size_t i = 0; i < subnet->source_count; i++) {
		if (subnet->sources[i].forgotten_ms <= now_ms)
			return &subnet->sources[i];
	}
	subnet->sources = memory_grow(subnet->sources, &subnet->sources_capacity, subnet->source_count + 1,
				      sizeof(*subnet->sources));
	return &subnet->sources[subnet->source_count++];
}

/* Takes note of a finite announcement. */
static void note_source(struct deployed *deployed, struct deployed_subnet *subnet, const struct router_id *id,
			uint16_t metric, uint16_t seqno)
{
	struct deployed_source *source = deployed_source(deployed, subnet, id);
	if (source == NULL) {
		source = make_source(subnet, deployed->now_ms);
		*source = (struct deployed_source){.id = *id, .metric = metric, .seqno = seqno};
	} else if (seqno_newer(seqno, source->seqno) || (seqno == source->seqno && metric < source->metric)) {
		source->metric = metric;
		source->seqno = seqno;
	}
	source->forgotten_ms = deployed->now_ms + SOURCE_LIFE_MS;
}

/* ---- announcing --------------------------------------------------------------------------------------------------- */

static struct tlv make_update(const struct subnet *subnet, const struct router_id *id, uint16_t metric, uint16_t seqno)
{
	return (struct tlv){.type = TLV_UPDATE,
			    .update = {.interval_cs = UPDATE_INTERVAL_CS,
				       .seqno = seqno,
				       .metric = metric,
				       .prefix = {.encoding = AE_IPV6, .subnet = *subnet},
				       .router_id = *id}};
}

static struct subnet subnet_of(const struct deployed *deployed, uint32_t number)
{
	return subnet64_of(&deployed->node->world->nodes[number]->address);
}

void deployed_answer(struct deployed *deployed, uint32_t number, struct deployed_peer *to, uint16_t metric)
{
	struct deployed_subnet *known = &deployed->subnets[number];
	const struct deployed_entry *entry = &known->entries[0];
	struct subnet subnet = subnet_of(deployed, number);
	note_source(deployed, known, &entry->id, metric, entry->seqno);
	struct tlv tlv = make_update(&subnet, &entry->id, metric, entry->seqno);
	deployed_send(to, &tlv);
}

void deployed_announce(struct deployed *deployed, uint32_t number, const struct peer_set *to)
{
	const struct deployed_subnet *known = &deployed->subnets[number];
	struct subnet subnet = subnet_of(deployed, number);
	struct tlv retraction = make_update(&subnet, &deployed->config.id, METRIC_INFINITE, deployed->seqno);
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++) {
		struct deployed_peer *peer = &deployed->peers[slot];
		if (!peer->alive || (to != NULL && !peer_set_has(to, peer->handle)))
			continue;
		if (!known->is_selected)
			deployed_send(peer, &retraction);
		else if (peer->handle != known->entries[0].peer)
			deployed_answer(deployed, number, peer, total(deployed, &known->entries[0]));
	}
}

void deployed_announce_own(struct deployed *deployed, struct deployed_peer *to)
{
	struct tlv tlv = make_update(&deployed->config.own, &deployed->config.id, 0, deployed->seqno);
	for (uint32_t slot = 0; slot < deployed->peer_slots; slot++) {
		struct deployed_peer *peer = &deployed->peers[slot];
		if (peer->alive && (to == NULL || to == peer))
			deployed_send(peer, &tlv);
	}
}

/* ---- selection ---------------------------------------------------------------------------------------------------- */

/* Place of the entry to use, or -1. */
static int select_entry(struct deployed *deployed, const struct deployed_subnet *subnet)
{
	int best = -1;
	for (size_t i = 0; i < subnet->count; i++) {
		const struct deployed_entry *entry = &subnet->entries[i];
		if (entry->metric == METRIC_INFINITE ||
		    !deployed_feasible(deployed, subnet, &entry->id, entry->metric, entry->seqno))
			continue;
		if (best < 0 || total(deployed, entry) < total(deployed, &subnet->entries[best]))
			best = (int)i;
	}
	if (best <= 0 || !subnet->is_selected)
		return best;
	uint16_t present = total(deployed, &subnet->entries[0]);
	bool is_better = present == METRIC_INFINITE ||
			 total(deployed, &subnet->entries[best]) + SWITCH_GAIN < present;
	return is_better || subnet->entries[best].metric == 0 ? best : 0;
}

/* Selects the entry at a place, none for -1. */
static void take(struct deployed_subnet *subnet, int place)
{
	subnet->is_selected = place >= 0;
	if (place <= 0)
		return;
	struct deployed_entry moved = subnet->entries[0];
	subnet->entries[0] = subnet->entries[place];
	subnet->entries[place] = moved;
}

/* Tells the node what changed. */
static void publish(struct deployed *deployed, uint32_t number)
{
	struct deployed_subnet *known = &deployed->subnets[number];
	struct router_event event = {.type = ROUTER_ROUTE_GONE, .subnet = subnet_of(deployed, number)};
	if (!known->is_selected) {
		if (known->published)
			deployed_event(deployed, &event);
		known->published = false;
		return;
	}
	const struct deployed_entry *entry = &known->entries[0];
	event.type = ROUTER_ROUTE_SET;
	event.peer = entry->peer;
	event.key = router_id_key(&entry->id);
	event.expires_ms = entry->expires_ms;
	event.acquired = !known->published;
	if (!known->published || known->published_peer != entry->peer ||
	    known->published_expires_ms != entry->expires_ms)
		deployed_event(deployed, &event);
	known->published = true;
	known->published_peer = entry->peer;
	known->published_expires_ms = entry->expires_ms;
}

static void drop_entry(struct deployed_subnet *subnet, size_t place)
{
	subnet->entries[place] = subnet->entries[--subnet->count];
}

/* ---- an Update ---------------------------------------------------------------------------------------------------- */

static bool is_allowed(const struct tlv_update *update)
{
	struct public_key key = router_id_key(&update->router_id);
	struct ip6 address = public_key_address(&key);
	return update->prefix.encoding == AE_IPV6 && update->prefix.subnet.len == 64 &&
	       (update->metric == METRIC_INFINITE || subnet_contains(&update->prefix.subnet, &address));
}

static int find_entry(const struct deployed_subnet *subnet, uint32_t peer)
{
	for (size_t i = 0; i < subnet->count; i++) {
		if (subnet->entries[i].peer == peer)
			return (int)i;
	}
	return -1;
}

static uint64_t expiry(const struct deployed *deployed, const struct tlv_update *update)
{
	return deployed->now_ms + (update->metric == METRIC_INFINITE
					   ? (uint64_t)DEPLOYED_RETRACT_HOLD_MS
					   : (uint64_t)update->interval_cs * LIFETIME_MS_PER_CS);
}

/* Writes the Update into the entry of its sender. Returns false when that is all there is to do. */
static bool enter(struct deployed *deployed, uint32_t number, struct deployed_peer *from,
		  const struct tlv_update *update, bool feasible)
{
	struct deployed_subnet *subnet = &deployed->subnets[number];
	int place = find_entry(subnet, from->handle);
	if (place < 0) {
		if (!feasible && !subnet->is_selected)
			deployed_ask_seqno(deployed, number, &update->router_id, from);
		if (!feasible || update->metric == METRIC_INFINITE)
			return false;
		subnet->query_deadline_ms = 0;
		subnet->asked = false;
		subnet->entries = memory_grow(subnet->entries, &subnet->capacity, subnet->count + 1,
					      sizeof(*subnet->entries));
		place = (int)subnet->count++;
		subnet->entries[place] = (struct deployed_entry){.peer = from->handle};
	}
	struct deployed_entry *entry = &subnet->entries[place];
	bool selected = subnet->is_selected && place == 0;
	if (selected && !feasible && router_id_equal(&entry->id, &update->router_id)) {
		deployed_ask_seqno(deployed, number, &entry->id, from);
		return false;
	}
	if (entry->metric == METRIC_INFINITE && update->metric == METRIC_INFINITE)
		return false;
	entry->seqno = update->seqno;
	entry->metric = update->metric;
	entry->id = update->router_id;
	if (feasible)
		entry->expires_ms = expiry(deployed, update);
	else if (selected)
		subnet->is_selected = false;
	return feasible || selected;
}

static bool is_worth_announcing(const struct deployed_subnet *subnet, bool had, const struct deployed_entry *old)
{
	if (had != subnet->is_selected)
		return true;
	if (!had)
		return false;
	const struct deployed_entry *new = &subnet->entries[0];
	unsigned change = new->metric > old->metric ? (unsigned)(new->metric - old->metric)
						    : (unsigned)(old->metric - new->metric);
	return !router_id_equal(&new->id, &old->id) || change > BIG_CHANGE;
}

void deployed_handle_update(struct deployed *deployed, struct deployed_peer *from, const struct tlv_update *update)
{
	uint32_t number;
	struct deployed_subnet *subnet = deployed_find(deployed, &update->prefix.subnet, &number);
	if (subnet == NULL || !is_allowed(update))
		return;
	struct deployed_seqno_request *asked =
		deployed_seqno_request(deployed, number, &update->router_id, update->seqno);
	struct peer_set interested = asked != NULL ? asked->requesters : (struct peer_set){0};
	bool feasible = deployed_feasible(deployed, subnet, &update->router_id, update->metric, update->seqno);
	bool had = subnet->is_selected;
	struct deployed_entry old = had ? subnet->entries[0] : (struct deployed_entry){0};
	if (!enter(deployed, number, from, update, feasible))
		return;
	int best = select_entry(deployed, subnet);
	if (best < 0 && had)
		deployed_ask_seqno(deployed, number, &old.id, NULL);
	take(subnet, best);
	if (is_worth_announcing(subnet, had, &old))
		deployed_announce(deployed, number, NULL);
	else if (asked != NULL)
		deployed_announce(deployed, number, &interested);
	publish(deployed, number);
}

/* ---- loss --------------------------------------------------------------------------------------------------------- */

static void replace_lost(struct deployed *deployed, uint32_t number, bool ask)
{
	struct deployed_subnet *subnet = &deployed->subnets[number];
	int best = select_entry(deployed, subnet);
	if (best < 0 && ask) {
		struct router_id id = subnet->entries[0].id;
		deployed_ask_seqno(deployed, number, &id, NULL);
	}
	take(subnet, best);
	deployed_announce(deployed, number, NULL);
	publish(deployed, number);
}

static void make_infinite(const struct deployed *deployed, struct deployed_entry *entry)
{
	entry->metric = METRIC_INFINITE;
	entry->expires_ms = deployed->now_ms + DEPLOYED_RETRACT_HOLD_MS;
}

void deployed_bury(struct deployed *deployed, const struct peer_set *dead)
{
	for (uint32_t number = 0; number < deployed->subnet_slots; number++) {
		struct deployed_subnet *subnet = &deployed->subnets[number];
		bool lost = false;
		for (size_t i = subnet->count; i-- > 0;) {
			struct deployed_entry *entry = &subnet->entries[i];
			if (!peer_set_has(dead, entry->peer) || entry->metric == METRIC_INFINITE)
				continue;
			lost |= i == 0 && subnet->is_selected;
			if (i == 0 && subnet->is_selected)
				make_infinite(deployed, entry);
			else
				drop_entry(subnet, i);
		}
		if (lost)
			replace_lost(deployed, number, true);
	}
}

void deployed_expire(struct deployed *deployed, uint32_t number)
{
	struct deployed_subnet *subnet = &deployed->subnets[number];
	for (size_t i = subnet->count; i-- > 0;) {
		if (subnet->entries[i].expires_ms > deployed->now_ms)
			continue;
		if (i > 0 || !subnet->is_selected) {
			drop_entry(subnet, i);
			continue;
		}
		make_infinite(deployed, &subnet->entries[0]);
		replace_lost(deployed, number, false);
	}
	if (subnet->query_deadline_ms == 0 || subnet->query_deadline_ms > deployed->now_ms)
		return;
	subnet->query_deadline_ms = 0;
	subnet->asked = false;
	struct router_event event = {.type = ROUTER_QUERY_EXPIRED, .subnet = subnet_of(deployed, number)};
	deployed_event(deployed, &event);
}
