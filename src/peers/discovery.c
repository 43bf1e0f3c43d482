// SPDX-License-Identifier: Apache-2.0
#include "peers/discovery.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/timers.h"
#include "base/token_bucket.h"
#include "wire/beacon.h"

struct neighbour {
	struct list in_found;
	uint32_t index; /* the interface */
	uint16_t port;
	struct ip6 address;
	uint64_t heard_ms, told_ms;
};

enum membership_state {
	MEMBERSHIP_WANTED, /* to be joined, being joined, or failed */
	MEMBERSHIP_JOINED,
	MEMBERSHIP_GONE,   /* lives on until it was left; one of the same index may follow */
};

struct membership {
	struct list in_all, in_todo;
	uint32_t index;
	char name[INTERFACE_NAME_SIZE];
	enum membership_state state;
	bool is_listed; /* in the list that is being looked at */
	bool failed;
	struct token_bucket new_neighbours;
	size_t neighbour_count;
	struct neighbour neighbours[DISCOVERY_NEIGHBOURS_MAX];
};

struct discovery {
	struct router_id router_id;
	enum endpoint_protocol protocol;
	uint8_t beacon[BEACON_SIZE];
	char (*names)[INTERFACE_NAME_SIZE];
	size_t name_count;

	struct list all;   /* memberships */
	size_t count;
	struct list todo;  /* memberships that are to be joined, left, or sent a beacon to: their state tells which */
	struct list found; /* neighbours to tell of */
	size_t joined_count;

