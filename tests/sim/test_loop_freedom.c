// SPDX-License-Identifier: Apache-2.0
/* P1, P2: no loop and no broken invariant through joins, cuts, heals, restarts and changes of cost, and all nodes reach
 * one another afterwards. Each seed is one history; a seed that once failed belongs into `old_seeds`. */
#include "sim_test.h"

enum { SEEDS = 500 };

/* 117, 186, 366, 1416: a loop across two starts of a node that stayed. 110, 123: a seqno request repeated too soon. */
static const uint64_t old_seeds[] = {110, 117, 123, 186, 366, 1416};

static void run_history(uint64_t seed)
{
	struct world *world = world_new(seed);
	const struct scenario_options options = {
		.topology = (enum topology)(seed % TOPOLOGY_COUNT),
		.nodes = 12 + seed % 29,
		.degree = 2.5 + (double)(seed % 4),
		.span_ms = 120000,
		.credit_bytes = seed % 3 == 0 ? 200 : 0,
	};
	scenario_run_random(world, &options);
	if (world->is_broken)
		print_message("again: mycelium-sim --seed %" PRIu64
			      " --minutes 2 --nodes %zu --topology %s --degree %.1f%s\n",
			      seed, options.nodes, topology_name(options.topology), options.degree,
			      options.credit_bytes > 0 ? " --slow 200" : "");
	assert_whole(world);
	world_free(world);
}

static void test_random_histories(void **state)
{
	(void)state;
	uint64_t first = test_seed(1000);
	print_message("seeds %" PRIu64 " to %" PRIu64 "\n", first, first + SEEDS - 1);
	for (uint64_t seed = first; seed < first + SEEDS; seed++)
		run_history(seed);
}

static void test_old_seeds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(old_seeds) / sizeof(old_seeds[0]); i++) {
		print_message("seed %" PRIu64 "\n", old_seeds[i]);
		run_history(old_seeds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_seeds),
		cmocka_unit_test(test_random_histories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
