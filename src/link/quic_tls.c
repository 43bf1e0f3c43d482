// SPDX-License-Identifier: Apache-2.0
/*
 * TLS 1.3 of a connection. Peers are not authenticated here: whom a node talks to is settled end to end, by the overlay
 * addresses of packets. So nobody checks certificates, and no ALPN is ever offered or chosen: the other implementation
 * refuses any.
 */
#include <errno.h>
#include <string.h>

#include "link/quic_identity.h"
#include "link/quic_protect.h"

static const char server_name[] = "dummy.mycelium";

static int configure_server(const struct quic_identity *identity, gnutls_session_t session)
{
	if (ngtcp2_crypto_gnutls_configure_server_session(session) != 0)
		return -1;
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->server);
}

static int configure_client(const struct quic_identity *identity, gnutls_session_t session)
{
	if (ngtcp2_crypto_gnutls_configure_client_session(session) != 0 ||
	    gnutls_server_name_set(session, GNUTLS_NAME_DNS, server_name, strlen(server_name)) != 0)
		return -1;
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->client);
}

int quic_tls_new(const struct quic_identity *identity, bool server, ngtcp2_crypto_conn_ref *ref, gnutls_session_t *ret)
{
	gnutls_session_t session;
	if (gnutls_init(&session, (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS) != 0)
		return -ENOMEM;
	gnutls_session_set_ptr(session, ref);
	int error = gnutls_priority_set(session, identity->priority);
	if (error == 0)
		error = server ? configure_server(identity, session) : configure_client(identity, session);
	if (error != 0) {
		gnutls_deinit(session);
		return -ENOMEM;
	}
	quic_protect_configure(session);
	*ret = session;
	return 0;
}
