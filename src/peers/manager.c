// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a static entry:
 *
 *                 due                     connected
 *   waiting ─────────────▶ connecting ───────────────▶ alive ──┐
 *      ▲                       │ failed                        │ closed
 *      │  5 s ×12, 10, 20 … 60 s                               │ 0.25, 0.5, 1, 2 s, then as after a failure
 *      └───────────────────────┴───────────────────────────────┘
 *
 * Each wait is stretched or shortened by up to a fifth, so that a thousand nodes that lost the same peer do not come
 * back in one moment. An inbound entry lives as long as its connection.
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

enum {
	RETRY_STEADY = 12, /* failures in a row before the wait begins to double */
	QUICK_MS = 250, /* doubled each time, up to: */
	QUICK_MAX_MS = 700,
	QUICK_REDIALS = 20, /* for about 13 s: most restarts take less, and are noticed within a second */
	QUICK_GRANT_INTERVAL_MS = 30000, /* a connection that flaps gets quick redials once in this time */
};

struct peers {
	struct peermap map;
	struct timers timers;
	struct rng rng;
	uint64_t last_ticket;
	size_t accepted; /* live accepted connections */
	struct peers_counters counters;
	struct peers_action *actions; /* first in, first out: action_first up to action_end */
	size_t action_first, action_end, action_capacity;
};

