// SPDX-License-Identifier: Apache-2.0
/*
 * What the protection of QUIC packets needs of AES (RFC 9001, 5): GCM with keys of 128 or 256 bits and associated data,
 * and the cipher on one block. There is it only where intel-ipsec-mb is; elsewhere QUIC does without.
 *
 * Keys are only read once they are made: any number of threads may use one at the same time.
 */
#ifndef MYCELIUM_CRYPTO_AEAD_AES_H
#define MYCELIUM_CRYPTO_AEAD_AES_H

#include "crypto/aead.h"

enum { AES_BLOCK_BYTES = 16, AES_128_KEY_BYTES = 16, AES_256_KEY_BYTES = 32 };

struct aes_gcm_key;
struct aes_block_key;

struct aes_data {
	const uint8_t *bytes;
	size_t len;
};

struct aes_backend {
	/* Whether this machine can run it. Called before any other function. */
	int (*probe)(void);
	/* Expand a key of 16 or 32 bytes. Return NULL when memory is short. */
	struct aes_gcm_key *(*gcm_key_new)(const uint8_t *key, size_t size);
	struct aes_block_key *(*block_key_new)(const uint8_t *key, size_t size);
	/* Wipe and free; NULL is fine. */
	void (*gcm_key_free)(struct aes_gcm_key *key);
	void (*block_key_free)(struct aes_block_key *key);
	/* Encrypts `in` to `out` (may be the same place) and writes the tag, which also covers `associated`. */
	void (*gcm_seal)(const struct aes_gcm_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE],
			 struct aes_data associated, struct aes_data in, uint8_t *out,
			 uint8_t tag[static AEAD_TAG_SIZE]);
	/* Decrypts `in` to `out` (may be the same place). Returns 0, or -EBADMSG with `out` wiped when the tag does not
	 * fit. */
	int (*gcm_open)(const struct aes_gcm_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE],
			struct aes_data associated, struct aes_data in, const uint8_t tag[static AEAD_TAG_SIZE],
			uint8_t *out);
	/* Encrypts one block. */
	void (*block_encrypt)(const struct aes_block_key *key, const uint8_t in[static AES_BLOCK_BYTES],
			      uint8_t out[static AES_BLOCK_BYTES]);
};

#ifdef HAVE_IPSEC_MB
extern const struct aes_backend aes_ipsec_mb;
#endif

/* The back end of this machine, NULL when there is none: no package, no such processor, or it failed its self-test.
 * Any thread. */
const struct aes_backend *aes_backend(void);

#endif
