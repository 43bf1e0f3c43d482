// SPDX-License-Identifier: Apache-2.0
/* The twin is an array of prefixes, searched from end to end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/fib.h"

static struct subnet prefix(uint8_t upper, uint8_t lower, uint8_t len)
{
	return (struct subnet){.addr = {.bytes = {4, [7] = upper, [8] = lower, [15] = 1}}, .len = len};
}

static struct ip6 host(uint8_t upper, uint8_t lower)
{
	return (struct ip6){.bytes = {4, [7] = upper, [8] = lower, [15] = 9}};
}

static struct shared_secret secret_of(uint8_t fill)
{
	struct shared_secret secret;
	memset(secret.bytes, fill, sizeof(secret.bytes));
	return secret;
}

static void empty(void **state)
{
	(void)state;
	struct fib *fib = fib_new(1);
	struct subnet one = prefix(1, 0, 64);
	struct ip6 address = host(1, 0);
	assert_null(fib_lookup(fib, &address));
	assert_null(fib_get(fib, &one));
	assert_int_equal(fib_count(fib), 0);
	fib_clear_route(fib, &one);
	fib_clear_secret(fib, &one);
	fib_reclaim(fib);
	fib_free(fib);
	fib_free(NULL);
}

static void route_and_secret_come_and_go(void **state)
{
	(void)state;
	struct fib *fib = fib_new(1);
	struct subnet one = prefix(1, 0, 64);
	struct ip6 address = host(1, 200), other = host(2, 0);
	struct shared_secret first = secret_of(1), second = secret_of(2);

	assert_int_equal(fib_set_route(fib, &one, 77, 5000), 0);
	const struct fib_route *route = fib_lookup(fib, &address);
	assert_non_null(route);
	assert_int_equal(route->peer, 77);
	assert_int_equal(route->expires_ms, 5000);
	assert_null(route->secret);
	assert_null(fib_lookup(fib, &other));

	assert_int_equal(fib_set_secret(fib, &one, &first), 0);
	route = fib_lookup(fib, &address);
	assert_int_equal(route->peer, 77);
	assert_memory_equal(route->secret->secret.bytes, first.bytes, sizeof(first.bytes));
	uint64_t id = route->secret->id;

	/* A new next hop keeps the secret and its id. */
	assert_int_equal(fib_set_route(fib, &one, 78, 6000), 0);
	route = fib_lookup(fib, &address);
	assert_int_equal(route->peer, 78);
	assert_int_equal(route->secret->id, id);

	/* The secret outlives the route. */
	fib_clear_route(fib, &one);
	route = fib_lookup(fib, &address);
	assert_non_null(route);
	assert_int_equal(route->peer, FIB_NO_PEER);
	assert_int_equal(route->secret->id, id);
	assert_int_equal(fib_count(fib), 1);

	/* Another secret has another id, even with the same bytes. */
	assert_int_equal(fib_set_secret(fib, &one, &first), 0);
	assert_int_not_equal(fib_lookup(fib, &address)->secret->id, id);
	assert_int_equal(fib_set_secret(fib, &one, &second), 0);
	assert_memory_equal(fib_lookup(fib, &address)->secret->secret.bytes, second.bytes, sizeof(second.bytes));

	fib_clear_secret(fib, &one);
	assert_null(fib_lookup(fib, &address));
	assert_int_equal(fib_count(fib), 0);
	fib_free(fib);
}

static void longest_match(void **state)
{
	(void)state;
	struct fib *fib = fib_new(1);
	const uint8_t lens[] = {72, 64, 128, 65, 80};
	for (unsigned i = 0; i < 5; i++) {
		struct subnet subnet = prefix(1, 0x80, lens[i]);
		assert_int_equal(fib_set_route(fib, &subnet, lens[i], 1), 0);
	}
	assert_int_equal(fib_count(fib), 1);
	struct ip6 exact = prefix(1, 0x80, 128).addr, in80 = exact, in72 = exact, in65 = exact, in64 = exact;
	in80.bytes[15] = 2;
	in72.bytes[9] = 1;
	in65.bytes[8] = 0xc0;
	in64.bytes[8] = 0x40;
	assert_int_equal(fib_lookup(fib, &exact)->peer, 128);
	assert_int_equal(fib_lookup(fib, &in80)->peer, 80);
	assert_int_equal(fib_lookup(fib, &in72)->peer, 72);
	assert_int_equal(fib_lookup(fib, &in65)->peer, 65);
	assert_int_equal(fib_lookup(fib, &in64)->peer, 64);
	struct subnet short_one = prefix(1, 0, 64);
	fib_clear_route(fib, &short_one);
	assert_null(fib_lookup(fib, &in64));
	assert_int_equal(fib_lookup(fib, &in65)->peer, 65);
	/* Known for its secret alone, the /72 leaves the way to the /65. */
	struct shared_secret secret = secret_of(9);
	struct subnet longer = prefix(1, 0x80, 72);
	assert_int_equal(fib_set_secret(fib, &longer, &secret), 0);
	fib_clear_route(fib, &longer);
	assert_int_equal(fib_lookup(fib, &in72)->peer, 65);
	fib_free(fib);
}

