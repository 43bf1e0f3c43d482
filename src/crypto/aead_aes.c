// SPDX-License-Identifier: Apache-2.0
#include "crypto/aead_aes.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Known answers. The long ones run the wide loops of a back end and their remainder; their plaintext is 0, 1, 2, ... */
enum { ANSWER_LONG = 1404, ANSWER_ASSOCIATED = 20 };

struct gcm_answer {
	size_t key_size;
	uint8_t key[AES_256_KEY_BYTES];
	uint8_t nonce[AEAD_NONCE_SIZE];
	size_t associated_len, len;
	uint8_t tag[AEAD_TAG_SIZE];
};

#define LONG_KEY_HALF 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08
#define LONG_NONCE    0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88

static const uint8_t associated_bytes[ANSWER_ASSOCIATED] = {
	0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
	0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2,
};

/* Test cases 1 and 13 of the GCM specification; keys, nonce and associated data of 4 and 16 with a whole packet. A tag
 * covers the ciphertext, so that it is right only when the ciphertext is. */
static const struct gcm_answer gcm_answers[] = {
	{
		.key_size = AES_128_KEY_BYTES,
		.tag = {0x58, 0xe2, 0xfc, 0xce, 0xfa, 0x7e, 0x30, 0x61, 0x36, 0x7f, 0x1d, 0x57, 0xa4, 0xe7, 0x45, 0x5a},
	},
	{
		.key_size = AES_256_KEY_BYTES,
		.tag = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9, 0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b},
	},
	{
		.key_size = AES_128_KEY_BYTES,
		.key = {LONG_KEY_HALF},
		.nonce = {LONG_NONCE},
		.associated_len = ANSWER_ASSOCIATED,
		.len = ANSWER_LONG,
		.tag = {0xa2, 0x3c, 0x3d, 0xbb, 0x09, 0xe4, 0x66, 0xe9, 0x68, 0xd8, 0xb8, 0xc7, 0x61, 0xca, 0xb5, 0xa3},
	},
	{
		.key_size = AES_256_KEY_BYTES,
		.key = {LONG_KEY_HALF, LONG_KEY_HALF},
		.nonce = {LONG_NONCE},
		.associated_len = ANSWER_ASSOCIATED,
		.len = ANSWER_LONG,
		.tag = {0x43, 0xbf, 0x2e, 0xb8, 0x57, 0xdf, 0x1d, 0xae, 0x1e, 0x48, 0x73, 0x95, 0x22, 0x4d, 0x83, 0xfe},
	},
};

/* FIPS 197, C.1 and C.3: the key is 0, 1, 2, ..., the plaintext 00 11 22 ... */
static const struct block_answer {
	size_t key_size;
	uint8_t out[AES_BLOCK_BYTES];
} block_answers[] = {
	{
		AES_128_KEY_BYTES,
		{0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a},
	},
	{
		AES_256_KEY_BYTES,
		{0x8e, 0xa2, 0xb7, 0xca, 0x51, 0x67, 0x45, 0xbf, 0xea, 0xfc, 0x49, 0x90, 0x4b, 0x49, 0x60, 0x89},
	},
};

static bool all_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

/* Seals, opens, and opens with a damaged tag, all in place. */
static bool gcm_answer_holds(const struct aes_backend *backend, const struct aes_gcm_key *key,
			     const struct gcm_answer *answer)
{
	uint8_t plain[ANSWER_LONG], buffer[ANSWER_LONG], tag[AEAD_TAG_SIZE];
	const struct aes_data associated = {associated_bytes, answer->associated_len}, data = {buffer, answer->len};
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)i;
	memcpy(buffer, plain, sizeof(buffer));

	backend->gcm_seal(key, answer->nonce, associated, data, buffer, tag);
	if (memcmp(tag, answer->tag, sizeof(tag)) != 0 ||
	    backend->gcm_open(key, answer->nonce, associated, data, tag, buffer) != 0 ||
	    memcmp(buffer, plain, sizeof(plain)) != 0)
		return false;

	tag[AEAD_TAG_SIZE - 1] ^= 1;
	return backend->gcm_open(key, answer->nonce, associated, data, tag, buffer) == -EBADMSG &&
	       all_zero(buffer, data.len);
}

static bool block_answer_holds(const struct aes_backend *backend, const struct block_answer *answer)
{
	uint8_t key[AES_256_KEY_BYTES], block[AES_BLOCK_BYTES], out[AES_BLOCK_BYTES];
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(0x11 * i);
	struct aes_block_key *expanded = backend->block_key_new(key, answer->key_size);
	if (expanded == NULL)
		return false;
	backend->block_encrypt(expanded, block, out);
	backend->block_key_free(expanded);
	return memcmp(out, answer->out, sizeof(out)) == 0;
}

static bool self_test_passes(const struct aes_backend *backend)
{
	for (size_t i = 0; i < sizeof(gcm_answers) / sizeof(gcm_answers[0]); i++) {
		struct aes_gcm_key *key = backend->gcm_key_new(gcm_answers[i].key, gcm_answers[i].key_size);
		bool holds = key != NULL && gcm_answer_holds(backend, key, &gcm_answers[i]);
		backend->gcm_key_free(key);
		if (!holds)
			return false;
	}
	for (size_t i = 0; i < sizeof(block_answers) / sizeof(block_answers[0]); i++)
		if (!block_answer_holds(backend, &block_answers[i]))
			return false;
	return true;
}

static const struct aes_backend *const backends[] = {
#ifdef HAVE_IPSEC_MB
	&aes_ipsec_mb,
#endif
	NULL,
};

static const struct aes_backend *chosen;

static void choose(void)
{
	for (size_t i = 0; backends[i] != NULL && chosen == NULL; i++)
		if (backends[i]->probe() == 0 && self_test_passes(backends[i]))
			chosen = backends[i];
}

const struct aes_backend *aes_backend(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, choose);
	return chosen;
}