	uint64_t round_ms;
	uint64_t list_ms;	   /* the next list that a change asks for */
	uint64_t earliest_list_ms;
	bool wants_list;
	bool is_unsure; /* interfaces may have been removed unseen: join all anew in the next round */
	struct discovery_counters counters;
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* A name that is too long is no interface's: it becomes the empty one, which matches none either. */
static bool copy_names(struct discovery *discovery, const struct discovery_config *config)
{
	if (config->name_count == 0)
		return true;
	discovery->names = calloc(config->name_count, sizeof(*discovery->names));
	if (discovery->names == NULL)
		return false;
	discovery->name_count = config->name_count;
	for (size_t i = 0; i < config->name_count; i++)
		if (strlen(config->names[i]) < INTERFACE_NAME_SIZE)
			strcpy(discovery->names[i], config->names[i]);
	return true;
}

struct discovery *discovery_new(const struct discovery_config *config, uint64_t now_ms)
{
	assert(config->tcp_port != 0);
	struct discovery *discovery = calloc(1, sizeof(*discovery));
	if (discovery == NULL || !copy_names(discovery, config)) {
		free(discovery);
		return NULL;
	}
	const struct beacon beacon = {.tcp_port = config->tcp_port, .router_id = config->router_id};
	beacon_write(&beacon, discovery->beacon);
	discovery->router_id = config->router_id;
	discovery->protocol = config->protocol;
	list_init(&discovery->all);
	list_init(&discovery->todo);
	list_init(&discovery->found);
	discovery->round_ms = now_ms;
	discovery->list_ms = TIMERS_NEVER_MS;
	return discovery;
}

static void membership_free(struct discovery *discovery, struct membership *membership)
{
	list_remove(&membership->in_all);
	list_remove(&membership->in_todo);
	discovery->count--;
	free(membership);
}

void discovery_free(struct discovery *discovery)
{
	if (discovery == NULL)
		return;
	list_foreach (&discovery->all, node, tmp)
		membership_free(discovery, container_of(node, struct membership, in_all));
	free(discovery->names);
	free(discovery);
}

const uint8_t *discovery_beacon(const struct discovery *discovery)
{
	return discovery->beacon;
}

/* ---- interfaces -------------------------------------------------------------------------------------------------- */

static struct membership *find(struct discovery *discovery, uint32_t index)
{
	list_foreach (&discovery->all, node, tmp) {
		struct membership *membership = container_of(node, struct membership, in_all);
		if (membership->index == index && membership->state != MEMBERSHIP_GONE)
			return membership;
	}
	return NULL;
}

/* Not moved when it is there already: one that is to be left comes before the next of its index. */
static void add_todo(struct discovery *discovery, struct membership *membership)
{
	if (list_empty(&membership->in_todo))
		list_append(&discovery->todo, &membership->in_todo);
}

static bool is_named(const struct discovery *discovery, const char *name)
{
	for (size_t i = 0; i < discovery->name_count; i++)
		if (name[0] != 0 && strcmp(discovery->names[i], name) == 0)
			return true;
	return discovery->name_count == 0;
}

static bool is_usable(const struct discovery *discovery, const struct interface *interface)
{
	return interface->up && interface->running && interface->multicast && !interface->loopback &&
	       !interface->point_to_point && interface->has_link_local && is_named(discovery, interface->name);
}

static struct membership *add(struct discovery *discovery, uint32_t index, uint64_t now_ms)
{
	if (discovery->count >= DISCOVERY_INTERFACES_MAX)
		return NULL;
	struct membership *membership = calloc(1, sizeof(*membership));
	if (membership == NULL)
		return NULL;
	membership->index = index;
	membership->state = MEMBERSHIP_WANTED;
	membership->new_neighbours = token_bucket_full(DISCOVERY_NEW_BURST, now_ms);
	list_append(&discovery->all, &membership->in_all);
	list_init(&membership->in_todo);
	discovery->count++;
	return membership;
}

/* Neighbours that were heard there but not told of yet are forgotten with it. */
static void drop(struct discovery *discovery, struct membership *membership)
{
	for (size_t i = 0; i < membership->neighbour_count; i++)
		list_remove(&membership->neighbours[i].in_found);
	membership->neighbour_count = 0;
	if (membership->state != MEMBERSHIP_JOINED) {
		membership_free(discovery, membership);
		return;
	}
	membership->state = MEMBERSHIP_GONE;
	discovery->joined_count--;
	add_todo(discovery, membership);
}

static void see(struct discovery *discovery, const struct interface *interface, uint64_t now_ms)
{
	struct membership *membership = find(discovery, interface->index);
	if (membership == NULL)
		membership = add(discovery, interface->index, now_ms);
	if (membership == NULL) {
		discovery->counters.refused_interfaces++;
		return;
	}
	membership->is_listed = true;
	memcpy(membership->name, interface->name, INTERFACE_NAME_SIZE);
	if (membership->state == MEMBERSHIP_WANTED)
		add_todo(discovery, membership);
}

static void drop_if(struct discovery *discovery, bool (*condition)(const struct membership *))
{
	list_foreach (&discovery->all, node, tmp) {
		struct membership *membership = container_of(node, struct membership, in_all);
		if (membership->state != MEMBERSHIP_GONE && condition(membership))
			drop(discovery, membership);
	}
}

static bool is_unlisted(const struct membership *membership)
{
	return !membership->is_listed;
}

static bool is_any(const struct membership *membership)
{
	(void)membership;
	return true;
}

void discovery_interfaces(struct discovery *discovery, const struct interface *interfaces, size_t count, uint64_t now_ms)
{
	list_foreach (&discovery->all, node, tmp)
		container_of(node, struct membership, in_all)->is_listed = false;
	for (size_t i = 0; i < count; i++)
		if (is_usable(discovery, &interfaces[i]))
			see(discovery, &interfaces[i], now_ms);
	drop_if(discovery, is_unlisted);
}

bool discovery_joined(struct discovery *discovery, uint32_t index, int error)
{
	struct membership *membership = find(discovery, index);
	if (membership == NULL || membership->state != MEMBERSHIP_WANTED)
		return false;
	if (error != 0) {
		bool is_first = !membership->failed;
		membership->failed = true;
		discovery->counters.join_failures++;
		return is_first;
	}
	membership->state = MEMBERSHIP_JOINED;
	discovery->joined_count++;
	add_todo(discovery, membership);
	return false;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void begin_round(struct discovery *discovery, uint64_t now_ms)
{
	discovery->round_ms = now_ms + DISCOVERY_ROUND_MS;
	discovery->list_ms = now_ms;
	if (discovery->is_unsure)
		drop_if(discovery, is_any);
	discovery->is_unsure = false;
	list_foreach (&discovery->all, node, tmp) {
		struct membership *membership = container_of(node, struct membership, in_all);
		if (membership->state == MEMBERSHIP_JOINED)
			add_todo(discovery, membership);
	}
}

void discovery_tick(struct discovery *discovery, uint64_t now_ms)
{
	if (now_ms >= discovery->round_ms)
		begin_round(discovery, now_ms);
	if (now_ms < discovery->list_ms)
		return;
	discovery->list_ms = TIMERS_NEVER_MS;
	discovery->earliest_list_ms = now_ms + DISCOVERY_LIST_GAP_MS;
	discovery->wants_list = true;
}

uint64_t discovery_next_deadline(const struct discovery *discovery)
{
	return discovery->list_ms < discovery->round_ms ? discovery->list_ms : discovery->round_ms;
}

void discovery_network_changed(struct discovery *discovery, const struct network_change *change, uint64_t now_ms)
{
	for (unsigned i = 0; i < change->removed_count; i++) {
		struct membership *membership = find(discovery, change->removed[i]);
		if (membership != NULL)
			drop(discovery, membership);
	}
	if (change->lost)
		discovery->is_unsure = true;
	if (change->links && discovery->list_ms == TIMERS_NEVER_MS)
		discovery->list_ms = now_ms > discovery->earliest_list_ms ? now_ms : discovery->earliest_list_ms;
}

/* ---- beacons ----------------------------------------------------------------------------------------------------- */

static struct neighbour *find_neighbour(struct membership *membership, const struct ip6 *address)
{
	for (size_t i = 0; i < membership->neighbour_count; i++)
		if (ip6_equal(&membership->neighbours[i].address, address))
			return &membership->neighbours[i];
	return NULL;
}

/* A place for a new neighbour, that of the one heard longest ago when all are taken. */
static struct neighbour *take_place(struct discovery *discovery, struct membership *membership)
{
	if (membership->neighbour_count < DISCOVERY_NEIGHBOURS_MAX) {
		struct neighbour *free_one = &membership->neighbours[membership->neighbour_count++];
		list_init(&free_one->in_found);
		return free_one;
	}
	struct neighbour *oldest = &membership->neighbours[0];
	for (size_t i = 1; i < DISCOVERY_NEIGHBOURS_MAX; i++)
		if (membership->neighbours[i].heard_ms < oldest->heard_ms)
			oldest = &membership->neighbours[i];
	discovery->counters.forgotten++;
	return oldest;
}

/* A neighbour has an address; when it announces another port, it was started anew, and counts as another. */
static void hear(struct discovery *discovery, struct membership *membership, const struct ip6 *address, uint16_t port,
		 uint64_t now_ms)
{
	struct neighbour *neighbour = find_neighbour(membership, address);
	if (neighbour != NULL && neighbour->port == port) {
		discovery->counters.heard_again++;
		neighbour->heard_ms = now_ms;
		if (now_ms - neighbour->told_ms < DISCOVERY_REPEAT_MS)
			return;
	} else {
		if (!token_bucket_take(&membership->new_neighbours, DISCOVERY_NEW_PER_SECOND, DISCOVERY_NEW_BURST, now_ms)) {
			discovery->counters.limited++;
			return;
		}
		discovery->counters.found++;
		if (neighbour == NULL)
			neighbour = take_place(discovery, membership);
		neighbour->index = membership->index;
		neighbour->address = *address;
		neighbour->port = port;
		neighbour->heard_ms = now_ms;
	}
	neighbour->told_ms = now_ms;
	/* It may wait there already, even as the one whose place this was. */
	list_remove(&neighbour->in_found);
	list_append(&discovery->found, &neighbour->in_found);
}

static void count_refused(struct discovery_counters *counters, int error)
{
	if (error == -EADDRNOTAVAIL)
		counters->not_link_local++;
	else if (error == -ELOOP)
		counters->own++;
	else
		counters->malformed++;
}

void discovery_received(struct discovery *discovery, const struct ip6 *sender, uint32_t index, const uint8_t *bytes,
			size_t len, uint64_t now_ms)
{
	struct beacon beacon;
	int error = beacon_read(bytes, len, sender, &discovery->router_id, &beacon);
	if (error != 0) {
		count_refused(&discovery->counters, error);
		return;
	}
	struct membership *membership = find(discovery, index);
	if (membership == NULL || membership->state != MEMBERSHIP_JOINED)
		discovery->counters.not_joined++;
	else
		hear(discovery, membership, sender, beacon.tcp_port, now_ms);
}

/* ---- actions ----------------------------------------------------------------------------------------------------- */

static struct discovery_action action_for(struct discovery *discovery, struct membership *membership)
{
	struct discovery_action action = {.index = membership->index};
	memcpy(action.name, membership->name, INTERFACE_NAME_SIZE);
	switch (membership->state) {
	case MEMBERSHIP_WANTED:
		action.type = DISCOVERY_JOIN;
		break;
	case MEMBERSHIP_JOINED:
		action.type = DISCOVERY_SEND;
		discovery->counters.sent++;
		break;
	case MEMBERSHIP_GONE:
		action.type = DISCOVERY_LEAVE;
		membership_free(discovery, membership);
		break;
	}
	return action;
}

static struct endpoint endpoint_of(const struct discovery *discovery, const struct neighbour *neighbour)
{
	return (struct endpoint){
		.protocol = discovery->protocol,
		.family = ENDPOINT_IPV6,
		.address = neighbour->address,
		.port = neighbour->port,
		.scope = neighbour->index,
	};
}

bool discovery_next_action(struct discovery *discovery, struct discovery_action *ret)
{
	struct list *node;
	if (discovery->wants_list) {
		discovery->wants_list = false;
		*ret = (struct discovery_action){.type = DISCOVERY_LIST};
	} else if ((node = list_pop(&discovery->todo)) != NULL) {
		*ret = action_for(discovery, container_of(node, struct membership, in_todo));
	} else if ((node = list_pop(&discovery->found)) != NULL) {
		const struct neighbour *neighbour = container_of(node, struct neighbour, in_found);
		*ret = (struct discovery_action){.type = DISCOVERY_FOUND, .endpoint = endpoint_of(discovery, neighbour)};
	} else {
		return false;
	}
	return true;
}

size_t discovery_joined_count(const struct discovery *discovery)
{
	return discovery->joined_count;
}

const struct discovery_counters *discovery_counters(const struct discovery *discovery)
{
	return &discovery->counters;
}
