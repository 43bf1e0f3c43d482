// SPDX-License-Identifier: Apache-2.0
/* The twin is one list in order of arrival, searched from end to end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/timers.h"
#include "dataplane/wait.h"

enum {
	EGRESS = 1 << PARCEL_EGRESS,
	TRANSIT = 1 << PARCEL_TRANSIT,
	INGRESS = 1 << PARCEL_INGRESS,
	ALL = EGRESS | TRANSIT | INGRESS,
};

static struct ip6 address_of(uint8_t subnet, uint8_t host)
{
	return (struct ip6){.bytes = {4, [7] = subnet, [15] = host}};
}

static struct subnet subnet_of(uint8_t subnet)
{
	struct ip6 address = address_of(subnet, 0);
	return subnet64_of(&address);
}

/* A parcel that carries its number. */
static struct parcel *numbered(enum parcel_kind kind, uint32_t number, size_t len)
{
	static const struct ip6 nobody;
	uint8_t *bytes = calloc(1, len);
	memcpy(bytes, &number, sizeof(number));
	struct parcel *parcel = parcel_new(kind, &nobody, &nobody, bytes, len);
	assert_non_null(parcel);
	free(bytes);
	return parcel;
}

static void add(struct wait *wait, uint8_t subnet, enum parcel_kind kind, uint32_t number, size_t len)
{
	struct ip6 address = address_of(subnet, 1);
	wait_add(wait, &address, numbered(kind, number, len), 5000, 0);
}

/* Frees a list of parcels and checks that it has these numbers in this order. */
static void assert_numbers(struct parcel *first, const uint32_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t number;
		assert_non_null(first);
		memcpy(&number, first->bytes, sizeof(number));
		assert_int_equal(number, numbers[i]);
		struct parcel *next = first->next;
		parcel_free(first);
		first = next;
	}
	assert_null(first);
}

