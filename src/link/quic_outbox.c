// SPDX-License-Identifier: Apache-2.0
#include "link/quic_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_MIN = 2048, /* dozens of control frames */
	CHUNK_MAX = 32768,
};

struct stream_chunk {
	struct stream_chunk *next;
	uint64_t offset; /* of its first byte in the stream */
	size_t len, capacity;
	uint8_t bytes[];
};

/* ---- stream ------------------------------------------------------------------------------------------------------ */

/* Little is held in little chunks, much in few. */
static struct stream_chunk *add_chunk(struct stream_out *out, size_t len)
{
	size_t held = (size_t)(out->end - out->acked), capacity = len > held ? len : held;
	capacity = capacity < CHUNK_MIN ? CHUNK_MIN : capacity > CHUNK_MAX ? CHUNK_MAX : capacity;
	struct stream_chunk *chunk = malloc(sizeof(*chunk) + capacity);
	if (chunk == NULL)
		return NULL;
	*chunk = (struct stream_chunk){.offset = out->end, .capacity = capacity};
	if (out->last != NULL)
		out->last->next = chunk;
	else
		out->first = chunk;
	out->last = chunk;
	return chunk;
}

int stream_out_append(struct stream_out *out, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct stream_chunk *chunk = out->last;
		if (chunk == NULL || chunk->len == chunk->capacity)
			chunk = add_chunk(out, len - done);
		if (chunk == NULL)
			return -ENOMEM;
		size_t room = chunk->capacity - chunk->len, part = len - done < room ? len - done : room;
		memcpy(chunk->bytes + chunk->len, (const uint8_t *)bytes + done, part);
		chunk->len += part;
		out->end += part;
		done += part;
	}
	return 0;
}

unsigned stream_out_peek(const struct stream_out *out, struct iovec *parts, unsigned max)
{
	unsigned count = 0;
	for (struct stream_chunk *chunk = out->first; chunk != NULL && count < max; chunk = chunk->next) {
		if (chunk->offset + chunk->len <= out->sent)
			continue;
		size_t skip = chunk->offset < out->sent ? (size_t)(out->sent - chunk->offset) : 0;
		parts[count++] = (struct iovec){chunk->bytes + skip, chunk->len - skip};
	}
	return count;
}

void stream_out_acknowledge(struct stream_out *out, uint64_t offset)
{
	if (offset > out->acked)
		out->acked = offset < out->sent ? offset : out->sent;
	while (out->first != NULL && out->first->offset + out->first->len <= out->acked) {
		struct stream_chunk *chunk = out->first;
		out->first = chunk->next;
		if (out->first == NULL)
			out->last = NULL;
		free(chunk);
	}
}

void stream_out_clear(struct stream_out *out)
{
	while (out->first != NULL) {
		struct stream_chunk *chunk = out->first;
		out->first = chunk->next;
		free(chunk);
	}
	*out = (struct stream_out){0};
}

/* ---- datagrams --------------------------------------------------------------------------------------------------- */

size_t datagrams_out_bytes(const struct datagrams_out *out)
{
	size_t bytes = 0;
	for (unsigned i = out->next; i < out->count; i++)
		bytes += out->frames[i].iov_len;
	return bytes;
}

int datagrams_out_keep(const struct datagrams_out *from, struct datagrams_out *ret)
{
	unsigned count = from->count - from->next;
	size_t table = count * sizeof(struct iovec);
	struct iovec *frames = malloc(table + datagrams_out_bytes(from));
	if (frames == NULL)
		return -ENOMEM;
	uint8_t *to = (uint8_t *)frames + table;
	for (unsigned i = 0; i < count; i++) {
		const struct iovec *frame = &from->frames[from->next + i];
		memcpy(to, frame->iov_base, frame->iov_len);
		frames[i] = (struct iovec){to, frame->iov_len};
		to += frame->iov_len;
	}
	*ret = (struct datagrams_out){.frames = frames, .count = count, .copy = frames};
	return 0;
}

void datagrams_out_clear(struct datagrams_out *out)
{
	free(out->copy);
	*out = (struct datagrams_out){0};
}
