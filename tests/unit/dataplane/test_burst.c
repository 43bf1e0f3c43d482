// SPDX-License-Identifier: Apache-2.0
/* What goes out at once: frames passed on from where they were read, among what waits and what this host sends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "dataplane/lane_internal.h"
#include "known_packets.h"
#include "lane_fixture.h"

/* The first belongs to lane 0, the others to lanes 1, 0, 1, ... of two. */
enum { SOURCE = 0x00020000, TARGET, OTHER, THIRD };

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], body[BUFFER_SIZE];
static uint8_t stream[STREAM_READ_SIZE];

/* The body's bytes behind its number follow from that, so that parts of other frames would be noticed. */
static size_t numbered_frame(uint8_t *frame, const char *destination, uint32_t number, size_t body_len)
{
	struct rng rng = rng_seeded(number);
	number_write(body, number);
	for (size_t i = sizeof(number); i < body_len; i++)
		body[i] = (uint8_t)rng_next(&rng);
	return frame_make(frame, NODE_A, destination, 64, body, body_len);
}

/* The number of the next frame, which arrives as it was made but for its hop limit. */
static uint32_t receive_numbered(int peer, const char *destination)
{
	size_t len = peer_receive(peer, out);
	uint32_t number = number_read(out + DATA_FRAME_HEADER_SIZE);
	assert_int_equal(len, numbered_frame(in, destination, number, len - DATA_FRAME_HEADER_SIZE));
	in[7] = 63;
	assert_memory_equal(out, in, len);
	return number;
}

static uint64_t dropped(struct fixture *f)
{
	uint64_t sum = fixture_counter(f, LANE_PACKETS_DROPPED_QUEUE);
	sum += lanes_counter(f->lanes, LANE_PACKETS_DROPPED_DELAY);
	return sum + lanes_counter(f->lanes, LANE_PACKETS_DROPPED_MEMORY);
}

/* A link that blocks in the middle of what is passed on gets every byte in order once it reads again. */
static void blocks_in_the_middle(void **state)
{
	(void)state;
	enum { FRAMES = 300, BODY = 1000, AT_ONCE = 40 };
	for (unsigned lanes = 1; lanes <= 2; lanes++) {
		struct fixture f;
		fixture_start_lanes(&f, NODE_T, true, lanes);
		int source = fixture_add_link(&f, SOURCE), narrow = fixture_add_narrow_link(&f, TARGET);
		fixture_route(&f, NODE_B, TARGET);
		for (uint32_t i = 0; i < FRAMES;) {
			size_t len = 0;
			for (unsigned n = 0; n < AT_ONCE && i < FRAMES; n++)
				len += numbered_frame(stream + len, NODE_B, i++, BODY);
			peer_send(source, stream, len);
		}
		assert_int_equal(fixture_counter(&f, LANE_PACKETS_DROPPED_QUEUE), 0);
		uint32_t number = 0, got = 0;
		for (uint32_t before = 0; number != FRAMES - 1; before = number, got++) {
			number = receive_numbered(narrow, NODE_B);
			assert_true(got == 0 || number > before);
		}
		assert_int_equal(got + dropped(&f), FRAMES);
		fixture_stop(&f);
		close(source), close(narrow);
	}
}

/* Back where it came from, and larger than a slot. */
static void to_the_same_link(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_T, SOURCE);
	fixture_route(&f, NODE_B, SOURCE);
	for (size_t body_len = 4; body_len <= 65535; body_len += body_len < 65000 ? 5000 : 531) {
		peer_send(peer, in, numbered_frame(in, NODE_B, (uint32_t)body_len, body_len));
		assert_int_equal(receive_numbered(peer, NODE_B), body_len);
	}
	fixture_stop(&f);
	close(peer);
}

/* A link that blocks and comes free again, over and over: what is passed on does not overtake what waits in the queue. */
static void behind_what_waits(void **state)
{
	(void)state;
	enum { ROUNDS = 150 };
	struct rng rng = rng_seeded(5);
	for (unsigned lanes = 1; lanes <= 2; lanes++) {
		struct fixture f;
		uint32_t sent = 0, got = 0, number = 0;
		fixture_start_lanes(&f, NODE_T, true, lanes);
		int source = fixture_add_link(&f, SOURCE), narrow = fixture_add_narrow_link(&f, TARGET);
		fixture_route(&f, NODE_B, TARGET);
		for (unsigned round = 0; round <= ROUNDS; round++) {
			size_t len = 0;
			uint32_t count = 1 + (uint32_t)rng_below(&rng, 30);
			for (uint32_t i = 0; i < count; i++)
				len += numbered_frame(stream + len, NODE_B, sent++, 4 + rng_below(&rng, 1300));
			peer_send(source, stream, len);
			if (rng_below(&rng, 2) == 0)
				fixture_settle(&f);
			/* In the end all, until then as many as are there for sure. */
			uint32_t wanted = round == ROUNDS ? sent : count / 2;
			for (uint32_t i = 0; i < wanted && number != sent - 1; i++, got++) {
				uint32_t next = receive_numbered(narrow, NODE_B);
				assert_true(got == 0 || next > number);
				number = next;
			}
		}
		assert_int_equal(got + dropped(&f), sent);
		fixture_stop(&f);
		close(source), close(narrow);
	}
}

