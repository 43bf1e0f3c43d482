// SPDX-License-Identifier: Apache-2.0
/* Packets from the host: each rule in its order, with exact bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "known_packets.h"
#include "lane_fixture.h"

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE];

static void host_send_hex(struct fixture *f, const char *hex)
{
	host_send(f, in, bytes_of_hex(hex, in));
}

/* A node A whose route and secret towards B are known. */
static int start_ready(struct fixture *f)
{
	int peer = fixture_start_with_peer(f, NODE_A, PEER_1);
	fixture_route(f, NODE_B, PEER_1);
	fixture_secret(f, NODE_B, SECRET_AB);
	return peer;
}

static void stop(struct fixture *f, int peer)
{
	fixture_stop(f);
	close(peer);
}

/* The frame has the known header; nonces are fresh, so the body is compared opened, hop limit as the host set it. */
static void sealed_for_its_destination(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	enum user_type type;
	size_t len, packet_len;
	uint8_t nonces[2][AEAD_NONCE_SIZE];
	for (int i = 0; i < 2; i++) {
		host_send_hex(&f, HEX_ECHO);
		len = peer_receive(peer, out);
		assert_int_equal(len, 128);
		assert_hex(out, DATA_FRAME_HEADER_SIZE, "010000000000583f" HEX_A HEX_B);
		memcpy(nonces[i], out + len - AEAD_NONCE_SIZE, AEAD_NONCE_SIZE);
		const uint8_t *packet = frame_open(out, len, SECRET_AB, &type, &packet_len);
		assert_int_equal(type, USER_L3);
		assert_hex(packet - USER_HEADER_SIZE, packet_len + USER_HEADER_SIZE, "01000000" HEX_ECHO);
	}
	assert_memory_not_equal(nonces[0], nonces[1], AEAD_NONCE_SIZE);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_FORWARDED), 2);
	host_silent(&f);
	fixture_no_event(&f);
	stop(&f, peer);
}

static void largest_packet(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	enum user_type type;
	size_t packet_len, len = packet_make(in, NODE_A, NODE_B, 64, TUN_MTU - IP6_HEADER_SIZE);
	host_send(&f, in, len);
	len = peer_receive(peer, out);
	assert_int_equal(len, 1472);
	const uint8_t *packet = frame_open(out, len, SECRET_AB, &type, &packet_len);
	assert_int_equal(packet_len, TUN_MTU);
	assert_memory_equal(packet, in, TUN_MTU);
	stop(&f, peer);
}

static void hop_limits(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	const uint8_t sent[] = {2, 3, 128, 255};
	for (unsigned i = 0; i < sizeof(sent); i++) {
		host_send(&f, in, packet_make(in, NODE_A, NODE_B, sent[i], 8));
		(void)peer_receive(peer, out);
		assert_int_equal(out[7], sent[i] - 1);
	}
	stop(&f, peer);
}

/* Whole answers of the node to its host. */
static void errors_to_the_host(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	const char *const rows[][2] = {
		{HEX_OWN_ECHO, HEX_OWN_ERROR},
		{HEX_FOREIGN, HEX_FOREIGN_ERROR},
		{HEX_ECHO_HEAD "01" HEX_ECHO_TAIL, HEX_EXPIRED_ERROR},
	};
	for (unsigned i = 0; i < 3; i++) {
		host_send_hex(&f, rows[i][0]);
		assert_hex(out, host_receive(&f, out), rows[i][1]);
	}
	assert_int_equal(fixture_counter(&f, LANE_REPORTS_SENT), 3);
	peer_silent(&f, peer);
	fixture_no_event(&f);
	stop(&f, peer);
}

static void assert_error(struct fixture *f, uint8_t type, uint8_t code, const char *source, uint8_t hop_limit,
			 const uint8_t *quote, size_t quote_len)
{
	struct ip6 from = address_of(source);
	size_t len = host_receive(f, out);
	assert_int_equal(len, 48 + quote_len);
	assert_int_equal(out[7], hop_limit);
	assert_memory_equal(out + 8, from.bytes, 16);
	assert_memory_equal(out + 24, quote + 8, 16);
	assert_int_equal(out[40], type);
	assert_int_equal(out[41], code);
	assert_memory_equal(out + 48, quote, quote_len);
}

