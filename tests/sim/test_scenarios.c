// SPDX-License-Identifier: Apache-2.0
/* Scenario files: each one in the folder once broke something and does so no more; and what they are made of. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "sim_test.h"

static void replay(const char *path)
{
	struct plan plan;
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	assert_int_equal(plan_read(in, &plan), 0);
	fclose(in);
	assert_true(plan.fault_count > 0);
	char text[WORLD_BROKEN_TEXT_SIZE];
	if (plan_breaks(&plan, text))
		fail_msg("%s: %s", path, text);
	plan_release(&plan);
}

static void test_old_scenarios_hold(void **state)
{
	(void)state;
	DIR *folder = opendir(SCENARIOS_DIR);
	assert_non_null(folder);
	size_t found = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (strstr(entry->d_name, ".scenario") == NULL)
			continue;
		char path[sizeof(SCENARIOS_DIR) + sizeof(entry->d_name) + 1];
		snprintf(path, sizeof(path), "%s/%s", SCENARIOS_DIR, entry->d_name);
		print_message("%s\n", entry->d_name);
		replay(path);
		found++;
	}
	closedir(folder);
	assert_true(found >= 3);
}

static struct plan any_plan(uint64_t seed)
{
	const struct scenario_options options = {
		.topology = TOPOLOGY_BRIDGE,
		.nodes = 12,
		.degree = 2.5,
		.span_ms = 60000,
		.credit_bytes = 200,
	};
	struct plan plan = scenario_plan(seed, &options);
	plan.hostiles[plan.hostile_count++] = (struct plan_hostile){.node = 3, .attack = ATTACK_MIXED, .rate = 20};
	return plan;
}

/* The text of a plan, to be freed. */
static char *text_of(const struct plan *plan)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	plan_write(plan, out);
	fclose(out);
	return text;
}

static struct plan plan_of(char *text, unsigned expected_line)
{
	struct plan plan;
	FILE *in = fmemopen(text, strlen(text), "r");
	assert_non_null(in);
	assert_int_equal(plan_read(in, &plan), expected_line);
	fclose(in);
	return plan;
}

static uint64_t digest_of(const struct plan *plan)
{
	struct world *world = world_new(plan->seed);
	plan_run(plan, world);
	assert_whole(world);
	uint64_t digest = world->digest;
	world_free(world);
	return digest;
}

/* What was written and read again is the same run, byte for byte. */
static void test_text_keeps_all(void **state)
{
	(void)state;
	struct plan plan = any_plan(test_seed(5));
	char *text = text_of(&plan);
	struct plan again = plan_of(text, 0);
	char *text_again = text_of(&again);
	assert_string_equal(text, text_again);
	assert_int_equal(digest_of(&plan), digest_of(&again));
	free(text);
	free(text_again);
	plan_release(&plan);
	plan_release(&again);
}

static void test_nonsense_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned line;
	} files[] = {
		{"", 0},
		{"# nothing\n\n  \nseed 1\n", 0},
		{"seed one\n", 1},
		{"seed 1\ntopology knot\n", 2},
		{"nodes 1\n", 1},
		{"nodes 4000\n", 1},
		{"slow 95\n", 1},
		{"hostile 1 rude 5\n", 1},
		{"5 cut\n", 1},
		{"5 cut 1 2\n", 1},
		{"5 explode 1\n", 1},
		{"5 cut 1\n4 cut 1\n", 2},
		{"5 cut 1 # fine\n5 heal 1\n", 0},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char text[100];
		snprintf(text, sizeof(text), "%s", files[i].text);
		struct plan plan = text[0] != '\0' ? plan_of(text, files[i].line) : (struct plan){0};
		plan_release(&plan);
	}
}

/* Faults for nodes and links that there are not do nothing. */
static void test_faults_out_of_range(void **state)
{
	(void)state;
	char text[] = "seed 3\ntopology line\nnodes 3\nend 2000\n0 start 0\n0 start 1\n0 start 2\n9 cut 99\n9 pause 99 5\n"
		      "9 replace 99\n9 flow 0 99 5\n9 flow 0 0 5\n9 flow 0 2 0\n9 delay 0 0\n9 mute 0 7\n";
	struct plan plan = plan_of(text, 0);
	char broken[WORLD_BROKEN_TEXT_SIZE];
	if (plan_breaks(&plan, broken))
		fail_msg("%s", broken);
	plan_release(&plan);
}

static bool has(const struct plan *plan, enum fault_kind kind)
{
	for (size_t i = 0; i < plan->fault_count; i++) {
		if (plan->faults[i].kind == kind)
			return true;
	}
	return false;
}

static bool has_both(const struct plan *plan)
{
	return has(plan, FAULT_MUTE) && has(plan, FAULT_JUMP);
}

static void test_shrinking_keeps_the_cause(void **state)
{
	(void)state;
	struct plan plan = any_plan(test_seed(6));
	plan_add(&plan, (struct fault){.at_ms = plan.end_ms, .kind = FAULT_MUTE});
	plan_add(&plan, (struct fault){.at_ms = plan.end_ms, .kind = FAULT_JUMP});
	assert_true(plan.fault_count > 20);
	plan_shrink(&plan, 1000, has_both);
	assert_int_equal(plan.fault_count, 2);
	assert_true(has_both(&plan));
	plan_release(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_scenarios_hold),
		cmocka_unit_test(test_text_keeps_all),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_faults_out_of_range),
		cmocka_unit_test(test_shrinking_keeps_the_cause),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
