// SPDX-License-Identifier: Apache-2.0
/*
 * Received bytes become frames. They are copied once, from where ngtcp2 decrypted them into the buffer of the lane; a
 * frame that was cut waits in the connection's carry for its rest.
 *
 * A packet that fills a hole in the stream brings with it all that came behind the hole, up to the window that the peer
 * was granted. What the vector cannot take of that waits in the backlog, and is granted again only when it becomes
 * frames: a peer makes us hold one window, no more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/quic_internal.h"

enum {
	LARGE_CARRY = 4096, /* a cut frame of so many bytes is completed where it is */
	/* Datagrams cannot wait, so the stream leaves room for those of one packet: each takes ten bytes of it at
	   least. */
	PACKET_FRAMES_MAX = UDP_DATAGRAM_MAX / 10,
	STREAM_VECTOR = LINK_VECTOR - PACKET_FRAMES_MAX,
	STREAM_VECTOR_BYTES = QUIC_VECTOR_BYTES - UDP_DATAGRAM_MAX,
};

bool quic_input_has_room(const struct quic_output *output)
{
	return output->vector->count < STREAM_VECTOR && output->received < STREAM_VECTOR_BYTES;
}

static void protocol_error(struct quic_connection *connection, enum frame_result result)
{
	connection->link.protocol_error = result;
	connection->error = -EPROTO;
	connection->text = frame_result_text(result);
}

static void add_frame(struct quic_connection *connection, const struct frame *frame)
{
	struct quic_output *output = connection->quic->output;
	output->vector->frames[output->vector->count++] = *frame;
	output->owner = connection;
}

/* Adds the frames between the output's end and `len` bytes behind it, and moves the end behind them. Returns how many
 * bytes are left, of a frame that is cut or that the vector does not take. */
static size_t decode(struct quic_connection *connection, size_t len)
{
	struct quic_output *output = connection->quic->output;
	struct frame frame;
	while (len > 0 && quic_input_has_room(output)) {
		enum frame_result result = frame_decode(output->buffer + output->at, len, &frame);
		if (result == FRAME_INCOMPLETE)
			break;
		if (result != FRAME_OK && result != FRAME_SKIPPED) {
			protocol_error(connection, result);
			return 0;
		}
		if (result == FRAME_OK)
			add_frame(connection, &frame);
		output->at += frame.len;
		len -= frame.len;
	}
	return len;
}

/* Adds bytes to a large cut frame, and when that is whole, moves it to the output. Returns how many it took. */
static size_t complete_large(struct quic_connection *connection, const uint8_t *bytes, size_t len)
{
	struct carry *carry = &connection->carry;
	struct quic_output *output = connection->quic->output;
	size_t missing = carry->frame_len - carry->len, part = len < missing ? len : missing;
	memcpy(carry->bytes + carry->len, bytes, part);
	carry->len += part;
	if (carry->len < carry->frame_len)
		return part;
	memcpy(output->buffer + output->at, carry->bytes, carry->len);
	size_t whole = carry->len;
	carry->len = 0;
	decode(connection, whole);
	return part;
}

/* Puts bytes behind the cut frame and decodes both. Returns how many it took: the rest the vector did not take. */
static size_t decode_behind_carry(struct quic_connection *connection, const uint8_t *bytes, size_t len)
{
	struct carry *carry = &connection->carry;
	struct quic_output *output = connection->quic->output;
	uint8_t *to = output->buffer + output->at;
	if (carry->len > 0)
		memcpy(to, carry->bytes, carry->len);
	memcpy(to + carry->len, bytes, len);
	size_t left = decode(connection, carry->len + len);
	carry->len = 0;
	if (!quic_input_has_room(output))
		return len - left;
	if (left > 0 && carry_keep(carry, output->buffer + output->at, left) != 0)
		connection->error = -ENOMEM;
	return len;
}

