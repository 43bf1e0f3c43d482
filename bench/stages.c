// SPDX-License-Identifier: Apache-2.0
/*
 * What each stage of the packet path costs a packet, in nanoseconds, without system calls: the parts of the node, called as a
 * lane calls them. Prints a table, then a JSON line for each row; of several rounds the median counts.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "dataplane/coalesce.h"
#include "dataplane/fib.h"
#include "dataplane/queue.h"
#include "dataplane/segment.h"
#include "dataplane/transport.h"
#include "link/stream.h"
#include "wire/icmp6.h"
#include "wire/sealed.h"

enum { ROUNDS = 9, PACKETS = 48, REPEAT = 4000, HEADERS = IP6_HEADER_SIZE + TCP_HEADER_SIZE, ROOM = 2048 };

static struct ip6 here, there;
static struct aead_key *key;
static struct nonce_sequence nonces;
static size_t packet_len;	/* of the present row */

/* One super-packet with headroom, its segments apart, and their frames behind one another. */
static uint8_t whole[SLOT_HEADROOM + TUN_READ_MAX];
static uint8_t packets[PACKETS][ROOM], opened[PACKETS][ROOM], frames[PACKETS * ROOM], received[PACKETS * ROOM];
static size_t frame_len;

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint8_t *whole_packet(void)
{
	return &whole[SLOT_HEADROOM];
}

/* A TCP packet that stands for PACKETS of packet_len bytes. Returns its length. */
static size_t make_whole(struct tun_offload *ret)
{
	size_t payload = (packet_len - HEADERS) * PACKETS;
	struct writer w = writer_init(whole_packet(), HEADERS + payload);
	write_u32(&w, 0x60000000);
	write_u16(&w, (uint16_t)(TCP_HEADER_SIZE + payload));
	write_u8(&w, NEXT_HEADER_TCP);
	write_u8(&w, 64);
	write_bytes(&w, here.bytes, sizeof(here.bytes));
	write_bytes(&w, there.bytes, sizeof(there.bytes));
	write_u32(&w, 40000u << 16 | 443);
	write_u32(&w, 1);
	write_u32(&w, 1);
	write_u32(&w, 0x50000000u | (uint32_t)TCP_ACK << 16 | 500);
	write_u32(&w, 0);
	*ret = (struct tun_offload){.batch = TUN_TCP,
				    .segment_size = (uint16_t)(packet_len - HEADERS),
				    .checksum_open = true,
				    .checksum_start = IP6_HEADER_SIZE,
				    .checksum_offset = TCP_CHECKSUM_AT};
	return HEADERS + payload;
}

static void begin(struct segmenter *segmenter)
{
	struct tun_offload offload;
	size_t len = make_whole(&offload);
	if (segment_begin(segmenter, whole_packet(), len, &offload) != 0)
		abort();
}

static void cut(void)
{
	struct segmenter segmenter;
	begin(&segmenter);
	while (segment_next_len(&segmenter) > 0)
		(void)segment_next(&segmenter);
}

static void seal(void)
{
	uint8_t *out = frames;
	for (unsigned i = 0; i < PACKETS; i++)
		out += sealed_write_frame(out, packets[i] + SLOT_HEADROOM, packet_len, USER_L3, &here, &there, 63, key, &nonces);
	frame_len = (size_t)(out - frames) / PACKETS;
}

static void open_frames(void)
{
	enum user_type type;
	uint8_t *payload;
	size_t len;
	/* Opening uses a frame up. */
	memcpy(received, frames, frame_len * PACKETS);
	for (unsigned i = 0; i < PACKETS; i++)
		if (sealed_open(&received[i * frame_len + DATA_FRAME_HEADER_SIZE], frame_len - DATA_FRAME_HEADER_SIZE, key,
				&type, &payload, &len) != 0)
			abort();
}

static void copy_frames(void)
{
	memcpy(received, frames, frame_len * PACKETS);
}

static struct fib *fib;

static void look_up(void)
{
	for (unsigned i = 0; i < PACKETS; i++)
		if (fib_lookup(fib, &there) == NULL)
			abort();
}

static struct queue queue;
static struct slot_pool *pool;

static void wait_in_queue(void)
{
	bool control;
	for (unsigned i = 0; i < PACKETS; i++) {
		struct slot *slot = slot_take(pool, packet_len, 0);
		slot->flow = i % 8;
		queue_put_data(&queue, slot, SIZE_MAX, 1000, pool);
	}
	for (struct slot *slot; (slot = queue_take(&queue, 1000, pool, &control)) != NULL;)
		slot_give(pool, slot);
}

static unsigned written;

