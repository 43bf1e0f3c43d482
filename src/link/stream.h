// SPDX-License-Identifier: Apache-2.0
/*
 * Links over a byte stream: TCP, TLS, vsock.
 *
 * Received frames lie in place in a buffer that all links of the lane use in turn; the frame that a read cut in two waits in
 * the link for its rest. What the connection does not take of a vector waits in the link, too. Memory per link is so one
 * partial frame and the rest of one vector, whatever the peer does.
 *
 *   lane:   stream_read() ─▶ stream_next_frames() until 0 ─▶ next link
 */
#ifndef MYCELIUM_LINK_STREAM_H
#define MYCELIUM_LINK_STREAM_H

#include "link/link.h"

enum {
	STREAM_READ_SIZE = 131072,	/* bytes taken from a connection at once */
	STREAM_LARGE_CARRY = 4096,	/* a cut frame of so many bytes is completed in the link */
	STREAM_BUFFER_SIZE = STREAM_READ_SIZE + FRAME_SIZE_MAX, /* room for them behind a cut frame */
};

/* The byte stream under a link. Calls do not block; results as of read(2) and writev(2), with a negative errno for an
 * error, 0 from `read` for the end of the stream. */
struct stream_ops {
	long (*read)(void *stream, uint8_t *to, size_t len);
	/* Only whole bytes count as written; after -EAGAIN or a part the same bytes come again first. */
	long (*writev)(void *stream, const struct iovec *parts, int count);
	void (*close)(void *stream);
	/* As link_unacknowledged_ms(). NULL means -1. */
	long (*unacknowledged_ms)(void *stream);
	/* As link_get_stats(). NULL means that nothing is known. */
	void (*get_stats)(void *stream, struct link_stats *ret);
	/* Bytes it took and has not sent, and how many of them it should hold at most: asked with every few writes, with the last
	 * answer, at first SIZE_MAX, which stands for as many as it takes. Both NULL means always that. */
	size_t (*held)(void *stream);
	size_t (*held_max)(void *stream, size_t before);
	/* Whether bytes were taken from the descriptor that `read` did not return yet: polling does not tell of them. NULL
	 * means never. */
	bool (*pending)(void *stream);
};

/* A link over a connected stream with descriptor `fd` (for polling). `name` is the connection identifier. Takes the stream
 * over. Returns NULL without memory: the stream stays the caller's. */
struct link *stream_link_new(const struct stream_ops *ops, void *stream, int fd, const char *name);

/*
 * Reads what the connection has, at most `budget` bytes (up to STREAM_READ_SIZE), into `buffer`, of STREAM_BUFFER_SIZE
 * bytes, which every link of the lane uses in turn. All frames must be taken with stream_next_frames() before the next read,
 * and be done with before their buffer is used again; or, if stream_carried() was STREAM_LARGE_CARRY or more, before the
 * next read. `budget` is not 0. Returns the number of bytes read, or
 *   -EAGAIN     nothing there
 *   -ENODATA    the peer ended the stream between two frames
 *   -EPIPE      the peer ended it inside a frame ("bytes remaining on stream")
 *   -errno      the connection broke
 */
long stream_read(struct link *link, uint8_t *buffer, size_t budget);

/* Takes the next frames of the last read, at most LINK_VECTOR. An empty vector: all are taken. Returns 0, or -EPROTO when the
 * peer sent what no frame begins with (link_protocol_error() has the text): the connection must be closed. */
int stream_next_frames(struct link *link, struct frame_vector *ret);

/* Bytes of a cut frame that wait for its rest: a later read may complete a frame of that much more than was read. */
size_t stream_carried(const struct link *link);

/* Whether there is more to read although the descriptor may not tell. */
bool stream_pending(const struct link *link);

#endif
