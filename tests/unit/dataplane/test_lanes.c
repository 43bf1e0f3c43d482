// SPDX-License-Identifier: Apache-2.0
/* The lane's life, its rings, its interface, and the FIB changing under it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "known_packets.h"
#include "lane_fixture.h"
#include "link/fd_stream.h"

static uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE], body[BUFFER_SIZE];

/* Whatever is under way when a lane stops is freed: the address sanitizer looks. */
static void stops_with_work_left(void **state)
{
	(void)state;
	struct fixture f;
	int peer, other;
	fixture_start(&f, NODE_A, true);
	fixture_stop(&f);
	lanes_stop(NULL);

	peer = fixture_start_with_peer(&f, NODE_A, PEER_1);
	fixture_route(&f, NODE_B, PEER_1);
	fixture_secret(&f, NODE_B, SECRET_AB);
	size_t len = bytes_of_hex(HEX_ECHO, in);
	for (unsigned i = 0; i < 50; i++)
		host_send(&f, in, len);
	host_send(&f, in, packet_make(in, NODE_A, "4ff::1", 64, 100));
	peer_send(peer, in, frame_make(in, NODE_B, NODE_A, 64, body, 10));
	peer_send(peer, in, frame_make(in, "4fe::1", NODE_A, 64, body, 100));
	fixture_settle(&f);
	/* Orders that the lane is told of with the last one only. */
	struct link *link = fd_link_new(&other, "test");
	assert_int_equal(lanes_add_link(f.lanes, PEER_2, link), 0);
	struct ip6 a = address_of(NODE_A), b = address_of(NODE_B);
	for (unsigned i = 0; i < 10; i++) {
		lanes_retry(f.lanes, parcel_new(PARCEL_EGRESS, &a, &b, in, 60));
		lanes_refuse(f.lanes, parcel_new(PARCEL_TRANSIT, &a, &b, in, 100));
	}
	fixture_stop(&f);
	close(peer), close(other);
}

/* Orders are given in advance of a commit; room is kept for those that must not fail. */
static void room_for_orders(void **state)
{
	(void)state;
	struct fixture f;
	int other;
	fixture_start(&f, NODE_A, true);
	unsigned frames = 0, parcels = 0;
	uint8_t hello[HELLO_SIZE];
	hello_make(hello, 1);
	fixture_settle(&f);
	while (lanes_has_room(f.lanes)) {
		lanes_send_control(f.lanes, PEER_1, hello, sizeof(hello));
		frames++;
	}
	assert_true(frames >= LANE_ORDERS_MAX / 2 - 1 && frames < LANE_ORDERS_MAX);
	/* Parcels may go on for a while, then they are dropped. */
	struct ip6 a = address_of(NODE_A), b = address_of(NODE_B);
	for (unsigned i = 0; i < LANE_ORDERS_MAX; i++, parcels++)
		lanes_refuse(f.lanes, parcel_new(PARCEL_EGRESS, &a, &b, in, 60));
	struct link *link = fd_link_new(&other, "test");
	assert_int_equal(lanes_add_link(f.lanes, PEER_2, link), 0);
	unsigned closings = 0;
	while (lanes_close_link(f.lanes, PEER_3) == 0)
		closings++;
	assert_true(closings >= LANE_LINKS_MAX);
	int refused;
	link = fd_link_new(&refused, "test");
	assert_int_equal(lanes_add_link(f.lanes, PEER_3, link), -EAGAIN);
	link_free(link);
	lanes_commit(f.lanes);
	const struct timespec pause = {.tv_nsec = 1000000};
	while (!lanes_has_room(f.lanes))
		nanosleep(&pause, NULL);
	fixture_send_hello(&f, PEER_2, 5);
	assert_int_equal(read(other, out, HELLO_SIZE), HELLO_SIZE);
	fixture_stop(&f);
	close(other), close(refused);
}

static void interface_is_removed(void **state)
{
	(void)state;
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_B, PEER_1), to = fixture_add_link(&f, PEER_2);
	fixture_secret(&f, NODE_A, SECRET_AB);
	fixture_route(&f, "4ff::1", PEER_2);
	tun_fake_remove(f.tun);
	(void)fixture_event(&f, LANE_TUN_GONE);
	/* What is for the host goes nowhere; relaying goes on. */
	peer_send(peer, in, bytes_of_hex(HEX_ECHO_FRAME, in));
	size_t len = frame_make(in, NODE_A, "4ff::1", 64, body, 100);
	peer_send(peer, in, len);
	assert_int_equal(peer_receive(to, out), len);
	fixture_no_event(&f);
	fixture_stop(&f);
	close(peer), close(to);
}

