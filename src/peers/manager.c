// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a static entry:
 *
 *                 due                     connected
 *   waiting ─────────────▶ connecting ───────────────▶ alive ──┐
 *      ▲                       │ failed                        │ closed
 *      │  as pace.h says       │                               │
 *      └───────────────────────┴───────────────────────────────┘
 *
 * A discovered entry lives like that until it fails too often. An inbound entry lives as long as its connection. An
 * entry whose dial crossed with the remote's is alive with two connections for some seconds (crossing.h).
 *
 * Every entry but the inbound ones keeps its timer armed, for never when nothing is planned: planning an attempt later
 * then only moves the timer, which cannot fail.
 */
#include "peers/manager.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "peers/peermap.h"
#include "peers/refusal.h"

enum {
	DISCOVERED_FAILURES_MAX = 3, /* in a row, and a discovered entry is forgotten */
	DISCOVERED_KEEP_MS = 15000, /* but not sooner after a loss: the quick redials take 13 s */
	CHANGE_INTERVAL_MS = 1000, /* network changes within this time are one */
	CHANGE_SPREAD_MS = 250,
	CHANGE_QUICK_INTERVAL_MS = 30000, /* changes grant quick redials once in this time */
};

struct peers {
	struct peers_config config;
	struct peermap map;
	struct timers timers;
	struct rng rng;
	uint64_t last_ticket;
	uint64_t change_due_ms;	      /* a network change that waits to be carried out, TIMERS_NEVER_MS for none */
	uint64_t next_change_ms;      /* none is carried out earlier */
	uint64_t next_quick_change_ms; /* none grants quick redials earlier */
	struct peers_counters counters;
	struct peers_action *actions; /* first in, first out: action_first up to action_end */
	size_t action_first, action_end, action_capacity;
};

struct peers *peers_new(const struct peers_config *config)
{
	struct peers *peers = calloc(1, sizeof(*peers));
	if (peers == NULL)
		return NULL;
	peers->config = *config;
	peers->rng = rng_seeded(config->seed);
	peers->change_due_ms = TIMERS_NEVER_MS;
	struct hash_key key = {.k0 = rng_next(&peers->rng), .k1 = rng_next(&peers->rng)};
	peermap_init(&peers->map, &key);
	return peers;
}

void peers_free(struct peers *peers)
{
	if (peers == NULL)
		return;
	peermap_clear(&peers->map);
	timers_free(&peers->timers);
	free(peers->actions);
	free(peers);
}

const char *peers_refusal(const struct peers *peers, const struct endpoint *endpoint)
{
	return refusal_of(&peers->config, endpoint);
}

bool peers_can_dial(const struct peers *peers, const struct endpoint *endpoint)
{
	return peers_refusal(peers, endpoint) == NULL;
}

/* ---- actions ----------------------------------------------------------------------------------------------------- */

/* Room for `count` more actions. Returns 0 or -ENOMEM. */
static int reserve_actions(struct peers *peers, size_t count)
{
	if (peers->action_end + count <= peers->action_capacity)
		return 0;
	size_t capacity = peers->action_capacity > 0 ? 2 * peers->action_capacity : 16;
	struct peers_action *actions = realloc(peers->actions, capacity * sizeof(*actions));
	if (actions == NULL)
		return -ENOMEM;
	peers->actions = actions;
	peers->action_capacity = capacity;
	return 0;
}

/* Into room that was reserved. */
static void push_action(struct peers *peers, const struct peers_action *action)
{
	assert(peers->action_end < peers->action_capacity);
	peers->actions[peers->action_end++] = *action;
}

/* Takes the connection from its entry and has it closed. Nothing happens without one. */
static void close_link(struct peers *peers, struct peer_link *link)
{
	if (link->connection == 0)
		return;
	push_action(peers, &(struct peers_action){.type = PEERS_CLOSE, .connection = link->connection});
	peermap_detach(&peers->map, link);
}

static int close_links(struct peers *peers, struct peer *peer)
{
	if (reserve_actions(peers, PEER_WAYS) < 0)
		return -ENOMEM;
	for (int way = 0; way < PEER_WAYS; way++)
		close_link(peers, &peer->links[way]);
	return 0;
}

