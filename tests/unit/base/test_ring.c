// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/random.h"
#include "base/ring.h"

enum { CAPACITY = 64, ELEMENTS = 300000 };

struct element {
	uint64_t number;
	uint64_t check;
};

static uint64_t checksum(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15 + 1;
}

static void full_ring_refuses(void **state)
{
	(void)state;
	struct ring *ring = ring_new(sizeof(uint32_t), 4);
	assert_non_null(ring);
	assert_int_equal(ring_room(ring), 4);
	for (uint32_t i = 0; i < 4; i++)
		*(uint32_t *)ring_reserve(ring) = i;
	assert_null(ring_reserve(ring));
	assert_int_equal(ring_room(ring), 0);
	/* Reserved is not published. */
	assert_null(ring_front(ring));
	assert_true(ring_publish(ring));
	assert_false(ring_publish(ring));
	assert_int_equal(*(uint32_t *)ring_front(ring), 0);
	assert_int_equal(*(uint32_t *)ring_front(ring), 0);
	ring_pop(ring);
	assert_int_equal(ring_room(ring), 1);
	assert_non_null(ring_reserve(ring));
	assert_null(ring_reserve(ring));
	ring_free(ring);
	ring_free(NULL);
}

/* The twin is an array and three counters. */
static void agrees_with_a_naive_queue(void **state)
{
	(void)state;
	struct ring *ring = ring_new(sizeof(uint64_t), 16);
	struct rng rng = rng_seeded(1);
	uint64_t reserved = 0, published = 0, popped = 0;
	for (int i = 0; i < 100000; i++) {
		switch (rng_below(&rng, 3)) {
		case 0: {
			uint64_t *at = ring_reserve(ring);
			assert_int_equal(at != NULL, reserved - popped < 16);
			if (at != NULL)
				*at = reserved++;
			break;
		}
		case 1:
			assert_int_equal(ring_publish(ring), published != reserved);
			published = reserved;
			break;
		default: {
			uint64_t *at = ring_front(ring);
			assert_int_equal(at != NULL, popped != published);
			if (at != NULL) {
				assert_true(*at == popped++);
				ring_pop(ring);
			}
		}
		}
		assert_int_equal(ring_room(ring), 16 - (reserved - popped));
	}
	ring_free(ring);
}

static void *produce(void *context)
{
	struct ring *ring = context;
	struct rng rng = rng_seeded(2);
	for (uint64_t number = 0; number < ELEMENTS;) {
		uint64_t vector = rng_below(&rng, CAPACITY) + 1;
		struct element *element = NULL;
		for (; vector > 0 && number < ELEMENTS && (element = ring_reserve(ring)) != NULL; vector--, number++)
			*element = (struct element){number, checksum(number)};
		ring_publish(ring);
		if (element == NULL)
			sched_yield();
	}
	return NULL;
}

static void order_and_content_survive_two_threads(void **state)
{
	(void)state;
	struct ring *ring = ring_new(sizeof(struct element), CAPACITY);
	pthread_t producer;
	assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
	for (uint64_t expected = 0; expected < ELEMENTS;) {
		struct element *element = ring_front(ring);
		if (element == NULL) {
			sched_yield();
			continue;
		}
		assert_true(element->number == expected && element->check == checksum(expected));
		element->number = element->check = 0;
		ring_pop(ring);
		expected++;
	}
	pthread_join(producer, NULL);
	assert_null(ring_front(ring));
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_ring_refuses),
		cmocka_unit_test(agrees_with_a_naive_queue),
		cmocka_unit_test(order_and_content_survive_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
