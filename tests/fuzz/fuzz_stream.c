// SPDX-License-Identifier: Apache-2.0
/*
 * A link over a stream that is cut anywhere: the frames of the whole byte string, however the reads fall, and the same
 * bytes again when all frames are sent on through writes of any size, after each read or after many behind one another.
 *
 *   n u8, n × amount u16     how much each read and write moves, in turn; 0: nothing for now
 *   budget u8                of a read, times 64 bytes
 *   the stream
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "link/stream.h"

enum { AMOUNTS_MAX = 256, STALLS_MAX = 3 };

/* The fake stream: `in` is what the peer sent, `out` what was sent to it. */
struct cut_stream {
	const uint8_t *in;
	size_t in_len, in_at;
	uint8_t *out;
	size_t out_len, out_capacity;
	uint16_t amounts[AMOUNTS_MAX];
	size_t amount_count, next_amount;
	unsigned stalls;
};

/* How much the next call moves. A stream that never moves again would end no test, so stalls in a row are few. */
static size_t take_amount(struct cut_stream *stream, const struct iovec *parts, int count)
{
	size_t room = 0;
	for (int i = 0; i < count; i++)
		room += parts[i].iov_len;
	size_t amount = room;
	if (stream->amount_count > 0)
		amount = stream->amounts[stream->next_amount++ % stream->amount_count];
	if (amount == 0 && stream->stalls++ < STALLS_MAX)
		return 0;
	stream->stalls = 0;
	if (amount == 0)
		amount = 1;
	return amount < room ? amount : room;
}

static long cut_read(void *context, uint8_t *to, size_t len)
{
	struct cut_stream *stream = context;
	size_t amount = take_amount(stream, &(struct iovec){to, len}, 1);
	if (stream->in_at == stream->in_len)
		return 0;
	if (amount == 0)
		return -EAGAIN;
	if (amount > stream->in_len - stream->in_at)
		amount = stream->in_len - stream->in_at;
	memcpy(to, &stream->in[stream->in_at], amount);
	stream->in_at += amount;
	return (long)amount;
}

static long cut_writev(void *context, const struct iovec *parts, int count)
{
	struct cut_stream *stream = context;
	size_t amount = take_amount(stream, parts, count);
	if (amount == 0)
		return -EAGAIN;
	size_t left = amount;
	for (int i = 0; left > 0; i++) {
		size_t len = left < parts[i].iov_len ? left : parts[i].iov_len;
		assert(stream->out_len + len <= stream->out_capacity);
		memcpy(&stream->out[stream->out_len], parts[i].iov_base, len);
		stream->out_len += len;
		left -= len;
	}
	return (long)amount;
}

static void cut_close(void *context)
{
	((struct cut_stream *)context)->in = NULL;
}

static const struct stream_ops cut_ops = {.read = cut_read, .writev = cut_writev, .close = cut_close};

/* What has to come out: the good frames of the whole string behind each other. Returns how the string ends. */
static enum frame_result expect(const uint8_t *bytes, size_t len, uint8_t *ret_frames, size_t *ret_len)
{
	uint8_t *whole = malloc(len > 0 ? len : 1);
	if (len > 0)
		memcpy(whole, bytes, len);
	size_t at = 0;
	struct frame frame;
	enum frame_result result;
	*ret_len = 0;
	while ((result = frame_decode(&whole[at], len - at, &frame)) <= FRAME_SKIPPED) {
		if (result == FRAME_OK) {
			memcpy(&ret_frames[*ret_len], frame.bytes, frame.len);
			*ret_len += frame.len;
		}
		at += frame.len;
	}
	free(whole);
	return result == FRAME_INCOMPLETE && at == len ? FRAME_OK : result;
}

static void flush(struct link *link)
{
	bool blocked;
	while (link_unsent(link) > 0)
		assert(link_flush(link, &blocked) >= 0);
}