bool peers_next_action(struct peers *peers, struct peers_action *ret)
{
	if (peers->action_first == peers->action_end)
		return false;
	*ret = peers->actions[peers->action_first++];
	if (peers->action_first == peers->action_end)
		peers->action_first = peers->action_end = 0;
	return true;
}

/* ---- planning ---------------------------------------------------------------------------------------------------- */

/* Moves the timer of an entry that has one. */
static void plan_at(struct peers *peers, struct peer *peer, uint64_t at_ms)
{
	if (peer->type == PEER_INBOUND)
		return;
	int result = timers_arm(&peers->timers, &peer->timer, at_ms);
	assert(result == 0);
	(void)result;
}

static void plan_redial(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	if (peer->is_self)
		plan_at(peers, peer, now_ms + pace_jittered(&peers->rng, PEERS_SELF_RETRY_MS));
	else
		plan_at(peers, peer, now_ms + pace_next_delay(&peer->pace, &peers->rng));
}

static void start_attempt(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	if (reserve_actions(peers, 1) < 0) {
		plan_at(peers, peer, now_ms + PEERS_RETRY_MS);
		return;
	}
	uint64_t ticket = ++peers->last_ticket;
	push_action(peers, &(struct peers_action){.type = PEERS_CONNECT, .endpoint = peer->endpoint, .ticket = ticket});
	peers->counters.attempts_started++;
	peer->is_self = false;
	plan_at(peers, peer, TIMERS_NEVER_MS);
	peermap_set_ticket(&peers->map, peer, ticket);
}

/* ---- crossing dials ---------------------------------------------------------------------------------------------- */

static bool has_crossed(const struct peer *peer)
{
	return peer->links[PEER_DIALLED].connection != 0 && peer->links[PEER_ACCEPTED].connection != 0;
}

/* Whether the remote may have dialled before it knew of the connection that we dialled. If it dials once more although
 * both had come up, it has lost both. */
static bool may_cross(const struct peer *peer, uint64_t now_ms)
{
	const struct peer_link *dialled = &peer->links[PEER_DIALLED];
	return dialled->connection != 0 && peer->links[PEER_ACCEPTED].connection == 0 &&
	       now_ms - dialled->since_ms < CROSSING_AGE_MAX_MS;
}

static void plan_crossing(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	plan_at(peers, peer, now_ms + crossing_patience(peer->side, &peers->rng));
}

static void end_crossing(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	if (reserve_actions(peers, 1) < 0) {
		plan_crossing(peers, peer, now_ms);
		return;
	}
	close_link(peers, &peer->links[PEER_DIALLED]);
	peers->counters.crossings_closed++;
	plan_at(peers, peer, TIMERS_NEVER_MS);
}

void peers_set_local(struct peers *peers, uint64_t connection, const struct endpoint *local, uint64_t now_ms)
{
	struct peer_link *link = peermap_find_connection(&peers->map, connection);
	if (link == NULL)
		return;
	struct peer *peer = link->peer;
	enum crossing_side side = crossing_side_of(local, &peer->endpoint);
	bool is_news = side != peer->side;
	peer->side = side;
	if (is_news && has_crossed(peer))
		plan_crossing(peers, peer, now_ms);
}

/* ---- network changes --------------------------------------------------------------------------------------------- */

static void hurry(struct peers *peers, struct peer *peer, bool grant_quick, uint64_t now_ms)
{
	if (peer->type == PEER_INBOUND || peer->is_self || peer_is_connected(peer) ||
	    !peers_can_dial(peers, &peer->endpoint))
		return;
	pace_restart(&peer->pace);
	if (grant_quick)
		pace_grant_few(&peer->pace);
	peer->kept_until_ms = now_ms + DISCOVERED_KEEP_MS;
	uint64_t soon = now_ms + rng_below(&peers->rng, CHANGE_SPREAD_MS + 1);
	if (peer->ticket == 0 && soon < peer->timer.at_ms)
		plan_at(peers, peer, soon);
}

static void carry_out_change(struct peers *peers, uint64_t now_ms)
{
	bool grant_quick = now_ms >= peers->next_quick_change_ms;
	peers->change_due_ms = TIMERS_NEVER_MS;
	peers->next_change_ms = now_ms + CHANGE_INTERVAL_MS;
	if (grant_quick)
		peers->next_quick_change_ms = now_ms + CHANGE_QUICK_INTERVAL_MS;
	peers->counters.network_changes++;
	list_foreach (&peers->map.all, node, next)
		hurry(peers, container_of(node, struct peer, in_map), grant_quick, now_ms);
}

