// SPDX-License-Identifier: Apache-2.0
/*
 * From the local host to a peer (docs/protocol/dataplane.md, "packets from the host").
 *
 * Checks in this order: whole IPv6 packet; destination in the own /64; source in the own /64; hop limit; destination in
 * 400::/7; route and key. The hop limit inside is left alone: the decremented one travels in the frame header and the
 * receiver puts it in.
 */
#include "dataplane/lane_internal.h"
#include "dataplane/segment.h"

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

/* The route for a packet, when it has a next hop and a key, or NULL. */
static const struct fib_route *route_of(const struct lane *lane, const uint8_t *packet)
{
	struct ip6 destination = ip6_packet_destination(packet);
	const struct fib_route *route = fib_lookup(lane->fib, &destination);
	return route != NULL && route->peer != FIB_NO_PEER && route->secret != NULL ? route : NULL;
}

/* Sends a checked packet by a route, or asks control for one. */
static void send_packet(struct lane *lane, struct slot *slot, const struct fib_route *route)
{
	struct ip6 source = ip6_packet_source(slot->data), destination = ip6_packet_destination(slot->data);
	if (route == NULL) {
		lane_ask_control(lane, PARCEL_EGRESS, &source, &destination, slot->data, slot->len, NULL);
		slot_give(lane->pool, slot);
		return;
	}
	uint8_t hop_limit = (uint8_t)(ip6_packet_hop_limit(slot->data) - 1);
	egress_seal(lane, slot, USER_L3, &source, &destination, hop_limit, route);
}

/* Whether a packet may leave; its sender hears of it when not. */
static bool is_allowed(struct lane *lane, const uint8_t *packet, size_t len)
{
	if (!ip6_packet_complete(packet, len)) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return false;
	}
	const struct icmp6_error *error = refusal(lane, packet);
	if (error == NULL)
		return true;
	lane_count(lane, error == &report_time_exceeded ? LANE_PACKETS_EXPIRED : LANE_PACKETS_NO_ROUTE);
	report_local(lane, packet, len, error);
	return false;
}

void egress_packet(struct lane *lane, struct slot *slot)
{
	if (is_allowed(lane, slot->data, slot->len))
		send_packet(lane, slot, route_of(lane, slot->data));
	else
		slot_give(lane->pool, slot);
}

unsigned egress_batch(struct lane *lane, const uint8_t *packet, size_t len, const struct tun_offload *offload)
{
	struct segmenter segmenter;
	if (!is_allowed(lane, packet, len))
		return 1;
	if (segment_begin(&segmenter, packet, len, offload) != 0) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return 1;
	}
	unsigned count = segments_left(&segmenter);
	const struct fib_route *route = route_of(lane, packet);
	struct slot *slot;
	for (size_t segment; (segment = segment_next_len(&segmenter)) > 0 &&
			     (slot = lane_take_slot(lane, segment, SEAL_TAILROOM)) != NULL;) {
		segment_next(&segmenter, slot->data);
		send_packet(lane, slot, route);
	}
	for (unsigned dropped = segments_left(&segmenter); dropped > 0; dropped--)
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
	return count;
}
