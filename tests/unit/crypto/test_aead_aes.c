// SPDX-License-Identifier: Apache-2.0
/* AES for QUIC against vectors, and against Nettle as an independent implementation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <pthread.h>

#include "base/random.h"
#include "crypto/aead_aes.h"

enum { LEN_MAX = 1500, ASSOCIATED_MAX = 48 };

static const size_t key_sizes[] = {AES_128_KEY_BYTES, AES_256_KEY_BYTES};
static const struct aes_backend *aes;

static int choose(void **state)
{
	(void)state;
	aes = aes_backend();
	return 0;
}

/* Without the package or on another processor there is nothing to test. */
#define need_backend()                                                                                                 \
	do {                                                                                                           \
		if (aes == NULL)                                                                                       \
			skip();                                                                                        \
	} while (0)

static void fill(struct rng *rng, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)rng_next(rng);
}

/* Test cases 4 and 16 of the GCM specification. */
static void specified_packets(void **state)
{
	(void)state;
	need_backend();
	static const uint8_t key[] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f,
				      0x94, 0x67, 0x30, 0x83, 0x08, 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65,
				      0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
	static const uint8_t nonce[] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
	static const uint8_t plain[] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5,
					0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda,
					0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95,
					0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25,
					0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
	static const uint8_t associated[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
					     0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
	static const uint8_t start[2][8] = {{0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24},
					    {0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07}};
	static const uint8_t tags[2][AEAD_TAG_SIZE] = {{0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb, 0x94, 0xfa,
							0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47},
						       {0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf,
							0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b}};
	uint8_t out[sizeof(plain)], tag[AEAD_TAG_SIZE];
	const struct aes_data header = {associated, sizeof(associated)}, text = {plain, sizeof(plain)};
	for (unsigned i = 0; i < 2; i++) {
		struct aes_gcm_key *expanded = aes->gcm_key_new(key, key_sizes[i]);
		assert_non_null(expanded);
		aes->gcm_seal(expanded, nonce, header, text, out, tag);
		assert_memory_equal(out, start[i], sizeof(start[i]));
		assert_memory_equal(tag, tags[i], sizeof(tag));
		aes->gcm_key_free(expanded);
	}
}

static void model_seal(const uint8_t *key, size_t size, const uint8_t *nonce, struct aes_data associated,
		       struct aes_data in, uint8_t *out, uint8_t *tag)
{
	if (size == AES_128_KEY_BYTES) {
		struct gcm_aes128_ctx context;
		gcm_aes128_set_key(&context, key);
		gcm_aes128_set_iv(&context, AEAD_NONCE_SIZE, nonce);
		gcm_aes128_update(&context, associated.len, associated.bytes);
		gcm_aes128_encrypt(&context, in.len, out, in.bytes);
		gcm_aes128_digest(&context, AEAD_TAG_SIZE, tag);
	} else {
		struct gcm_aes256_ctx context;
		gcm_aes256_set_key(&context, key);
		gcm_aes256_set_iv(&context, AEAD_NONCE_SIZE, nonce);
		gcm_aes256_update(&context, associated.len, associated.bytes);
		gcm_aes256_encrypt(&context, in.len, out, in.bytes);
		gcm_aes256_digest(&context, AEAD_TAG_SIZE, tag);
	}
}

/* In place and not, at an address of any alignment; nothing behind the end is touched. */
static void check_length(struct rng *rng, const uint8_t *key, const struct aes_gcm_key *expanded, size_t size,
			 size_t len)
{
	static uint8_t plain[LEN_MAX], model[LEN_MAX], sealed[LEN_MAX + 64], opened[LEN_MAX + 64];
	uint8_t nonce[AEAD_NONCE_SIZE], header[ASSOCIATED_MAX], tag[AEAD_TAG_SIZE], expected[AEAD_TAG_SIZE];
	uint8_t *at = sealed + rng_below(rng, 32), *to = opened + rng_below(rng, 32);
	fill(rng, plain, len);
	fill(rng, nonce, sizeof(nonce));
	fill(rng, header, sizeof(header));
	const struct aes_data associated = {header, (size_t)rng_below(rng, sizeof(header) + 1)};
	model_seal(key, size, nonce, associated, (struct aes_data){plain, len}, model, expected);

	at[len] = to[len] = 0xee;
	aes->gcm_seal(expanded, nonce, associated, (struct aes_data){plain, len}, at, tag);
	assert_memory_equal(at, model, len);
	assert_memory_equal(tag, expected, sizeof(tag));
	assert_int_equal(aes->gcm_open(expanded, nonce, associated, (struct aes_data){at, len}, tag, to), 0);
	assert_memory_equal(to, plain, len);
	aes->gcm_seal(expanded, nonce, associated, (struct aes_data){to, len}, to, tag);
	assert_memory_equal(to, model, len);
	assert_memory_equal(tag, expected, sizeof(tag));
	assert_int_equal(aes->gcm_open(expanded, nonce, associated, (struct aes_data){to, len}, tag, to), 0);
	assert_memory_equal(to, plain, len);
	assert_int_equal(at[len], 0xee);
	assert_int_equal(to[len], 0xee);
}

static void every_length_fits_the_model(void **state)
{
	(void)state;
	need_backend();
	struct rng rng = rng_seeded(128);
	uint8_t key[AES_256_KEY_BYTES];
	for (unsigned i = 0; i < 2; i++) {
		fill(&rng, key, sizeof(key));
		struct aes_gcm_key *expanded = aes->gcm_key_new(key, key_sizes[i]);
		for (size_t len = 0; len <= LEN_MAX; len++)
			check_length(&rng, key, expanded, key_sizes[i], len);
		aes->gcm_key_free(expanded);
	}
}

enum { BODY = 40, HEADER = 9, WHOLE = HEADER + BODY + AEAD_TAG_SIZE + AEAD_NONCE_SIZE };

static int open_packet(const struct aes_gcm_key *key, uint8_t *packet, uint8_t out[static BODY])
{
	return aes->gcm_open(key, packet + WHOLE - AEAD_NONCE_SIZE, (struct aes_data){packet, HEADER},
			     (struct aes_data){packet + HEADER, BODY}, packet + HEADER + BODY, out);
}

static void every_changed_bit_is_refused(void **state)
{
	(void)state;
	need_backend();
	struct rng rng = rng_seeded(7);
	static const uint8_t zero[BODY];
	uint8_t key[AES_256_KEY_BYTES], packet[WHOLE], out[BODY];
	for (unsigned i = 0; i < 2; i++) {
		fill(&rng, key, sizeof(key));
		fill(&rng, packet, sizeof(packet));
		struct aes_gcm_key *expanded = aes->gcm_key_new(key, key_sizes[i]);
		aes->gcm_seal(expanded, packet + WHOLE - AEAD_NONCE_SIZE, (struct aes_data){packet, HEADER},
			      (struct aes_data){packet + HEADER, BODY}, packet + HEADER, packet + HEADER + BODY);
		for (size_t bit = 0; bit < 8 * sizeof(packet); bit++) {
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xee, sizeof(out));
			assert_int_equal(open_packet(expanded, packet, out), -EBADMSG);
			assert_memory_equal(out, zero, sizeof(out));
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(open_packet(expanded, packet, out), 0);
		aes->gcm_key_free(expanded);
	}
}

static void model_block(const uint8_t *key, size_t size, const uint8_t *in, uint8_t *out)
{
	if (size == AES_128_KEY_BYTES) {
		struct aes128_ctx context;
		aes128_set_encrypt_key(&context, key);
		aes128_encrypt(&context, AES_BLOCK_BYTES, out, in);
	} else {
		struct aes256_ctx context;
		aes256_set_encrypt_key(&context, key);
		aes256_encrypt(&context, AES_BLOCK_BYTES, out, in);
	}
}

static void blocks_fit_the_model(void **state)
{
	(void)state;
	need_backend();
	struct rng rng = rng_seeded(9);
	uint8_t key[AES_256_KEY_BYTES], in[AES_BLOCK_BYTES + 16], out[AES_BLOCK_BYTES + 16], expected[AES_BLOCK_BYTES];
	for (unsigned i = 0; i < 4000; i++) {
		size_t size = key_sizes[i % 2];
		uint8_t *from = in + rng_below(&rng, 17), *to = out + rng_below(&rng, 17);
		fill(&rng, key, sizeof(key));
		fill(&rng, in, sizeof(in));
		struct aes_block_key *expanded = aes->block_key_new(key, size);
		aes->block_encrypt(expanded, from, to);
		model_block(key, size, from, expected);
		assert_memory_equal(to, expected, sizeof(expected));
		aes->block_encrypt(expanded, from, from);
		assert_memory_equal(from, expected, sizeof(expected));
		aes->block_key_free(expanded);
	}
	aes->block_key_free(NULL);
	aes->gcm_key_free(NULL);
}

static void *ask(void *context)
{
	(void)context;
	return (void *)(uintptr_t)aes_backend();
}

static void all_threads_get_the_same(void **state)
{
	(void)state;
	pthread_t threads[4];
	void *got;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], &got);
		assert_ptr_equal(got, aes_backend());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads_get_the_same),
		cmocka_unit_test_setup(specified_packets, choose),
		cmocka_unit_test_setup(every_length_fits_the_model, choose),
		cmocka_unit_test_setup(every_changed_bit_is_refused, choose),
		cmocka_unit_test_setup(blocks_fit_the_model, choose),
	};
	return cmocka_run_group_tests_name("aead_aes", tests, NULL, NULL);
}
