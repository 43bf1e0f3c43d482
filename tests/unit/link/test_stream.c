// SPDX-License-Identifier: Apache-2.0
/* Receiving from a peer: however the stream is cut, the link hands out the frames of the twin and ends as the twin does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "byte_stream.h"
#include "fd_stream.h"

static uint8_t shared[STREAM_BUFFER_SIZE];

/* Takes all frames there are and compares them; returns what stream_next_frames() returned last. */
static int take_frames(struct link *link, struct check *check)
{
	struct frame_vector frames;
	int error;
	do {
		error = stream_next_frames(link, &frames);
		assert_true(frames.count <= LINK_VECTOR);
		for (unsigned i = 0; i < frames.count; i++)
			assert_next_frame(check, &frames.frames[i]);
	} while (error == 0 && frames.count > 0);
	return error;
}

/* Sends the stream in chunks of random lengths up to `chunk_max`, reads it with random budgets up to `budget_max`. */
static void assert_stream(struct bytes bytes, struct rng *rng, size_t chunk_max, size_t budget_max)
{
	static struct twin twin;
	twin_decode(&twin, bytes);
	struct check check = {.twin = &twin, .bytes = bytes};
	int far, error = 0;
	long got = 0;
	struct link *link = fd_link_new(&far, "test");
	for (size_t at = 0; at < bytes.len && error == 0;) {
		size_t len = chunk_max > 1 ? 1 + rng_below(rng, chunk_max) : 1;
		len = len < bytes.len - at ? len : bytes.len - at;
		write_all(far, bytes.at + at, len);
		at += len;
		size_t budget = budget_max > 1 ? 1 + rng_below(rng, budget_max) : budget_max;
		while (error == 0 && (got = stream_read(link, shared, budget)) > 0) {
			error = take_frames(link, &check);
			/* What the next reader of the lane's buffer would do to it. */
			memset(shared, 0x5a, budget + STREAM_LARGE_CARRY);
		}
		assert_true(error != 0 || got == -EAGAIN);
	}
	assert_int_equal(check.seen, twin.count);
	if (twin.ending == END_VERSION || twin.ending == END_TYPE) {
		assert_int_equal(error, -EPROTO);
		assert_string_equal(link_protocol_error(link), twin.ending == END_VERSION ? "Unknown protocol version"
											  : "Invalid packet type");
	} else {
		assert_int_equal(error, 0);
		close(far);
		far = -1;
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), twin.ending == END_CLEAN ? -ENODATA : -EPIPE);
	}
	if (far >= 0)
		close(far);
	link_free(link);
}

/* Sends the stream in two parts, cut at each place in turn. */
static void assert_each_cut(struct bytes bytes)
{
	static struct twin twin;
	twin_decode(&twin, bytes);
	for (size_t cut = 1; cut < bytes.len; cut++) {
		struct check check = {.twin = &twin, .bytes = bytes};
		int far;
		struct link *link = fd_link_new(&far, "test");
		write_all(far, bytes.at, cut);
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), cut);
		assert_int_equal(take_frames(link, &check), 0);
		memset(shared, 0x5a, sizeof(shared));
		write_all(far, bytes.at + cut, bytes.len - cut);
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), bytes.len - cut);
		assert_int_equal(take_frames(link, &check), 0);
		assert_int_equal(check.seen, twin.count);
		assert_int_equal(stream_carried(link), 0);
		close(far);
		link_free(link);
	}
}

static void frames_cut_at_every_byte(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(1);
	struct bytes bytes = bytes_new();
	add_data(&bytes, &rng, 0);
	add_control(&bytes, &rng, 42, 3, 8);
	add_data(&bytes, &rng, 88);
	add_control(&bytes, &rng, 42, 3, 0);
	add_control(&bytes, &rng, 41, 3, 9);
	add_data(&bytes, &rng, 1);
	assert_each_cut(bytes);
	assert_stream(bytes, &rng, 1, STREAM_READ_SIZE);
	assert_stream(bytes, &rng, STREAM_MAX, 1);
	free(bytes.at);
}

static void many_frames_in_one_read(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(2);
	struct bytes bytes = bytes_new();
	for (unsigned i = 0; i < 3 * LINK_VECTOR + 1; i++)
		add_data(&bytes, &rng, (uint16_t)(i % 100));
	int far;
	struct link *link = fd_link_new(&far, "test");
	write_all(far, bytes.at, bytes.len);
	assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), bytes.len);
	unsigned expected[] = {LINK_VECTOR, LINK_VECTOR, LINK_VECTOR, 1, 0};
	struct frame_vector frames;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, expected[i]);
	}
	close(far);
	link_free(link);
	free(bytes.at);
}

static void largest_frames(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(3);
	struct bytes bytes = bytes_new();
	add_data(&bytes, &rng, 65535);
	assert_int_equal(bytes.len, 65575);
	add_control(&bytes, &rng, 42, 3, 65535);
	add_control(&bytes, &rng, 42, 2, 65535);
	add_data(&bytes, &rng, 3);
	add_data(&bytes, &rng, 65535);
	assert_stream(bytes, &rng, 65536, STREAM_READ_SIZE);
	assert_stream(bytes, &rng, 1000, STREAM_READ_SIZE);
	assert_stream(bytes, &rng, 65536, 900);
	free(bytes.at);
}

