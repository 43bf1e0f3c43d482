// SPDX-License-Identifier: Apache-2.0
/* Out-of-band reports: made about frames of others, and received about the host's own packets. */
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

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], plain[BUFFER_SIZE], body[BUFFER_SIZE];

static void stop(struct fixture *f, int peer)
{
	fixture_stop(f);
	close(peer);
}

/* ---- made here --------------------------------------------------------------------------------------------------- */

static int start_t(struct fixture *f)
{
	int peer = fixture_start_with_peer(f, NODE_T, PEER_1);
	fixture_route(f, NODE_A, PEER_1);
	fixture_secret(f, NODE_A, SECRET_TA);
	return peer;
}

static size_t expired_echo(void)
{
	size_t len = bytes_of_hex(HEX_ECHO_FRAME, in);
	in[7] = 1;
	return len;
}

static void assert_known_report(int peer)
{
	enum user_type type;
	size_t len = peer_receive(peer, out), payload_len;
	assert_hex(out, DATA_FRAME_HEADER_SIZE, HEX_REPORT_FRAME_HEADER);
	const uint8_t *payload = frame_open(out, len, SECRET_TA, &type, &payload_len);
	assert_hex(payload - USER_HEADER_SIZE, payload_len + USER_HEADER_SIZE, "01020000" HEX_B HEX_REPORT);
}

static void hop_limit_exceeded(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_t(&f);
	peer_send(peer, in, expired_echo());
	assert_known_report(peer);
	assert_int_equal(fixture_counter(&f, LANE_REPORTS_SENT), 1);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_EXPIRED), 1);
	fixture_no_event(&f);
	stop(&f, peer);
}

/* The whole body or no report at all. */
static void quotes_are_whole(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_t(&f);
	enum user_type type;
	size_t payload_len;
	memset(body, 0x33, sizeof(body));
	peer_send(peer, in, frame_make(in, NODE_A, NODE_B, 1, body, 1233));
	peer_send(peer, in, frame_make(in, NODE_A, NODE_B, 1, body, 65535));
	peer_silent(&f, peer);
	peer_send(peer, in, frame_make(in, NODE_A, NODE_B, 1, body, 1232));
	size_t len = peer_receive(peer, out);
	assert_int_equal(len, 40 + 4 + 64 + 1232 + 28);
	const uint8_t *payload = frame_open(out, len, SECRET_TA, &type, &payload_len);
	assert_int_equal(payload_len, 1296);
	assert_memory_equal(payload + 64, body, 1232);
	/* An empty body is whole, too. */
	peer_send(peer, in, frame_make(in, NODE_A, NODE_B, 1, body, 0));
	assert_int_equal(peer_receive(peer, out), 40 + 4 + 64 + 28);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_EXPIRED), 4);
	stop(&f, peer);
}

/* The originator's key is control's to find; the second try reports, or gives up without a third. */
static void originator_not_known(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	size_t len = expired_echo();
	peer_send(peer, in, len);
	struct parcel *parcel = fixture_parcel(&f, PARCEL_REPORT, NODE_A, NODE_B, in, len);
	assert_int_equal(parcel->error.type, 3);
	assert_int_equal(parcel->error.code, 0);
	fixture_retry(&f, parcel);
	fixture_no_event(&f);
	peer_silent(&f, peer);

	peer_send(peer, in, len);
	parcel = fixture_parcel(&f, PARCEL_REPORT, NODE_A, NODE_B, in, len);
	fixture_route(&f, NODE_A, PEER_1);
	fixture_secret(&f, NODE_A, SECRET_TA);
	fixture_retry(&f, parcel);
	assert_known_report(peer);
	stop(&f, peer);
}

static void nobody_to_report_to(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_t(&f);
	const char *const sources[] = {NODE_T, "4de:adbe:ef00:1122::", "2001:db8::1", "::", "ff05::1"};
	for (unsigned i = 0; i < 5; i++)
		peer_send(peer, in, frame_make(in, sources[i], NODE_B, 1, body, 100));
	peer_silent(&f, peer);
	fixture_no_event(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_EXPIRED), 5);
	assert_int_equal(lanes_counter(f.lanes, LANE_REPORTS_SENT), 0);
	stop(&f, peer);
}