static void longer_prefixes_are_bounded(void **state)
{
	(void)state;
	struct fib *fib = fib_new(1);
	struct shared_secret secret = secret_of(9);
	for (uint8_t i = 0; i <= FIB_LONGER_MAX; i++) {
		struct subnet subnet = prefix(1, i, 72);
		assert_int_equal(fib_set_route(fib, &subnet, i, 1), 0);
	}
	struct subnet more = prefix(1, 200, 72), present = prefix(1, 3, 72), elsewhere = prefix(2, 200, 72);
	assert_int_equal(fib_set_route(fib, &more, 1, 1), -ENOSPC);
	assert_int_equal(fib_set_secret(fib, &more, &secret), -ENOSPC);
	assert_null(fib_get(fib, &more));
	assert_int_equal(fib_set_route(fib, &present, 1000, 1), 0);
	assert_int_equal(fib_set_secret(fib, &present, &secret), 0);
	assert_int_equal(fib_get(fib, &present)->peer, 1000);
	assert_int_equal(fib_set_route(fib, &elsewhere, 1, 1), 0);
	fib_clear_route(fib, &present);
	assert_int_equal(fib_set_route(fib, &more, 1, 1), -ENOSPC);
	fib_clear_secret(fib, &present);
	assert_int_equal(fib_set_route(fib, &more, 1, 1), 0);
	fib_free(fib);
}

/* ---- twin -------------------------------------------------------------------------------------------------------- */

enum { TWIN_MAX = 20000 };

struct twin_row {
	struct subnet subnet;
	uint32_t peer;
	uint64_t expires_ms;
	uint8_t secret;		/* fill of its bytes, 0: none */
};

struct twin {
	struct twin_row rows[TWIN_MAX];
	size_t count;
};

static bool bits_equal(const struct ip6 *a, const struct ip6 *b, unsigned len)
{
	if (memcmp(a->bytes, b->bytes, len / 8) != 0)
		return false;
	for (unsigned i = len / 8 * 8; i < len; i++)
		if (((a->bytes[i / 8] ^ b->bytes[i / 8]) & 0x80 >> i % 8) != 0)
			return false;
	return true;
}

static struct twin_row *twin_find(struct twin *twin, const struct subnet *subnet)
{
	for (struct twin_row *row = twin->rows; row < twin->rows + twin->count; row++)
		if (row->subnet.len == subnet->len && bits_equal(&row->subnet.addr, &subnet->addr, subnet->len))
			return row;
	return NULL;
}

static const struct twin_row *twin_lookup(const struct twin *twin, const struct ip6 *address)
{
	const struct twin_row *best = NULL, *best_with_peer = NULL;
	for (size_t i = 0; i < twin->count; i++) {
		const struct twin_row *row = &twin->rows[i];
		if (!bits_equal(&row->subnet.addr, address, row->subnet.len))
			continue;
		if (best == NULL || row->subnet.len > best->subnet.len)
			best = row;
		if (row->peer != FIB_NO_PEER && (best_with_peer == NULL || row->subnet.len > best_with_peer->subnet.len))
			best_with_peer = row;
	}
	return best_with_peer != NULL ? best_with_peer : best;
}

static size_t twin_in_64(const struct twin *twin, const struct ip6 *address)
{
	size_t count = 0;
	for (size_t i = 0; i < twin->count; i++)
		count += bits_equal(&twin->rows[i].subnet.addr, address, 64);
	return count;
}

static size_t twin_uppers(const struct twin *twin)
{
	size_t uppers = 0;
	for (size_t i = 0; i < twin->count; i++) {
		size_t first = 0;
		while (!bits_equal(&twin->rows[first].subnet.addr, &twin->rows[i].subnet.addr, 64))
			first++;
		uppers += first == i;
	}
	return uppers;
}

/* The row to change, a fresh one when there is none; NULL when there is no room. */
static struct twin_row *twin_make(struct twin *twin, const struct subnet *subnet)
{
	struct twin_row *row = twin_find(twin, subnet);
	if (row != NULL)
		return row;
	if (twin_in_64(twin, &subnet->addr) == FIB_LONGER_MAX + 1)
		return NULL;
	assert_true(twin->count < TWIN_MAX);
	row = &twin->rows[twin->count++];
	*row = (struct twin_row){.subnet = *subnet, .peer = FIB_NO_PEER};
	return row;
}

static void twin_tidy(struct twin *twin, struct twin_row *row)
{
	if (row != NULL && row->peer == FIB_NO_PEER && row->secret == 0)
		*row = twin->rows[--twin->count];
}

static void assert_route(const struct fib_route *route, const struct twin_row *row)
{
	assert_int_equal(route != NULL, row != NULL);
	if (row == NULL)
		return;
	assert_int_equal(route->subnet.len, row->subnet.len);
	assert_true(bits_equal(&route->subnet.addr, &row->subnet.addr, row->subnet.len));
	assert_int_equal(route->peer, row->peer);
	if (row->peer != FIB_NO_PEER)
		assert_int_equal(route->expires_ms, row->expires_ms);
	assert_int_equal(route->secret != NULL, row->secret != 0);
	for (unsigned i = 0; row->secret != 0 && i < KEY_SIZE; i++)
		assert_int_equal(route->secret->secret.bytes[i], row->secret);
}

