// SPDX-License-Identifier: Apache-2.0
#include "link/tls.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "link/tcp.h"
#include "link/tls_stream.h"
#include "wire/frame.h"

/*
 * The PSK hash is SHA-256, which leaves these two ciphers. X25519 first, for others begin with it; the only key exchange has
 * forward secrecy (psk_dhe_ke).
 */
#define PRIORITIES                                                                                                     \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305"                                    \
	":-KX-ALL:+ECDHE-PSK:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"

/* A peer that would choose ChaCha20 gets the cipher that machines are fast with. */
#define SERVER_PRIORITIES PRIORITIES ":%SERVER_PRECEDENCE"

enum {
	HANDSHAKE_MESSAGE_MAX = 16384,	/* what a stranger can make us keep */
	QUOTED_SIZE = 128,
};

/* ---- private network --------------------------------------------------------------------------------------------- */

struct tls_network {
	gnutls_psk_client_credentials_t client;
	gnutls_psk_server_credentials_t server;
	gnutls_priority_t client_priorities, server_priorities;
	size_t name_len;
	uint8_t name[TLS_NETWORK_NAME_MAX];
	uint8_t key[TLS_NETWORK_KEY_SIZE];
};

static int answer_identity(gnutls_session_t session, const gnutls_datum_t *identity, gnutls_datum_t *ret_key);

static bool init_client(struct tls_network *network)
{
	const gnutls_datum_t name = {network->name, (unsigned)network->name_len};
	const gnutls_datum_t key = {network->key, sizeof(network->key)};
	return gnutls_priority_init(&network->client_priorities, PRIORITIES, NULL) == 0 &&
	       gnutls_psk_allocate_client_credentials(&network->client) == 0 &&
	       gnutls_psk_set_client_credentials2(network->client, &name, &key, GNUTLS_PSK_KEY_RAW) == 0;
}

static bool init_server(struct tls_network *network)
{
	if (gnutls_priority_init(&network->server_priorities, SERVER_PRIORITIES, NULL) != 0 ||
	    gnutls_psk_allocate_server_credentials(&network->server) != 0)
		return false;
	gnutls_psk_set_server_credentials_function2(network->server, answer_identity);
	return true;
}

struct tls_network *tls_network_new(const char *name, const uint8_t key[static TLS_NETWORK_KEY_SIZE])
{
	assert(strlen(name) <= TLS_NETWORK_NAME_MAX);
	struct tls_network *network = calloc(1, sizeof(*network));
	if (network == NULL)
		return NULL;
	network->name_len = strlen(name);
	memcpy(network->name, name, network->name_len);
	memcpy(network->key, key, sizeof(network->key));
	if (init_client(network) && init_server(network))
		return network;
	tls_network_free(network);
	return NULL;
}

void tls_network_free(struct tls_network *network)
{
	if (network == NULL)
		return;
	if (network->client != NULL)
		gnutls_psk_free_client_credentials(network->client);
	if (network->server != NULL)
		gnutls_psk_free_server_credentials(network->server);
	gnutls_priority_deinit(network->client_priorities);
	gnutls_priority_deinit(network->server_priorities);
	secret_wipe(network->key, sizeof(network->key));
	free(network);
}

/* ---- handshake --------------------------------------------------------------------------------------------------- */

/* What a client named as its network. */
enum identity { IDENTITY_NONE, IDENTITY_OTHER, IDENTITY_OURS };

struct tls_handshake {
	const struct tls_network *network;
	struct tls_stream *stream;
	bool server;
	enum identity identity;
	const char *error_text;
	char quoted[QUOTED_SIZE];
};

/* Called by GnuTLS for the identity of a ClientHello. Names are no secret. A key that is returned is freed by GnuTLS. */
static int answer_identity(gnutls_session_t session, const gnutls_datum_t *identity, gnutls_datum_t *ret_key)
{
	struct tls_handshake *handshake = gnutls_session_get_ptr(session);
	const struct tls_network *network = handshake->network;
	handshake->identity = IDENTITY_OTHER;
	if (identity->size != network->name_len || memcmp(identity->data, network->name, network->name_len) != 0)
		return -1;
	handshake->identity = IDENTITY_OURS;
	ret_key->data = gnutls_malloc(sizeof(network->key));
	if (ret_key->data == NULL)
		return -1;
	memcpy(ret_key->data, network->key, sizeof(network->key));
	ret_key->size = sizeof(network->key);
	return 0;
}

