// SPDX-License-Identifier: Apache-2.0
/* Frames from peers: for this host, or for others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "known_packets.h"
#include "lane_fixture.h"

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], plain[BUFFER_SIZE];

static void stop(struct fixture *f, int peer)
{
	fixture_stop(f);
	close(peer);
}

/* A node B that knows the secret of A, and the route to it. */
static int start_b(struct fixture *f)
{
	int peer = fixture_start_with_peer(f, NODE_B, PEER_1);
	fixture_route(f, NODE_A, PEER_1);
	fixture_secret(f, NODE_A, SECRET_AB);
	return peer;
}

static size_t echo_frame(uint8_t hop_limit)
{
	size_t len = bytes_of_hex(HEX_ECHO_FRAME, in);
	in[7] = hop_limit;
	return len;
}

static void delivered_with_the_hop_limit_of_the_frame(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	peer_send(peer, in, echo_frame(63));
	assert_hex(out, host_receive(&f, out), HEX_ECHO_HEAD "3e" HEX_ECHO_TAIL);
	peer_send(peer, in, echo_frame(2));
	assert_hex(out, host_receive(&f, out), HEX_ECHO_HEAD "01" HEX_ECHO_TAIL);
	peer_send(peer, in, echo_frame(255));
	assert_hex(out, host_receive(&f, out), HEX_ECHO_HEAD "fe" HEX_ECHO_TAIL);
	/* Reserved bytes mean nothing. */
	size_t len = echo_frame(63);
	in[2] = in[3] = in[4] = 0xff;
	peer_send(peer, in, len);
	assert_hex(out, host_receive(&f, out), HEX_ECHO_HEAD "3e" HEX_ECHO_TAIL);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_LOCAL), 4);
	peer_silent(&f, peer);
	fixture_no_event(&f);
	stop(&f, peer);
}

/* The hop limit is looked at before the destination: a frame that arrives with 1 is reported, not delivered. */
static void expired_at_its_destination(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	for (uint8_t hop_limit = 0; hop_limit < 2; hop_limit++) {
		peer_send(peer, in, echo_frame(hop_limit));
		size_t len = peer_receive(peer, out), payload_len;
		enum user_type type;
		assert_hex(out, DATA_FRAME_HEADER_SIZE, "010000000000b83f" "05123456789abcde0000000000000000" HEX_A);
		const uint8_t *payload = frame_open(out, len, SECRET_AB, &type, &payload_len);
		assert_int_equal(type, USER_OOB_ICMP);
		assert_hex(payload, 16, HEX_B);
	}
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_EXPIRED), 2);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_LOCAL), 0);
	stop(&f, peer);
}

static size_t plain_packet(const char *source, const char *destination, size_t payload_len)
{
	const uint8_t header[] = {1, USER_L3, 0, 0};
	memcpy(plain, header, sizeof(header));
	return sizeof(header) + packet_make(plain + sizeof(header), source, destination, 64, payload_len);
}

/* A sender with a secret of its own cannot speak for others. */
static void inner_addresses_must_be_the_outer_ones(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	const char *neighbour = "512:3456:789a:bcde::1", *a_too = "4a1:b2c3:d4e5:f607::2";
	const char *const pairs[][2] = {
		{NODE_B, NODE_B}, {"4ff::1", NODE_B}, {"2001:db8::1", NODE_B}, {a_too, NODE_B},
		{NODE_A, neighbour}, {NODE_A, NODE_A}, {NODE_A, "2001:db8::1"}, {NODE_B, NODE_A},
	};
	const unsigned count = sizeof(pairs) / sizeof(pairs[0]);
	for (unsigned i = 0; i < count; i++) {
		size_t len = plain_packet(pairs[i][0], pairs[i][1], 30);
		peer_send(peer, in, frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, len));
	}
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), count);
	/* The neighbours are fine when inside and outside agree. */
	size_t len = plain_packet(a_too, neighbour, 30);
	peer_send(peer, in, frame_seal(&f, in, a_too, neighbour, 64, SECRET_AB, plain, len));
	assert_int_equal(host_receive(&f, out), 70);
	stop(&f, peer);
}

/* Both directions share a secret: a frame turned round by somebody on the way opens, and must go no further. */
static void turned_round_on_the_way(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_A, PEER_1);
	fixture_secret(&f, NODE_B, SECRET_AB);
	size_t len = echo_frame(63);
	bytes_of_hex(HEX_B HEX_A, in + 8);
	peer_send(peer, in, len);
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), 1);
	/* Or sent back as it was, for an address of the own /64. */
	bytes_of_hex(HEX_A HEX_A, in + 8);
	peer_send(peer, in, len);
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), 2);
	fixture_no_event(&f);
	stop(&f, peer);
}

