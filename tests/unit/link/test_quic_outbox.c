// SPDX-License-Identifier: Apache-2.0
/* Bytes of a stream wait, fly, and are acknowledged: in place and in order, however they came and went. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "link/quic_outbox.h"

enum { TOTAL = 1 << 20 };

/* The byte of the stream at an offset. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 131 + offset / 251);
}

static void append(struct stream_out *out, size_t len)
{
	uint8_t *bytes = malloc(len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(out->end + i);
	assert_int_equal(stream_out_append(out, bytes, len), 0);
	free(bytes);
}

/* All that waits is there, as far as so few parts reach; returns how much that is. */
static size_t assert_waiting(const struct stream_out *out)
{
	struct iovec parts[4];
	unsigned count = stream_out_peek(out, parts, 4);
	size_t seen = 0;
	for (unsigned i = 0; i < count; i++)
		for (size_t j = 0; j < parts[i].iov_len; j++)
			assert_int_equal(((const uint8_t *)parts[i].iov_base)[j], byte_at(out->sent + seen++));
	assert_true(seen <= stream_out_waiting(out));
	assert_true(count == 4 || seen == stream_out_waiting(out));
	return seen;
}

static void random_steps(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rng rng = rng_seeded(seed);
		struct stream_out out = {0};
		while (out.acked < TOTAL) {
			if (out.end < TOTAL && rng_below(&rng, 3) == 0)
				append(&out, 1 + rng_below(&rng, seed % 2 ? 100 : 70000));
			size_t waiting = assert_waiting(&out);
			if (waiting > 0 && rng_below(&rng, 2))
				stream_out_advance(&out, 1 + rng_below(&rng, waiting));
			size_t flying = stream_out_in_flight(&out);
			if (flying > 0 && rng_below(&rng, 2))
				stream_out_acknowledge(&out, out.acked + 1 + rng_below(&rng, flying));
		}
		stream_out_clear(&out);
	}
}

static void everything_acknowledged_holds_nothing(void **state)
{
	(void)state;
	struct stream_out out = {0};
	append(&out, 100000);
	stream_out_advance(&out, 100000);
	stream_out_acknowledge(&out, 99999);
	assert_non_null(out.first);
	stream_out_acknowledge(&out, 5); /* an old one changes nothing */
	assert_int_equal(stream_out_in_flight(&out), 1);
	stream_out_acknowledge(&out, 100000);
	assert_null(out.first);
	assert_null(out.last);
	append(&out, 10);
	assert_int_equal(assert_waiting(&out), 10);
	stream_out_clear(&out);
}

static void kept_datagrams(void **state)
{
	(void)state;
	uint8_t bytes[3][50];
	struct iovec frames[3];
	for (unsigned i = 0; i < 3; i++) {
		memset(bytes[i], (int)i + 1, sizeof(bytes[i]));
		frames[i] = (struct iovec){bytes[i], 10 + i};
	}
	const struct datagrams_out all = {.frames = frames, .count = 3, .next = 1};
	struct datagrams_out kept;
	assert_int_equal(datagrams_out_bytes(&all), 11 + 12);
	assert_int_equal(datagrams_out_keep(&all, &kept), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(kept.count - kept.next, 2);
	assert_int_equal(datagrams_out_bytes(&kept), 11 + 12);
	assert_int_equal(((const uint8_t *)kept.frames[0].iov_base)[10], 2);
	assert_int_equal(((const uint8_t *)kept.frames[1].iov_base)[11], 3);
	datagrams_out_clear(&kept);
	assert_int_equal(datagrams_out_bytes(&kept), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_steps),
		cmocka_unit_test(everything_acknowledged_holds_nothing),
		cmocka_unit_test(kept_datagrams),
	};
	return cmocka_run_group_tests_name("quic_outbox", tests, NULL, NULL);
}