static void take_joined(void *context, const struct iovec *parts, int count, const struct tun_offload *offload)
{
	(void)context;
	(void)parts;
	(void)offload;
	written += (unsigned)count;
}

static struct coalescer coalescer;

static void join(void)
{
	memcpy(opened, packets, sizeof(opened));
	for (unsigned i = 0; i < PACKETS; i++)
		coalesce_add(&coalescer, opened[i] + SLOT_HEADROOM, packet_len);
	coalesce_flush(&coalescer);
}

static void copy_packets(void)
{
	memcpy(opened, packets, sizeof(opened));
}

static const uint8_t *stream_at;
static size_t stream_left;

static long memory_read(void *stream, uint8_t *to, size_t len)
{
	(void)stream;
	size_t got = len < stream_left ? len : stream_left;
	memcpy(to, stream_at, got);
	stream_left -= got;
	return (long)got;
}

static void memory_close(void *stream)
{
	(void)stream;
}

static struct link *far_link;

static void decode(void)
{
	static uint8_t buffer[STREAM_BUFFER_SIZE];
	static struct frame_vector vector;
	stream_at = frames;
	stream_left = frame_len * PACKETS;
	if (stream_read(far_link, buffer, STREAM_READ_SIZE) <= 0)
		abort();
	while (stream_next_frames(far_link, &vector) == 0 && vector.count > 0)
		continue;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double ns_per_packet(void (*stage)(void))
{
	double rounds[ROUNDS];
	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = now_ns();
		for (unsigned j = 0; j < REPEAT; j++)
			stage();
		rounds[i] = (now_ns() - start) / REPEAT / PACKETS;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	return rounds[ROUNDS / 2];
}

/* The segments of one super-packet, as a receiver gets them. */
static void make_packets(void)
{
	struct segmenter segmenter;
	begin(&segmenter);
	for (unsigned i = 0; segment_next_len(&segmenter) > 0; i++)
		memcpy(packets[i] + SLOT_HEADROOM, segment_next(&segmenter), packet_len);
}

static const struct {
	const char *name;
	void (*stage)(void);
	void (*beside)(void);	/* what the measurement adds, to be taken off again */
} stages[] = {
	{"cut, with checksum", cut, NULL},
	{"route lookup", look_up, NULL},
	{"queue in and out", wait_in_queue, NULL},
	{"seal", seal, NULL},
	{"find frames in a read", decode, copy_frames},
	{"open", open_frames, copy_frames},
	{"join, with checksum", join, copy_packets},
};

enum { STAGES = sizeof(stages) / sizeof(stages[0]) };

static void setup(void)
{
	struct shared_secret secret = {.bytes = {1}};
	static const struct stream_ops ops = {.read = memory_read, .close = memory_close};
	if (aead_setup() != 0 || inet_pton(AF_INET6, "400::1", here.bytes) != 1 || inet_pton(AF_INET6, "401::1", there.bytes) != 1)
		abort();
	key = aead_key_new(&secret);
	nonce_sequence_init(&nonces, 0);
	fib = fib_new(1);
	struct subnet subnet = subnet64_of(&there);
	pool = slot_pool_new(1024);
	far_link = stream_link_new(&ops, NULL, -1, "stream");
	if (key == NULL || fib == NULL || pool == NULL || far_link == NULL || fib_set_route(fib, &subnet, 1, UINT64_MAX) != 0)
		abort();
	coalesce_init(&coalescer, true, true, take_joined, NULL);
}

int main(void)
{
	static const size_t lens[] = {1400, 64 + IP6_HEADER_SIZE};
	double ns[2][STAGES];
	setup();
	for (unsigned i = 0; i < 2; i++) {
		packet_len = lens[i];
		make_packets();
		seal();
		for (unsigned s = 0; s < STAGES; s++) {
			ns[i][s] = ns_per_packet(stages[s].stage);
			if (stages[s].beside != NULL)
				ns[i][s] -= ns_per_packet(stages[s].beside);
		}
	}
	printf("%-24s %10zu B %10zu B   (ns for each packet, cipher: %s)\n", "", lens[0], lens[1], aead_backend()->name);
	for (unsigned s = 0; s < STAGES; s++)
		printf("%-24s %12.0f %12.0f\n", stages[s].name, ns[0][s], ns[1][s]);
	putchar('\n');
	for (unsigned s = 0; s < STAGES; s++)
		printf("{\"bench\": \"stages\", \"row\": \"%s\", \"bytes\": [%zu, %zu], \"ns_per_packet\": [%.1f, %.1f]}\n",
		       stages[s].name, lens[0], lens[1], ns[0][s], ns[1][s]);
	return 0;
}
