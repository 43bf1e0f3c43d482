// SPDX-License-Identifier: Apache-2.0
#include "sim/traffic.h"

#include <stdlib.h>

#include "sim/flow.h"
#include "sim/node.h"
#include "sim/world.h"

void traffic_free(struct traffic *traffic)
{
	for (size_t i = 0; i < traffic->flow_count; i++)
		free(traffic->flows[i]);
	free(traffic->flows);
	free(traffic->packets);
	free(traffic->repairs_ms);
	*traffic = (struct traffic){0};
}

bool traffic_adds_up(const struct world *world)
{
	const struct traffic *traffic = &world->traffic;
	uint64_t total = 0, waiting = 0;
	for (int state = 0; state < PACKET_STATES; state++)
		total += traffic->count[state];
	for (size_t i = 0; i < world->node_count; i++)
		waiting += world->nodes[i]->waiting.count;
	return total == traffic->packet_count && waiting == traffic->count[PACKET_WAITS];
}