/* The order of the checks shows in packets that break several rules. */
static void first_rule_that_is_broken(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	const char *own = "4a1:b2c3:d4e5:f607::99", *foreign = "4ff::1";
	size_t len = packet_make(in, "fe80::1", own, 0, 20);
	host_send(&f, in, len);
	assert_error(&f, 1, 3, NODE_A, 64, in, len);
	len = packet_make(in, foreign, NODE_B, 0, 20);
	host_send(&f, in, len);
	assert_error(&f, 1, 5, NODE_A, 64, in, len);
	len = packet_make(in, own, NODE_B, 0, 20);
	host_send(&f, in, len);
	assert_error(&f, 3, 0, own, 0, in, len);
	len = packet_make(in, own, "2001:db8::1", 64, 20);
	host_send(&f, in, len);
	assert_error(&f, 1, 0, own, 64, in, len);
	len = packet_make(in, own, own, 64, TUN_MTU - IP6_HEADER_SIZE);
	host_send(&f, in, len);
	assert_error(&f, 1, 3, NODE_A, 64, in, 1232);
	peer_silent(&f, peer);
	fixture_no_event(&f);
	stop(&f, peer);
}

/* RFC 4443 section 2.4 (e): about some packets nothing is said. */
static void silence(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	host_send(&f, in, packet_make(in, NODE_A, "ff02::2", 255, 8));
	host_send(&f, in, packet_make(in, "fe80::1", "ff02::2", 255, 8));
	host_send(&f, in, packet_make(in, "::", NODE_B, 64, 8));
	host_send(&f, in, packet_make(in, "ff05::1", NODE_B, 64, 8));
	host_send_hex(&f, HEX_OWN_ERROR);	/* an ICMPv6 error into the own /64 */
	host_silent(&f);
	peer_silent(&f, peer);
	fixture_no_event(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_REPORTS_SENT), 0);
	stop(&f, peer);
}

static void malformed(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	size_t len = packet_make(in, NODE_A, NODE_B, 64, 20);
	unsigned count = 0;
	for (size_t cut = 1; cut < len; cut++, count++)
		host_send(&f, in, cut);
	host_send(&f, in, len + 1), count++;
	in[0] = 0x45;
	host_send(&f, in, len), count++;
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_INVALID), count);
	host_silent(&f);
	peer_silent(&f, peer);
	fixture_no_event(&f);
	stop(&f, peer);
}

/* Without route, or without secret, control gets the packet as it is; after its answer it goes out, or is refused. */
static void needs_route_and_secret(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_A, PEER_1);
	size_t len = bytes_of_hex(HEX_ECHO, in);
	host_send(&f, in, len);
	struct parcel *nothing = fixture_parcel(&f, PARCEL_EGRESS, NODE_A, NODE_B, in, len);
	fixture_route(&f, NODE_B, PEER_1);
	host_send(&f, in, len);
	struct parcel *no_secret = fixture_parcel(&f, PARCEL_EGRESS, NODE_A, NODE_B, in, len);
	struct subnet subnet = {.addr = address_of(NODE_B), .len = 64};
	fib_clear_route(f.fib, &subnet);
	fixture_secret(&f, NODE_B, SECRET_AB);
	host_send(&f, in, len);
	struct parcel *no_route = fixture_parcel(&f, PARCEL_EGRESS, NODE_A, NODE_B, in, len);
	peer_silent(&f, peer);

	fixture_route(&f, NODE_B, PEER_1);
	fixture_retry(&f, nothing);
	assert_int_equal(peer_receive(peer, out), 128);
	assert_hex(out, DATA_FRAME_HEADER_SIZE, "010000000000583f" HEX_A HEX_B);
	enum user_type type;
	const uint8_t *packet = frame_open(out, 128, SECRET_AB, &type, &len);
	assert_hex(packet, len, HEX_ECHO);

	host_silent(&f);
	fixture_refuse(&f, no_secret);
	assert_hex(out, host_receive(&f, out), HEX_NO_ROUTE_ERROR);
	parcel_free(no_route);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_NO_ROUTE), 1);
	stop(&f, peer);
}

