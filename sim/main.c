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

struct arguments {
	uint64_t seed;
	const struct scenario *scenario;
	struct scenario_options options;
};

static void print_help(FILE *out)
{
	fputs("Usage: mycelium-sim [OPTION]...\n"
	      "Runs a network of routers in virtual time and checks their invariants after every event.\n\n"
	      "  --seed N         repeat the run of this seed (default: a new one)\n"
	      "  --nodes N        2 to 2000 nodes (default: 40)\n"
	      "  --topology T     line, ring, grid, star or random (default: random)\n"
	      "  --degree D       mean number of links of a node in a random topology (default: 4)\n"
	      "  --minutes M      length of the run (default: 10)\n"
	      "  --slow BYTES     every fourth link holds at most so many control bytes, 96 or more (default: no "
	      "limit)\n"
	      "  --scenario S     what happens (default: random):\n",
	      out);
	for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++)
		fprintf(out, "                     %-8s %s\n", scenario->name, scenario->summary);
	fputs("\nThe exit status is 1 when an invariant broke: seed and event are printed.\n\n"
	      "Examples:\n"
	      "  mycelium-sim --nodes 60 --minutes 30\n"
	      "  mycelium-sim --seed 7 --topology ring --scenario cuts\n",
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
		       complain("--topology", value, "line, ring, grid, star or random");
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
	case 'c':
		ret->scenario = scenario_find(value);
		return ret->scenario != NULL || complain("--scenario", value, "one of those that --help lists");
	default:
		fputs("mycelium-sim: --help shows the options\n", stderr);
		return false;
	}
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"seed", required_argument, NULL, 's'},
		{"nodes", required_argument, NULL, 'n'},
		{"topology", required_argument, NULL, 't'},
		{"degree", required_argument, NULL, 'd'},
		{"minutes", required_argument, NULL, 'm'},
		{"slow", required_argument, NULL, 'l'},
		{"scenario", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct arguments arguments = {
		.scenario = scenarios,
		.options = {.topology = TOPOLOGY_RANDOM, .nodes = 40, .degree = 4, .span_ms = 600000},
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
	printf("seed %" PRIu64 "\n", arguments.seed);
	fflush(stdout);
	struct world *world = world_new(arguments.seed);
	arguments.scenario->run(world, &arguments.options);
	report_print(world, stdout);
	bool is_broken = world->is_broken;
	if (is_broken)
		fprintf(stderr, "mycelium-sim: broken: %s\n", world->broken);
	world_free(world);
	return is_broken ? 1 : 0;
}
