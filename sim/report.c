// SPDX-License-Identifier: Apache-2.0
#include "sim/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/link.h"
#include "sim/memory.h"
#include "sim/node.h"

static void print_messages(const struct world *world, FILE *out)
{
	static const enum tlv_type types[] = {TLV_HELLO, TLV_IHU, TLV_UPDATE, TLV_ROUTE_REQUEST, TLV_SEQNO_REQUEST};
	double node_minutes = (double)world->node_count * (double)world->now_ms / 60000;
	fprintf(out, "\n%-20s %12s %22s\n", "control messages", "total", "per node and minute");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint64_t count = world->sent[types[i]];
		fprintf(out, "%-20s %12" PRIu64 " %22.2f\n", tlv_name(types[i]), count, (double)count / node_minutes);
	}
	fprintf(out, "%-20s %12" PRIu64 " %22.2f\n", "  retractions", world->retractions_sent,
		(double)world->retractions_sent / node_minutes);
}

static double mean(size_t total, size_t count)
{
	return count > 0 ? (double)total / (double)count : 0;
}

/* Entries of all that have a table; the rest of our routers alone. */
static void print_sizes(const struct world *world, FILE *out)
{
	struct router_sizes total = {0};
	size_t tables = 0, routers = 0;
	for (size_t i = 0; i < world->node_count; i++) {
		const struct node *node = world->nodes[i];
		if (!node_is_on(node) || node->ops->entry_count == NULL)
			continue;
		total.entries += node->ops->entry_count(node->speaker);
		tables++;
		if (node->router == NULL)
			continue;
		struct router_sizes sizes = router_sizes(node->router);
		total.subnets += sizes.subnets;
		total.sources += sizes.sources;
		total.queries += sizes.queries;
		total.bytes += sizes.bytes;
		routers++;
	}
	fprintf(out, "\n%-20s %12s\n", "table", "per node");
	fprintf(out, "%-20s %12.1f\n", "entries", mean(total.entries, tables));
	fprintf(out, "%-20s %12.1f\n", "subnets", mean(total.subnets, routers));
	fprintf(out, "%-20s %12.1f\n", "sources", mean(total.sources, routers));
	fprintf(out, "%-20s %12.1f\n", "searches", mean(total.queries, routers));
	fprintf(out, "%-20s %12.0f\n", "bytes", mean(total.bytes, routers));
}

static void print_packets(const struct world *world, FILE *out)
{
	static const char *const names[PACKET_STATES] = {
		[PACKET_TRAVELS] = "under way",   [PACKET_WAITS] = "waiting",
		[PACKET_DELIVERED] = "delivered", [PACKET_REFUSED] = "refused, no route",
		[PACKET_LOST] = "lost",           [PACKET_EXPIRED] = "hop limit ran out",
	};
	fprintf(out, "\n%-20s %12zu\n", "packets", world->traffic.packet_count);
	for (int state = 0; state < PACKET_STATES; state++)
		fprintf(out, "%-20s %12" PRIu64 "\n", names[state], world->traffic.count[state]);
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static void print_repairs(const struct world *world, FILE *out)
{
	size_t count = world->traffic.repair_count;
	fprintf(out, "\n%-20s %12zu\n", "repaired paths", count);
	if (count == 0)
		return;
	uint64_t *times = memory_new(count, sizeof(*times));
	memcpy(times, world->traffic.repairs_ms, count * sizeof(*times));
	qsort(times, count, sizeof(*times), compare_times);
	size_t soon = 0;
	while (soon < count && times[soon] <= 1000)
		soon++;
	fprintf(out, "%-20s %9.1f %%\n", "within 1 s", 100.0 * (double)soon / (double)count);
	fprintf(out, "%-20s %9" PRIu64 " ms\n", "median", times[count / 2]);
	fprintf(out, "%-20s %9" PRIu64 " ms\n", "90 %", times[count * 9 / 10]);
	fprintf(out, "%-20s %9" PRIu64 " ms\n", "longest", times[count - 1]);
	free(times);
}

static const struct tlv_prefix *prefix_of(const struct tlv *tlv)
{
	switch (tlv->type) {
	case TLV_UPDATE:
		return &tlv->update.prefix;
	case TLV_ROUTE_REQUEST:
		return &tlv->route_request.prefix;
	case TLV_SEQNO_REQUEST:
		return &tlv->seqno_request.prefix;
	default:
		return NULL;
	}
}

void report_tlv(void *context, const struct world *world, const struct link_end *from, const struct tlv *tlv)
{
	const size_t *number = context;
	const struct tlv_prefix *prefix = prefix_of(tlv);
	if (prefix == NULL || *number >= world->node_count ||
	    ip6_upper64(&prefix->subnet.addr) != world->nodes[*number]->upper64)
		return;
	printf("%9" PRIu64 " %u > %u %s", world->now_ms, from->node->index, link_end_other(from)->node->index,
	       tlv_name(tlv->type));
	if (tlv->type == TLV_UPDATE && tlv->update.metric == METRIC_INFINITE)
		printf(", retraction\n");
	else if (tlv->type == TLV_UPDATE)
		printf(", metric %u, seqno %u, start %02x%02x\n", tlv->update.metric, tlv->update.seqno,
		       tlv->update.router_id.bytes[ROUTER_ID_SIZE - 2], tlv->update.router_id.bytes[ROUTER_ID_SIZE - 1]);
	else if (tlv->type == TLV_ROUTE_REQUEST)
		printf(", generation %u\n", tlv->route_request.generation);
	else
		printf(", seqno %u, hops %u\n", tlv->seqno_request.seqno, tlv->seqno_request.hop_count);
}

void report_print(const struct world *world, FILE *out)
{
	fprintf(out, "%" PRIu64 " s simulated, %" PRIu64 " events, %zu nodes, %zu links, digest %016" PRIx64 "\n",
		world->now_ms / 1000, world->events_done, world->node_count, world->link_count, world->digest);
	print_messages(world, out);
	print_sizes(world, out);
	print_packets(world, out);
	print_repairs(world, out);
	if (world->loops_across_starts > 0)
		fprintf(out, "\n%-20s %12" PRIu64 " (short, between routes of two starts of a node)\n", "loops",
			world->loops_across_starts);
}