struct peers *peers_new(uint64_t seed)
{
	struct peers *peers = calloc(1, sizeof(*peers));
	if (peers == NULL)
		return NULL;
	peers->rng = rng_seeded(seed);
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

bool peers_can_dial(const struct endpoint *endpoint)
{
	return endpoint->protocol == ENDPOINT_TCP;
}

/* ---- actions ----------------------------------------------------------------------------------------------------- */

static int push_action(struct peers *peers, const struct peers_action *action)
{
	if (peers->action_end == peers->action_capacity) {
		size_t capacity = peers->action_capacity > 0 ? 2 * peers->action_capacity : 16;
		struct peers_action *actions = realloc(peers->actions, capacity * sizeof(*actions));
		if (actions == NULL)
			return -ENOMEM;
		peers->actions = actions;
		peers->action_capacity = capacity;
	}
	peers->actions[peers->action_end++] = *action;
	return 0;
}

static int push_close(struct peers *peers, uint64_t connection)
{
	return push_action(peers, &(struct peers_action){.type = PEERS_CLOSE, .connection = connection});
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

static uint64_t retry_delay(unsigned failures)
{
	uint64_t delay = PEERS_RETRY_MS;
	for (unsigned i = RETRY_STEADY; i < failures && delay < PEERS_RETRY_MAX_MS; i++)
		delay *= 2;
	return delay < PEERS_RETRY_MAX_MS ? delay : PEERS_RETRY_MAX_MS;
}

static uint64_t quick_delay(unsigned done)
{
	uint64_t delay = (uint64_t)QUICK_MS << (done < 2 ? done : 2);
	return delay < QUICK_MAX_MS ? delay : QUICK_MAX_MS;
}

/* A delay between four and six fifths of `delay`. */
static uint64_t jittered(struct peers *peers, uint64_t delay)
{
	uint64_t fifth = delay / 5;
	return delay - fifth + rng_below(&peers->rng, 2 * fifth + 1);
}

static void plan_redial(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	uint64_t delay;
	if (peer->quick_left > 0)
		delay = quick_delay(QUICK_REDIALS - peer->quick_left--);
	else
		delay = retry_delay(peer->failures);
	plan_at(peers, peer, now_ms + jittered(peers, delay));
}

static void grant_quick_redials(struct peer *peer, uint64_t now_ms)
{
	if (peer->quick_granted && now_ms - peer->quick_granted_ms < QUICK_GRANT_INTERVAL_MS)
		return;
	peer->quick_granted = true;
	peer->quick_granted_ms = now_ms;
	peer->quick_left = QUICK_REDIALS;
}

static void start_attempt(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	struct peers_action action = {
		.type = PEERS_CONNECT, .endpoint = peer->endpoint, .ticket = peers->last_ticket + 1};
	if (push_action(peers, &action) < 0) {
		plan_at(peers, peer, now_ms + PEERS_RETRY_MS);
		return;
	}
	peers->last_ticket++;
	peers->counters.attempts_started++;
	plan_at(peers, peer, TIMERS_NEVER_MS);
	peermap_set_ticket(&peers->map, peer, action.ticket);
}

void peers_tick(struct peers *peers, uint64_t now_ms)
{
	struct timer *timer;
	while ((timer = timers_pop_due(&peers->timers, now_ms)) != NULL)
		start_attempt(peers, container_of(timer, struct peer, timer), now_ms);
}

uint64_t peers_next_deadline(const struct peers *peers)
{
	return timers_next_ms(&peers->timers);
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

int peers_add_static(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms)
{
	if (peermap_find_endpoint(&peers->map, endpoint) != NULL)
		return -EEXIST;
	if (peers->map.count >= PEERS_KNOWN_MAX)
		return -ENOSPC;
	struct peer *peer = peermap_add(&peers->map, endpoint);
	if (peer == NULL)
		return -ENOMEM;
	bool can_dial = peers_can_dial(endpoint);
	if (timers_arm(&peers->timers, &peer->timer, can_dial ? now_ms : TIMERS_NEVER_MS) < 0) {
		peermap_remove(&peers->map, peer);
		return -ENOMEM;
	}
	peer->type = PEER_STATIC;
	peer->discovered_ms = now_ms;
	peer->last_error = can_dial ? 0 : -EPROTONOSUPPORT;
	return 0;
}

static void forget(struct peers *peers, struct peer *peer)
{
	timers_disarm(&peers->timers, &peer->timer);
	peermap_remove(&peers->map, peer);
}

static void attach(struct peers *peers, struct peer *peer, uint64_t connection, bool accepted, uint64_t now_ms)
{
	peermap_set_connection(&peers->map, peer, connection);
	peer->accepted = accepted;
	peers->accepted += accepted ? 1 : 0;
	peer->was_connected = true;
	peer->last_connected_ms = now_ms;
	peer->last_error = 0;
	peer->failures = 0;
	plan_at(peers, peer, TIMERS_NEVER_MS);
}

static void detach(struct peers *peers, struct peer *peer)
{
	peers->accepted -= peer->connection != 0 && peer->accepted ? 1 : 0;
	peermap_set_connection(&peers->map, peer, 0);
}

int peers_remove(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms)
{
	(void)now_ms;
	struct peer *peer = peermap_find_endpoint(&peers->map, endpoint);
	if (peer == NULL)
		return -ENOENT;
	if (peer->connection != 0 && push_close(peers, peer->connection) < 0)
		return -ENOMEM;
	detach(peers, peer);
	forget(peers, peer);
	return 0;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* Whether one more accepted connection fits. One that takes the place of another accepted one always does. */
static bool admits(struct peers *peers, const struct peer *known, const struct endpoint *remote)
{
	if (known != NULL && known->connection != 0 && known->accepted)
		return true;
	if (known == NULL && peers->map.count >= PEERS_KNOWN_MAX)
		peers->counters.refused_known++;
	else if (peers->accepted >= PEERS_INBOUND_MAX)
		peers->counters.refused_inbound++;
	else if (peermap_count_accepted_from(&peers->map, remote) >= PEERS_INBOUND_PER_ADDRESS_MAX)
		peers->counters.refused_per_address++;
	else
		return true;
	return false;
}

static struct peer *add_inbound(struct peers *peers, const struct endpoint *remote, uint64_t now_ms)
{
	struct peer *peer = peermap_add(&peers->map, remote);
	if (peer == NULL)
		return NULL;
	peer->type = PEER_INBOUND;
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
	else if (peer->connection != 0 && push_close(peers, peer->connection) < 0)
		return -ENOMEM;
	if (peer == NULL)
		return -ENOMEM;
	if (peer->type == PEER_INBOUND)
		peer->rx_bytes = peer->tx_bytes = 0;
	detach(peers, peer);
	attach(peers, peer, connection, true, now_ms);
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
	/* The remote dialled too and was accepted under this endpoint: the newer connection wins on both sides. */
	if (peer->connection != 0 && push_close(peers, peer->connection) < 0)
		return -ECANCELED;
	detach(peers, peer);
	attach(peers, peer, connection, false, now_ms);
	return 0;
}

bool peers_connect_failed(struct peers *peers, uint64_t ticket, int error, uint64_t now_ms)
{
	struct peer *peer = finish_attempt(peers, ticket);
	if (peer == NULL || peer->connection != 0)
		return false;
	bool is_news = peer->last_error != error;
	peer->last_error = error;
	/* Quick redials that fail are no reason to wait longer afterwards. */
	if (peer->quick_left == 0)
		peer->failures++;
	plan_redial(peers, peer, now_ms);
	return is_news;
}

void peers_closed(struct peers *peers, uint64_t connection, uint64_t now_ms)
{
	struct peer *peer = peermap_find_connection(&peers->map, connection);
	if (peer == NULL)
		return;
	detach(peers, peer);
	if (peer->type == PEER_INBOUND) {
		forget(peers, peer);
		return;
	}
	grant_quick_redials(peer, now_ms);
	if (peer->ticket == 0 && peers_can_dial(&peer->endpoint))
		plan_redial(peers, peer, now_ms);
}

void peers_count_bytes(struct peers *peers, uint64_t connection, uint64_t rx_bytes, uint64_t tx_bytes)
{
	struct peer *peer = peermap_find_connection(&peers->map, connection);
	if (peer == NULL)
		return;
	peer->rx_bytes += rx_bytes;
	peer->tx_bytes += tx_bytes;
}

/* ---- read-only --------------------------------------------------------------------------------------------------- */

static struct peer_info info_of(const struct peer *peer)
{
	enum peer_state state = peer->connection != 0 ? PEER_ALIVE : PEER_DEAD;
	return (struct peer_info){
		.endpoint = peer->endpoint,
		.type = peer->type,
		.state = peer->ticket != 0 ? PEER_CONNECTING : state,
		.connection = peer->connection,
		.rx_bytes = peer->rx_bytes,
		.tx_bytes = peer->tx_bytes,
		.discovered_ms = peer->discovered_ms,
		.last_connected_ms = peer->last_connected_ms,
		.was_connected = peer->was_connected,
		.last_error = peer->last_error,
		.next_attempt_ms = timer_armed(&peer->timer) ? peer->timer.at_ms : TIMERS_NEVER_MS,
	};
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
	size_t count = 0;
	list_foreach (&peers->map.all, node, next)
		count += container_of(node, struct peer, in_map)->type == type ? 1 : 0;
	return count;
}

const struct peers_counters *peers_counters(const struct peers *peers)
{
	return &peers->counters;
}
