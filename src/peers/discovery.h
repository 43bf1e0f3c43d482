// SPDX-License-Identifier: Apache-2.0
/*
 * Local discovery: finding the nodes on the same links by beacons; a sans-I/O policy (docs/protocol/discovery.md).
 *
 *   time, changes ──┐                               ┌── list the interfaces
 *   interfaces    ──┼─▶ memberships, each with its ─┼── join, leave, send a beacon
 *   beacons       ──┘   neighbours heard            └── found an endpoint
 *
 * An interface is joined while it is up and running, can multicast, is neither loopback nor point-to-point, has an address
 * in fe80::/64, and is named by the filter if there is one. It gets a beacon when it was joined and in each round.
 *
 * Beacons prove nothing: anybody on a link sends any number of them, from any address. So an interface remembers few
 * neighbours, and new ones become endpoints at a limited rate. What is found may be found again: whoever takes it
 * ignores what is known. One thread (control) owns it; nothing in it blocks.
 */
#ifndef MYCELIUM_PEERS_DISCOVERY_H
#define MYCELIUM_PEERS_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "crypto/keys.h"
#include "peers/endpoint.h"
#include "peers/interfaces.h"

enum {
	DISCOVERY_ROUND_MS = 60000,
	DISCOVERY_LIST_GAP_MS = 250,		/* between two lists, however often things change */
	DISCOVERY_REPEAT_MS = 10000,		/* until a neighbour that is heard again is found again */
	DISCOVERY_INTERFACES_MAX = 256,		/* joined ones; further ones are not */
	DISCOVERY_NEIGHBOURS_MAX = 64,		/* remembered of an interface; the one heard longest ago gives way */
	DISCOVERY_NEW_BURST = 16,		/* new neighbours of an interface: so many at once, */
	DISCOVERY_NEW_PER_SECOND = 1,		/* then these */
};

struct discovery_config {
	struct router_id router_id;		/* of this node */
	uint16_t tcp_port;			/* on which it accepts connections: the one bound, never 0 */
	enum endpoint_protocol protocol;	/* of what is found: ENDPOINT_TCP, in a private network ENDPOINT_TLS */
	const char *const *names;		/* of the interfaces to use; copied */
	size_t name_count;			/* 0: all */
};

struct discovery;

/* Everything is due at `now_ms`. Returns NULL without memory. */
struct discovery *discovery_new(const struct discovery_config *config, uint64_t now_ms);

/* NULL is fine. */
void discovery_free(struct discovery *discovery);

/* The bytes to send, BEACON_SIZE of them; the same as long as the object lives. */
const uint8_t *discovery_beacon(const struct discovery *discovery);

/* ---- inputs: take the actions after each --------------------------------------------------------------------------- */

/* Lets what is due become actions. */
void discovery_tick(struct discovery *discovery, uint64_t now_ms);

/* When discovery_tick() is needed next. */
uint64_t discovery_next_deadline(const struct discovery *discovery);

/* Something changed: interfaces that were removed are left, and a list will be asked for, soon. */
void discovery_network_changed(struct discovery *discovery, const struct network_change *change, uint64_t now_ms);

/* The list that was asked for. When it cannot be had, the next round asks again; until then all stays as it is. */
void discovery_interfaces(struct discovery *discovery, const struct interface *interfaces, size_t count, uint64_t now_ms);

/* How the joining of an interface went: 0 or a negative errno. What failed is tried again with the next list. Returns true
 * when a person should hear of it: the first failure of this interface. */
bool discovery_joined(struct discovery *discovery, uint32_t index, int error);

/* A datagram of `len` bytes, perhaps cut behind the first BEACON_SIZE, came from `sender` through an interface. */
void discovery_received(struct discovery *discovery, const struct ip6 *sender, uint32_t index, const uint8_t *bytes,
			size_t len, uint64_t now_ms);

/* ---- outputs ------------------------------------------------------------------------------------------------------- */

enum discovery_action_type {
	DISCOVERY_LIST,		/* list the interfaces, and call discovery_interfaces() */
	DISCOVERY_JOIN,		/* join the group on `index`, and call discovery_joined() */
	DISCOVERY_LEAVE,	/* leave it there, though the interface may be gone */
	DISCOVERY_SEND,		/* send the beacon there */
	DISCOVERY_FOUND,	/* `endpoint` */
};

struct discovery_action {
	enum discovery_action_type type;
	uint32_t index;				/* JOIN, LEAVE, SEND: the interface */
	char name[INTERFACE_NAME_SIZE];		/* its name */
	struct endpoint endpoint;		/* FOUND */
};

/* Takes the next action. Returns false when there is none. */
bool discovery_next_action(struct discovery *discovery, struct discovery_action *ret);

/* ---- read-only ----------------------------------------------------------------------------------------------------- */

/* Interfaces joined at present. */
size_t discovery_joined_count(const struct discovery *discovery);

/* Since the start. Each datagram counts in one of those of the second group. */
struct discovery_counters {
	uint64_t sent;			/* orders to send a beacon */
	uint64_t join_failures;
	uint64_t refused_interfaces;	/* lists in which there were more than DISCOVERY_INTERFACES_MAX */

	uint64_t found;			/* neighbours that were new, or that announced another port */
	uint64_t heard_again;
	uint64_t limited;		/* new, but over the rate */
	uint64_t not_joined;		/* came through an interface that is not joined */
	uint64_t not_link_local;
	uint64_t malformed;		/* too short, another magic, port 0 */
	uint64_t own;

	uint64_t forgotten;		/* neighbours that gave way to others */
};

const struct discovery_counters *discovery_counters(const struct discovery *discovery);

#endif
