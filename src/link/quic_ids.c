// SPDX-License-Identifier: Apache-2.0
#include "link/quic_ids.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_AT_FIRST = 64 };

/* An id as the table holds it. */
struct key {
	uint8_t bytes[1 + QUIC_ID_SIZE_MAX];
	size_t len;
};

static bool make_key(struct key *key, enum quic_id_kind kind, const uint8_t *bytes, size_t len)
{
	if (len > QUIC_ID_SIZE_MAX)
		return false;
	key->bytes[0] = (uint8_t)kind;
	memcpy(key->bytes + 1, bytes, len);
	key->len = 1 + len;
	return true;
}

static struct quic_id **bucket_of(const struct quic_ids *ids, const uint8_t *bytes, size_t len)
{
	return &ids->buckets[hash_bytes(&ids->key, bytes, len) & (ids->bucket_count - 1)];
}

/* Where the table refers to an id: to NULL when it is not there. */
static struct quic_id **find_place(const struct quic_ids *ids, const struct key *key)
{
	struct quic_id **place = bucket_of(ids, key->bytes, key->len);
	while (*place != NULL && ((*place)->len != key->len || memcmp((*place)->bytes, key->bytes, key->len) != 0))
		place = &(*place)->next;
	return place;
}

int quic_ids_init(struct quic_ids *ids, const struct hash_key *key)
{
	*ids = (struct quic_ids){.key = *key, .bucket_count = BUCKETS_AT_FIRST};
	ids->buckets = calloc(BUCKETS_AT_FIRST, sizeof(struct quic_id *));
	return ids->buckets != NULL ? 0 : -ENOMEM;
}

void quic_ids_clear(struct quic_ids *ids)
{
	free(ids->buckets);
	ids->buckets = NULL;
}

/* Without memory the chains get longer, and that is all. */
static void grow(struct quic_ids *ids)
{
	struct quic_ids larger = *ids;
	larger.bucket_count = ids->bucket_count * 2;
	larger.buckets = calloc(larger.bucket_count, sizeof(struct quic_id *));
	if (larger.buckets == NULL)
		return;
	for (size_t i = 0; i < ids->bucket_count; i++) {
		for (struct quic_id *id = ids->buckets[i], *next; id != NULL; id = next) {
			next = id->next;
			struct quic_id **bucket = bucket_of(&larger, id->bytes, id->len);
			id->next = *bucket;
			*bucket = id;
		}
	}
	free(ids->buckets);
	*ids = larger;
}

struct quic_connection *quic_ids_find(const struct quic_ids *ids, enum quic_id_kind kind, const uint8_t *bytes,
				      size_t len)
{
	struct key key;
	if (!make_key(&key, kind, bytes, len))
		return NULL;
	const struct quic_id *id = *find_place(ids, &key);
	return id != NULL ? id->connection : NULL;
}

int quic_ids_add(struct quic_ids *ids, enum quic_id_kind kind, const uint8_t *bytes, size_t len,
		 struct quic_connection *connection, struct quic_id **own)
{
	struct key key;
	if (!make_key(&key, kind, bytes, len) || *find_place(ids, &key) != NULL)
		return -EEXIST;
	struct quic_id *id = calloc(1, sizeof(*id));
	if (id == NULL)
		return -ENOMEM;
	if (++ids->count > ids->bucket_count)
		grow(ids);
	memcpy(id->bytes, key.bytes, key.len);
	id->len = (uint8_t)key.len;
	id->connection = connection;
	struct quic_id **bucket = bucket_of(ids, id->bytes, id->len);
	id->next = *bucket;
	*bucket = id;
	id->sibling = *own;
	*own = id;
	return 0;
}

static void unlink_and_free(struct quic_ids *ids, struct quic_id *id)
{
	struct quic_id **place = bucket_of(ids, id->bytes, id->len);
	while (*place != id)
		place = &(*place)->next;
	*place = id->next;
	ids->count--;
	free(id);
}

void quic_ids_remove(struct quic_ids *ids, enum quic_id_kind kind, const uint8_t *bytes, size_t len,
		     struct quic_id **own)
{
	struct key key;
	if (!make_key(&key, kind, bytes, len))
		return;
	for (struct quic_id **place = own; *place != NULL; place = &(*place)->sibling) {
		struct quic_id *id = *place;
		if (id->len == key.len && memcmp(id->bytes, key.bytes, key.len) == 0) {
			*place = id->sibling;
			unlink_and_free(ids, id);
			return;
		}
	}
}

void quic_ids_remove_all(struct quic_ids *ids, struct quic_id **own)
{
	while (*own != NULL) {
		struct quic_id *id = *own;
		*own = id->sibling;
		unlink_and_free(ids, id);
	}
}
