// SPDX-License-Identifier: Apache-2.0
/* The lane's side of a link: control before data, credits, closings, and what comes in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "dataplane/queue.h"
#include "known_packets.h"
#include "lane_fixture.h"
#include "link/tcp.h"

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], body[BUFFER_SIZE];

/* ---- out --------------------------------------------------------------------------------------------------------- */

/* A relay with a source of frames (PEER_1) and a narrow link (PEER_2) towards B. */
static int start_narrow(struct fixture *f, int *ret_source)
{
	fixture_start(f, NODE_T, true);
	*ret_source = fixture_add_link(f, PEER_1);
	fixture_route(f, NODE_B, PEER_2);
	return fixture_add_narrow_link(f, PEER_2);
}

static void send_numbered(int source, uint32_t number)
{
	struct writer w = writer_init(body, 4);
	write_u32(&w, number);
	peer_send(source, in, frame_make(in, NODE_A, NODE_B, 64, body, 200));
}

static uint32_t number_of(const uint8_t *frame)
{
	struct reader r = reader_init(frame + DATA_FRAME_HEADER_SIZE, 4);
	return read_u32(&r);
}

static unsigned bytes_waiting(int fd)
{
	int bytes;
	assert_int_equal(ioctl(fd, FIONREAD, &bytes), 0);
	return (unsigned)bytes;
}

/* What was put into the socket or the link's vector before is not overtaken; everything else is. */
static void control_overtakes_data(void **state)
{
	(void)state;
	enum { DATA = 800, CONTROL = 20, DATA_SIZE = 240 };
	struct fixture f;
	int source, narrow = start_narrow(&f, &source);
	for (uint32_t i = 0; i < DATA; i++)
		send_numbered(source, i);
	fixture_settle(&f);
	unsigned ahead = bytes_waiting(narrow) / DATA_SIZE + 1 + LINK_VECTOR;
	assert_true(ahead < DATA / 2);
	for (uint16_t i = 0; i < CONTROL; i++)
		fixture_send_hello(&f, PEER_2, i);
	fixture_settle(&f);
	/* On a slow machine CoDel takes some out for their age, never the last. */
	uint32_t next = 0, data = 0, control = 0;
	while (next < DATA || control < CONTROL) {
		size_t len = peer_receive(narrow, out);
		if (out[1] == FRAME_DATA) {
			assert_int_equal(len, DATA_SIZE);
			assert_true(number_of(out) >= next);
			next = number_of(out) + 1;
			data++;
			assert_true(control == CONTROL || data <= ahead);
		} else {
			hello_make(in, (uint16_t)control++);
			assert_memory_equal(out, in, HELLO_SIZE);
		}
	}
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_DROPPED_QUEUE), 0);
	assert_int_equal(data + lanes_counter(f.lanes, LANE_PACKETS_DROPPED_DELAY), DATA);
	fixture_stop(&f);
	close(source), close(narrow);
}

/* Adds up the credits told for a peer until now. */
static unsigned credits(struct fixture *f, uint32_t peer)
{
	unsigned sum = 0;
	fixture_settle(f);
	for (struct lane_event *event; (event = lanes_next_event(f->lanes)) != NULL; lanes_pop_event(f->lanes))
		if (event->type == LANE_CONTROL_SENT && event->peer == peer)
			sum += event->frames;
	return sum;
}

