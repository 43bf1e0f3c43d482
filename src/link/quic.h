// SPDX-License-Identifier: Apache-2.0
/*
 * QUIC: all links of one lane over the UDP sockets of one endpoint (RFC 9000, RFC 9221, docs/protocol/transports.md).
 *
 *                  ┌ connection ─ link ┐
 *   sockets ─ CID ─┼ connection ─ link ┼─▶ frames, events
 *                  └ connection        ┘
 *
 * A connection is dialled or accepted here, offered to whoever decides (QUIC_CONNECTED), and adopted or refused; from then
 * on it is a link like others. Control frames and frames too large for a datagram go over the connection's one stream, all
 * other data frames go one to a DATAGRAM.
 *
 * The lane polls the descriptors, calls in, and sets a timer: there is no loop here. Each lane has sockets of its own on the
 * same port; the kernel gives a packet to the lane whose index is the first byte of its connection id modulo their number.
 *
 *   readable, or in error:  quic_receive() ─▶ quic_next_frames() until 0
 *   deadline:               quic_expire() ─▶ quic_next_frames() until 0
 *   end of each round:      quic_flush() ─▶ quic_next_event() until false ─▶ quic_transmit()
 *
 * One thread, except where it says otherwise.
 */
#ifndef MYCELIUM_LINK_QUIC_H
#define MYCELIUM_LINK_QUIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "crypto/keys.h"
#include "link/link.h"
#include "link/socket.h"

enum {
	QUIC_READ_SIZE = 131072,		/* bytes taken from a socket at once */
	QUIC_BUFFER_SIZE = QUIC_READ_SIZE + 2 * FRAME_SIZE_MAX,	/* for the frames of one read */
	QUIC_VECTOR_BYTES = 32768,		/* received bytes that make one vector, and one frame completed by them */
	QUIC_CONNECTIONS_MAX = 4096,		/* of one lane, in any state */
	QUIC_PENDING_MAX = 256,			/* accepted ones that are not links yet */
	QUIC_PENDING_PER_PREFIX_MAX = 32,	/* of them from one IPv4 address or IPv6 /64 */
	QUIC_RETRY_ABOVE = 64,			/* with so many pending, a client must prove its address first (Retry) */
	QUIC_HANDSHAKE_MS = 10000,		/* until the stream is there */
	QUIC_STREAM_UNSENT_MAX = 262144,	/* bytes of frames that wait for the stream; data frames beyond are dropped */
};

/* The sockets of one lane; -1 where the machine lacks the family. */
struct quic_sockets {
	int fd[2];	/* IPv4, IPv6 */
};

/* Opens the sockets of `lanes` lanes on one port of both families; port 0 takes one that is free in both. Returns 0, or a
 * negative errno with nothing open. Where the kernel cannot steer packets, only the first lane gets sockets, the others
 * get none (-1). */
int quic_open_sockets(uint16_t port, unsigned lanes, const struct socket_options *options, struct quic_sockets *ret);
void quic_close_sockets(struct quic_sockets *sockets, unsigned lanes);
uint16_t quic_local_port(const struct quic_sockets *sockets);

/* What all endpoints of a node present: a certificate made anew (it names nobody), and the keys of stateless resets, which
 * follow from the node's key, so that a node that restarts can end the connections of its former life. Returns NULL without
 * memory. Any thread may use it. */
struct quic_identity;
struct quic_identity *quic_identity_new(const struct secret_key *secret);
void quic_identity_free(struct quic_identity *identity);

struct quic;

struct quic_config {
	const struct quic_identity *identity;	/* outlives the endpoint */
	struct quic_sockets sockets;		/* stay the caller's, open as long as the endpoint */
	unsigned lane, lanes;			/* connection ids begin with a byte that is `lane` modulo `lanes` */
	uint64_t seed;				/* for tables keyed by others' choices */
};

/* Returns NULL without memory. */
struct quic *quic_new(const struct quic_config *config);

/* Closes all connections (CONNECTION_CLOSE, code 0), frees them, adopted ones too: their links must not be used any more.
 * NULL is fine. */
void quic_free(struct quic *quic);