/* Each originator has a share, and all together; made-up ones do not reach control beyond that either. */
static void reports_are_limited(void **state)
{
	(void)state;
	enum { SHARE = 10, WHOLE = 100 };
	struct fixture f;
	int peer = start_t(&f);
	uint64_t began_ms = monotonic_ms();
	for (unsigned i = 0; i < 60; i++)
		peer_send(peer, in, expired_echo());
	uint64_t sent = fixture_counter(&f, LANE_REPORTS_SENT);
	uint64_t elapsed_ms = monotonic_ms() - began_ms;
	assert_true(sent >= SHARE);
	assert_true(sent <= SHARE + elapsed_ms * SHARE / 1000 + 1);
	assert_int_equal(lanes_counter(f.lanes, LANE_REPORTS_LIMITED), 60 - sent);

	unsigned asked = 0;
	for (unsigned i = 0; i < 1000; i++) {
		char source[64];
		snprintf(source, sizeof(source), "4aa:%x::1", i + 1);
		peer_send(peer, in, frame_make(in, source, NODE_B, 1, body, 100));
	}
	fixture_settle(&f);
	elapsed_ms = monotonic_ms() - began_ms;
	for (struct lane_event *event; (event = lanes_next_event(f.lanes)) != NULL; lanes_pop_event(f.lanes)) {
		if (event->type != LANE_PARCEL)
			continue;
		parcel_free(event->parcel);
		asked++;
	}
	assert_true(asked >= WHOLE / 2);
	assert_true(asked + sent <= WHOLE + elapsed_ms * WHOLE / 1000 + 1);
	stop(&f, peer);
}

/* ---- received ---------------------------------------------------------------------------------------------------- */

static int start_a(struct fixture *f)
{
	int peer = fixture_start_with_peer(f, NODE_A, PEER_1);
	fixture_secret(f, REPORTER_T, SECRET_TA);
	fixture_secret(f, NODE_B, SECRET_AB);
	return peer;
}

static void told_to_the_host(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_a(&f);
	size_t len = bytes_of_hex(HEX_REPORT_FRAME, in);
	in[7] = 62;
	peer_send(peer, in, len);
	assert_hex(out, host_receive(&f, out), HEX_REPORT_DELIVERED);
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_LOCAL), 1);
	peer_silent(&f, peer);
	stop(&f, peer);
}

/* A report of any kind: original destination, then an ICMPv6 packet around `quote`. Returns the plaintext's length. */
static size_t report_make(const char *original, const char *source, const char *destination, uint8_t type,
			  const uint8_t *quote, size_t quote_len)
{
	struct ip6 d = address_of(original), from = address_of(source), to = address_of(destination);
	uint64_t sum = checksum_pseudo_header(&from, &to, (uint32_t)(8 + quote_len), 58);
	struct writer w = writer_init(plain, sizeof(plain));
	write_u32(&w, 0x01020000);
	write_bytes(&w, d.bytes, 16);
	write_u32(&w, 0x60000000);
	write_u16(&w, (uint16_t)(8 + quote_len));
	write_u16(&w, 58 << 8 | 64);
	write_bytes(&w, from.bytes, 16);
	write_bytes(&w, to.bytes, 16);
	size_t message = writer_len(&w);
	write_u32(&w, (uint32_t)type << 24);
	write_u32(&w, 0);
	write_bytes(&w, quote, quote_len);
	uint16_t checksum = checksum_finish(checksum_add(sum, plain + message, 8 + quote_len));
	plain[message + 2] = (uint8_t)(checksum >> 8);
	plain[message + 3] = (uint8_t)checksum;
	return writer_len(&w);
}

static void send_plain(struct fixture *f, int peer, size_t len)
{
	peer_send(peer, in, frame_seal(f, in, REPORTER_T, NODE_A, 64, SECRET_TA, plain, len));
}

/* Seals a packet of A as it would have left, and returns the body's length. */
static size_t sealed_by_a(struct fixture *f, const char *source, const char *destination, enum user_type type,
			  size_t payload_len)
{
	uint8_t inside[2048] = {1, (uint8_t)type, 0, 0};
	size_t len = 4 + packet_make(inside + 4, source, destination, 64, payload_len);
	len = frame_seal(f, out, source, destination, 63, SECRET_AB, inside, len) - DATA_FRAME_HEADER_SIZE;
	memcpy(body, out + DATA_FRAME_HEADER_SIZE, len);
	return len;
}

