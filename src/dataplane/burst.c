// SPDX-License-Identifier: Apache-2.0
/*
 * Bursts: what goes out to a link at once.
 *
 *   frames passed on, where they lie in the read buffer ─┐
 *   queue: control, then frames, where they lie in slots ┼──▶ one write
 *   packets of this host ── (queue) ── seal ── buffer ───┘
 *
 * Packets are sealed into one buffer behind one another, so that the kernel takes them as one part; while nothing waits they
 * are sealed from where they were read, without a queue. What the connection does not take is kept by the link as a copy.
 * How much is tried at once shrinks as more is kept, so that links which take nothing, however many, leave room for the
 * others.
 */
#include "dataplane/lane_internal.h"

/* How many bytes may be given to a link that may take none of them. */
static size_t burst_limit(const struct lane *lane, const struct port *port)
{
	size_t left = lane->unsent_bytes < UNSENT_BYTES_MAX ? UNSENT_BYTES_MAX - lane->unsent_bytes : 0;
	size_t share = left / SLOT_SHARE < BURST_SIZE ? left / SLOT_SHARE : BURST_SIZE, window = link_window(port->link);
	return share < window ? share : window;
}

bool burst_pass_on(struct lane *lane, struct port *port, const struct frame *frame)
{
	/* Packets of this host may wait there since earlier in this round. */
	const struct burst *burst = lane->burst.port == port ? &lane->burst : NULL;
	unsigned count = lane->passing_count + (burst != NULL ? burst->count : 0);
	size_t bytes = port->passing_bytes + (burst != NULL ? burst->bytes : 0);
	if (port->blocked || port->queue.count > 0 || count >= LINK_VECTOR || bytes + frame->len > burst_limit(lane, port))
		return false;
	struct passing_frame *place = &lane->passing[lane->passing_count++];
	*place = (struct passing_frame){.bytes = {frame->bytes, frame->len}};
	if (port->passing_first == 0)
		port->passing_first = lane->passing_count;
	else
		lane->passing[port->passing_last - 1].next = lane->passing_count;
	port->passing_last = lane->passing_count;
	port->passing_bytes += frame->len;
	return true;
}

static void add_frame(struct burst *burst, uint8_t *bytes, size_t len)
{
	burst->frames[burst->count++] = (struct iovec){bytes, len};
	burst->bytes += len;
}

static void gather_passing(const struct lane *lane, struct port *port, struct burst *burst)
{
	for (unsigned at = port->passing_first; at != 0; at = lane->passing[at - 1].next)
		add_frame(burst, lane->passing[at - 1].bytes.iov_base, lane->passing[at - 1].bytes.iov_len);
	port->passing_first = port->passing_last = 0;
	port->passing_bytes = 0;
}

/* The key of a packet's destination, or NULL when there is none any more. */
static struct aead_key *key_for(struct lane *lane, const struct ip6 *destination)
{
	const struct fib_route *route = lane_lookup(lane, &lane->last_destination, destination);
	return route != NULL && route->secret != NULL ? lane_key(lane, route->secret) : NULL;
}

/* Seals a packet of this host, which has room for the user header in front of it. */
static void seal_packet(struct lane *lane, struct burst *burst, uint8_t *packet, size_t packet_len)
{
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	uint8_t hop_limit = (uint8_t)(ip6_packet_hop_limit(packet) - 1), *out = &burst->buffer[burst->filled];
	struct aead_key *key = key_for(lane, &destination);
	if (key == NULL) {
		lane_count(lane, LANE_PACKETS_NO_ROUTE);
		return;
	}
	size_t len = sealed_write_frame(out, packet, packet_len, USER_L3, &source, &destination, hop_limit, key, &lane->nonces);
	burst->filled += len;
	add_frame(burst, out, len);
	lane_count(lane, LANE_PACKETS_FORWARDED);
}

static void hold(struct burst *burst, struct slot *slot)
{
	slot->next = burst->held;
	burst->held = slot;
	add_frame(burst, slot->data, slot->len);
}

/* Room for one more packet of this host, or one frame of any size: the first always has. */
static bool has_room(const struct burst *burst, size_t limit)
{
	size_t packet_max = TUN_MTU + SEAL_HEADROOM + SEAL_TAILROOM;
	return burst->count < LINK_VECTOR && burst->filled + packet_max <= sizeof(burst->buffer) &&
	       (burst->bytes == 0 || burst->bytes + packet_max <= limit);
}

void burst_reset(struct burst *burst)
{
	burst->port = NULL;
	burst->count = 0;
	burst->bytes = burst->filled = 0;
}

bool burst_takes(struct lane *lane, struct port *port)
{
	struct burst *burst = &lane->burst;
	if (port->blocked || port->queue.count > 0 || (burst->port != NULL && burst->port != port))
		return false;
	return has_room(burst, burst_limit(lane, port));
}

void burst_add(struct lane *lane, struct port *port, uint8_t *packet, size_t len)
{
	lane->burst.port = port;
	seal_packet(lane, &lane->burst, packet, len);
}

/* Fills the burst. Returns false when there is nothing to send. */
static bool gather(struct lane *lane, struct port *port, struct burst *burst)
{
	size_t limit = burst_limit(lane, port);
	burst->port = port;
	gather_passing(lane, port, burst);
	while (has_room(burst, limit)) {
		bool control;
		struct slot *slot = queue_take(&port->queue, lane->now_us, lane->pool, &control);
		if (slot == NULL)
			break;
		port->control_sent += control;
		if (!slot->is_packet) {
			hold(burst, slot);
			continue;
		}
		seal_packet(lane, burst, slot->data, slot->len);
		slot_give(lane->pool, slot);
	}
	return burst->count > 0;
}

static void let_go(struct lane *lane, struct burst *burst)
{
	while (burst->held != NULL) {
		struct slot *next = burst->held->next;
		slot_give(lane->pool, burst->held);
		burst->held = next;
	}
}

/* Counts what CoDel did meanwhile. */
static void count_signals(struct lane *lane, const struct queue_counters *before, const struct queue_counters *after)
{
	lane_add(&lane->counters[LANE_PACKETS_DROPPED_DELAY], after->delayed - before->delayed);
	lane_add(&lane->counters[LANE_PACKETS_MARKED], after->marked - before->marked);
}

static long send_all(struct lane *lane, struct port *port)
{
	struct burst *burst = &lane->burst;
	long written = link_flush(port->link, &port->blocked), total = written;
	while (written >= 0 && !port->blocked && gather(lane, port, burst)) {
		written = link_send(port->link, burst->frames, burst->count, &port->blocked);
		let_go(lane, burst);
		burst_reset(burst);
		total += written;
	}
	burst_reset(burst);
	return written < 0 ? written : total;
}

long burst_send(struct lane *lane, struct port *port)
{
	struct queue_counters before = port->queue.counters;
	lane->unsent_bytes -= link_unsent(port->link);
	long result = send_all(lane, port);
	lane->unsent_bytes += link_unsent(port->link);
	count_signals(lane, &before, &port->queue.counters);
	return result;
}