static void credit_comes_back_when_frames_leave(void **state)
{
	(void)state;
	struct fixture f;
	int source, narrow = start_narrow(&f, &source);
	for (uint16_t i = 0; i < 10; i++)
		fixture_send_hello(&f, PEER_2, i);
	assert_int_equal(credits(&f, PEER_2), 10);

	for (uint32_t i = 0; i < 400; i++)
		send_numbered(source, i);
	fixture_settle(&f);
	for (uint16_t i = 0; i < QUEUE_CONTROL_MAX; i++)
		fixture_send_hello(&f, PEER_2, i);
	assert_int_equal(credits(&f, PEER_2), 0);
	unsigned control = 0;
	for (unsigned i = 0; i < 10 + 400 + QUEUE_CONTROL_MAX; i++) {
		(void)peer_receive(narrow, out);
		control += out[1] == FRAME_CONTROL;
	}
	assert_int_equal(control, 10 + QUEUE_CONTROL_MAX);
	assert_int_equal(credits(&f, PEER_2), QUEUE_CONTROL_MAX);
	assert_int_equal(credits(&f, PEER_2), 0);
	/* Frames for a peer that is not there are nobody's. */
	fixture_send_hello(&f, PEER_3, 1);
	assert_int_equal(credits(&f, PEER_3), 0);
	fixture_stop(&f);
	close(source), close(narrow);
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static void expect_hello(struct fixture *f, uint32_t peer, uint16_t seqno)
{
	struct lane_event event = fixture_event(f, LANE_TLV);
	assert_int_equal(event.peer, peer);
	assert_int_equal(event.tlv.type, TLV_HELLO);
	assert_int_equal(event.tlv.hello.seqno, seqno);
	assert_int_equal(event.tlv.hello.flags, 0x8000);
	assert_int_equal(event.tlv.hello.interval_cs, 2000);
}

static void tlvs_in_order(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	for (uint16_t i = 0; i < 300; i++) {
		hello_make(in, i);
		peer_send(peer, in, HELLO_SIZE);
	}
	for (uint16_t i = 0; i < 300; i++)
		expect_hello(&f, PEER_1, i);
	/* Several in one body; another magic; unknown, short and good ones. */
	const char *const frames[] = {
		"010100002a030010" "0406800000010fa0" "0406800000020fa0",
		"010100002b030008" "0406800000030fa0",
		"010100002a040008" "0406800000030fa0",
		"010100002a03000e" "0105ffffffffff" "0402ffff" "00" "0105",
		"010100002a030008" "04068000000407d0",
	};
	for (unsigned i = 0; i < 5; i++)
		peer_send(peer, in, bytes_of_hex(frames[i], in));
	assert_int_equal(fixture_event(&f, LANE_TLV).tlv.hello.seqno, 1);
	assert_int_equal(fixture_event(&f, LANE_TLV).tlv.hello.seqno, 2);
	expect_hello(&f, PEER_1, 4);
	fixture_no_event(&f);
	fixture_stop(&f);
	close(peer);
}

/* Control and data frames in pieces of any size. */
static void frames_in_pieces(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(3);
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1), to = fixture_add_link(&f, PEER_2);
	fixture_route(&f, NODE_B, PEER_2);
	size_t len = 0;
	uint16_t hellos = 0;
	uint32_t datas = 0;
	while (len < BUFFER_SIZE - 2000) {
		if (rng_below(&rng, 2) == 0) {
			hello_make(in + len, hellos++);
			len += HELLO_SIZE;
		} else {
			struct writer w = writer_init(body, 4);
			write_u32(&w, datas++);
			len += frame_make(in + len, NODE_A, NODE_B, 64, body, 4 + rng_below(&rng, 1400));
		}
	}
	for (size_t at = 0; at < len;) {
		size_t piece = 1 + rng_below(&rng, rng_below(&rng, 4) == 0 ? 3000 : 40);
		piece = piece < len - at ? piece : len - at;
		peer_send(peer, in + at, piece);
		at += piece;
		if (rng_below(&rng, 8) == 0)
			fixture_settle(&f);
	}
	for (uint32_t i = 0; i < datas; i++) {
		(void)peer_receive(to, out);
		assert_int_equal(number_of(out), i);
	}
	for (uint16_t i = 0; i < hellos; i++)
		expect_hello(&f, PEER_1, i);
	fixture_stop(&f);
	close(peer), close(to);
}

/* ---- closings ---------------------------------------------------------------------------------------------------- */