#define assert_list(first, ...) \
	assert_numbers(first, (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void assert_counters(const struct wait *wait)
{
	const struct wait_counters *c = wait_counters(wait);
	assert_int_equal(c->enqueued, c->dequeued + c->expired + c->dropped + wait_count(wait));
}

static void order_and_kinds(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	struct subnet one = subnet_of(1), two = subnet_of(2);
	assert_null(wait_take(wait, &one, ALL));
	assert_true(wait_next_deadline(wait) == TIMERS_NEVER_MS);
	add(wait, 1, PARCEL_EGRESS, 1, 100);
	add(wait, 2, PARCEL_EGRESS, 2, 100);
	add(wait, 1, PARCEL_TRANSIT, 3, 100);
	add(wait, 1, PARCEL_INGRESS, 4, 100);
	add(wait, 1, PARCEL_EGRESS, 5, 100);
	assert_int_equal(wait_count(wait), 5);
	assert_int_equal(wait_bytes(wait), 500);
	assert_null(wait_take(wait, &two, INGRESS | TRANSIT));
	assert_list(wait_take(wait, &one, EGRESS | TRANSIT), 1, 3, 5);
	assert_null(wait_take(wait, &one, EGRESS | TRANSIT));
	assert_list(wait_take(wait, &one, INGRESS), 4);
	assert_list(wait_take(wait, &two, ALL), 2);
	assert_int_equal(wait_count(wait), 0);
	assert_int_equal(wait_bytes(wait), 0);
	assert_int_equal(wait_counters(wait)->dequeued, 5);
	assert_counters(wait);
	wait_free(wait);
	wait_free(NULL);
}

/* A prefix longer than /64 takes only what lies in it. */
static void longer_prefix(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	struct subnet all = subnet_of(7), half = {.addr = address_of(7, 0x80), .len = 121};
	for (uint32_t i = 0; i < 4; i++) {
		struct ip6 address = address_of(7, (uint8_t)(i * 64));
		wait_add(wait, &address, numbered(PARCEL_EGRESS, i, 10), 5000, 0);
	}
	assert_list(wait_take(wait, &half, ALL), 2, 3);
	assert_list(wait_take(wait, &all, ALL), 0, 1);
	wait_free(wait);
}

static void oldest_of_a_subnet_gives_way(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	struct subnet one = subnet_of(1), two = subnet_of(2);
	add(wait, 2, PARCEL_EGRESS, 1000, 10);
	for (uint32_t i = 0; i < WAIT_PACKETS_PER_SUBNET_MAX + 3; i++)
		add(wait, 1, PARCEL_EGRESS, i, 10);
	assert_int_equal(wait_counters(wait)->dropped, 3);
	uint32_t expected[WAIT_PACKETS_PER_SUBNET_MAX];
	for (uint32_t i = 0; i < WAIT_PACKETS_PER_SUBNET_MAX; i++)
		expected[i] = i + 3;
	assert_numbers(wait_take(wait, &one, ALL), expected, WAIT_PACKETS_PER_SUBNET_MAX);
	assert_list(wait_take(wait, &two, ALL), 1000);
	assert_counters(wait);
	wait_free(wait);
}

static void bytes_of_a_subnet_are_bounded(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	struct subnet one = subnet_of(1);
	add(wait, 1, PARCEL_TRANSIT, 1, 65536);
	add(wait, 1, PARCEL_TRANSIT, 2, 65536);
	assert_int_equal(wait_counters(wait)->dropped, 0);
	add(wait, 1, PARCEL_TRANSIT, 3, 10);
	assert_int_equal(wait_counters(wait)->dropped, 1);
	assert_list(wait_take(wait, &one, ALL), 2, 3);
	wait_free(wait);
}

static void all_together_are_bounded(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	uint32_t number = 0;
	while (wait_counters(wait)->dropped == 0) {
		struct ip6 address = {.bytes = {4, [5] = (uint8_t)(number >> 8), [6] = (uint8_t)number}};
		wait_add(wait, &address, numbered(PARCEL_TRANSIT, number++, 60000), 5000, 0);
		assert_true(wait_bytes(wait) <= WAIT_BYTES_MAX);
	}
	assert_int_equal(number, WAIT_BYTES_MAX / 60000 + 1);
	struct subnet first = {.addr = {.bytes = {4}}, .len = 64};
	assert_null(wait_take(wait, &first, ALL));
	wait_free(wait);
}

/* Small packets are bounded by their number: each costs memory of its own. */
static void number_of_all_is_bounded(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	for (uint32_t i = 0; i < WAIT_PACKETS_MAX + 5; i++) {
		struct ip6 address = {.bytes = {4, [6] = (uint8_t)(i >> 8), [7] = (uint8_t)i}};
		wait_add(wait, &address, numbered(PARCEL_TRANSIT, i, 40), 5000, 0);
	}
	assert_int_equal(wait_count(wait), WAIT_PACKETS_MAX);
	assert_int_equal(wait_counters(wait)->dropped, 5);
	struct subnet gone = subnet_of(4), oldest = subnet_of(5);
	assert_null(wait_take(wait, &gone, ALL));
	assert_list(wait_take(wait, &oldest, ALL), 5);
	wait_free(wait);
}

static void deadlines(void **state)
{
	(void)state;
	struct wait *wait = wait_new(1);
	struct ip6 address = address_of(1, 1);
	struct subnet one = subnet_of(1);
	wait_add(wait, &address, numbered(PARCEL_EGRESS, 1, 10), 3000, 1000);
	wait_add(wait, &address, numbered(PARCEL_EGRESS, 2, 10), 2000, 1000);
	wait_add(wait, &address, numbered(PARCEL_EGRESS, 3, 10), UINT64_MAX, 1000);
	wait_add(wait, &address, numbered(PARCEL_EGRESS, 4, 10), 500, 1000);
	assert_int_equal(wait_next_deadline(wait), 500);
	assert_list(wait_take_expired(wait, 1000), 4);
	assert_null(wait_take_expired(wait, 1999));
	assert_list(wait_take_expired(wait, 3000), 2, 1);
	assert_int_equal(wait_next_deadline(wait), 1000 + WAIT_MS_MAX);
	assert_null(wait_take_expired(wait, 1000 + WAIT_MS_MAX - 1));
	assert_list(wait_take_expired(wait, 1000 + WAIT_MS_MAX), 3);
	assert_int_equal(wait_counters(wait)->expired, 4);
	assert_null(wait_take(wait, &one, ALL));
	assert_true(wait_next_deadline(wait) == TIMERS_NEVER_MS);
	assert_counters(wait);
	wait_free(wait);
}

/* ---- twin -------------------------------------------------------------------------------------------------------- */

struct twin_item {
	uint8_t subnet, host;
	enum parcel_kind kind;
	uint32_t number;
	size_t len;
	uint64_t deadline_ms;
};

struct twin {
	struct twin_item items[20000];
	size_t count;
	struct wait_counters counters;
};

static void twin_remove(struct twin *twin, size_t i)
{
	memmove(twin->items + i, twin->items + i + 1, (--twin->count - i) * sizeof(twin->items[0]));
}

static size_t twin_bytes(const struct twin *twin, int subnet, size_t *ret_count, size_t *ret_oldest)
{
	size_t bytes = 0;
	*ret_count = 0;
	for (size_t i = twin->count; i-- > 0;) {
		if (subnet >= 0 && twin->items[i].subnet != subnet)
			continue;
		bytes += twin->items[i].len;
		*ret_oldest = i;
		++*ret_count;
	}
	return bytes;
}

static void twin_add(struct twin *twin, struct twin_item item, uint64_t now_ms)
{
	size_t count, oldest = 0;
	if (item.deadline_ms > now_ms + 15000)
		item.deadline_ms = now_ms + 15000;
	twin->counters.enqueued++;
	while (twin_bytes(twin, -1, &count, &oldest) + item.len > 4194304 || count == 16384) {
		twin_remove(twin, oldest);
		twin->counters.dropped++;
	}
	while (twin_bytes(twin, item.subnet, &count, &oldest) + item.len > 131072 || count == 64) {
		twin_remove(twin, oldest);
		twin->counters.dropped++;
	}
	twin->items[twin->count++] = item;
}

static void assert_taken(struct twin *twin, struct parcel *first, int subnet, int host_from, unsigned kinds)
{
	for (size_t i = 0; i < twin->count;) {
		const struct twin_item *item = &twin->items[i];
		if (item->subnet != subnet || item->host < host_from || (kinds & 1u << item->kind) == 0) {
			i++;
			continue;
		}
		struct parcel *next = first != NULL ? first->next : NULL;
		if (first != NULL)
			first->next = NULL;
		assert_list(first, item->number);
		first = next;
		twin_remove(twin, i);
		twin->counters.dequeued++;
	}
	assert_null(first);
}

static void assert_expired(struct twin *twin, struct parcel *first, uint64_t now_ms)
{
	for (;;) {
		size_t best = twin->count;
		for (size_t i = twin->count; i-- > 0;)
			if (twin->items[i].deadline_ms <= now_ms &&
			    (best == twin->count || twin->items[i].deadline_ms <= twin->items[best].deadline_ms))
				best = i;
		if (best == twin->count)
			break;
		struct parcel *next = first != NULL ? first->next : NULL;
		if (first != NULL)
			first->next = NULL;
		assert_list(first, twin->items[best].number);
		first = next;
		twin_remove(twin, best);
		twin->counters.expired++;
	}
	assert_null(first);
}

static void assert_same(const struct twin *twin, const struct wait *wait)
{
	size_t count, oldest;
	uint64_t next = TIMERS_NEVER_MS;
	for (size_t i = 0; i < twin->count; i++)
		next = twin->items[i].deadline_ms < next ? twin->items[i].deadline_ms : next;
	assert_int_equal(wait_bytes(wait), twin_bytes(twin, -1, &count, &oldest));
	assert_int_equal(wait_count(wait), count);
	assert_true(wait_next_deadline(wait) == next);
	assert_memory_equal(wait_counters(wait), &twin->counters, sizeof(twin->counters));
	assert_counters(wait);
}

static void random_step(struct twin *twin, struct wait *wait, struct rng *rng, uint32_t number, uint64_t now_ms)
{
	uint8_t subnet = (uint8_t)rng_below(rng, 160);
	unsigned kinds = (unsigned)rng_below(rng, 8);
	uint64_t what = rng_below(rng, 100);
	if (what < 90) {
		size_t len = 4 + (rng_below(rng, 3) == 0 ? rng_below(rng, 65000) : rng_below(rng, 3000));
		/* Some subnets get many: their own limits matter. */
		struct twin_item item = {
			.subnet = what < 30 ? (uint8_t)(what % 3) : subnet,
			.host = (uint8_t)rng_next(rng),
			.kind = (enum parcel_kind)rng_below(rng, 3),
			.number = number,
			.len = len,
			.deadline_ms = now_ms + rng_below(rng, 25000),
		};
		struct ip6 address = address_of(item.subnet, item.host);
		wait_add(wait, &address, numbered(item.kind, number, len), item.deadline_ms, now_ms);
		twin_add(twin, item, now_ms);
	} else if (what < 94) {
		struct subnet all = subnet_of(subnet);
		assert_taken(twin, wait_take(wait, &all, kinds), subnet, 0, kinds);
	} else if (what < 96) {
		struct subnet half = {.addr = address_of(subnet, 128), .len = 121};
		assert_taken(twin, wait_take(wait, &half, kinds), subnet, 128, kinds);
	} else {
		assert_expired(twin, wait_take_expired(wait, now_ms), now_ms);
	}
}

static void random_operations(void **state)
{
	(void)state;
	struct twin *twin = calloc(1, sizeof(*twin));
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct rng rng = rng_seeded(seed);
		struct wait *wait = wait_new(seed);
		uint64_t now_ms = 100000;
		memset(twin, 0, sizeof(*twin));
		for (uint32_t step = 0; step < 2500; step++) {
			now_ms += rng_below(&rng, seed == 3 ? 4 : 60);
			random_step(twin, wait, &rng, step, now_ms);
			assert_same(twin, wait);
		}
		assert_true(twin->counters.dequeued > 0 && twin->counters.expired > 0 && twin->counters.dropped > 0);
		wait_free(wait);
	}
	free(twin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_kinds),
		cmocka_unit_test(longer_prefix),
		cmocka_unit_test(oldest_of_a_subnet_gives_way),
		cmocka_unit_test(bytes_of_a_subnet_are_bounded),
		cmocka_unit_test(all_together_are_bounded),
		cmocka_unit_test(number_of_all_is_bounded),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(random_operations),
	};
	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
