// SPDX-License-Identifier: Apache-2.0
#include "link/quic_identity.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "base/random.h"

enum { SERIAL_SIZE = 16 };

static const char subject[] = "CN=mycelium";
static const time_t valid_from = 0;           /* no clock of a peer is asked */
static const time_t valid_until = 4102444800; /* 2100-01-01 */

static int make_key(gnutls_x509_privkey_t *ret)
{
	gnutls_x509_privkey_t key;
	if (gnutls_x509_privkey_init(&key) != 0)
		return -1;
	if (gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) !=
	    0) {
		gnutls_x509_privkey_deinit(key);
		return -1;
	}
	*ret = key;
	return 0;
}

/* Version 3 and no critical extension, as peers refuse others; nothing in it tells one node from another. */
static int fill_certificate(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
	uint8_t serial[SERIAL_SIZE];
	random_fill(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x7f) | 0x40;
	if (gnutls_x509_crt_set_version(certificate, 3) != 0 ||
	    gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial)) != 0 ||
	    gnutls_x509_crt_set_dn(certificate, subject, NULL) != 0 ||
	    gnutls_x509_crt_set_activation_time(certificate, valid_from) != 0 ||
	    gnutls_x509_crt_set_expiration_time(certificate, valid_until) != 0 ||
	    gnutls_x509_crt_set_key(certificate, key) != 0)
		return -1;
	return gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
}

static int certify(gnutls_certificate_credentials_t credentials, gnutls_x509_privkey_t key)
{
	gnutls_x509_crt_t certificate;
	if (gnutls_x509_crt_init(&certificate) != 0)
		return -1;
	int error = fill_certificate(certificate, key);
	if (error == 0)
		error = gnutls_certificate_set_x509_key(credentials, &certificate, 1, key);
	gnutls_x509_crt_deinit(certificate);
	return error;
}

static int make_credentials(struct quic_identity *identity)
{
	gnutls_x509_privkey_t key;
	if (gnutls_certificate_allocate_credentials(&identity->server) != 0 ||
	    gnutls_certificate_allocate_credentials(&identity->client) != 0 || make_key(&key) != 0)
		return -1;
	int error = certify(identity->server, key);
	gnutls_x509_privkey_deinit(key);
	return error;
}

/* HKDF-SHA256 with a label for each use. */
static int derive(const gnutls_datum_t *extracted, const char *label, uint8_t ret[static QUIC_SECRET_SIZE])
{
	const gnutls_datum_t info = {(unsigned char *)(uintptr_t)label, (unsigned)strlen(label)};
	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, extracted, &info, ret, QUIC_SECRET_SIZE);
}

static int derive_secrets(struct quic_identity *identity, const struct secret_key *secret)
{
	uint8_t extracted[QUIC_SECRET_SIZE];
	static const char salt_text[] = "mycelium quic";
	const gnutls_datum_t key = {(unsigned char *)(uintptr_t)secret->bytes, sizeof(secret->bytes)};
	const gnutls_datum_t salt = {(unsigned char *)(uintptr_t)salt_text, sizeof(salt_text) - 1};
	const gnutls_datum_t root = {extracted, sizeof(extracted)};
	int error = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &key, &salt, extracted);
	if (error == 0)
		error = derive(&root, "stateless reset", identity->reset_secret);
	if (error == 0)
		error = derive(&root, "retry token", identity->retry_secret);
	secret_wipe(extracted, sizeof(extracted));
	return error;
}

struct quic_identity *quic_identity_new(const struct secret_key *secret)
{
	/* The group list saves peers a HelloRetryRequest; the compatibility mode is forbidden (RFC 9001, 8.4). */
	static const char priority[] =
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM"
		":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%DISABLE_TLS13_COMPAT_MODE";
	struct quic_identity *identity = calloc(1, sizeof(*identity));
	if (identity == NULL)
		return NULL;
	if (gnutls_priority_init(&identity->priority, priority, NULL) != 0 || make_credentials(identity) != 0 ||
	    derive_secrets(identity, secret) != 0) {
		quic_identity_free(identity);
		return NULL;
	}
	return identity;
}

void quic_identity_free(struct quic_identity *identity)
{
	if (identity == NULL)
		return;
	if (identity->server != NULL)
		gnutls_certificate_free_credentials(identity->server);
	if (identity->client != NULL)
		gnutls_certificate_free_credentials(identity->client);
	if (identity->priority != NULL)
		gnutls_priority_deinit(identity->priority);
	secret_wipe(identity, sizeof(*identity));
	free(identity);
}
