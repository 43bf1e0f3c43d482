// SPDX-License-Identifier: Apache-2.0
/*
 * AES-256-GCM with 96-bit nonce, 128-bit tag and no associated data, behind one interface with two back ends.
 *
 * aead_setup() picks the fastest back end that this machine has and that passes its self-test: intel-ipsec-mb when
 * package and CPU have it, GnuTLS otherwise. A key context belongs to one thread.
 */
#ifndef MYCELIUM_CRYPTO_AEAD_H
#define MYCELIUM_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "crypto/keys.h"

enum { AEAD_NONCE_SIZE = 12, AEAD_TAG_SIZE = 16 };

struct aead_key;

/* Whether two tags are equal, in a time that does not tell where they differ. */
static inline bool aead_tags_equal(const uint8_t a[static AEAD_TAG_SIZE], const uint8_t b[static AEAD_TAG_SIZE])
{
	uint64_t x[2], y[2];
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* One implementation. `name` appears in the start-up log at debug. */
struct aead_backend {
	const char *name;
	/* Whether this machine can run it. Called once, before any other function. */
	int (*probe)(void);
	struct aead_key *(*key_new)(const uint8_t key[static KEY_SIZE]);
	void (*key_free)(struct aead_key *key);
	/* Encrypts `len` bytes from `in` to `out` (may be the same place) and writes the tag. */
	void (*seal)(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
		     uint8_t *out, uint8_t tag[static AEAD_TAG_SIZE]);
	/* Decrypts `len` bytes from `in` to `out` (may be the same place). Returns 0, or -EBADMSG with `out` wiped when
	 * the tag does not fit. */
	int (*open)(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
		    const uint8_t tag[static AEAD_TAG_SIZE], uint8_t *out);
};

#ifdef HAVE_IPSEC_MB
extern const struct aead_backend aead_ipsec_mb;
#endif
extern const struct aead_backend aead_gnutls;

/* All back ends compiled in, fastest first, NULL at the end: for tests and benches. */
extern const struct aead_backend *const aead_backends[];

/* Chooses the back end for this process: the first that runs here and gives the known answers of SP 800-38D. Call once
 * before threads start. Returns 0, or -ENOTSUP when none passes. */
int aead_setup(void);

/* The chosen back end. aead_setup() must have succeeded. */
const struct aead_backend *aead_backend(void);

/* Expands a key with the chosen back end. Returns NULL when memory is short. Used and freed with aead_key_free() by one
 * thread at a time. */
struct aead_key *aead_key_new(const struct shared_secret *secret);

/* Wipes and frees; NULL is fine. */
void aead_key_free(struct aead_key *key);

/* As in struct aead_backend, with the chosen back end. */
void aead_seal(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
	       uint8_t *out, uint8_t tag[static AEAD_TAG_SIZE]);
int aead_open(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
	      const uint8_t tag[static AEAD_TAG_SIZE], uint8_t *out);

#endif
