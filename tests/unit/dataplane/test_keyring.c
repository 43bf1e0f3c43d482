// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/keyring.h"

struct fixture {
	struct fib *fib;
	struct keyring *keyring;
	struct secret_key own;
};

static struct fixture setup(void)
{
	struct fixture f = {.fib = fib_new(1)};
	memset(f.own.bytes, 0x11, sizeof(f.own.bytes));
	f.keyring = keyring_new(&f.own, f.fib, 2);
	assert_non_null(f.keyring);
	return f;
}

static void teardown(struct fixture *f)
{
	keyring_free(f->keyring);
	fib_free(f->fib);
}

static struct subnet subnet_number(uint32_t number)
{
	return (struct subnet){.addr = ip6_from_upper64(UINT64_C(0x0400000000000000) + number), .len = 64};
}

static struct public_key key_number(uint8_t number)
{
	struct secret_key secret;
	memset(secret.bytes, number, sizeof(secret.bytes));
	return public_key_of(&secret);
}

static const struct fib_secret *secret_in_fib(const struct fixture *f, const struct subnet *subnet)
{
	const struct fib_route *route = fib_get(f->fib, subnet);
	return route != NULL ? route->secret : NULL;
}

/* Both ends of X25519 (RFC 7748 section 6.1) must come to the published secret. */
static void derives_the_shared_secret(void **state)
{
	(void)state;
	static const struct secret_key alice = {
		{0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
		 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a}};
	static const struct public_key bob = {
		{0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37,
		 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f}};
	static const uint8_t shared[] = {
		0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25,
		0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};
	struct fib *fib = fib_new(1);
	struct keyring *keyring = keyring_new(&alice, fib, 2);
	struct subnet subnet = subnet_number(1);
	assert_int_equal(keyring_provide(keyring, &subnet, &bob), 0);
	assert_memory_equal(fib_get(fib, &subnet)->secret->secret.bytes, shared, sizeof(shared));
	keyring_free(keyring);
	fib_free(fib);
}

static void derives_once(void **state)
{
	(void)state;
	struct fixture f = setup();
	struct subnet subnet = subnet_number(1), untidy = subnet;
	struct public_key key = key_number(5);
	assert_int_equal(keyring_provide(f.keyring, &subnet, &key), 0);
	uint64_t id = secret_in_fib(&f, &subnet)->id;
	untidy.addr.bytes[15] = 77;
	assert_int_equal(keyring_provide(f.keyring, &untidy, &key), 0);
	keyring_note_key(f.keyring, &untidy, &key);
	assert_int_equal(secret_in_fib(&f, &subnet)->id, id);
	assert_int_equal(keyring_count(f.keyring), 1);
	teardown(&f);
}

static void another_key_withdraws(void **state)
{
	(void)state;
	struct fixture f = setup();
	struct subnet subnet = subnet_number(1), neighbour = subnet_number(2);
	struct public_key first = key_number(5), second = key_number(6);
	assert_int_equal(keyring_provide(f.keyring, &subnet, &first), 0);
	assert_int_equal(keyring_provide(f.keyring, &neighbour, &first), 0);
	struct shared_secret before = secret_in_fib(&f, &subnet)->secret;
	keyring_note_key(f.keyring, &subnet, &second);
	assert_null(secret_in_fib(&f, &subnet));
	assert_non_null(secret_in_fib(&f, &neighbour));
	assert_int_equal(keyring_count(f.keyring), 1);

	assert_int_equal(keyring_provide(f.keyring, &subnet, &first), 0);
	assert_int_equal(keyring_provide(f.keyring, &subnet, &second), 0);
	assert_memory_not_equal(secret_in_fib(&f, &subnet)->secret.bytes, before.bytes, sizeof(before.bytes));
	assert_int_equal(keyring_count(f.keyring), 2);
	teardown(&f);
}

static void low_order_key_is_refused(void **state)
{
	(void)state;
	struct fixture f = setup();
	struct subnet subnet = subnet_number(1);
	struct public_key good = key_number(5), zero = {{0}}, one = {{1}};
	assert_int_equal(keyring_provide(f.keyring, &subnet, &zero), -EKEYREJECTED);
	assert_int_equal(keyring_provide(f.keyring, &subnet, &one), -EKEYREJECTED);
	assert_null(fib_get(f.fib, &subnet));
	assert_int_equal(keyring_count(f.keyring), 0);
	/* It takes the place of a good one all the same: the prefix is no longer the good one's. */
	assert_int_equal(keyring_provide(f.keyring, &subnet, &good), 0);
	assert_int_equal(keyring_provide(f.keyring, &subnet, &zero), -EKEYREJECTED);
	assert_null(fib_get(f.fib, &subnet));
	assert_int_equal(keyring_count(f.keyring), 0);
	teardown(&f);
}

static void no_room_in_the_fib(void **state)
{
	(void)state;
	struct fixture f = setup();
	struct public_key key = key_number(5);
	for (uint8_t i = 0; i <= FIB_LONGER_MAX; i++) {
		struct subnet longer = {.addr = {.bytes = {4, [8] = i}}, .len = 72};
		assert_int_equal(keyring_provide(f.keyring, &longer, &key), 0);
	}
	struct subnet more = {.addr = {.bytes = {4, [8] = 0xee}}, .len = 72};
	assert_int_equal(keyring_provide(f.keyring, &more, &key), -ENOSPC);
	assert_int_equal(keyring_count(f.keyring), FIB_LONGER_MAX + 1);
	teardown(&f);
}

/* One key for all prefixes is enough to fill the ring; each still costs an X25519. */
static void least_recently_needed_gives_way(void **state)
{
	(void)state;
	struct fixture f = setup();
	struct public_key key = key_number(5);
	for (uint32_t i = 0; i < KEYRING_MAX; i++) {
		struct subnet subnet = subnet_number(i);
		assert_int_equal(keyring_provide(f.keyring, &subnet, &key), 0);
		if (i % 1024 == 0)
			fib_reclaim(f.fib);
	}
	assert_int_equal(keyring_count(f.keyring), KEYRING_MAX);
	struct subnet first = subnet_number(0), second = subnet_number(1), third = subnet_number(2),
		      more = subnet_number(KEYRING_MAX);
	assert_int_equal(keyring_provide(f.keyring, &first, &key), 0);
	assert_int_equal(keyring_provide(f.keyring, &more, &key), 0);
	assert_int_equal(keyring_count(f.keyring), KEYRING_MAX);
	assert_non_null(secret_in_fib(&f, &first));
	assert_null(secret_in_fib(&f, &second));
	assert_non_null(secret_in_fib(&f, &third));
	assert_non_null(secret_in_fib(&f, &more));
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_shared_secret),
		cmocka_unit_test(derives_once),
		cmocka_unit_test(another_key_withdraws),
		cmocka_unit_test(low_order_key_is_refused),
		cmocka_unit_test(no_room_in_the_fib),
		cmocka_unit_test(least_recently_needed_gives_way),
	};
	return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
