// SPDX-License-Identifier: Apache-2.0
/* Every back end against the vectors, against Nettle as an independent implementation, and against each other. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <nettle/gcm.h>
#include <pthread.h>

#include "base/random.h"
#include "crypto/aead.h"
#include "vectors.h"

enum { LEN_MAX = 65535, TRAILER = AEAD_TAG_SIZE + AEAD_NONCE_SIZE };

static uint8_t plain[LEN_MAX + 64], sealed[LEN_MAX + 64], opened[LEN_MAX + 64], model[LEN_MAX + 64];

/* Calls `check` for each back end that runs here; GnuTLS always does. */
static void each_backend(void (*check)(const struct aead_backend *))
{
	unsigned ran = 0;
	for (size_t i = 0; aead_backends[i] != NULL; i++) {
		if (aead_backends[i]->probe() != 0) {
			print_message("%s does not run here\n", aead_backends[i]->name);
			continue;
		}
		check(aead_backends[i]);
		ran++;
	}
	assert_true(ran > 0);
}

static void fill(struct rng *rng, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)rng_next(rng);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static void check_sealed_vector(const struct aead_backend *backend, const json_t *entry)
{
	uint8_t key[KEY_SIZE], nonce[AEAD_NONCE_SIZE], text[2048], raw[2048], tag[AEAD_TAG_SIZE], out[2048];
	vectors_exact(entry, "key", key, sizeof(key));
	vectors_exact(entry, "nonce", nonce, sizeof(nonce));
	size_t len = vectors_bytes(entry, "plaintext", text, sizeof(text));
	size_t raw_len = vectors_bytes(entry, "raw_data", raw, sizeof(raw));
	assert_int_equal(raw_len, len + TRAILER);

	struct aead_key *expanded = backend->key_new(key);
	backend->seal(expanded, nonce, text, len, out, tag);
	assert_memory_equal(out, raw, len);
	assert_memory_equal(tag, raw + len, sizeof(tag));
	assert_memory_equal(nonce, raw + len + AEAD_TAG_SIZE, sizeof(nonce));
	assert_int_equal(backend->open(expanded, nonce, raw, len, raw + len, out), 0);
	assert_memory_equal(out, text, len);
	backend->key_free(expanded);
}

static void sealed_vectors_with(const struct aead_backend *backend)
{
	json_t *root = vectors_load("packets.json"), *entry;
	json_t *vectors = json_object_get(json_object_get(root, "crypto"), "aes256gcm_raw_data");
	assert_int_equal(json_array_size(vectors), 5);
	size_t i;
	json_array_foreach(vectors, i, entry)
		check_sealed_vector(backend, entry);
	json_decref(root);
}

static void sealed_vectors(void **state)
{
	(void)state;
	each_backend(sealed_vectors_with);
}

/* Bodies shorter than tag and nonce are the frame parser's to refuse; returns whether this one came here. */
static bool check_rejected_vector(const struct aead_backend *backend, const json_t *entry)
{
	uint8_t key[KEY_SIZE], raw[256], out[256];
	vectors_exact(entry, "key", key, sizeof(key));
	size_t raw_len = vectors_bytes(entry, "raw_data", raw, sizeof(raw));
	if (raw_len < TRAILER)
		return false;
	size_t len = raw_len - TRAILER;
	struct aead_key *expanded = backend->key_new(key);
	assert_int_equal(backend->open(expanded, raw + len + AEAD_TAG_SIZE, raw, len, raw + len, out), -EBADMSG);
	assert_true(all_zero(out, len));
	backend->key_free(expanded);
	return true;
}

static void rejected_vectors_with(const struct aead_backend *backend)
{
	json_t *root = vectors_load("packets.json"), *entry;
	json_t *vectors = json_object_get(json_object_get(root, "crypto"), "aes256gcm_reject");
	assert_int_equal(json_array_size(vectors), 8);
	size_t i;
	unsigned tried = 0;
	json_array_foreach(vectors, i, entry)
		tried += check_rejected_vector(backend, entry);
	assert_int_equal(tried, 7);
	json_decref(root);
}

static void rejected_vectors(void **state)
{
	(void)state;
	each_backend(rejected_vectors_with);
}

static void model_seal(const uint8_t key[KEY_SIZE], const uint8_t *nonce, size_t len, uint8_t tag[AEAD_TAG_SIZE])
{
	struct gcm_aes256_ctx context;
	gcm_aes256_set_key(&context, key);
	gcm_aes256_set_iv(&context, AEAD_NONCE_SIZE, nonce);
	gcm_aes256_encrypt(&context, len, model, plain);
	gcm_aes256_digest(&context, AEAD_TAG_SIZE, tag);
}