/* A parcel that is retried while the route is still missing comes back: control decides again. */
static void retried_too_early(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_A, PEER_1);
	size_t len = bytes_of_hex(HEX_ECHO, in);
	host_send(&f, in, len);
	fixture_retry(&f, fixture_parcel(&f, PARCEL_EGRESS, NODE_A, NODE_B, in, len));
	parcel_free(fixture_parcel(&f, PARCEL_EGRESS, NODE_A, NODE_B, in, len));
	stop(&f, peer);
}

/* The FIB may name a peer whose link is already closed. */
static void next_hop_is_gone(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	fixture_route(&f, NODE_B, PEER_1 + 0x10000);
	host_send_hex(&f, HEX_ECHO);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_NO_ROUTE), 1);
	peer_silent(&f, peer);
	stop(&f, peer);
}

/* One request for a burst of packets over a route that ends soon; none for one that does not. */
static void refresh_of_a_used_route(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_ready(&f);
	struct subnet subnet = {.addr = address_of(NODE_B), .len = 64};
	uint64_t began_ms = monotonic_ms();
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(fib_set_route(f.fib, &subnet, PEER_1, began_ms + (round == 0 ? 14000 : 100000)), 0);
		for (unsigned i = 0; i < 100; i++) {
			host_send_hex(&f, HEX_ECHO);
			(void)peer_receive(peer, out);
		}
		fixture_settle(&f);
		uint64_t allowed = (monotonic_ms() - began_ms) / 100 + 1, hints = 0;
		struct ip6 b = address_of(NODE_B);
		for (struct lane_event *event; (event = lanes_next_event(f.lanes)) != NULL; lanes_pop_event(f.lanes)) {
			if (event->type != LANE_REFRESH)
				continue;
			assert_true(ip6_equal(&event->address, &b));
			hints++;
		}
		assert_true(round == 0 ? hints >= 1 && hints <= allowed : hints == 0);
	}
	stop(&f, peer);
}

static void errors_are_limited(void **state)
{
	(void)state;
	enum { PACKETS = 600, BURST = 200, RATE = 100 };
	struct fixture f;
	int peer = start_ready(&f);
	uint64_t began_ms = monotonic_ms(), heard = 0;
	for (unsigned i = 0; i < PACKETS; i++) {
		host_send_hex(&f, HEX_OWN_ECHO);
		fixture_settle(&f);
		while (recv(tun_fake_host(f.tun), out, sizeof(out), MSG_DONTWAIT) > 0)
			heard++;
	}
	uint64_t elapsed_ms = monotonic_ms() - began_ms;
	assert_true(heard >= BURST);
	assert_true(heard <= BURST + elapsed_ms * RATE / 1000 + 1);
	assert_int_equal(lanes_counter(f.lanes, LANE_REPORTS_SENT), heard);
	assert_int_equal(lanes_counter(f.lanes, LANE_REPORTS_LIMITED), PACKETS - heard);
	stop(&f, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_for_its_destination),
		cmocka_unit_test(largest_packet),
		cmocka_unit_test(hop_limits),
		cmocka_unit_test(errors_to_the_host),
		cmocka_unit_test(first_rule_that_is_broken),
		cmocka_unit_test(silence),
		cmocka_unit_test(malformed),
		cmocka_unit_test(needs_route_and_secret),
		cmocka_unit_test(retried_too_early),
		cmocka_unit_test(next_hop_is_gone),
		cmocka_unit_test(refresh_of_a_used_route),
		cmocka_unit_test(errors_are_limited),
	};
	return cmocka_run_group_tests_name("egress", tests, fixture_group_setup, NULL);
}
