// SPDX-License-Identifier: Apache-2.0
/* What ngtcp2 calls back while it reads or writes a packet. */
#include <errno.h>

#include "base/random.h"
#include "link/quic_internal.h"
#include "link/quic_protect.h"

enum {
	FIRST_STREAM = 0, /* the client opens it, nobody opens another */
	ID_ATTEMPTS = 16,
};

/* ---- connection ids ---------------------------------------------------------------------------------------------- */

void quic_draw_id(const struct quic *quic, uint8_t *id, size_t len)
{
	random_fill(id, len);
	unsigned rounds = 256 / quic->lanes;
	id[0] = (uint8_t)(id[0] % rounds * quic->lanes + quic->lane);
}

int quic_issue_id(struct quic_connection *connection, size_t len, ngtcp2_cid *ret)
{
	struct quic *quic = connection->quic;
	int error = -EEXIST;
	for (int i = 0; error == -EEXIST && i < ID_ATTEMPTS; i++) {
		quic_draw_id(quic, ret->data, len);
		ret->datalen = len;
		error = quic_ids_add(&quic->ids, QUIC_ID_CONNECTION, ret->data, len, connection, &connection->ids);
	}
	return error;
}

static int on_new_id(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
	struct quic_connection *connection = user;
	const uint8_t *secret = connection->quic->identity->reset_secret;
	(void)conn;
	if (quic_issue_id(connection, len, cid) != 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	return ngtcp2_crypto_generate_stateless_reset_token(token, secret, QUIC_SECRET_SIZE, cid) == 0
		       ? 0
		       : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_remove_id(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
	struct quic_connection *connection = user;
	(void)conn;
	quic_ids_remove(&connection->quic->ids, QUIC_ID_CONNECTION, cid->data, cid->datalen, &connection->ids);
	return 0;
}

/* A stateless reset comes with nothing that says whose it is but the token of an id that we use. */
static int on_peer_id(ngtcp2_conn *conn, int type, uint64_t seq, const ngtcp2_cid *cid, const uint8_t *token,
		      void *user)
{
	struct quic_connection *connection = user;
	struct quic_ids *ids = &connection->quic->ids;
	(void)conn, (void)seq, (void)cid;
	if (token == NULL)
		return 0;
	quic_ids_remove(ids, QUIC_ID_RESET_TOKEN, token, NGTCP2_STATELESS_RESET_TOKENLEN, &connection->ids);
	if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE)
		quic_ids_add(ids, QUIC_ID_RESET_TOKEN, token, NGTCP2_STATELESS_RESET_TOKENLEN, connection,
			     &connection->ids);
	return 0;
}

static int on_reset(ngtcp2_conn *conn, const ngtcp2_pkt_stateless_reset *reset, void *user)
{
	struct quic_connection *connection = user;
	(void)conn, (void)reset;
	connection->error = -ECONNRESET;
	return 0;
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

/* The stream is there: whoever decides may take the connection. */
static void offer(struct quic_connection *connection)
{
	if (connection->state != QUIC_HANDSHAKE)
		return;
	connection->state = QUIC_OFFERED;
	connection->limit_us = UINT64_MAX;
	connection->offered = true;
	if (!connection->server)
		connection->quic->sockets[connection->socket].dials--;
	quic_enlist(&connection->quic->events, &connection->event);
}

static int on_handshake_completed(ngtcp2_conn *conn, void *user)
{
	struct quic_connection *connection = user;
	int64_t stream;
	if (connection->server) {
		connection->confirmed = true;
		return 0;
	}
	if (ngtcp2_conn_open_bidi_stream(conn, &stream, NULL) != 0 || stream != FIRST_STREAM) {
		connection->error = -EPROTO;
		connection->text = "No stream granted";
		return 0;
	}
	offer(connection);
	return 0;
}

static int on_handshake_confirmed(ngtcp2_conn *conn, void *user)
{
	struct quic_connection *connection = user;
	(void)conn;
	connection->confirmed = true;
	return 0;
}

static int on_stream_open(ngtcp2_conn *conn, int64_t stream, void *user)
{
	struct quic_connection *connection = user;
	(void)conn;
	if (stream == FIRST_STREAM)
		offer(connection);
	else
		connection->refused_streams |= (uint8_t)(1u << (unsigned)(stream >> 2 & 7));
	return 0;
}

static int on_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset, const uint8_t *data,
			  size_t len, void *user, void *stream_user)
{
	struct quic_connection *connection = user;
	(void)offset, (void)stream_user;
	if (stream != FIRST_STREAM) {
		ngtcp2_conn_extend_max_offset(conn, len);
		return 0;
	}
	quic_input_stream(connection, data, len);
	if ((flags & NGTCP2_STREAM_DATA_FLAG_FIN) && connection->error == 0)
		connection->error = -ENODATA;
	return 0;
}

static int on_stream_reset(ngtcp2_conn *conn, int64_t stream, uint64_t size, uint64_t code, void *user,
			   void *stream_user)
{
	struct quic_connection *connection = user;
	(void)conn, (void)size, (void)code, (void)stream_user;
	if (stream == FIRST_STREAM && connection->error == 0)
		connection->error = -ENODATA;
	return 0;
}

static int on_acknowledged(ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t len, void *user,
			   void *stream_user)
{
	struct quic_connection *connection = user;
	(void)conn, (void)stream_user;
	if (stream == FIRST_STREAM)
		stream_out_acknowledge(&connection->stream, offset + len);
	return 0;
}

/* ---- datagrams, chance ------------------------------------------------------------------------------------------- */

static int on_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *data, size_t len, void *user)
{
	(void)conn, (void)flags;
	quic_input_datagram(user, data, len);
	return 0;
}

static int on_datagram_lost(ngtcp2_conn *conn, uint64_t id, void *user)
{
	struct quic_connection *connection = user;
	(void)conn, (void)id;
	connection->lost++;
	return 0;
}

static void on_random(uint8_t *to, size_t len, const ngtcp2_rand_ctx *context)
{
	(void)context;
	random_fill(to, len);
}

const ngtcp2_callbacks quic_callbacks = {
	.client_initial = ngtcp2_crypto_client_initial_cb,
	.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
	.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
	.recv_retry = ngtcp2_crypto_recv_retry_cb,
	.encrypt = quic_protect_encrypt,
	.decrypt = quic_protect_decrypt,
	.hp_mask = quic_protect_hp_mask,
	.update_key = quic_protect_update_key,
	.delete_crypto_aead_ctx = quic_protect_delete_aead,
	.delete_crypto_cipher_ctx = quic_protect_delete_cipher,
	.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
	.version_negotiation = ngtcp2_crypto_version_negotiation_cb,
	.rand = on_random,
	.handshake_completed = on_handshake_completed,
	.handshake_confirmed = on_handshake_confirmed,
	.get_new_connection_id = on_new_id,
	.remove_connection_id = on_remove_id,
	.dcid_status = on_peer_id,
	.recv_stateless_reset = on_reset,
	.stream_open = on_stream_open,
	.recv_stream_data = on_stream_data,
	.acked_stream_data_offset = on_acknowledged,
	.stream_reset = on_stream_reset,
	.recv_datagram = on_datagram,
	.lost_datagram = on_datagram_lost,
};
