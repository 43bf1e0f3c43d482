// SPDX-License-Identifier: Apache-2.0
/* What a done handshake carries: every byte, in order, whatever the sockets take and whatever records the peer makes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>

#include "base/random.h"
#include "tls_ends.h"

enum { RECORD_SIZE = 16384, STORE_SIZE = 24 << 20 };

static uint8_t buffer[STREAM_BUFFER_SIZE];

/* ---- frames both ways -------------------------------------------------------------------------------------------- */

/* One direction: what was sent, and how much of it has come. */
struct flow {
	struct link *from, *to;
	uint8_t *sent;
	size_t sent_len, seen;
	unsigned blocked;
};

static struct flow flow_new(struct link *from, struct link *to)
{
	struct flow flow = {.from = from, .to = to, .sent = malloc(STORE_SIZE)};
	assert_non_null(flow.sent);
	return flow;
}

/* Sends frames with these body lengths, behind one another or apart. */
static void flow_send(struct flow *flow, struct rng *rng, const uint16_t *bodies, unsigned count, bool apart)
{
	static uint8_t pool[LINK_VECTOR * (FRAME_SIZE_MAX + 1)];
	struct iovec frames[LINK_VECTOR];
	uint8_t *at = pool;
	for (unsigned i = 0; i < count; i++) {
		size_t len = DATA_FRAME_HEADER_SIZE + (size_t)bodies[i];
		const uint8_t header[8] = {1, 0, 0, 0, 0, (uint8_t)(bodies[i] >> 8), (uint8_t)bodies[i], 63};
		for (size_t b = 0; b < len; b += 8)
			memcpy(at + b, &(uint64_t){rng_next(rng)}, len - b < 8 ? len - b : 8);
		memcpy(at, header, sizeof(header));
		assert_true(flow->sent_len + len <= STORE_SIZE);
		memcpy(flow->sent + flow->sent_len, at, len);
		flow->sent_len += len;
		frames[i] = (struct iovec){at, len};
		at += len + apart;
	}
	bool blocked;
	assert_true(link_send(flow->from, frames, count, &blocked) >= 0);
	assert_int_equal(link_unsent(flow->from) > 0, blocked);
	flow->blocked += blocked;
	memset(pool, 0xee, (size_t)(at - pool));
}

static void flow_flush(struct flow *flow)
{
	bool blocked;
	if (link_unsent(flow->from) > 0)
		assert_true(link_flush(flow->from, &blocked) >= 0);
}

/* Reads once; all frames are the next ones. Returns whether something came. */
static bool flow_read(struct flow *flow, size_t budget)
{
	static struct frame_vector frames;
	long got = stream_read(flow->to, buffer, budget);
	assert_true((got > 0 && (size_t)got <= budget) || got == -EAGAIN);
	do {
		assert_int_equal(stream_next_frames(flow->to, &frames), 0);
		for (unsigned i = 0; i < frames.count; i++) {
			assert_true(flow->seen + frames.frames[i].len <= flow->sent_len);
			assert_memory_equal(frames.frames[i].bytes, flow->sent + flow->seen, frames.frames[i].len);
			flow->seen += frames.frames[i].len;
		}
	} while (frames.count > 0);
	return got > 0;
}

static void flow_drain(struct flow *flow, size_t budget)
{
	for (unsigned idle = 0; flow->seen < flow->sent_len; idle++) {
		flow_flush(flow);
		if (flow_read(flow, budget))
			idle = 0;
		assert_true(idle < TLS_WAIT_MS);
		if (idle > 3)
			poll(NULL, 0, 1);
	}
	assert_int_equal(link_unsent(flow->from), 0);
	assert_false(stream_pending(flow->to));
}

