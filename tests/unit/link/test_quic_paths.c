// SPDX-License-Identifier: Apache-2.0
/* Ways of packets: sockets of several lanes, addresses that change, a server with several. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "link/quic_internal.h"
#include "quic_end.h"

enum { LANES = 3 };

static struct end client, lanes[LANES];
static struct end *const all[] = {&client, &lanes[0], &lanes[1], &lanes[2]};
static struct quic_sockets sockets[LANES];

static int open_lanes(void **state)
{
	(void)state;
	const struct socket_options options = {0};
	assert_int_equal(quic_open_sockets(0, LANES, &options, sockets), 0);
	for (unsigned i = 0; i < LANES; i++)
		end_start(&lanes[i], &sockets[i], 2, i, LANES);
	end_open(&client, 0, 1);
	return 0;
}

static int close_lanes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LANES; i++)
		end_close(&lanes[i]);
	quic_close_sockets(sockets, LANES);
	end_close(&client);
	return 0;
}

static unsigned links_of_lanes(void)
{
	return lanes[0].links + lanes[1].links + lanes[2].links;
}

static uint64_t frames_of_lanes(void)
{
	uint64_t frames = 0;
	for (unsigned i = 0; i < LANES; i++)
		for (unsigned j = 0; j < lanes[i].links; j++)
			frames += lanes[i].link[j].frames;
	return frames;
}

/* Each client draws its first id by chance, and finds its lane again with the id it got from it. */
static void lanes_share_a_port(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LANES; i++)
		assert_int_equal(end_port(&lanes[i]), end_port(&lanes[0]));
	for (unsigned i = 0; i < 24; i++) {
		assert_int_equal(end_dial(&client, i % 2 ? AF_INET : AF_INET6, end_port(&lanes[0]), i + 1), 0);
		wait_until(all, 1 + LANES, client.links == i + 1);
		send_control(&client, i, 50, i);
	}
	wait_until(all, 1 + LANES, links_of_lanes() == 24 && frames_of_lanes() == 24);
	for (unsigned i = 0; i < LANES; i++)
		assert_true(lanes[i].links > 0);
	for (unsigned i = 0; i < 24; i++)
		send_control(&client, i, 60, i);
	wait_until(all, 1 + LANES, frames_of_lanes() == 48);
	for (unsigned i = 0; i < LANES; i++)
		assert_int_equal(quic_counters(lanes[i].quic)->resets_sent, 0);
}

/* What the lanes dial comes back to the lane that dialled. */
static void lanes_dial(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LANES; i++) {
		assert_int_equal(end_dial(&lanes[i], i % 2 ? AF_INET : AF_INET6, end_port(&client), 1), 0);
		wait_until(all, 1 + LANES, lanes[i].links == 1);
		send_control(&lanes[i], 0, 50, i);
		wait_until(all, 1 + LANES, client.links == i + 1);
		send_control(&client, i, 70, i);
		wait_until(all, 1 + LANES, lanes[i].link[0].frames == 1);
	}
}

