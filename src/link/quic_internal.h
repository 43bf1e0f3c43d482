// SPDX-License-Identifier: Apache-2.0
/*
 * Inside of the QUIC endpoint: who holds what, and which file does what with it; inside the room.
 *
 *   quic.c             the endpoint: events, rounds of reading, timers
 *   quic_accept.c      packets of strangers
 *   quic_connection.c  life of a connection
 *   quic_callbacks.c   what ngtcp2 calls back, connection ids
 *   quic_protect.c     keys of packets
 *   quic_input.c       received bytes become frames
 *   quic_send.c        frames become packets
 *   quic_link.c        the link of a connection
 *
 * ngtcp2 calls back while it reads or writes a packet, and must not be freed then: callbacks note what ended a
 * connection (`error`), and whoever called ngtcp2 looks afterwards (quic_connection_check()). Memory of a connection
 * without a link is freed at the end of a round (quic_flush()), so that no loop loses what it stands on.
 */
#ifndef MYCELIUM_LINK_QUIC_INTERNAL_H
#define MYCELIUM_LINK_QUIC_INTERNAL_H

#include "base/hash.h"
#include "base/list.h"
#include "base/timers.h"
#include "base/token_bucket.h"
#include "link/carry.h"
#include "link/link_internal.h"
#include "link/quic.h"
#include "link/quic_compat.h"
#include "link/quic_identity.h"
#include "link/quic_ids.h"
#include "link/quic_outbox.h"
#include "link/quic_udp.h"

enum {
	QUIC_ID_SIZE = 4,		/* of ours: each byte less is one more for what peers send us */
	QUIC_EARLY_BYTES_MAX = 65536,	/* of the stream before the connection is a link */
	QUIC_STREAM_WINDOW = 1 << 20,	/* bytes of the stream that a peer may send ahead of our reading */
	QUIC_STREAM_HELD_MAX = 4 << 20,	/* sent bytes of the stream that wait for an acknowledgement */
	QUIC_DATAGRAM_FRAME_MAX = 65535,
	QUIC_DATAGRAM_OVERHEAD = 3,	/* type and length in front of a frame */
	QUIC_IDLE_MS = 60000,
	QUIC_KEEP_ALIVE_MS = 20000,
	QUIC_STREAMS_MAX = 5,		/* that a client may open; we read one */
	QUIC_PEER_IDS_MAX = 7,		/* connection ids of the peer that we keep */
};

enum quic_state {
	QUIC_HANDSHAKE,		/* until the stream is there */
	QUIC_OFFERED,
	QUIC_ADOPTED,
	QUIC_ENDED,
};

/* Bytes of the stream that could not become frames yet. */
struct quic_backlog {
	uint8_t *bytes;
	size_t at, len, capacity;
};

struct quic_connection {
	struct link link;
	struct quic *quic;
	struct list node;		/* of the endpoint's connections, or of its dead */
	struct list stranger;		/* of the accepted ones that are not links yet, or of none */
	struct list dirty, waiting, event;	/* in lists of the endpoint, or in none */
	struct timer timer;
	enum quic_state state;
	bool server, confirmed;
	ngtcp2_conn *conn;
	gnutls_session_t tls;
	ngtcp2_crypto_conn_ref ref;
	struct quic_id *ids;
	unsigned socket;
	union udp_address remote;	/* as it was at first */
	uint64_t id, ticket;
	uint32_t peer;
	uint64_t limit_us;		/* for the stream to be there */
	uint8_t refused_streams;	/* a bit for each that is to be shut down */

	int error;			/* what ended it, 0 while nothing did */
	const char *text;
	bool offered, writable, ended;	/* events not told yet */
	bool is_link;			/* was adopted: its memory is the link's */

	struct carry carry;
	struct quic_backlog backlog;

	struct stream_out stream;
	struct datagrams_out datagrams;
	unsigned refusals;		/* of the first datagram, in a row */
	size_t written;			/* bytes that the link has not reported yet */
	bool blocked;			/* the link said so */
	bool in_flight;
	uint64_t in_flight_since_us, heard_us;
	size_t unpaced;			/* bytes sent without a pause, less what pacing lets through meanwhile, */
	uint64_t paced_us;		/* as of this time */
	uint64_t lost, dropped;
};

/* The vector that is being made. */
struct quic_output {
	uint8_t *buffer;
	size_t at;
	struct frame_vector *vector;
	size_t received;		/* bytes it is made of, without what was carried */
	struct quic_connection *owner;
};

struct quic_socket {
	int fd;
	bool blocked;
	unsigned gso_pause;		/* batches until the kernel is asked to split one again */
	bool watching;			/* for refusals of dials */
	unsigned dials;			/* handshakes under way that we began */
	struct udp_batch batch;
};

struct quic {
	const struct quic_identity *identity;
	struct quic_socket sockets[2];
	unsigned lane, lanes;
	uint64_t now_us;
	struct quic_ids ids;
	struct timers timers;		/* its unit here is the microsecond */
	struct list connections, dead, strangers;
	struct list dirty;		/* with something to send, or another deadline */
	struct list waiting;		/* links with a backlog */
	struct list events;
	uint64_t next_id;
	unsigned count, pending;	/* connections; accepted ones that are not links yet */
	struct token_bucket answers, accepts;
	struct udp_inbox inbox;
	unsigned inbox_socket;
	struct quic_output *output;	/* while frames are taken */
	struct quic_counters counters;
};

