// SPDX-License-Identifier: Apache-2.0
/*
 * What arrives over QUIC, by the first byte:
 *
 *   even   datagrams of strangers: u16 length, bytes; again. The endpoint takes them, answers, waits, and is freed.
 *   odd    what a peer sends over an established connection: u8 kind, u16 length, bytes; again. Kind 0: a piece of the
 *          stream while frames are taken, 1: while they are not, 2: a DATAGRAM. Of the stream come the frames of the
 *          whole byte string, however it was cut.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "link/quic_internal.h"

enum { STREAM_MAX = 1 << 20 };

static struct quic_identity *identity(void)
{
	static struct quic_identity *made;
	const struct secret_key secret = {{7}};
	if (made == NULL)
		made = quic_identity_new(&secret);
	assert(made != NULL);
	return made;
}

/* An endpoint whose packets go nowhere. */
static struct quic *endpoint(void)
{
	static int nowhere = -1;
	if (nowhere < 0)
		nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct quic_config config = {
		.identity = identity(), .sockets = {{nowhere, nowhere}}, .lane = 0, .lanes = 1, .seed = 1};
	struct quic *quic = quic_new(&config);
	assert(quic != NULL);
	quic_set_time(quic, 1000000);
	return quic;
}

static struct udp_path some_path(void)
{
	struct udp_path path = {.local = {.in = {.sin_family = AF_INET}}};
	path.remote.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9651)};
	path.remote.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return path;
}

static uint8_t buffer[QUIC_BUFFER_SIZE];
static struct frame_vector vector;

/* ---- strangers --------------------------------------------------------------------------------------------------- */

static void take_as_stranger(struct quic *quic, const uint8_t *bytes, size_t len)
{
	const struct udp_path path = some_path();
	uint8_t *copy = malloc(len > 0 ? len : 1);
	memcpy(copy, bytes, len);
	const struct udp_datagram datagram = {.bytes = copy, .len = len, .path = &path};
	quic_take_datagram(quic, 0, &datagram);
	free(copy);
}

static void run_strangers(struct reader *r)
{
	struct quic *quic = endpoint();
	struct quic_event event;
	while (reader_left(r) > 0) {
		size_t len = read_u16(r);
		len = len < reader_left(r) ? len : reader_left(r);
		const uint8_t *bytes = read_bytes(r, len);
		if (bytes != NULL)
			take_as_stranger(quic, bytes, len);
		quic_flush(quic);
		quic_transmit(quic);
	}
	assert(quic->count <= 64 && quic->pending == quic->count);
	/* Whatever it was, nobody speaks for it: it goes by itself. */
	quic_set_time(quic, 1000000 + QUIC_HANDSHAKE_MS * 1000 + 1000);
	quic_expire(quic);
	quic_flush(quic);
	quic_transmit(quic);
	assert(quic->count == 0 && quic->pending == 0 && !quic_next_event(quic, &event));
	quic_free(quic);
}

/* ---- a peer ------------------------------------------------------------------------------------------------------ */

/* What came out, and what has to. */
struct outcome {
	uint8_t bytes[STREAM_MAX];
	size_t len;
};

static struct outcome got, expected;

static void collect(struct outcome *outcome)
{
	for (unsigned i = 0; i < vector.count; i++) {
		assert(outcome->len + vector.frames[i].len <= sizeof(outcome->bytes));
		memcpy(outcome->bytes + outcome->len, vector.frames[i].bytes, vector.frames[i].len);
		outcome->len += vector.frames[i].len;
	}
	vector.count = 0;
}

/* Takes all that waits, vector by vector. */
static void drain(struct quic_connection *connection)
{
	while (connection->backlog.len > 0 && connection->error == 0) {
		struct quic_output output = {.buffer = buffer, .vector = &vector};
		connection->quic->output = &output;
		quic_input_backlog(connection);
		connection->quic->output = NULL;
		assert(output.at <= QUIC_VECTOR_BYTES + FRAME_SIZE_MAX);
		collect(&got);
	}
}

static void feed_stream(struct quic_connection *connection, bool taking, const uint8_t *bytes, size_t len)
{
	struct quic_output output = {.buffer = buffer, .vector = &vector};
	if (taking)
		drain(connection);
	connection->quic->output = taking ? &output : NULL;
	quic_input_stream(connection, bytes, len);
	connection->quic->output = NULL;
	collect(&got);
	if (taking)
		drain(connection);
}

static void feed_datagram(struct quic_connection *connection, uint8_t *bytes, size_t len)
{
	struct quic_output output = {.buffer = buffer, .vector = &vector};
	struct frame frame;
	size_t before = got.len;
	connection->quic->output = &output;
	quic_input_datagram(connection, bytes, len);
	connection->quic->output = NULL;
	collect(&got);
	bool whole = len <= UDP_DATAGRAM_MAX && frame_decode(bytes, len, &frame) == FRAME_OK;
	assert(!whole || (got.len == before + frame.len && memcmp(got.bytes + before, bytes, frame.len) == 0));
	assert(whole || len > UDP_DATAGRAM_MAX || got.len == before);
	got.len = before;
}

/* The good frames of a byte string behind one another. Returns how it ends. */
static enum frame_result expect(uint8_t *bytes, size_t len)
{
	struct frame frame;
	enum frame_result result;
	expected.len = 0;
	while ((result = frame_decode(bytes, len, &frame)) <= FRAME_SKIPPED) {
		if (result == FRAME_OK) {
			memcpy(expected.bytes + expected.len, frame.bytes, frame.len);
			expected.len += frame.len;
		}
		bytes += frame.len;
		len -= frame.len;
	}
	return result;
}

/* Feeds the pieces; `whole` gets those of the stream. Returns its length. */
static size_t feed_pieces(struct quic_connection *connection, struct reader *r, uint8_t *whole)
{
	size_t at = 0;
	while (reader_left(r) > 3) {
		uint8_t kind = read_u8(r);
		size_t len = read_u16(r);
		len = len < reader_left(r) ? len : reader_left(r);
		const uint8_t *bytes = read_bytes(r, len);
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, bytes, len);
		if (kind % 3 == 2) {
			feed_datagram(connection, copy, len);
		} else if (connection->error == 0) {
			memcpy(whole + at, copy, len);
			at += len;
			feed_stream(connection, kind % 3 == 0, copy, len);
		}
		free(copy);
	}
	return at;
}

static void run_peer(struct reader *r)
{
	struct quic *quic = endpoint();
	const struct udp_path path = some_path();
	struct quic_connection *connection = quic_connection_new(quic, 0, &path, NULL);
	uint8_t *whole = malloc(reader_left(r) + 1);
	assert(connection != NULL);
	/* As if the handshake were over: nothing here asks ngtcp2 for more than credit for the peer. */
	connection->state = QUIC_ADOPTED;
	connection->is_link = true;
	quic->sockets[0].dials--;
	got.len = 0;
	size_t len = feed_pieces(connection, r, whole);
	drain(connection);
	enum frame_result end = expect(whole, len);
	assert(got.len == expected.len && memcmp(got.bytes, expected.bytes, got.len) == 0);
	assert(connection->error == (end == FRAME_INCOMPLETE ? 0 : -EPROTO));
	free(whole);
	link_free(&connection->link);
	quic_free(quic);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader r = reader_init(bytes, len);
	if (len > STREAM_MAX)
		return 0;
	if (read_u8(&r) % 2 == 0)
		run_strangers(&r);
	else
		run_peer(&r);
	return 0;
}