static bool init_session(struct tls_handshake *handshake)
{
	const struct tls_network *network = handshake->network;
	gnutls_session_t session = handshake->stream->session;
	void *credentials = handshake->server ? (void *)network->server : (void *)network->client;
	gnutls_session_set_ptr(session, handshake);
	gnutls_handshake_set_max_packet_length(session, HANDSHAKE_MESSAGE_MAX);
	return gnutls_priority_set(session, handshake->server ? network->server_priorities
							      : network->client_priorities) == 0 &&
	       gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials) == 0;
}

struct tls_handshake *tls_handshake_new(const struct tls_network *network, int fd, bool server)
{
	tcp_tune(fd);
	struct tls_stream *stream = tls_stream_new(fd, server);
	struct tls_handshake *handshake = calloc(1, sizeof(*handshake));
	if (stream == NULL || handshake == NULL) {
		tls_stream_free(stream);
		free(handshake);
		return NULL;
	}
	*handshake = (struct tls_handshake){.network = network, .stream = stream, .server = server};
	if (init_session(handshake))
		return handshake;
	tls_handshake_free(handshake);
	return NULL;
}

/* ---- why it failed ----------------------------------------------------------------------------------------------- */

/* A way to fail: what is returned, what people are told, what the far end is told (an alert, or one of these). */
struct failure {
	int error;
	const char *text;
	int alert;
};

enum { ALERT_NONE = -1, ALERT_OF_GNUTLS = -2 };

static const struct failure other_key = {-EKEYREJECTED, "its network key differs", GNUTLS_A_ILLEGAL_PARAMETER};
static const struct failure other_name = {-ENOKEY, "its network name differs", GNUTLS_A_HANDSHAKE_FAILURE};
static const struct failure no_name = {-ENOKEY, "it names no private network", GNUTLS_A_HANDSHAKE_FAILURE};
static const struct failure no_proof = {-EACCES, "it does not prove that it knows the network key",
					GNUTLS_A_HANDSHAKE_FAILURE};
static const struct failure no_tls13 = {-EPROTONOSUPPORT, "it does not speak TLS 1.3", GNUTLS_A_PROTOCOL_VERSION};
static const struct failure no_common = {-EPROTO, "it has no cipher or key exchange in common with us",
					 GNUTLS_A_HANDSHAKE_FAILURE};
static const struct failure public_node = {-EPROTO, "it is a node of the public network", ALERT_NONE};
static const struct failure no_tls = {-EPROTO, "it does not speak TLS", ALERT_NONE};
static const struct failure no_answer = {
	-ENODATA, "it closed the connection without an answer, as nodes of the public network do", ALERT_NONE};
static const struct failure closed = {-ENODATA, "it closed the connection during the handshake", ALERT_NONE};

/* A way to fail in the words of a library, behind some of our own. */
static struct failure quote(struct tls_handshake *handshake, int error, int alert, const char *own, const char *words)
{
	snprintf(handshake->quoted, sizeof(handshake->quoted), "%s%s", own, words);
	return (struct failure){error, handshake->quoted, alert};
}

/* What the far end has told us needs no alert. */
static struct failure said(struct failure failure)
{
	failure.alert = ALERT_NONE;
	return failure;
}

/* What the far end says of our part: of name and key only servers judge. */
static struct failure alert_received(struct tls_handshake *handshake)
{
	gnutls_alert_description_t alert = gnutls_alert_get(handshake->stream->session);
	if (!handshake->server) {
		if (alert == GNUTLS_A_ILLEGAL_PARAMETER || alert == GNUTLS_A_DECRYPT_ERROR)
			return said(other_key);
		if (alert == GNUTLS_A_HANDSHAKE_FAILURE || alert == GNUTLS_A_UNKNOWN_PSK_IDENTITY)
			return said(other_name);
	}
	if (alert == GNUTLS_A_PROTOCOL_VERSION)
		return said(no_tls13);
	const char *name = gnutls_alert_get_name(alert);
	return quote(handshake, -ECONNABORTED, ALERT_NONE, "it gave up: ", name != NULL ? name : "unknown TLS alert");
}

/* Whether the peer's first bytes are those of a TLS record; all of them came when GnuTLS has looked at a record. */
static bool speaks_tls(const struct tls_pipe *pipe)
{
	enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
	return pipe->first_len == 0 || pipe->first[0] == RECORD_ALERT || pipe->first[0] == RECORD_HANDSHAKE;
}

