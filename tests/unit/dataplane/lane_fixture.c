// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "lane_fixture.h"
#include "link/fd_stream.h"

enum { PATIENCE_MS = 20000 };

static void wait_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	if (poll(&poller, 1, PATIENCE_MS) != 1)
		fail_msg("nothing came");
}

static void read_exactly(int fd, uint8_t *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		wait_readable(fd);
		ssize_t got = read(fd, to + at, len - at);
		assert_true(got > 0);
		at += (size_t)got;
	}
}

static bool readable_now(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	return poll(&poller, 1, 0) != 0;
}

struct ip6 address_of(const char *text)
{
	struct ip6 address;
	if (inet_pton(AF_INET6, text, address.bytes) != 1)
		fail_msg("%s is no address", text);
	return address;
}

static struct shared_secret secret_from(uint8_t first)
{
	struct shared_secret secret;
	for (unsigned i = 0; i < sizeof(secret.bytes); i++)
		secret.bytes[i] = (uint8_t)(first + i);
	return secret;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

int fixture_group_setup(void **state)
{
	(void)state;
	return aead_setup();
}

static void on_wake(void *context)
{
	(void)context;
}

static void start(struct fixture *f, const char *address, unsigned queues, unsigned lane_count)
{
	struct problems problems = {0};
	*f = (struct fixture){.address = address_of(address)};
	nonce_sequence_init(&f->nonces, 0);
	sem_init(&f->held, 0, 0);
	sem_init(&f->let_go, 0, 0);
	f->fib = fib_new(1);
	f->loop = loop_new();
	f->wake = loop_wake_new(f->loop, on_wake, f);
	f->tun = queues > 0 ? tun_open("fake", queues > 1, &problems) : NULL;
	assert_true(f->fib != NULL && f->wake != NULL && (f->tun != NULL || queues == 0));
	struct lanes_config config = {
		.count = lane_count, .address = f->address, .fib = f->fib, .tun = {f->tun}, .wake_control = f->wake, .seed = 7};
	for (unsigned i = 1; i < queues; i++)
		config.tun[i] = f->more_tun[i] = tun_add_queue(f->tun);
	f->lanes = lanes_start(&config);
	assert_non_null(f->lanes);
	f->lane_count = lane_count;
	for (unsigned i = 0; i < lane_count; i++)
		f->barriers[i] = fixture_add_link(f, PEER_BARRIER - i);
}

void fixture_start(struct fixture *f, const char *address, bool with_tun)
{
	fixture_start_lanes(f, address, with_tun, 1);
}

void fixture_start_lanes(struct fixture *f, const char *address, bool with_tun, unsigned lane_count)
{
	start(f, address, with_tun ? lane_count : 0, lane_count);
}

void fixture_start_one_queue(struct fixture *f, const char *address, unsigned lane_count)
{
	start(f, address, 1, lane_count);
}

void fixture_stop(struct fixture *f)
{
	lanes_stop(f->lanes);
	fib_free(f->fib);
	loop_free(f->loop);
	for (unsigned i = 0; i < LANES_MAX; i++)
		tun_close(f->more_tun[i]);
	tun_close(f->tun);
	for (unsigned i = 0; i < f->lane_count; i++)
		close(f->barriers[i]);
	sem_destroy(&f->held);
	sem_destroy(&f->let_go);
}

int fixture_start_with_peer(struct fixture *f, const char *address, uint32_t peer)
{
	fixture_start(f, address, true);
	return fixture_add_link(f, peer);
}

void fixture_route(struct fixture *f, const char *address, uint32_t peer)
{
	struct ip6 addr = address_of(address);
	struct subnet subnet = subnet64_of(&addr);
	assert_int_equal(fib_set_route(f->fib, &subnet, peer, UINT64_MAX), 0);
}

void fixture_secret(struct fixture *f, const char *address, uint8_t first)
{
	struct ip6 addr = address_of(address);
	struct subnet subnet = subnet64_of(&addr);
	struct shared_secret secret = secret_from(first);
	assert_int_equal(fib_set_secret(f->fib, &subnet, &secret), 0);
}

static int add_link(struct fixture *f, uint32_t peer, int send_buffer_bytes)
{
	int far;
	struct link *link = fd_link_new(&far, "test");
	int error = setsockopt(link_fd(link), SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes));
	assert_int_equal(error, 0);
	assert_int_equal(lanes_add_link(f->lanes, peer, link), 0);
	lanes_commit(f->lanes);
	return far;
}

