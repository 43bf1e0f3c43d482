// SPDX-License-Identifier: Apache-2.0
/* Sending: whatever the socket takes at once, the bytes arrive whole and in order, and every slot goes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "fd_stream.h"

static struct slot *slot_of(struct slot_pool *pool, uint8_t fill, size_t len)
{
	struct slot *slot = slot_take(pool, len, 0);
	assert_non_null(slot);
	memset(slot->data, fill, len);
	return slot;
}

static void read_exactly(int fd, uint8_t *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = read(fd, to + at, len - at);
		assert_true(got > 0);
		at += (size_t)got;
	}
}

static void nothing_to_send(void **state)
{
	(void)state;
	int far;
	bool blocked = true;
	struct link *link = fd_link_new(&far, "name of the link");
	struct slot_pool *pool = slot_pool_new(64);
	assert_string_equal(link_name(link), "name of the link");
	assert_true(link_fd(link) >= 0);
	assert_int_equal(link_room(link), LINK_BATCH);
	assert_int_equal(link_flush(link, pool, &blocked), 0);
	assert_false(blocked);
	link_free(link, pool);
	link_free(NULL, pool);
	slot_pool_free(pool);
	close(far);
}

static void order_and_return_of_slots(void **state)
{
	(void)state;
	int far;
	bool blocked;
	uint8_t got[LINK_BATCH * 10];
	struct link *link = fd_link_new(&far, "test");
	struct slot_pool *pool = slot_pool_new(2 * LINK_BATCH);
	for (unsigned i = 0; i < LINK_BATCH; i++) {
		assert_int_equal(link_room(link), LINK_BATCH - i);
		link_put(link, slot_of(pool, (uint8_t)i, 10));
	}
	assert_int_equal(link_room(link), 0);
	assert_int_equal(slot_pool_used(pool), LINK_BATCH);
	assert_int_equal(link_flush(link, pool, &blocked), sizeof(got));
	assert_false(blocked);
	assert_int_equal(link_room(link), LINK_BATCH);
	assert_int_equal(slot_pool_used(pool), 0);
	read_exactly(far, got, sizeof(got));
	for (unsigned i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], i / 10);
	link_free(link, pool);
	slot_pool_free(pool);
	close(far);
}

/* A stream that takes a given number of bytes, for cuts that no socket makes. */
struct narrow {
	uint8_t taken[200000];
	size_t len;
	long allow;	/* bytes of the next write, or a negative errno */
	bool closed;
};

