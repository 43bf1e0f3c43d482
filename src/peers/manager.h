// SPDX-License-Identifier: Apache-2.0
/*
 * Which connections to have: a sans-I/O policy over the map of known endpoints.
 *
 *   static ─────┐                       ┌── connect(endpoint, ticket)
 *   discovered ─┤                       │
 *   inbound ────┼─▶ map of endpoints ───┤
 *   results ────┘   state, backoff      └── close(connection)
 *
 * The manager decides, its caller (node) connects, accepts and closes. Connections are named by numbers of the caller
 * that are never reused; 0 is none. One thread (control) owns it. The same seed and the same inputs give the same
 * actions.
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
	PEERS_DISCOVERED_MAX = 256,		/* entries of type PEER_LINK_LOCAL; further ones are not taken */
	PEERS_CONNECT_TIMEOUT_MS = 10000,
	PEERS_RETRY_MS = 5000,			/* first 12 attempts; then doubling up to: */
	PEERS_RETRY_MAX_MS = 60000,
	PEERS_SELF_RETRY_MS = 60000,		/* an endpoint that leads to this node itself */
};

enum peer_type { PEER_STATIC, PEER_INBOUND, PEER_LINK_LOCAL };

enum { PEER_TYPES = PEER_LINK_LOCAL + 1 };

/* Connecting while an attempt runs, even if an accepted connection is there; else alive with a connection. */
enum peer_state { PEER_DEAD, PEER_CONNECTING, PEER_ALIVE };

struct peers_config {
	uint64_t seed;		/* of the jitter of all waits */
	bool quic;		/* not switched off */
	bool private_network;	/* a network name and key are set */
	bool vsock;		/* this system has it */
};

struct peers;

/* Returns NULL without memory. */
struct peers *peers_new(const struct peers_config *config);

/* NULL is fine. Attempts and connections stay the caller's. */
void peers_free(struct peers *peers);

/* Why this node never dials the endpoint, and what could be done: static words for a person, or NULL when it does
 * ("tls:// peers need --network-name and --network-key-file"). Such endpoints may be added; they stay dead, and their
 * last error is -EPROTONOSUPPORT. A private node dials tcp:// endpoints with TLS; the endpoint stays tcp://. */
const char *peers_refusal(const struct peers *peers, const struct endpoint *endpoint);

/* peers_refusal() has nothing to say. */
bool peers_can_dial(const struct peers *peers, const struct endpoint *endpoint);

/* Words for the errors that the manager itself gives a meaning, -ELOOP (this node itself), -EPROTONOSUPPORT (refused)
 * and -ETIMEDOUT; NULL for others, which mean what the system says. Static. */
const char *peers_error_words(int error);

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

/* Adds a static endpoint or host name; its first attempt is due at once. Returns 0; -EEXIST when the endpoint is
 * known, with whatever type; -ENOSPC with PEERS_KNOWN_MAX entries; -ENOMEM. */
int peers_add_static(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms);

/* A neighbour announced itself. Its endpoint is added, with a first attempt at once, unless it is known or a static or
 * inbound entry of its address and scope, with any port, is connected over TCP or TLS. A discovered endpoint that
 * fails 3 times in a row is forgotten, after a loss not before 15 s have passed: long enough for a neighbour that
 * restarts, since the quick redials of peers_closed() fill that time. It may be announced again at once. Returns 0
 * when it was added; -EEXIST when there was no need; -EPROTONOSUPPORT when it is refused; -ENOSPC when
 * PEERS_DISCOVERED_MAX or PEERS_KNOWN_MAX is reached; -ENOMEM. */
int peers_add_discovered(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms);

/* Forgets an endpoint of any type. Its live connections are to be closed (actions); an attempt that runs for it goes
 * on until peers_connected() tells that nobody wants its result. Returns 0, -ENOENT or -ENOMEM. */
int peers_remove(struct peers *peers, const struct endpoint *endpoint, uint64_t now_ms);

/* A connection was accepted. The entry of a known endpoint keeps its type and age and gets this connection, its old
 * one is closed (an action), unless that was dialled so lately that the dials may have crossed; then one is closed
 * some seconds later (crossing.h). The byte counters of an inbound entry begin anew, those of other types go on.
 * Returns 0 when the connection may be used; -EUSERS when a limit is reached, or -ENOMEM: close it. */
