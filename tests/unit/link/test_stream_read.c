// SPDX-License-Identifier: Apache-2.0
/* Receiving, as a lane relies on it: where frames lie and how long they stay, and what the connection is asked for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "byte_stream.h"
#include "link/stream.h"

static uint8_t shared[STREAM_BUFFER_SIZE];

/* A connection that brings the stream in pieces and remembers what it was asked. */
struct pieces {
	struct bytes bytes;
	size_t at;
	long next;		/* length of the next piece, or what a read returns instead: 0 or a negative errno */
	struct rng *rng;	/* draws the pieces instead, at most `next` bytes */
	size_t asked;		/* by the last read */
	uint8_t *to;
};

static long pieces_read(void *stream, uint8_t *to, size_t len)
{
	struct pieces *pieces = stream;
	pieces->asked = len;
	pieces->to = to;
	if (pieces->next <= 0)
		return pieces->next;
	size_t piece = pieces->rng != NULL ? 1 + rng_below(pieces->rng, (uint64_t)pieces->next) : (size_t)pieces->next;
	size_t left = pieces->bytes.len - pieces->at;
	piece = piece < len ? piece : len;
	piece = piece < left ? piece : left;
	memcpy(to, pieces->bytes.at + pieces->at, piece);
	pieces->at += piece;
	return (long)piece;
}

static void pieces_close(void *stream)
{
	(void)stream;
}

static const struct stream_ops pieces_ops = {.read = pieces_read, .close = pieces_close};

static struct link *pieces_link(struct pieces *pieces)
{
	struct link *link = stream_link_new(&pieces_ops, pieces, -1, "pieces");
	assert_non_null(link);
	return link;
}

struct held {
	struct frame frames[FRAMES_MAX];
	size_t count;
};

static void hold_frames(struct link *link, struct held *held)
{
	struct frame_vector vector;
	do {
		assert_int_equal(stream_next_frames(link, &vector), 0);
		assert_true(held->count + vector.count <= FRAMES_MAX);
		memcpy(&held->frames[held->count], vector.frames, vector.count * sizeof(vector.frames[0]));
		held->count += vector.count;
	} while (vector.count > 0);
}

/* One turn of a lane: one read behind the other into its buffer, until that is full or a frame was completed in the link.
 * Only then are the frames looked at, and all of them are still there. Returns what the last read returned. */
static long read_turn(struct link *link, struct rng *rng, struct check *check)
{
	static uint8_t buffer[STREAM_READ_SIZE + STREAM_BUFFER_SIZE];
	static struct held held;
	size_t at = 0;
	bool stays;
	long got;
	held.count = 0;
	do {
		size_t carried = stream_carried(link), budget = STREAM_READ_SIZE;
		stays = carried < STREAM_LARGE_CARRY;
		if (rng_below(rng, 4) == 0)
			budget = 1 + rng_below(rng, STREAM_READ_SIZE);
		got = stream_read(link, buffer + at, budget);
		if (got > 0)
			hold_frames(link, &held);
		at += got > 0 ? carried + (size_t)got : 0;
	} while (got > 0 && stays && at < STREAM_READ_SIZE);
	for (size_t i = 0; i < held.count; i++)
		assert_next_frame(check, &held.frames[i]);
	memset(buffer, 0x5a, sizeof(buffer));
	return got;
}

static void add_some_frame(struct bytes *bytes, struct rng *rng, uint16_t body_len)
{
	if (rng_below(rng, 3) > 0)
		add_data(bytes, rng, body_len);
	else
		add_control(bytes, rng, rng_below(rng, 3) == 0 ? 41 : 42, 3, body_len);
}

static void reads_behind_one_another(void **state)
{
	(void)state;
	static const uint16_t largest[] = {60, 1500, 4200, 20000, 65535};
	static struct twin twin;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct rng rng = rng_seeded(seed);
		struct pieces pieces = {.bytes = bytes_new(), .rng = &rng};
		for (int i = 0; i < 500 && pieces.bytes.len < STREAM_MAX / 2; i++)
			add_some_frame(&pieces.bytes, &rng, (uint16_t)rng_below(&rng, 1u + largest[seed % 5]));
		twin_decode(&twin, pieces.bytes);
		assert_int_equal(twin.ending, END_CLEAN);
		struct check check = {.twin = &twin, .bytes = pieces.bytes};
		struct link *link = pieces_link(&pieces);
		pieces.next = 1 + (long)rng_below(&rng, seed % 3 == 0 ? 3000 : 2 * STREAM_READ_SIZE);
		long got;
		while ((got = read_turn(link, &rng, &check)) > 0)
			continue;
		assert_int_equal(got, -ENODATA);
		assert_int_equal(check.seen, twin.count);
		link_free(link);
		free(pieces.bytes.at);
	}
}

/* Reads the first `cut` bytes of the stream, none of which make a whole frame. */
static struct link *link_with_carry(struct pieces *pieces, size_t cut)
{
	struct frame_vector frames;
	struct link *link = pieces_link(pieces);
	pieces->at = 0;
	pieces->next = (long)cut;
	assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), cut);
	assert_int_equal(stream_next_frames(link, &frames), 0);
	assert_int_equal(frames.count, 0);
	assert_int_equal(stream_carried(link), cut);
	pieces->next = STREAM_MAX;
	return link;
}

