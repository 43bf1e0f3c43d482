// SPDX-License-Identifier: Apache-2.0
/* A TLS session as the byte stream of a link; inside the room. */
#ifndef MYCELIUM_LINK_TLS_STREAM_H
#define MYCELIUM_LINK_TLS_STREAM_H

#include <gnutls/gnutls.h>

#include "link/stream.h"
#include "link/tls_pipe.h"

struct tls_stream {
	gnutls_session_t session;
	struct tls_pipe pipe;
	bool established; /* the handshake is done */
	size_t sealed;	  /* bytes of the caller in records that wait in the pipe: not written yet */
	bool over;	  /* nothing more is read: `end` says why, a result of read() */
	long end;
};

/* Takes the descriptor over; it is closed on NULL (no memory). */
struct tls_stream *tls_stream_new(int fd, bool server);

/* Says close_notify to a peer that may still listen, without waiting; closes, frees. NULL is fine. */
void tls_stream_free(struct tls_stream *stream);

/* For stream_link_new(), once the handshake is done. */
extern const struct stream_ops tls_stream_ops;

#endif
