// SPDX-License-Identifier: Apache-2.0
/* P19: the same seed gives the same bytes on every link at the same times. */
#include "sim_test.h"

static uint64_t run_digest(uint64_t seed, size_t credit_bytes)
{
	struct world *world = world_new(seed);
	const struct scenario_options options = {
		.topology = TOPOLOGY_RANDOM,
		.nodes = 20,
		.degree = 4,
		.span_ms = 300000,
		.credit_bytes = credit_bytes,
	};
	scenario_run_random(world, &options);
	assert_whole(world);
	uint64_t digest = world->digest;
	world_free(world);
	return digest;
}

static void test_same_seed_same_bytes(void **state)
{
	(void)state;
	uint64_t seed = test_seed(11);
	print_message("seed %" PRIu64 "\n", seed);
	assert_int_equal(run_digest(seed, 0), run_digest(seed, 0));
	assert_int_equal(run_digest(seed, 200), run_digest(seed, 200));
}

/* The digest would notice a difference. */
static void test_other_seed_other_bytes(void **state)
{
	(void)state;
	uint64_t seed = test_seed(11);
	assert_int_not_equal(run_digest(seed, 0), run_digest(seed + 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_bytes),
		cmocka_unit_test(test_other_seed_other_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