static struct lane_event expect_closed(struct fixture *f, uint32_t peer, int error, const char *text)
{
	struct lane_event event = fixture_event(f, LANE_LINK_CLOSED);
	assert_int_equal(event.peer, peer);
	assert_int_equal(event.closed.error, error);
	if (text == NULL)
		assert_null(event.closed.text);
	else
		assert_string_equal(event.closed.text, text);
	return event;
}

/* Each way to end, told once; good frames before it are told before. */
static void ends_of_links(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		bool close;
		int error;
		const char *text;
	} rows[] = {
		{"", true, -ENODATA, NULL},
		{"010100002a0300", true, -EPIPE, NULL},
		{"010000000000583f04", true, -EPIPE, NULL},
		{"00", true, -EPIPE, NULL},
		{"02000000", false, -EPROTO, "Unknown protocol version"},
		{"474554202f20485454502f312e310d0a", false, -EPROTO, "Unknown protocol version"},
		{"01020000", false, -EPROTO, "Invalid packet type"},
	};
	struct fixture f;
	fixture_start(&f, NODE_T, true);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t handle = PEER_1 + (i << 16);
		int peer = fixture_add_link(&f, handle);
		hello_make(in, 7);
		size_t len = HELLO_SIZE + bytes_of_hex(rows[i].bytes, in + HELLO_SIZE);
		peer_send(peer, in, len);
		if (rows[i].close)
			close(peer);
		expect_hello(&f, handle, 7);
		struct lane_event event = expect_closed(&f, handle, rows[i].error, rows[i].text);
		assert_int_equal(event.closed.rx_bytes, len);
		assert_int_equal(event.closed.tx_bytes, 0);
		/* Its link is gone for the peer, too, and an order for it changes nothing. */
		if (!rows[i].close) {
			assert_int_equal(read(peer, out, 1), 0);
			close(peer);
		}
		assert_int_equal(lanes_close_link(f.lanes, handle), 0);
		fixture_send_hello(&f, handle, 1);
		fixture_no_event(&f);
	}
	fixture_stop(&f);
}

static void closed_by_order(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	fixture_send_hello(&f, PEER_1, 5);
	assert_int_equal(peer_receive(peer, out), HELLO_SIZE);
	(void)credits(&f, PEER_1);
	assert_int_equal(lanes_close_link(f.lanes, PEER_1), 0);
	assert_int_equal(lanes_close_link(f.lanes, PEER_1), 0);
	assert_int_equal(lanes_close_link(f.lanes, PEER_2), 0);
	lanes_commit(f.lanes);
	struct lane_event event = expect_closed(&f, PEER_1, 0, NULL);
	assert_int_equal(event.closed.tx_bytes, HELLO_SIZE);
	fixture_no_event(&f);
	assert_int_equal(read(peer, out, 1), 0);
	fixture_stop(&f);
	close(peer);
}

/* A peer that goes while much waits for it. */
static void peer_goes_while_blocked(void **state)
{
	(void)state;
	struct fixture f;
	int source, narrow = start_narrow(&f, &source);
	for (uint32_t i = 0; i < 500; i++)
		send_numbered(source, i);
	fixture_settle(&f);
	close(narrow);
	struct lane_event event = fixture_event(&f, LANE_LINK_CLOSED);
	assert_int_equal(event.peer, PEER_2);
	assert_true(event.closed.error < 0);
	assert_null(event.closed.text);
	fixture_no_event(&f);
	fixture_stop(&f);
	close(source);
}

/* A peer whose packets go back to itself, and that stops taking any in the middle of them. */
static void gone_while_it_is_read(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, PEER_1);
	fixture_route(&f, NODE_B, PEER_1);
	enum { FRAMES = 3 * LINK_VECTOR };
	size_t len = 0;
	for (unsigned i = 0; i < FRAMES; i++)
		len += frame_make(in + len, NODE_A, NODE_B, 9, body, 1);
	assert_int_equal(shutdown(peer, SHUT_RD), 0);
	peer_send(peer, in, len);
	expect_closed(&f, PEER_1, -EPIPE, NULL);
	fixture_no_event(&f);
	fixture_stop(&f);
	close(peer);
}

