// SPDX-License-Identifier: Apache-2.0
/* Several lanes: packets cross to the lane of their link, in order, and their slots come home. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/lane_internal.h"
#include "known_packets.h"
#include "lane_fixture.h"

/* The links are shared out evenly among each number of lanes. */
enum { LANES_LEAST = 2, LANES_MOST = 4, LINKS = 12, FIRST_PEER = 0x00020000 };

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], body[BUFFER_SIZE];

/* Links over several lanes; link i leads to the node 4c0:i::1, with which this one shares a secret. */
struct net {
	struct fixture f;
	unsigned lanes;
	int links[LINKS];
	char names[LINKS][32];
};

static void net_start(struct net *net, unsigned lanes, bool narrow)
{
	net->lanes = lanes;
	fixture_start_lanes(&net->f, NODE_A, true, lanes);
	for (unsigned i = 0; i < LINKS; i++) {
		uint32_t peer = FIRST_PEER + i;
		snprintf(net->names[i], sizeof(net->names[i]), "4c0:%x::1", i);
		net->links[i] = narrow ? fixture_add_narrow_link(&net->f, peer) : fixture_add_link(&net->f, peer);
		fixture_route(&net->f, net->names[i], peer);
		fixture_secret(&net->f, net->names[i], SECRET_AB);
	}
	fixture_settle(&net->f);
}

static void net_stop(struct net *net)
{
	fixture_stop(&net->f);
	for (unsigned i = 0; i < LINKS; i++)
		close(net->links[i]);
}

/* A packet of this host, given to the queue of a lane. */
static void host_gives(struct net *net, unsigned lane, unsigned link, uint32_t number)
{
	size_t len = packet_make(in, NODE_A, net->names[link], 64, 100);
	number_write(in + IP6_HEADER_SIZE, number);
	host_send_to_queue(&net->f, lane, in, len);
}

/* The number of the next packet of the host that arrives at the end of a link. */
static uint32_t far_end_opens(struct net *net, unsigned link)
{
	enum user_type type;
	size_t len = peer_receive(net->links[link], out), payload_len;
	const uint8_t *payload = frame_open(out, len, SECRET_AB, &type, &payload_len);
	assert_int_equal(type, USER_L3);
	assert_int_equal(payload_len, IP6_HEADER_SIZE + 100);
	return number_read(payload + IP6_HEADER_SIZE);
}

static void from_every_queue_to_every_link(void **state)
{
	(void)state;
	enum { ROUNDS = 20 };
	for (unsigned lanes = LANES_LEAST; lanes <= LANES_MOST; lanes++) {
		struct net net;
		net_start(&net, lanes, false);
		for (uint32_t round = 0; round < ROUNDS; round++)
			for (unsigned lane = 0; lane < lanes; lane++)
				for (unsigned link = 0; link < LINKS; link++) {
					host_gives(&net, lane, link, round);
					assert_int_equal(far_end_opens(&net, link), round);
				}
		assert_int_equal(fixture_counter(&net.f, LANE_PACKETS_FORWARDED), ROUNDS * lanes * LINKS);
		net_stop(&net);
	}
}

/* Bursts through one queue: each link sees its packets in order, and nothing of others. */
static void order_within_each_flow(void **state)
{
	(void)state;
	enum { ROUNDS = 24, BURST = 10 };
	for (unsigned lanes = LANES_LEAST; lanes <= LANES_MOST; lanes++) {
		struct net net;
		uint32_t next[LINKS] = {0};
		net_start(&net, lanes, false);
		for (unsigned round = 0; round < ROUNDS; round++) {
			for (uint32_t i = 0; i < BURST; i++)
				for (unsigned link = 0; link < LINKS; link++)
					host_gives(&net, round % lanes, link, round * BURST + i);
			for (unsigned link = 0; link < LINKS; link++)
				for (unsigned i = 0; i < BURST; i++)
					assert_int_equal(far_end_opens(&net, link), next[link]++);
		}
		net_stop(&net);
	}
}