/* Decodes what the vector takes. Returns how many bytes that were. */
static size_t take(struct quic_connection *connection, const uint8_t *bytes, size_t len)
{
	struct quic_output *output = connection->quic->output;
	size_t done = 0;
	while (done < len && connection->error == 0 && quic_input_has_room(output)) {
		size_t room = STREAM_VECTOR_BYTES - output->received, part = len - done < room ? len - done : room;
		part = connection->carry.len >= LARGE_CARRY ? complete_large(connection, bytes + done, part)
							    : decode_behind_carry(connection, bytes + done, part);
		output->received += part;
		done += part;
	}
	ngtcp2_conn_extend_max_stream_offset(connection->conn, 0, done);
	ngtcp2_conn_extend_max_offset(connection->conn, done);
	return done;
}

/* ---- backlog ----------------------------------------------------------------------------------------------------- */

static int backlog_reserve(struct quic_backlog *backlog, size_t len)
{
	if (backlog->len + len <= backlog->capacity)
		return 0;
	size_t capacity = backlog->capacity > 0 ? backlog->capacity : 1024;
	while (capacity < backlog->len + len)
		capacity *= 2;
	uint8_t *bytes = realloc(backlog->bytes, capacity);
	if (bytes == NULL)
		return -ENOMEM;
	backlog->bytes = bytes;
	backlog->capacity = capacity;
	return 0;
}

static void keep(struct quic_connection *connection, const uint8_t *bytes, size_t len)
{
	struct quic_backlog *backlog = &connection->backlog;
	bool early = connection->state != QUIC_ADOPTED;
	if (len == 0 || connection->error != 0)
		return;
	if ((early && backlog->len + len > QUIC_EARLY_BYTES_MAX) || backlog_reserve(backlog, len) != 0) {
		connection->error = -ENOBUFS;
		return;
	}
	memcpy(backlog->bytes + backlog->len, bytes, len);
	backlog->len += len;
	if (!early)
		quic_enlist(&connection->quic->waiting, &connection->waiting);
}

static void backlog_clear(struct quic_backlog *backlog)
{
	free(backlog->bytes);
	*backlog = (struct quic_backlog){0};
}

void quic_input_backlog(struct quic_connection *connection)
{
	struct quic_backlog *backlog = &connection->backlog;
	if (backlog->at < backlog->len)
		backlog->at += take(connection, backlog->bytes + backlog->at, backlog->len - backlog->at);
	if (backlog->at == backlog->len) {
		backlog_clear(backlog);
		list_remove(&connection->waiting);
	}
}

/* ---- from ngtcp2 ------------------------------------------------------------------------------------------------- */

void quic_input_stream(struct quic_connection *connection, const uint8_t *bytes, size_t len)
{
	size_t taken = 0;
	bool behind = connection->backlog.len > 0;
	/* The end of the stream comes without bytes. */
	if (len == 0)
		return;
	if (connection->state == QUIC_ADOPTED && !behind && connection->quic->output != NULL && connection->error == 0)
		taken = take(connection, bytes, len);
	keep(connection, bytes + taken, len - taken);
}

/* What is cut or no frame at all costs the datagram, not the connection. */
void quic_input_datagram(struct quic_connection *connection, const uint8_t *bytes, size_t len)
{
	struct quic_output *output = connection->quic->output;
	struct frame frame;
	if (connection->state != QUIC_ADOPTED || output == NULL || output->vector->count == LINK_VECTOR ||
	    len > QUIC_VECTOR_BYTES - output->received)
		return;
	memcpy(output->buffer + output->at, bytes, len);
	if (frame_decode(output->buffer + output->at, len, &frame) != FRAME_OK) {
		connection->quic->counters.datagrams_invalid++;
		return;
	}
	add_frame(connection, &frame);
	output->at += frame.len;
	output->received += len;
}

void quic_input_clear(struct quic_connection *connection)
{
	backlog_clear(&connection->backlog);
	carry_clear(&connection->carry);
}
