// SPDX-License-Identifier: Apache-2.0
#include "link/tls_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/tcp.h"

enum {
	RECORD_SIZE = 16384,		/* most that a record holds */
	RECORDS_PER_READ = 128,		/* so that a peer with small records takes no more than its turn */
};

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* Why nothing more is read, after GnuTLS returned `got`. The end of the connection without close_notify is an end like any
 * other: peers send none, and frames tell by themselves whether they are whole. */
static void finish(struct tls_stream *stream, ssize_t got)
{
	const struct tls_pipe *pipe = &stream->pipe;
	stream->over = true;
	if (pipe->error != 0)
		stream->end = pipe->error;
	else if (pipe->ended || got == 0)
		stream->end = 0;
	else if (got == GNUTLS_E_FATAL_ALERT_RECEIVED)
		stream->end = -ECONNABORTED;
	else
		stream->end = got == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
	if (stream->end == -EBADMSG)
		gnutls_alert_send_appropriate(stream->session, (int)got);
}

/* GnuTLS answers "again" behind records without data, too: there is more as long as the pipe has not run dry. */
static long tls_read(void *context, uint8_t *to, size_t len)
{
	struct tls_stream *stream = context;
	size_t filled = 0;
	stream->pipe.starved = false;
	for (unsigned records = 0; records < RECORDS_PER_READ && filled < len; records++) {
		if (stream->over || stream->pipe.starved)
			break;
		ssize_t got = gnutls_record_recv(stream->session, to + filled, len - filled);
		if (got > 0)
			filled += (size_t)got;
		else if (got != GNUTLS_E_AGAIN && got != GNUTLS_E_INTERRUPTED)
			finish(stream, got);
	}
	if (filled > 0)
		return (long)filled;
	return stream->over ? stream->end : -EAGAIN;
}

static bool tls_pending(void *context)
{
	const struct tls_stream *stream = context;
	return stream->over || gnutls_record_check_pending(stream->session) > 0;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* Where in the parts of a write the next record begins. */
struct cursor {
	const struct iovec *part, *end;
	size_t at;	/* in `part` */
};

static void advance(struct cursor *cursor, size_t len)
{
	cursor->at += len;
	while (cursor->part < cursor->end && cursor->at >= cursor->part->iov_len) {
		cursor->at -= cursor->part->iov_len;
		cursor->part++;
	}
}

/* The bytes of the next record: in place when one part fills it or is the last, else joined in `joined`. */
static const uint8_t *next_record(const struct cursor *cursor, uint8_t joined[static RECORD_SIZE], size_t *ret_len)
{
	const uint8_t *first = (const uint8_t *)cursor->part->iov_base + cursor->at;
	size_t len = cursor->part->iov_len - cursor->at;
	if (len >= RECORD_SIZE || cursor->part + 1 == cursor->end) {
		*ret_len = len < RECORD_SIZE ? len : RECORD_SIZE;
		return first;
	}
	memcpy(joined, first, len);
	for (const struct iovec *part = cursor->part + 1; part < cursor->end && len < RECORD_SIZE; part++) {
		size_t room = RECORD_SIZE - len, taken = part->iov_len < room ? part->iov_len : room;
		memcpy(joined + len, part->iov_base, taken);
		len += taken;
	}
	*ret_len = len;
	return joined;
}

/* Sends the next record. Returns its length, or a negative errno. */
static long send_record(struct tls_stream *stream, const struct cursor *cursor)
{
	uint8_t joined[RECORD_SIZE];
	size_t len;
	const uint8_t *bytes = next_record(cursor, joined, &len);
	ssize_t sent = gnutls_record_send(stream->session, bytes, len);
	if (sent > 0)
		return sent;
	return stream->pipe.error != 0 ? stream->pipe.error : -EPIPE;
}

/*
 * A record that the socket did not take whole waits, encrypted, in the pipe: its bytes count as written once it is gone,
 * so that the caller waits for that. They come again first, and are not sent twice.
 */
static long tls_writev(void *context, const struct iovec *parts, int count)
{
	struct tls_stream *stream = context;
	struct cursor cursor = {.part = parts, .end = parts + count};
	int error = tls_pipe_flush(&stream->pipe);
	if (error != 0)
		return error;
	long written = (long)stream->sealed;
	advance(&cursor, stream->sealed);
	stream->sealed = 0;
	while (cursor.part < cursor.end) {
		long sent = send_record(stream, &cursor);
		if (sent < 0)
			return sent;
		if (tls_pipe_blocked(&stream->pipe)) {
			stream->sealed = (size_t)sent;
			return written > 0 ? written : -EAGAIN;
		}
		written += sent;
		advance(&cursor, (size_t)sent);
	}
	return written;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static long tls_unacknowledged_ms(void *context)
{
	const struct tls_stream *stream = context;
	return tcp_unacknowledged_ms(stream->pipe.fd);
}

static void tls_get_stats(void *context, struct link_stats *ret)
{
	const struct tls_stream *stream = context;
	tcp_get_stats(stream->pipe.fd, ret);
}

static size_t tls_held(void *context)
{
	const struct tls_stream *stream = context;
	return tcp_held(stream->pipe.fd);
}

static size_t tls_held_max(void *context, size_t before)
{
	const struct tls_stream *stream = context;
	return tcp_held_max(stream->pipe.fd, before);
}

static void tls_close(void *context)
{
	tls_stream_free(context);
}

const struct stream_ops tls_stream_ops = {
	.read = tls_read,
	.writev = tls_writev,
	.close = tls_close,
	.unacknowledged_ms = tls_unacknowledged_ms,
	.get_stats = tls_get_stats,
	.held = tls_held,
	.held_max = tls_held_max,
	.pending = tls_pending,
};

struct tls_stream *tls_stream_new(int fd, bool server)
{
	unsigned flags = (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS | GNUTLS_NONBLOCK;
	struct tls_stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL || gnutls_init(&stream->session, flags) != 0) {
		free(stream);
		close(fd);
		return NULL;
	}
	stream->pipe.fd = fd;
	tls_pipe_attach(&stream->pipe, stream->session);
	return stream;
}

void tls_stream_free(struct tls_stream *stream)
{
	if (stream == NULL)
		return;
	bool broken = stream->pipe.error != 0 || (stream->over && stream->end < 0);
	if (stream->established && !broken)
		gnutls_bye(stream->session, GNUTLS_SHUT_WR);
	(void)tls_pipe_flush(&stream->pipe);
	gnutls_deinit(stream->session);
	tls_pipe_close(&stream->pipe);
	free(stream);
}
