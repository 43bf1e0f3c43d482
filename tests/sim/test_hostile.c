// SPDX-License-Identifier: Apache-2.0
/*
 * P16: nodes that lie and nodes that flood.
 *
 * Promised, whatever one hostile node says: no router breaks; memory stays in proportion to the subnets that were made
 * up; each Hello is answered at once; honest nodes that honest links connect reach each other without losing a packet,
 * unless the hostile node lies about the destination. What it lied about works again when it is gone. Not promised: the
 * way to somebody it lies about, and, after a lie about a seqno far ahead, that destination for as long as that seqno
 * is remembered (30 min, or until the destination starts anew), since nobody can tell the lie from the truth.
 */
#include <string.h>

#include "sim_test.h"

enum {
	NODES = 16,
	HOSTILE = 5, /* among those it would lie about */
	RATE = 10000,
	SPAN_MS = 1000,
	BYTES_PER_SUBNET_MAX = 400,
	HELLOS_MAX = 64,
	LINKS_MAX = 64,
};

/* Hellos on their way or arrived, by link and side they left from. */
struct hellos {
	uint64_t due_ms[LINKS_MAX][2][HELLOS_MAX];
	size_t first[LINKS_MAX][2], end[LINKS_MAX][2];
	uint64_t late;
};

static void match_hellos(void *context, const struct world *world, const struct link_end *from, const struct tlv *tlv)
{
	struct hellos *hellos = context;
	const struct link_end *to = link_end_other(from);
	size_t link = from->link->index;
	if (tlv->type == TLV_HELLO && to->node->ops->is_honest) {
		size_t at = hellos->end[link][from->side]++ % HELLOS_MAX;
		hellos->due_ms[link][from->side][at] = world->now_ms + from->link->delay_ms;
	}
	if (tlv->type != TLV_IHU)
		return;
	/* One IHU answers all Hellos that came since the last. */
	for (size_t *first = &hellos->first[link][to->side]; *first < hellos->end[link][to->side]; ++*first) {
		uint64_t due_ms = hellos->due_ms[link][to->side][*first % HELLOS_MAX];
		if (due_ms > world->now_ms)
			break;
		hellos->late += due_ms < world->now_ms;
	}
}

/* No packet of an honest flow is lost: there is no honest flow that needs the hostile node, or is lied about. */
static void start_honest_flows(struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++) {
		size_t *distance = topology_distances_through_ours(world, world->nodes[i]);
		for (size_t k = 0; k < world->node_count; k += 3) {
			const struct node *from = world->nodes[i], *to = world->nodes[k];
			if (i != k && distance[k] != SIZE_MAX && from->ops->is_honest && !to->lied_about &&
			    !from->lied_about)
				flow_start(world->nodes[i], world->nodes[k], 100);
		}
		free(distance);
	}
}

static void assert_flows_whole(const struct world *world)
{
	assert_true(world->traffic.flow_count > 10);
	for (size_t i = 0; i < world->traffic.flow_count; i++) {
		const struct flow *flow = world->traffic.flows[i];
		if (flow->lost + flow->refused > 0)
			fail_msg("%" PRIu64 " packets from %u to %u were lost", flow->lost + flow->refused,
				 flow->source->index, flow->destination->index);
	}
}

static void assert_memory_bounded(const struct world *world)
{
	for (size_t i = 0; i < world->node_count; i++) {
		if (world->nodes[i]->router == NULL)
			continue;
		struct router_sizes sizes = router_sizes(world->nodes[i]->router);
		size_t entries = sizes.entries + sizes.subnets + sizes.queries + sizes.seqno_requests;
		assert_true(sizes.bytes < (1 << 20) + BYTES_PER_SUBNET_MAX * entries * 2);
	}
}

static void attacked(uint64_t seed, enum attack attack, unsigned rate)
{
	static struct hellos hellos;
	memset(&hellos, 0, sizeof(hellos));
	struct world *world = world_new(seed);
	topology_add(world, TOPOLOGY_RANDOM, NODES, 4);
	assert_true(world->link_count <= LINKS_MAX);
	struct node *hostile = world->nodes[HOSTILE];
	hostile_set(hostile, attack, 0);
	world->check_every = 1000;
	topology_start(world);
	run_whole(world, 30000);
	start_honest_flows(world);
	world->observer = match_hellos;
	world->observer_context = &hellos;
	hostile->attack_rate = rate;
	run_whole(world, SPAN_MS);
	assert_memory_bounded(world);
	hostile->attack_rate = 0;
	run_whole(world, 2000);
	assert_int_equal(hellos.late, 0);
	assert_flows_whole(world);
	/* The hostile node goes; what it lied about is there again. */
	if (attack != ATTACK_SEQNOS) {
		for (size_t i = 0; i < world->node_count; i++)
			world->nodes[i]->lied_about = false;
	}
	node_stop(hostile);
	for (size_t i = 0; i < world->traffic.flow_count; i++)
		flow_stop(world->traffic.flows[i]);
	run_whole(world, 10000);
	scenario_reach_all(world, 16000);
	finish_whole(world);
}

static void test_each_attack(void **state)
{
	(void)state;
	uint64_t seed = test_seed(81);
	print_message("seed %" PRIu64 "\n", seed);
	for (int attack = 0; attack < ATTACK_COUNT; attack++) {
		print_message("%s\n", attack_name((enum attack)attack));
		attacked(seed, (enum attack)attack, attack == ATTACK_UPDATES ? RATE / 10 : RATE);
	}
}

/* What one peer makes up is gone after its time, and the memory does not grow with its persistence. */
static void test_memory_does_not_grow(void **state)
{
	(void)state;
	struct world *world = test_world(82);
	topology_add(world, TOPOLOGY_LINE, 2, 0);
	hostile_set(world->nodes[1], ATTACK_MIXED, 0);
	world->check_every = 1000;
	topology_start(world);
	size_t bytes[4];
	for (size_t i = 0; i < 4; i++) {
		world->nodes[1]->attack_rate = RATE;
		run_whole(world, 2000);
		world->nodes[1]->attack_rate = 0;
		bytes[i] = router_sizes(world->nodes[0]->router).bytes;
		run_whole(world, 3600000);
	}
	/* Tables grow in steps, and how much was there at once is chance. */
	assert_true(bytes[3] <= bytes[1] + bytes[1] / 8);
	assert_true(router_sizes(world->nodes[0]->router).subnets <= 16);
	assert_int_equal(router_sizes(world->nodes[0]->router).queries, 0);
	finish_whole(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_attack),
		cmocka_unit_test(test_memory_does_not_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
