// SPDX-License-Identifier: Apache-2.0
/* What a lane does when others want more than there is: room in the event ring, slots, memory for parcels. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/lane_internal.h"
#include "known_packets.h"
#include "lane_fixture.h"

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], body[BUFFER_SIZE];

/* Room for TLVs in an empty event ring. */
enum { TLVS_MAX = LANE_EVENTS_MAX - EVENTS_KEPT_BACK };

static void send_hellos(int peer, uint16_t first, unsigned count)
{
	while (count > 0) {
		size_t len = 0;
		for (; count > 0 && len + HELLO_SIZE <= sizeof(in); count--, len += HELLO_SIZE)
			hello_make(in + len, first++);
		peer_send(peer, in, len);
	}
}

/* Sends Hellos from seqno `sent` on until the lane takes no more, even when left alone; returns the next seqno. */
static unsigned send_until_blocked(struct fixture *f, int peer, unsigned sent, unsigned most)
{
	for (bool settled = false; sent < most;) {
		hello_make(in, (uint16_t)sent);
		if (send(peer, in, HELLO_SIZE, MSG_DONTWAIT) == HELLO_SIZE) {
			sent++;
			settled = false;
		} else if (settled) {
			return sent;
		} else {
			fixture_settle(f);
			settled = true;
		}
	}
	return sent;
}

/* ---- the event ring ---------------------------------------------------------------------------------------------- */

/* A peer that sends without end while control looks elsewhere: the lane stops reading from it, so that it waits in its
 * own socket; afterwards everything comes, in order. Meanwhile other work goes on, and closings are told. */
static void stops_reading_and_goes_on(void **state)
{
	(void)state;
	enum { HELLOS = TLVS_MAX + 30000 };
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_A, PEER_1), other = fixture_add_link(&f, PEER_2);
	fixture_route(&f, NODE_B, PEER_3);
	fixture_secret(&f, NODE_B, SECRET_AB);
	unsigned sent = send_until_blocked(&f, peer, 0, HELLOS);
	assert_true(sent > TLVS_MAX - 1000);
	assert_true(sent < HELLOS);

	close(other);
	assert_int_equal(lanes_close_link(f.lanes, PEER_2), 0);
	host_send(&f, in, bytes_of_hex(HEX_OWN_ECHO, in));
	assert_int_equal(host_receive(&f, out), 104);

	unsigned got = 0, closed = 0;
	while (got < HELLOS) {
		struct lane_event *event;
		for (unsigned i = 0; i < 5000 && (event = lanes_next_event(f.lanes)) != NULL; i++) {
			closed += event->type == LANE_LINK_CLOSED && event->peer == PEER_2;
			if (event->type == LANE_TLV)
				assert_int_equal(event->tlv.hello.seqno, (uint16_t)got++);
			lanes_pop_event(f.lanes);
		}
		lanes_events_taken(f.lanes);
		sent = send_until_blocked(&f, peer, sent, HELLOS);
	}
	assert_int_equal(closed, 1);
	fixture_no_event(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_DROPPED_MEMORY), 0);
	fixture_stop(&f);
	close(peer);
}

/* The bytes of one frame that are already here will become events, too: a full frame of the smallest TLVs is completed
 * by a few bytes at a moment when the ring is almost full. */
static void completes_a_large_frame_late(void **state)
{
	(void)state;
	enum { TLV = 5, TLVS = 65535 / TLV, FRAME = 8 + TLVS * TLV, LEFT = 10, ROOM = 1000 };
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1), flood = fixture_add_link(&f, PEER_2);
	memcpy(body, ((uint8_t[]){1, 1, 0, 0, 42, 3, TLVS * TLV >> 8, TLVS * TLV & 0xff}), 8);
	for (unsigned i = 0; i < TLVS; i++)
		memcpy(body + 8 + i * TLV, ((uint8_t[]){TLV_ROUTE_REQUEST, 3, (uint8_t)i, AE_WILDCARD, 0}), TLV);
	peer_send(peer, body, FRAME - LEFT);
	fixture_settle(&f);
	send_hellos(flood, 0, TLVS_MAX - ROOM);
	fixture_settle(&f);
	fixture_settle(&f);
	peer_send(peer, body + FRAME - LEFT, LEFT);
	fixture_settle(&f);

	unsigned hellos = 0, requests = 0;
	while (requests < TLVS) {
		struct lane_event *event = lanes_next_event(f.lanes);
		if (event == NULL) {
			lanes_events_taken(f.lanes);
			fixture_settle(&f);
			continue;
		}
		if (event->type == LANE_TLV && event->peer == PEER_1)
			assert_int_equal(event->tlv.route_request.generation, (uint8_t)requests++);
		hellos += event->type == LANE_TLV && event->peer == PEER_2;
		lanes_pop_event(f.lanes);
	}
	assert_int_equal(hellos, TLVS_MAX - ROOM);
	fixture_no_event(&f);
	fixture_stop(&f);
	close(peer), close(flood);
}