/* One read brings frames for several links, one of which takes none; of some it is the last that the read cut. */
static void one_read_for_several_links(void **state)
{
	(void)state;
	enum { TARGETS = 4, FRAMES = 120, ROUNDS = 10 };
	static const char *const destinations[TARGETS] = {"4c0::1", "4c1::1", "4c2::1", "4c3::1"};
	for (unsigned lanes = 1; lanes <= 2; lanes++) {
		struct fixture f;
		int targets[TARGETS];
		fixture_start_lanes(&f, NODE_T, true, lanes);
		int source = fixture_add_link(&f, SOURCE);
		for (unsigned i = 0; i < TARGETS; i++) {
			targets[i] = i == 2 ? fixture_add_narrow_link(&f, TARGET + i) : fixture_add_link(&f, TARGET + i);
			fixture_route(&f, destinations[i], TARGET + i);
		}
		for (uint32_t round = 0; round < ROUNDS; round++) {
			size_t len = 0;
			uint32_t sent = round * FRAMES;
			fixture_hold(&f, 0);
			for (uint32_t i = 0; i < FRAMES; i++)
				len += numbered_frame(stream + len, destinations[i % TARGETS], sent + i, 4 + i * 8);
			peer_send(source, stream, len);
			fixture_let_go(&f);
			for (uint32_t i = 0, at = 0; i < FRAMES; i++, at = i % TARGETS)
				if (at != 2)
					assert_int_equal(receive_numbered(targets[at], destinations[at]), sent + i);
		}
		uint32_t number = 0, got = 0;
		while (number / FRAMES != ROUNDS - 1 || number % FRAMES != FRAMES - TARGETS + 2) {
			uint32_t next = receive_numbered(targets[2], destinations[2]);
			assert_true(got++ == 0 || next > number);
			number = next;
		}
		assert_int_equal(got + dropped(&f), ROUNDS * FRAMES / TARGETS);
		fixture_stop(&f);
		close(source);
		for (unsigned i = 0; i < TARGETS; i++)
			close(targets[i]);
	}
}

/* A frame that came in two parts lies elsewhere than others; what is read behind it, cut again, leaves it alone. */
static void cut_frames_that_are_large(void **state)
{
	(void)state;
	enum { FIRST = 10000, BODY = 65000, TAIL = 30000 };
	static const char *const destinations[] = {"4c0::1", "4c1::1", "4c2::1"};
	static uint8_t frames[3 * FRAME_SIZE_MAX];
	struct fixture f;
	int targets[3];
	size_t len = 0;
	fixture_start(&f, NODE_T, true);
	int source = fixture_add_link(&f, SOURCE);
	for (unsigned i = 0; i < 3; i++) {
		targets[i] = fixture_add_link(&f, TARGET + i);
		fixture_route(&f, destinations[i], TARGET + i);
		len += numbered_frame(frames + len, destinations[i], i, BODY);
	}
	peer_send(source, frames, FIRST);
	fixture_settle(&f);
	fixture_hold(&f, 0);
	peer_send(source, frames + FIRST, len - TAIL - FIRST);
	fixture_let_go(&f);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(receive_numbered(targets[i], destinations[i]), i);
	peer_send(source, frames + len - TAIL, TAIL);
	assert_int_equal(receive_numbered(targets[2], destinations[2]), 2);
	fixture_stop(&f);
	close(source);
	for (unsigned i = 0; i < 3; i++)
		close(targets[i]);
}

/* One read brings far more small frames than one write takes: a link that takes them loses none. */
static void more_than_a_vector_in_one_read(void **state)
{
	(void)state;
	enum { BODY = 4, SIZE = DATA_FRAME_HEADER_SIZE + BODY, FRAMES = STREAM_READ_SIZE / SIZE };
	for (unsigned lanes = 1; lanes <= 4; lanes++) {
		struct fixture f;
		size_t len = 0;
		fixture_start_lanes(&f, NODE_T, true, lanes);
		/* Both ends in lane 0. */
		int source = fixture_add_link(&f, SOURCE), target = fixture_add_link(&f, SOURCE + lanes);
		fixture_route(&f, NODE_B, SOURCE + lanes);
		fixture_hold(&f, 0);
		for (uint32_t i = 0; i < FRAMES; i++)
			len += numbered_frame(stream + len, NODE_B, i, BODY);
		peer_send(source, stream, len);
		fixture_let_go(&f);
		for (uint32_t i = 0; i < FRAMES; i++)
			assert_int_equal(receive_numbered(target, NODE_B), i);
		assert_int_equal(dropped(&f), 0);
		fixture_stop(&f);
		close(source), close(target);
	}
}

