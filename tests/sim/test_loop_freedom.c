// SPDX-License-Identifier: Apache-2.0
/* P1, P2: no loop and no broken invariant through joins, cuts, partitions, restarts, pauses, clock jumps and changes of
 * cost, and all nodes reach one another afterwards. Each seed is one history. One that breaks is made short and written
 * to a scenario file, which belongs into scenarios/ once it is understood.
 *
 * In a quarter of them every second node behaves like deployed ones. MYCELIUM_SIM_SEEDS sets the number of histories of
 * 40 nodes; a tenth as many have 300. */
#include <stdio.h>

#include "sim_test.h"

enum { SHRINK_TRIALS = 100, SMALL = 40, LARGE = 300 };

static uint64_t seeds_to_run(void)
{
	const char *text = getenv("MYCELIUM_SIM_SEEDS");
	return text != NULL ? strtoull(text, NULL, 10) : SIM_SEEDS;
}

static void fail_with_scenario(struct plan *plan, const char *text)
{
	char path[64];
	snprintf(path, sizeof(path), "%" PRIu64 ".scenario", plan->seed);
	plan_shrink(plan, SHRINK_TRIALS, plan_is_broken);
	FILE *out = fopen(path, "w");
	if (out != NULL) {
		plan_write(plan, out);
		fclose(out);
	}
	plan_release(plan);
	fail_msg("%s; again: mycelium-sim --replay %s", text, path);
}

static void run_history(uint64_t seed, const struct scenario_options *options, bool with_hostile)
{
	struct plan plan = scenario_plan(seed, options);
	if (with_hostile)
		plan.hostiles[plan.hostile_count++] = (struct plan_hostile){
			.node = seed % options->nodes,
			.attack = (enum attack)(seed / 8 % ATTACK_COUNT),
			.rate = 20,
		};
	char text[WORLD_BROKEN_TEXT_SIZE];
	if (plan_breaks(&plan, text))
		fail_with_scenario(&plan, text);
	plan_release(&plan);
}

static void test_small_histories(void **state)
{
	(void)state;
	uint64_t first = test_seed(1000), count = seeds_to_run();
	print_message("seeds %" PRIu64 " to %" PRIu64 "\n", first, first + count - 1);
	for (uint64_t seed = first; seed < first + count; seed++) {
		const struct scenario_options options = {
			.topology = (enum topology)(seed % TOPOLOGY_COUNT),
			.nodes = SMALL,
			.degree = 2.5 + (double)(seed % 4),
			.span_ms = 120000,
			.credit_bytes = seed % 5 == 0 ? 200 : 0,
			.deployed_every = seed % 4 == 3 ? 2 : 0,
		};
		run_history(seed, &options, seed % 8 == 0);
	}
}

static void test_large_histories(void **state)
{
	(void)state;
	uint64_t first = test_seed(100000), count = seeds_to_run() / 10;
	print_message("seeds %" PRIu64 " to %" PRIu64 "\n", first, first + count - 1);
	for (uint64_t seed = first; seed < first + count; seed++) {
		const struct scenario_options options = {
			.topology = seed % 3 == 0 ? TOPOLOGY_BRIDGE : TOPOLOGY_RANDOM,
			.nodes = LARGE,
			.degree = seed % 2 == 0 ? 4 : 3,
			.span_ms = 60000,
			.deployed_every = seed % 4 == 3 ? 2 : 0,
		};
		run_history(seed, &options, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_histories),
		cmocka_unit_test(test_large_histories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
