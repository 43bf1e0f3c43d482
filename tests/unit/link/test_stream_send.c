// SPDX-License-Identifier: Apache-2.0
/* Sending: whatever the connection takes at once, the bytes arrive whole and in order, though the frames are the caller's
 * again as soon as they are sent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "fd_stream.h"

static void read_exactly(int fd, uint8_t *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = read(fd, to + at, len - at);
		assert_true(got > 0);
		at += (size_t)got;
	}
}

static void fill(struct rng *rng, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)rng_next(rng);
}

static void nothing_to_send(void **state)
{
	(void)state;
	int far;
	bool blocked = true;
	struct link *link = fd_link_new(&far, "name of the link");
	assert_string_equal(link_name(link), "name of the link");
	assert_true(link_fd(link) >= 0);
	assert_int_equal(link_unsent(link), 0);
	assert_int_equal(link_flush(link, &blocked), 0);
	assert_false(blocked);
	link_free(link);
	link_free(NULL);
	close(far);
}

static void largest_vector_in_order(void **state)
{
	(void)state;
	enum { LEN = 10 };
	static uint8_t sent[LINK_VECTOR][2 * LEN], got[LINK_VECTOR * LEN];
	struct iovec frames[LINK_VECTOR];
	int far;
	bool blocked;
	struct link *link = fd_link_new(&far, "test");
	for (unsigned i = 0; i < LINK_VECTOR; i++) {
		memset(sent[i], (int)i, LEN);
		frames[i] = (struct iovec){sent[i], LEN};
	}
	assert_int_equal(link_send(link, frames, LINK_VECTOR, &blocked), sizeof(got));
	assert_false(blocked);
	assert_int_equal(link_unsent(link), 0);
	read_exactly(far, got, sizeof(got));
	for (unsigned i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], i / LEN);
	link_free(link);
	close(far);
}

/* A stream that takes a given number of bytes, for cuts that no socket makes. */
struct narrow {
	uint8_t taken[400000];
	size_t len;
	long allow;	/* bytes of the next write, or a negative errno */
	int parts;	/* of the last write */
	bool closed;
	size_t held, held_max;
	size_t before;	/* what held_max was asked with */
	unsigned asked;
};

static long narrow_writev(void *stream, const struct iovec *parts, int count)
{
	struct narrow *narrow = stream;
	narrow->parts = count;
	if (narrow->allow < 0)
		return narrow->allow;
	size_t left = (size_t)narrow->allow, written = 0;
	for (int i = 0; i < count && left > 0; i++) {
		assert_true(parts[i].iov_len > 0);
		size_t len = parts[i].iov_len < left ? parts[i].iov_len : left;
		memcpy(narrow->taken + narrow->len, parts[i].iov_base, len);
		narrow->len += len;
		written += len;
		left -= len;
	}
	return (long)written;
}

static long narrow_read(void *stream, uint8_t *to, size_t len)
{
	(void)stream;
	(void)to;
	(void)len;
	return -EAGAIN;
}

static void narrow_close(void *stream)
{
	struct narrow *narrow = stream;
	narrow->closed = true;
}

static const struct stream_ops narrow_ops = {.read = narrow_read, .writev = narrow_writev, .close = narrow_close};

static size_t narrow_held(void *stream)
{
	const struct narrow *narrow = stream;
	return narrow->held;
}

static size_t narrow_held_max(void *stream, size_t before)
{
	struct narrow *narrow = stream;
	narrow->before = before;
	narrow->asked++;
	return narrow->held_max;
}

static const struct stream_ops holding_ops = {.read = narrow_read,
					      .writev = narrow_writev,
					      .close = narrow_close,
					      .held = narrow_held,
					      .held_max = narrow_held_max};

static struct link *link_over(const struct stream_ops *ops, struct narrow **ret)
{
	*ret = calloc(1, sizeof(**ret));
	struct link *link = stream_link_new(ops, *ret, -1, "narrow");
	assert_non_null(link);
	return link;
}

