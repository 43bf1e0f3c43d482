// SPDX-License-Identifier: Apache-2.0
/*
 * A link: one connection to one peer, whatever carries it, and frames over it in vectors.
 *
 * The lane it was handed to alone touches it, until it frees it. Frames go out through the functions below, the same for
 * every transport. They come in by two ways: a byte stream (TCP, TLS, vsock) has a descriptor of its own and is read with
 * stream.h; all QUIC links of a lane share the sockets of one endpoint, which brings their frames (quic.h).
 *
 *   lane:   link_send() ─▶ blocked? link_flush() once it may take more ─▶ link_send()
 */
#ifndef MYCELIUM_LINK_LINK_H
#define MYCELIUM_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

enum {
	LINK_NAME_SIZE = 160,
	LINK_VECTOR = 256,	/* frames in a vector */
};

struct iovec;
struct link;

/* Received frames, in place: where they lie and for how long is said by who fills it. */
struct frame_vector {
	unsigned count;
	struct frame frames[LINK_VECTOR];
};

/* What a transport knows of its connection; 0 where it does not know. */
struct link_stats {
	uint32_t rtt_us;	/* smoothed */
	uint32_t repair_us;	/* all that comes behind a lost packet waits at least for so long; 0: it does not wait */
	uint64_t lost;		/* packets (QUIC) or segments (TCP) sent again or given up */
	uint64_t dropped;	/* frames that the link could not take: too large for the path while the stream was full */
};

/* Closes the connection, frees. NULL is fine. */
void link_free(struct link *link);

/* The descriptor to poll of a byte stream; -1 for QUIC. */
int link_fd(const struct link *link);

/* The connection identifier shown to people: "TCP [2001:db8::1]:9651 <-> [2001:db8::2]:40312". Lives as long as the link. */
const char *link_name(const struct link *link);

/* Why the far end's bytes were no frames, after -EPROTO. Static. */
const char *link_protocol_error(const struct link *link);

/*
 * Sends a vector of at most LINK_VECTOR whole frames. The link takes all of them: what the connection does not take now is
 * kept as a copy, so that the frames are the caller's again; what it can never take (QUIC, docs/protocol/transports.md) is
 * dropped and counted. Only when link_unsent() is 0. Returns the number of bytes written; `ret_blocked` tells that the
 * connection takes no more for now. -errno: the connection broke.
 */
long link_send(struct link *link, const struct iovec *frames, unsigned count, bool *ret_blocked);

/* Writes what was kept. Returns as link_send(). */
long link_flush(struct link *link, bool *ret_blocked);

/* Bytes kept that the connection did not take yet. */
size_t link_unsent(const struct link *link);

/* Bytes that the connection will probably take now, at least 1: giving more at once only makes copies. SIZE_MAX when the
 * transport cannot tell. */
size_t link_window(const struct link *link);

/* How long the far end has acknowledged nothing although something is under way, in ms; 0 when nothing is; -1 when the
 * transport cannot tell. */
long link_unacknowledged_ms(const struct link *link);

void link_get_stats(const struct link *link, struct link_stats *ret);

#endif
