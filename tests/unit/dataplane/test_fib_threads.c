// SPDX-License-Identifier: Apache-2.0
/*
 * Readers look up while the writer changes: an entry seen is always one that the writer made, whole. Each entry says
 * who it is: peer, expiry and all bytes of the secret follow from one number.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/fib.h"

enum { READERS = 3, SUBNETS = 300, CHANGES = 8000, LOOKUPS_BETWEEN_RESTS = 50 };

struct reader_thread {
	pthread_t thread;
	struct fib *fib;
	atomic_bool *stop;
	uint64_t seed;
	_Atomic uint64_t found, torn;
};

static struct subnet subnet_number(uint64_t number)
{
	return (struct subnet){.addr = ip6_from_upper64(UINT64_C(0x0400000000000000) + number * 0x10001), .len = 64};
}

/* What a route of generation g of a subnet looks like. */
static bool consistent(const struct fib_route *route, uint64_t number)
{
	struct subnet expected = subnet_number(number);
	if (!subnet_equal(&route->subnet, &expected))
		return false;
	if (route->peer != FIB_NO_PEER && route->expires_ms != (uint64_t)route->peer * 1000 + number)
		return false;
	if (route->secret == NULL)
		return route->peer != FIB_NO_PEER;
	for (unsigned i = 1; i < KEY_SIZE; i++)
		if (route->secret->secret.bytes[i] != route->secret->secret.bytes[0])
			return false;
	return route->secret->id != 0 && route->secret->secret.bytes[0] == (uint8_t)(number % 255 + 1);
}

static void *read_on(void *context)
{
	struct reader_thread *self = context;
	struct rng rng = rng_seeded(self->seed);
	fib_reader_start();
	while (!atomic_load(self->stop)) {
		for (int i = 0; i < LOOKUPS_BETWEEN_RESTS; i++) {
			uint64_t number = rng_below(&rng, SUBNETS);
			struct ip6 address = subnet_number(number).addr;
			address.bytes[15] = 1;
			const struct fib_route *route = fib_lookup(self->fib, &address);
			self->found += route != NULL;
			self->torn += route != NULL && !consistent(route, number);
		}
		fib_reader_rest(self->fib);
		fib_reader_resume();
	}
	fib_reader_end(self->fib);
	return NULL;
}

static void change(struct fib *fib, struct rng *rng)
{
	uint64_t number = rng_below(rng, SUBNETS);
	struct subnet subnet = subnet_number(number);
	struct shared_secret secret;
	uint32_t peer = (uint32_t)rng_below(rng, 1000000);
	memset(secret.bytes, (int)(number % 255 + 1), sizeof(secret.bytes));
	switch (rng_below(rng, 5)) {
	case 0:
	case 1:
		assert_int_equal(fib_set_route(fib, &subnet, peer, (uint64_t)peer * 1000 + number), 0);
		break;
	case 2:
		assert_int_equal(fib_set_secret(fib, &subnet, &secret), 0);
		break;
	case 3:
		fib_clear_route(fib, &subnet);
		break;
	default:
		fib_clear_secret(fib, &subnet);
	}
}

static bool all_found_much(struct reader_thread readers[static READERS])
{
	for (unsigned i = 0; i < READERS; i++)
		if (atomic_load(&readers[i].found) < CHANGES)
			return false;
	return true;
}

static void readers_see_whole_entries(void **state)
{
	(void)state;
	static struct reader_thread readers[READERS];
	atomic_bool stop = false;
	struct rng rng = rng_seeded(1);
	struct fib *fib = fib_new(1);
	for (unsigned i = 0; i < READERS; i++) {
		readers[i].fib = fib;
		readers[i].stop = &stop;
		readers[i].seed = i + 10;
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	for (unsigned i = 0; i < CHANGES || !all_found_much(readers); i++) {
		change(fib, &rng);
		if (i % 32 == 0)
			fib_reclaim(fib);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].torn, 0);
	}
	fib_free(fib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_entries)};
	return cmocka_run_group_tests_name("fib_threads", tests, NULL, NULL);
}
