// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/nonce.h"

enum { THREADS = 4, PER_THREAD = 250000, MINUTE_MS = 60000 };

struct nonce {
	uint8_t bytes[AEAD_NONCE_SIZE];
};

static struct nonce next(struct nonce_sequence *sequence)
{
	struct nonce nonce;
	nonce_next(sequence, nonce.bytes);
	return nonce;
}

static uint32_t prefix_of(struct nonce nonce)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++)
		value = value << 8 | nonce.bytes[i];
	return value;
}

static uint64_t counter_of(struct nonce nonce)
{
	uint64_t value = 0;
	for (int i = 4; i < AEAD_NONCE_SIZE; i++)
		value = value << 8 | nonce.bytes[i];
	return value;
}

/* Whether `after` can follow `before` without fresh bits in between. */
static bool follows(struct nonce before, struct nonce after)
{
	return prefix_of(before) == prefix_of(after) && counter_of(after) - counter_of(before) == 1;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct nonce));
}

static void assert_all_different(struct nonce *nonces, size_t count)
{
	qsort(nonces, count, sizeof(*nonces), compare);
	for (size_t i = 1; i < count; i++)
		if (compare(&nonces[i - 1], &nonces[i]) == 0)
			fail_msg("nonce %zu of %zu repeats", i, count);
}

static void counter_counts_big_endian(void **state)
{
	(void)state;
	struct nonce_sequence sequence;
	nonce_sequence_init(&sequence, 0);
	uint32_t prefix = sequence.prefix;
	uint64_t counter = sequence.counter;
	for (uint64_t i = 0; i < 1000; i++) {
		struct nonce nonce = next(&sequence);
		assert_int_equal(prefix_of(nonce), prefix);
		assert_true(counter_of(nonce) == counter + i);
	}
}

static void starts_are_random(void **state)
{
	(void)state;
	enum { STARTS = 64 };
	struct nonce nonces[STARTS];
	uint8_t ones[AEAD_NONCE_SIZE] = {0}, zeros[AEAD_NONCE_SIZE] = {0};
	for (int i = 0; i < STARTS; i++) {
		struct nonce_sequence sequence;
		nonce_sequence_init(&sequence, 0);
		nonces[i] = next(&sequence);
		for (int b = 0; b < AEAD_NONCE_SIZE; b++) {
			ones[b] |= nonces[i].bytes[b];
			zeros[b] |= (uint8_t)~nonces[i].bytes[b];
		}
	}
	/* Each of the 96 bits is seen as 1 and as 0, except with probability 2^-56. */
	for (int b = 0; b < AEAD_NONCE_SIZE; b++) {
		assert_int_equal(ones[b], 0xff);
		assert_int_equal(zeros[b], 0xff);
	}
	assert_all_different(nonces, STARTS);
}

static void *draw_many(void *context)
{
	struct nonce *nonces = context;
	struct nonce_sequence sequence;
	nonce_sequence_init(&sequence, 0);
	for (int i = 0; i < PER_THREAD; i++) {
		/* Ten minutes pass four times. */
		if (i % (PER_THREAD / 40) == 0)
			nonce_sequence_refresh(&sequence, (uint64_t)i / (PER_THREAD / 40) * MINUTE_MS);
		nonces[i] = next(&sequence);
	}
	return NULL;
}

static void threads_never_repeat(void **state)
{
	(void)state;
	struct nonce *nonces = calloc(THREADS * PER_THREAD, sizeof(*nonces));
	assert_non_null(nonces);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, draw_many, nonces + (size_t)i * PER_THREAD), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_all_different(nonces, (size_t)THREADS * PER_THREAD);
	free(nonces);
}

static void counter_wraps_within_a_run(void **state)
{
	(void)state;
	struct nonce_sequence sequence;
	nonce_sequence_init(&sequence, 0);
	sequence.counter = UINT64_MAX;
	uint32_t prefix = sequence.prefix;
	struct nonce last = next(&sequence), first = next(&sequence);
	assert_true(counter_of(last) == UINT64_MAX);
	assert_true(counter_of(first) == 0);
	assert_int_equal(prefix_of(first), prefix);
}

static void fresh_bits_after_2_to_32_packets(void **state)
{
	(void)state;
	struct nonce_sequence sequence;
	nonce_sequence_init(&sequence, 0);
	assert_true(sequence.left == UINT64_C(4294967296));
	sequence.left = 2;
	struct nonce a = next(&sequence), b = next(&sequence), c = next(&sequence), d = next(&sequence);
	assert_true(follows(a, b));
	assert_false(follows(b, c));
	assert_true(follows(c, d));
	assert_true(sequence.left == UINT64_C(4294967296) - 2);
}

static void fresh_bits_after_ten_minutes(void **state)
{
	(void)state;
	const uint64_t start = 12345;
	struct nonce_sequence sequence;
	nonce_sequence_init(&sequence, start);
	struct nonce a = next(&sequence);
	nonce_sequence_refresh(&sequence, start + 10 * MINUTE_MS - 1);
	struct nonce b = next(&sequence);
	assert_true(follows(a, b));
	nonce_sequence_refresh(&sequence, start + 10 * MINUTE_MS);
	struct nonce c = next(&sequence);
	assert_false(follows(b, c));
	nonce_sequence_refresh(&sequence, start + 20 * MINUTE_MS - 1);
	struct nonce d = next(&sequence);
	assert_true(follows(c, d));
	nonce_sequence_refresh(&sequence, start + 90 * MINUTE_MS);
	struct nonce e = next(&sequence);
	assert_false(follows(d, e));
}

/* Draws `count` nonces in a child, after `generations` forks, and reads them from a pipe. */
static void draw_in_child(struct nonce_sequence *sequence, int generations, struct nonce *nonces, size_t count)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (int i = 1; i < generations; i++)
			if (fork() != 0)
				_exit(0);
		for (size_t i = 0; i < count; i++) {
			struct nonce nonce = next(sequence);
			if (write(pipes[1], &nonce, sizeof(nonce)) != sizeof(nonce))
				_exit(1);
		}
		_exit(0);
	}
	close(pipes[1]);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(read(pipes[0], &nonces[i], sizeof(nonces[i])), sizeof(nonces[i]));
	close(pipes[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void forks_never_repeat(void **state)
{
	(void)state;
	enum { EACH = 500 };
	struct nonce nonces[4 * EACH];
	struct nonce_sequence sequence;
	nonce_sequence_init(&sequence, 0);
	struct nonce before = next(&sequence);
	draw_in_child(&sequence, 1, nonces, EACH);
	draw_in_child(&sequence, 1, nonces + EACH, EACH);
	draw_in_child(&sequence, 2, nonces + 2 * EACH, EACH);
	for (int i = 0; i < EACH; i++)
		nonces[3 * EACH + i] = next(&sequence);
	/* The parent goes on where it was. */
	assert_true(follows(before, nonces[3 * EACH]));
	assert_false(follows(before, nonces[0]));
	assert_all_different(nonces, 4 * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counter_counts_big_endian),
		cmocka_unit_test(starts_are_random),
		cmocka_unit_test(threads_never_repeat),
		cmocka_unit_test(counter_wraps_within_a_run),
		cmocka_unit_test(fresh_bits_after_2_to_32_packets),
		cmocka_unit_test(fresh_bits_after_ten_minutes),
		cmocka_unit_test(forks_never_repeat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