/* Sends frames from one link to another, and takes them there. */
static void cross(struct net *net, unsigned from, unsigned to, unsigned count)
{
	size_t len = 0;
	for (uint32_t i = 0; i < count; i++) {
		number_write(body, i);
		len += frame_make(in + len, NODE_B, net->names[to], 64, body, 100);
	}
	peer_send(net->links[from], in, len);
	for (uint32_t i = 0; i < count; i++) {
		(void)peer_receive(net->links[to], out);
		assert_int_equal(number_read(out + DATA_FRAME_HEADER_SIZE), i);
	}
}

/* Frames of others between all links; more of them cross than there are slots, so that used ones must have come home. */
static void between_links_of_all_lanes(void **state)
{
	(void)state;
	enum { BATCH = 120 };
	for (unsigned lanes = LANES_LEAST; lanes <= LANES_MOST; lanes++) {
		unsigned crossing = LINKS * LINKS * BATCH * (lanes - 1) / lanes;
		struct net net;
		net_start(&net, lanes, false);
		for (unsigned crossed = 0; crossed < LANES_SLOTS_MAX + crossing; crossed += crossing)
			for (unsigned from = 0; from < LINKS; from++)
				for (unsigned to = 0; to < LINKS; to++)
					cross(&net, from, to, BATCH);
		assert_int_equal(fixture_counter(&net.f, LANE_PACKETS_DROPPED_MEMORY), 0);
		assert_int_equal(lanes_counter(net.f.lanes, LANE_PACKETS_DROPPED_QUEUE), 0);
		net_stop(&net);
	}
}

/* A link that takes nothing holds slots of other lanes; it goes, and they are there again, or the end finds them. */
static void blocked_links_hold_slots_of_others(void **state)
{
	(void)state;
	enum { EACH = 300 };
	for (unsigned closes = 0; closes < 2; closes++) {
		struct net net;
		net_start(&net, 3, true);
		for (uint32_t i = 0; i < EACH; i++)
			for (unsigned link = 0; link < LINKS; link++)
				host_gives(&net, i % net.lanes, link, i);
		fixture_settle(&net.f);
		for (unsigned link = 0; link < LINKS && closes; link++)
			assert_int_equal(lanes_close_link(net.f.lanes, FIRST_PEER + link), 0);
		lanes_commit(net.f.lanes);
		for (uint32_t i = 0; i < 20; i++)
			host_gives(&net, i % net.lanes, i % LINKS, i);
		net_stop(&net);
	}
}

/* Links that block and go hold all slots that lanes have to spare, again and again: none is lost. */
static void slots_of_closed_links_come_home(void **state)
{
	(void)state;
	enum { BATCH = 50, BATCHES = 3 };	/* more than a link takes without being able to send them */
	struct net net;
	unsigned sent = 0;
	net_start(&net, 4, true);
	for (uint32_t generation = 0; sent < 2 * LANES_SLOTS_MAX; generation++) {
		for (unsigned from = 0; from < LINKS; from++) {
			size_t len = 0;
			unsigned to = (from + 1 + generation) % LINKS;
			for (unsigned i = 0; i < BATCH; i++)
				len += frame_make(in + len, NODE_B, net.names[to], 64, body, 1000);
			for (unsigned i = 0; i < BATCHES; i++, sent += BATCH)
				peer_send(net.links[from], in, len);
		}
		fixture_settle(&net.f);
		/* The next link of a row takes the place of the last one. */
		for (unsigned link = 0; link < LINKS; link++) {
			uint32_t peer = FIRST_PEER + link + (generation + 1) * 0x10000;
			close(net.links[link]);
			net.links[link] = fixture_add_narrow_link(&net.f, peer);
			fixture_route(&net.f, net.names[link], peer);
		}
		for (unsigned link = 0; link < LINKS; link++)
			(void)fixture_event(&net.f, LANE_LINK_CLOSED);
		fixture_settle(&net.f);
	}
	assert_int_equal(fixture_counter(&net.f, LANE_PACKETS_DROPPED_MEMORY), 0);
	net_stop(&net);
}