/* The kernel joined packets of two connections and gave them to the lane of the first. */
static void packet_for_another_lane(void **state)
{
	(void)state;
	uint8_t packet[100] = {0x40};
	const struct udp_path path = {
		.local = udp_any_address(AF_INET),
		.remote.in = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	const struct udp_datagram datagram = {.bytes = packet, .len = sizeof(packet), .path = &path};
	for (unsigned i = 0; i < 30; i++) {
		packet[1] = (uint8_t)i;
		quic_take_datagram(lanes[1].quic, 0, &datagram);
	}
	assert_int_equal(quic_counters(lanes[1].quic)->resets_sent, 30 / LANES);
	assert_int_equal(quic_counters(lanes[1].quic)->datagrams_invalid, 30 - 30 / LANES);
}

static void port_in_use(void **state)
{
	(void)state;
	const struct socket_options options = {0};
	struct quic_sockets second[LANES];
	for (unsigned count = 1; count <= LANES; count++) {
		assert_int_equal(quic_open_sockets(end_port(&lanes[0]), count, &options, second), -EADDRINUSE);
		assert_int_equal(quic_open_sockets(end_port(&client), count, &options, second), -EADDRINUSE);
		for (unsigned i = 0; i < count; i++)
			assert_true(second[i].fd[0] == -1 && second[i].fd[1] == -1);
	}
}

/* ---- a way that changes ------------------------------------------------------------------------------------------ */

/* Something like a NAT between the client and a server: what comes to `inner` leaves from `outer`, and back. */
struct relay {
	int inner, outer;
	struct sockaddr_in client, server;
	unsigned loses_one_in, passed;
};

static int relay_socket(void)
{
	const struct sockaddr_storage any = loopback(AF_INET, 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int room = 8 << 20;
	assert_true(fd >= 0);
	/* What is lost is to be lost by the relay, not in front of it. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(struct sockaddr_in)), 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	return ntohs(own.sin_port);
}

/* Hands one packet on, or loses it. */
static void relay_send(struct relay *relay, int fd, const uint8_t *packet, size_t len, const struct sockaddr_in *to)
{
	if (relay->loses_one_in == 0 || ++relay->passed % relay->loses_one_in != 0)
		sendto(fd, packet, len, 0, (const struct sockaddr *)to, sizeof(*to));
}

static void relay_pass(struct relay *relay)
{
	uint8_t packet[2000];
	socklen_t len = sizeof(relay->client);
	ssize_t got;
	while ((got = recvfrom(relay->inner, packet, sizeof(packet), 0, (struct sockaddr *)&relay->client, &len)) > 0)
		relay_send(relay, relay->outer, packet, (size_t)got, &relay->server);
	while ((got = recv(relay->outer, packet, sizeof(packet), 0)) > 0)
		relay_send(relay, relay->inner, packet, (size_t)got, &relay->client);
}

#define relay_until(relay, condition)                                                                                  \
	do {                                                                                                           \
		uint64_t give_up_us = now_us() + (uint64_t)PATIENCE_MS * 1000;                                         \
		while (!(condition)) {                                                                                 \
			assert_true(now_us() < give_up_us);                                                            \
			relay_pass(relay);                                                                             \
			ends_turn(all, 2);                                                                             \
		}                                                                                                      \
	} while (0)

/* A link between the first lane, which dials, and the client through a relay. */
static struct relay connect_through_relay(void)
{
	struct relay relay = {.inner = relay_socket(), .outer = relay_socket()};
	const struct sockaddr_storage server = loopback(AF_INET, end_port(&client));
	memcpy(&relay.server, &server, sizeof(relay.server));
	assert_int_equal(end_dial(&lanes[0], AF_INET, port_of(relay.inner), 1), 0);
	relay_until(&relay, lanes[0].links == 1);
	send_control(&lanes[0], 0, 50, 1);
	relay_until(&relay, client.links == 1 && client.link[0].frames == 1);
	return relay;
}

/* Without a link being lost, and without the client noticing: its port as the server sees it is another. */
static void client_that_moves(void **state)
{
	(void)state;
	struct end *const dialler = &lanes[0];
	struct relay relay = connect_through_relay();
	for (unsigned i = 1; i <= 5; i++) {
		char name[LINK_NAME_SIZE];
		strcpy(name, link_name(client.link[0].link));
		int before = relay.outer;
		relay.outer = relay_socket();
		close(before);
		send_control(dialler, 0, 50 + i, 1);
		relay_until(&relay, client.link[0].frames == i + 1);
		send_control(&client, 0, 50 + i, 1);
		relay_until(&relay, dialler->link[0].frames == i);
		for (unsigned j = 0; j < 50; j++) {
			relay_pass(&relay);
			ends_turn(all, 2);
		}
		assert_string_equal(link_name(client.link[0].link), name);
	}
	assert_int_equal(dialler->link[0].closed + client.link[0].closed, 0);
	close(relay.inner);
	close(relay.outer);
}

static unsigned next_seed;

static void assert_next_on_stream(struct end *end, struct end_link *link, const struct frame *frame)
{
	static uint8_t expected[1472];
	(void)end, (void)link;
	if (frame->type == FRAME_DATA && frame->len < sizeof(expected))
		return;
	if (frame->type == FRAME_DATA)
		make_data(expected, frame->len, next_seed);
	else
		make_control(expected, frame->len, next_seed);
	assert_memory_equal(frame->bytes, expected, frame->len);
	next_seed++;
}

/* What goes over the stream arrives whole and in order, though packets get lost; of datagrams some are missing. */
static void way_that_loses_packets(void **state)
{
	(void)state;
	static uint8_t frame[1472];
	struct relay relay = connect_through_relay();
	struct link *link = lanes[0].link[0].link;
	struct link_stats stats;
	relay.loses_one_in = 9;
	next_seed = 0;
	client.on_frame = assert_next_on_stream;
	for (unsigned i = 0; i < 1500; i++) {
		size_t len = i % 3 ? sizeof(frame) : 8 + i % 1000;
		if (i % 3)
			make_data(frame, len, i);
		else
			make_control(frame, len, i);
		send_frame(&lanes[0], 0, frame, len);
		relay_until(&relay, link_unsent(link) == 0);
		make_data(frame, 500, i);
		send_frame(&lanes[0], 0, frame, 500);
		relay_until(&relay, link_unsent(link) == 0);
	}
	relay_until(&relay, next_seed == 1500);
	relay.loses_one_in = 0;
	link_get_stats(link, &stats);
	assert_true(stats.lost > 50);
	assert_true(client.link[0].frames < 1 + 3000 && client.link[0].frames > 1 + 2500);
	assert_int_equal(lanes[0].link[0].closed + client.link[0].closed, 0);
	close(relay.inner);
	close(relay.outer);
}

/* A server with several addresses answers from the one that was dialled: a client takes no packet from another. */
static void server_with_several_addresses(void **state)
{
	(void)state;
	struct sockaddr_in other = {
		.sin_family = AF_INET, .sin_port = htons(end_port(&lanes[0])), .sin_addr.s_addr = htonl(0x7f000909)};
	quic_set_time(client.quic, now_us());
	assert_int_equal(quic_dial(client.quic, (struct sockaddr *)&other, sizeof(other), 1), 0);
	wait_until(all, 1 + LANES, client.links == 1);
	send_control(&client, 0, 50, 1);
	wait_until(all, 1 + LANES, frames_of_lanes() == 1);
}

/* An IPv4 address that is written as an IPv6 one. */
static void mapped_address(void **state)
{
	(void)state;
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(end_port(&lanes[0]))};
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
	quic_set_time(client.quic, now_us());
	assert_int_equal(quic_dial(client.quic, (struct sockaddr *)&mapped, sizeof(mapped), 1), 0);
	wait_until(all, 1 + LANES, client.links == 1);
	assert_int_equal(client.link[0].remote.ss_family, AF_INET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lanes_share_a_port, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(lanes_dial, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(packet_for_another_lane, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(port_in_use, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(client_that_moves, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(way_that_loses_packets, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(server_with_several_addresses, open_lanes, close_lanes),
		cmocka_unit_test_setup_teardown(mapped_address, open_lanes, close_lanes),
	};
	return cmocka_run_group_tests_name("quic_paths", tests, NULL, NULL);
}