static void each_error_type(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_a(&f);
	for (unsigned type = 0; type < 256; type += type < 6 ? 1 : 25) {
		size_t len = sealed_by_a(&f, NODE_A, NODE_B, USER_L3, 20);
		send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, (uint8_t)type, body, len));
		if (type < 1 || type > 4) {
			host_silent(&f);
			continue;
		}
		assert_int_equal(host_receive(&f, out), 48 + 60);
		assert_int_equal(out[40], type);
		assert_int_equal(packet_make(in, NODE_A, NODE_B, 64, 20), 60);
		assert_memory_equal(out + 48, in, 60);
	}
	stop(&f, peer);
}

static void largest_quote(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_a(&f);
	size_t len = sealed_by_a(&f, NODE_A, NODE_B, USER_L3, 1200 - 40);
	assert_int_equal(len, 1232);
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len));
	assert_int_equal(host_receive(&f, out), 1248);
	len = sealed_by_a(&f, NODE_A, NODE_B, USER_L3, 1201 - 40);
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len));
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), 1);
	stop(&f, peer);
}

static void quotes_that_are_not_ours(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_a(&f);
	unsigned count = 0;
	fixture_secret(&f, "4ee::1", 0x20);
	/* A message, not a packet of the host. */
	size_t len = sealed_by_a(&f, NODE_A, NODE_B, USER_MESSAGE, 20);
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len)), count++;
	/* A packet that came from somebody else, one for somebody else, one from the far end of the secret. */
	len = sealed_by_a(&f, "4ff::1", NODE_B, USER_L3, 20);
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len)), count++;
	len = sealed_by_a(&f, NODE_A, "512:3456:789a:bcde::7", USER_L3, 20);
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len)), count++;
	len = sealed_by_a(&f, NODE_B, NODE_A, USER_L3, 20);
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len)), count++;
	/* Destinations that are not known, or have another secret; no quote; noise. */
	len = sealed_by_a(&f, NODE_A, NODE_B, USER_L3, 20);
	send_plain(&f, peer, report_make("4ff::1", REPORTER_T, NODE_A, 3, body, len)), count++;
	send_plain(&f, peer, report_make("4ee::1", REPORTER_T, NODE_A, 3, body, len)), count++;
	send_plain(&f, peer, report_make("2001:db8::1", REPORTER_T, NODE_A, 3, body, len)), count++;
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, 0)), count++;
	body[3] ^= 1;
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_A, 3, body, len)), count++;
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), count);
	/* None of this makes anybody search for a route, or report. */
	fixture_no_event(&f);
	peer_silent(&f, peer);
	stop(&f, peer);
}

static void broken_reports(void **state)
{
	(void)state;
	struct fixture f;
	int peer = start_a(&f);
	unsigned count = 0;
	size_t quote_len = sealed_by_a(&f, NODE_A, NODE_B, USER_L3, 20);
	size_t len = report_make(NODE_B, REPORTER_T, NODE_A, 3, body, quote_len);
	for (size_t cut = 4; cut < len; cut++, count++)
		send_plain(&f, peer, cut);
	send_plain(&f, peer, len + 1), count++;
	plain[4 + 16 + 40 + 2] ^= 1;	/* checksum */
	send_plain(&f, peer, len), count++;
	plain[4 + 16 + 40 + 2] ^= 1;
	plain[4 + 16 + 6] = 17;		/* next header */
	send_plain(&f, peer, len), count++;
	/* Inner addresses other than those of the frame. */
	send_plain(&f, peer, report_make(NODE_B, "4ff::1", NODE_A, 3, body, quote_len)), count++;
	send_plain(&f, peer, report_make(NODE_B, REPORTER_T, NODE_B, 3, body, quote_len)), count++;
	host_silent(&f);
	assert_int_equal(lanes_counter(f.lanes, LANE_PACKETS_INVALID), count);
	len = report_make(NODE_B, REPORTER_T, NODE_A, 3, body, quote_len);
	send_plain(&f, peer, len);
	assert_int_equal(host_receive(&f, out), 108);
	stop(&f, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_limit_exceeded),
		cmocka_unit_test(quotes_are_whole),
		cmocka_unit_test(originator_not_known),
		cmocka_unit_test(nobody_to_report_to),
		cmocka_unit_test(reports_are_limited),
		cmocka_unit_test(told_to_the_host),
		cmocka_unit_test(each_error_type),
		cmocka_unit_test(largest_quote),
		cmocka_unit_test(quotes_that_are_not_ours),
		cmocka_unit_test(broken_reports),
	};
	return cmocka_run_group_tests_name("report", tests, fixture_group_setup, NULL);
}
