// SPDX-License-Identifier: Apache-2.0
#include "link/link.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* Bytes of a frame that was cut by the end of a read. Grows to the largest frame seen and is kept. */
struct carry {
	uint8_t *bytes;
	size_t len, capacity;
	size_t frame_len; /* length of the whole frame, 0 while its header is incomplete */
};

/* What the connection did not take of a vector. */
struct rest {
	uint8_t *bytes;
	size_t len, at;
};

struct link {
	const struct stream_ops *ops;
	void *stream;
	int fd;
	enum frame_result protocol_error;
	struct carry carry;
	uint8_t *unread, *unread_end; /* not yet decoded bytes of the last read */
	struct rest rest;
	char name[LINK_NAME_SIZE];
};

struct link *link_new(const struct stream_ops *ops, void *stream, int fd, const char *name)
{
	struct link *link = calloc(1, sizeof(*link));
	if (link == NULL)
		return NULL;
	link->ops = ops;
	link->stream = stream;
	link->fd = fd;
	strncpy(link->name, name, sizeof(link->name) - 1);
	return link;
}

void link_free(struct link *link)
{
	if (link == NULL)
		return;
	link->ops->close(link->stream);
	free(link->carry.bytes);
	free(link->rest.bytes);
	free(link);
}

int link_fd(const struct link *link)
{
	return link->fd;
}

const char *link_name(const struct link *link)
{
	return link->name;
}

const char *link_protocol_error(const struct link *link)
{
	return frame_result_text(link->protocol_error);
}

size_t link_carried(const struct link *link)
{
	return link->carry.len;
}

long link_unacknowledged_ms(const struct link *link)
{
	return link->ops->unacknowledged_ms != NULL ? link->ops->unacknowledged_ms(link->stream) : -1;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static int carry_reserve(struct carry *carry, size_t capacity)
{
	if (capacity <= carry->capacity)
		return 0;
	uint8_t *bytes = realloc(carry->bytes, capacity);
	if (bytes == NULL)
		return -ENOMEM;
	carry->bytes = bytes;
	carry->capacity = capacity;
	return 0;
}

/* Length of the whole frame that begins at `bytes`, 0 while the header does not tell. */
static size_t whole_length(uint8_t *bytes, size_t available)
{
	if (available < FRAME_HEADER_SIZE)
		return 0;
	bool data = bytes[1] == FRAME_DATA;
	if (available < (data ? (size_t)DATA_FRAME_HEADER_SIZE : (size_t)CONTROL_FRAME_HEADER_SIZE))
		return 0;
	struct reader r = reader_init(bytes, available);
	read_skip(&r, data ? FRAME_HEADER_SIZE + 1 : FRAME_HEADER_SIZE + 2);
	return (data ? (size_t)DATA_FRAME_HEADER_SIZE : (size_t)CONTROL_FRAME_HEADER_SIZE) + read_u16(&r);
}

/* Keeps the cut frame at the end of a read. */
static int carry_keep(struct carry *carry, uint8_t *bytes, size_t len)
{
	size_t frame_len = whole_length(bytes, len);
	if (carry_reserve(carry, frame_len > len ? frame_len : len) != 0)
		return -ENOMEM;
	/* A large one that grew in place lies there already. */
	if (carry->bytes != bytes)
		memcpy(carry->bytes, bytes, len);
	carry->len = len;
	carry->frame_len = frame_len;
	return 0;
}

/* The result of reading nothing. */
static long end_of_read(const struct link *link, long got)
{
	if (got < 0)
		return got;
	return link->carry.len > 0 ? -EPIPE : -ENODATA;
}

/* Reads the rest of a large cut frame to where its beginning is, and nothing behind it: copying that again with each read
 * would let a peer that sends byte by byte cost more than its bytes. */
static long read_rest(struct link *link, size_t budget)
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

long link_read(struct link *link, uint8_t *buffer, size_t budget)
{
	struct carry *carry = &link->carry;
	assert(budget > 0 && budget <= LINK_READ_SIZE);
	if (carry->len >= LINK_LARGE_CARRY)
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

int link_next_frames(struct link *link, struct frame_vector *ret)
{
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
			link->protocol_error = result;
			return -EPROTO;
		}
		ret->count += result == FRAME_OK;
		link->unread += frame->len;
	}
	return 0;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

size_t link_unsent(const struct link *link)
{
	return link->rest.len - link->rest.at;
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
	int joined = 0;
	*ret_total = 0;
	for (unsigned i = 0; i < count; i++) {
		struct iovec *last = joined > 0 ? &parts[joined - 1] : NULL;
		if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == (uint8_t *)frames[i].iov_base)
			last->iov_len += frames[i].iov_len;
		else
			parts[joined++] = frames[i];
		*ret_total += frames[i].iov_len;
	}
	return joined;
}

long link_send(struct link *link, const struct iovec *frames, unsigned count, bool *ret_blocked)
{
	struct iovec parts[LINK_VECTOR];
	size_t total;
	assert(count > 0 && count <= LINK_VECTOR && link_unsent(link) == 0);
	int joined = join_parts(frames, count, parts, &total);
	long written = link->ops->writev(link->stream, parts, joined);
	if (written == -EAGAIN)
		written = 0;
	if (written < 0)
		return written;
	*ret_blocked = (size_t)written < total;
	if (*ret_blocked && keep_rest(&link->rest, parts, joined, (size_t)written, total) != 0)
		return -ENOMEM;
	return written;
}

long link_flush(struct link *link, bool *ret_blocked)
{
	struct rest *rest = &link->rest;
	if (link_unsent(link) == 0) {
		*ret_blocked = false;
		return 0;
	}
	const struct iovec part = {rest->bytes + rest->at, rest->len - rest->at};
	long written = link->ops->writev(link->stream, &part, 1);
	if (written == -EAGAIN)
		written = 0;
	if (written < 0)
		return written;
	rest->at += (size_t)written;
	*ret_blocked = rest->at < rest->len;
	if (!*ret_blocked) {
		free(rest->bytes);
		*rest = (struct rest){0};
	}
	return written;
}
