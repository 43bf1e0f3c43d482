// SPDX-License-Identifier: Apache-2.0
#include "sim/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/flow.h"
#include "sim/memory.h"
#include "sim/node.h"
#include "wire/frame.h"

struct link *link_new(struct world *world, struct node *a, struct node *b, uint32_t delay_ms, uint16_t static_cost)
{
	assert(delay_ms >= 1 && a != b);
	struct link *link = memory_new(1, sizeof(*link));
	link->world = world;
	link->index = world->link_count;
	link->delay_ms = delay_ms;
	for (unsigned side = 0; side < 2; side++) {
		link->ends[side] = (struct link_end){
			.link = link,
			.side = side,
			.node = side == 0 ? a : b,
			.peer = ROUTER_NO_PEER,
			.static_cost = static_cost,
		};
	}
	world->links = memory_grow(world->links, &world->links_capacity, world->link_count + 1, sizeof(*world->links));
	world->links[world->link_count++] = link;
	node_note_link(a, link);
	node_note_link(b, link);
	return link;
}

void link_free(struct link *link)
{
	for (unsigned side = 0; side < 2; side++) {
		free(link->ends[side].flights);
		watch_free(&link->ends[side].watch);
	}
	free(link);
}

bool link_is_open(const struct link *link)
{
	return link_end_is_open(&link->ends[0]) && link_end_is_open(&link->ends[1]);
}

bool link_works(const struct link *link)
{
	return link_is_open(link) && !link->ends[0].muted && !link->ends[1].muted;
}

/* Data frames in flight are lost with the connection. */
static void end_drop_flights(struct link_end *end)
{
	for (; end->flights_count > 0; end->flights_count--) {
		const struct flight *flight = &end->flights[end->flights_head];
		if (flight->is_data)
			packet_frame_lost(end->link->world, flight->bytes, flight->len);
		end->flights_head = (end->flights_head + 1) % end->flights_capacity;
	}
	end->control_bytes_in_flight = 0;
	end->held = 0;
	end->closing = false;
}

static void reconnect(struct world *world, void *subject, uint64_t epoch)
{
	(void)world;
	struct link *link = subject;
	if (epoch == link->epoch && link->wanted && !link->ends[0].muted && !link->ends[1].muted)
		link_up(link);
}

void link_end_forget(struct link_end *end)
{
	struct link *link = end->link;
	end->peer = ROUTER_NO_PEER;
	end->out_of_room = false;
	watch_peer_gone(end->node);
	end_drop_flights(link_end_other(end));
	if (link->wanted && !link_end_is_open(link_end_other(end)))
		world_at(link->world, link->world->now_ms + RECONNECT_MS, reconnect, link, link->epoch);
}

void link_end_of_stopped(struct link *link, const struct node *node)
{
	for (unsigned side = 0; side < 2; side++) {
		if (link->ends[side].node == node && link_end_is_open(&link->ends[side]))
			link_end_forget(&link->ends[side]);
	}
}

static void notice_late(struct world *world, void *subject, uint64_t epoch)
{
	(void)world;
	struct link_end *end = subject;
	if (epoch == end->link->epoch)
		link_end_notice(end);
}

void link_end_notice(struct link_end *end)
{
	struct node *node = end->node;
	if (!link_end_is_open(end))
		return;
	if (node_is_paused(node)) {
		world_at(node->world, node->paused_until_ms, notice_late, end, end->link->epoch);
		return;
	}
	node_advance(node);
	/* The deadlines just passed may have ended this connection. */
	uint32_t peer = end->peer;
	if (peer == ROUTER_NO_PEER)
		return;
	link_end_forget(end);
	node->ops->peers_died(node->speaker, &peer, 1, node_now_ms(node));
	node_settle(node);
}

void link_up(struct link *link)
{
	struct link_end *ends = link->ends;
	link->wanted = true;
	if (link_end_is_open(&ends[0]) || link_end_is_open(&ends[1]) || !node_is_on(ends[0].node) ||
	    !node_is_on(ends[1].node))
		return;
	for (unsigned side = 0; side < 2; side++) {
		if (node_is_paused(ends[side].node)) {
			world_at(link->world, ends[side].node->paused_until_ms, reconnect, link, link->epoch);
			return;
		}
	}
	link->epoch++;
	for (unsigned side = 0; side < 2; side++) {
		end_drop_flights(&ends[side]);
		watch_restart(&ends[side].watch);
		silence_restart(&ends[side]);
		ends[side].muted = ends[side].resume_armed = false;
		ends[side].last_arrival_ms = ends[side].busy_until_us = 0;
	}
	/* Both ends are peers before either one's first bytes are on the way. */
	for (unsigned side = 0; side < 2; side++) {
		node_advance(ends[side].node);
		ends[side].peer = node_add_peer(ends[side].node, &ends[side]);
		if (ends[side].peer == ROUTER_NO_PEER)
			world_break(link->world, ends[side].node, "the router refused a peer");
	}
	for (unsigned side = 0; side < 2; side++)
		node_settle(ends[side].node);
}