/* In the round in which many packets of this host leave through a link, many frames of others do, too. */
static void packets_and_frames_in_one_round(void **state)
{
	(void)state;
	enum { PACKETS = 300, FRAMES = LINK_VECTOR, BODY = 20 };
	struct fixture f;
	size_t len = 0;
	fixture_start(&f, NODE_A, true);
	int source = fixture_add_link(&f, SOURCE), target = fixture_add_link(&f, TARGET);
	fixture_route(&f, NODE_B, TARGET);
	fixture_secret(&f, NODE_B, SECRET_AB);
	fixture_route(&f, "4c0::1", TARGET);
	fixture_hold(&f, 0);
	for (uint32_t i = 0; i < PACKETS; i++) {
		size_t packet_len = packet_make(in, NODE_A, NODE_B, 64, BODY);
		number_write(in + IP6_HEADER_SIZE, i);
		host_send(&f, in, packet_len);
	}
	for (uint32_t i = 0; i < FRAMES; i++) {
		number_write(body, i);
		len += frame_make(stream + len, "4c1::1", "4c0::1", 64, body, BODY);
	}
	peer_send(source, stream, len);
	fixture_let_go(&f);
	uint32_t packets = 0, frames = 0;
	while (packets < PACKETS || frames < FRAMES) {
		enum user_type type;
		size_t payload_len;
		len = peer_receive(target, out);
		if (len == DATA_FRAME_HEADER_SIZE + BODY) {
			assert_int_equal(number_read(out + DATA_FRAME_HEADER_SIZE), frames++);
			continue;
		}
		const uint8_t *payload = frame_open(out, len, SECRET_AB, &type, &payload_len);
		assert_int_equal(payload_len, IP6_HEADER_SIZE + BODY);
		assert_int_equal(number_read(payload + IP6_HEADER_SIZE), packets++);
	}
	assert_int_equal(dropped(&f), 0);
	fixture_stop(&f);
	close(source), close(target);
}

/* Control frames and packets of this host between frames that wait in a link which blocks. */
static void packets_of_the_host_keep_their_order(void **state)
{
	(void)state;
	enum { ROUNDS = 200, BODY = 300 };
	struct fixture f;
	struct rng rng = rng_seeded(9);
	fixture_start(&f, NODE_A, true);
	int source = fixture_add_link(&f, SOURCE), narrow = fixture_add_narrow_link(&f, TARGET);
	fixture_route(&f, NODE_B, TARGET);
	fixture_secret(&f, NODE_B, SECRET_AB);
	fixture_route(&f, "4c0::1", TARGET);
	uint32_t sent = 0, seen[2] = {0}, got = 0;
	uint16_t hellos = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (uint64_t n = rng_below(&rng, 8); n > 0; n--, sent++) {
			if (sent % 2 == 0) {
				size_t packet_len = packet_make(in, NODE_A, NODE_B, 64, BODY);
				number_write(in + IP6_HEADER_SIZE, sent);
				host_send(&f, in, packet_len);
			} else {
				peer_send(source, in, numbered_frame(in, "4c0::1", sent, BODY));
			}
		}
		if (round % 20 == 0)
			fixture_send_hello(&f, TARGET, (uint16_t)(round / 20));
		if (round % 10 != 9)
			continue;
		/* Takes what is there, but for the last rounds' when they are more than the socket holds. */
		fixture_settle(&f);
		for (unsigned taken = 0; taken < 20 && got + hellos + dropped(&f) < sent + 1 + round / 20; taken++) {
			enum user_type type;
			size_t len = peer_receive(narrow, out), payload_len;
			if (out[1] == FRAME_CONTROL) {
				hello_make(in, hellos++);
				assert_memory_equal(out, in, HELLO_SIZE);
				continue;
			}
			uint32_t number = number_read(out + DATA_FRAME_HEADER_SIZE);
			bool own = len > DATA_FRAME_HEADER_SIZE + BODY;
			if (own)
				number = number_read(frame_open(out, len, SECRET_AB, &type, &payload_len) + IP6_HEADER_SIZE);
			assert_int_equal(number % 2 == 0, own);
			assert_true(number + 1 > seen[number % 2]);
			seen[number % 2] = number + 1;
			got++;
		}
	}
	fixture_stop(&f);
	close(source), close(narrow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_in_the_middle),
		cmocka_unit_test(to_the_same_link),
		cmocka_unit_test(behind_what_waits),
		cmocka_unit_test(one_read_for_several_links),
		cmocka_unit_test(cut_frames_that_are_large),
		cmocka_unit_test(more_than_a_vector_in_one_read),
		cmocka_unit_test(packets_and_frames_in_one_round),
		cmocka_unit_test(packets_of_the_host_keep_their_order),
	};
	return cmocka_run_group_tests_name("burst", tests, fixture_group_setup, NULL);
}
