// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/timers.h"

enum { TIMERS = 200, STEPS = 50000 };

static void earliest_first_ties_in_order_of_arming(void **state)
{
	(void)state;
	struct timers timers = {0};
	struct timer a = {.kind = 1}, b = {.kind = 2}, c = {.kind = 3};
	assert_true(timers_next_ms(&timers) == TIMERS_NEVER_MS);
	assert_null(timers_pop_due(&timers, UINT64_MAX - 1));
	assert_int_equal(timers_arm(&timers, &a, 20), 0);
	assert_int_equal(timers_arm(&timers, &b, 10), 0);
	assert_int_equal(timers_arm(&timers, &c, 20), 0);
	assert_true(timers_next_ms(&timers) == 10);
	assert_null(timers_pop_due(&timers, 9));
	assert_ptr_equal(timers_pop_due(&timers, 20), &b);
	assert_false(timer_armed(&b));
	assert_ptr_equal(timers_pop_due(&timers, 20), &a);
	assert_ptr_equal(timers_pop_due(&timers, 20), &c);
	assert_null(timers_pop_due(&timers, 20));
	timers_free(&timers);
}

static void rearmed_never_fires_at_its_old_time(void **state)
{
	(void)state;
	struct timers timers = {0};
	struct timer a = {0}, b = {0};
	timers_arm(&timers, &a, 10);
	timers_arm(&timers, &b, 15);
	timers_arm(&timers, &a, 30);
	assert_ptr_equal(timers_pop_due(&timers, 20), &b);
	assert_null(timers_pop_due(&timers, 29));
	timers_disarm(&timers, &b);
	timers_disarm(&timers, &a);
	assert_null(timers_pop_due(&timers, 100));
	/* Re-arming for the same time puts it behind its equals. */
	timers_arm(&timers, &a, 50);
	timers_arm(&timers, &b, 50);
	timers_arm(&timers, &a, 50);
	assert_ptr_equal(timers_pop_due(&timers, 50), &b);
	assert_ptr_equal(timers_pop_due(&timers, 50), &a);
	timers_free(&timers);
}

/* The twin: an array that is searched from end to end. */
struct twin {
	bool armed[TIMERS];
	uint64_t at_ms[TIMERS];
	uint64_t order[TIMERS];
	uint64_t next_order;
};

static int twin_first(const struct twin *twin)
{
	int first = -1;
	for (int i = 0; i < TIMERS; i++) {
		if (!twin->armed[i])
			continue;
		if (first < 0 || twin->at_ms[i] < twin->at_ms[first] ||
		    (twin->at_ms[i] == twin->at_ms[first] && twin->order[i] < twin->order[first]))
			first = i;
	}
	return first;
}

static void check_pop(struct timers *timers, struct timer *all, struct twin *twin, uint64_t now)
{
	int first = twin_first(twin);
	struct timer *popped = timers_pop_due(timers, now);
	if (first < 0 || twin->at_ms[first] > now) {
		assert_null(popped);
		return;
	}
	assert_ptr_equal(popped, &all[first]);
	twin->armed[first] = false;
}

static void agrees_with_a_naive_twin(void **state)
{
	(void)state;
	static struct timer all[TIMERS];
	static struct twin twin;
	struct timers timers = {0};
	struct rng rng = rng_seeded(1);
	uint64_t now = 0;
	for (int step = 0; step < STEPS; step++) {
		size_t i = rng_below(&rng, TIMERS);
		switch (rng_below(&rng, 5)) {
		case 0:
		case 1:
			twin.at_ms[i] = now + rng_below(&rng, 50);
			twin.order[i] = twin.next_order++;
			twin.armed[i] = true;
			assert_int_equal(timers_arm(&timers, &all[i], twin.at_ms[i]), 0);
			break;
		case 2:
			twin.armed[i] = false;
			timers_disarm(&timers, &all[i]);
			break;
		case 3:
			now += rng_below(&rng, 5);
			break;
		default:
			check_pop(&timers, all, &twin, now);
		}
		int first = twin_first(&twin);
		assert_true(timers_next_ms(&timers) == (first < 0 ? TIMERS_NEVER_MS : twin.at_ms[first]));
		assert_int_equal(timer_armed(&all[i]), twin.armed[i]);
	}
	timers_free(&timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(earliest_first_ties_in_order_of_arming),
		cmocka_unit_test(rearmed_never_fires_at_its_old_time),
		cmocka_unit_test(agrees_with_a_naive_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
