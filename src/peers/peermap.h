// SPDX-License-Identifier: Apache-2.0
/*
 * The map of known endpoints with one entry each; inside the room.
 *
 * An entry is found by its endpoint, by the attempt that runs for it (ticket), by its live connections and by the host
 * it is at. Remotes choose endpoints, so the tables are keyed.
 */
#ifndef MYCELIUM_PEERS_PEERMAP_H
#define MYCELIUM_PEERS_PEERMAP_H

#include "base/hash.h"
#include "base/list.h"
#include "base/timers.h"
#include "peers/crossing.h"
#include "peers/manager.h"
#include "peers/pace.h"

enum { PEERMAP_BUCKETS = 512 };

/* An entry has at most one connection of each kind, and both only while dials cross (crossing.h). */
enum peer_way { PEER_DIALLED, PEER_ACCEPTED, PEER_WAYS };

struct peer_link {
	struct list in_connections, in_places;
	struct peer *peer;
	uint64_t connection; /* 0 when none */
	uint64_t since_ms;
};

struct peer {
	struct list in_map, in_endpoints, in_hosts, in_tickets;
	struct endpoint endpoint;
	enum peer_type type;
	uint64_t ticket; /* the running attempt, 0 when none */
	struct peer_link links[PEER_WAYS];
	enum crossing_side side;
	uint64_t rx_bytes, tx_bytes;
	uint64_t discovered_ms, last_connected_ms;
	bool was_connected;
	int last_error;
	bool is_self;		/* the last attempt led to this node */
	uint64_t kept_until_ms; /* a discovered entry is not forgotten earlier */
	struct pace pace;
	struct pace pace_before;	/* as they were when it was connected last, in case that was nothing */
	int error_before;
	/* The next attempt or the end of a crossing. Armed for never when neither is planned, not at all when inbound. */
	struct timer timer;
};

struct peermap {
	struct hash_key key;
	struct list all; /* in the order of their arrival */
	size_t count, count_of_type[PEER_TYPES];
	size_t accepted; /* live accepted connections */
	struct list endpoints[PEERMAP_BUCKETS], hosts[PEERMAP_BUCKETS], tickets[PEERMAP_BUCKETS];
	struct list connections[PEERMAP_BUCKETS], places[PEERMAP_BUCKETS];
};

void peermap_init(struct peermap *map, const struct hash_key *key);

/* Frees all entries. */
void peermap_clear(struct peermap *map);

/* A new, empty entry for an endpoint that is not in the map. Returns NULL without memory. The map owns it. */
struct peer *peermap_add(struct peermap *map, const struct endpoint *endpoint, enum peer_type type);

/* Unlinks and frees. */
void peermap_remove(struct peermap *map, struct peer *peer);

/* Each returns NULL when there is none; 0 never names anything. */
struct peer *peermap_find_endpoint(const struct peermap *map, const struct endpoint *endpoint);
struct peer *peermap_find_ticket(const struct peermap *map, uint64_t ticket);
struct peer_link *peermap_find_connection(const struct peermap *map, uint64_t connection);

/* Sets the number by which the entry is found; 0 for none. */
void peermap_set_ticket(struct peermap *map, struct peer *peer, uint64_t ticket);

/* Gives the entry a connection; its place of this kind is free. */
void peermap_attach(struct peermap *map, struct peer *peer, enum peer_way way, uint64_t connection, uint64_t now_ms);

/* Takes it away; nothing happens when there is none. */
void peermap_detach(struct peermap *map, struct peer_link *link);

/* Whether the entry has a live connection. */
bool peer_is_connected(const struct peer *peer);

/* Live accepted connections from the place `endpoint` is at: an IPv4 address (mapped or not), an IPv6 /64 of one
 * scope, a vsock CID. Looks at no more than these, but for collisions. */
size_t peermap_count_accepted_from(const struct peermap *map, const struct endpoint *endpoint);

/* Whether a static or inbound entry with the IP address (mapped or not) and scope of `endpoint`, whatever its port, has
 * a connection over TCP or TLS. */
bool peermap_has_connected_host(const struct peermap *map, const struct endpoint *endpoint);

#endif
