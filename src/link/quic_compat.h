// SPDX-License-Identifier: Apache-2.0
/* The ngtcp2 library, and what its releases name differently: the code around it uses the names of 1.x. Inside the
 * room. */
#ifndef MYCELIUM_LINK_QUIC_COMPAT_H
#define MYCELIUM_LINK_QUIC_COMPAT_H

#include <stdint.h>

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#if NGTCP2_VERSION_NUM < 0x010000
#define ngtcp2_ccerr ngtcp2_connection_close_error
#define ngtcp2_ccerr_set_application_error ngtcp2_connection_close_error_set_application_error
#define ngtcp2_ccerr_set_liberr ngtcp2_connection_close_error_set_transport_error_liberr
#define ngtcp2_ccerr_set_tls_alert ngtcp2_connection_close_error_set_transport_error_tls_alert
#define ngtcp2_conn_info ngtcp2_conn_stat
#define ngtcp2_conn_get_conn_info ngtcp2_conn_get_conn_stat
#endif

static inline void quic_settings_set_token(ngtcp2_settings *settings, const uint8_t *token, size_t len)
{
#if NGTCP2_VERSION_NUM < 0x010000
	settings->token = (ngtcp2_vec){(uint8_t *)(uintptr_t)token, len};
#else
	settings->token = token;
	settings->tokenlen = len;
	settings->token_type = NGTCP2_TOKEN_TYPE_RETRY;
#endif
}

static inline const uint8_t *quic_header_token(const ngtcp2_pkt_hd *header, size_t *ret_len)
{
#if NGTCP2_VERSION_NUM < 0x010000
	*ret_len = header->token.len;
	return header->token.base;
#else
	*ret_len = header->tokenlen;
	return header->token;
#endif
}

static inline void quic_params_set_original_dcid(ngtcp2_transport_params *params, const ngtcp2_cid *dcid)
{
	params->original_dcid = *dcid;
#if NGTCP2_VERSION_NUM >= 0x010000
	params->original_dcid_present = 1;
#endif
}

/* Bytes that pacing lets out in a time; 0 when the congestion control gives no rate. */
static inline uint64_t quic_paced_bytes(ngtcp2_conn *conn, ngtcp2_duration time)
{
	ngtcp2_conn_info info;
	ngtcp2_conn_get_conn_info(conn, &info);
#if NGTCP2_VERSION_NUM < 0x010000
	return (uint64_t)(info.pacing_rate * (double)time);
#else
	(void)time;
	return 0;
#endif
}

#endif
