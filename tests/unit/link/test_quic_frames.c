// SPDX-License-Identifier: Apache-2.0
/* Frames over QUIC: every size arrives whole, order on the stream, back-pressure, what the peer does not grant. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "quic_pair.h"

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

/* What must come, in any order: frames whose seed is their length. */
static bool seen[65576];

static void note_frame_by_length(struct end *end, struct end_link *link, const struct frame *frame)
{
	static uint8_t expected[65575];
	(void)end, (void)link;
	assert_int_equal(frame->type, FRAME_DATA);
	assert_false(seen[frame->len]);
	make_data(expected, frame->len, frame->len);
	assert_memory_equal(frame->bytes, expected, frame->len);
	seen[frame->len] = true;
}

static void send_sizes(struct end *from, size_t first, size_t last, size_t step)
{
	static uint8_t frame[65575];
	for (size_t len = first; len <= last; len += step) {
		make_data(frame, len, len);
		send_frame(from, 0, frame, len);
		wait_until(both, 2, link_unsent(from->link[0].link) == 0);
	}
}

static void assert_sizes_arrive(struct end *from, struct end *to)
{
	memset(seen, 0, sizeof(seen));
	to->on_frame = note_frame_by_length;
	unsigned before = to->link[0].frames;
	send_sizes(from, 40, 1500, 1);
	send_sizes(from, 2000, 65000, 9000);
	send_sizes(from, 65575, 65575, 1);
	wait_until(both, 2, to->link[0].frames == before + 1461 + 8 + 1);
	struct link_stats stats;
	link_get_stats(from->link[0].link, &stats);
	assert_int_equal(stats.dropped, 0);
	assert_true(stats.rtt_us > 0);
}