void peers_network_changed(struct peers *peers, uint64_t now_ms)
{
	if (now_ms >= peers->next_change_ms)
		carry_out_change(peers, now_ms);
	else
		peers->change_due_ms = peers->next_change_ms;
}

void peers_tick(struct peers *peers, uint64_t now_ms)
{
	struct timer *timer;
	if (peers->change_due_ms <= now_ms)
		carry_out_change(peers, now_ms);
	while ((timer = timers_pop_due(&peers->timers, now_ms)) != NULL) {
		struct peer *peer = container_of(timer, struct peer, timer);
		if (has_crossed(peer))
			end_crossing(peers, peer, now_ms);
		else
			start_attempt(peers, peer, now_ms);
	}
}

uint64_t peers_next_deadline(const struct peers *peers)
{
	uint64_t attempt_ms = timers_next_ms(&peers->timers);
	return attempt_ms < peers->change_due_ms ? attempt_ms : peers->change_due_ms;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* An entry that is dialled at once, if it can be dialled at all. */
static int add_dialled(struct peers *peers, const struct endpoint *endpoint, enum peer_type type, uint64_t now_ms)
{
	struct peer *peer = peermap_add(&peers->map, endpoint, type);
	if (peer == NULL)
		return -ENOMEM;
	bool can_dial = peers_can_dial(peers, endpoint);
	if (timers_arm(&peers->timers, &peer->timer, can_dial ? now_ms : TIMERS_NEVER_MS) < 0) {
		peermap_remove(&peers->map, peer);
		return -ENOMEM;
	}
	peer->discovered_ms = now_ms;
	peer->last_error = can_dial ? 0 : -EPROTONOSUPPORT;
	return 0;
}

int peers_add_static(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms)
{
	if (peermap_find_endpoint(&peers->map, endpoint) != NULL)
		return -EEXIST;
	if (peers->map.count >= PEERS_KNOWN_MAX)
		return -ENOSPC;
	return add_dialled(peers, endpoint, PEER_STATIC, now_ms);
}

int peers_add_discovered(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms)
{
	if (!peers_can_dial(peers, endpoint))
		return -EPROTONOSUPPORT;
	if (peermap_find_endpoint(&peers->map, endpoint) != NULL || peermap_has_connected_host(&peers->map, endpoint))
		return -EEXIST;
	if (peers->map.count >= PEERS_KNOWN_MAX || peers->map.count_of_type[PEER_LINK_LOCAL] >= PEERS_DISCOVERED_MAX) {
		peers->counters.refused_discovered++;
		return -ENOSPC;
	}
	int result = add_dialled(peers, endpoint, PEER_LINK_LOCAL, now_ms);
	peers->counters.discovered += result == 0 ? 1 : 0;
	return result;
}

static void forget(struct peers *peers, struct peer *peer)
{
	timers_disarm(&peers->timers, &peer->timer);
	peermap_remove(&peers->map, peer);
}

static void attach(struct peers *peers, struct peer *peer, enum peer_way way, uint64_t connection, uint64_t now_ms)
{
	peermap_attach(&peers->map, peer, way, connection, now_ms);
	peer->was_connected = true;
	peer->last_connected_ms = now_ms;
	peer->error_before = peer->last_error;
	peer->pace_before = peer->pace;
	peer->last_error = 0;
	pace_restart(&peer->pace);
	plan_at(peers, peer, TIMERS_NEVER_MS);
	if (has_crossed(peer)) {
		peers->counters.crossings++;
		plan_crossing(peers, peer, now_ms);
	}
}

int peers_remove(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms)
{
	(void)now_ms;
	struct peer *peer = peermap_find_endpoint(&peers->map, endpoint);
	if (peer == NULL)
		return -ENOENT;
	if (close_links(peers, peer) < 0)
		return -ENOMEM;
	forget(peers, peer);
	return 0;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* Whether one more accepted connection fits. One that takes the place of another accepted one always does. */
static bool admits(struct peers *peers, const struct peer *known, const struct endpoint *remote)
{
	if (known != NULL && known->links[PEER_ACCEPTED].connection != 0)
		return true;
	if (known == NULL && peers->map.count >= PEERS_KNOWN_MAX)
		peers->counters.refused_known++;
	else if (peers->map.accepted >= PEERS_INBOUND_MAX)
		peers->counters.refused_inbound++;
	else if (peermap_count_accepted_from(&peers->map, remote) >= PEERS_INBOUND_PER_ADDRESS_MAX)
		peers->counters.refused_per_address++;
	else
		return true;
	return false;
}

static struct peer *add_inbound(struct peers *peers, const struct endpoint *remote, uint64_t now_ms)
{
	struct peer *peer = peermap_add(&peers->map, remote, PEER_INBOUND);
	if (peer != NULL)
		peer->discovered_ms = now_ms;
	return peer;
}

int peers_accepted(struct peers *peers, const struct endpoint *remote, uint64_t connection, uint64_t now_ms)
{
	struct peer *peer = peermap_find_endpoint(&peers->map, remote);
	if (!admits(peers, peer, remote))
		return -EUSERS;
	if (peer == NULL)
		peer = add_inbound(peers, remote, now_ms);
	else if (!may_cross(peer, now_ms) && close_links(peers, peer) < 0)
		return -ENOMEM;
	if (peer == NULL)
		return -ENOMEM;
	if (peer->type == PEER_INBOUND)
		peer->rx_bytes = peer->tx_bytes = 0;
	/* While it waits, an endpoint that led to this node leads to another one now. */
	if (peer->ticket == 0 && !peer_is_connected(peer))
		peer->is_self = false;
	attach(peers, peer, PEER_ACCEPTED, connection, now_ms);
	peers->counters.accepted++;
	return 0;
}

/* Ends an attempt. Returns its entry, or NULL when it was removed meanwhile. */
static struct peer *finish_attempt(struct peers *peers, uint64_t ticket)
{
	struct peer *peer = peermap_find_ticket(&peers->map, ticket);
	if (peer == NULL)
		return NULL;
	peers->counters.attempts_finished++;
	peermap_set_ticket(&peers->map, peer, 0);
	return peer;
}

int peers_connected(struct peers *peers, uint64_t ticket, uint64_t connection, uint64_t now_ms)
{
	struct peer *peer = finish_attempt(peers, ticket);
	if (peer == NULL)
		return -ECANCELED;
	attach(peers, peer, PEER_DIALLED, connection, now_ms);
	return 0;
}

static bool is_hopeless(const struct peer *peer, uint64_t now_ms)
{
	return peer->type == PEER_LINK_LOCAL && peer->pace.failures >= DISCOVERED_FAILURES_MAX &&
	       now_ms >= peer->kept_until_ms;
}

/* An entry is not connected after all. */
static enum peers_news failed(struct peers *peers, struct peer *peer, int error, uint64_t now_ms)
{
	pace_failed(&peer->pace);
	if (is_hopeless(peer, now_ms)) {
		peers->counters.forgotten++;
		forget(peers, peer);
		return PEERS_FORGOTTEN;
	}
	bool is_news = peer->last_error != error;
	peer->last_error = error;
	plan_redial(peers, peer, now_ms);
	return is_news ? PEERS_NEWS : PEERS_NO_NEWS;
}

enum peers_news peers_connect_failed(struct peers *peers, uint64_t ticket, int error, uint64_t now_ms)
{
	struct peer *peer = finish_attempt(peers, ticket);
	return peer != NULL && !peer_is_connected(peer) ? failed(peers, peer, error, now_ms) : PEERS_NO_NEWS;
}

enum peers_news peers_unheard(struct peers *peers, uint64_t connection, int error, uint64_t now_ms)
{
	struct peer_link *link = peermap_find_connection(&peers->map, connection);
	if (link == NULL)
		return PEERS_NO_NEWS;
	struct peer *peer = link->peer;
	if (peer->type == PEER_INBOUND || has_crossed(peer) || peer->ticket != 0 || peer->is_self) {
		peers_closed(peers, connection, now_ms);
		return PEERS_NO_NEWS;
	}
	peermap_detach(&peers->map, link);
	peer->pace = peer->pace_before;
	peer->last_error = peer->error_before;
	return failed(peers, peer, error, now_ms);
}

/* An entry that lost its last connection. */
static void lost(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	if (peer->type == PEER_INBOUND) {
		forget(peers, peer);
		return;
	}
	if (!peers_can_dial(peers, &peer->endpoint)) {
		peer->last_error = -EPROTONOSUPPORT;
		return;
	}
	if (peer->is_self)
		peer->last_error = -ELOOP;
	pace_grant_quick(&peer->pace, now_ms);
	peer->kept_until_ms = now_ms + DISCOVERED_KEEP_MS;
	if (peer->ticket == 0)
		plan_redial(peers, peer, now_ms);
}

void peers_closed(struct peers *peers, uint64_t connection, uint64_t now_ms)
{
	struct peer_link *link = peermap_find_connection(&peers->map, connection);
	if (link == NULL)
		return;
	struct peer *peer = link->peer;
	peermap_detach(&peers->map, link);
	if (peer_is_connected(peer))
		plan_at(peers, peer, TIMERS_NEVER_MS);
	else
		lost(peers, peer, now_ms);
}

int peers_closed_self(struct peers *peers, uint64_t connection, uint64_t now_ms, bool *ret_news)
{
	struct peer_link *link = peermap_find_connection(&peers->map, connection);
	if (link == NULL)
		return -ENOENT;
	struct peer *peer = link->peer;
	/* Over QUIC both ends may belong to one entry. */
	if (close_links(peers, peer) < 0)
		return -ENOMEM;
	peers->counters.closed_self++;
	*ret_news = peer->error_before != -ELOOP;
	if (peer->type != PEER_STATIC) {
		forget(peers, peer);
		return 0;
	}
	peer->is_self = true;
	lost(peers, peer, now_ms);
	return 0;
}

void peers_count_bytes(struct peers *peers, uint64_t connection, uint64_t rx_bytes, uint64_t tx_bytes)
{
	struct peer_link *link = peermap_find_connection(&peers->map, connection);
	if (link == NULL)
		return;
	link->peer->rx_bytes += rx_bytes;
	link->peer->tx_bytes += tx_bytes;
}

/* ---- read-only --------------------------------------------------------------------------------------------------- */

/* The live connection of an entry, the older one of two; NULL without one. */
static const struct peer_link *main_link(const struct peer *peer)
{
	const struct peer_link *dialled = &peer->links[PEER_DIALLED], *accepted = &peer->links[PEER_ACCEPTED];
	if (has_crossed(peer))
		return dialled->since_ms < accepted->since_ms ? dialled : accepted;
	return dialled->connection != 0 ? dialled : accepted->connection != 0 ? accepted : NULL;
}

static struct peer_info info_of(const struct peer *peer)
{
	const struct peer_link *link = main_link(peer);
	struct peer_info info = {
		.endpoint = peer->endpoint,
		.type = peer->type,
		.state = peer->ticket != 0 ? PEER_CONNECTING : link != NULL ? PEER_ALIVE : PEER_DEAD,
		.rx_bytes = peer->rx_bytes,
		.tx_bytes = peer->tx_bytes,
		.discovered_ms = peer->discovered_ms,
		.last_connected_ms = peer->last_connected_ms,
		.was_connected = peer->was_connected,
		.last_error = peer->last_error,
		.failed_attempts = peer->pace.failures,
		.next_attempt_ms = link == NULL && timer_armed(&peer->timer) ? peer->timer.at_ms : TIMERS_NEVER_MS,
	};
	if (link != NULL) {
		info.accepted = link == &peer->links[PEER_ACCEPTED];
		info.connection = link->connection;
		info.other_connection = peer->links[info.accepted ? PEER_DIALLED : PEER_ACCEPTED].connection;
		info.connected_ms = link->since_ms;
	}
	return info;
}

void peers_for_each(const struct peers *peers, void (*callback)(void *context, const struct peer_info *info),
		    void *context)
{
	list_foreach (&peers->map.all, node, next) {
		struct peer_info info = info_of(container_of(node, struct peer, in_map));
		callback(context, &info);
	}
}

size_t peers_count(const struct peers *peers)
{
	return peers->map.count;
}

size_t peers_count_type(const struct peers *peers, enum peer_type type)
{
	return peers->map.count_of_type[type];
}

const struct peers_counters *peers_counters(const struct peers *peers)
{
	return &peers->counters;
}
