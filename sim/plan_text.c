// SPDX-License-Identifier: Apache-2.0
/* Scenario files. */
#include <inttypes.h>
#include <string.h>

#include "sim/plan.h"

enum { LINE_SIZE = 200, WORD_SIZE = 32 };

void plan_write(const struct plan *plan, FILE *out)
{
	fprintf(out, "seed %" PRIu64 "\ntopology %s\nnodes %zu\ndegree %g\n", plan->seed, topology_name(plan->topology),
		plan->nodes, plan->degree);
	if (plan->credit_bytes > 0)
		fprintf(out, "slow %zu\n", plan->credit_bytes);
	if (plan->deployed_every > 0)
		fprintf(out, "deployed %zu\n", plan->deployed_every);
	for (size_t i = 0; i < plan->hostile_count; i++) {
		const struct plan_hostile *hostile = &plan->hostiles[i];
		fprintf(out, "hostile %zu %s %u\n", hostile->node, attack_name(hostile->attack), hostile->rate);
	}
	fprintf(out, "end %" PRIu64 "\n", plan->end_ms);
	for (size_t i = 0; i < plan->fault_count; i++)
		fault_write(&plan->faults[i], out);
}

static bool parse_hostile(const char *line, struct plan *plan)
{
	struct plan_hostile hostile;
	char name[WORD_SIZE];
	if (plan->hostile_count == PLAN_HOSTILES_MAX ||
	    sscanf(line, "hostile %zu %31s %u", &hostile.node, name, &hostile.rate) != 3 ||
	    !attack_parse(name, &hostile.attack))
		return false;
	plan->hostiles[plan->hostile_count++] = hostile;
	return true;
}

static bool parse_topology(const char *line, struct plan *plan)
{
	char name[WORD_SIZE];
	return sscanf(line, "topology %31s", name) == 1 && topology_parse(name, &plan->topology);
}

/* Faults come in order of time. */
static bool parse_fault(const char *line, struct plan *plan)
{
	struct fault fault;
	if (!fault_parse(line, &fault) ||
	    (plan->fault_count > 0 && plan->faults[plan->fault_count - 1].at_ms > fault.at_ms))
		return false;
	plan_add(plan, fault);
	return true;
}

static bool parse_line(const char *line, struct plan *plan)
{
	char word[WORD_SIZE];
	if (sscanf(line, "%31s", word) != 1)
		return true;
	if (strcmp(word, "hostile") == 0)
		return parse_hostile(line, plan);
	if (strcmp(word, "topology") == 0)
		return parse_topology(line, plan);
	if (strcmp(word, "seed") == 0)
		return sscanf(line, "seed %" SCNu64, &plan->seed) == 1;
	if (strcmp(word, "nodes") == 0)
		return sscanf(line, "nodes %zu", &plan->nodes) == 1 && plan->nodes >= 2 &&
		       plan->nodes <= WORLD_NODES_MAX;
	if (strcmp(word, "degree") == 0)
		return sscanf(line, "degree %lf", &plan->degree) == 1;
	if (strcmp(word, "slow") == 0)
		return sscanf(line, "slow %zu", &plan->credit_bytes) == 1 &&
		       (plan->credit_bytes == 0 || plan->credit_bytes >= TLV_FRAME_SIZE_MAX);
	if (strcmp(word, "deployed") == 0)
		return sscanf(line, "deployed %zu", &plan->deployed_every) == 1;
	if (strcmp(word, "end") == 0)
		return sscanf(line, "end %" SCNu64, &plan->end_ms) == 1;
	return parse_fault(line, plan);
}

unsigned plan_read(FILE *in, struct plan *ret)
{
	char line[LINE_SIZE];
	*ret = (struct plan){.topology = TOPOLOGY_RANDOM, .nodes = 40, .degree = 4};
	for (unsigned number = 1; fgets(line, sizeof(line), in) != NULL; number++) {
		char *comment = strchr(line, '#');
		if (comment != NULL)
			*comment = '\0';
		if (!parse_line(line, ret))
			return number;
	}
	return 0;
}