void link_cut(struct link *link)
{
	link->wanted = false;
	flow_mark_cut(link);
	link_end_notice(&link->ends[0]);
	link_end_notice(&link->ends[1]);
}

void link_cut_silently(struct link *link)
{
	flow_mark_cut(link);
	link->ends[0].muted = link->ends[1].muted = true;
}

void link_mute(struct link *link, unsigned side)
{
	flow_mark_cut(link);
	link->ends[side].muted = true;
}

/* ---- frames -------------------------------------------------------------------------------------------------------
 */

static void deliver_tlvs(struct link_end *to, const struct frame *frame)
{
	struct node *from = link_end_other(to)->node;
	struct reader body = frame_control_body(frame);
	struct tlv tlv;
	unsigned count = 0;
	for (; tlv_next(&body, &tlv); count++) {
		node_advance(to->node);
		/* The deadlines just passed may have ended this connection. */
		if (!link_end_is_open(to))
			return;
		to->node->ops->handle_tlv(to->node->speaker, to->peer, &tlv, node_now_ms(to->node));
		to->node->tables_untouched = tlv.type == TLV_HELLO || tlv.type == TLV_IHU;
		node_settle(to->node);
	}
	if (count != 1 && from->ops->is_honest)
		world_break(to->link->world, to->node, "a control frame does not hold exactly one TLV that can be read");
}

static void deliver_frame(struct link_end *to, struct flight *flight)
{
	struct frame frame;
	if (frame_decode(flight->bytes, flight->len, &frame) != FRAME_OK || frame.len != flight->len)
		world_break(to->link->world, to->node, "a frame cannot be decoded");
	else if (frame.type == FRAME_DATA)
		packet_receive(to->node, &frame);
	else
		deliver_tlvs(to, &frame);
}

static void offer_late(struct world *world, void *subject, uint64_t epoch);

/* Room became free: the node may send more. */
static void end_offer_room(struct link_end *end)
{
	if (!end->out_of_room || !link_end_is_open(end) || !link_end_has_room(end))
		return;
	end->out_of_room = false;
	if (node_is_paused(end->node)) {
		end->out_of_room = true;
		world_at(end->link->world, end->node->paused_until_ms, offer_late, end, end->link->epoch);
		return;
	}
	node_advance(end->node);
	if (link_end_is_open(end))
		end->node->ops->peer_writable(end->node->speaker, end->peer);
	node_settle(end->node);
}

static void offer_late(struct world *world, void *subject, uint64_t epoch)
{
	(void)world;
	struct link_end *end = subject;
	if (epoch == end->link->epoch)
		end_offer_room(end);
}

/* The oldest frame, or the end of the stream behind the last one, reaches the other end. */
static void stream_advance(struct link_end *from)
{
	struct link_end *to = link_end_other(from);
	if (from->flights_count == 0) {
		if (from->closing)
			link_end_notice(to);
		return;
	}
	struct flight flight = from->flights[from->flights_head];
	from->flights_head = (from->flights_head + 1) % from->flights_capacity;
	from->flights_count--;
	if (!flight.is_data)
		from->control_bytes_in_flight -= flight.len;
	silence_note_heard(to);
	deliver_frame(to, &flight);
	end_offer_room(from);
}

/* What came while the receiver was paused is read when it goes on. */
static void stream_resumes(struct world *world, void *subject, uint64_t epoch)
{
	struct link_end *from = subject;
	if (epoch != from->link->epoch)
		return;
	from->resume_armed = false;
	if (node_is_paused(link_end_other(from)->node)) {
		from->resume_armed = true;
		world_at(world, link_end_other(from)->node->paused_until_ms, stream_resumes, from, epoch);
		return;
	}
	for (size_t held = from->muted ? 0 : from->held; held > 0 && from->held > 0; held--) {
		from->held--;
		if (epoch == from->link->epoch && link_end_is_open(link_end_other(from)))
			stream_advance(from);
	}
}

static void stream_hold(struct link_end *from)
{
	const struct node *receiver = link_end_other(from)->node;
	from->held++;
	if (from->muted || from->resume_armed)
		return;
	from->resume_armed = true;
	world_at(from->link->world, receiver->paused_until_ms, stream_resumes, from, from->link->epoch);
}

static void frame_arrives(struct world *world, void *subject, uint64_t epoch)
{
	(void)world;
	struct link_end *from = subject;
	struct link_end *to = link_end_other(from);
	if (epoch != from->link->epoch || !link_end_is_open(to))
		return;
	if (from->muted || from->held > 0 || node_is_paused(to->node))
		stream_hold(from);
	else
		stream_advance(from);
}

