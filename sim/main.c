// SPDX-License-Identifier: Apache-2.0
/* mycelium-sim: a network of routers in virtual time. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "sim/report.h"
#include "sim/scenario.h"
#include "sim/world.h"

enum { SHRINK_TRIALS = 300 };

struct arguments {
	uint64_t seed;
	const struct scenario *scenario;
	struct scenario_options options;
	const char *replay; /* scenario file, or NULL */
	const char *save;   /* where a scenario file is to be written, or NULL */
	uint64_t seeds;     /* how many runs */
	bool traces;        /* the TLVs about one node */
	size_t traced;
};

static void print_help(FILE *out)
{
	fputs("Usage: mycelium-sim [OPTION]...\n"
	      "Runs a network of routers in virtual time and checks their invariants after every event.\n\n"
	      "  --seed N         repeat the run of this seed (default: a new one)\n"
	      "  --nodes N        2 to 2000 nodes (default: 40)\n"
	      "  --seeds N        so many runs, of this seed and those that follow (default: 1); stops at one that breaks\n"
	      "  --replay FILE    repeat a scenario file\n"
	      "  --save FILE      write a random history as a scenario file; when it breaks, one that is as short as can be\n"
	      "                   found within a minute or so (default: SEED.scenario when it breaks)\n"
	      "  --topology T     line, ring, grid, star, random or bridge (default: random)\n"
	      "  --degree D       mean number of links of a node in a random or bridge topology (default: 4)\n"
	      "  --deployed N     each Nth node behaves like deployed ones (default: none)\n"
	      "  --flows N        so many flows, in scenarios with steady traffic (default: as many as nodes)\n"
	      "  --minutes M      length of the run (default: 10)\n"
	      "  --trace N        print each message about the subnet of node N\n"
	      "  --slow BYTES     every fourth link holds at most so many control bytes, 96 or more (default: no "
	      "limit)\n"
	      "  --scenario S     what happens (default: random):\n",
	      out);
	for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++)
		fprintf(out, "                     %-8s %s\n", scenario->name, scenario->summary);
	fputs("\nThe exit status is 1 when an invariant broke: seed and event are printed.\n\n"
	      "Examples:\n"
	      "  mycelium-sim --nodes 60 --minutes 30\n"
	      "  mycelium-sim --seed 7 --topology ring --scenario cuts\n"
	      "  mycelium-sim --seed 1 --seeds 1000 --minutes 2\n"
	      "  mycelium-sim --replay tests/sim/scenarios/requests-in-vain.scenario\n",
	      out);
}

static bool complain(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "mycelium-sim: %s %s: expected %s\n", option, value, wanted);
	return false;
}

/* A whole number in low..high. */
static bool parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < low || value > high)
		return false;
	*ret = value;
	return true;
}

static bool parse_degree(const char *text, double *ret)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value >= 1 && value <= WORLD_NODES_MAX))
		return false;
	*ret = value;
	return true;
}

static bool parse_option(int option, const char *value, struct arguments *ret)
{
	struct scenario_options *options = &ret->options;
	uint64_t number = 0;
	switch (option) {
	case 's':
		return parse_number(value, 0, UINT64_MAX, &ret->seed) || complain("--seed", value, "a number");
	case 'n':
		if (!parse_number(value, 2, WORLD_NODES_MAX, &number))
			return complain("--nodes", value, "2 to 2000");
		options->nodes = (size_t)number;
		return true;
	case 't':
		return topology_parse(value, &options->topology) ||
		       complain("--topology", value, "line, ring, grid, star, random or bridge");
	case 'd':
		return parse_degree(value, &options->degree) || complain("--degree", value, "a number from 1 to 2000");
	case 'm':
		if (!parse_number(value, 1, 100000, &number))
			return complain("--minutes", value, "1 to 100000");
		options->span_ms = number * 60000;
		return true;
	case 'l':
		if (!parse_number(value, TLV_FRAME_SIZE_MAX, UINT32_MAX, &number))
			return complain("--slow", value, "96 or more bytes");
		options->credit_bytes = (size_t)number;
		return true;
	case 'p':
		if (!parse_number(value, 0, WORLD_NODES_MAX, &number))
			return complain("--deployed", value, "a number");
		options->deployed_every = (size_t)number;
		return true;
	case 'w':
		if (!parse_number(value, 1, 1000000, &number))
			return complain("--flows", value, "1 to 1000000");
		options->flows = (size_t)number;
		return true;
	case 'x':
		if (!parse_number(value, 0, WORLD_NODES_MAX - 1, &number))
			return complain("--trace", value, "the number of a node");
		ret->traces = true;
		ret->traced = (size_t)number;
		return true;
	case 'k':
		return parse_number(value, 1, UINT64_MAX, &ret->seeds) || complain("--seeds", value, "1 or more");
	case 'r':
		ret->replay = value;
		return true;
	case 'f':
		ret->save = value;
		return true;
	case 'c':
		ret->scenario = scenario_find(value);
		return ret->scenario != NULL || complain("--scenario", value, "one of those that --help lists");
	default:
		fputs("mycelium-sim: --help shows the options\n", stderr);
		return false;
	}
}

