// SPDX-License-Identifier: Apache-2.0
/*
 * From the local host to a peer (docs/protocol/dataplane.md, "packets from the host").
 *
 * Checks in this order: whole IPv6 packet; destination in the own /64; source in the own /64; hop limit; destination in
 * 400::/7; route and key. The hop limit inside is left alone: the decremented one travels in the frame header and the
 * receiver puts it in.
 */
#include "dataplane/lane_internal.h"
#include "dataplane/mss.h"
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

/* The route for a packet, when it has a next hop and a key, or NULL. */
static const struct fib_route *route_of(struct lane *lane, const uint8_t *packet)
{
	struct ip6 destination = ip6_packet_destination(packet);
	const struct fib_route *route = lane_lookup(lane, &lane->last_destination, &destination);
	if (route == NULL || route->peer == FIB_NO_PEER || route->secret == NULL)
		return NULL;
	lane_hint_refresh(lane, route, &destination);
	return route;
}

static void ask_for_route(struct lane *lane, const uint8_t *packet, size_t len)
{
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	lane_ask_control(lane, PARCEL_EGRESS, &source, &destination, packet, len, NULL);
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

static void send_single(struct lane *lane, uint8_t *packet, size_t len)
{
	mss_clamp(packet, len);
	const struct fib_route *route = route_of(lane, packet);
	if (route == NULL)
		ask_for_route(lane, packet, len);
	else
		port_send_packet(lane, route->peer, packet, len);
}

/* Cuts a checked packet; returns into how many. */
static unsigned send_batch(struct lane *lane, uint8_t *packet, size_t len, const struct tun_offload *offload)
{
	struct segmenter segmenter;
	if (segment_begin(&segmenter, packet, len, offload) != 0 || segment_next_len(&segmenter) > TUN_MTU) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return 1;
	}
	unsigned count = segments_left(&segmenter);
	const struct fib_route *route = route_of(lane, packet);
	for (size_t segment_len; (segment_len = segment_next_len(&segmenter)) > 0;) {
		uint8_t *segment = segment_next(&segmenter);
		if (route == NULL)
			ask_for_route(lane, segment, segment_len);
		else
			port_send_packet(lane, route->peer, segment, segment_len);
	}
	return count;
}

unsigned egress(struct lane *lane, uint8_t *packet, size_t len, const struct tun_offload *offload)
{
	if (!is_allowed(lane, packet, len))
		return 1;
	if (offload->batch != TUN_SINGLE)
		return send_batch(lane, packet, len, offload);
	if (len > TUN_MTU || (offload->checksum_open && segment_finish_checksum(packet, len, offload) != 0))
		lane_count(lane, LANE_PACKETS_INVALID);
	else
		send_single(lane, packet, len);
	return 1;
}
