// SPDX-License-Identifier: Apache-2.0
/* What the endpoints of a node present, and TLS for their connections; inside the room. */
#ifndef MYCELIUM_LINK_QUIC_IDENTITY_H
#define MYCELIUM_LINK_QUIC_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "link/quic.h"
#include "link/quic_compat.h"

enum { QUIC_SECRET_SIZE = 32 };

/* Nothing of it changes once it is made. */
struct quic_identity {
	gnutls_certificate_credentials_t server, client;
	gnutls_priority_t priority;
	uint8_t reset_secret[QUIC_SECRET_SIZE];
	uint8_t retry_secret[QUIC_SECRET_SIZE];
};

/* A TLS session for one connection, whose ngtcp2 connection `ref` finds. Returns 0 or a negative errno. */
int quic_tls_new(const struct quic_identity *identity, bool server, ngtcp2_crypto_conn_ref *ref, gnutls_session_t *ret);

#endif
