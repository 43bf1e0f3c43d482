// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"
#include "peers/crossing.h"

static void test_sides(void **state)
{
	(void)state;
	/* In rising order; each pair of different rows has a lower and a higher node. */
	static const char *const texts[] = {
		"quic://[::ffff:1.2.3.4]:9651", "quic://1.2.3.4:9652",	      "quic://9.0.0.1:1",
		"quic://[2001:db8::1]:9651",	"quic://[2001:db8::1]:10000", "quic://[2001:db8::2]:1",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			struct endpoint local = endpoint_of(texts[i]), remote = endpoint_of(texts[j]);
			assert_int_equal(crossing_side_of(&local, &remote), i < j   ? CROSSING_LOWER
									    : i > j ? CROSSING_HIGHER
										    : CROSSING_UNKNOWN);
		}
	}
	/* The forms of one address are one, a scope is each node's own. */
	struct endpoint plain = endpoint_of("quic://1.2.3.4:1"), mapped = endpoint_of("quic://[::ffff:1.2.3.4]:1");
	assert_int_equal(crossing_side_of(&plain, &mapped), CROSSING_UNKNOWN);
	struct endpoint here = endpoint_of("quic://[fe80::1%7]:1"), there = endpoint_of("quic://[fe80::2%3]:1");
	assert_int_equal(crossing_side_of(&here, &there), CROSSING_LOWER);
	struct endpoint name = endpoint_of("quic://host.example:1"), cid = endpoint_of("vsock://2:3");
	assert_int_equal(crossing_side_of(&plain, &name), CROSSING_UNKNOWN);
	assert_int_equal(crossing_side_of(&cid, &plain), CROSSING_UNKNOWN);
}

/* The shortest wait of the higher node outlasts the longest of the lower one by more than an attempt may take. */
static void test_patience(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(1);
	uint64_t longest = 0, shortest = UINT64_MAX;
	for (int i = 0; i < 1000; i++) {
		uint64_t lower = crossing_patience(CROSSING_LOWER, &rng);
		uint64_t higher = crossing_patience(CROSSING_HIGHER, &rng);
		longest = lower > longest ? lower : longest;
		shortest = higher < shortest ? higher : shortest;
		assert_in_range(lower, 5000, 10000);
		assert_in_range(higher, 25000, 30000);
		assert_in_range(crossing_patience(CROSSING_UNKNOWN, &rng), 5000, 30000);
	}
	assert_true(shortest - longest > PEERS_CONNECT_TIMEOUT_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sides),
		cmocka_unit_test(test_patience),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