/* Small receive buffers would make TCP itself wait. */
static void small_send_buffer(struct link *link, int size)
{
	assert_int_equal(setsockopt(link_fd(link), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

/* Frames of every length around those of records, and the largest. */
static void every_length(void **state)
{
	(void)state;
	struct link *links[2];
	struct rng rng = rng_seeded(1);
	link_ends(links);
	struct flow flow = flow_new(links[CLIENT], links[SERVER]);
	for (unsigned first = 0; first < 2048; first += LINK_VECTOR) {
		uint16_t bodies[LINK_VECTOR];
		for (unsigned i = 0; i < LINK_VECTOR; i++)
			bodies[i] = (uint16_t)(first + i);
		flow_send(&flow, &rng, bodies, LINK_VECTOR, first & LINK_VECTOR);
		flow_drain(&flow, STREAM_READ_SIZE);
	}
	static const uint16_t edges[] = {16343, 16344, 16345, 32727, 32728, 32729, 49111, 49112, 49113, 65534, 65535};
	for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (unsigned count = 1; count <= 4; count++) {
			const uint16_t bodies[4] = {edges[i], (uint16_t)(count * 7), edges[i], edges[i]};
			flow_send(&flow, &rng, bodies, count, i & 1);
			flow_drain(&flow, STREAM_READ_SIZE - i * 1000);
		}
	free(flow.sent);
	link_free(links[CLIENT]);
	link_free(links[SERVER]);
}

/* Both directions at once through small sockets, read in random amounts: writers are blocked inside records all the time. */
static void blocked_again_and_again(void **state)
{
	(void)state;
	unsigned flow_count = 0;
	uint64_t blocked = 0;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct rng rng = rng_seeded(seed);
		struct link *links[2];
		link_ends(links);
		small_send_buffer(links[CLIENT], 4608);
		small_send_buffer(links[SERVER], (int)(2304 + 4000 * seed));
		struct flow flows[2] = {flow_new(links[CLIENT], links[SERVER]), flow_new(links[SERVER], links[CLIENT])};
		while (flows[0].sent_len < 1500000 || flows[1].sent_len < 1500000) {
			struct flow *flow = &flows[rng_below(&rng, 2)];
			if (link_unsent(flow->from) == 0 && flow->sent_len < 1500000) {
				bool small = rng_below(&rng, 3) > 0;
				uint16_t bodies[LINK_VECTOR];
				unsigned count = 1 + (unsigned)rng_below(&rng, small ? LINK_VECTOR : 4);
				for (unsigned i = 0; i < count; i++)
					bodies[i] = (uint16_t)rng_below(&rng, small ? 1400 : 65536);
				flow_send(flow, &rng, bodies, count, rng_below(&rng, 2));
			}
			flow_flush(flow);
			if (rng_below(&rng, 3) == 0)
				flow_read(&flows[rng_below(&rng, 2)], 1 + rng_below(&rng, 90000));
		}
		for (int i = 0; i < 2; i++) {
			flow_drain(&flows[i], 1 + rng_below(&rng, STREAM_READ_SIZE));
			assert_true(flows[i].blocked > 0);
			blocked += flows[i].blocked;
			flow_count++;
			free(flows[i].sent);
		}
		link_free(links[SERVER]);
		link_free(links[CLIENT]);
	}
	/* How often a single one is, is the kernel's choice. */
	assert_true(blocked > 10 * flow_count);
}

static void statistics(void **state)
{
	(void)state;
	struct link *links[2];
	struct rng rng = rng_seeded(3);
	link_ends(links);
	struct flow flow = flow_new(links[CLIENT], links[SERVER]);
	flow_send(&flow, &rng, (const uint16_t[]){100}, 1, false);
	flow_drain(&flow, STREAM_READ_SIZE);
	struct link_stats stats;
	link_get_stats(links[CLIENT], &stats);
	assert_true(stats.rtt_us > 0 && stats.repair_us > 0 && stats.repair_us <= 1000000);
	assert_int_equal(stats.lost, 0);
	assert_true(link_unacknowledged_ms(links[CLIENT]) >= 0);
	assert_int_equal(link_window(links[CLIENT]), SIZE_MAX);
	free(flow.sent);
	link_free(links[CLIENT]);
	link_free(links[SERVER]);
}

/* ---- a peer that is GnuTLS alone --------------------------------------------------------------------------------- */

/* What a raw peer sends goes here instead of to its socket, to be sent in parts. */
static uint8_t held[1 << 20];
static size_t held_len;

static ssize_t hold(gnutls_transport_ptr_t context, const void *bytes, size_t len)
{
	(void)context;
	assert_true(held_len + len <= sizeof(held));
	memcpy(held + held_len, bytes, len);
	held_len += len;
	return (ssize_t)len;
}

static void raw_hold(struct raw *raw)
{
	held_len = 0;
	gnutls_transport_set_push_function(raw->session, hold);
}

/* Sends what is held from `at` on, `len` bytes. */
static void release(struct raw *raw, size_t at, size_t len)
{
	assert_true(at + len <= held_len);
	assert_int_equal(send(raw->fd, held + at, len, MSG_NOSIGNAL), len);
}

static void raw_send(struct raw *raw, const void *bytes, size_t len)
{
	assert_int_equal(gnutls_record_send(raw->session, bytes, len), len);
}

/* A data frame of `len` bytes, all else of which is its length's low byte. */
static const uint8_t *frame_of(size_t len)
{
	static uint8_t frame[FRAME_SIZE_MAX];
	const size_t body = len - DATA_FRAME_HEADER_SIZE;
	const uint8_t header[8] = {1, 0, 0, 0, 0, (uint8_t)(body >> 8), (uint8_t)body, 63};
	memset(frame, (int)len, len);
	memcpy(frame, header, sizeof(header));
	return frame;
}

static void assert_frame(struct link *link, size_t len)
{
	static struct frame_vector frames;
	assert_int_equal(stream_next_frames(link, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_int_equal(frames.frames[0].len, len);
	assert_memory_equal(frames.frames[0].bytes, frame_of(len), len);
	assert_int_equal(stream_next_frames(link, &frames), 0);
	assert_int_equal(frames.count, 0);
}

static void assert_no_frame(struct link *link)
{
	static struct frame_vector frames;
	assert_int_equal(stream_next_frames(link, &frames), 0);
	assert_int_equal(frames.count, 0);
}

/* Bytes of a record that a read had no room for, and nothing else, are pending. */
static void pending(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	assert_false(stream_pending(link));
	raw_hold(&raw);
	raw_send(&raw, frame_of(1000), 1000);
	release(&raw, 0, held_len - 1);
	wait_for(link_fd(link), POLLIN);
	/* A record that is not whole is nothing yet. */
	assert_int_equal(stream_read(link, buffer, 100), -EAGAIN);
	assert_false(stream_pending(link));
	release(&raw, held_len - 1, 1);
	wait_for(link_fd(link), POLLIN);
	assert_false(stream_pending(link));
	for (unsigned at = 0; at < 1000; at += 100) {
		assert_int_equal(stream_read(link, buffer, 100), 100);
		assert_int_equal(stream_pending(link), at < 900);
		if (at < 900)
			assert_no_frame(link);
	}
	assert_frame(link, 1000);
	assert_int_equal(stream_read(link, buffer, 100), -EAGAIN);
	raw_close(&raw);
	link_free(link);
}

static void read_fills_the_budget(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	raw_send(&raw, frame_of(3000), 1000);
	raw_send(&raw, frame_of(3000) + 1000, 1000);
	raw_send(&raw, frame_of(3000) + 2000, 1000);
	poll(NULL, 0, 50);
	assert_int_equal(stream_read(link, buffer, 1500), 1500);
	assert_true(stream_pending(link));
	assert_no_frame(link);
	assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), 1500);
	assert_false(stream_pending(link));
	assert_frame(link, 3000);
	raw_close(&raw);
	link_free(link);
}

/* A large record byte by byte: one read for each, nothing is kept of it but the bytes. */
static void record_byte_by_byte(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	raw_hold(&raw);
	raw_send(&raw, frame_of(RECORD_SIZE), RECORD_SIZE);
	size_t before = mallinfo2().uordblks, most = 0;
	for (size_t at = 0; at + 1 < held_len; at++) {
		release(&raw, at, 1);
		assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), -EAGAIN);
		size_t now = mallinfo2().uordblks;
		most = now > before + most ? now - before : most;
	}
	assert_true(most < 3 * RECORD_SIZE);
	release(&raw, held_len - 1, 1);
	assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), RECORD_SIZE);
	assert_frame(link, RECORD_SIZE);
	raw_close(&raw);
	link_free(link);
}