/* While a lane does not come round to it, what others have for it waits; more than the ring holds is dropped and counted. */
static void full_ring_to_a_lane(void **state)
{
	(void)state;
	enum { TOO_MANY = 700, BATCH = 20 };
	struct net net;
	net_start(&net, 2, false);
	fixture_hold(&net.f, 1);
	for (uint32_t i = 0; i < HANDOFFS_MAX + TOO_MANY; i++)
		host_gives(&net, 0, 1, i);
	fixture_wait_counter(&net.f, LANE_PACKETS_DROPPED_MEMORY, TOO_MANY);
	/* The lane's own links do not notice. */
	host_gives(&net, 0, 2, 7);
	assert_int_equal(far_end_opens(&net, 2), 7);
	fixture_let_go(&net.f);
	uint32_t got = 0;
	for (uint32_t number = 0, before = 0; number != HANDOFFS_MAX - 1; before = number, got++) {
		number = far_end_opens(&net, 1);
		assert_true(got == 0 || number > before);
	}
	uint64_t lost = fixture_counter(&net.f, LANE_PACKETS_DROPPED_QUEUE);
	assert_int_equal(got + lost + lanes_counter(net.f.lanes, LANE_PACKETS_DROPPED_DELAY), HANDOFFS_MAX);
	assert_int_equal(lanes_counter(net.f.lanes, LANE_PACKETS_DROPPED_MEMORY), TOO_MANY);
	/* It goes on as before. */
	for (uint32_t i = 0; i < BATCH; i++)
		host_gives(&net, 0, 1, i);
	for (uint32_t i = 0; i < BATCH; i++)
		assert_int_equal(far_end_opens(&net, 1), i);
	net_stop(&net);
}

/* Many packets come over at once, for a link that takes them all. */
static void many_at_once_to_a_link_that_takes_them(void **state)
{
	(void)state;
	enum { PACKETS = 600 };
	struct net net;
	net_start(&net, 4, false);
	fixture_hold(&net.f, 1);
	for (uint32_t i = 0; i < PACKETS; i++)
		host_gives(&net, 0, 1, i);
	/* Behind all of them, through the lane that is not held. */
	host_gives(&net, 0, 4, 7);
	assert_int_equal(far_end_opens(&net, 4), 7);
	fixture_let_go(&net.f);
	for (uint32_t i = 0; i < PACKETS; i++)
		assert_int_equal(far_end_opens(&net, 1), i);
	assert_int_equal(fixture_counter(&net.f, LANE_PACKETS_DROPPED_QUEUE), 0);
	net_stop(&net);
}

/* What lanes tell comes from each of them. */
static void events_of_all_lanes(void **state)
{
	(void)state;
	struct net net;
	unsigned seen[LINKS] = {0}, closed[LINKS] = {0};
	net_start(&net, LANES_MOST, false);
	for (uint16_t i = 0; i < 50; i++)
		for (unsigned link = 0; link < LINKS; link++) {
			hello_make(in, i);
			peer_send(net.links[link], in, HELLO_SIZE);
		}
	for (unsigned i = 0; i < 50 * LINKS; i++) {
		struct lane_event event = fixture_event(&net.f, LANE_TLV);
		assert_int_equal(event.tlv.hello.seqno, seen[event.peer - FIRST_PEER]++);
	}
	for (unsigned link = 0; link < LINKS; link++) {
		fixture_send_hello(&net.f, FIRST_PEER + link, (uint16_t)link);
		assert_int_equal(peer_receive(net.links[link], out), HELLO_SIZE);
	}
	for (unsigned link = 0; link < LINKS; link++)
		(void)fixture_event(&net.f, LANE_CONTROL_SENT);
	for (unsigned link = 0; link < LINKS; link++)
		assert_int_equal(lanes_close_link(net.f.lanes, FIRST_PEER + link), 0);
	lanes_commit(net.f.lanes);
	for (unsigned link = 0; link < LINKS; link++)
		closed[fixture_event(&net.f, LANE_LINK_CLOSED).peer - FIRST_PEER]++;
	for (unsigned link = 0; link < LINKS; link++)
		assert_int_equal(closed[link], 1);
	fixture_no_event(&net.f);
	net_stop(&net);
}