int fixture_add_link(struct fixture *f, uint32_t peer)
{
	return add_link(f, peer, 1 << 17);
}

int fixture_add_narrow_link(struct fixture *f, uint32_t peer)
{
	return add_link(f, peer, 4608);
}

void hello_make(uint8_t *frame, uint16_t seqno)
{
	struct writer w = writer_init(frame, HELLO_SIZE);
	write_u32(&w, 0x01010000);
	write_u32(&w, 0x2a030008);
	write_u32(&w, 0x04068000);
	write_u16(&w, seqno);
	write_u16(&w, 2000);
	assert_false(w.failed);
}

void fixture_send_hello(struct fixture *f, uint32_t peer, uint16_t seqno)
{
	uint8_t frame[HELLO_SIZE];
	hello_make(frame, seqno);
	assert_true(lanes_has_room(f->lanes));
	lanes_send_control(f->lanes, peer, frame, sizeof(frame));
	lanes_commit(f->lanes);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* Each lane has a link of its own for that. */
static void pass_barriers(struct fixture *f)
{
	uint8_t expected[8], got[8];
	struct writer w = writer_init(expected, sizeof(expected));
	write_u64(&w, ++f->barriers_passed);
	for (uint32_t i = 0; i < f->lane_count; i++)
		lanes_send_control(f->lanes, PEER_BARRIER - i, expected, sizeof(expected));
	lanes_commit(f->lanes);
	for (unsigned i = 0; i < f->lane_count; i++) {
		read_exactly(f->barriers[i], got, sizeof(got));
		assert_memory_equal(got, expected, sizeof(got));
	}
}

/* A socket to a lane holds up to three reads' bytes, which are handled in as many rounds, in the last of which the third
 * barrier is handled at the latest; the fourth one can only pass after that round has flushed its links and told its events.
 * What it gave to another lane is through there two barriers later. */
void fixture_settle(struct fixture *f)
{
	for (unsigned i = f->lane_count > 1 ? 6 : 4; i > 0; i--)
		pass_barriers(f);
}

static void hold(void *context)
{
	struct fixture *f = context;
	if (!atomic_exchange(&f->holds, false))
		return;
	sem_post(&f->held);
	sem_wait(&f->let_go);
}

struct tun *fixture_queue(const struct fixture *f, unsigned lane)
{
	return lane == 0 ? f->tun : f->more_tun[lane];
}

void fixture_hold(struct fixture *f, unsigned lane)
{
	atomic_store(&f->holds, true);
	tun_fake_on_read(fixture_queue(f, lane), hold, f);
	host_send_to_queue(f, lane, (const uint8_t *)"", 1);
	assert_int_equal(sem_wait(&f->held), 0);
}

void fixture_let_go(struct fixture *f)
{
	sem_post(&f->let_go);
}

void fixture_wait_counter(struct fixture *f, enum lane_counter counter, uint64_t least)
{
	const struct timespec pause = {.tv_nsec = 200000};
	uint64_t give_up_ms = monotonic_ms() + PATIENCE_MS;
	while (lanes_counter(f->lanes, counter) < least && monotonic_ms() < give_up_ms)
		nanosleep(&pause, NULL);
	assert_true(lanes_counter(f->lanes, counter) >= least);
}

uint64_t fixture_counter(struct fixture *f, enum lane_counter counter)
{
	fixture_settle(f);
	return lanes_counter(f->lanes, counter);
}

/* What the barriers caused, and silence, which depends on how fast the machine is. */
static bool left_out(const struct lane_event *event, enum lane_event_type wanted)
{
	bool of_barrier = event->peer <= PEER_BARRIER && event->peer > PEER_BARRIER - LANES_MAX;
	return (of_barrier && event->type == LANE_CONTROL_SENT) ||
	       (event->type == LANE_SILENT && wanted != LANE_SILENT);
}

/* Drops what is left out and returns the next event, or NULL. */
static struct lane_event *next_event(struct fixture *f, enum lane_event_type wanted)
{
	struct lane_event *event;
	while ((event = lanes_next_event(f->lanes)) != NULL && left_out(event, wanted))
		lanes_pop_event(f->lanes);
	return event;
}

struct lane_event fixture_event(struct fixture *f, enum lane_event_type type)
{
	const struct timespec pause = {.tv_nsec = 200000};
	uint64_t give_up_ms = monotonic_ms() + PATIENCE_MS;
	struct lane_event *event;
	while ((event = next_event(f, type)) == NULL && monotonic_ms() < give_up_ms)
		nanosleep(&pause, NULL);
	assert_non_null(event);
	assert_int_equal(event->type, type);
	struct lane_event copy = *event;
	lanes_pop_event(f->lanes);
	lanes_events_taken(f->lanes);
	return copy;
}

void fixture_no_event(struct fixture *f)
{
	fixture_settle(f);
	assert_null(next_event(f, LANE_CONTROL_SENT));
}

struct parcel *fixture_parcel(struct fixture *f, enum parcel_kind kind, const char *source, const char *destination,
			      const uint8_t *bytes, size_t len)
{
	struct lane_event event = fixture_event(f, LANE_PARCEL);
	struct ip6 from = address_of(source), to = address_of(destination);
	assert_int_equal(event.parcel->kind, kind);
	assert_true(ip6_equal(&event.parcel->source, &from));
	assert_true(ip6_equal(&event.parcel->destination, &to));
	assert_int_equal(event.parcel->len, len);
	assert_memory_equal(event.parcel->bytes, bytes, len);
	return event.parcel;
}

void fixture_retry(struct fixture *f, struct parcel *parcel)
{
	lanes_retry(f->lanes, parcel);
	lanes_commit(f->lanes);
}

void fixture_refuse(struct fixture *f, struct parcel *parcel)
{
	lanes_refuse(f->lanes, parcel);
	lanes_commit(f->lanes);
}

/* ---- host and peers ---------------------------------------------------------------------------------------------- */

void host_send_to_queue(struct fixture *f, unsigned lane, const uint8_t *packet, size_t len)
{
	assert_int_equal(send(tun_fake_host(fixture_queue(f, lane)), packet, len, MSG_NOSIGNAL), len);
}

void host_send(struct fixture *f, const uint8_t *packet, size_t len)
{
	host_send_to_queue(f, 0, packet, len);
}

size_t host_receive(struct fixture *f, uint8_t *packet)
{
	wait_readable(tun_fake_host(f->tun));
	ssize_t len = recv(tun_fake_host(f->tun), packet, BUFFER_SIZE, 0);
	assert_true(len > 0);
	return (size_t)len;
}

void host_silent(struct fixture *f)
{
	fixture_settle(f);
	assert_false(readable_now(tun_fake_host(f->tun)));
}

void peer_send(int fd, const uint8_t *bytes, size_t len)
{
	write_all(fd, bytes, len);
}

size_t peer_receive(int fd, uint8_t *frame)
{
	read_exactly(fd, frame, CONTROL_FRAME_HEADER_SIZE);
	assert_int_equal(frame[0], 1);
	size_t header = frame[1] == 0 ? DATA_FRAME_HEADER_SIZE : CONTROL_FRAME_HEADER_SIZE;
	size_t at = frame[1] == 0 ? 5 : 6;
	size_t len = header + (size_t)(frame[at] << 8 | frame[at + 1]);
	assert_true(len <= BUFFER_SIZE);
	read_exactly(fd, frame + CONTROL_FRAME_HEADER_SIZE, len - CONTROL_FRAME_HEADER_SIZE);
	return len;
}

void peer_silent(struct fixture *f, int fd)
{
	fixture_settle(f);
	assert_false(readable_now(fd));
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

size_t bytes_of_hex(const char *hex, uint8_t *bytes)
{
	size_t len = strlen(hex) / 2;
	for (size_t i = 0; i < len; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1]}, *end;
		bytes[i] = (uint8_t)strtoul(digits, &end, 16);
		assert_ptr_equal(end, &digits[2]);
	}
	return len;
}