/* Records without a byte, and with one: no read takes more than its share of them, and none is the end. */
static void small_records(void **state)
{
	(void)state;
	enum { RECORDS = 5000, SHARE = 128 };
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	raw_hold(&raw);
	for (int i = 0; i < RECORDS; i++)
		assert_true(gnutls_record_send2(raw.session, "", 0, 1, 0) >= 0);
	for (int i = 0; i < RECORDS; i++)
		raw_send(&raw, frame_of(RECORDS) + i, 1);
	size_t at = 0;
	long total = 0;
	unsigned reads = 0;
	for (; total < RECORDS; reads++) {
		size_t len = held_len - at < 8192 ? held_len - at : 8192;
		release(&raw, at, len);
		at += len;
		poll(NULL, 0, len > 0 ? 0 : 1);
		long got = stream_read(link, buffer, STREAM_READ_SIZE);
		assert_true((got > 0 && got <= SHARE) || got == -EAGAIN);
		if (got > 0 && total + got < RECORDS)
			assert_no_frame(link);
		total += got > 0 ? got : 0;
		assert_true(reads < RECORDS);
	}
	assert_true(reads >= 2 * RECORDS / SHARE);
	assert_frame(link, RECORDS);
	raw_close(&raw);
	link_free(link);
}

/* Reads what the link sends until `len` bytes have come, which must be those. */
static void raw_expect(struct raw *raw, struct link *link, const uint8_t *expected, size_t len)
{
	static uint8_t got[RECORD_SIZE];
	size_t at = 0;
	for (unsigned idle = 0; at < len; idle++) {
		bool blocked;
		assert_true(link_flush(link, &blocked) >= 0);
		ssize_t count = gnutls_record_recv(raw->session, got, sizeof(got));
		if (count == GNUTLS_E_AGAIN && idle < TLS_WAIT_MS) {
			poll(NULL, 0, idle > 3);
			continue;
		}
		assert_true(count > 0 && at + (size_t)count <= len);
		assert_memory_equal(got, expected + at, (size_t)count);
		at += (size_t)count;
		idle = 0;
	}
}