/* A packet that needs a route comes back to the lane that asked, whichever has the link. */
static void parcels_return_to_their_lane(void **state)
{
	(void)state;
	struct net net;
	net_start(&net, LANES_MOST, false);
	for (unsigned lane = 0; lane < net.lanes; lane++) {
		size_t len = packet_make(in, NODE_A, "4dd::1", 64, 100);
		host_send_to_queue(&net.f, lane, in, len);
		struct parcel *parcel = fixture_parcel(&net.f, PARCEL_EGRESS, NODE_A, "4dd::1", in, len);
		fixture_refuse(&net.f, parcel);
		/* The error is written by the same lane, to its own queue. */
		ssize_t got = recv(tun_fake_host(fixture_queue(&net.f, lane)), out, sizeof(out), 0);
		assert_true(got > (ssize_t)len);
		assert_int_equal(out[IP6_HEADER_SIZE], ICMP6_UNREACHABLE);
	}
	net_stop(&net);
}

/* A lane without a queue of its own writes to the first. */
static void one_queue_for_all(void **state)
{
	(void)state;
	struct fixture f;
	fixture_start_one_queue(&f, NODE_B, LANES_MOST);
	for (unsigned i = 0; i < LANES_MOST; i++) {
		int peer = fixture_add_link(&f, FIRST_PEER + i);
		fixture_route(&f, NODE_A, FIRST_PEER + i);
		fixture_secret(&f, NODE_A, SECRET_AB);
		peer_send(peer, in, bytes_of_hex(HEX_ECHO_FRAME, in));
		assert_hex(out, host_receive(&f, out), HEX_ECHO_HEAD "3e" HEX_ECHO_TAIL);
		assert_int_equal(lanes_close_link(f.lanes, FIRST_PEER + i), 0);
		lanes_commit(f.lanes);
		(void)fixture_event(&f, LANE_LINK_CLOSED);
		close(peer);
	}
	fixture_stop(&f);
}

/* ---- all at once ------------------------------------------------------------------------------------------------- */

struct source {
	pthread_t thread;
	atomic_bool *stop;
	int fd;			/* a queue's host end, or the far end of a link */
	bool host;
	uint8_t bytes[LINKS][256];
	size_t len[LINKS];
};

/* Packets or frames to all links, until told to stop or the other end is gone. */
static void *give_without_end(void *context)
{
	struct source *source = context;
	for (unsigned i = 0; !atomic_load(source->stop); i++)
		(void)!send(source->fd, source->bytes[i % LINKS], source->len[i % LINKS],
			    MSG_NOSIGNAL | (source->host ? 0 : MSG_DONTWAIT));
	return NULL;
}

static void source_start(struct net *net, struct source *source, atomic_bool *stop, bool host, int fd)
{
	*source = (struct source){.stop = stop, .fd = fd, .host = host};
	for (unsigned i = 0; i < LINKS; i++)
		source->len[i] = host ? packet_make(source->bytes[i], NODE_A, net->names[i], 64, 100) :
					frame_make(source->bytes[i], NODE_B, net->names[i], 64, body, 100);
	assert_int_equal(pthread_create(&source->thread, NULL, give_without_end, source), 0);
}

/* Lanes end in the middle of everything: nothing is lost, nothing is used any more. */
static void stops_at_any_time(void **state)
{
	(void)state;
	enum { STOPS = 12 };
	for (unsigned i = 0; i < STOPS; i++) {
		struct net net;
		static struct source sources[LANES_MOST + 1];
		atomic_bool stop = false;
		const struct timespec pause = {.tv_nsec = 1500000 * (long)i};
		net_start(&net, LANES_LEAST + i % 3, i % 2 == 0);
		for (unsigned lane = 0; lane < net.lanes; lane++)
			source_start(&net, &sources[lane], &stop, true, tun_fake_host(fixture_queue(&net.f, lane)));
		source_start(&net, &sources[net.lanes], &stop, false, net.links[0]);
		for (unsigned link = 0; link < LINKS; link++)
			fixture_send_hello(&net.f, FIRST_PEER + link, 1);
		nanosleep(&pause, NULL);
		lanes_close_link(net.f.lanes, FIRST_PEER + i % LINKS);
		lanes_stop(net.f.lanes);
		net.f.lanes = NULL;
		atomic_store(&stop, true);
		/* Whoever waits for room in an interface finds it. */
		for (unsigned lane = 0; lane < net.lanes; lane++)
			shutdown(tun_fake_host(fixture_queue(&net.f, lane)), SHUT_RDWR);
		for (unsigned source = 0; source <= net.lanes; source++)
			pthread_join(sources[source].thread, NULL);
		net_stop(&net);
	}
}

