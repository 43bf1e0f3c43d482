// SPDX-License-Identifier: Apache-2.0
#include "link/quic_protect.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "crypto/aead_aes.h"

enum {
	TAG_SIZE = AEAD_TAG_SIZE,
	LABEL_MAX = 32,
};

/* ---- handles ----------------------------------------------------------------------------------------------------- */

static bool is_ours(const void *handle)
{
	return ((uintptr_t)handle & 1) != 0;
}

static void *handle_of(void *key)
{
	return (uint8_t *)key + 1;
}

static void *key_of(void *handle)
{
	return (uint8_t *)handle - 1;
}

int quic_protect_new_aead(const uint8_t *key, size_t size, ngtcp2_crypto_aead_ctx *ret)
{
	struct aes_gcm_key *expanded = aes_backend()->gcm_key_new(key, size);
	if (expanded == NULL)
		return -ENOMEM;
	ret->native_handle = handle_of(expanded);
	return 0;
}

int quic_protect_new_cipher(const uint8_t *key, size_t size, ngtcp2_crypto_cipher_ctx *ret)
{
	struct aes_block_key *expanded = aes_backend()->block_key_new(key, size);
	if (expanded == NULL)
		return -ENOMEM;
	ret->native_handle = handle_of(expanded);
	return 0;
}

void quic_protect_delete_aead(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *context, void *user)
{
	if (is_ours(context->native_handle))
		aes_backend()->gcm_key_free(key_of(context->native_handle));
	else
		ngtcp2_crypto_delete_crypto_aead_ctx_cb(conn, context, user);
}

void quic_protect_delete_cipher(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *context, void *user)
{
	if (is_ours(context->native_handle))
		aes_backend()->block_key_free(key_of(context->native_handle));
	else
		ngtcp2_crypto_delete_crypto_cipher_ctx_cb(conn, context, user);
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

int quic_protect_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
			 const uint8_t *plaintext, size_t len, const uint8_t *nonce, size_t nonce_len,
			 const uint8_t *associated, size_t associated_len)
{
	if (!is_ours(context->native_handle))
		return ngtcp2_crypto_encrypt_cb(dest, aead, context, plaintext, len, nonce, nonce_len, associated,
						associated_len);
	assert(nonce_len == AEAD_NONCE_SIZE);
	aes_backend()->gcm_seal(key_of(context->native_handle), nonce, (struct aes_data){associated, associated_len},
				(struct aes_data){plaintext, len}, dest, dest + len);
	return 0;
}

int quic_protect_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
			 const uint8_t *ciphertext, size_t len, const uint8_t *nonce, size_t nonce_len,
			 const uint8_t *associated, size_t associated_len)
{
	if (!is_ours(context->native_handle))
		return ngtcp2_crypto_decrypt_cb(dest, aead, context, ciphertext, len, nonce, nonce_len, associated,
						associated_len);
	assert(nonce_len == AEAD_NONCE_SIZE);
	if (len < TAG_SIZE)
		return NGTCP2_ERR_DECRYPT;
	const struct aes_data header = {associated, associated_len}, payload = {ciphertext, len - TAG_SIZE};
	int error = aes_backend()->gcm_open(key_of(context->native_handle), nonce, header, payload,
					    ciphertext + payload.len, dest);
	return error == 0 ? 0 : NGTCP2_ERR_DECRYPT;
}

