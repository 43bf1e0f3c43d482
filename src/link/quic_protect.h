// SPDX-License-Identifier: Apache-2.0
/*
 * Protection of packets (RFC 9001, 5 and 6); inside the room.
 *
 * The helper library of ngtcp2 does it with GnuTLS, and keeps doing so for Initial and Handshake packets. The keys of
 * 1-RTT packets, which are nearly all, belong to the faster AES of crypto/aead_aes.h when the machine has it and AES-GCM
 * was negotiated. Both kinds live in one connection: a handle of ours is an odd address, as no object of GnuTLS has.
 */
#ifndef MYCELIUM_LINK_QUIC_PROTECT_H
#define MYCELIUM_LINK_QUIC_PROTECT_H

#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "link/quic_compat.h"

/* Lets a session that ngtcp2_crypto_gnutls_configure_..._session() prepared give its secrets to us. */
void quic_protect_configure(gnutls_session_t session);

/* Contexts of ours from an AES key of 16 or 32 bytes; aes_backend() must be there. Return 0 or -ENOMEM. */
int quic_protect_new_aead(const uint8_t *key, size_t size, ngtcp2_crypto_aead_ctx *ret);
int quic_protect_new_cipher(const uint8_t *key, size_t size, ngtcp2_crypto_cipher_ctx *ret);

/* Callbacks of ngtcp2, for contexts of both kinds. A packet that is not genuine leaves nothing in `dest` when the
 * context is ours. */
int quic_protect_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
			 const uint8_t *plaintext, size_t len, const uint8_t *nonce, size_t nonce_len,
			 const uint8_t *associated, size_t associated_len);
int quic_protect_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
			 const uint8_t *ciphertext, size_t len, const uint8_t *nonce, size_t nonce_len,
			 const uint8_t *associated, size_t associated_len);
int quic_protect_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *cipher, const ngtcp2_crypto_cipher_ctx *context,
			 const uint8_t *sample);
int quic_protect_update_key(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx,
			    uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx, uint8_t *tx_iv,
			    const uint8_t *current_rx_secret, const uint8_t *current_tx_secret, size_t len, void *user);

/* Wipe and free a context of either kind. */
void quic_protect_delete_aead(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *context, void *user);
void quic_protect_delete_cipher(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *context, void *user);

#endif
