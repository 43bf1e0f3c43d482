// SPDX-License-Identifier: Apache-2.0
/*
 * A link: one connection to one peer, and frames over it in vectors.
 *
 * The control thread makes the connection and hands the link to a lane; from then on that lane alone touches it, until it
 * closes it. Received frames lie in place: in the lane's shared buffer, or, for the frame that a read cut in two, in the
 * link's own carry buffer. Memory per link is so one partial frame, whatever the peer sends.
 *
 *   lane:   link_read() ─▶ link_next_frames() until 0 ─▶ next link
 *           link_put() while link_room() ─▶ link_flush()
 */
#ifndef MYCELIUM_LINK_LINK_H
#define MYCELIUM_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slot.h"
#include "wire/frame.h"

enum {
	LINK_NAME_SIZE = 160,
	LINK_BATCH = 64,	 /* frames in a vector, and slots under way to the socket */
	LINK_READ_SIZE = 131072, /* bytes taken from a socket at once; the size of a lane's shared buffer */
};

/* The byte stream under a link: TCP, later TLS and vsock. Calls do not block; results as of read(2) and writev(2), with a
 * negative errno for an error, 0 from `read` for the end of the stream. */
struct iovec;
struct stream_ops {
	long (*readv)(void *stream, const struct iovec *parts, int count);
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

/* Closes the connection, gives slots under way back to `pool` (NULL when none was ever put), frees. NULL is fine. */
void link_free(struct link *link, struct slot_pool *pool);

int link_fd(const struct link *link);
const char *link_name(const struct link *link);

struct frame_vector {
	unsigned count;
	struct frame frames[LINK_BATCH];
};

/*
 * Reads what the connection has, at most `budget` bytes (up to LINK_READ_SIZE), into `shared`, a buffer of LINK_READ_SIZE
 * bytes that every link of the lane uses in turn. All frames must be taken with link_next_frames() before the buffer is
 * used again. Returns the number of bytes read, or
 *   -EAGAIN     nothing there
 *   -ENODATA    the peer ended the stream between two frames
 *   -EPIPE      the peer ended it inside a frame ("bytes remaining on stream")
 *   -errno      the connection broke
 */
long link_read(struct link *link, uint8_t *shared, size_t budget);

/* Takes the next frames of the last read, at most LINK_BATCH. An empty vector: all are taken. Returns 0, or -EPROTO when the
 * peer sent what no frame begins with (link_protocol_error() has the text): the connection must be closed. */
int link_next_frames(struct link *link, struct frame_vector *ret);

const char *link_protocol_error(const struct link *link);

/* What the transport knows of the far end, as in struct stream_ops. */
long link_unacknowledged_ms(const struct link *link);

/* Bytes of a cut frame that wait for its rest: a later read may complete a frame of that much more than was read. */
size_t link_carried(const struct link *link);

/* How many slots link_put() takes now. */
unsigned link_room(const struct link *link);

/* Takes a slot that holds one whole frame. link_room() must not be 0. */
void link_put(struct link *link, struct slot *slot);

/* Writes what was put and gives written slots back to `pool`. Returns the number of bytes written; `ret_blocked` tells that
 * the connection takes no more for now. -errno: the connection broke. */
long link_flush(struct link *link, struct slot_pool *pool, bool *ret_blocked);

#endif