/* The present time (monotonic_us()): for all calls until the next one, links included. First thing in each callback. */
void quic_set_time(struct quic *quic, uint64_t now_us);

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* Dials. The result comes as QUIC_CONNECTED or QUIC_FAILED with this ticket, which is not 0. Returns 0 or a negative errno.
 * -EAFNOSUPPORT: no socket of this family. */
int quic_dial(struct quic *quic, const struct sockaddr *remote, socklen_t len, uint64_t ticket);

/* Takes an offered connection as the link of a peer: its frames come from now on, those that came before first. The link is
 * the caller's and is freed by link_free(). Returns NULL when the connection ended meanwhile. */
struct link *quic_adopt(struct quic *quic, uint64_t id, uint32_t peer);

/* Closes an offered connection. Unknown ids are ignored. */
void quic_refuse(struct quic *quic, uint64_t id);

enum quic_event_type {
	QUIC_CONNECTED,		/* handshake and stream are there: adopt or refuse it by its id */
	QUIC_FAILED,		/* a dialled connection came to nothing */
	QUIC_CLOSED,		/* an adopted connection ended: free its link */
	QUIC_WRITABLE,		/* a link that was blocked may take more: link_flush() */
};

struct quic_event {
	enum quic_event_type type;
	uint64_t id;			/* CONNECTED */
	uint64_t ticket;		/* CONNECTED, FAILED: of quic_dial(); 0: accepted */
	uint32_t peer;			/* CLOSED, WRITABLE: of quic_adopt() */
	int error;			/* FAILED, CLOSED: negative errno; -ENODATA: closed by the peer; -EPROTO: see `text` */
	const char *text;		/* static, or NULL */
	struct sockaddr_storage remote;	/* CONNECTED; an IPv4 address as such */
	uint32_t rtt_us;		/* CONNECTED: measured by the handshake */
};

bool quic_next_event(struct quic *quic, struct quic_event *ret);

/* ---- packets ----------------------------------------------------------------------------------------------------- */

/* Reads a batch from a socket (index into struct quic_sockets). Returns the number of bytes, or -EAGAIN. Only when the
 * frames of the batch before are all taken. */
long quic_receive(struct quic *quic, unsigned socket);

/* Whether the batch was as large as can be, so that more may be there to read. */
bool quic_batch_was_full(const struct quic *quic);

/*
 * Takes the next frames of the batch, all of one peer, at most LINK_VECTOR, made of at most QUIC_VECTOR_BYTES received bytes
 * and one frame that was cut before. They lie in `buffer`, of QUIC_BUFFER_SIZE bytes, from `*at` on, which is moved behind
 * them. Returns 1; 0 when the batch is used up; -ENOBUFS when `*at` must go back to 0 first: be done with the frames so far.
 */
int quic_next_frames(struct quic *quic, uint8_t *buffer, size_t *at, uint32_t *ret_peer, struct frame_vector *ret);

/* Whether quic_next_frames() has more although no socket tells: what came of a connection before it was adopted, or behind a
 * hole in its stream. quic_deadline_us() is in the past then. */
bool quic_pending(struct quic *quic);

/* When quic_expire() is needed next, as quic_set_time(); UINT64_MAX: never. */
uint64_t quic_deadline_us(const struct quic *quic);

/* Loss timers, pacing, idle and handshake limits. */
void quic_expire(struct quic *quic);

/* Writes what is due and did not go with frames: acknowledgements, handshakes, probes. */
void quic_flush(struct quic *quic);

/* Gives the kernel what was written in this round. */
void quic_transmit(struct quic *quic);

/* Whether a socket takes nothing now: poll until it is writable, then call quic_flush(). */
bool quic_socket_blocked(const struct quic *quic, unsigned socket);

/* ---- read-only --------------------------------------------------------------------------------------------------- */

struct quic_counters {
	uint64_t accepted;		/* handshakes begun by others */
	uint64_t refused_full;		/* Initials dropped: QUIC_CONNECTIONS_MAX or QUIC_PENDING_MAX */
	uint64_t refused_prefix;	/* Initials dropped: QUIC_PENDING_PER_PREFIX_MAX */
	uint64_t retries_sent;
	uint64_t resets_sent;
	uint64_t answers_limited;	/* resets and version negotiations not sent */
	uint64_t datagrams_invalid;	/* UDP datagrams that belong to nothing, frames that are none */
};

const struct quic_counters *quic_counters(const struct quic *quic);

#endif
