// SPDX-License-Identifier: Apache-2.0
#include "peers/crossing.h"

#include <string.h>

enum { PATIENCE_MS = 5000, LONG_PATIENCE_MS = 25000, PATIENCE_SPREAD_MS = 5000 };

/* Address and port in an order that all nodes share. Returns false for what is no IP address. */
static bool sortable(const struct endpoint *endpoint, uint8_t ret[static 18])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (endpoint->family != ENDPOINT_IPV4 && endpoint->family != ENDPOINT_IPV6)
		return false;
	if (endpoint_ipv4_bytes(endpoint, ret + sizeof(mapped)))
		memcpy(ret, mapped, sizeof(mapped));
	else
		memcpy(ret, endpoint->address.bytes, 16);
	ret[16] = (uint8_t)(endpoint->port >> 8);
	ret[17] = (uint8_t)endpoint->port;
	return true;
}

enum crossing_side crossing_side_of(const struct endpoint *local, const struct endpoint *remote)
{
	uint8_t ours[18], theirs[18];
	if (!sortable(local, ours) || !sortable(remote, theirs))
		return CROSSING_UNKNOWN;
	int order = memcmp(ours, theirs, sizeof(ours));
	return order == 0 ? CROSSING_UNKNOWN : order < 0 ? CROSSING_LOWER : CROSSING_HIGHER;
}

uint64_t crossing_patience(enum crossing_side side, struct rng *rng)
{
	switch (side) {
	case CROSSING_LOWER:
		return PATIENCE_MS + rng_below(rng, PATIENCE_SPREAD_MS);
	case CROSSING_HIGHER:
		return LONG_PATIENCE_MS + rng_below(rng, PATIENCE_SPREAD_MS);
	case CROSSING_UNKNOWN:
		break;
	}
	return PATIENCE_MS + rng_below(rng, LONG_PATIENCE_MS);
}
