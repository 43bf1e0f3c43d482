// SPDX-License-Identifier: Apache-2.0
#include "sim/fault.h"

#include <inttypes.h>
#include <string.h>

#include "sim/flow.h"
#include "sim/link.h"
#include "sim/node.h"

enum { RATED_CREDIT_BYTES = 4096 };

void fault_bring_up(struct world *world, size_t number)
{
	struct node *node = world->nodes[number];
	if (node->retired)
		return;
	if (!node_is_on(node))
		node_start(node);
	for (size_t i = 0; i < node->link_count; i++)
		link_up(node->links[i]);
}

static void start(struct world *world, const uint64_t *arguments)
{
	fault_bring_up(world, (size_t)arguments[0]);
}

static void stop(struct world *world, const uint64_t *arguments)
{
	struct node *node = world->nodes[arguments[0]];
	if (node_is_on(node))
		node_stop(node);
}

static void replace(struct world *world, const uint64_t *arguments)
{
	struct node *old = world->nodes[arguments[0]];
	if (old->retired || !old->ops->is_honest || world->node_count == WORLD_NODES_MAX)
		return;
	if (node_is_on(old))
		node_stop(old);
	old->retired = true;
	struct node *new = world_add_node(world);
	new->ops = old->ops;
	for (size_t i = 0; i < old->link_count; i++) {
		const struct link *link = old->links[i];
		const struct link_end *far = &link->ends[link->ends[0].node == old ? 1 : 0];
		if (!far->node->retired)
			link_new(world, new, far->node, link->delay_ms, far->static_cost);
	}
	fault_bring_up(world, new->index);
}

static void cut(struct world *world, const uint64_t *arguments)
{
	link_cut(world->links[arguments[0]]);
}

static void silence(struct world *world, const uint64_t *arguments)
{
	link_cut_silently(world->links[arguments[0]]);
}

static void mute(struct world *world, const uint64_t *arguments)
{
	link_mute(world->links[arguments[0]], arguments[1] != 0);
}

static void heal(struct world *world, const uint64_t *arguments)
{
	link_heal(world->links[arguments[0]]);
}

static void delay(struct world *world, const uint64_t *arguments)
{
	world->links[arguments[0]]->delay_ms = arguments[1] > 0 ? (uint32_t)arguments[1] : 1;
}

/* No connection takes more bytes than it can carry, so on a slow one the node has to wait, now and until all is sent. */
static void rate(struct world *world, const uint64_t *arguments)
{
	struct link *link = world->links[arguments[0]];
	link->rate = arguments[1];
	if (link->credit_bytes == 0)
		link->credit_bytes = RATED_CREDIT_BYTES;
}

static void pause_node(struct world *world, const uint64_t *arguments)
{
	node_pause(world->nodes[arguments[0]], arguments[1]);
}

static void jump(struct world *world, const uint64_t *arguments)
{
	node_jump(world->nodes[arguments[0]], arguments[1]);
}

static void flow(struct world *world, const uint64_t *arguments)
{
	if (arguments[1] < world->node_count && arguments[0] != arguments[1] && arguments[2] > 0)
		flow_start(world->nodes[arguments[0]], world->nodes[arguments[1]], (uint32_t)arguments[2]);
}

/* The first argument numbers a node or a link. */
static const struct {
	const char *name;
	unsigned arguments;
	bool is_of_link;
	void (*apply)(struct world *world, const uint64_t *arguments);
} kinds[FAULT_KINDS] = {
	[FAULT_START] = {"start", 1, false, start},     [FAULT_STOP] = {"stop", 1, false, stop},
	[FAULT_REPLACE] = {"replace", 1, false, replace}, [FAULT_CUT] = {"cut", 1, true, cut},
	[FAULT_SILENCE] = {"silence", 1, true, silence}, [FAULT_MUTE] = {"mute", 2, true, mute},
	[FAULT_HEAL] = {"heal", 1, true, heal},         [FAULT_DELAY] = {"delay", 2, true, delay},
	[FAULT_RATE] = {"rate", 2, true, rate},         [FAULT_PAUSE] = {"pause", 2, false, pause_node},
	[FAULT_JUMP] = {"jump", 2, false, jump},        [FAULT_FLOW] = {"flow", 3, false, flow},
};

void fault_apply(struct world *world, const struct fault *fault)
{
	size_t count = kinds[fault->kind].is_of_link ? world->link_count : world->node_count;
	if (fault->arguments[0] < count)
		kinds[fault->kind].apply(world, fault->arguments);
}

void fault_write(const struct fault *fault, FILE *out)
{
	fprintf(out, "%" PRIu64 " %s", fault->at_ms, kinds[fault->kind].name);
	for (unsigned i = 0; i < kinds[fault->kind].arguments; i++)
		fprintf(out, " %" PRIu64, fault->arguments[i]);
	fputc('\n', out);
}

bool fault_parse(const char *line, struct fault *ret)
{
	struct fault fault = {0};
	char name[16];
	int found = sscanf(line, "%" SCNu64 " %15s %" SCNu64 " %" SCNu64 " %" SCNu64, &fault.at_ms, name,
			   &fault.arguments[0], &fault.arguments[1], &fault.arguments[2]);
	for (int kind = 0; found >= 2 && kind < FAULT_KINDS; kind++) {
		if (strcmp(name, kinds[kind].name) != 0 || found != 2 + (int)kinds[kind].arguments)
			continue;
		fault.kind = (enum fault_kind)kind;
		*ret = fault;
		return true;
	}
	return false;
}