static void broken_packets_inside(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	unsigned count = 0;
	size_t len = plain_packet(NODE_A, NODE_B, 20);
	for (size_t cut = USER_HEADER_SIZE; cut < len; cut++, count++)
		peer_send(peer, in, frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, cut));
	plain[len] = 0;
	peer_send(peer, in, frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, len + 1)), count++;
	plain[USER_HEADER_SIZE] = 0x45;
	peer_send(peer, in, frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, len)), count++;
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), count);
	stop(&f, peer);
}

static void unknown_user_data(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	const uint8_t headers[][2] = {{0, 0}, {2, 0}, {1, 3}, {1, 255}, {255, 255}, {1, USER_MESSAGE}};
	size_t len = plain_packet(NODE_A, NODE_B, 20);
	for (unsigned i = 0; i < 6; i++) {
		memcpy(plain, headers[i], 2);
		peer_send(peer, in, frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, len));
	}
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), 6);
	/* The other two bytes of the header mean nothing. */
	memcpy(plain, ((uint8_t[]){1, USER_L3, 0xde, 0xad}), 4);
	peer_send(peer, in, frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, len));
	assert_int_equal(host_receive(&f, out), 60);
	stop(&f, peer);
}

static void bodies_that_do_not_open(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	unsigned count = 0;
	uint8_t body[2048];
	size_t len = bytes_of_hex(HEX_ECHO_BODY, body);
	for (size_t cut = 0; cut < len; cut++, count++)
		peer_send(peer, in, frame_make(in, NODE_A, NODE_B, 64, body, cut));
	for (size_t at = 0; at < len; at++, count++) {
		body[at] ^= 1;
		peer_send(peer, in, frame_make(in, NODE_A, NODE_B, 64, body, len));
		body[at] ^= 1;
	}
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_UNDECRYPTABLE), count);
	stop(&f, peer);
}

static void largest_packet(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	size_t packet_len = 65503, len = plain_packet(NODE_A, NODE_B, packet_len - IP6_HEADER_SIZE);
	size_t frame_len = frame_seal(&f, in, NODE_A, NODE_B, 64, SECRET_AB, plain, len);
	assert_int_equal(frame_len, FRAME_SIZE_MAX);
	peer_send(peer, in, frame_len);
	assert_int_equal(host_receive(&f, out), packet_len);
	plain[USER_HEADER_SIZE + 7] = 63;
	assert_memory_equal(out, plain + USER_HEADER_SIZE, packet_len);
	stop(&f, peer);
}

/* A sender that is not known: control gets the frame, hop limit already counted, and the retry delivers it. */
static void sender_without_secret(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_B, PEER_1);
	size_t len = echo_frame(63);
	peer_send(peer, in, len);
	in[7] = 62;
	struct parcel *unknown = fixture_parcel(&f, PARCEL_INGRESS, NODE_A, NODE_B, in, len);
	fixture_route(&f, NODE_A, PEER_1);
	in[7] = 63;
	peer_send(peer, in, len);
	in[7] = 62;
	struct parcel *no_secret = fixture_parcel(&f, PARCEL_INGRESS, NODE_A, NODE_B, in, len);
	host_silent(&f);
	fixture_secret(&f, NODE_A, SECRET_AB);
	fixture_retry(&f, unknown);
	assert_hex(out, host_receive(&f, out), HEX_ECHO_HEAD "3e" HEX_ECHO_TAIL);
	/* Refused: nobody hears of it. */
	fixture_refuse(&f, no_secret);
	host_silent(&f);
	peer_silent(&f, peer);
	/* The secret is enough: no route back is needed. */
	struct subnet subnet = {.addr = address_of(NODE_A), .len = 64};
	fib_clear_route(f.fib, &subnet);
	peer_send(peer, in, echo_frame(63));
	assert_int_equal(host_receive(&f, out), 56);
	stop(&f, peer);
}

/* Senders that cannot exist are not searched for. */
static void sender_outside_the_overlay(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_b(&f);
	const char *const sources[] = {"2001:db8::1", "::", "fe80::1", "ff05::1", "600::1", "3ff::1"};
	for (unsigned i = 0; i < 6; i++)
		peer_send(peer, in, frame_make(in, sources[i], NODE_B, 64, plain, 100));
	fixture_no_event(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), 6);
	stop(&f, peer);
}

/* ---- for others -------------------------------------------------------------------------------------------------- */

static void passed_on_unchanged_but_for_the_hop_limit(void **state)
{
	(void)state;
	struct fixture f;
	int from = fixture_start_with_peer(&f, NODE_T, PEER_1), to = fixture_add_link(&f, PEER_2);
	fixture_route(&f, NODE_B, PEER_2);
	const size_t bodies[] = {0, 1, 31, 88, 1432, 65535};
	const uint8_t hop_limits[] = {2, 63, 255};
	unsigned count = 0;
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned k = 0; k < 3; k++, count++) {
			for (size_t at = 0; at < bodies[i]; at++)
				plain[at] = (uint8_t)(at * 7 + i);
			size_t len = frame_make(in, NODE_A, NODE_B, hop_limits[k], plain, bodies[i]);
			in[2] = 1, in[3] = 2, in[4] = 3;
			peer_send(from, in, len);
			assert_int_equal(peer_receive(to, out), len);
			in[7] = (uint8_t)(hop_limits[k] - 1);
			assert_memory_equal(out, in, len);
		}
	}
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_FORWARDED), count);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_LOCAL), 0);
	host_silent(&f);
	peer_silent(&f, from);
	fixture_no_event(&f);
	close(to);
	stop(&f, from);
}

