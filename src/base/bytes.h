// SPDX-License-Identifier: Apache-2.0
/*
 * Byte cursors with a sticky error.
 *
 * Packets are parsed straight-line and checked once at the end: after the first access outside the
 * bounds every further read yields zero, every further write is ignored, and `failed` stays set.
 * All multi-byte integers are big-endian, as everywhere on the wire.
 */
#ifndef MYCELIUM_BASE_BYTES_H
#define MYCELIUM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reads from borrowed bytes. */
struct reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool failed;
};

/* Writes into borrowed bytes. */
struct writer {
	uint8_t *start;
	uint8_t *pos;
	uint8_t *end;
	bool failed;
};

static inline struct reader reader_init(const void *bytes, size_t len)
{
	const uint8_t *start = bytes;
	return (struct reader){.pos = start, .end = len > 0 ? start + len : start};
}

static inline struct writer writer_init(void *bytes, size_t capacity)
{
	uint8_t *start = bytes;
	return (struct writer){.start = start, .pos = start, .end = start + capacity};
}

/* Bytes not yet read; 0 after a failure. */
static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->pos);
}

/* Bytes written so far. */
static inline size_t writer_len(const struct writer *w)
{
	return (size_t)(w->pos - w->start);
}

/* Borrows the next `len` bytes, or returns NULL and fails the reader. `len` 0 yields a valid pointer. */
static inline const uint8_t *read_bytes(struct reader *r, size_t len)
{
	if (r->failed || (size_t)(r->end - r->pos) < len) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *at = r->pos;
	r->pos += len;
	return at;
}

/* Copies the next `len` bytes to `to`; zeroes `to` on failure. */
static inline void read_copy(struct reader *r, void *to, size_t len)
{
	const uint8_t *at = read_bytes(r, len);
	if (at != NULL)
		memcpy(to, at, len);
	else
		memset(to, 0, len);
}

static inline void read_skip(struct reader *r, size_t len)
{
	(void)read_bytes(r, len);
}

static inline uint8_t read_u8(struct reader *r)
{
	const uint8_t *at = read_bytes(r, 1);
	return at != NULL ? at[0] : 0;
}

static inline uint16_t read_u16(struct reader *r)
{
	const uint8_t *at = read_bytes(r, 2);
	return (uint16_t)(at != NULL ? at[0] << 8 | at[1] : 0);
}

static inline uint32_t read_u32(struct reader *r)
{
	uint32_t high = read_u16(r);
	return high << 16 | read_u16(r);
}

static inline uint64_t read_u64(struct reader *r)
{
	uint64_t high = read_u32(r);
	return high << 32 | read_u32(r);
}

/* A reader over the next `len` bytes, which the outer reader skips. Failed when they are not there. */
static inline struct reader read_slice(struct reader *r, size_t len)
{
	const uint8_t *at = read_bytes(r, len);
	if (at == NULL)
		return (struct reader){.pos = r->pos, .end = r->pos, .failed = true};
	return reader_init(at, len);
}

/* Reserves the next `len` bytes for the caller to fill, or returns NULL and fails the writer. */
static inline uint8_t *write_reserve(struct writer *w, size_t len)
{
	if (w->failed || (size_t)(w->end - w->pos) < len) {
		w->failed = true;
		return NULL;
	}
	uint8_t *at = w->pos;
	w->pos += len;
	return at;
}

static inline void write_bytes(struct writer *w, const void *from, size_t len)
{
	uint8_t *at = write_reserve(w, len);
	if (!w->failed && len > 0)
		memcpy(at, from, len);
}

static inline void write_zeros(struct writer *w, size_t len)
{
	uint8_t *at = write_reserve(w, len);
	if (!w->failed)
		memset(at, 0, len);
}

static inline void write_u8(struct writer *w, uint8_t value)
{
	uint8_t *at = write_reserve(w, 1);
	if (!w->failed)
		at[0] = value;
}

static inline void write_u16(struct writer *w, uint16_t value)
{
	uint8_t *at = write_reserve(w, 2);
	if (!w->failed) {
		at[0] = (uint8_t)(value >> 8);
		at[1] = (uint8_t)value;
	}
}

static inline void write_u32(struct writer *w, uint32_t value)
{
	write_u16(w, (uint16_t)(value >> 16));
	write_u16(w, (uint16_t)value);
}

static inline void write_u64(struct writer *w, uint64_t value)
{
	write_u32(w, (uint32_t)(value >> 32));
	write_u32(w, (uint32_t)value);
}

#endif