/* In place and out of place, both directions, at an address of any alignment; nothing behind the end is touched. */
static void check_length(const struct aead_backend *backend, struct rng *rng, const uint8_t key[KEY_SIZE],
			 struct aead_key *expanded, size_t len)
{
	uint8_t nonce[AEAD_NONCE_SIZE], tag[AEAD_TAG_SIZE], expected[AEAD_TAG_SIZE];
	uint8_t *at = sealed + rng_below(rng, 32), *to = opened + rng_below(rng, 32);
	fill(rng, nonce, sizeof(nonce));
	model_seal(key, nonce, len, expected);

	at[len] = to[len] = 0xee;
	backend->seal(expanded, nonce, plain, len, at, tag);
	assert_memory_equal(at, model, len);
	assert_memory_equal(tag, expected, sizeof(tag));
	assert_int_equal(backend->open(expanded, nonce, at, len, tag, to), 0);
	assert_memory_equal(to, plain, len);
	backend->seal(expanded, nonce, to, len, to, tag);
	assert_memory_equal(to, model, len);
	assert_memory_equal(tag, expected, sizeof(tag));
	assert_int_equal(backend->open(expanded, nonce, to, len, tag, to), 0);
	assert_memory_equal(to, plain, len);
	assert_int_equal(at[len], 0xee);
	assert_int_equal(to[len], 0xee);
}

static void every_length_with(const struct aead_backend *backend)
{
	static const size_t long_lengths[] = {2048, 4095, 9000, 16384, 65503, LEN_MAX};
	struct rng rng = rng_seeded(1404);
	uint8_t key[KEY_SIZE];
	fill(&rng, key, sizeof(key));
	fill(&rng, plain, sizeof(plain));
	struct aead_key *expanded = backend->key_new(key);
	for (size_t len = 0; len <= 1500; len++)
		check_length(backend, &rng, key, expanded, len);
	for (size_t i = 0; i < sizeof(long_lengths) / sizeof(long_lengths[0]); i++)
		check_length(backend, &rng, key, expanded, long_lengths[i]);
	backend->key_free(expanded);
}

static void every_length_fits_the_model(void **state)
{
	(void)state;
	each_backend(every_length_with);
}

static void check_flip(const struct aead_backend *backend, struct aead_key *key, const uint8_t *body, size_t len,
		       size_t bit)
{
	uint8_t damaged[128];
	memcpy(damaged, body, len + TRAILER);
	damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
	uint8_t *tag = damaged + len, *nonce = tag + AEAD_TAG_SIZE;
	assert_int_equal(backend->open(key, nonce, damaged, len, tag, damaged), -EBADMSG);
	assert_true(all_zero(damaged, len));
}

static void every_bit_with(const struct aead_backend *backend)
{
	enum { LEN = 68 };
	struct rng rng = rng_seeded(7);
	uint8_t key[KEY_SIZE], body[LEN + TRAILER];
	fill(&rng, key, sizeof(key));
	fill(&rng, body, sizeof(body));
	struct aead_key *expanded = backend->key_new(key);
	backend->seal(expanded, body + LEN + AEAD_TAG_SIZE, body, LEN, body, body + LEN);
	for (size_t bit = 0; bit < 8 * sizeof(body); bit++)
		check_flip(backend, expanded, body, LEN, bit);
	assert_int_equal(backend->open(expanded, body + LEN + AEAD_TAG_SIZE, body, LEN, body + LEN, body), 0);
	backend->key_free(expanded);
}

static void every_changed_bit_is_refused(void **state)
{
	(void)state;
	each_backend(every_bit_with);
}

/* Equal wherever they lie, and different in any one bit; differences in two places do not make up for each other. */
static void tags_are_compared_whole(void **state)
{
	(void)state;
	enum { BITS = 8 * AEAD_TAG_SIZE };
	struct rng rng = rng_seeded(8);
	uint8_t room[2][AEAD_TAG_SIZE + 8];
	for (unsigned at = 0; at < 64; at++) {
		uint8_t *a = &room[0][at % 8], *b = &room[1][at / 8];
		fill(&rng, a, AEAD_TAG_SIZE);
		memcpy(b, a, AEAD_TAG_SIZE);
		assert_true(aead_tags_equal(a, b));
		for (unsigned first = 0; first < BITS; first++) {
			b[first / 8] ^= (uint8_t)(1 << first % 8);
			assert_false(aead_tags_equal(a, b));
			for (unsigned second = first + 1; second < BITS; second++) {
				b[second / 8] ^= (uint8_t)(1 << second % 8);
				assert_false(aead_tags_equal(a, b));
				b[second / 8] ^= (uint8_t)(1 << second % 8);
			}
			b[first / 8] ^= (uint8_t)(1 << first % 8);
		}
		assert_true(aead_tags_equal(a, b));
	}
}