void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
	uint8_t expected[2048];
	assert_true(strlen(hex) <= 2 * sizeof(expected));
	assert_int_equal(len, bytes_of_hex(hex, expected));
	assert_memory_equal(bytes, expected, len);
}

size_t packet_make(uint8_t *packet, const char *source, const char *destination, uint8_t hop_limit, size_t payload_len)
{
	struct ip6 from = address_of(source), to = address_of(destination);
	struct writer w = writer_init(packet, IP6_HEADER_SIZE + payload_len);
	write_u32(&w, 0x60000000);
	write_u16(&w, (uint16_t)payload_len);
	write_u8(&w, 59);
	write_u8(&w, hop_limit);
	write_bytes(&w, from.bytes, sizeof(from.bytes));
	write_bytes(&w, to.bytes, sizeof(to.bytes));
	for (size_t i = 0; i < payload_len; i++)
		write_u8(&w, (uint8_t)i);
	assert_false(w.failed);
	return writer_len(&w);
}

void number_write(uint8_t *bytes, uint32_t number)
{
	struct writer w = writer_init(bytes, sizeof(number));
	write_u32(&w, number);
}

uint32_t number_read(const uint8_t *bytes)
{
	struct reader r = reader_init(bytes, sizeof(uint32_t));
	return read_u32(&r);
}