static long narrow_writev(void *stream, const struct iovec *parts, int count)
{
	struct narrow *narrow = stream;
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

static long narrow_readv(void *stream, const struct iovec *parts, int count)
{
	(void)stream;
	(void)parts;
	(void)count;
	return -EAGAIN;
}

static void narrow_close(void *stream)
{
	struct narrow *narrow = stream;
	narrow->closed = true;
}

static const struct stream_ops narrow_ops = {.readv = narrow_readv, .writev = narrow_writev, .close = narrow_close};

static void partial_writes_at_every_length(void **state)
{
	(void)state;
	for (long step = 1; step <= 60; step++) {
		struct narrow *narrow = calloc(1, sizeof(*narrow));
		struct slot_pool *pool = slot_pool_new(LINK_BATCH);
		struct link *link = link_new(&narrow_ops, narrow, -1, "narrow");
		size_t total = 0, sent = 0;
		uint8_t expected[400];
		for (unsigned i = 0; i < 10; i++) {
			size_t len = 1 + i * 3;
			memset(expected + total, (int)(100 + i), len);
			total += len;
			link_put(link, slot_of(pool, (uint8_t)(100 + i), len));
		}
		while (sent < total) {
			bool blocked;
			narrow->allow = step;
			long written = link_flush(link, pool, &blocked);
			assert_true(written == step || sent + (size_t)written == total);
			sent += (size_t)written;
			assert_int_equal(blocked, sent < total);
		}
		assert_int_equal(narrow->len, total);
		assert_memory_equal(narrow->taken, expected, total);
		assert_int_equal(slot_pool_used(pool), 0);
		link_free(link, pool);
		assert_true(narrow->closed);
		slot_pool_free(pool);
		free(narrow);
	}
}

static void refusals_and_errors(void **state)
{
	(void)state;
	struct narrow *narrow = calloc(1, sizeof(*narrow));
	struct slot_pool *pool = slot_pool_new(LINK_BATCH);
	struct link *link = link_new(&narrow_ops, narrow, -1, "narrow");
	bool blocked;
	for (unsigned i = 0; i < 3; i++)
		link_put(link, slot_of(pool, (uint8_t)i, 100));
	narrow->allow = 150;
	assert_int_equal(link_flush(link, pool, &blocked), 150);
	assert_true(blocked);
	assert_int_equal(slot_pool_used(pool), 2);
	narrow->allow = -EAGAIN;
	assert_int_equal(link_flush(link, pool, &blocked), 0);
	assert_true(blocked);
	narrow->allow = -ECONNRESET;
	assert_int_equal(link_flush(link, pool, &blocked), -ECONNRESET);
	assert_int_equal(slot_pool_used(pool), 2);
	link_free(link, pool);
	assert_int_equal(slot_pool_used(pool), 0);
	slot_pool_free(pool);
	free(narrow);
}

/* Random slots through a narrow stream, put as soon as there is room. */
static void random_writes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rng rng = rng_seeded(seed);
		struct narrow *narrow = calloc(1, sizeof(*narrow));
		struct slot_pool *pool = slot_pool_new(2 * LINK_BATCH);
		struct link *link = link_new(&narrow_ops, narrow, -1, "narrow");
		uint8_t *expected = malloc(sizeof(narrow->taken));
		size_t total = 0;
		for (unsigned i = 0; i < 300; i++) {
			for (uint64_t n = rng_below(&rng, 8); n > 0 && link_room(link) > 0 && total < 190000; n--) {
				size_t len = 1 + rng_below(&rng, 1500);
				struct slot *slot = slot_of(pool, (uint8_t)rng_next(&rng), len);
				memcpy(expected + total, slot->data, len);
				total += len;
				link_put(link, slot);
			}
			bool blocked;
			narrow->allow = rng_below(&rng, 4) == 0 ? -EAGAIN : (long)rng_below(&rng, 9000);
			assert_true(link_flush(link, pool, &blocked) >= 0);
			assert_int_equal(blocked, narrow->len < total);
			assert_int_equal(slot_pool_used(pool), LINK_BATCH - link_room(link));
			assert_memory_equal(narrow->taken, expected, narrow->len);
		}
		link_free(link, pool);
		slot_pool_free(pool);
		free(expected);
		free(narrow);
	}
}

/* The same over a socket with a small buffer. */
static void small_send_buffer(void **state)
{
	(void)state;
	int far, size = 4608;
	struct link *link = fd_link_new(&far, "test");
	assert_int_equal(setsockopt(link_fd(link), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	struct slot_pool *pool = slot_pool_new(2 * LINK_BATCH);
	unsigned put = 0, blocked_times = 0;
	static uint8_t got[500 * 1400];
	size_t arrived = 0;
	while (arrived < sizeof(got)) {
		bool blocked;
		for (; put < 500 && link_room(link) > 0; put++)
			link_put(link, slot_of(pool, (uint8_t)put, 1400));
		assert_true(link_flush(link, pool, &blocked) >= 0);
		blocked_times += blocked;
		ssize_t len = recv(far, got + arrived, sizeof(got) - arrived, MSG_DONTWAIT);
		arrived += len > 0 ? (size_t)len : 0;
	}
	assert_true(blocked_times > 3);
	assert_int_equal(slot_pool_used(pool), 0);
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], (uint8_t)(i / 1400));
	link_free(link, pool);
	slot_pool_free(pool);
	close(far);
}

static void peer_gone(void **state)
{
	(void)state;
	int far;
	bool blocked;
	struct link *link = fd_link_new(&far, "test");
	struct slot_pool *pool = slot_pool_new(LINK_BATCH);
	close(far);
	link_put(link, slot_of(pool, 1, 10));
	assert_int_equal(link_flush(link, pool, &blocked), -EPIPE);
	link_free(link, pool);
	slot_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_send),
		cmocka_unit_test(order_and_return_of_slots),
		cmocka_unit_test(partial_writes_at_every_length),
		cmocka_unit_test(refusals_and_errors),
		cmocka_unit_test(random_writes),
		cmocka_unit_test(small_send_buffer),
		cmocka_unit_test(peer_gone),
	};
	return cmocka_run_group_tests_name("link_send", tests, NULL, NULL);
}