static void keys_are_independent_with(const struct aead_backend *backend)
{
	const uint8_t key[2][KEY_SIZE] = {{1}, {2}}, nonce[AEAD_NONCE_SIZE] = {3};
	uint8_t text[32] = "two keys of one thread", out[2][32], again[32], tag[2][AEAD_TAG_SIZE];
	struct aead_key *expanded[2] = {backend->key_new(key[0]), backend->key_new(key[1])};
	for (int i = 0; i < 2; i++)
		backend->seal(expanded[i], nonce, text, sizeof(text), out[i], tag[i]);
	assert_memory_not_equal(out[0], out[1], sizeof(text));
	assert_int_equal(backend->open(expanded[0], nonce, out[0], sizeof(text), tag[0], again), 0);
	assert_memory_equal(again, text, sizeof(text));
	assert_int_equal(backend->open(expanded[1], nonce, out[0], sizeof(text), tag[0], again), -EBADMSG);
	backend->key_free(expanded[0]);
	backend->key_free(expanded[1]);
	backend->key_free(NULL);
}

static void keys_are_independent(void **state)
{
	(void)state;
	each_backend(keys_are_independent_with);
}

struct worker {
	const struct aead_backend *backend;
	uint64_t seed;
	unsigned wrong;
};

static void *work(void *context)
{
	struct worker *worker = context;
	struct rng rng = rng_seeded(worker->seed);
	uint8_t key[KEY_SIZE], text[1404], buffer[1404], nonce[AEAD_NONCE_SIZE], tag[AEAD_TAG_SIZE];
	fill(&rng, key, sizeof(key));
	fill(&rng, text, sizeof(text));
	struct aead_key *expanded = worker->backend->key_new(key);
	for (int i = 0; i < 2000; i++) {
		size_t len = (size_t)rng_below(&rng, sizeof(text) + 1);
		fill(&rng, nonce, sizeof(nonce));
		worker->backend->seal(expanded, nonce, text, len, buffer, tag);
		if (worker->backend->open(expanded, nonce, buffer, len, tag, buffer) != 0 ||
		    memcmp(buffer, text, len) != 0)
			worker->wrong++;
	}
	worker->backend->key_free(expanded);
	return NULL;
}

static void threads_with(const struct aead_backend *backend)
{
	pthread_t threads[4];
	struct worker workers[4];
	for (unsigned i = 0; i < 4; i++) {
		workers[i] = (struct worker){.backend = backend, .seed = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].wrong, 0);
	}
}

static void threads_do_not_disturb_each_other(void **state)
{
	(void)state;
	each_backend(threads_with);
}

static void setup_chooses_the_first_that_runs(void **state)
{
	(void)state;
	assert_int_equal(aead_setup(), 0);
	size_t first = 0;
	while (aead_backends[first]->probe() != 0)
		first++;
	assert_ptr_equal(aead_backend(), aead_backends[first]);
	print_message("back end: %s\n", aead_backend()->name);
}

static void chosen_backend_seals_and_opens(void **state)
{
	(void)state;
	assert_int_equal(aead_setup(), 0);
	const struct shared_secret secret = {{0xfe, 0xff}};
	const uint8_t nonce[AEAD_NONCE_SIZE] = {1, 2, 3};
	uint8_t text[100] = "through the chosen back end", out[100], tag[AEAD_TAG_SIZE], expected[AEAD_TAG_SIZE];
	memcpy(plain, text, sizeof(text));
	model_seal(secret.bytes, nonce, sizeof(text), expected);

	struct aead_key *key = aead_key_new(&secret);
	assert_non_null(key);
	aead_seal(key, nonce, text, sizeof(text), out, tag);
	assert_memory_equal(out, model, sizeof(text));
	assert_memory_equal(tag, expected, sizeof(tag));
	assert_int_equal(aead_open(key, nonce, out, sizeof(text), tag, out), 0);
	assert_memory_equal(out, text, sizeof(text));
	tag[0] ^= 0x80;
	assert_int_equal(aead_open(key, nonce, out, sizeof(text), tag, out), -EBADMSG);
	aead_key_free(key);
	aead_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_vectors),
		cmocka_unit_test(rejected_vectors),
		cmocka_unit_test(every_length_fits_the_model),
		cmocka_unit_test(every_changed_bit_is_refused),
		cmocka_unit_test(tags_are_compared_whole),
		cmocka_unit_test(keys_are_independent),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(setup_chooses_the_first_that_runs),
		cmocka_unit_test(chosen_backend_seals_and_opens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
