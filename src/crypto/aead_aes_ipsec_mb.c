// SPDX-License-Identifier: Apache-2.0
/*
 * AES by intel-ipsec-mb: GCM through its direct functions. For one block it has only CFB with a key of 128 bits, which
 * takes as long as the few instructions that it comes down to: so it expands the keys, and both sizes use these.
 */
#include <errno.h>
#include <stdlib.h>
#include <wmmintrin.h>

#include "crypto/aead_aes.h"
#include "crypto/aead_ipsec_mb.h"

enum {
	KEY_ALIGNMENT = 64, /* as the widest kernels load it */
	ROUND_KEYS_MAX = 15,
	ROUNDS_128 = 10,
	ROUNDS_256 = 14,
};

struct aes_gcm_key {
	_Alignas(KEY_ALIGNMENT) struct gcm_key_data expanded;
	aes_gcm_enc_dec_t encrypt, decrypt;
};

struct aes_block_key {
	_Alignas(KEY_ALIGNMENT) __m128i round[ROUND_KEYS_MAX];
	unsigned rounds;
};

static int probe(void)
{
	return ipsec_mb_functions() != NULL ? 0 : -ENOTSUP;
}

/* ---- GCM --------------------------------------------------------------------------------------------------------- */

static struct aes_gcm_key *gcm_key_new(const uint8_t *bytes, size_t size)
{
	const struct ipsec_mb_functions *functions = ipsec_mb_functions();
	const struct ipsec_mb_gcm *gcm = size == AES_128_KEY_BYTES ? &functions->gcm_128 : &functions->gcm_256;
	struct aes_gcm_key *key = aligned_alloc(KEY_ALIGNMENT, sizeof(*key));
	if (key == NULL)
		return NULL;
	key->encrypt = gcm->encrypt;
	key->decrypt = gcm->decrypt;
	gcm->expand(bytes, &key->expanded);
	return key;
}

static void gcm_key_free(struct aes_gcm_key *key)
{
	if (key == NULL)
		return;
	secret_wipe(key, sizeof(*key));
	free(key);
}

static void gcm_seal(const struct aes_gcm_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE],
		     struct aes_data associated, struct aes_data in, uint8_t *out, uint8_t tag[static AEAD_TAG_SIZE])
{
	struct gcm_context_data context;
	key->encrypt(&key->expanded, &context, out, in.bytes, in.len, nonce, associated.bytes, associated.len, tag,
		     AEAD_TAG_SIZE);
}

static int gcm_open(const struct aes_gcm_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE],
		    struct aes_data associated, struct aes_data in, const uint8_t tag[static AEAD_TAG_SIZE],
		    uint8_t *out)
{
	struct gcm_context_data context;
	uint8_t expected[AEAD_TAG_SIZE];
	key->decrypt(&key->expanded, &context, out, in.bytes, in.len, nonce, associated.bytes, associated.len, expected,
		     AEAD_TAG_SIZE);

	bool genuine = aead_tags_equal(expected, tag);
	secret_wipe(expected, sizeof(expected));
	if (genuine)
		return 0;
	secret_wipe(out, in.len);
	return -EBADMSG;
}

/* ---- one block --------------------------------------------------------------------------------------------------- */

static struct aes_block_key *block_key_new(const uint8_t *bytes, size_t size)
{
	const struct ipsec_mb_functions *functions = ipsec_mb_functions();
	_Alignas(KEY_ALIGNMENT) __m128i inverse[ROUND_KEYS_MAX];
	struct aes_block_key *key = aligned_alloc(KEY_ALIGNMENT, sizeof(*key));
	if (key == NULL)
		return NULL;
	bool short_key = size == AES_128_KEY_BYTES;
	key->rounds = short_key ? ROUNDS_128 : ROUNDS_256;
	(short_key ? functions->expand_128 : functions->expand_256)(bytes, key->round, inverse);
	secret_wipe(inverse, sizeof(inverse));
	return key;
}

static void block_key_free(struct aes_block_key *key)
{
	if (key == NULL)
		return;
	secret_wipe(key, sizeof(*key));
	free(key);
}

__attribute__((target("aes"))) static void block_encrypt(const struct aes_block_key *key,
							 const uint8_t in[static AES_BLOCK_BYTES],
							 uint8_t out[static AES_BLOCK_BYTES])
{
	unsigned last = key->rounds;
	__m128i block = _mm_xor_si128(_mm_loadu_si128((const __m128i_u *)in), key->round[0]);
	for (unsigned i = 1; i < last; i++)
		block = _mm_aesenc_si128(block, key->round[i]);
	_mm_storeu_si128((__m128i_u *)out, _mm_aesenclast_si128(block, key->round[last]));
}

const struct aes_backend aes_ipsec_mb = {
	.probe = probe,
	.gcm_key_new = gcm_key_new,
	.gcm_key_free = gcm_key_free,
	.gcm_seal = gcm_seal,
	.gcm_open = gcm_open,
	.block_key_new = block_key_new,
	.block_key_free = block_key_free,
	.block_encrypt = block_encrypt,
};
