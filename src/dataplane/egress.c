// SPDX-License-Identifier: Apache-2.0
/*
 * From the local host to a peer (docs/protocol/dataplane.md, "packets from the host").
 *
 * Checks in this order: whole IPv6 packet; destination in the own /64; source in the own /64; hop limit; destination in
 * 400::/7; route and key. The hop limit inside is left alone: the decremented one travels in the frame header and the
 * receiver puts it in.
 */
#include "dataplane/lane_internal.h"

static const struct icmp6_error own_subnet = {.type = ICMP6_UNREACHABLE, .code = ICMP6_ADDRESS_UNREACHABLE};
static const struct icmp6_error source_policy = {.type = ICMP6_UNREACHABLE, .code = ICMP6_SOURCE_POLICY};

/* The error a packet earns before any lookup, or NULL. */
static const struct icmp6_error *refusal(const struct lane *lane, const uint8_t *packet)
{
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	if (lane_is_own(lane, &destination))
		return &own_subnet;
	if (!lane_is_own(lane, &source))
		return &source_policy;
	if (ip6_packet_hop_limit(packet) < 2)
		return &report_time_exceeded;
	if (!ip6_in_overlay(&destination))
		return &report_no_route;
	return NULL;
}

void egress_seal(struct lane *lane, struct slot *slot, enum user_type type, const struct ip6 *source,
		 const struct ip6 *destination, uint8_t hop_limit, const struct fib_route *route)
{
	struct aead_key *key = lane_key(lane, route->secret);
	if (key == NULL) {
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		slot_give(lane->pool, slot);
		return;
	}
	lane_hint_refresh(lane, route, destination);
	uint8_t *payload = slot->data;
	slot->len = (uint32_t)sealed_write_frame(payload, slot->len, type, source, destination, hop_limit, key, &lane->nonces);
	slot->data = payload - SEAL_HEADROOM;
	lane_count(lane, LANE_PACKETS_FORWARDED);
	port_send_data(lane, route->peer, slot);
}

static void route_packet(struct lane *lane, struct slot *slot)
{
	struct ip6 source = ip6_packet_source(slot->data), destination = ip6_packet_destination(slot->data);
	const struct fib_route *route = fib_lookup(lane->fib, &destination);
	if (route == NULL || route->peer == FIB_NO_PEER || route->secret == NULL) {
		lane_ask_control(lane, PARCEL_EGRESS, &source, &destination, slot->data, slot->len, NULL);
		slot_give(lane->pool, slot);
		return;
	}
	uint8_t hop_limit = (uint8_t)(ip6_packet_hop_limit(slot->data) - 1);
	egress_seal(lane, slot, USER_L3, &source, &destination, hop_limit, route);
}

void egress_packet(struct lane *lane, struct slot *slot)
{
	if (!ip6_packet_complete(slot->data, slot->len)) {
		lane_count(lane, LANE_PACKETS_INVALID);
		slot_give(lane->pool, slot);
		return;
	}
	const struct icmp6_error *error = refusal(lane, slot->data);
	if (error != NULL) {
		lane_count(lane, error == &report_time_exceeded ? LANE_PACKETS_EXPIRED : LANE_PACKETS_NO_ROUTE);
		report_local(lane, slot->data, slot->len, error);
		slot_give(lane->pool, slot);
		return;
	}
	route_packet(lane, slot);
}
