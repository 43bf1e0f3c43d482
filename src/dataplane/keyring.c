// SPDX-License-Identifier: Apache-2.0
#include "dataplane/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/random.h"

enum { BUCKETS = KEYRING_MAX };

struct record {
	struct list use;	/* least recently needed first */
	struct record *next_in_bucket;
	struct subnet subnet;
	struct public_key key;
};

struct keyring {
	struct secret_key own;
	struct fib *fib;
	struct hash_key hash_key;
	struct list uses;
	size_t count;
	struct record *buckets[BUCKETS];
};

struct keyring *keyring_new(const struct secret_key *own, struct fib *fib, uint64_t seed)
{
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	if (keyring == NULL)
		return NULL;
	struct rng rng = rng_seeded(seed);
	keyring->own = *own;
	keyring->fib = fib;
	keyring->hash_key = (struct hash_key){rng_next(&rng), rng_next(&rng)};
	list_init(&keyring->uses);
	return keyring;
}

void keyring_free(struct keyring *keyring)
{
	if (keyring == NULL)
		return;
	list_foreach (&keyring->uses, node, tmp)
		free(container_of(node, struct record, use));
	secret_wipe(&keyring->own, sizeof(keyring->own));
	free(keyring);
}

/* Where the record of a canonical prefix is, or would be, linked. */
static struct record **place_of(struct keyring *keyring, const struct subnet *subnet)
{
	uint8_t bytes[sizeof(subnet->addr.bytes) + 1];
	memcpy(bytes, subnet->addr.bytes, sizeof(subnet->addr.bytes));
	bytes[sizeof(subnet->addr.bytes)] = subnet->len;
	struct record **place = &keyring->buckets[hash_bytes(&keyring->hash_key, bytes, sizeof(bytes)) % BUCKETS];
	while (*place != NULL && !subnet_equal(&(*place)->subnet, subnet))
		place = &(*place)->next_in_bucket;
	return place;
}

static void forget(struct keyring *keyring, struct record *record)
{
	*place_of(keyring, &record->subnet) = record->next_in_bucket;
	list_remove(&record->use);
	keyring->count--;
	fib_clear_secret(keyring->fib, &record->subnet);
	free(record);
}

static int remember(struct keyring *keyring, const struct subnet *subnet, const struct public_key *key)
{
	struct record *record = calloc(1, sizeof(*record));
	if (record == NULL)
		return -ENOMEM;
	if (keyring->count == KEYRING_MAX)
		forget(keyring, container_of(keyring->uses.next, struct record, use));
	record->subnet = *subnet;
	record->key = *key;
	*place_of(keyring, subnet) = record;
	list_append(&keyring->uses, &record->use);
	keyring->count++;
	return 0;
}

static int derive_and_publish(struct keyring *keyring, const struct subnet *subnet, const struct public_key *key)
{
	struct shared_secret secret;
	int error = shared_secret_derive(&keyring->own, key, &secret);
	if (error != 0)
		return error;
	error = fib_set_secret(keyring->fib, subnet, &secret);
	secret_wipe(&secret, sizeof(secret));
	return error;
}

int keyring_provide(struct keyring *keyring, const struct subnet *subnet, const struct public_key *key)
{
	struct subnet canonical = subnet_canonical(*subnet);
	keyring_note_key(keyring, &canonical, key);
	struct record *record = *place_of(keyring, &canonical);
	if (record != NULL) {
		list_remove(&record->use);
		list_append(&keyring->uses, &record->use);
		return 0;
	}
	int error = derive_and_publish(keyring, &canonical, key);
	if (error != 0)
		return error;
	error = remember(keyring, &canonical, key);
	if (error != 0)
		fib_clear_secret(keyring->fib, &canonical);
	return error;
}

void keyring_note_key(struct keyring *keyring, const struct subnet *subnet, const struct public_key *key)
{
	struct subnet canonical = subnet_canonical(*subnet);
	struct record *record = *place_of(keyring, &canonical);
	if (record != NULL && memcmp(record->key.bytes, key->bytes, sizeof(key->bytes)) != 0)
		forget(keyring, record);
}

size_t keyring_count(const struct keyring *keyring)
{
	return keyring->count;
}