int peers_accepted(struct peers *peers, const struct endpoint *remote, uint64_t connection, uint64_t now_ms);

/* An attempt (its ticket from the action) succeeded: returns 0 when the connection is wanted; -ECANCELED when its
 * entry was removed meanwhile: close it. An accepted connection that the entry got meanwhile stays; one of the two is
 * closed some seconds later (crossing.h). */
int peers_connected(struct peers *peers, uint64_t ticket, uint64_t connection, uint64_t now_ms);

/* The local socket address of a connection: to be given right after peers_accepted() or peers_connected() by
 * transports that dial from the port they listen on (QUIC), so that of two nodes that dialled each other only one
 * closes a connection. Unknown connections are ignored. */
void peers_set_local(struct peers *peers, uint64_t connection, const struct endpoint *local, uint64_t now_ms);

/* What a failed attempt means to a person. */
enum peers_news {
	PEERS_NO_NEWS,	 /* as before */
	PEERS_NEWS,	 /* the first failure in a row, or another cause than the last one */
	PEERS_FORGOTTEN, /* the last of a discovered endpoint, which is not known any more */
};

/* An attempt failed. `error` is a negative errno. Each attempt must be ended once by this call or by
 * peers_connected(): the manager has no deadline of its own, the caller reports -ETIMEDOUT after
 * PEERS_CONNECT_TIMEOUT_MS. */
enum peers_news peers_connect_failed(struct peers *peers, uint64_t ticket, int error, uint64_t now_ms);

/* A connection that we dialled ended before the far end proved to be a node: that is a failed attempt, and news or not as if
 * it had never been connected. Unknown ones are ignored. */
enum peers_news peers_unheard(struct peers *peers, uint64_t connection, int error, uint64_t now_ms);

/* A connection ended, whoever ended it; unknown ones are ignored. An inbound entry goes with it. Other entries are
 * redialled after 0.25 s, 0.5 s, then every 0.7 s, 20 times in all, then as after a first failed attempt; a connection
 * that is lost again and again gets these 20 quick attempts only once in 30 s. */
void peers_closed(struct peers *peers, uint64_t connection, uint64_t now_ms);

/* A connection turned out to lead to this node itself. It is to be closed (an action). A static entry gets -ELOOP as
 * its last error and is tried again every PEERS_SELF_RETRY_MS, other entries are forgotten. To be told of the end that
 * was dialled, which also learns of it; the accepted end goes with it. Returns 0, -ENOENT or -ENOMEM; `ret_news` tells
 * whether a person should hear of it: the endpoint did not lead here the last time. */
int peers_closed_self(struct peers *peers, uint64_t connection, uint64_t now_ms, bool *ret_news);

/* Addresses or routes of this host changed: every entry that waits is due within 250 ms, its failures are forgotten
 * and it has a few quick redials, these once in 30 s. Running attempts, and entries that lead to this node, are left
 * alone. Calls within a second of the last are merged into one when that second is over. */
void peers_network_changed(struct peers *peers, uint64_t now_ms);

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
	struct endpoint endpoint;	/* CONNECT; a host name is to be resolved anew each time */
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
	uint64_t connection;		/* the live one, of two the older; 0 when none */
	uint64_t other_connection;	/* the younger of two whose dials crossed, or 0 */
	bool accepted;			/* `connection` was accepted, not dialled */
	uint64_t connected_ms;		/* since when it is up */
	uint64_t rx_bytes, tx_bytes;
	uint64_t discovered_ms;		/* when the endpoint became known */
	uint64_t last_connected_ms;
	bool was_connected;		/* last_connected_ms means something */
	int last_error;			/* negative errno of the last failed attempt, 0 after success or without any; -ELOOP: this node
					 * itself; -EPROTONOSUPPORT: refused */
	unsigned failed_attempts;	/* in a row */
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
	uint64_t discovered;				/* announced endpoints that were added */
	uint64_t refused_discovered;			/* PEERS_DISCOVERED_MAX or PEERS_KNOWN_MAX reached */
	uint64_t forgotten;				/* discovered endpoints that failed too often */
	uint64_t crossings, crossings_closed;		/* entries with two connections; those where we closed ours */
	uint64_t closed_self;				/* connections to this node itself */
	uint64_t network_changes;			/* after merging */
};

const struct peers_counters *peers_counters(const struct peers *peers);

#endif