static struct link *narrow_link(struct narrow **ret)
{
	return link_over(&narrow_ops, ret);
}

static void assert_blocked(struct link *link, bool expected)
{
	bool blocked = !expected;
	assert_true(link_flush(link, &blocked) >= 0);
	assert_int_equal(blocked, expected);
}

static void ask_again(struct link *link, struct narrow *narrow)
{
	bool blocked;
	for (unsigned asked = narrow->asked, tries = 0; narrow->asked == asked; tries++) {
		assert_true(tries < 100);
		assert_true(link_flush(link, &blocked) >= 0);
	}
}

/* What a connection holds without sending it is bounded by its own answer, which is asked for again now and then. */
static void connection_that_should_hold_little(void **state)
{
	(void)state;
	struct narrow *narrow;
	struct link *link = link_over(&holding_ops, &narrow);
	uint8_t bytes[100] = {0};
	const struct iovec frame = {bytes, sizeof(bytes)};
	bool blocked;
	narrow->allow = 1000;
	narrow->held = 20000;
	assert_blocked(link, false);
	assert_true(link_window(link) == SIZE_MAX);
	narrow->held_max = 10000;
	ask_again(link, narrow);
	assert_true(narrow->before == SIZE_MAX);
	assert_int_equal(link_window(link), 1);
	assert_blocked(link, true);

	narrow->held = 9000;
	assert_int_equal(link_window(link), 1000);
	assert_int_equal(link_send(link, &frame, 1, &blocked), sizeof(bytes));
	assert_true(blocked);
	assert_int_equal(link_unsent(link), 0);
	narrow->held = 8500;
	assert_blocked(link, false);

	narrow->held_max = SIZE_MAX;
	ask_again(link, narrow);
	assert_int_equal(narrow->before, 10000);
	assert_true(link_window(link) == SIZE_MAX);
	link_free(link);
	free(narrow);
}

/* What lies behind one another goes out as one part. */
static void neighbours_become_one_part(void **state)
{
	(void)state;
	struct narrow *narrow;
	struct link *link = narrow_link(&narrow);
	uint8_t bytes[100];
	bool blocked;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	const struct iovec frames[] = {{bytes, 10}, {bytes + 10, 20}, {bytes + 40, 10}, {bytes + 50, 1}, {bytes + 30, 10}};
	narrow->allow = 100;
	assert_int_equal(link_send(link, frames, 5, &blocked), 51);
	assert_int_equal(narrow->parts, 3);
	assert_memory_equal(narrow->taken, bytes, 30);
	assert_memory_equal(narrow->taken + 30, bytes + 40, 11);
	assert_memory_equal(narrow->taken + 41, bytes + 30, 10);
	link_free(link);
	free(narrow);
}

/* As many parts as the largest vector has; what is kept of them is one. */
static void largest_vector_apart(void **state)
{
	(void)state;
	enum { LEN = 3, TOTAL = LINK_VECTOR * LEN };
	uint8_t bytes[LINK_VECTOR][LEN + 1], expected[TOTAL];
	struct iovec frames[LINK_VECTOR];
	struct rng rng = rng_seeded(1);
	fill(&rng, expected, TOTAL);
	for (long first = 0; first < TOTAL; first++) {
		struct narrow *narrow;
		struct link *link = narrow_link(&narrow);
		bool blocked;
		for (unsigned i = 0; i < LINK_VECTOR; i++)
			frames[i] = (struct iovec){memcpy(bytes[i], &expected[i * LEN], LEN), LEN};
		narrow->allow = first;
		assert_int_equal(link_send(link, frames, LINK_VECTOR, &blocked), first);
		assert_int_equal(narrow->parts, LINK_VECTOR);
		assert_true(blocked);
		memset(bytes, 0xee, sizeof(bytes));
		narrow->allow = TOTAL;
		assert_int_equal(link_flush(link, &blocked), TOTAL - first);
		assert_int_equal(narrow->parts, 1);
		assert_false(blocked);
		assert_memory_equal(narrow->taken, expected, TOTAL);
		link_free(link);
		free(narrow);
	}
}