static void end_schedule_arrival(struct link_end *end, size_t len)
{
	struct link *link = end->link;
	uint64_t now_ms = link->world->now_ms, at_ms = now_ms + link->delay_ms;
	if (link->rate > 0) {
		if (end->busy_until_us < now_ms * 1000)
			end->busy_until_us = now_ms * 1000;
		end->busy_until_us += len * 1000000 / link->rate;
		at_ms = (end->busy_until_us + 999) / 1000 + link->delay_ms;
	}
	/* The delay may have shrunk; a stream stays in order. */
	if (at_ms < end->last_arrival_ms)
		at_ms = end->last_arrival_ms;
	end->last_arrival_ms = at_ms;
	world_at(link->world, at_ms, frame_arrives, end, link->epoch);
}

static void end_make_room(struct link_end *end)
{
	if (end->flights_count < end->flights_capacity)
		return;
	size_t old_capacity = end->flights_capacity;
	end->flights = memory_grow(end->flights, &end->flights_capacity, end->flights_count + 1, sizeof(*end->flights));
	/* The part of the ring that had wrapped around goes behind the old end. */
	memcpy(end->flights + old_capacity, end->flights, end->flights_head * sizeof(*end->flights));
}

static void end_send(struct link_end *end, const uint8_t *bytes, size_t len, bool is_data)
{
	struct world *world = end->link->world;
	assert(len > 0 && len <= TLV_FRAME_SIZE_MAX);
	end_make_room(end);
	struct flight *flight = &end->flights[(end->flights_head + end->flights_count) % end->flights_capacity];
	end->flights_count++;
	flight->len = (uint16_t)len;
	flight->is_data = is_data;
	memcpy(flight->bytes, bytes, len);
	uint64_t stamp[3] = {world->now_ms, end->link->index, end->side};
	world_digest(world, stamp, sizeof(stamp));
	world_digest(world, bytes, len);
	end_schedule_arrival(end, len);
	silence_note_sent(end);
}

bool link_end_has_room(struct link_end *end)
{
	size_t credit = end->link->credit_bytes;
	bool has_room = credit == 0 || end->control_bytes_in_flight + TLV_FRAME_SIZE_MAX <= credit;
	if (!has_room)
		end->out_of_room = true;
	return has_room;
}

void link_send_control(struct link_end *end, const uint8_t *frame, size_t len)
{
	end->control_bytes_in_flight += len;
	/* Nobody is there to read: the node does not know yet. */
	end_send(end, frame, len, false);
}

void link_send_tlv(struct link_end *end, const struct tlv *tlv)
{
	struct world *world = end->link->world;
	uint8_t bytes[TLV_FRAME_SIZE_MAX];
	size_t len = tlv_write_frame(tlv, bytes);
	if (len == 0) {
		world_break(world, end->node, "the router made a TLV that must not be sent");
		return;
	}
	const char *problem = end->node->ops->is_ours ? watch_tlv(end, tlv) : NULL;
	if (problem != NULL)
		world_break(world, end->node, problem);
	world->sent[tlv->type]++;
	end->sent[tlv->type]++;
	if (tlv->type == TLV_UPDATE && tlv->update.metric == METRIC_INFINITE)
		world->retractions_sent++;
	if (world->observer != NULL)
		world->observer(world->observer_context, world, end, tlv);
	link_send_control(end, bytes, len);
}

/* A data packet waits behind at most BACKLOG_MAX_MS of others. */
void link_send_data(struct link_end *end, const uint8_t *frame, size_t len)
{
	struct world *world = end->link->world;
	if (end->link->rate > 0 && end->busy_until_us > (world->now_ms + BACKLOG_MAX_MS) * 1000)
		packet_frame_lost(world, frame, len);
	else
		end_send(end, frame, len, true);
}

void link_end_close(struct link_end *end)
{
	struct link_end *other = link_end_other(end);
	link_end_forget(end);
	if (!link_end_is_open(other))
		return;
	end->closing = true;
	end_schedule_arrival(end, 0);
}

static void end_release_held(struct link_end *end)
{
	size_t held = end->held;
	end->held = 0;
	for (size_t i = 0; i < held; i++)
		end_schedule_arrival(end, 0);
}

void link_heal(struct link *link)
{
	struct link_end *ends = link->ends;
	link->wanted = true;
	ends[0].muted = ends[1].muted = false;
	if (link_is_open(link)) {
		end_release_held(&ends[0]);
		end_release_held(&ends[1]);
		return;
	}
	link_end_notice(&ends[0]);
	link_end_notice(&ends[1]);
	link_up(link);
}
