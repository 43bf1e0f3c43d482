// SPDX-License-Identifier: Apache-2.0
/*
 * A link: one connection to one peer, and frames over it in vectors.
 *
 * The control thread makes the connection and hands the link to a lane; from then on that lane alone touches it, until it
 * closes it. Received frames lie in place in a buffer that all links of the lane use in turn; the frame that a read cut in
 * two waits in the link for its rest. What the connection does not take of a vector waits in the link, too. Memory per link
 * is so one partial frame and the rest of one vector, whatever the peer does.
 *
 *   lane:   link_read() ─▶ link_next_frames() until 0 ─▶ next link
 *           link_send() ─▶ blocked? link_flush() once writable ─▶ link_send()
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
	LINK_READ_SIZE = 131072, /* bytes taken from a connection at once */
	LINK_LARGE_CARRY = 4096, /* a cut frame of so many bytes is completed in the link */
	LINK_BUFFER_SIZE = LINK_READ_SIZE + FRAME_SIZE_MAX, /* room for them behind a cut frame */
};

/* The byte stream under a link: TCP, later TLS and vsock. Calls do not block; results as of read(2) and writev(2), with a
 * negative errno for an error, 0 from `read` for the end of the stream. */
struct iovec;
struct stream_ops {
	long (*read)(void *stream, uint8_t *to, size_t len);
	long (*writev)(void *stream, const struct iovec *parts, int count);
	void (*close)(void *stream);
	/* How long the far end has acknowledged nothing although something is under way, in ms; 0 when nothing is; -1 when the
	 * transport cannot tell. NULL means -1. */
	long (*unacknowledged_ms)(void *stream);
};

struct link;

/* A link over a connected stream with descriptor `fd` (for polling). `name` is the connection identifier shown to people.
 * Takes the stream over. Returns NULL without memory: the stream stays the caller's. */
struct link *link_new(const struct stream_ops *ops, void *stream, int fd, const char *name);

/* Closes the connection, frees. NULL is fine. */
void link_free(struct link *link);

int link_fd(const struct link *link);
const char *link_name(const struct link *link);

struct frame_vector {
	unsigned count;
	struct frame frames[LINK_VECTOR];
};

/*
 * Reads what the connection has, at most `budget` bytes (up to LINK_READ_SIZE), into `buffer`, of LINK_BUFFER_SIZE bytes,
 * which every link of the lane uses in turn. All frames must be taken with link_next_frames() before the next read, and be
 * done with before their buffer is used again; or, if link_carried() was LINK_LARGE_CARRY or more, before the next read.
 * `budget` is not 0. Returns the number of bytes read, or
 *   -EAGAIN     nothing there
 *   -ENODATA    the peer ended the stream between two frames
 *   -EPIPE      the peer ended it inside a frame ("bytes remaining on stream")
 *   -errno      the connection broke
 */
long link_read(struct link *link, uint8_t *buffer, size_t budget);

/* Takes the next frames of the last read, at most LINK_VECTOR. An empty vector: all are taken. Returns 0, or -EPROTO when the
 * peer sent what no frame begins with (link_protocol_error() has the text): the connection must be closed. */
int link_next_frames(struct link *link, struct frame_vector *ret);

const char *link_protocol_error(const struct link *link);

/* What the transport knows of the far end, as in struct stream_ops. */
long link_unacknowledged_ms(const struct link *link);

/* Bytes of a cut frame that wait for its rest: a later read may complete a frame of that much more than was read. */
size_t link_carried(const struct link *link);

/*
 * Sends a vector of at most LINK_VECTOR whole frames. The link takes all of them: what the connection does not take now is
 * kept as a copy, so that the frames are the caller's again. Only when link_unsent() is 0. Returns the number of bytes
 * written; `ret_blocked` tells that the connection takes no more for now. -errno: the connection broke.
 */
long link_send(struct link *link, const struct iovec *frames, unsigned count, bool *ret_blocked);

/* Writes what was kept. Returns as link_send(). */
long link_flush(struct link *link, bool *ret_blocked);

/* Bytes kept that the connection did not take yet. */
size_t link_unsent(const struct link *link);

#endif
