// SPDX-License-Identifier: Apache-2.0
/*
 * The map of known endpoints with one entry each; inside the room.
 *
 * An entry is found by its endpoint, by the attempt that runs for it (ticket) and by its live connection. Remotes
 * choose endpoints, so the tables are keyed.
 */
#ifndef MYCELIUM_PEERS_PEERMAP_H
#define MYCELIUM_PEERS_PEERMAP_H

#include "base/hash.h"
#include "base/list.h"
#include "base/timers.h"
#include "peers/manager.h"

enum { PEERMAP_BUCKETS = 512 };

struct peer {
	struct list in_map, in_endpoints, in_tickets, in_connections;
	struct endpoint endpoint;
	enum peer_type type;
	uint64_t ticket;     /* the running attempt, 0 when none */
	uint64_t connection; /* the live connection, 0 when none */
	bool accepted;       /* the live connection was accepted, not dialled */
	uint64_t rx_bytes, tx_bytes;
	uint64_t discovered_ms, last_connected_ms;
	bool was_connected;
	int last_error;
	unsigned failures;   /* failed attempts in a row, quick redials not counted */
	unsigned quick_left; /* quick redials left */
	bool quick_granted;
	uint64_t quick_granted_ms;
	struct timer timer; /* next attempt; armed for never when none is planned, not at all when inbound */
};

struct peermap {
	struct hash_key key;
	struct list all; /* in the order of their arrival */
	size_t count;
	struct list endpoints[PEERMAP_BUCKETS], tickets[PEERMAP_BUCKETS], connections[PEERMAP_BUCKETS];
};

void peermap_init(struct peermap *map, const struct hash_key *key);

/* Frees all entries. */
void peermap_clear(struct peermap *map);

/* A new, empty entry for an endpoint that is not in the map. Returns NULL without memory. The map owns it. */
struct peer *peermap_add(struct peermap *map, const struct endpoint *endpoint);

/* Unlinks and frees. */
void peermap_remove(struct peermap *map, struct peer *peer);

/* Each returns NULL when there is none; 0 never names an entry. */
struct peer *peermap_find_endpoint(const struct peermap *map, const struct endpoint *endpoint);
struct peer *peermap_find_ticket(const struct peermap *map, uint64_t ticket);
struct peer *peermap_find_connection(const struct peermap *map, uint64_t connection);

/* Sets the number by which the entry is found; 0 for none. */
void peermap_set_ticket(struct peermap *map, struct peer *peer, uint64_t ticket);
void peermap_set_connection(struct peermap *map, struct peer *peer, uint64_t connection);

/* Live accepted connections from the place `endpoint` is at: an IPv4 address, an IPv6 /64, a vsock CID. */
size_t peermap_count_accepted_from(const struct peermap *map, const struct endpoint *endpoint);

#endif
