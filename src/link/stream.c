// SPDX-License-Identifier: Apache-2.0
#include "link/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/list.h"
#include "link/carry.h"
#include "link/link_internal.h"

enum {
	HELD_MAX_EVERY = 32,	/* writes between two looks at how much the connection should hold */
	FRAME_USUAL = 1500,	/* bytes without which there is no room */
};

/* What the connection did not take of a vector. */
struct rest {
	uint8_t *bytes;
	size_t len, at;
};

struct stream_link {
	struct link link;
	const struct stream_ops *ops;
	void *stream;
	struct carry carry;
	uint8_t *unread, *unread_end; /* not yet decoded bytes of the last read */
	struct rest rest;
	size_t held_max;
	unsigned writes;
};

static struct stream_link *stream_of(struct link *link)
{
	return container_of(link, struct stream_link, link);
}

static const struct stream_link *stream_of_const(const struct link *link)
{
	return container_of(link, const struct stream_link, link);
}

size_t stream_carried(const struct link *link)
{
	return stream_of_const(link)->carry.len;
}

bool stream_pending(const struct link *link)
{
	const struct stream_link *stream = stream_of_const(link);
	return stream->ops->pending != NULL && stream->ops->pending(stream->stream);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* The result of reading nothing. */
static long end_of_read(const struct stream_link *link, long got)
{
	if (got < 0)
		return got;
	return link->carry.len > 0 ? -EPIPE : -ENODATA;
}

/* Reads the rest of a large cut frame to where its beginning is, and nothing behind it: copying that again with each read
 * would let a peer that sends byte by byte cost more than its bytes. */
static long read_rest(struct stream_link *link, size_t budget)
{
	struct carry *carry = &link->carry;
	size_t missing = carry->frame_len - carry->len;
	long got = link->ops->read(link->stream, carry->bytes + carry->len, missing < budget ? missing : budget);
	if (got <= 0)
		return end_of_read(link, got);
	link->unread = carry->bytes;
	link->unread_end = carry->bytes + carry->len + (size_t)got;
	carry->len = 0;
	return got;
}

long stream_read(struct link *base, uint8_t *buffer, size_t budget)
{
	struct stream_link *link = stream_of(base);
	struct carry *carry = &link->carry;
	assert(budget > 0 && budget <= STREAM_READ_SIZE);
	if (carry->len >= STREAM_LARGE_CARRY)
		return read_rest(link, budget);
	long got = link->ops->read(link->stream, buffer + carry->len, budget);
	if (got <= 0)
		return end_of_read(link, got);
	if (carry->len > 0)
		memcpy(buffer, carry->bytes, carry->len);
	link->unread = buffer;
	link->unread_end = buffer + carry->len + (size_t)got;
	carry->len = 0;
	return got;
}

int stream_next_frames(struct link *base, struct frame_vector *ret)
{
	struct stream_link *link = stream_of(base);
	ret->count = 0;
	while (ret->count < LINK_VECTOR && link->unread < link->unread_end) {
		struct frame *frame = &ret->frames[ret->count];
		size_t left = (size_t)(link->unread_end - link->unread);
		enum frame_result result = frame_decode(link->unread, left, frame);
		if (result == FRAME_INCOMPLETE) {
			int error = carry_keep(&link->carry, link->unread, left);
			link->unread = link->unread_end;
			return error;
		}
		if (result != FRAME_OK && result != FRAME_SKIPPED) {
			base->protocol_error = result;
			return -EPROTO;
		}
		ret->count += result == FRAME_OK;
		link->unread += frame->len;
	}
	return 0;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static size_t stream_unsent(const struct link *link)
{
	const struct rest *rest = &stream_of_const(link)->rest;
	return rest->len - rest->at;
}

/* Bytes that the connection may still hold. */
static size_t room_of(const struct stream_link *link)
{
	if (link->held_max == SIZE_MAX)
		return SIZE_MAX;
	size_t held = link->ops->held(link->stream);
	return held < link->held_max ? link->held_max - held : 0;
}

static size_t stream_window(const struct link *base)
{
	size_t room = room_of(stream_of_const(base));
	return room > 0 ? room : 1;
}

/* After a write: whether the connection takes no more for now. */
static bool is_blocked(struct stream_link *link)
{
	if (link->ops->held_max != NULL && ++link->writes % HELD_MAX_EVERY == 0)
		link->held_max = link->ops->held_max(link->stream, link->held_max);
	return stream_unsent(&link->link) > 0 || room_of(link) < FRAME_USUAL;
}

/* Keeps all but the first `written` of `total` bytes. */
static int keep_rest(struct rest *rest, const struct iovec *parts, int count, size_t written, size_t total)
{
	uint8_t *to = malloc(total - written);
	if (to == NULL)
		return -ENOMEM;
	*rest = (struct rest){.bytes = to, .len = total - written};
	for (int i = 0; i < count; i++) {
		size_t skip = written < parts[i].iov_len ? written : parts[i].iov_len;
		written -= skip;
		memcpy(to, (const uint8_t *)parts[i].iov_base + skip, parts[i].iov_len - skip);
		to += parts[i].iov_len - skip;
	}
	return 0;
}

/* Frames that lie behind one another become one part: the kernel has less to do. Returns how many parts there are. */
static int join_parts(const struct iovec *frames, unsigned count, struct iovec *parts, size_t *ret_total)
{
	int joined = 1;
	parts[0] = frames[0];
	*ret_total = frames[0].iov_len;
	for (unsigned i = 1; i < count; i++) {
		struct iovec *last = &parts[joined - 1];
		if ((uint8_t *)last->iov_base + last->iov_len == (uint8_t *)frames[i].iov_base)
			last->iov_len += frames[i].iov_len;
		else
			parts[joined++] = frames[i];
		*ret_total += frames[i].iov_len;
	}
	return joined;
}

static long stream_send(struct link *base, const struct iovec *frames, unsigned count, bool *ret_blocked)
{
	struct stream_link *link = stream_of(base);
	struct iovec parts[LINK_VECTOR];
	size_t total;
	int joined = join_parts(frames, count, parts, &total);
	long written = link->ops->writev(link->stream, parts, joined);
	if (written == -EAGAIN)
		written = 0;
	if (written < 0)
		return written;
	if ((size_t)written < total && keep_rest(&link->rest, parts, joined, (size_t)written, total) != 0)
		return -ENOMEM;
	*ret_blocked = is_blocked(link);
	return written;
}

static long stream_flush(struct link *base, bool *ret_blocked)
{
	struct stream_link *link = stream_of(base);
	struct rest *rest = &link->rest;
	if (stream_unsent(base) == 0) {
		*ret_blocked = is_blocked(link);
		return 0;
	}
	const struct iovec part = {rest->bytes + rest->at, rest->len - rest->at};
	long written = link->ops->writev(link->stream, &part, 1);
	if (written == -EAGAIN)
		written = 0;
	if (written < 0)
		return written;
	rest->at += (size_t)written;
	if (rest->at == rest->len) {
		free(rest->bytes);
		*rest = (struct rest){0};
	}
	*ret_blocked = is_blocked(link);
	return written;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static long stream_unacknowledged_ms(const struct link *base)
{
	const struct stream_link *link = stream_of_const(base);
	return link->ops->unacknowledged_ms != NULL ? link->ops->unacknowledged_ms(link->stream) : -1;
}

static void stream_get_stats(const struct link *base, struct link_stats *ret)
{
	const struct stream_link *link = stream_of_const(base);
	if (link->ops->get_stats != NULL)
		link->ops->get_stats(link->stream, ret);
}

static void stream_free(struct link *base)
{
	struct stream_link *link = stream_of(base);
	link->ops->close(link->stream);
	carry_clear(&link->carry);
	free(link->rest.bytes);
	free(link);
}

static const struct link_ops stream_link_ops = {
	.free = stream_free,
	.send = stream_send,
	.flush = stream_flush,
	.unsent = stream_unsent,
	.window = stream_window,
	.unacknowledged_ms = stream_unacknowledged_ms,
	.get_stats = stream_get_stats,
};

struct link *stream_link_new(const struct stream_ops *ops, void *stream, int fd, const char *name)
{
	struct stream_link *link = calloc(1, sizeof(*link));
	if (link == NULL)
		return NULL;
	link->link.ops = &stream_link_ops;
	link->link.fd = fd;
	strncpy(link->link.name, name, sizeof(link->link.name) - 1);
	link->ops = ops;
	link->stream = stream;
	link->held_max = SIZE_MAX;
	return &link->link;
}