static int tcp_pair(struct link **ret_link)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage remote;
	struct socket_options options = {0};
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	assert_true(listener >= 0);
	address.sin_port = htons(tcp_local_port(listener));
	int far = tcp_connect_start((struct sockaddr *)&address, sizeof(address), &options);
	struct pollfd poller = {.fd = listener, .events = POLLIN};
	assert_int_equal(poll(&poller, 1, 5000), 1);
	*ret_link = tcp_link_new(tcp_accept(listener, &remote));
	assert_non_null(*ret_link);
	socket_close_fd(listener);
	return far;
}

/* The cause of a reset is told as such, not as trouble with a descriptor. */
static void reset_over_tcp(void **state)
{
	(void)state;
	struct fixture f;
	struct link *link;
	struct linger at_once = {.l_onoff = 1};
	fixture_start(&f, NODE_T, true);
	int far = tcp_pair(&link);
	assert_int_equal(lanes_add_link(f.lanes, PEER_1, link), 0);
	lanes_commit(f.lanes);
	hello_make(in, 1);
	assert_int_equal(send(far, in, HELLO_SIZE, 0), HELLO_SIZE);
	expect_hello(&f, PEER_1, 1);
	assert_int_equal(setsockopt(far, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(far);
	expect_closed(&f, PEER_1, -ECONNRESET, NULL);
	fixture_no_event(&f);
	fixture_stop(&f);
}

/* Control may hand over the next link of a row when its order to close the last one found no room. */
static void next_link_of_the_same_row(void **state)
{
	(void)state;
	struct fixture f;
	int first = fixture_start_with_peer(&f, NODE_T, PEER_1);
	struct lane_link_state link_state;
	hello_make(in, 1);
	peer_send(first, in, HELLO_SIZE);
	expect_hello(&f, PEER_1, 1);
	lanes_link_state(f.lanes, PEER_1, &link_state);
	assert_int_equal(link_state.rx_bytes, HELLO_SIZE);
	assert_int_equal(link_state.tx_bytes, 0);
	uint32_t next = PEER_1 + 0x10000;
	lanes_link_state(f.lanes, next, &link_state);
	assert_int_equal(link_state.rx_bytes, 0);

	int second = fixture_add_link(&f, next);
	struct lane_event event = expect_closed(&f, PEER_1, 0, NULL);
	assert_int_equal(event.closed.rx_bytes, HELLO_SIZE);
	assert_int_equal(read(first, out, 1), 0);
	peer_send(second, in, HELLO_SIZE);
	expect_hello(&f, next, 1);
	fixture_send_hello(&f, PEER_1, 2);
	fixture_send_hello(&f, next, 3);
	hello_make(in, 3);
	assert_int_equal(peer_receive(second, out), HELLO_SIZE);
	assert_memory_equal(out, in, HELLO_SIZE);
	fixture_settle(&f);
	lanes_link_state(f.lanes, next, &link_state);
	assert_int_equal(link_state.rx_bytes, HELLO_SIZE);
	assert_int_equal(link_state.tx_bytes, HELLO_SIZE);
	fixture_stop(&f);
	close(first), close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_overtakes_data),
		cmocka_unit_test(credit_comes_back_when_frames_leave),
		cmocka_unit_test(tlvs_in_order),
		cmocka_unit_test(frames_in_pieces),
		cmocka_unit_test(ends_of_links),
		cmocka_unit_test(closed_by_order),
		cmocka_unit_test(peer_goes_while_blocked),
		cmocka_unit_test(gone_while_it_is_read),
		cmocka_unit_test(reset_over_tcp),
		cmocka_unit_test(next_link_of_the_same_row),
	};
	return cmocka_run_group_tests_name("port", tests, fixture_group_setup, NULL);
}
