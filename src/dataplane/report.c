// SPDX-License-Identifier: Apache-2.0
/*
 * ICMPv6 errors: to the local host about its own packets, and out of band to the originator of a frame that a relay cannot
 * read (docs/protocol/icmp.md). All of them behind token buckets.
 */
#include <string.h>

#include "dataplane/lane_internal.h"

enum {
	LOCAL_RATE = 100,
	LOCAL_BURST = 200,
	REMOTE_RATE = 100,
	REMOTE_BURST = 100,
	SOURCE_RATE = 10,
	SOURCE_BURST = 10,
};

const struct icmp6_error report_no_route = {.type = ICMP6_UNREACHABLE, .code = ICMP6_NO_ROUTE};
const struct icmp6_error report_time_exceeded = {.type = ICMP6_TIME_EXCEEDED, .code = 0};

/* Source and hop limit of an error to the local host depend on its kind: what is refused for its addresses comes from the
 * node, the rest (routing) from the packet's own source. */
static void write_local(struct lane *lane, const uint8_t *packet, size_t len, const struct icmp6_error *error)
{
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	struct ip6 source = ip6_packet_source(packet);
	bool by_node = error->type == ICMP6_UNREACHABLE && error->code != ICMP6_NO_ROUTE;
	uint8_t hop_limit = by_node ? OOB_HOP_LIMIT : ip6_packet_hop_limit(packet);
	size_t out_len =
		icmp6_write_error(out, by_node ? &lane->address : &source, &source, hop_limit, error, packet, len);
	lane_write_tun(lane, out, out_len);
}

void report_local(struct lane *lane, const uint8_t *packet, size_t len, const struct icmp6_error *error)
{
	if (!icmp6_may_report(packet, len, error))
		return;
	if (!token_bucket_take(&lane->local_reports, LOCAL_RATE, LOCAL_BURST, lane->now_ms)) {
		lane_count(lane, LANE_REPORTS_LIMITED);
		return;
	}
	lane_count(lane, LANE_REPORTS_SENT);
	write_local(lane, packet, len, error);
}

/* Both the originator's share and the lane's whole must allow a report. */
static bool remote_allowed(struct lane *lane, const struct ip6 *originator)
{
	uint64_t row = hash_u64(&lane->hash_key, ip6_upper64(originator)) % REPORT_SOURCES;
	return token_bucket_take(&lane->source_reports[row], SOURCE_RATE, SOURCE_BURST, lane->now_ms) &&
	       token_bucket_take(&lane->remote_reports, REMOTE_RATE, REMOTE_BURST, lane->now_ms);
}

static void send_report(struct lane *lane, const struct frame *frame, const struct icmp6_error *error,
			const struct fib_route *route)
{
	struct ip6 originator = frame_source(frame), destination = frame_destination(frame);
	struct ip6 reporter = ip6_from_upper64(lane->own_upper);
	size_t body_len;
	const uint8_t *body = frame_body(frame, &body_len);
	struct aead_key *key = lane_key(lane, route->secret);
	struct slot *slot = key != NULL ? lane_take_slot(lane, OOB_PAYLOAD_MAX, SEAL_TAILROOM) : NULL;
	if (slot == NULL) {
		lane_count(lane, LANE_PACKETS_DROPPED_MEMORY);
		return;
	}
	lane_hint_refresh(lane, route, &originator);
	uint8_t *payload = slot->data;
	size_t len = oob_write(payload, &destination, &reporter, &originator, error, body, body_len);
	slot->data = payload - SEAL_HEADROOM;
	slot->len = (uint32_t)sealed_write_frame(slot->data, payload, len, USER_OOB_ICMP, &reporter, &originator,
						 OOB_HOP_LIMIT - 1, key, &lane->nonces);
	slot->flow = lane_flow_of_frame(lane, slot->data);
	lane_count(lane, LANE_REPORTS_SENT);
	lane_count(lane, LANE_PACKETS_FORWARDED);
	port_send_data(lane, route->peer, slot);
}

/* The route to an originator when it can be told something, or NULL. */
static const struct fib_route *route_back(const struct lane *lane, const struct ip6 *originator)
{
	const struct fib_route *route = fib_lookup(lane->fib, originator);
	return route != NULL && route->peer != FIB_NO_PEER && route->secret != NULL ? route : NULL;
}

void report_remote(struct lane *lane, const struct frame *frame, const struct icmp6_error *error)
{
	struct ip6 originator = frame_source(frame), destination = frame_destination(frame);
	size_t body_len;
	(void)frame_body(frame, &body_len);
	/* A report without the whole body tells the originator nothing: it could not authenticate it. */
	if (lane_is_own(lane, &originator) || !ip6_in_overlay(&originator) || body_len > ICMP6_QUOTE_MAX)
		return;
	/* Asked before the key is looked for, so that made-up originators do not keep control busy. */
	if (!remote_allowed(lane, &originator)) {
		lane_count(lane, LANE_REPORTS_LIMITED);
		return;
	}
	const struct fib_route *route = route_back(lane, &originator);
	if (route != NULL)
		send_report(lane, frame, error, route);
	else
		lane_ask_control(lane, PARCEL_REPORT, &originator, &destination, frame->bytes, frame->len, error);
}

void report_remote_again(struct lane *lane, const struct frame *frame, const struct icmp6_error *error)
{
	struct ip6 originator = frame_source(frame);
	const struct fib_route *route = route_back(lane, &originator);
	if (route != NULL)
		send_report(lane, frame, error, route);
}

/* The packet of ours that came back in a report: its payload, or NULL when it is not one we sent as IPv6. */
static uint8_t *open_quote(struct lane *lane, struct oob_report *report, size_t *ret_len)
{
	const struct fib_route *route = fib_lookup(lane->fib, &report->original_destination);
	struct aead_key *key = route != NULL && route->secret != NULL ? lane_key(lane, route->secret) : NULL;
	enum user_type type;
	uint8_t *packet;
	if (key == NULL || sealed_open(report->quote, report->quote_len, key, &type, &packet, ret_len) != 0)
		return NULL;
	if (type != USER_L3 || !ip6_packet_complete(packet, *ret_len))
		return NULL;
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	if (!lane_is_own(lane, &source) || !ip6_equal(&destination, &report->original_destination))
		return NULL;
	return packet;
}

void report_received(struct lane *lane, const struct frame *frame, uint8_t *payload, size_t len)
{
	struct ip6 source = frame_source(frame), destination = frame_destination(frame);
	struct oob_report report;
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	size_t quote_len;
	uint8_t *quote = oob_read(payload, len, &source, &destination, &report) == 0 ? open_quote(lane, &report, &quote_len) : NULL;
	if (quote == NULL) {
		lane_count(lane, LANE_PACKETS_INVALID);
		return;
	}
	size_t out_len =
		icmp6_write_error(out, &source, &destination, frame_hop_limit(frame), &report.error, quote, quote_len);
	lane_count(lane, LANE_PACKETS_LOCAL);
	lane_write_tun(lane, out, out_len);
}
