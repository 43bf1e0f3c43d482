// SPDX-License-Identifier: Apache-2.0
/*
 * What a connection has still to send: the bytes of its stream, until they are acknowledged, and frames for datagrams
 * that congestion control did not take yet; inside the room.
 *
 *   stream:  acked ── in flight ── sent ── waiting ── end
 */
#ifndef MYCELIUM_LINK_QUIC_OUTBOX_H
#define MYCELIUM_LINK_QUIC_OUTBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Offsets count from the beginning of the stream. All zero is an empty one. */
struct stream_out {
	struct stream_chunk *first, *last;
	uint64_t acked, sent, end;
};

/* Appends a copy. Returns 0 or -ENOMEM. */
int stream_out_append(struct stream_out *out, const void *bytes, size_t len);

/* The bytes that wait, in place, in at most `max` parts. Returns the number of parts. */
unsigned stream_out_peek(const struct stream_out *out, struct iovec *parts, unsigned max);

/* `len` of the waiting bytes are in flight. */
static inline void stream_out_advance(struct stream_out *out, size_t len)
{
	out->sent += len;
}

/* The far end has all bytes before `offset`. */
void stream_out_acknowledge(struct stream_out *out, uint64_t offset);

static inline size_t stream_out_waiting(const struct stream_out *out)
{
	return (size_t)(out->end - out->sent);
}

static inline size_t stream_out_in_flight(const struct stream_out *out)
{
	return (size_t)(out->sent - out->acked);
}

void stream_out_clear(struct stream_out *out);

/* Frames that go one to a DATAGRAM, from `next` on. `copy` is what they lie in when they are the connection's own. */
struct datagrams_out {
	const struct iovec *frames;
	unsigned count, next;
	void *copy;
};

/* Copies what is left of `from`, which may not be `ret`. Returns 0 or -ENOMEM. */
int datagrams_out_keep(const struct datagrams_out *from, struct datagrams_out *ret);

size_t datagrams_out_bytes(const struct datagrams_out *out);
void datagrams_out_clear(struct datagrams_out *out);

#endif
