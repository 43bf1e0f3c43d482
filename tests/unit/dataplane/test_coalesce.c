// SPDX-License-Identifier: Apache-2.0
/*
 * Joining, judged by cutting the result again: what comes out, flow by flow, is what went in, byte for byte, but for the
 * window of a TCP segment that was joined to others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dataplane/segment.h"
#include "joined_check.h"
#include "joined_packets.h"
#include "wire/icmp6.h"
#include "wire/sealed.h"

enum { FLOWS = 6 };

static void add(struct pile *pile, const struct flow_packet *fields)
{
	static uint8_t packet[TUN_READ_MAX];
	pile_put(pile, packet, flow_packet_write(fields, packet));
}

/* A flow as a kernel sends it: equal segments, at times a shorter one, a PSH, another flag, a gap. */
static void next_of_flow(struct rng *rng, struct flow_packet *flow)
{
	flow->sequence += (uint32_t)flow->payload_len;
	flow->flags = rng_below(rng, 8) == 0 ? FLAG_ACK | FLAG_PSH : FLAG_ACK;
	flow->window = (uint16_t)rng_next(rng);
	if (rng_below(rng, 10) == 0)
		flow->payload_len = 1 + rng_below(rng, 1200);
	switch (rng_below(rng, 60)) {
	case 0:
		flow->flags = (uint8_t)rng_next(rng);
		break;
	case 1:
		flow->sequence += (uint32_t)rng_below(rng, 3000);
		break;
	case 2:
		flow->acknowledgement++;
		break;
	case 3:
		flow->hop_limit++;
		break;
	case 4:
		flow->first_bytes[1] ^= 0x30; /* congestion experienced */
		break;
	case 5:
		flow->first_bytes[3]++;
		break;
	case 6:
		flow->options[rng_below(rng, 40)]++;
		break;
	case 7:
		flow->options_len = 4 * rng_below(rng, 6);
		break;
	default:
		break;
	}
}

/* Some packets are damaged in any place; an empty one, one of another protocol. */
static void add_one(struct rng *rng, struct pile *pile, struct flow_packet *flow)
{
	next_of_flow(rng, flow);
	struct flow_packet fields = *flow;
	if (rng_below(rng, 30) == 0)
		fields.payload_len = 0;
	add(pile, &fields);
	uint8_t *packet = pile->bytes[pile->count - 1];
	size_t len = pile->len[pile->count - 1];
	if (rng_below(rng, 40) == 0)
		packet[40 + rng_below(rng, len - 40)] ^= (uint8_t)(1 + rng_below(rng, 255));
	if (rng_below(rng, 60) == 0)
		packet[6] = 58;
}

static void test_random_flows(void **state)
{
	(void)state;
	static struct pile in;
	struct rng rng = rng_seeded(11);
	size_t packets = 0, writes = 0;
	for (unsigned round = 0; round < 5000; round++) {
		struct flow_packet flows[FLOWS];
		for (unsigned i = 0; i < FLOWS; i++) {
			flows[i] = flow_packet_random(&rng, 1200);
			flows[i].options_len = flows[i].protocol == 6 ? 4 * rng_below(&rng, 6) : 0;
		}
		in.count = 0;
		size_t count = 1 + rng_below(&rng, 120), used = 1 + rng_below(&rng, FLOWS), at = 0;
		while (in.count < count) {
			if (rng_below(&rng, 3) == 0)
				at = rng_below(&rng, used);
			add_one(&rng, &in, &flows[at]);
		}
		writes += joined_check(&in, rng_below(&rng, 4) > 0, rng_below(&rng, 4) > 0);
		packets += in.count;
	}
	print_message("%zu packets in %zu writes\n", packets, writes);
	assert_true(writes < packets * 3 / 4);
}

/* More flows than are kept. */
static void test_many_flows(void **state)
{
	(void)state;
	static struct pile in;
	struct rng rng = rng_seeded(12);
	in.count = 0;
	for (unsigned i = 0; i < 5 * COALESCE_RUNS; i++) {
		struct flow_packet flow = flow_packet_random(&rng, 1000);
		flow.options_len = 0;
		flow.flags = FLAG_ACK;
		add(&in, &flow);
		flow.sequence += (uint32_t)flow.payload_len;
		add(&in, &flow);
	}
	assert_int_equal(joined_check(&in, true, true), 5 * COALESCE_RUNS);
}

static struct flow_packet plain_flow(uint8_t protocol, size_t payload_len)
{
	struct rng rng = rng_seeded(13);
	struct flow_packet flow = flow_packet_random(&rng, 1);
	flow.protocol = protocol;
	flow.options_len = protocol == 6 ? 12 : 0;
	flow.flags = FLAG_ACK;
	flow.payload_len = payload_len;
	return flow;
}

