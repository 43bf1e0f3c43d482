// SPDX-License-Identifier: Apache-2.0
/*
 * Which connections to have: a sans-I/O policy over the map of known endpoints.
 *
 *   static ──┐                       ┌── connect(endpoint, ticket)
 *   inbound ─┼─▶ map of endpoints ───┤
 *   results ─┘   state, backoff      └── close(connection)
 *
 * The manager decides, its caller (node) connects, accepts and closes. Connections are named by numbers of the caller
 * that are never reused; 0 is none. One thread (control) owns it.
 */
#ifndef MYCELIUM_PEERS_MANAGER_H
#define MYCELIUM_PEERS_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peers/endpoint.h"

enum {
	PEERS_KNOWN_MAX = 4096,			/* entries in the map; further inbound ones are refused */
	PEERS_INBOUND_MAX = 1024,		/* live inbound connections */
	PEERS_INBOUND_PER_ADDRESS_MAX = 64,	/* live inbound connections from one IPv4 address or IPv6 /64 */
	PEERS_CONNECT_TIMEOUT_MS = 10000,
	PEERS_RETRY_MS = 5000,			/* first 12 attempts; then doubling up to: */
	PEERS_RETRY_MAX_MS = 60000,
};

enum peer_type { PEER_STATIC, PEER_INBOUND, PEER_LINK_LOCAL };

/* Connecting while an attempt runs, even if an accepted connection is there; else alive with a connection. */
enum peer_state { PEER_DEAD, PEER_CONNECTING, PEER_ALIVE };

struct peers;

/* `seed` drives the jitter of retries (±20 %). Returns NULL without memory. */
struct peers *peers_new(uint64_t seed);

/* NULL is fine. Attempts and connections stay the caller's. */
void peers_free(struct peers *peers);

/* Whether this release can open a connection to the endpoint. Others may be added; they stay dead, and their last
 * error is -EPROTONOSUPPORT. */
bool peers_can_dial(const struct endpoint *endpoint);

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

/* Adds a static endpoint; its first attempt is due at once. Returns 0; -EEXIST when the endpoint is known, with
 * whatever type; -ENOSPC with PEERS_KNOWN_MAX entries; -ENOMEM. */
int peers_add_static(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms);

/* Forgets an endpoint of any type. Its live connection, if any, is to be closed (an action); an attempt that runs
 * for it goes on until peers_connected() tells that nobody wants its result. Returns 0, -ENOENT or -ENOMEM. */
int peers_remove(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms);

/* A connection was accepted. The entry of a known endpoint keeps its type and age and gets this connection, its old
 * one is closed (an action). The byte counters of an inbound entry begin anew, those of other types go on. Returns
 * 0 when the connection may be used; -EUSERS when a limit is reached, or -ENOMEM: close it. */
int peers_accepted(struct peers *peers, const struct endpoint *remote, uint64_t connection, uint64_t now_ms);

/* An attempt (its ticket from the action) succeeded: returns 0 when the connection is wanted; -ECANCELED when its
 * entry was removed meanwhile: close it. An accepted connection that the entry got meanwhile is closed (an action).
 * */
int peers_connected(struct peers *peers, uint64_t ticket, uint64_t connection, uint64_t now_ms);

/* An attempt failed. `error` is a negative errno. Returns true when a person should hear of it: the first failure
 * in a row or another cause than the last one. Each attempt must be ended by this call or by peers_connected(): the
 * manager has no deadline of its own, the caller reports -ETIMEDOUT after PEERS_CONNECT_TIMEOUT_MS. */
bool peers_connect_failed(struct peers *peers, uint64_t ticket, int error, uint64_t now_ms);

/* A connection ended, whoever ended it; unknown ones are ignored. An inbound entry goes with it. Other entries are
 * redialled after 0.25 s, 0.5 s, then every 0.7 s, 20 times in all, then as after a first failed attempt; a connection
 * that is lost again and again gets these 20 quick attempts only once in 30 s. */
void peers_closed(struct peers *peers, uint64_t connection, uint64_t now_ms);

/* Bytes moved by a connection since the last call. */
void peers_count_bytes(struct peers *peers, uint64_t connection, uint64_t rx_bytes, uint64_t tx_bytes);

/* Lets due attempts become actions. */
void peers_tick(struct peers *peers, uint64_t now_ms);

/* When peers_tick() is needed next, or TIMERS_NEVER_MS. */
uint64_t peers_next_deadline(const struct peers *peers);

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

enum peers_action_type { PEERS_CONNECT, PEERS_CLOSE };

struct peers_action {
	enum peers_action_type type;
	struct endpoint endpoint;	/* CONNECT */
	uint64_t ticket;		/* CONNECT: names the attempt in peers_connected() and peers_connect_failed() */
	uint64_t connection;		/* CLOSE */
};

/* Takes the next action. Returns false when there is none. */
bool peers_next_action(struct peers *peers, struct peers_action *ret);

/* ---- read-only --------------------------------------------------------------------------------------------------- */

struct peer_info {
	struct endpoint endpoint;
	enum peer_type type;
	enum peer_state state;
	uint64_t connection;		/* 0 when none */
	uint64_t rx_bytes, tx_bytes;
	uint64_t discovered_ms;		/* when the endpoint became known */
	uint64_t last_connected_ms;
	bool was_connected;		/* last_connected_ms means something */
	int last_error;			/* negative errno of the last failed attempt, 0 after success or without any */
	uint64_t next_attempt_ms;	/* TIMERS_NEVER_MS when none is planned */
};

/* Calls back for every entry, oldest first. The callback must not change the manager. */
void peers_for_each(const struct peers *peers, void (*callback)(void *context, const struct peer_info *info),
		    void *context);
size_t peers_count(const struct peers *peers);
size_t peers_count_type(const struct peers *peers, enum peer_type type);

/* Since the start. */
struct peers_counters {
	uint64_t attempts_started, attempts_finished;	/* finished: by any result while the entry was still known */
	uint64_t accepted;				/* accepted connections that were let in, new or replacing */
	uint64_t refused_known;				/* PEERS_KNOWN_MAX reached */
	uint64_t refused_inbound;			/* PEERS_INBOUND_MAX reached */
	uint64_t refused_per_address;			/* PEERS_INBOUND_PER_ADDRESS_MAX reached */
};

const struct peers_counters *peers_counters(const struct peers *peers);

#endif