/* Whether they are those of a frame. */
static bool speaks_frames(const struct tls_pipe *pipe)
{
	struct reader r = reader_init(pipe->first, pipe->first_len);
	uint8_t version = read_u8(&r), type = read_u8(&r);
	return version == FRAME_VERSION && type <= FRAME_CONTROL && read_u16(&r) == 0 && !r.failed;
}

/* How the far end fails us as a TLS peer. */
static struct failure fault_of(struct tls_handshake *handshake, int got)
{
	switch (got) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
	case GNUTLS_E_WARNING_ALERT_RECEIVED:
		return alert_received(handshake);
	case GNUTLS_E_MEMORY_ERROR:
		return quote(handshake, -ENOMEM, ALERT_OF_GNUTLS, "", strerror(ENOMEM));
	case GNUTLS_E_INSUFFICIENT_CREDENTIALS: /* for the certificate that it wants, or has */
		return handshake->server ? no_name : no_proof;
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return no_tls13;
	case GNUTLS_E_NO_CIPHER_SUITES:
		return gnutls_protocol_get_version(handshake->stream->session) == GNUTLS_TLS1_3 ? no_common : no_tls13;
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
		return no_common;
	case GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER: /* the binder, where a key was looked up for it */
		if (handshake->identity == IDENTITY_OURS)
			return other_key;
		break;
	default:
		break;
	}
	return quote(handshake, -EPROTO, ALERT_OF_GNUTLS, "it does not keep to TLS: ", gnutls_strerror(got));
}

static struct failure explain(struct tls_handshake *handshake, int got)
{
	const struct tls_pipe *pipe = &handshake->stream->pipe;
	if (!speaks_tls(pipe))
		return speaks_frames(pipe) ? public_node : no_tls;
	if (pipe->error != 0)
		return quote(handshake, pipe->error, ALERT_NONE, "", strerror(-pipe->error));
	if (pipe->ended)
		return pipe->first_len == 0 && !handshake->server ? no_answer : closed;
	if (handshake->identity == IDENTITY_OTHER)
		return other_name;
	return fault_of(handshake, got);
}

/* Keeps why it failed and tells the far end; returns the error. */
static int give_up(struct tls_handshake *handshake, struct failure failure, int got)
{
	gnutls_session_t session = handshake->stream->session;
	if (failure.alert == ALERT_OF_GNUTLS)
		gnutls_alert_send_appropriate(session, got);
	else if (failure.alert != ALERT_NONE)
		gnutls_alert_send(session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)failure.alert);
	handshake->error_text = failure.text;
	return failure.error;
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

int tls_handshake_step(struct tls_handshake *handshake)
{
	struct tls_stream *stream = handshake->stream;
	int got = tls_pipe_flush(&stream->pipe);
	if (got == -EAGAIN)
		return -EAGAIN;
	if (!stream->established) {
		got = gnutls_handshake(stream->session);
		if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
			return -EAGAIN;
		if (got < 0)
			return give_up(handshake, explain(handshake, got), got);
		if (gnutls_auth_get_type(stream->session) != GNUTLS_CRD_PSK)
			return give_up(handshake, no_proof, 0);
		stream->established = true;
	}
	got = tls_pipe_flush(&stream->pipe);
	return got == 0 || got == -EAGAIN ? got : give_up(handshake, explain(handshake, 0), 0);
}

enum tls_wants tls_handshake_wants(const struct tls_handshake *handshake)
{
	return tls_pipe_blocked(&handshake->stream->pipe) ? TLS_WANTS_WRITABLE : TLS_WANTS_READABLE;
}

int tls_handshake_fd(const struct tls_handshake *handshake)
{
	return handshake->stream->pipe.fd;
}

const char *tls_handshake_error_text(const struct tls_handshake *handshake)
{
	return handshake->error_text;
}

struct link *tls_link_new(struct tls_handshake *handshake)
{
	struct tls_stream *stream = handshake->stream;
	char name[LINK_NAME_SIZE];
	struct link *link = NULL;
	if (tcp_name(stream->pipe.fd, "TLS", name) == 0)
		link = stream_link_new(&tls_stream_ops, stream, stream->pipe.fd, name);
	if (link != NULL) {
		/* The link has done with the network. */
		gnutls_session_set_ptr(stream->session, NULL);
		gnutls_credentials_clear(stream->session);
		handshake->stream = NULL;
	}
	tls_handshake_free(handshake);
	return link;
}

void tls_handshake_free(struct tls_handshake *handshake)
{
	if (handshake == NULL)
		return;
	tls_stream_free(handshake->stream);
	free(handshake);
}