static size_t writes_of(const struct flow_packet *packets, size_t count)
{
	static struct pile in;
	in.count = 0;
	for (size_t i = 0; i < count; i++)
		add(&in, &packets[i]);
	return joined_check(&in, true, true);
}

/* Two packets that differ in one field are joined or not. */
static void test_what_is_joined(void **state)
{
	(void)state;
	struct flow_packet tcp[2] = {plain_flow(6, 1000), plain_flow(6, 1000)};
	tcp[1].sequence += 1000;
	assert_int_equal(writes_of(tcp, 2), 1);
	struct flow_packet changed[2] = {tcp[0], tcp[1]};
	changed[1].window++;
	assert_int_equal(writes_of(changed, 2), 1);
	changed[1] = tcp[1];
	changed[1].payload_len = 999;
	assert_int_equal(writes_of(changed, 2), 1);
	changed[1].payload_len = 1001;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].flags = FLAG_ACK | FLAG_PSH;
	assert_int_equal(writes_of(changed, 2), 1);
	static const uint8_t flags[] = {
		FLAG_ACK | FLAG_FIN, FLAG_ACK | FLAG_RST, FLAG_ACK | FLAG_ECE, FLAG_ACK | FLAG_URG, 0,
	};
	for (size_t i = 0; i < sizeof(flags); i++) {
		changed[1].flags = flags[i];
		assert_int_equal(writes_of(changed, 2), 2);
	}
	changed[1] = tcp[1];
	changed[1].acknowledgement++;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].sequence++;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].options[11]++;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].first_bytes[1] ^= 0x30;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].urgent++;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].hop_limit--;
	assert_int_equal(writes_of(changed, 2), 2);
	changed[1] = tcp[1];
	changed[1].payload_len = 0;
	assert_int_equal(writes_of(changed, 2), 2);
}

/* Behind a PSH or a shorter one nothing is joined; datagrams keep their sizes. */
static void test_what_ends_a_run(void **state)
{
	(void)state;
	struct flow_packet tcp[3] = {plain_flow(6, 1000), plain_flow(6, 1000), plain_flow(6, 1000)};
	tcp[1].sequence += 1000;
	tcp[2].sequence += 2000;
	assert_int_equal(writes_of(tcp, 3), 1);
	tcp[1].flags |= FLAG_PSH;
	assert_int_equal(writes_of(tcp, 3), 2);
	tcp[1].flags = FLAG_ACK;
	tcp[1].payload_len = 500;
	tcp[2].sequence -= 500;
	assert_int_equal(writes_of(tcp, 3), 2);
	struct flow_packet udp[3] = {plain_flow(17, 100), plain_flow(17, 200), plain_flow(17, 50)};
	assert_int_equal(writes_of(udp, 3), 2);
	udp[0].payload_len = 200;
	assert_int_equal(writes_of(udp, 3), 1);
}

/* Nothing beyond what the kernel takes. */
static void test_limits(void **state)
{
	(void)state;
	static struct flow_packet packets[PILE_PACKETS_MAX];
	for (size_t i = 0; i < PILE_PACKETS_MAX; i++) {
		packets[i] = plain_flow(6, 100);
		packets[i].sequence += (uint32_t)(100 * i);
	}
	assert_int_equal(writes_of(packets, COALESCE_MEMBERS), 1);
	assert_int_equal(writes_of(packets, COALESCE_MEMBERS + 1), 2);
	for (size_t i = 0; i < PILE_PACKETS_MAX; i++) {
		packets[i] = plain_flow(6, 1328);
		packets[i].sequence += (uint32_t)(1328 * i);
	}
	assert_int_equal(writes_of(packets, 49), 1); /* 65 144 bytes */
	assert_int_equal(writes_of(packets, 50), 2);
}

/* ---- the whole way: cut, seal, open, join, cut by the host ------------------------------------------------------- */

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if SANITIZED
enum { ALL_PACKETS = 50000 };
#else
enum { ALL_PACKETS = 1000000 };
#endif

struct way {
	struct rng rng;
	struct aead_key *key;
	struct nonce_sequence nonces;
	struct pile sent, arrived;
};

/* Seals a packet into a burst, opens it where a read would leave it. */
static void carry(struct way *way, uint8_t *packet, size_t len)
{
	static uint8_t frame[SEAL_HEADROOM + PILE_PACKET_SIZE + SEAL_TAILROOM];
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	size_t body_len = sealed_write_frame(frame, packet, len, USER_L3, &source, &destination, 63, way->key, &way->nonces);
	body_len -= DATA_FRAME_HEADER_SIZE;
	enum user_type type;
	uint8_t *payload;
	size_t payload_len;
	int error = sealed_open(frame + DATA_FRAME_HEADER_SIZE, body_len, way->key, &type, &payload, &payload_len);
	assert_int_equal(error, 0);
	pile_put(&way->arrived, payload, payload_len);
}