static inline ngtcp2_tstamp quic_timestamp(const struct quic *quic)
{
	return quic->now_us * NGTCP2_MICROSECONDS;
}

static inline ngtcp2_path quic_path(const struct udp_path *path)
{
	return (ngtcp2_path){
		.local = {(ngtcp2_sockaddr *)(uintptr_t)&path->local.any, udp_address_len(&path->local)},
		.remote = {(ngtcp2_sockaddr *)(uintptr_t)&path->remote.any, udp_address_len(&path->remote)},
	};
}

/* ---- quic.c ------------------------------------------------------------------------------------------------------ */

/* Takes one datagram as if a socket had received it. Frames go to the endpoint's output. */
void quic_take_datagram(struct quic *quic, unsigned socket, const struct udp_datagram *datagram);

/* Sets the timer of a connection to what ngtcp2 wants. */
void quic_arm(struct quic_connection *connection);

/* Puts a connection on a list of the endpoint, once. */
void quic_enlist(struct list *list, struct list *node);

/* ---- quic_accept.c ----------------------------------------------------------------------------------------------- */

/* A packet with a long header that belongs to no connection. */
void quic_accept(struct quic *quic, unsigned socket, const struct udp_datagram *datagram);

/* One with a short header. */
void quic_reset_stranger(struct quic *quic, unsigned socket, const struct udp_datagram *datagram);

void quic_answer_version(struct quic *quic, unsigned socket, const struct udp_datagram *datagram,
			 const ngtcp2_version_cid *ids);

/* ---- quic_connection.c ------------------------------------------------------------------------------------------- */

/* What a client's first packet says of the connection. `token` is that of a Retry, `original` what it had chosen
 * before. */
struct quic_initial {
	const ngtcp2_pkt_hd *header;
	const ngtcp2_cid *original;	/* NULL: no Retry */
};

/* A new connection, as a client or, with `initial`, as a server. Returns NULL without memory. */
struct quic_connection *quic_connection_new(struct quic *quic, unsigned socket, const struct udp_path *path,
					    const struct quic_initial *initial);

/* Feeds a datagram. */
void quic_connection_read(struct quic_connection *connection, const struct udp_datagram *datagram);

/* Ends a connection if a callback or `result`, of ngtcp2, says so. Returns whether it lives. */
bool quic_connection_check(struct quic_connection *connection, int result);

/* Ends a connection now. `closing` is told to the peer; NULL: nothing. Its memory stays until quic_flush() or
 * link_free(). */
void quic_connection_end(struct quic_connection *connection, int error, const char *text, const ngtcp2_ccerr *closing);

/* Ends it with application code 0. */
void quic_connection_close(struct quic_connection *connection, int error, const char *text);

/* Frees what is left of one that ended. */
void quic_connection_free(struct quic_connection *connection);

/* ---- quic_callbacks.c -------------------------------------------------------------------------------------------- */

extern const ngtcp2_callbacks quic_callbacks;

/* A connection id by chance, whose first byte leads packets to our lane. */
void quic_draw_id(const struct quic *quic, uint8_t *id, size_t len);

/* One that nobody has yet, for packets to a connection. Returns 0 or a negative errno. */
int quic_issue_id(struct quic_connection *connection, size_t len, ngtcp2_cid *ret);

/* ---- quic_input.c ------------------------------------------------------------------------------------------------ */

/* Bytes of the stream, one DATAGRAM: into the vector that is being made, or behind what waits already. */
void quic_input_stream(struct quic_connection *connection, const uint8_t *bytes, size_t len);
void quic_input_datagram(struct quic_connection *connection, const uint8_t *bytes, size_t len);

/* Moves what waits into the vector that is being made. */
void quic_input_backlog(struct quic_connection *connection);

/* Whether one more packet may bring its frames into the vector. */
bool quic_input_has_room(const struct quic_output *output);

void quic_input_clear(struct quic_connection *connection);

/* ---- quic_send.c ------------------------------------------------------------------------------------------------- */

/* The longest frame that fits into a datagram now; 0: none does. */
size_t quic_send_limit(const struct quic_connection *connection);

/* Bytes that leave at once; then pacing says when to go on. */
size_t quic_send_burst(const struct quic_connection *connection);

/* Sends what there is to send: of the stream, of `datagrams` (which may be the connection's own), of ngtcp2. The packets of an
 * established connection leave when their batch is full, or with quic_transmit(). */
void quic_send_packets(struct quic_connection *connection, struct datagrams_out *datagrams);

/* Sends the batch of a socket. Returns 0 or a negative errno; -EAGAIN: it is blocked. */
int quic_send_batch(struct quic *quic, unsigned socket);

/* Sends one packet outside of any connection, or none when the socket is blocked. */
void quic_send_answer(struct quic *quic, unsigned socket, const struct udp_path *path, uint8_t *packet, size_t len);

/* Writes CONNECTION_CLOSE. */
void quic_send_close(struct quic_connection *connection, const ngtcp2_ccerr *closing);

/* ---- quic_link.c ------------------------------------------------------------------------------------------------- */

extern const struct link_ops quic_link_ops;

/* Bytes that wait. */
size_t quic_link_unsent(const struct link *link);

#endif
