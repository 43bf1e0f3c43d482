// SPDX-License-Identifier: Apache-2.0
/* Several lanes: packets cross to the lane of their link, in order, and their slots come home. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
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

static const struct tun *queue_of(const struct net *net, unsigned lane)
{
	return lane == 0 ? net->f.tun : net->f.more_tun[lane];
}

/* A packet of this host, given to the queue of a lane. */
static void host_gives(struct net *net, unsigned lane, unsigned link, uint32_t number)
{
	size_t len = packet_make(in, NODE_A, net->names[link], 64, 100);
	struct writer w = writer_init(in + IP6_HEADER_SIZE, 4);
	write_u32(&w, number);
	assert_int_equal(send(tun_fake_host(queue_of(net, lane)), in, len, MSG_NOSIGNAL), len);
}

static uint32_t number_at(const uint8_t *bytes)
{
	struct reader r = reader_init(bytes, 4);
	return read_u32(&r);
}

/* The number of the next packet of the host that arrives at the end of a link. */
static uint32_t far_end_opens(struct net *net, unsigned link)
{
	enum user_type type;
	size_t len = peer_receive(net->links[link], out), payload_len;
	const uint8_t *payload = frame_open(out, len, SECRET_AB, &type, &payload_len);
	assert_int_equal(type, USER_L3);
	assert_int_equal(payload_len, IP6_HEADER_SIZE + 100);
	return number_at(payload + IP6_HEADER_SIZE);
}

static void from_every_queue_to_every_link(void **state)
{
	(void)state;
	struct net net;
	net_start(&net, false);
	for (uint32_t round = 0; round < 200; round++)
		for (unsigned lane = 0; lane < LANES; lane++)
			for (unsigned link = 0; link < LINKS; link++) {
				host_gives(&net, lane, link, round);
				assert_int_equal(far_end_opens(&net, link), round);
			}
	assert_int_equal(fixture_counter(&net.f, LANE_PACKETS_FORWARDED), 200 * LANES * LINKS);
	net_stop(&net);
}

/* Bursts through one queue: each link sees its packets in order, and nothing of others. */
static void order_within_each_flow(void **state)
{
	(void)state;
	enum { ROUNDS = 60, BURST = 20 };
	struct net net;
	uint32_t next[LINKS] = {0};
	net_start(&net, false);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < BURST; i++)
			for (unsigned link = 0; link < LINKS; link++)
				host_gives(&net, round % LANES, link, round * BURST + i);
		for (unsigned link = 0; link < LINKS; link++)
			for (unsigned i = 0; i < BURST; i++)
				assert_int_equal(far_end_opens(&net, link), next[link]++);
	}
	net_stop(&net);
}

/* Frames of others between all links; more of them than there are slots, so that used ones must have come home. */
static void between_links_of_all_lanes(void **state)
{
	(void)state;
	enum { BATCH = 40, ROUNDS = LANES_SLOTS_MAX / (LINKS * LINKS * BATCH) + 2 };
	struct net net;
	net_start(&net, false);
	for (uint32_t round = 0; round < ROUNDS; round++)
		for (unsigned from = 0; from < LINKS; from++)
			for (unsigned to = 0; to < LINKS; to++) {
				for (uint32_t i = 0; i < BATCH; i++) {
					struct writer w = writer_init(body, 4);
					write_u32(&w, round * BATCH + i);
					peer_send(net.links[from], in, frame_make(in, NODE_B, net.names[to], 64, body, 100));
				}
				for (uint32_t i = 0; i < BATCH; i++) {
					(void)peer_receive(net.links[to], out);
					assert_int_equal(number_at(out + DATA_FRAME_HEADER_SIZE), round * BATCH + i);
				}
			}
	assert_int_equal(fixture_counter(&net.f, LANE_PACKETS_DROPPED_MEMORY), 0);
	assert_int_equal(lanes_counter(net.f.lanes, LANE_PACKETS_DROPPED_QUEUE), 0);
	net_stop(&net);
}

/* A link that takes nothing holds slots of other lanes; it goes, and they are there again, or the end finds them. */
static void blocked_links_hold_slots_of_others(void **state)
{
	(void)state;
	for (unsigned closes = 0; closes < 2; closes++) {
		struct net net;
		net_start(&net, true);
		for (uint32_t i = 0; i < 500; i++)
			for (unsigned link = 0; link < LINKS; link++)
				host_gives(&net, i % LANES, link, i);
		fixture_settle(&net.f);
		for (unsigned link = 0; link < LINKS && closes; link++)
			assert_int_equal(lanes_close_link(net.f.lanes, FIRST_PEER + link), 0);
		lanes_commit(net.f.lanes);
		for (uint32_t i = 0; i < 20; i++)
			host_gives(&net, i % LANES, i % LINKS, i);
		net_stop(&net);
	}
}

/* What lanes tell comes from each of them. */
static void events_of_all_lanes(void **state)
{
	(void)state;
	struct net net;
	unsigned seen[LINKS] = {0}, closed[LINKS] = {0};
	net_start(&net, false);
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
	net_start(&net, false);
	for (unsigned lane = 0; lane < LANES; lane++) {
		size_t len = packet_make(in, NODE_A, "4dd::1", 64, 100);
		assert_int_equal(send(tun_fake_host(queue_of(&net, lane)), in, len, MSG_NOSIGNAL), len);
		struct parcel *parcel = fixture_parcel(&net.f, PARCEL_EGRESS, NODE_A, "4dd::1", in, len);
		fixture_refuse(&net.f, parcel);
		/* The error is written by the same lane, to its own queue. */
		ssize_t got = recv(tun_fake_host(queue_of(&net, lane)), out, sizeof(out), 0);
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
	fixture_start_one_queue(&f, NODE_B, LANES);
	for (unsigned i = 0; i < LANES; i++) {
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_every_queue_to_every_link),
		cmocka_unit_test(order_within_each_flow),
		cmocka_unit_test(between_links_of_all_lanes),
		cmocka_unit_test(blocked_links_hold_slots_of_others),
		cmocka_unit_test(events_of_all_lanes),
		cmocka_unit_test(parcels_return_to_their_lane),
		cmocka_unit_test(one_queue_for_all),
	};
	return cmocka_run_group_tests_name("several_lanes", tests, fixture_group_setup, NULL);
}