/* More than one batch, in order. */
static void many_packets_from_the_host(void **state)
{
	(void)state;
	enum { PACKETS = 2000 };
	struct fixture f;
	int peer = fixture_start_with_peer(&f, NODE_A, PEER_1);
	fixture_route(&f, NODE_B, PEER_1);
	fixture_secret(&f, NODE_B, SECRET_AB);
	unsigned received = 0;
	for (unsigned i = 0; i < PACKETS; i++) {
		size_t len = packet_make(in, NODE_A, NODE_B, 64, 8);
		in[40] = (uint8_t)(i >> 8);
		in[41] = (uint8_t)i;
		host_send(&f, in, len);
		for (; i % 100 == 99 && received <= i; received++) {
			enum user_type type;
			size_t got = peer_receive(peer, out), packet_len;
			const uint8_t *packet = frame_open(out, got, SECRET_AB, &type, &packet_len);
			assert_int_equal(packet[40] << 8 | packet[41], received);
		}
	}
	assert_int_equal(fixture_counter(&f, LANE_PACKETS_FORWARDED), PACKETS);
	fixture_stop(&f);
	close(peer);
}

/* ---- what was looked up stays until the round is over ------------------------------------------------------------ */

/* Holds the lane inside one of its callbacks. */
struct gate {
	sem_t entered, leave;
	atomic_bool armed, opened;
	long hold_ms;
	int fd;
};

static void gate_pass(void *context)
{
	struct gate *gate = context;
	if (!atomic_exchange(&gate->armed, false))
		return;
	sem_post(&gate->entered);
	sem_wait(&gate->leave);
}

static long gated_read(void *stream, uint8_t *to, size_t len)
{
	struct gate *gate = stream;
	gate_pass(gate);
	return fd_stream_read((void *)(intptr_t)gate->fd, to, len);
}

static long gated_writev(void *stream, const struct iovec *parts, int count)
{
	struct gate *gate = stream;
	return fd_stream_writev((void *)(intptr_t)gate->fd, parts, count);
}

static void gated_close(void *stream)
{
	struct gate *gate = stream;
	gate_pass(gate);
	close(gate->fd);
}

static const struct stream_ops gated_ops = {.read = gated_read, .writev = gated_writev, .close = gated_close};