/* What waits is told, whether the header says how long the frame is or not. */
static void carried_bytes(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(4);
	struct bytes bytes = bytes_new();
	add_data(&bytes, &rng, 100);
	int far;
	struct link *link = fd_link_new(&far, "test");
	struct frame_vector frames;
	size_t sent = 0;
	assert_int_equal(stream_carried(link), 0);
	const size_t cuts[] = {1, 39, 40, 41, 139};
	for (unsigned i = 0; i < 5; i++) {
		write_all(far, bytes.at + sent, cuts[i] - sent);
		sent = cuts[i];
		assert_true(stream_read(link, shared, STREAM_READ_SIZE) > 0);
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, 0);
		assert_int_equal(stream_carried(link), sent);
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), -EAGAIN);
		assert_int_equal(stream_carried(link), sent);
	}
	write_all(far, bytes.at + sent, bytes.len - sent);
	assert_true(stream_read(link, shared, STREAM_READ_SIZE) > 0);
	assert_int_equal(stream_next_frames(link, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_int_equal(stream_carried(link), 0);
	close(far);
	link_free(link);
	free(bytes.at);
}

/* A frame is completed in the buffer and the next cut one is kept from behind it. */
static void completed_frame_and_next_cut_one(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(5);
	struct bytes bytes = bytes_new();
	for (int i = 0; i < 40; i++)
		add_data(&bytes, &rng, 1400);
	for (size_t step = 1440 - 45; step <= 1440 + 45; step += 3) {
		assert_stream(bytes, &rng, STREAM_MAX, step);
		assert_stream(bytes, &rng, step, STREAM_READ_SIZE);
	}
	free(bytes.at);
}

static void skipped_control_frames(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(6);
	struct bytes bytes = bytes_new();
	for (int i = 0; i < 200; i++)
		add_control(&bytes, &rng, 43, 3, 5), add_control(&bytes, &rng, 42, 4, 700);
	assert_stream(bytes, &rng, 300, STREAM_READ_SIZE);
	add_data(&bytes, &rng, 20);
	assert_stream(bytes, &rng, 300, STREAM_READ_SIZE);
	assert_stream(bytes, &rng, STREAM_MAX, STREAM_READ_SIZE);
	free(bytes.at);
}

static void bad_version_and_type(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(7);
	const uint8_t bad[][4] = {{0, 0, 0, 0}, {2, 0, 0, 0}, {1, 2, 0, 0}, {1, 255, 0, 0}, {255, 255, 255, 255}};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes bytes = bytes_new();
		add_data(&bytes, &rng, 50);
		add_control(&bytes, &rng, 42, 3, 8);
		add(&bytes, bad[i], 4);
		add_random(&bytes, &rng, 100);
		assert_stream(bytes, &rng, 1, STREAM_READ_SIZE);
		assert_stream(bytes, &rng, 60, STREAM_READ_SIZE);
		assert_stream(bytes, &rng, STREAM_MAX, STREAM_READ_SIZE);
		free(bytes.at);
	}
}

/* An error after good frames of the same vector: the good ones are there. */
static void good_frames_before_a_bad_one(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(8);
	struct bytes bytes = bytes_new();
	add_data(&bytes, &rng, 50);
	add_control(&bytes, &rng, 42, 3, 8);
	add(&bytes, "\x02\x00\x00\x00", 4);
	int far;
	struct link *link = fd_link_new(&far, "test");
	write_all(far, bytes.at, bytes.len);
	assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), bytes.len);
	struct frame_vector frames;
	assert_int_equal(stream_next_frames(link, &frames), -EPROTO);
	assert_int_equal(frames.count, 2);
	close(far);
	link_free(link);
	free(bytes.at);
}

static void end_of_stream_at_every_byte(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(9);
	struct bytes bytes = bytes_new();
	add_control(&bytes, &rng, 42, 3, 8);
	add_data(&bytes, &rng, 30);
	for (size_t len = bytes.len; len > 0; len--) {
		bytes.len = len;
		assert_stream(bytes, &rng, STREAM_MAX, STREAM_READ_SIZE);
	}
	free(bytes.at);
}

static void add_anything(struct bytes *bytes, struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		add_control(bytes, rng, (uint8_t)rng_next(rng), (uint8_t)rng_next(rng), (uint16_t)rng_below(rng, 300));
		break;
	case 1:
		add_data(bytes, rng, (uint16_t)rng_below(rng, 65536));
		break;
	case 2:
	case 3:
		add_control(bytes, rng, 42, 3, (uint16_t)rng_below(rng, 80));
		break;
	default:
		add_data(bytes, rng, (uint16_t)rng_below(rng, 1500));
	}
}

static void random_streams(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct rng rng = rng_seeded(seed);
		struct bytes bytes = bytes_new();
		for (uint64_t i = rng_below(&rng, 12); i > 0; i--)
			add_anything(&bytes, &rng);
		if (rng_below(&rng, 3) == 0)
			add_random(&bytes, &rng, rng_below(&rng, 200));
		size_t chunk = 2 + rng_below(&rng, seed % 3 == 0 ? 100 : 70000);
		size_t budget = 2 + rng_below(&rng, seed % 5 == 0 ? 100 : STREAM_READ_SIZE - 1);
		assert_stream(bytes, &rng, chunk, budget);
		free(bytes.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_cut_at_every_byte),
		cmocka_unit_test(many_frames_in_one_read),
		cmocka_unit_test(largest_frames),
		cmocka_unit_test(carried_bytes),
		cmocka_unit_test(completed_frame_and_next_cut_one),
		cmocka_unit_test(skipped_control_frames),
		cmocka_unit_test(bad_version_and_type),
		cmocka_unit_test(good_frames_before_a_bad_one),
		cmocka_unit_test(end_of_stream_at_every_byte),
		cmocka_unit_test(random_streams),
	};
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