/* The peer asks for new keys while our writer is blocked inside a record: the answer goes between two records. */
static void key_update_while_blocked(void **state)
{
	(void)state;
	enum { LEN = 8 << 20 };
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	uint8_t *bytes = malloc(LEN);
	assert_non_null(bytes);
	struct rng rng = rng_seeded(4);
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	bool blocked;
	small_send_buffer(link, 4608);
	assert_true(link_send(link, &(struct iovec){bytes, LEN}, 1, &blocked) >= 0);
	assert_true(blocked);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(gnutls_session_key_update(raw.session, GNUTLS_KU_PEER), 0);
		raw_send(&raw, frame_of(50), 50);
		wait_for(link_fd(link), POLLIN);
		long got;
		while ((got = stream_read(link, buffer, STREAM_READ_SIZE)) == -EAGAIN)
			wait_for(link_fd(link), POLLIN);
		assert_int_equal(got, 50);
		assert_frame(link, 50);
	}
	raw_expect(&raw, link, bytes, LEN);
	assert_int_equal(link_unsent(link), 0);
	free(bytes);
	raw_close(&raw);
	link_free(link);
}

/* Reads until something other than "nothing there". */
static long read_on(struct link *link)
{
	long got;
	while ((got = stream_read(link, buffer, STREAM_READ_SIZE)) == -EAGAIN && !stream_pending(link))
		wait_for(link_fd(link), POLLIN);
	return got != -EAGAIN ? got : stream_read(link, buffer, STREAM_READ_SIZE);
}

static void key_update_flood(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	for (int i = 0; i < 100; i++)
		assert_int_equal(gnutls_session_key_update(raw.session, 0), 0);
	assert_int_equal(read_on(link), -EBADMSG);
	raw_close(&raw);
	link_free(link);
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

static void changed_record(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	raw_hold(&raw);
	raw_send(&raw, frame_of(100), 100);
	raw_send(&raw, frame_of(200), 200);
	held[held_len - 1] ^= 1;
	release(&raw, 0, held_len);
	/* What came before was good. */
	assert_int_equal(read_on(link), 100);
	assert_frame(link, 100);
	assert_true(stream_pending(link));
	assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), -EBADMSG);
	assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), -EBADMSG);
	/* The peer was told. */
	wait_for(raw.fd, POLLIN);
	assert_int_equal(gnutls_record_recv(raw.session, buffer, 10), GNUTLS_E_FATAL_ALERT_RECEIVED);
	assert_int_equal(gnutls_alert_get(raw.session), GNUTLS_A_BAD_RECORD_MAC);
	raw_close(&raw);
	link_free(link);
}