int quic_protect_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *cipher, const ngtcp2_crypto_cipher_ctx *context,
			 const uint8_t *sample)
{
	uint8_t block[AES_BLOCK_BYTES];
	if (!is_ours(context->native_handle))
		return ngtcp2_crypto_hp_mask_cb(dest, cipher, context, sample);
	aes_backend()->block_encrypt(key_of(context->native_handle), sample, block);
	memcpy(dest, block, NGTCP2_HP_MASKLEN);
	return 0;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* How a connection makes keys of its secrets. */
struct schedule {
	const ngtcp2_crypto_md *hash;
	size_t key_size;
};

/* Returns false when this connection's keys are not ours to make. */
static bool find_schedule(ngtcp2_conn *conn, struct schedule *ret)
{
	gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(ngtcp2_conn_get_tls_native_handle(conn));
	if (cipher != GNUTLS_CIPHER_AES_128_GCM && cipher != GNUTLS_CIPHER_AES_256_GCM)
		return false;
	/* Other versions have other labels. */
	if (aes_backend() == NULL || ngtcp2_conn_get_negotiated_version(conn) != NGTCP2_PROTO_VER_V1)
		return false;
	ret->hash = &ngtcp2_conn_get_crypto_ctx(conn)->md;
	ret->key_size = cipher == GNUTLS_CIPHER_AES_128_GCM ? AES_128_KEY_BYTES : AES_256_KEY_BYTES;
	return true;
}

/* HKDF-Expand-Label without a context (RFC 8446, 7.1). */
static int derive(const struct schedule *schedule, const uint8_t *secret, size_t secret_len, const char *label,
		  uint8_t *ret, size_t len)
{
	static const char prefix[] = "tls13 ";
	uint8_t info[2 + 1 + LABEL_MAX + 1];
	size_t prefix_len = sizeof(prefix) - 1, label_len = strlen(label), at = 0;
	assert(prefix_len + label_len <= LABEL_MAX);
	info[at++] = (uint8_t)(len >> 8);
	info[at++] = (uint8_t)len;
	info[at++] = (uint8_t)(prefix_len + label_len);
	memcpy(&info[at], prefix, prefix_len);
	at += prefix_len;
	memcpy(&info[at], label, label_len);
	at += label_len;
	info[at++] = 0;
	return ngtcp2_crypto_hkdf_expand(ret, len, schedule->hash, secret, secret_len, info, at);
}

static int make_aead(const struct schedule *schedule, const uint8_t *secret, size_t len, ngtcp2_crypto_aead_ctx *ret,
		     uint8_t iv[static AEAD_NONCE_SIZE])
{
	uint8_t key[AES_256_KEY_BYTES];
	int error = derive(schedule, secret, len, "quic iv", iv, AEAD_NONCE_SIZE);
	if (error == 0)
		error = derive(schedule, secret, len, "quic key", key, schedule->key_size);
	if (error == 0)
		error = quic_protect_new_aead(key, schedule->key_size, ret);
	secret_wipe(key, sizeof(key));
	return error;
}

static int make_cipher(const struct schedule *schedule, const uint8_t *secret, size_t len,
		       ngtcp2_crypto_cipher_ctx *ret)
{
	uint8_t key[AES_256_KEY_BYTES];
	int error = derive(schedule, secret, len, "quic hp", key, schedule->key_size);
	if (error == 0)
		error = quic_protect_new_cipher(key, schedule->key_size, ret);
	secret_wipe(key, sizeof(key));
	return error;
}

/* ngtcp2_conn_install_rx_key() or ngtcp2_conn_install_tx_key(). */
typedef int install_key(ngtcp2_conn *conn, const uint8_t *secret, size_t len, const ngtcp2_crypto_aead_ctx *aead,
			const uint8_t *iv, size_t iv_len, const ngtcp2_crypto_cipher_ctx *cipher);

static int install(ngtcp2_conn *conn, const struct schedule *schedule, install_key *install_it, const uint8_t *secret,
		   size_t len)
{
	ngtcp2_crypto_aead_ctx aead = {0};
	ngtcp2_crypto_cipher_ctx cipher = {0};
	uint8_t iv[AEAD_NONCE_SIZE];
	int error = make_aead(schedule, secret, len, &aead, iv);
	if (error == 0)
		error = make_cipher(schedule, secret, len, &cipher);
	if (error == 0)
		error = install_it(conn, secret, len, &aead, iv, sizeof(iv), &cipher);
	secret_wipe(iv, sizeof(iv));
	if (error == 0)
		return 0;
	if (aead.native_handle != NULL)
		quic_protect_delete_aead(conn, &aead, NULL);
	if (cipher.native_handle != NULL)
		quic_protect_delete_cipher(conn, &cipher, NULL);
	return -1;
}

/* As the helper library does it, whose own function ours replaces. */
static int install_theirs(ngtcp2_conn *conn, gnutls_record_encryption_level_t tls_level, const uint8_t *rx_secret,
			  const uint8_t *tx_secret, size_t len)
{
	ngtcp2_crypto_level level = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(tls_level);
	if (rx_secret != NULL &&
	    ngtcp2_crypto_derive_and_install_rx_key(conn, NULL, NULL, NULL, level, rx_secret, len) != 0)
		return -1;
	if (tx_secret != NULL &&
	    ngtcp2_crypto_derive_and_install_tx_key(conn, NULL, NULL, NULL, level, tx_secret, len) != 0)
		return -1;
	return 0;
}

static int on_secrets(gnutls_session_t session, gnutls_record_encryption_level_t level, const void *rx_secret,
		      const void *tx_secret, size_t len)
{
	ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
	ngtcp2_conn *conn = ref->get_conn(ref);
	struct schedule schedule;
	/* The keys of the level before brought the connection what find_schedule() asks it for. */
	if (level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION || !find_schedule(conn, &schedule))
		return install_theirs(conn, level, rx_secret, tx_secret, len);
	if (rx_secret != NULL && install(conn, &schedule, ngtcp2_conn_install_rx_key, rx_secret, len) != 0)
		return -1;
	if (tx_secret != NULL && install(conn, &schedule, ngtcp2_conn_install_tx_key, tx_secret, len) != 0)
		return -1;
	return 0;
}

void quic_protect_configure(gnutls_session_t session)
{
	gnutls_handshake_set_secret_function(session, on_secrets);
}

/* The next secret of one direction and what comes of it; the key of header protection stays (RFC 9001, 6.1). */
static int advance(const struct schedule *schedule, const uint8_t *current, uint8_t *next, size_t len,
		   ngtcp2_crypto_aead_ctx *ret, uint8_t *iv)
{
	int error = derive(schedule, current, len, "quic ku", next, len);
	return error == 0 ? make_aead(schedule, next, len, ret, iv) : error;
}

int quic_protect_update_key(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx,
			    uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx, uint8_t *tx_iv,
			    const uint8_t *current_rx_secret, const uint8_t *current_tx_secret, size_t len, void *user)
{
	struct schedule schedule;
	if (!find_schedule(conn, &schedule))
		return ngtcp2_crypto_update_key_cb(conn, rx_secret, tx_secret, rx, rx_iv, tx, tx_iv, current_rx_secret,
						   current_tx_secret, len, user);
	if (advance(&schedule, current_rx_secret, rx_secret, len, rx, rx_iv) != 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	if (advance(&schedule, current_tx_secret, tx_secret, len, tx, tx_iv) != 0) {
		quic_protect_delete_aead(conn, rx, user);
		rx->native_handle = NULL;
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}