static struct subnet random_subnet(struct rng *rng, uint64_t uppers)
{
	struct subnet subnet = {.addr = {.bytes = {5}}, .len = 64};
	uint64_t upper = rng_below(rng, uppers);
	subnet.addr.bytes[6] = (uint8_t)(upper >> 8);
	subnet.addr.bytes[7] = (uint8_t)upper;
	if (rng_below(rng, 3) == 0)
		subnet.len = (uint8_t)(64 + rng_below(rng, 65));
	for (unsigned i = 8; i < 16; i++)
		subnet.addr.bytes[i] = rng_below(rng, 2) == 0 ? 0 : (uint8_t)rng_below(rng, 4);
	return subnet;
}

static void random_change(struct fib *fib, struct twin *twin, struct rng *rng, const struct subnet *subnet,
			  bool growing)
{
	struct twin_row *row;
	uint64_t what = rng_below(rng, growing ? 6 : 12);
	uint8_t fill = (uint8_t)(1 + rng_below(rng, 255));
	struct shared_secret secret = secret_of(fill);
	if (what < 2) {
		row = twin_make(twin, subnet);
		uint32_t peer = (uint32_t)rng_below(rng, 100);
		uint64_t expires_ms = rng_next(rng);
		assert_int_equal(fib_set_route(fib, subnet, peer, expires_ms), row != NULL ? 0 : -ENOSPC);
		if (row != NULL)
			row->peer = peer, row->expires_ms = expires_ms;
	} else if (what < 4) {
		row = twin_make(twin, subnet);
		assert_int_equal(fib_set_secret(fib, subnet, &secret), row != NULL ? 0 : -ENOSPC);
		if (row != NULL)
			row->secret = fill;
	} else {
		row = twin_find(twin, subnet);
		bool routes = what % 2 == 0;
		if (routes)
			fib_clear_route(fib, subnet);
		else
			fib_clear_secret(fib, subnet);
		if (row != NULL && routes)
			row->peer = FIB_NO_PEER;
		else if (row != NULL)
			row->secret = 0;
		twin_tidy(twin, row);
	}
}

static void random_operations(void **state)
{
	(void)state;
	static struct twin twin;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct rng rng = rng_seeded(seed);
		struct fib *fib = fib_new(seed);
		uint64_t uppers = seed == 1 ? 3 : 600;
		twin.count = 0;
		for (unsigned step = 0; step < 5000; step++) {
			struct subnet subnet = random_subnet(&rng, uppers), other = random_subnet(&rng, uppers);
			random_change(fib, &twin, &rng, &subnet, step % 4000 < 2500);
			assert_route(fib_get(fib, &subnet), twin_find(&twin, &subnet));
			assert_route(fib_lookup(fib, &subnet.addr), twin_lookup(&twin, &subnet.addr));
			assert_route(fib_lookup(fib, &other.addr), twin_lookup(&twin, &other.addr));
			if (step % 500 == 0) {
				fib_reclaim(fib);
				assert_int_equal(fib_count(fib), twin_uppers(&twin));
			}
		}
		for (size_t i = 0; i < twin.count; i++)
			assert_route(fib_get(fib, &twin.rows[i].subnet), &twin.rows[i]);
		fib_free(fib);
	}
}

/* Growing through several sizes of the table loses nothing. */
static void many_prefixes(void **state)
{
	(void)state;
	enum { MANY = 5000 };
	struct fib *fib = fib_new(5);
	for (uint32_t i = 0; i < MANY; i++) {
		struct subnet subnet = {.addr = ip6_from_upper64(UINT64_C(0x0400000000000000) + i), .len = 64};
		assert_int_equal(fib_set_route(fib, &subnet, i, i), 0);
	}
	assert_int_equal(fib_count(fib), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		struct ip6 address = ip6_from_upper64(UINT64_C(0x0400000000000000) + i);
		assert_int_equal(fib_lookup(fib, &address)->peer, i);
		struct subnet subnet = subnet64_of(&address);
		if (i % 16 != 0)
			fib_clear_route(fib, &subnet);
	}
	fib_reclaim(fib);
	for (uint32_t i = 0; i < MANY; i++) {
		struct ip6 address = ip6_from_upper64(UINT64_C(0x0400000000000000) + i);
		assert_int_equal(fib_lookup(fib, &address) != NULL, i % 16 == 0);
	}
	fib_free(fib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(route_and_secret_come_and_go),
		cmocka_unit_test(longest_match),
		cmocka_unit_test(longer_prefixes_are_bounded),
		cmocka_unit_test(random_operations),
		cmocka_unit_test(many_prefixes),
	};
	return cmocka_run_group_tests_name("fib", tests, NULL, NULL);
}