/* ---- runs ---------------------------------------------------------------------------------------------------------- */

static void save(const struct plan *plan, const char *path, const char *comment)
{
	FILE *out = fopen(path, "w");
	if (out == NULL) {
		fprintf(stderr, "mycelium-sim: cannot write %s: %s\n", path, strerror(errno));
		return;
	}
	if (comment != NULL)
		fprintf(out, "# %s\n", comment);
	plan_write(plan, out);
	fclose(out);
	printf("scenario file: %s\n", path);
}

/* Makes what broke short, and writes it down. */
static void save_broken(const struct arguments *arguments, struct plan *plan)
{
	char path[64], text[WORLD_BROKEN_TEXT_SIZE] = "";
	snprintf(path, sizeof(path), "%" PRIu64 ".scenario", plan->seed);
	plan_shrink(plan, SHRINK_TRIALS, plan_is_broken);
	plan_breaks(plan, text);
	save(plan, arguments->save != NULL ? arguments->save : path, text);
}

static bool report(const struct world *world)
{
	report_print(world, stdout);
	if (world->is_broken)
		fprintf(stderr, "mycelium-sim: broken: %s\n", world->broken);
	return !world->is_broken;
}

static struct world *start(const struct arguments *arguments, uint64_t seed)
{
	struct world *world = world_new(seed);
	world->observer = arguments->traces ? report_tlv : NULL;
	world->observer_context = (void *)(uintptr_t)&arguments->traced;
	return world;
}

/* Returns whether nothing broke. */
static bool run_plan(const struct arguments *arguments, struct plan *plan)
{
	struct world *world = start(arguments, plan->seed);
	plan_run(plan, world);
	bool is_whole = report(world);
	world_free(world);
	if (!is_whole && (arguments->replay == NULL || arguments->save != NULL))
		save_broken(arguments, plan);
	else if (arguments->save != NULL)
		save(plan, arguments->save, NULL);
	return is_whole;
}

static bool run_replay(const struct arguments *arguments)
{
	struct plan plan = {0};
	FILE *in = fopen(arguments->replay, "r");
	if (in == NULL) {
		fprintf(stderr, "mycelium-sim: cannot read %s: %s\n", arguments->replay, strerror(errno));
		return false;
	}
	unsigned line = plan_read(in, &plan);
	fclose(in);
	if (line > 0)
		fprintf(stderr, "mycelium-sim: %s:%u: not a line of a scenario file\n", arguments->replay, line);
	bool is_whole = line == 0 && run_plan(arguments, &plan);
	plan_release(&plan);
	return is_whole;
}

static bool run_seed(const struct arguments *arguments, uint64_t seed)
{
	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);
	bool is_whole;
	if (arguments->scenario->run == scenario_run_random) {
		struct plan plan = scenario_plan(seed, &arguments->options);
		is_whole = run_plan(arguments, &plan);
		plan_release(&plan);
		return is_whole;
	}
	struct world *world = start(arguments, seed);
	arguments->scenario->run(world, &arguments->options);
	is_whole = report(world);
	world_free(world);
	return is_whole;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"seed", required_argument, NULL, 's'},
		{"trace", required_argument, NULL, 'x'},
		{"seeds", required_argument, NULL, 'k'},
		{"replay", required_argument, NULL, 'r'},
		{"save", required_argument, NULL, 'f'},
		{"nodes", required_argument, NULL, 'n'},
		{"topology", required_argument, NULL, 't'},
		{"degree", required_argument, NULL, 'd'},
		{"deployed", required_argument, NULL, 'p'},
		{"flows", required_argument, NULL, 'w'},
		{"minutes", required_argument, NULL, 'm'},
		{"slow", required_argument, NULL, 'l'},
		{"scenario", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct arguments arguments = {
		.scenario = scenarios,
		.options = {.topology = TOPOLOGY_RANDOM, .nodes = 40, .degree = 4, .span_ms = 600000},
		.seeds = 1,
	};
	random_fill(&arguments.seed, sizeof(arguments.seed));
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 'h') {
			print_help(stdout);
			return 0;
		}
		if (!parse_option(option, optarg, &arguments))
			return 2;
	}
	if (optind < argc) {
		fprintf(stderr, "mycelium-sim: unexpected argument \"%s\"; --help shows the options\n", argv[optind]);
		return 2;
	}
	if (arguments.replay != NULL)
		return run_replay(&arguments) ? 0 : 1;
	for (uint64_t i = 0; i < arguments.seeds; i++) {
		if (!run_seed(&arguments, arguments.seed + i))
			return 1;
	}
	return 0;
}