static void retry_all(struct net *net)
{
	for (const struct lane_event *event; (event = lanes_next_event(net->f.lanes)) != NULL;) {
		struct parcel *parcel = event->type == LANE_PARCEL ? event->parcel : NULL;
		lanes_pop_event(net->f.lanes);
		if (parcel != NULL)
			fixture_retry(&net->f, parcel);
	}
}

enum { KNOWN = 20, KNOWN_BODY = 100, ASKS_BODY = 200 };

/* Frames to a known destination counted up from `known`, and between them one to another. */
static void send_one_that_asks(struct net *net, unsigned to, const char *destination, uint32_t known)
{
	size_t len = 0;
	for (uint32_t i = 0; i < KNOWN; i++) {
		number_write(body, known + i);
		len += frame_make(in + len, NODE_B, net->names[to], 64, body, KNOWN_BODY);
		if (i == KNOWN / 2)
			len += frame_make(in + len, NODE_B, destination, 64, body, ASKS_BODY);
	}
	peer_send(net->links[0], in, len);
}

/* Those to the known destination keep their order. */
static void take_one(struct net *net, unsigned to, uint32_t *known, uint32_t *others)
{
	if (peer_receive(net->links[to], out) == DATA_FRAME_HEADER_SIZE + ASKS_BODY)
		(*others)++;
	else
		assert_int_equal(number_read(out + DATA_FRAME_HEADER_SIZE), (*known)++);
}

/* Parcels are tried again while the link that brought them brings more, to a link of the same lane and of another. */
static void retries_while_a_link_reads(void **state)
{
	(void)state;
	enum { ROUNDS = 60, AHEAD = 3 * KNOWN };
	for (unsigned to = 1; to <= 2; to++) {
		struct net net;
		uint32_t known = 0, got_known = 0, got_others = 0;
		net_start(&net, 2, false);
		for (unsigned round = 0; round < ROUNDS; round++, known += KNOWN) {
			char destination[32];
			snprintf(destination, sizeof(destination), "4d0:%x::1", round);
			send_one_that_asks(&net, to, destination, known);
			fixture_route(&net.f, destination, FIRST_PEER + to);
			if (round % 3 == 0)
				retry_all(&net);
			while (got_known + AHEAD < known)
				take_one(&net, to, &got_known, &got_others);
		}
		fixture_settle(&net.f);
		retry_all(&net);
		while (got_known < known || got_others < ROUNDS)
			take_one(&net, to, &got_known, &got_others);
		peer_silent(&net.f, net.links[to]);
		net_stop(&net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_every_queue_to_every_link),
		cmocka_unit_test(order_within_each_flow),
		cmocka_unit_test(between_links_of_all_lanes),
		cmocka_unit_test(blocked_links_hold_slots_of_others),
		cmocka_unit_test(slots_of_closed_links_come_home),
		cmocka_unit_test(full_ring_to_a_lane),
		cmocka_unit_test(many_at_once_to_a_link_that_takes_them),
		cmocka_unit_test(events_of_all_lanes),
		cmocka_unit_test(parcels_return_to_their_lane),
		cmocka_unit_test(one_queue_for_all),
		cmocka_unit_test(stops_at_any_time),
		cmocka_unit_test(retries_while_a_link_reads),
	};
	return cmocka_run_group_tests_name("several_lanes", tests, fixture_group_setup, NULL);
}
