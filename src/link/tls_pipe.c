// SPDX-License-Identifier: Apache-2.0
#include "link/tls_pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/socket.h"

/* Errors reach GnuTLS by errno, as from system calls. */
static ssize_t fail(int error)
{
	errno = -error;
	return -1;
}

static void *stream_of(const struct tls_pipe *pipe)
{
	return (void *)(intptr_t)pipe->fd;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static void note_first(struct tls_pipe *pipe, const uint8_t *bytes, size_t len)
{
	size_t room = TLS_PIPE_FIRST_SIZE - pipe->first_len;
	size_t taken = len < room ? len : room;
	memcpy(pipe->first + pipe->first_len, bytes, taken);
	pipe->first_len += taken;
}

/* Keeps `len` more bytes of a piece of `whole` bytes. */
static ssize_t keep_piece(struct tls_pipe *pipe, const uint8_t *bytes, size_t len, size_t whole)
{
	if (pipe->in == NULL && (pipe->in = malloc(whole)) == NULL)
		return fail(pipe->error = -ENOMEM);
	memcpy(pipe->in + pipe->in_len, bytes, len);
	pipe->in_len += len;
	pipe->starved = true;
	return fail(-EAGAIN);
}

static ssize_t hand_over(struct tls_pipe *pipe, uint8_t *to, size_t whole)
{
	if (pipe->in_len > 0)
		memcpy(to, pipe->in, pipe->in_len);
	free(pipe->in);
	pipe->in = NULL;
	pipe->in_len = 0;
	pipe->starved = false;
	return (ssize_t)whole;
}

/* GnuTLS asks for a header, then for exactly the rest of its record, and for the same again after EAGAIN. */
static ssize_t pull(gnutls_transport_ptr_t context, void *buffer, size_t whole)
{
	struct tls_pipe *pipe = context;
	uint8_t *to = buffer;
	assert(pipe->in_len < whole);
	long got = socket_read(stream_of(pipe), to + pipe->in_len, whole - pipe->in_len);
	pipe->starved = got == -EAGAIN;
	pipe->ended |= got == 0;
	if (got < 0 && got != -EAGAIN)
		pipe->error = (int)got;
	if (got <= 0)
		return got < 0 ? fail((int)got) : 0;
	note_first(pipe, to + pipe->in_len, (size_t)got);
	if (pipe->in_len + (size_t)got < whole)
		return keep_piece(pipe, to + pipe->in_len, (size_t)got, whole);
	return hand_over(pipe, to, whole);
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

/* Keeps all but the first `sent` of `total` bytes, behind what waits already: a key update goes before a record. */
static int keep_rest(struct tls_pipe *pipe, const giovec_t *parts, int count, size_t sent, size_t total)
{
	uint8_t *out = realloc(pipe->out, pipe->out_len + total - sent);
	if (out == NULL)
		return -ENOMEM;
	pipe->out = out;
	for (int i = 0; i < count; i++) {
		size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
		sent -= skip;
		memcpy(pipe->out + pipe->out_len, (const uint8_t *)parts[i].iov_base + skip, parts[i].iov_len - skip);
		pipe->out_len += parts[i].iov_len - skip;
	}
	return 0;
}

/* Writes to the socket; 0 when it takes nothing. */
static long send_some(struct tls_pipe *pipe, const struct iovec *parts, int count)
{
	long sent = socket_writev(stream_of(pipe), parts, count);
	if (sent == -EAGAIN)
		return 0;
	if (sent < 0)
		pipe->error = (int)sent;
	return sent;
}

static ssize_t push(gnutls_transport_ptr_t context, const giovec_t *parts, int count)
{
	struct tls_pipe *pipe = context;
	size_t total = 0;
	for (int i = 0; i < count; i++)
		total += parts[i].iov_len;
	if (pipe->error != 0)
		return fail(pipe->error);
	long sent = tls_pipe_blocked(pipe) ? 0 : send_some(pipe, parts, count);
	if (sent >= 0 && (size_t)sent < total)
		pipe->error = keep_rest(pipe, parts, count, (size_t)sent, total);
	return pipe->error == 0 ? (ssize_t)total : fail(pipe->error);
}

bool tls_pipe_blocked(const struct tls_pipe *pipe)
{
	return pipe->out_len > 0;
}

int tls_pipe_flush(struct tls_pipe *pipe)
{
	if (pipe->error != 0)
		return pipe->error;
	if (!tls_pipe_blocked(pipe))
		return 0;
	const struct iovec rest = {pipe->out + pipe->out_at, pipe->out_len - pipe->out_at};
	long sent = send_some(pipe, &rest, 1);
	if (sent < 0)
		return (int)sent;
	pipe->out_at += (size_t)sent;
	if (pipe->out_at < pipe->out_len)
		return -EAGAIN;
	free(pipe->out);
	pipe->out = NULL;
	pipe->out_len = pipe->out_at = 0;
	return 0;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void tls_pipe_attach(struct tls_pipe *pipe, gnutls_session_t session)
{
	gnutls_transport_set_ptr(session, pipe);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_vec_push_function(session, push);
}

void tls_pipe_close(struct tls_pipe *pipe)
{
	free(pipe->in);
	free(pipe->out);
	close(pipe->fd);
}
