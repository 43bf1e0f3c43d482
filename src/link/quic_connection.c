// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "link/quic_internal.h"

enum {
	INITIAL_ID_SIZE = 18, /* a client's choice for the server, which puts its own in its place at once */
	/* What fits a common path, headers of IP and UDP taken off, and the least that QUIC needs. */
	PAYLOAD_MAX_IPV4 = 1472,
	PAYLOAD_MAX_IPV6 = 1452,
	HEADERS_IPV4 = 28,
	HEADERS_IPV6 = 48,
	PAYLOAD_MIN = 1200,
};

static const ngtcp2_cc_algo congestion_control = NGTCP2_CC_ALGO_BBR2;

/* ---- beginning --------------------------------------------------------------------------------------------------- */

/* What we let the peer send in one packet: what the way there takes, so that it need not find out by losing packets. */
static uint64_t payload_max(const union udp_address *remote)
{
	bool ipv4 = remote->any.sa_family == AF_INET;
	unsigned mtu = udp_route_mtu(remote), headers = ipv4 ? HEADERS_IPV4 : HEADERS_IPV6;
	unsigned most = ipv4 ? PAYLOAD_MAX_IPV4 : PAYLOAD_MAX_IPV6;
	if (mtu == 0 || mtu > most + headers)
		return most;
	return mtu < PAYLOAD_MIN + headers ? PAYLOAD_MIN : mtu - headers;
}

static void fill_settings(const struct quic *quic, ngtcp2_settings *settings)
{
	ngtcp2_settings_default(settings);
	settings->initial_ts = quic_timestamp(quic);
	settings->cc_algo = congestion_control;
	settings->handshake_timeout = QUIC_HANDSHAKE_MS * NGTCP2_MILLISECONDS;
}

static void fill_params(const union udp_address *remote, ngtcp2_transport_params *params)
{
	ngtcp2_transport_params_default(params);
	params->initial_max_data = QUIC_STREAM_WINDOW;
	params->initial_max_stream_data_bidi_local = QUIC_STREAM_WINDOW;
	params->initial_max_stream_data_bidi_remote = QUIC_STREAM_WINDOW;
	params->max_idle_timeout = QUIC_IDLE_MS * NGTCP2_MILLISECONDS;
	params->max_udp_payload_size = payload_max(remote);
	params->active_connection_id_limit = QUIC_PEER_IDS_MAX;
	params->max_datagram_frame_size = QUIC_DATAGRAM_FRAME_MAX;
}

static int start_client(struct quic_connection *connection, const ngtcp2_path *path)
{
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	ngtcp2_cid own, server = {.datalen = INITIAL_ID_SIZE};
	random_fill(server.data, INITIAL_ID_SIZE);
	fill_settings(connection->quic, &settings);
	fill_params(&connection->remote, &params);
	if (quic_issue_id(connection, QUIC_ID_SIZE, &own) != 0 ||
	    ngtcp2_conn_client_new(&connection->conn, &server, &own, path, NGTCP2_PROTO_VER_V1, &quic_callbacks,
				   &settings, &params, NULL, connection) != 0)
		return -ENOMEM;
	return 0;
}

/* The stateless reset token of the id that the client knows first. */
static int add_reset_token(const struct quic *quic, const ngtcp2_cid *own, ngtcp2_transport_params *params)
{
	params->stateless_reset_token_present = 1;
	return ngtcp2_crypto_generate_stateless_reset_token(params->stateless_reset_token, quic->identity->reset_secret,
							    QUIC_SECRET_SIZE, own);
}

static int start_server(struct quic_connection *connection, const ngtcp2_path *path, const struct quic_initial *initial)
{
	const ngtcp2_pkt_hd *header = initial->header;
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	ngtcp2_cid own;
	fill_settings(connection->quic, &settings);
	fill_params(&connection->remote, &params);
	params.initial_max_streams_bidi = QUIC_STREAMS_MAX;
	quic_params_set_original_dcid(&params, initial->original != NULL ? initial->original : &header->dcid);
	if (initial->original != NULL) {
		size_t len;
		const uint8_t *token = quic_header_token(header, &len);
		quic_settings_set_token(&settings, token, len);
		params.retry_scid = header->dcid;
		params.retry_scid_present = 1;
	}
	if (quic_ids_add(&connection->quic->ids, QUIC_ID_CONNECTION, header->dcid.data, header->dcid.datalen,
			 connection, &connection->ids) != 0 ||
	    quic_issue_id(connection, QUIC_ID_SIZE, &own) != 0 ||
	    add_reset_token(connection->quic, &own, &params) != 0 ||
	    ngtcp2_conn_server_new(&connection->conn, &header->scid, &own, path, header->version, &quic_callbacks,
				   &settings, &params, NULL, connection) != 0)
		return -ENOMEM;
	return 0;
}