/* The peer's TCP ends without a word, between records and inside one. */
static void end_without_close_notify(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 3; cut++) {
		struct raw raw;
		struct link *link = link_with_raw(&raw);
		raw_hold(&raw);
		raw_send(&raw, frame_of(100), 100);
		size_t first = held_len;
		raw_send(&raw, frame_of(100), 100);
		release(&raw, 0, first + cut * 40);
		raw_close(&raw);
		assert_int_equal(read_on(link), 100);
		assert_frame(link, 100);
		assert_int_equal(read_on(link), -ENODATA);
		link_free(link);
	}
}

static void close_notify(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	raw_send(&raw, frame_of(100), 100);
	assert_int_equal(gnutls_bye(raw.session, GNUTLS_SHUT_WR), 0);
	poll(NULL, 0, 50);
	/* The descriptor tells nothing more: the end is pending. */
	assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), 100);
	assert_frame(link, 100);
	assert_true(stream_pending(link));
	assert_int_equal(stream_read(link, buffer, STREAM_READ_SIZE), -ENODATA);
	/* Ours comes, too. */
	link_free(link);
	wait_for(raw.fd, POLLIN);
	assert_int_equal(gnutls_record_recv(raw.session, buffer, 10), 0);
	raw_close(&raw);
}

static void end_inside_a_frame(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	raw_send(&raw, frame_of(100), 60);
	assert_int_equal(gnutls_bye(raw.session, GNUTLS_SHUT_WR), 0);
	assert_int_equal(read_on(link), 60);
	assert_no_frame(link);
	assert_int_equal(read_on(link), -EPIPE);
	raw_close(&raw);
	link_free(link);
}

static void reset(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	raw_close(&raw);
	assert_int_equal(read_on(link), -ECONNRESET);
	bool blocked;
	assert_int_equal(link_send(link, &(struct iovec){buffer, 100}, 1, &blocked), -ECONNRESET);
	link_free(link);
}

static void alert(void **state)
{
	(void)state;
	struct raw raw;
	struct link *link = link_with_raw(&raw);
	assert_int_equal(gnutls_alert_send(raw.session, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR), 0);
	assert_int_equal(read_on(link), -ECONNABORTED);
	raw_close(&raw);
	link_free(link);
}

/* Closing with much unsent does not wait. */
static void closed_while_blocked(void **state)
{
	(void)state;
	struct link *links[2];
	struct rng rng = rng_seeded(5);
	link_ends(links);
	small_send_buffer(links[CLIENT], 4608);
	struct flow flow = flow_new(links[CLIENT], links[SERVER]);
	while (flow.blocked == 0)
		flow_send(&flow, &rng, (const uint16_t[]){65535}, 1, false);
	link_free(links[CLIENT]);
	long got;
	while ((got = read_on(links[SERVER])) > 0)
		stream_next_frames(links[SERVER], &(struct frame_vector){0});
	assert_true(got == -ENODATA || got == -EPIPE);
	link_free(links[SERVER]);
	free(flow.sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(blocked_again_and_again),
		cmocka_unit_test(statistics),
		cmocka_unit_test(pending),
		cmocka_unit_test(read_fills_the_budget),
		cmocka_unit_test(record_byte_by_byte),
		cmocka_unit_test(small_records),
		cmocka_unit_test(key_update_while_blocked),
		cmocka_unit_test(key_update_flood),
		cmocka_unit_test(changed_record),
		cmocka_unit_test(end_without_close_notify),
		cmocka_unit_test(close_notify),
		cmocka_unit_test(end_inside_a_frame),
		cmocka_unit_test(reset),
		cmocka_unit_test(alert),
		cmocka_unit_test(closed_while_blocked),
	};
	return cmocka_run_group_tests_name("tls_stream", tests, NULL, NULL);
}