static void all_sizes_arrive(void **state)
{
	(void)state;
	assert_sizes_arrive(&a, &b);
	assert_sizes_arrive(&b, &a);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

static unsigned next_seed;

static void assert_next_control(struct end *end, struct end_link *link, const struct frame *frame)
{
	static uint8_t expected[65543];
	(void)end, (void)link;
	make_control(expected, frame->len, next_seed++);
	assert_int_equal(frame->type, FRAME_CONTROL);
	assert_memory_equal(frame->bytes, expected, frame->len);
}

static void control_frames_keep_their_order(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(3);
	next_seed = 1000;
	a.on_frame = assert_next_control;
	for (unsigned i = 0; i < 600; i++) {
		uint64_t kind = rng_below(&rng, 20);
		size_t len = 8 + rng_below(&rng, kind == 0 ? 65536 : kind == 1 ? 3000 : 100);
		send_control(&b, 0, len, 1000 + i);
		wait_until(both, 2, link_unsent(b.link[0].link) == 0);
	}
	wait_until(both, 2, a.link[0].frames == 600);
}

/* A vector of the most and the largest frames. Data that is too much for the stream may be dropped, and is counted. */
static void full_vectors(void **state)
{
	(void)state;
	static uint8_t frames[LINK_VECTOR][1472];
	struct iovec parts[LINK_VECTOR];
	bool blocked;
	next_seed = 0;
	b.on_frame = assert_next_control;
	for (unsigned i = 0; i < LINK_VECTOR; i++) {
		make_control(frames[i], sizeof(frames[i]), i);
		parts[i] = (struct iovec){frames[i], sizeof(frames[i])};
	}
	quic_set_time(a.quic, now_us());
	assert_true(link_send(a.link[0].link, parts, LINK_VECTOR, &blocked) >= 0);
	assert_true(blocked);
	wait_until(both, 2, b.link[0].frames == 1 + LINK_VECTOR);
	wait_until(both, 2, link_unsent(a.link[0].link) == 0);
	b.on_frame = NULL;
	for (unsigned i = 0; i < LINK_VECTOR; i++)
		make_data(frames[i], sizeof(frames[i]), i);
	quic_set_time(a.quic, now_us());
	assert_true(link_send(a.link[0].link, parts, LINK_VECTOR, &blocked) >= 0);
	wait_until(both, 2, link_unsent(a.link[0].link) == 0);
	struct link_stats stats;
	link_get_stats(a.link[0].link, &stats);
	assert_true(stats.dropped > 0);
	wait_until(both, 2, b.link[0].frames == 1 + LINK_VECTOR + LINK_VECTOR - stats.dropped);
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

/* Enough for a key update. Sent in vectors, as a lane does, and only when the link is not blocked. */
static uint64_t send_many(struct end *from, struct end *to, unsigned count, size_t len)
{
	static uint8_t frame[1500];
	struct iovec parts[32];
	uint64_t written = 0;
	make_data(frame, len, len);
	for (unsigned i = 0; i < 32; i++)
		parts[i] = (struct iovec){frame, len};
	for (unsigned sent = 0; sent < count; sent += 32) {
		bool blocked;
		quic_set_time(from->quic, now_us());
		long result = link_send(from->link[0].link, parts, 32, &blocked);
		assert_true(result >= 0);
		written += (uint64_t)result;
		assert_int_equal(blocked, link_unsent(from->link[0].link) > 0);
		do
			ends_turn(both, 2);
		while (link_unsent(from->link[0].link) > 0);
	}
	(void)to;
	return written;
}

static void thousands_of_datagrams(void **state)
{
	(void)state;
	unsigned of_b = b.link[0].frames, of_a = a.link[0].frames;
	send_many(&a, &b, 6400, 1340);
	send_many(&b, &a, 6400, 200);
	/* Loopback loses nothing, unless its buffers overflow: what is congestion controlled does not. */
	wait_until(both, 2, b.link[0].frames - of_b == 6400 && a.link[0].frames - of_a == 6400);
	assert_int_equal(a.link[0].closed, 0);
	assert_true(a.link[0].writable > 0);
}

static void thousands_of_stream_frames(void **state)
{
	(void)state;
	unsigned before = b.link[0].frames;
	send_many(&a, &b, 6400, 1472);
	wait_until(both, 2, b.link[0].frames - before == 6400);
}

/* The far end is silent: the link takes what the window takes, keeps the rest, and goes on when it is heard again. */
static void blocked_and_writable(void **state)
{
	(void)state;
	static uint8_t frame[1000];
	struct iovec parts[LINK_VECTOR];
	struct end *const alone[] = {&a};
	bool blocked = false;
	unsigned sent = 0, before;
	make_data(frame, sizeof(frame), 5);
	for (unsigned i = 0; i < LINK_VECTOR; i++)
		parts[i] = (struct iovec){frame, sizeof(frame)};
	run_for(both, 2, 100000);
	before = b.link[0].frames;
	assert_true(link_window(a.link[0].link) > 1);
	while (!blocked) {
		quic_set_time(a.quic, now_us());
		assert_true(link_send(a.link[0].link, parts, LINK_VECTOR, &blocked) >= 0);
		sent += LINK_VECTOR;
		assert_true(sent < 100000);
	}
	size_t unsent = link_unsent(a.link[0].link);
	assert_true(unsent > 0 && unsent <= sizeof(frame) * LINK_VECTOR);
	run_for(alone, 1, 20000);
	assert_true(link_unsent(a.link[0].link) > 0);
	assert_int_equal(a.link[0].writable, 0);
	assert_true(link_window(a.link[0].link) >= 1);
	assert_true(link_unacknowledged_ms(a.link[0].link) >= 10);
	wait_until(both, 2, link_unsent(a.link[0].link) == 0 && a.link[0].writable > 0);
	wait_until(both, 2, b.link[0].frames - before == sent);
	run_for(both, 2, 30000);
	assert_int_equal(link_unacknowledged_ms(a.link[0].link), 0);
	assert_int_equal(a.link[0].writable, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_sizes_arrive, open_pair_ipv6, close_both),
		cmocka_unit_test_setup_teardown(all_sizes_arrive, open_pair, close_both),
		cmocka_unit_test_setup_teardown(control_frames_keep_their_order, open_pair_ipv6, close_both),
		cmocka_unit_test_setup_teardown(full_vectors, open_pair_ipv6, close_both),
		cmocka_unit_test_setup_teardown(thousands_of_datagrams, open_pair_ipv6, close_both),
		cmocka_unit_test_setup_teardown(thousands_of_stream_frames, open_pair_ipv6, close_both),
		cmocka_unit_test_setup_teardown(blocked_and_writable, open_pair_ipv6, close_both),
	};
	return cmocka_run_group_tests_name("quic_frames", tests, NULL, NULL);
}