static ngtcp2_conn *conn_of_ref(ngtcp2_crypto_conn_ref *ref)
{
	return ((struct quic_connection *)ref->user_data)->conn;
}

/* "QUIC -> [::ffff:192.0.2.1]:9651": as one socket for both families would show it. */
static void name_link(struct quic_connection *connection)
{
	struct sockaddr_storage shown = {0};
	char text[SOCKET_ADDRESS_TEXT_SIZE];
	struct sockaddr_in6 mapped = connection->remote.in6;
	if (connection->remote.any.sa_family == AF_INET) {
		mapped = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = connection->remote.in.sin_port};
		mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&mapped.sin6_addr.s6_addr[12], &connection->remote.in.sin_addr, 4);
	}
	memcpy(&shown, &mapped, sizeof(mapped));
	socket_address_text(&shown, text, sizeof(text));
	snprintf(connection->link.name, sizeof(connection->link.name), "QUIC -> %s", text);
}

static struct quic_connection *allocate(struct quic *quic, unsigned socket, const struct udp_path *path, bool server)
{
	struct quic_connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL)
		return NULL;
	connection->link = (struct link){.ops = &quic_link_ops, .fd = -1};
	connection->quic = quic;
	connection->server = server;
	connection->socket = socket;
	connection->remote = path->remote;
	connection->id = ++quic->next_id;
	connection->limit_us = quic->now_us + QUIC_HANDSHAKE_MS * 1000;
	connection->heard_us = quic->now_us;
	connection->ref = (ngtcp2_crypto_conn_ref){conn_of_ref, connection};
	list_init(&connection->dirty);
	list_init(&connection->waiting);
	list_init(&connection->event);
	name_link(connection);
	list_append(&quic->connections, &connection->node);
	list_init(&connection->stranger);
	if (server)
		list_append(&quic->strangers, &connection->stranger);
	quic->count++;
	quic->pending += server;
	quic->sockets[socket].dials += !server;
	return connection;
}