/* Also back to where it came from, from any source: a relay checks nothing of that. */
static void passed_on_to_where_it_came_from(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	fixture_route(&f, NODE_B, PEER_1);
	size_t len = frame_make(in, "2001:db8::1", NODE_B, 9, plain, 50);
	peer_send(peer, in, len);
	assert_int_equal(peer_receive(peer, out), len);
	assert_int_equal(out[7], 8);
	stop(&f, peer);
}

static void relay_without_route(void **state)
{
	(void)state;
	struct fixture f;
	int from = fixture_start_with_peer(&f, NODE_T, PEER_1), to = fixture_add_link(&f, PEER_2);
	size_t len = echo_frame(63);
	peer_send(from, in, len);
	in[7] = 62;
	struct parcel *first = fixture_parcel(&f, PARCEL_TRANSIT, NODE_A, NODE_B, in, len);
	/* A secret of its own with the destination is no route. */
	fixture_secret(&f, NODE_B, 0x44);
	in[7] = 63;
	peer_send(from, in, len);
	in[7] = 62;
	struct parcel *second = fixture_parcel(&f, PARCEL_TRANSIT, NODE_A, NODE_B, in, len);
	fixture_route(&f, NODE_B, PEER_2);
	fixture_retry(&f, first);
	assert_int_equal(peer_receive(to, out), len);
	assert_memory_equal(out, in, len);

	/* Refused: its originator hears "no route". */
	fixture_route(&f, NODE_A, PEER_1);
	fixture_secret(&f, NODE_A, SECRET_TA);
	fixture_refuse(&f, second);
	enum user_type type;
	len = peer_receive(from, out);
	size_t payload_len;
	const uint8_t *payload = frame_open(out, len, SECRET_TA, &type, &payload_len);
	assert_int_equal(type, USER_OOB_ICMP);
	assert_hex(payload, 16, HEX_B);
	assert_int_equal(payload[56], 1);
	assert_int_equal(payload[57], 0);
	assert_hex(payload + 64, payload_len - 64, HEX_ECHO_BODY);
	close(to);
	stop(&f, from);
}

/* A destination that cannot exist is reported at once, without asking control for a route. */
static void destination_outside_the_overlay(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	fixture_route(&f, NODE_A, PEER_1);
	fixture_secret(&f, NODE_A, SECRET_TA);
	const char *const destinations[] = {"2001:db8::1", "ff02::1", "::", "600::1"};
	for (unsigned i = 0; i < 4; i++) {
		peer_send(peer, in, frame_make(in, NODE_A, destinations[i], 64, plain, 100));
		enum user_type type;
		size_t len = peer_receive(peer, out), payload_len;
		const uint8_t *payload = frame_open(out, len, SECRET_TA, &type, &payload_len);
		assert_int_equal(payload[56], 1);
		assert_int_equal(payload[57], 0);
	}
	fixture_no_event(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_NO_ROUTE), 4);
	stop(&f, peer);
}

static void without_an_interface(void **state)
{
	(void)state;
	struct fixture f;
	fixture_start(&f, NODE_B, false);
	int peer = fixture_add_link(&f, PEER_1), to = fixture_add_link(&f, PEER_2);
	fixture_secret(&f, NODE_A, SECRET_AB);
	fixture_route(&f, "4ff::1", PEER_2);
	peer_send(peer, in, echo_frame(63));
	size_t len = frame_make(in, NODE_A, "4ff::1", 64, plain, 100);
	peer_send(peer, in, len);
	assert_int_equal(peer_receive(to, out), len);
	fixture_no_event(&f);
	close(to);
	stop(&f, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivered_with_the_hop_limit_of_the_frame),
		cmocka_unit_test(expired_at_its_destination),
		cmocka_unit_test(inner_addresses_must_be_the_outer_ones),
		cmocka_unit_test(turned_round_on_the_way),
		cmocka_unit_test(broken_packets_inside),
		cmocka_unit_test(unknown_user_data),
		cmocka_unit_test(bodies_that_do_not_open),
		cmocka_unit_test(largest_packet),
		cmocka_unit_test(sender_without_secret),
		cmocka_unit_test(sender_outside_the_overlay),
		cmocka_unit_test(passed_on_unchanged_but_for_the_hop_limit),
		cmocka_unit_test(passed_on_to_where_it_came_from),
		cmocka_unit_test(relay_without_route),
		cmocka_unit_test(destination_outside_the_overlay),
		cmocka_unit_test(without_an_interface),
	};
	return cmocka_run_group_tests_name("ingress", tests, fixture_group_setup, NULL);
}
