// SPDX-License-Identifier: Apache-2.0
/*
 * Data frames from peers (docs/protocol/dataplane.md, "packets from peers"): expired, for this node, or to be passed on.
 *
 * Nothing in the outer header is authenticated: a frame for this node is believed only when the packet inside names the same
 * addresses.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/lane_internal.h"
#include "dataplane/mss.h"

static void deliver_packet(struct lane *lane, const struct frame *frame, uint8_t *packet, size_t len)
{
	struct ip6 source = frame_source(frame), destination = frame_destination(frame);
	if (!ip6_packet_complete(packet, len)) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return;
	}
	struct ip6 inner_source = ip6_packet_source(packet), inner_destination = ip6_packet_destination(packet);
	if (!ip6_equal(&inner_source, &source) || !ip6_equal(&inner_destination, &destination)) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return;
	}
	packet[7] = frame_hop_limit(frame);
	mss_clamp(packet, len);
	lane_count(lane, LANE_PACKETS_LOCAL);
	coalesce_add(&lane->coalescer, packet, len);
}

static void open_and_dispatch(struct lane *lane, struct frame *frame, const struct fib_secret *secret)
{
	size_t body_len, len;
	uint8_t *body = frame_body(frame, &body_len), *payload;
	enum user_type type;
	struct aead_key *key = lane_key(lane, secret);
	if (key == NULL) {
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return;
	}
	int error = sealed_open(body, body_len, key, &type, &payload, &len);
	if (error != 0)
		lane_count(lane, error == -EBADMSG ? LANE_PACKETS_UNDECRYPTABLE : LANE_PACKETS_INVALID);
	else if (type == USER_L3)
		deliver_packet(lane, frame, payload, len);
	else if (type == USER_OOB_ICMP)
		report_received(lane, frame, payload, len);
	else
		lane_count(lane, LANE_PACKETS_INVALID);
}

void ingress_deliver(struct lane *lane, struct frame *frame)
{
	struct ip6 source = frame_source(frame), destination = frame_destination(frame);
	if (lane_is_own(lane, &source) || !ip6_in_overlay(&source)) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return;
	}
	const struct fib_route *route = lane_lookup(lane, &lane->last_source, &source);
	if (route == NULL || route->secret == NULL)
		lane_ask_control(lane, PARCEL_INGRESS, &source, &destination, frame->bytes, frame->len, NULL);
	else
		open_and_dispatch(lane, frame, route->secret);
}

void ingress_forward(struct lane *lane, struct frame *frame)
{
	struct ip6 source = frame_source(frame), destination = frame_destination(frame);
	if (!ip6_in_overlay(&destination)) {
		lane_count(lane, LANE_PACKETS_NO_ROUTE);
		report_remote(lane, frame, &report_no_route);
		return;
	}
	const struct fib_route *route = lane_lookup(lane, &lane->last_destination, &destination);
	if (route == NULL || route->peer == FIB_NO_PEER) {
		lane_ask_control(lane, PARCEL_TRANSIT, &source, &destination, frame->bytes, frame->len, NULL);
		return;
	}
	lane_hint_refresh(lane, route, &destination);
	if (port_pass_on(lane, route->peer, frame)) {
		lane_count(lane, LANE_PACKETS_FORWARDED);
		return;
	}
	struct slot *slot = lane_take_slot(lane, frame->len, 0);
	if (slot == NULL) {
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return;
	}
	memcpy(slot->data, frame->bytes, frame->len);
	slot->flow = lane_flow_of_frame(lane, frame->bytes);
	lane_count(lane, LANE_PACKETS_FORWARDED);
	port_send_data(lane, route->peer, slot);
}

void ingress_data(struct lane *lane, struct frame *frame)
{
	struct ip6 destination = frame_destination(frame);
	uint8_t hop_limit = frame_hop_limit(frame);
	if (hop_limit < 2) {
		lane_count(lane, LANE_PACKETS_EXPIRED);
		report_remote(lane, frame, &report_time_exceeded);
		return;
	}
	frame_set_hop_limit(frame, (uint8_t)(hop_limit - 1));
	if (lane_is_own(lane, &destination))
		ingress_deliver(lane, frame);
	else
		ingress_forward(lane, frame);
}