size_t frame_make(uint8_t *frame, const char *source, const char *destination, uint8_t hop_limit, const uint8_t *body,
		  size_t body_len)
{
	struct ip6 from = address_of(source), to = address_of(destination);
	struct writer w = writer_init(frame, DATA_FRAME_HEADER_SIZE + body_len);
	write_u32(&w, 0x01000000);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)body_len);
	write_u8(&w, hop_limit);
	write_bytes(&w, from.bytes, sizeof(from.bytes));
	write_bytes(&w, to.bytes, sizeof(to.bytes));
	write_bytes(&w, body, body_len);
	assert_false(w.failed);
	return writer_len(&w);
}

static struct aead_key *key_from(uint8_t first)
{
	struct shared_secret secret = secret_from(first);
	struct aead_key *key = aead_key_new(&secret);
	assert_non_null(key);
	return key;
}

size_t frame_seal(struct fixture *f, uint8_t *frame, const char *source, const char *destination, uint8_t hop_limit,
		  uint8_t first, const uint8_t *plain, size_t len)
{
	static uint8_t body[BUFFER_SIZE];
	struct aead_key *key = key_from(first);
	nonce_next(&f->nonces, body + len + AEAD_TAG_SIZE);
	aead_seal(key, body + len + AEAD_TAG_SIZE, plain, len, body, body + len);
	aead_key_free(key);
	return frame_make(frame, source, destination, hop_limit, body, len + SEAL_TAILROOM);
}

uint8_t *frame_open(uint8_t *frame, size_t len, uint8_t first, enum user_type *ret_type, size_t *ret_len)
{
	uint8_t *payload;
	struct aead_key *key = key_from(first);
	assert_true(len >= DATA_FRAME_HEADER_SIZE);
	uint8_t *body = frame + DATA_FRAME_HEADER_SIZE;
	assert_int_equal(sealed_open(body, len - DATA_FRAME_HEADER_SIZE, key, ret_type, &payload, ret_len), 0);
	aead_key_free(key);
	return payload;
}