/* What a batch stands for, part by part. */
static void send_parts(struct way *way, const struct flow_packet *whole, size_t segment_size, bool extended)
{
	static uint8_t packet[TUN_READ_MAX];
	for (size_t at = 0; at < whole->payload_len; at += segment_size) {
		struct flow_packet part = flow_packet_part(whole, at, segment_size);
		size_t len = flow_packet_write(&part, packet);
		pile_put(&way->sent, packet, extended ? flow_packet_extend(packet, len) : len);
	}
}

enum { ROOM_IN_FRONT = 4, PARTS_MAX = 41 };

/* A super-packet of a flow, cut as one that the interface gave. Whatever takes a segment may write in front of it. */
static void carry_batch(struct way *way, struct flow_packet *flow)
{
	static uint8_t room[ROOM_IN_FRONT + TUN_READ_MAX];
	uint8_t *packet = room + ROOM_IN_FRONT;
	bool extended = rng_below(&way->rng, 10) == 0;
	size_t segment_size = 1 + rng_below(&way->rng, 1200);
	struct flow_packet whole = *flow;
	whole.payload_len = 1 + rng_below(&way->rng, (PARTS_MAX - 1) * segment_size);
	if (rng_below(&way->rng, 4) == 0)
		whole.flags = (uint8_t)rng_next(&way->rng);
	send_parts(way, &whole, segment_size, extended);
	size_t len = flow_packet_write(&whole, packet);
	flow_packet_open_checksum(packet, len);
	len = extended ? flow_packet_extend(packet, len) : len;
	struct tun_offload offload = flow_packet_offload(&whole, segment_size);
	offload.checksum_start = (uint16_t)(offload.checksum_start + (extended ? FLOW_EXTENSION_SIZE : 0));
	struct segmenter segmenter;
	assert_int_equal(segment_begin(&segmenter, packet, len, &offload), 0);
	for (size_t next; (next = segment_next_len(&segmenter)) > 0;) {
		uint8_t *segment = segment_next(&segmenter);
		carry(way, segment, next);
		memset(segment - ROOM_IN_FRONT, 0x5e, ROOM_IN_FRONT + next);
	}
	flow->sequence += (uint32_t)whole.payload_len;
}

/* Of any kind: now and then with an extension header, an echo request, or cut off behind its IPv6 header. */
static void carry_single(struct way *way, struct flow_packet *flow)
{
	static struct pile one;
	one.count = 0;
	add_one(&way->rng, &one, flow);
	uint8_t *packet = one.bytes[0];
	switch (rng_below(&way->rng, 40)) {
	case 0:
		one.len[0] = flow_packet_extend(packet, one.len[0]);
		break;
	case 1:
		packet[6] = 58;
		packet[40] = 128;
		break;
	case 2:
		one.len[0] = 40 + rng_below(&way->rng, 30);
		flow_put(packet + 4, one.len[0] - 40, 2);
		break;
	default:
		break;
	}
	pile_put(&way->sent, packet, one.len[0]);
	carry(way, packet, one.len[0]);
}

static void test_a_million_packets(void **state)
{
	(void)state;
	static struct way way;
	static const struct shared_secret secret = {.bytes = {7}};
	assert_int_equal(aead_setup(), 0);
	way.rng = rng_seeded(14);
	way.key = aead_key_new(&secret);
	nonce_sequence_init(&way.nonces, 0);
	size_t total = 0, writes = 0;
	for (; total < ALL_PACKETS; total += way.sent.count) {
		struct flow_packet flows[FLOWS];
		way.sent.count = way.arrived.count = 0;
		for (unsigned i = 0; i < FLOWS; i++) {
			flows[i] = flow_packet_random(&way.rng, 1200);
			flows[i].options_len = flows[i].protocol == 6 ? 4 * rng_below(&way.rng, 6) : 0;
		}
		while (way.sent.count < PILE_PACKETS_MAX - PARTS_MAX) {
			struct flow_packet *flow = &flows[rng_below(&way.rng, FLOWS)];
			if (rng_below(&way.rng, 6) == 0)
				carry_batch(&way, flow);
			else
				carry_single(&way, flow);
		}
		writes += joined_check_between(&way.sent, &way.arrived, true, true);
	}
	print_message("%zu packets in %zu writes\n", total, writes);
	assert_true(writes < total / 2);
	aead_key_free(way.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_flows),	cmocka_unit_test(test_many_flows),
		cmocka_unit_test(test_what_is_joined),	cmocka_unit_test(test_what_ends_a_run),
		cmocka_unit_test(test_limits),		cmocka_unit_test(test_a_million_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