struct quic_connection *quic_connection_new(struct quic *quic, unsigned socket, const struct udp_path *path,
					    const struct quic_initial *initial)
{
	struct quic_connection *connection = allocate(quic, socket, path, initial != NULL);
	if (connection == NULL)
		return NULL;
	const ngtcp2_path where = quic_path(path);
	int error = initial != NULL ? start_server(connection, &where, initial) : start_client(connection, &where);
	if (error == 0)
		error = quic_tls_new(quic->identity, connection->server, &connection->ref, &connection->tls);
	if (error == 0)
		error = timers_arm(&quic->timers, &connection->timer, connection->limit_us);
	if (error != 0) {
		quic_connection_end(connection, 0, NULL, NULL);
		return NULL;
	}
	ngtcp2_conn_set_tls_native_handle(connection->conn, connection->tls);
	ngtcp2_conn_set_keep_alive_timeout(connection->conn, QUIC_KEEP_ALIVE_MS * NGTCP2_MILLISECONDS);
	quic_enlist(&quic->dirty, &connection->dirty);
	return connection;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void refuse_streams(struct quic_connection *connection)
{
	for (unsigned i = 1; connection->refused_streams != 0 && i < 8; i++)
		if (connection->refused_streams & 1u << i)
			ngtcp2_conn_shutdown_stream(connection->conn, (int64_t)i << 2, 0);
	connection->refused_streams = 0;
}

void quic_connection_read(struct quic_connection *connection, const struct udp_datagram *datagram)
{
	struct quic *quic = connection->quic;
	struct udp_path path = *datagram->path;
	/* A client has one address of its own as far as ngtcp2 knows: which one it is, is the kernel's choice. */
	if (!connection->server)
		path.local = udp_any_address(path.remote.any.sa_family);
	const ngtcp2_path where = quic_path(&path);
	const ngtcp2_pkt_info info = {.ecn = datagram->ecn};
	connection->heard_us = quic->now_us;
	int result = ngtcp2_conn_read_pkt(connection->conn, &where, &info, datagram->bytes, datagram->len,
					  quic_timestamp(quic));
	if (!quic_connection_check(connection, result))
		return;
	refuse_streams(connection);
	quic_enlist(&quic->dirty, &connection->dirty);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

struct ending {
	int result; /* of ngtcp2 */
	int error;
	bool silent; /* the peer knows, or is gone */
};

static const struct ending endings[] = {
	{NGTCP2_ERR_DRAINING, -ENODATA, true},
	{NGTCP2_ERR_CLOSING, -ENODATA, true},
	{NGTCP2_ERR_IDLE_CLOSE, -ETIMEDOUT, true},
	{NGTCP2_ERR_HANDSHAKE_TIMEOUT, -ETIMEDOUT, false},
	{NGTCP2_ERR_DROP_CONN, -ECONNABORTED, true},
	{NGTCP2_ERR_RETRY, -ECONNABORTED, true},
	{NGTCP2_ERR_RECV_VERSION_NEGOTIATION, -EPROTONOSUPPORT, true},
	{NGTCP2_ERR_NOMEM, -ENOMEM, false},
};

static struct ending ending_of(int result)
{
	for (unsigned i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (endings[i].result == result)
			return endings[i];
	return (struct ending){result, -EPROTO, false};
}

/* The peer broke the rules, or TLS failed: it is told which. */
static void end_by_result(struct quic_connection *connection, int result)
{
	struct ending ending = ending_of(result);
	ngtcp2_ccerr closing;
	if (result == NGTCP2_ERR_CRYPTO)
		ngtcp2_ccerr_set_tls_alert(&closing, ngtcp2_conn_get_tls_alert(connection->conn), NULL, 0);
	else
		ngtcp2_ccerr_set_liberr(&closing, result, NULL, 0);
	int error = connection->error != 0 ? connection->error : ending.error;
	const char *text = ending.error == -EPROTO ? ngtcp2_strerror(result) : NULL;
	/* A fatal error may have left a packet half written, and nothing can be written then. */
	bool silent = ending.silent || ngtcp2_err_is_fatal(result);
	quic_connection_end(connection, error, text, silent ? NULL : &closing);
}

bool quic_connection_check(struct quic_connection *connection, int result)
{
	if (connection->state == QUIC_ENDED)
		return false;
	if (result != 0)
		end_by_result(connection, result);
	else if (connection->error != 0)
		quic_connection_close(connection, connection->error, connection->text);
	else
		return true;
	return false;
}

void quic_connection_close(struct quic_connection *connection, int error, const char *text)
{
	ngtcp2_ccerr closing;
	ngtcp2_ccerr_set_application_error(&closing, 0, NULL, 0);
	quic_connection_end(connection, error, text, &closing);
}

static void release(struct quic_connection *connection)
{
	struct quic *quic = connection->quic;
	quic_ids_remove_all(&quic->ids, &connection->ids);
	timers_disarm(&quic->timers, &connection->timer);
	list_remove(&connection->dirty);
	list_remove(&connection->waiting);
	ngtcp2_conn_del(connection->conn);
	connection->conn = NULL;
	if (connection->tls != NULL)
		gnutls_deinit(connection->tls);
	connection->tls = NULL;
	quic_input_clear(connection);
	stream_out_clear(&connection->stream);
	datagrams_out_clear(&connection->datagrams);
}

/* What the caller is told: of an adopted one always, of a dialled one unless it was told of its success. */
static bool must_tell(const struct quic_connection *connection)
{
	if (connection->state == QUIC_ADOPTED)
		return true;
	return connection->ticket != 0 && (connection->state == QUIC_HANDSHAKE || connection->offered);
}

void quic_connection_end(struct quic_connection *connection, int error, const char *text, const ngtcp2_ccerr *closing)
{
	struct quic *quic = connection->quic;
	if (connection->state == QUIC_ENDED)
		return;
	if (closing != NULL && connection->conn != NULL)
		quic_send_close(connection, closing);
	release(connection);
	connection->ended = must_tell(connection);
	connection->error = error;
	connection->text = text;
	connection->offered = connection->writable = false;
	list_remove(&connection->event);
	list_remove(&connection->stranger);
	if (connection->ended)
		quic_enlist(&quic->events, &connection->event);
	quic->count--;
	if (connection->server && connection->state != QUIC_ADOPTED)
		quic->pending--;
	if (!connection->server && connection->state == QUIC_HANDSHAKE)
		quic->sockets[connection->socket].dials--;
	bool link = connection->state == QUIC_ADOPTED;
	connection->state = QUIC_ENDED;
	list_remove(&connection->node);
	if (!link && !connection->ended)
		list_append(&quic->dead, &connection->node);
	else
		list_append(&quic->connections, &connection->node);
}

void quic_connection_free(struct quic_connection *connection)
{
	list_remove(&connection->node);
	list_remove(&connection->event);
	free(connection);
}