/* The first write takes `first` bytes, each further one `step`. */
static void assert_partial(long first, long step)
{
	struct narrow *narrow;
	struct link *link = narrow_link(&narrow);
	struct rng rng = rng_seeded(2);
	uint8_t expected[400], bytes[2][400];
	struct iovec frames[10];
	size_t total = 0;
	bool blocked;
	for (unsigned i = 0; i < 10; i++) {
		size_t len = 1 + i * 3;
		fill(&rng, expected + total, len);
		/* Every second one follows the one before. */
		frames[i] = (struct iovec){memcpy(bytes[i / 2 % 2] + total, expected + total, len), len};
		total += len;
	}
	narrow->allow = first;
	long written = link_send(link, frames, 10, &blocked);
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(written, (size_t)first < total ? (size_t)first : total);
	assert_int_equal(blocked, narrow->len < total);
	while (narrow->len < total) {
		size_t left = total - narrow->len;
		assert_int_equal(link_unsent(link), left);
		narrow->allow = step;
		written = link_flush(link, &blocked);
		assert_int_equal(written, (size_t)step < left ? (size_t)step : left);
		assert_int_equal(blocked, narrow->len < total);
	}
	assert_int_equal(link_unsent(link), 0);
	assert_memory_equal(narrow->taken, expected, total);
	link_free(link);
	assert_true(narrow->closed);
	free(narrow);
}

static void partial_writes_at_every_length(void **state)
{
	(void)state;
	for (long first = 0; first <= 150; first++)
		for (long step = 1; step <= 150; step += 1 + first % 7)
			assert_partial(first, step);
}

static void refusals(void **state)
{
	(void)state;
	struct narrow *narrow;
	struct link *link = narrow_link(&narrow);
	uint8_t bytes[300] = {0};
	const struct iovec frames[] = {{bytes, 100}, {bytes + 100, 100}, {bytes + 200, 100}};
	bool blocked;
	narrow->allow = -EAGAIN;
	assert_int_equal(link_send(link, frames, 3, &blocked), 0);
	assert_true(blocked);
	assert_int_equal(link_unsent(link), 300);
	narrow->allow = 150;
	assert_int_equal(link_flush(link, &blocked), 150);
	assert_true(blocked);
	narrow->allow = -EAGAIN;
	assert_int_equal(link_flush(link, &blocked), 0);
	assert_true(blocked);
	assert_int_equal(link_unsent(link), 150);
	narrow->allow = 150;
	assert_int_equal(link_flush(link, &blocked), 150);
	assert_false(blocked);
	assert_int_equal(link_unsent(link), 0);
	link_free(link);
	free(narrow);
}

/* A failure says nothing of the connection being blocked. What was kept goes with the link. */
static void errors(void **state)
{
	(void)state;
	struct narrow *narrow;
	struct link *link = narrow_link(&narrow);
	uint8_t bytes[300] = {0};
	const struct iovec frame = {bytes, 300};
	for (int before = 0; before < 2; before++) {
		bool blocked = before;
		narrow->allow = -EPIPE;
		assert_int_equal(link_send(link, &frame, 1, &blocked), -EPIPE);
		assert_int_equal(blocked, before);
		assert_int_equal(link_unsent(link), 0);
	}
	bool blocked;
	narrow->allow = 1;
	assert_int_equal(link_send(link, &frame, 1, &blocked), 1);
	assert_int_equal(link_flush(link, &blocked), 1);
	for (int before = 0; before < 2; before++) {
		blocked = before;
		narrow->allow = -ECONNRESET;
		assert_int_equal(link_flush(link, &blocked), -ECONNRESET);
		assert_int_equal(blocked, before);
		assert_int_equal(link_unsent(link), 298);
	}
	link_free(link);
	assert_true(narrow->closed);
	free(narrow);
}

