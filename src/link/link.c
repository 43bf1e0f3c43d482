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
	size_t frame_len;	/* length of the whole frame, 0 while its header is incomplete */
};

struct link {
	const struct stream_ops *ops;
	void *stream;
	int fd;
	enum frame_result protocol_error;
	struct carry carry;
	bool carry_complete;	/* the carry holds a frame to be taken first */
	uint8_t *unread, *unread_end;	/* not yet decoded bytes in the shared buffer */
	struct slot *sending[LINK_BATCH];
	unsigned sending_first, sending_count;
	size_t sent_of_first;
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

void link_free(struct link *link, struct slot_pool *pool)
{
	if (link == NULL)
		return;
	for (unsigned i = 0; i < link->sending_count; i++)
		slot_give(pool, link->sending[(link->sending_first + i) % LINK_BATCH]);
	link->ops->close(link->stream);
	free(link->carry.bytes);
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
	memcpy(carry->bytes, bytes, len);
	carry->len = len;
	carry->frame_len = frame_len;
	return 0;
}

/*
 * A frame whose length is known is completed where it lies: the read fills its carry first and the shared buffer behind.
 * A shorter beginning (at most 39 bytes) is put in front of the shared buffer instead.
 */
static int prepare_parts(struct link *link, uint8_t *shared, size_t budget, struct iovec parts[static 2], size_t *ret_moved)
{
	struct carry *carry = &link->carry;
	*ret_moved = 0;
	if (carry->frame_len > 0) {
		parts[0] = (struct iovec){carry->bytes + carry->len, carry->frame_len - carry->len};
		parts[1] = (struct iovec){shared, budget};
		return 2;
	}
	if (carry->len > 0)
		memcpy(shared, carry->bytes, carry->len);
	*ret_moved = carry->len;
	if (budget > LINK_READ_SIZE - carry->len)
		budget = LINK_READ_SIZE - carry->len;
	parts[0] = (struct iovec){shared + carry->len, budget};
	return 1;
}

long link_read(struct link *link, uint8_t *shared, size_t budget)
{
	struct iovec parts[2];
	size_t moved;
	int count = prepare_parts(link, shared, budget, parts, &moved);
	long got = link->ops->readv(link->stream, parts, count);
	if (got <= 0)
		return got < 0 ? got : link->carry.len > 0 ? -EPIPE : -ENODATA;

	size_t into_carry = 0;
	if (count == 2) {
		into_carry = (size_t)got < parts[0].iov_len ? (size_t)got : parts[0].iov_len;
		link->carry.len += into_carry;
		link->carry_complete = link->carry.len == link->carry.frame_len;
	} else {
		link->carry.len = 0;
	}
	link->unread = shared;
	link->unread_end = shared + moved + ((size_t)got - into_carry);
	return got;
}

static bool keep_result(struct link *link, enum frame_result result, const struct frame *frame, struct frame_vector *ret)
{
	if (result == FRAME_OK)
		ret->frames[ret->count++] = *frame;
	else if (result != FRAME_SKIPPED) {
		link->protocol_error = result;
		return false;
	}
	return true;
}

static bool take_carried(struct link *link, struct frame_vector *ret)
{
	struct frame frame;
	enum frame_result result = frame_decode(link->carry.bytes, link->carry.frame_len, &frame);
	link->carry_complete = false;
	link->carry.len = link->carry.frame_len = 0;
	return keep_result(link, result, &frame, ret);
}

int link_next_frames(struct link *link, struct frame_vector *ret)
{
	ret->count = 0;
	if (link->carry_complete && !take_carried(link, ret))
		return -EPROTO;
	while (ret->count < LINK_BATCH && link->unread < link->unread_end) {
		struct frame frame;
		size_t left = (size_t)(link->unread_end - link->unread);
		enum frame_result result = frame_decode(link->unread, left, &frame);
		if (result == FRAME_INCOMPLETE) {
			/* A frame taken from the carry before is still in use: the cut one waits for the next call. */
			if (ret->count > 0)
				return 0;
			int error = carry_keep(&link->carry, link->unread, left);
			link->unread = link->unread_end;
			return error;
		}
		if (!keep_result(link, result, &frame, ret))
			return -EPROTO;
		link->unread += frame.len;
	}
	return 0;
}

unsigned link_room(const struct link *link)
{
	return LINK_BATCH - link->sending_count;
}

void link_put(struct link *link, struct slot *slot)
{
	assert(link->sending_count < LINK_BATCH);
	link->sending[(link->sending_first + link->sending_count++) % LINK_BATCH] = slot;
}

/* Gives the slots covered by `written` bytes back. */
static void release_written(struct link *link, struct slot_pool *pool, size_t written)
{
	link->sent_of_first += written;
	while (link->sending_count > 0) {
		struct slot *slot = link->sending[link->sending_first];
		if (link->sent_of_first < slot->len)
			return;
		link->sent_of_first -= slot->len;
		slot_give(pool, slot);
		link->sending_first = (link->sending_first + 1) % LINK_BATCH;
		link->sending_count--;
	}
}

long link_flush(struct link *link, struct slot_pool *pool, bool *ret_blocked)
{
	*ret_blocked = false;
	if (link->sending_count == 0)
		return 0;
	struct iovec parts[LINK_BATCH];
	size_t total = 0;
	for (unsigned i = 0; i < link->sending_count; i++) {
		struct slot *slot = link->sending[(link->sending_first + i) % LINK_BATCH];
		size_t skip = i == 0 ? link->sent_of_first : 0;
		parts[i] = (struct iovec){slot->data + skip, slot->len - skip};
		total += slot->len - skip;
	}
	long written = link->ops->writev(link->stream, parts, (int)link->sending_count);
	if (written == -EAGAIN) {
		*ret_blocked = true;
		return 0;
	}
	if (written < 0)
		return written;
	release_written(link, pool, (size_t)written);
	*ret_blocked = (size_t)written < total;
	return written;
}