/* A small beginning goes to the buffer, where what follows lies behind it. */
static void small_cut_frame_moves_to_the_buffer(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(10);
	struct pieces pieces = {.bytes = bytes_new()};
	struct frame_vector frames;
	add_data(&pieces.bytes, &rng, 10000);
	size_t first = pieces.bytes.len;
	add_data(&pieces.bytes, &rng, 50);
	for (size_t cut = 1; cut < STREAM_LARGE_CARRY; cut += cut < 50 ? 1 : 289) {
		struct link *link = link_with_carry(&pieces, cut);
		memset(shared, 0x5a, sizeof(shared));
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), pieces.bytes.len - cut);
		assert_int_equal(pieces.asked, STREAM_READ_SIZE);
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, 2);
		assert_ptr_equal(frames.frames[0].bytes, shared);
		assert_ptr_equal(frames.frames[1].bytes, shared + first);
		assert_memory_equal(shared, pieces.bytes.at, pieces.bytes.len);
		assert_int_equal(shared[pieces.bytes.len], 0x5a);
		link_free(link);
	}
	free(pieces.bytes.at);
}

/* A large one is completed where it lies: its rest and no more is read, the buffer is not needed, and the frame stays while
 * the buffer is another link's. */
static void large_cut_frame_is_completed_in_the_link(void **state)
{
	(void)state;
	static const size_t cuts[] = {STREAM_LARGE_CARRY, STREAM_LARGE_CARRY + 1, 9000, 10038, 10039};
	struct rng rng = rng_seeded(11);
	struct pieces pieces = {.bytes = bytes_new()};
	struct frame_vector frames;
	add_data(&pieces.bytes, &rng, 10000);
	size_t first = pieces.bytes.len;
	add_data(&pieces.bytes, &rng, 50);
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct link *link = link_with_carry(&pieces, cuts[i]);
		memset(shared, 0x5a, sizeof(shared));
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), first - cuts[i]);
		assert_int_equal(pieces.asked, first - cuts[i]);
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, 1);
		assert_int_equal(frames.frames[0].len, first);
		assert_memory_equal(frames.frames[0].bytes, pieces.bytes.at, first);
		for (size_t at = 0; at < sizeof(shared); at++)
			assert_int_equal(shared[at], 0x5a);
		assert_int_equal(stream_carried(link), 0);
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), pieces.bytes.len - first);
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, 1);
		assert_ptr_equal(frames.frames[0].bytes, shared);
		link_free(link);
	}
	free(pieces.bytes.at);
}

/* Byte by byte: each goes behind the one before, so a peer that sends so costs no more than its bytes. */
static void assert_bytewise(struct pieces *pieces, unsigned frames_at_end)
{
	struct frame_vector frames;
	size_t last = pieces->bytes.len - 1;
	struct link *link = link_with_carry(pieces, STREAM_LARGE_CARRY);
	uint8_t *expected = NULL;
	pieces->next = 1;
	for (size_t at = STREAM_LARGE_CARRY; at <= last; at++) {
		size_t budget = at % 3 == 0 ? 5 : STREAM_READ_SIZE, missing = pieces->bytes.len - at;
		assert_int_equal(stream_read(link, shared, budget), 1);
		assert_int_equal(pieces->asked, budget < missing ? budget : missing);
		assert_true(expected == NULL || pieces->to == expected);
		expected = pieces->to + 1;
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, at == last ? frames_at_end : 0);
		assert_int_equal(stream_carried(link), at == last ? 0 : at + 1);
	}
	if (frames_at_end > 0)
		assert_memory_equal(frames.frames[0].bytes, pieces->bytes.at, pieces->bytes.len);
	link_free(link);
}

static void large_frames_byte_by_byte(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(12);
	struct pieces pieces = {.bytes = bytes_new()};
	add_data(&pieces.bytes, &rng, 65535);
	assert_bytewise(&pieces, 1);
	pieces.bytes.len = 0;
	add_control(&pieces.bytes, &rng, 42, 3, 65535);
	assert_bytewise(&pieces, 1);
	pieces.bytes.len = 0;
	add_control(&pieces.bytes, &rng, 41, 3, 65535);
	assert_bytewise(&pieces, 0);
	free(pieces.bytes.at);
}

/* Nothing there, the end, an error: with little and with much of a frame waiting, which is still there for the next read. */
static void reads_of_nothing(void **state)
{
	(void)state;
	static const size_t cuts[] = {1, 39, 41, STREAM_LARGE_CARRY - 1, STREAM_LARGE_CARRY, 10039};
	struct rng rng = rng_seeded(13);
	struct pieces pieces = {.bytes = bytes_new()};
	struct frame_vector frames;
	add_data(&pieces.bytes, &rng, 10000);
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct link *link = link_with_carry(&pieces, cuts[i]);
		pieces.next = -ECONNRESET;
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), -ECONNRESET);
		pieces.next = 0;
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), -EPIPE);
		pieces.next = -EAGAIN;
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), -EAGAIN);
		assert_int_equal(stream_carried(link), cuts[i]);
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, 0);
		pieces.next = STREAM_MAX;
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), pieces.bytes.len - cuts[i]);
		assert_int_equal(stream_next_frames(link, &frames), 0);
		assert_int_equal(frames.count, 1);
		assert_memory_equal(frames.frames[0].bytes, pieces.bytes.at, pieces.bytes.len);
		pieces.next = 0;
		assert_int_equal(stream_read(link, shared, STREAM_READ_SIZE), -ENODATA);
		link_free(link);
	}
	free(pieces.bytes.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_behind_one_another),
		cmocka_unit_test(small_cut_frame_moves_to_the_buffer),
		cmocka_unit_test(large_cut_frame_is_completed_in_the_link),
		cmocka_unit_test(large_frames_byte_by_byte),
		cmocka_unit_test(reads_of_nothing),
	};
	return cmocka_run_group_tests_name("stream_read", tests, NULL, NULL);
}
