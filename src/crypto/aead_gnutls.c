// SPDX-License-Identifier: Apache-2.0
/*
 * AES-256-GCM by GnuTLS, through its cipher interface: unlike the AEAD interface it takes a tag of its own place and
 * allocates nothing for each packet.
 */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include "crypto/aead.h"

struct aead_key {
	gnutls_cipher_hd_t cipher;
};

/* With a valid handle and 16-bit packet lengths no call fails; should one fail, then a packet must not leave in the
 * clear or be taken for genuine. */
static void require(int result)
{
	if (result < 0)
		abort();
}

static int gnutls_probe(void)
{
	return gnutls_cipher_get_key_size(GNUTLS_CIPHER_AES_256_GCM) == KEY_SIZE ? 0 : -ENOTSUP;
}

static struct aead_key *gnutls_key_new(const uint8_t key[static KEY_SIZE])
{
	struct aead_key *expanded = malloc(sizeof(*expanded));
	if (expanded == NULL)
		return NULL;
	/* GnuTLS copies the key; it only reads through this pointer. */
	const gnutls_datum_t secret = {.data = (unsigned char *)(uintptr_t)key, .size = KEY_SIZE};
	if (gnutls_cipher_init(&expanded->cipher, GNUTLS_CIPHER_AES_256_GCM, &secret, NULL) < 0) {
		free(expanded);
		return NULL;
	}
	return expanded;
}

static void gnutls_key_free(struct aead_key *key)
{
	if (key == NULL)
		return;
	gnutls_cipher_deinit(key->cipher);
	free(key);
}

static void set_nonce(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE])
{
	gnutls_cipher_set_iv(key->cipher, (void *)(uintptr_t)nonce, AEAD_NONCE_SIZE);
}

static void gnutls_seal(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in,
			size_t len, uint8_t *out, uint8_t tag[static AEAD_TAG_SIZE])
{
	set_nonce(key, nonce);
	if (len > 0)
		require(gnutls_cipher_encrypt2(key->cipher, in, len, out, len));
	require(gnutls_cipher_tag(key->cipher, tag, AEAD_TAG_SIZE));
}

static int gnutls_open(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
		       const uint8_t tag[static AEAD_TAG_SIZE], uint8_t *out)
{
	uint8_t expected[AEAD_TAG_SIZE];
	set_nonce(key, nonce);
	if (len > 0)
		require(gnutls_cipher_decrypt2(key->cipher, in, len, out, len));
	require(gnutls_cipher_tag(key->cipher, expected, AEAD_TAG_SIZE));

	bool genuine = aead_tags_equal(expected, tag);
	secret_wipe(expected, sizeof(expected));
	if (genuine)
		return 0;
	secret_wipe(out, len);
	return -EBADMSG;
}

const struct aead_backend aead_gnutls = {
	.name = "gnutls",
	.probe = gnutls_probe,
	.key_new = gnutls_key_new,
	.key_free = gnutls_key_free,
	.seal = gnutls_seal,
	.open = gnutls_open,
};
