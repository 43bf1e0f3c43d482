// SPDX-License-Identifier: Apache-2.0
/*
 * How an endpoint finds the connection of a packet: the connection ids it issued, those that clients chose for their
 * first packets, and the tokens of stateless resets, whose packets carry no connection id that means anything; inside
 * the room.
 */
#ifndef MYCELIUM_LINK_QUIC_IDS_H
#define MYCELIUM_LINK_QUIC_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum { QUIC_ID_SIZE_MAX = 20 };

enum quic_id_kind { QUIC_ID_CONNECTION, QUIC_ID_RESET_TOKEN };

struct quic_connection;

struct quic_id {
	struct quic_id *next;		/* in the bucket */
	struct quic_id *sibling;	/* of the same connection */
	struct quic_connection *connection;
	uint8_t bytes[1 + QUIC_ID_SIZE_MAX];	/* kind, then the id */
	uint8_t len;
};

struct quic_ids {
	struct hash_key key;
	struct quic_id **buckets;
	size_t bucket_count, count;
};

/* Returns 0 or -ENOMEM. */
int quic_ids_init(struct quic_ids *ids, const struct hash_key *key);
void quic_ids_clear(struct quic_ids *ids);

/* NULL: unknown. */
struct quic_connection *quic_ids_find(const struct quic_ids *ids, enum quic_id_kind kind, const uint8_t *bytes,
				      size_t len);

/* Adds an id of at most QUIC_ID_SIZE_MAX bytes to the table and to the list `own` of its connection. Returns 0, -EEXIST
 * or -ENOMEM. */
int quic_ids_add(struct quic_ids *ids, enum quic_id_kind kind, const uint8_t *bytes, size_t len,
		 struct quic_connection *connection, struct quic_id **own);

/* Removes one id of a connection, if it is there; all of them. */
void quic_ids_remove(struct quic_ids *ids, enum quic_id_kind kind, const uint8_t *bytes, size_t len,
		     struct quic_id **own);
void quic_ids_remove_all(struct quic_ids *ids, struct quic_id **own);

#endif