/* Makes frames in `pool`, many of them neighbours, and adds them to what is expected. Returns how many. */
static unsigned make_frames(struct rng *rng, uint8_t *pool, struct iovec *frames, uint8_t *expected, size_t *total)
{
	bool small = rng_below(rng, 4) == 0;
	unsigned count = 1 + (unsigned)rng_below(rng, small ? LINK_VECTOR : 40);
	for (unsigned i = 0; i < count; i++) {
		size_t len = 1 + rng_below(rng, small ? 60 : 1500);
		fill(rng, pool, len);
		frames[i] = (struct iovec){pool, len};
		memcpy(expected + *total, pool, len);
		*total += len;
		pool += len + (rng_below(rng, 3) == 0);
	}
	return count;
}

/* Random vectors through a narrow stream, each as soon as the one before is gone. */
static void random_writes(void **state)
{
	(void)state;
	static uint8_t expected[sizeof(((struct narrow *)NULL)->taken)], pool[40 * 1501];
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rng rng = rng_seeded(seed);
		struct narrow *narrow;
		struct link *link = narrow_link(&narrow);
		size_t total = 0;
		while (total < sizeof(expected) - sizeof(pool) || link_unsent(link) > 0) {
			struct iovec frames[LINK_VECTOR];
			bool blocked;
			narrow->allow = rng_below(&rng, 4) == 0 ? -EAGAIN : (long)rng_below(&rng, 30000);
			if (link_unsent(link) > 0) {
				assert_true(link_flush(link, &blocked) >= 0);
			} else {
				unsigned count = make_frames(&rng, pool, frames, expected, &total);
				assert_true(link_send(link, frames, count, &blocked) >= 0);
				memset(pool, 0, sizeof(pool));
			}
			assert_int_equal(blocked, narrow->len < total);
			assert_int_equal(link_unsent(link), total - narrow->len);
		}
		assert_memory_equal(narrow->taken, expected, total);
		link_free(link);
		free(narrow);
	}
}

/* The same over a socket with a small buffer. */
static void small_send_buffer(void **state)
{
	(void)state;
	enum { FRAMES = 500, LEN = 1400 };
	int far, size = 4608;
	struct link *link = fd_link_new(&far, "test");
	assert_int_equal(setsockopt(link_fd(link), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	unsigned put = 0, blocked_times = 0;
	static uint8_t got[FRAMES * LEN], frame[LEN];
	size_t arrived = 0;
	while (arrived < sizeof(got)) {
		bool blocked = false;
		if (link_unsent(link) > 0) {
			assert_true(link_flush(link, &blocked) >= 0);
		} else if (put < FRAMES) {
			memset(frame, (int)put++, sizeof(frame));
			assert_true(link_send(link, &(struct iovec){frame, sizeof(frame)}, 1, &blocked) >= 0);
		}
		blocked_times += blocked;
		ssize_t len = blocked || put == FRAMES ? recv(far, got + arrived, sizeof(got) - arrived, MSG_DONTWAIT) : 0;
		arrived += len > 0 ? (size_t)len : 0;
	}
	assert_true(blocked_times > 3);
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], (uint8_t)(i / LEN));
	link_free(link);
	close(far);
}

static void peer_gone(void **state)
{
	(void)state;
	int far;
	bool blocked;
	uint8_t frame[10] = {0};
	struct link *link = fd_link_new(&far, "test");
	close(far);
	assert_int_equal(link_send(link, &(struct iovec){frame, sizeof(frame)}, 1, &blocked), -EPIPE);
	link_free(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_send),
		cmocka_unit_test(largest_vector_in_order),
		cmocka_unit_test(connection_that_should_hold_little),
		cmocka_unit_test(neighbours_become_one_part),
		cmocka_unit_test(largest_vector_apart),
		cmocka_unit_test(partial_writes_at_every_length),
		cmocka_unit_test(refusals),
		cmocka_unit_test(errors),
		cmocka_unit_test(random_writes),
		cmocka_unit_test(small_send_buffer),
		cmocka_unit_test(peer_gone),
	};
	return cmocka_run_group_tests_name("link_send", tests, NULL, NULL);
}