/* Packets that ask for a decision are bounded in bytes; what is too much is dropped and counted. */
static void parcels_on_their_way_are_bounded(void **state)
{
	(void)state;
	enum { FRAMES = 2 * LANES_PARCEL_BYTES_MAX / FRAME_SIZE_MAX, FITTING = LANES_PARCEL_BYTES_MAX / FRAME_SIZE_MAX };
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	size_t len = frame_make(in, NODE_A, NODE_B, 64, body, 65535);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < FRAMES; i++)
			peer_send(peer, in, len);
		/* Each takes several reads, so settling does not wait for the last. */
		fixture_wait_counter(&f, LANE_PACKETS_DROPPED_MEMORY, (round + 1) * (FRAMES - FITTING));
		assert_int_equal(fixture_counter(&f, LANE_PACKETS_DROPPED_MEMORY), (round + 1) * (FRAMES - FITTING));
		in[7] = 63;
		for (unsigned i = 0; i < FITTING; i++)
			parcel_free(fixture_parcel(&f, PARCEL_TRANSIT, NODE_A, NODE_B, in, len));
		in[7] = 64;
		fixture_no_event(&f);
	}
	fixture_stop(&f);
	close(peer);
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

static void send_numbered(int source, const char *destination, uint32_t number, size_t body_len)
{
	struct writer w = writer_init(body, 4);
	write_u32(&w, number);
	peer_send(source, in, frame_make(in, NODE_A, destination, 64, body, body_len));
}

static uint32_t receive_number(int peer)
{
	(void)peer_receive(peer, out);
	struct reader r = reader_init(out + DATA_FRAME_HEADER_SIZE, 4);
	return read_u32(&r);
}

/* One link takes nothing: its queue keeps the latest, and the link beside it does not notice. */
static void blocked_link_beside_a_working_one(void **state)
{
	(void)state;
	enum { ROUNDS = 60, BATCH = 64, BODY = 200, SIZE = BODY + DATA_FRAME_HEADER_SIZE };
	struct fixture f;
	fixture_start(&f, NODE_T, true);
	int source = fixture_add_link(&f, PEER_1), blocked = fixture_add_narrow_link(&f, PEER_2),
	    working = fixture_add_link(&f, PEER_3);
	fixture_route(&f, "4b0::1", PEER_2);
	fixture_route(&f, "4b1::1", PEER_3);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < BATCH; i++) {
			send_numbered(source, "4b0::1", round * BATCH + i, BODY);
			send_numbered(source, "4b1::1", round * BATCH + i, BODY);
		}
		for (uint32_t i = 0; i < BATCH; i++)
			assert_int_equal(receive_number(working), round * BATCH + i);
	}
	/* Queued, given to the link at once, and in the socket. */
	uint64_t left = ROUNDS * BATCH - fixture_counter(&f, LANE_PACKETS_DROPPED_QUEUE);
	assert_true(left >= QUEUE_DATA_PACKETS_MAX / 2);
	assert_true(left <= QUEUE_DATA_PACKETS_MAX + BURST_SIZE / SIZE + LINK_VECTOR + 40);
	/* Oldest first, then a gap, then the latest up to the last, but for those that CoDel takes out for their age. */
	uint32_t number = 0, received = 0;
	for (uint32_t before = 0; number != ROUNDS * BATCH - 1; before = number, received++) {
		number = receive_number(blocked);
		assert_true(received == 0 || number > before);
	}
	assert_int_equal(received + fixture_counter(&f, LANE_PACKETS_DROPPED_DELAY), left);
	fixture_stop(&f);
	close(source), close(blocked), close(working);
}

/* Many links that take nothing share what there is: no packet is refused for want of a slot, control frames still find
 * one, and no healthy link pays. The source has the first lane, all others the second, if there is one. */