static void *open_gate_later(void *context)
{
	struct gate *gate = context;
	const struct timespec pause = {gate->hold_ms / 1000, gate->hold_ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
	atomic_store(&gate->opened, true);
	sem_post(&gate->leave);
	return NULL;
}

/* A lane whose interface and first link can be held. */
static int start_gated(struct fixture *f, struct gate *gate, long hold_ms)
{
	int ends[2];
	*gate = (struct gate){.hold_ms = hold_ms};
	sem_init(&gate->entered, 0, 0);
	sem_init(&gate->leave, 0, 0);
	fixture_start(f, NODE_A, true);
	tun_fake_on_read(f->tun, gate_pass, gate);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	gate->fd = ends[0];
	struct link *link = stream_link_new(&gated_ops, gate, gate->fd, "gated");
	assert_int_equal(lanes_add_link(f->lanes, PEER_1, link), 0);
	fixture_settle(f);
	return ends[1];
}

static void stop_gated(struct fixture *f, struct gate *gate, int far)
{
	fixture_stop(f);
	close(far);
	sem_destroy(&gate->entered);
	sem_destroy(&gate->leave);
}

/* The lane stands in a callback; freeing what was replaced must wait until it is out of it. */
static void assert_reclaim_waits(struct fixture *f, struct gate *gate)
{
	pthread_t opener;
	assert_int_equal(sem_wait(&gate->entered), 0);
	assert_int_equal(pthread_create(&opener, NULL, open_gate_later, gate), 0);
	fixture_route(f, NODE_B, PEER_2);
	fixture_route(f, NODE_B, PEER_1);
	fib_reclaim(f->fib);
	assert_true(atomic_exchange(&gate->opened, false));
	pthread_join(opener, NULL);
}

static void reclaim_waits_for_each_callback(void **state)
{
	(void)state;
	struct fixture f;
	struct gate gate;
	int far = start_gated(&f, &gate, 30);
	atomic_store(&gate.armed, true);	/* from the host */
	host_send(&f, in, packet_make(in, NODE_A, NODE_A, 64, 8));
	assert_reclaim_waits(&f, &gate);
	fixture_settle(&f);
	atomic_store(&gate.armed, true);	/* from a peer */
	hello_make(in, 1);
	peer_send(far, in, HELLO_SIZE);
	assert_reclaim_waits(&f, &gate);
	fixture_settle(&f);
	atomic_store(&gate.armed, true);	/* by order of control */
	assert_int_equal(lanes_close_link(f.lanes, PEER_1), 0);
	lanes_commit(f.lanes);
	assert_reclaim_waits(&f, &gate);
	fixture_settle(&f);
	stop_gated(&f, &gate, far);
}

/* A round may take longer than a timer's period: the machine was busy, or stopped. */
static void lives_on_after_a_long_round(void **state)
{
	(void)state;
	struct fixture f;
	struct gate gate;
	int far = start_gated(&f, &gate, 1200);
	hello_make(in, 1);
	for (unsigned i = 0; i < 2; i++) {
		pthread_t opener;
		atomic_store(&gate.armed, true);
		peer_send(far, in, HELLO_SIZE);
		assert_int_equal(sem_wait(&gate.entered), 0);
		assert_int_equal(pthread_create(&opener, NULL, open_gate_later, &gate), 0);
		pthread_join(opener, NULL);
		fixture_settle(&f);
		gate.hold_ms = 150;
	}
	stop_gated(&f, &gate, far);
}

/* ---- the FIB changes while packets flow -------------------------------------------------------------------------- */

enum { FLOOD_NODES = 4 };

struct flood {
	pthread_t thread;
	int fd;
	atomic_bool stop;
	uint64_t frames;
};

static void flood_destination(unsigned number, char text[static 32])
{
	snprintf(text, 32, "4d0:%x::1", number);
}

static void *flood_host(void *context)
{
	struct flood *flood = context;
	static uint8_t packet[200];
	char destination[32];
	for (unsigned i = 0; !atomic_load(&flood->stop); i++) {
		flood_destination(i % FLOOD_NODES, destination);
		size_t len = packet_make(packet, NODE_A, destination, 64, 100);
		(void)!send(flood->fd, packet, len, MSG_NOSIGNAL);
	}
	return NULL;
}

static void *drain_peer(void *context)
{
	struct flood *flood = context;
	static uint8_t bytes[65536];
	ssize_t got;
	while ((got = recv(flood->fd, bytes, sizeof(bytes), 0)) > 0)
		flood->frames += (uint64_t)got / 172;
	return NULL;
}

static void change_routes(struct fixture *f, unsigned step)
{
	char destination[32];
	flood_destination(step % FLOOD_NODES, destination);
	struct ip6 address = address_of(destination);
	struct subnet subnet = subnet64_of(&address);
	struct shared_secret secret;
	memset(secret.bytes, (int)step, sizeof(secret.bytes));
	if (step % 7 == 0)
		fib_clear_route(f->fib, &subnet);
	else
		assert_int_equal(fib_set_route(f->fib, &subnet, PEER_1, step % 3 == 0 ? 0 : UINT64_MAX), 0);
	if (step % 5 == 0)
		fib_clear_secret(f->fib, &subnet);
	else if (step % 5 < 3)
		assert_int_equal(fib_set_secret(f->fib, &subnet, &secret), 0);
	fib_reclaim(f->fib);
}

static void take_events(struct fixture *f)
{
	for (struct lane_event *event; (event = lanes_next_event(f->lanes)) != NULL; lanes_pop_event(f->lanes))
		if (event->type == LANE_PARCEL)
			lanes_retry(f->lanes, event->parcel);
	lanes_commit(f->lanes);
	lanes_events_taken(f->lanes);
}

/* Entries are replaced and freed while the lane uses them. */
static void routes_change_under_traffic(void **state)
{
	(void)state;
	enum { CHANGES = 6000, FRAMES_MIN = 300 };
	struct fixture f;
	struct flood host = {0}, peer = {0};
	peer.fd = fixture_start_with_peer(&f, NODE_A, PEER_1);
	host.fd = tun_fake_host(f.tun);
	assert_int_equal(pthread_create(&host.thread, NULL, flood_host, &host), 0);
	assert_int_equal(pthread_create(&peer.thread, NULL, drain_peer, &peer), 0);
	for (unsigned step = 0; step < CHANGES || lanes_counter(f.lanes, LANE_PACKETS_FORWARDED) < FRAMES_MIN; step++) {
		change_routes(&f, step);
		take_events(&f);
	}
	atomic_store(&host.stop, true);
	pthread_join(host.thread, NULL);
	fixture_stop(&f);
	pthread_join(peer.thread, NULL);
	assert_true(peer.frames > 0);
	close(peer.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_with_work_left),
		cmocka_unit_test(room_for_orders),
		cmocka_unit_test(interface_is_removed),
		cmocka_unit_test(many_packets_from_the_host),
		cmocka_unit_test(reclaim_waits_for_each_callback),
		cmocka_unit_test(lives_on_after_a_long_round),
		cmocka_unit_test(routes_change_under_traffic),
	};
	return cmocka_run_group_tests_name("lanes", tests, fixture_group_setup, NULL);
}
