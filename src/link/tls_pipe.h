// SPDX-License-Identifier: Apache-2.0
/*
 * What lies between GnuTLS and a non-blocking socket; inside the room.
 *
 *   GnuTLS ── whole pieces ◀─ in  ─── recv
 *          ── anything ─────▶ out ──▶ send
 *
 * Towards GnuTLS both directions differ from a socket, for its buffers:
 *   - a piece that it asks for comes whole or not at all. It keeps each part in a buffer of 16 KiB, so a peer that sends
 *     byte by byte would cost it thousands of times its bytes;
 *   - what it sends is always taken, the rest waits here. Blocked inside a record it could not answer a key update.
 */
#ifndef MYCELIUM_LINK_TLS_PIPE_H
#define MYCELIUM_LINK_TLS_PIPE_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TLS_PIPE_FIRST_SIZE = 4 };

/* All zero but the descriptor is a fresh one. */
struct tls_pipe {
	int fd;
	int error;		/* what broke the connection: a negative errno */
	bool ended;		/* the peer sent its last byte */
	bool starved;		/* the last piece was not there */
	uint8_t *in;		/* of a piece that is not whole yet */
	size_t in_len;
	uint8_t *out;		/* what the socket did not take */
	size_t out_len, out_at;
	uint8_t first[TLS_PIPE_FIRST_SIZE]; /* the peer's first bytes */
	size_t first_len;
};

/* Makes the pipe the transport of a session; it stays where it is as long as that lives. */
void tls_pipe_attach(struct tls_pipe *pipe, gnutls_session_t session);

/* Whether something waits for the socket. */
bool tls_pipe_blocked(const struct tls_pipe *pipe);

/* Sends what waits. Returns 0 when nothing waits any more, -EAGAIN, or what broke the connection. */
int tls_pipe_flush(struct tls_pipe *pipe);

/* Closes the socket, frees what is kept. */
void tls_pipe_close(struct tls_pipe *pipe);

#endif
