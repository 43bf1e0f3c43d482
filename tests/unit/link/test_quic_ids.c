// SPDX-License-Identifier: Apache-2.0
/* The table of connection ids against a plain list of what is in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "link/quic_ids.h"

enum { OWNERS = 8, ROUNDS = 20000, IDS_MAX = 4000 };

struct twin {
	enum quic_id_kind kind;
	uint8_t bytes[QUIC_ID_SIZE_MAX];
	size_t len;
	unsigned owner;
};

static struct quic_ids ids;
static struct quic_id *own[OWNERS];
static struct twin twins[IDS_MAX];
static unsigned count;

/* The table only hands connections through. */
static struct quic_connection *owner_of(unsigned index)
{
	return (struct quic_connection *)(uintptr_t)(4096 + index);
}

static int find_twin(const struct twin *id)
{
	for (unsigned i = 0; i < count; i++)
		if (twins[i].kind == id->kind && twins[i].len == id->len &&
		    memcmp(twins[i].bytes, id->bytes, id->len) == 0)
			return (int)i;
	return -1;
}

/* One of few, so that the same come again. */
static struct twin some_id(struct rng *rng)
{
	struct twin id = {.kind = (enum quic_id_kind)rng_below(rng, 2), .len = rng_below(rng, 2) ? 4 : 20};
	id.bytes[rng_below(rng, id.len)] = (uint8_t)rng_next(rng);
	id.owner = (unsigned)rng_below(rng, OWNERS);
	return id;
}

static void assert_found(const struct twin *id)
{
	int twin = find_twin(id);
	assert_ptr_equal(quic_ids_find(&ids, id->kind, id->bytes, id->len),
			 twin >= 0 ? owner_of(twins[twin].owner) : NULL);
}

static void add(const struct twin *id)
{
	int expected = find_twin(id) >= 0 ? -EEXIST : 0;
	assert_int_equal(quic_ids_add(&ids, id->kind, id->bytes, id->len, owner_of(id->owner), &own[id->owner]),
			 expected);
	if (expected == 0)
		twins[count++] = *id;
}

static void remove_one(const struct twin *id)
{
	int twin = find_twin(id);
	quic_ids_remove(&ids, id->kind, id->bytes, id->len, &own[id->owner]);
	if (twin >= 0 && twins[twin].owner == id->owner)
		twins[twin] = twins[--count];
}

static void remove_all(unsigned owner)
{
	quic_ids_remove_all(&ids, &own[owner]);
	assert_null(own[owner]);
	for (unsigned i = 0; i < count;)
		if (twins[i].owner == owner)
			twins[i] = twins[--count];
		else
			i++;
}

static void table_and_list_agree(void **state)
{
	(void)state;
	const struct hash_key key = {1, 2};
	struct rng rng = rng_seeded(1);
	assert_int_equal(quic_ids_init(&ids, &key), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct twin id = some_id(&rng);
		uint64_t what = rng_below(&rng, 200);
		if (what == 0)
			remove_all(id.owner);
		else if (what < 80)
			remove_one(&id);
		else if (count < IDS_MAX)
			add(&id);
		id = some_id(&rng);
		assert_found(&id);
		assert_int_equal(ids.count, count);
	}
	for (unsigned i = 0; i < OWNERS; i++)
		remove_all(i);
	assert_int_equal(ids.count, 0);
	quic_ids_clear(&ids);
}

static void too_long_an_id(void **state)
{
	(void)state;
	const struct hash_key key = {1, 2};
	const uint8_t bytes[21] = {0};
	struct quic_id *list = NULL;
	assert_int_equal(quic_ids_init(&ids, &key), 0);
	assert_true(quic_ids_add(&ids, QUIC_ID_CONNECTION, bytes, sizeof(bytes), owner_of(0), &list) < 0);
	assert_null(quic_ids_find(&ids, QUIC_ID_CONNECTION, bytes, sizeof(bytes)));
	quic_ids_clear(&ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_and_list_agree),
		cmocka_unit_test(too_long_an_id),
	};
	return cmocka_run_group_tests_name("quic_ids", tests, NULL, NULL);
}