static void block_many_links(unsigned lanes)
{
	enum { LINKS = 60, EACH = 700, BODY = 1000 };	/* less on their way at once than lanes keep for that */
	struct fixture f;
	int blocked[LINKS];
	char destination[32];
	const uint32_t from = 0x10000, to = from + lanes + 1, first = from + 100 * lanes + 1;
	fixture_start_lanes(&f, NODE_T, true, lanes);
	int source = fixture_add_link(&f, from), working = fixture_add_link(&f, to);
	fixture_route(&f, "4b1::1", to);
	for (unsigned i = 0; i < LINKS; i++) {
		snprintf(destination, sizeof(destination), "4c0:%x::1", i);
		blocked[i] = fixture_add_narrow_link(&f, first + i * lanes);
		fixture_route(&f, destination, first + i * lanes);
		for (uint32_t n = 0; n < EACH; n++)
			send_numbered(source, destination, n, BODY);
		send_numbered(source, "4b1::1", i, BODY);
		assert_int_equal(receive_number(working), i);
	}
	for (unsigned i = 0; i < LINKS; i++)
		for (uint16_t n = 0; n < 20; n++)
			fixture_send_hello(&f, first + i * lanes, n);
	fixture_send_hello(&f, to, 9);
	assert_int_equal(peer_receive(working, out), HELLO_SIZE);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_DROPPED_MEMORY), 0);
	assert_true(lanes_counter(f.lanes, LANE_PACKETS_DROPPED_QUEUE) > 0);
	for (struct lane_event *event; (event = lanes_next_event(f.lanes)) != NULL; lanes_pop_event(f.lanes))
		assert_int_not_equal(event->type, LANE_LINK_CLOSED);
	for (unsigned i = 0; i < LINKS; i++)
		close(blocked[i]);
	fixture_stop(&f);
	close(source), close(working);
}

static void many_blocked_links(void **state)
{
	(void)state;
	block_many_links(1);
}

static void many_blocked_links_of_another_lane(void **state)
{
	(void)state;
	block_many_links(2);
	block_many_links(4);
}

/* Frames too large for a slot are few at a time; losing them is all that happens. */
static void large_frames_to_a_blocked_link(void **state)
{
	(void)state;
	enum { FRAMES = 200, BODY = 65535 };
	struct fixture f;
	fixture_start(&f, NODE_T, true);
	int source = fixture_add_link(&f, PEER_1), blocked = fixture_add_narrow_link(&f, PEER_2),
	    working = fixture_add_link(&f, PEER_3);
	fixture_route(&f, "4b0::1", PEER_2);
	fixture_route(&f, "4b1::1", PEER_3);
	for (uint32_t i = 0; i < FRAMES; i++) {
		send_numbered(source, "4b0::1", i, BODY);
		send_numbered(source, "4b1::1", i, 1000);
		assert_int_equal(receive_number(working), i);
	}
	uint64_t lost = fixture_counter(&f, LANE_PACKETS_DROPPED_QUEUE);
	lost += lanes_counter(f.lanes, LANE_PACKETS_DROPPED_MEMORY);
	assert_true(lost >= FRAMES - SLOT_JUMBOS_MAX - 1);
	/* The newest stays; of those before it, CoDel takes some out for their age. */
	uint32_t number = 0, received = 0;
	for (uint32_t before = 0; number != FRAMES - 1; before = number, received++) {
		number = receive_number(blocked);
		assert_true(received == 0 || number > before);
	}
	assert_int_equal(received + lost + fixture_counter(&f, LANE_PACKETS_DROPPED_DELAY), FRAMES);
	send_numbered(source, "4b0::1", 12345, BODY);
	assert_int_equal(receive_number(blocked), 12345);
	fixture_stop(&f);
	close(source), close(blocked), close(working);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_reading_and_goes_on),
		cmocka_unit_test(completes_a_large_frame_late),
		cmocka_unit_test(parcels_on_their_way_are_bounded),
		cmocka_unit_test(blocked_link_beside_a_working_one),
		cmocka_unit_test(many_blocked_links),
		cmocka_unit_test(many_blocked_links_of_another_lane),
		cmocka_unit_test(large_frames_to_a_blocked_link),
	};
	return cmocka_run_group_tests_name("pressure", tests, fixture_group_setup, NULL);
}