/* Sends a vector of frames on. */
static void forward(struct link *link, const struct frame_vector *vector)
{
	struct iovec frames[LINK_VECTOR];
	bool blocked;
	flush(link);
	for (unsigned i = 0; i < vector->count; i++)
		frames[i] = (struct iovec){vector->frames[i].bytes, vector->frames[i].len};
	if (vector->count > 0)
		assert(link_send(link, frames, vector->count, &blocked) >= 0);
}

/* Frames of one read after the other, not yet sent on. */
static struct frame_vector held;

static void release(struct link *link)
{
	forward(link, &held);
	held.count = 0;
}

/* Takes the frames of one read. Returns -EPROTO behind the last good one. */
static int take_frames(struct link *link)
{
	static struct frame_vector vector;
	do {
		int error = stream_next_frames(link, &vector);
		if (held.count + vector.count > LINK_VECTOR)
			release(link);
		memcpy(&held.frames[held.count], vector.frames, vector.count * sizeof(vector.frames[0]));
		held.count += vector.count;
		if (error < 0)
			return error;
	} while (vector.count > 0);
	return 0;
}

/* One turn as a lane reads, with `hold`: each read goes behind the one before, until the buffer is full, a frame was
 * completed in the link, or nothing came. Then the frames are sent on, and the buffer is another link's. Returns 0, or what
 * ended the turn. */
static long turn(struct link *link, size_t budget, bool hold)
{
	static uint8_t buffer[STREAM_READ_SIZE + STREAM_BUFFER_SIZE];
	size_t at = 0;
	bool stays;
	long got, error;
	do {
		size_t carried = stream_carried(link);
		stays = hold && carried < STREAM_LARGE_CARRY;
		got = stream_read(link, &buffer[at], budget);
		error = got < 0 ? got : take_frames(link);
		at += got > 0 ? carried + (size_t)got : 0;
	} while (error == 0 && stays && at < STREAM_READ_SIZE);
	release(link);
	memset(buffer, 0xee, at);
	return error;
}

/* Reads to the end of the stream. Returns what ended it. */
static long drain(struct link *link, size_t budget, bool hold)
{
	long end;
	while ((end = turn(link, budget, hold)) == 0 || end == -EAGAIN)
		assert(stream_carried(link) < FRAME_SIZE_MAX);
	return end;
}

static void check_end(const struct link *link, long end, enum frame_result expected)
{
	if (expected == FRAME_OK)
		assert(end == -ENODATA);
	else if (expected == FRAME_INCOMPLETE)
		assert(end == -EPIPE);
	else
		assert(end == -EPROTO && strcmp(link_protocol_error(link), frame_result_text(expected)) == 0);
}

static void run(struct cut_stream *stream, size_t budget, bool hold)
{
	uint8_t *frames = malloc(stream->in_len + 1);
	size_t frames_len;
	enum frame_result expected = expect(stream->in, stream->in_len, frames, &frames_len);
	struct link *link = stream_link_new(&cut_ops, stream, -1, "fuzz");
	long end = drain(link, budget, hold);
	check_end(link, end, expected);
	flush(link);
	assert(stream->out_len == frames_len && memcmp(stream->out, frames, frames_len) == 0);
	link_free(link);
	free(frames);
}

static void run_input(const uint8_t *bytes, size_t len, bool hold)
{
	struct reader r = reader_init(bytes, len);
	struct cut_stream stream = {.amount_count = read_u8(&r)};
	for (size_t i = 0; i < stream.amount_count; i++)
		stream.amounts[i] = read_u16(&r);
	size_t budget = 64 + 64 * (size_t)read_u8(&r);
	stream.in_len = reader_left(&r);
	stream.in = stream.in_len > 0 ? read_bytes(&r, stream.in_len) : bytes;
	stream.out_capacity = stream.in_len + 1;
	stream.out = malloc(stream.out_capacity);
	run(&stream, budget, hold);
	free(stream.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	run_input(bytes, len, false);
	run_input(bytes, len, true);
	return 0;
}
