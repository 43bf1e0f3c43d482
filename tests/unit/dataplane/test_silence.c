// SPDX-License-Identifier: Apache-2.0
/*
 * When control hears that a peer is silent. Times are bounds: what must come is waited for, what must not come is looked
 * for over several times the limit.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "known_packets.h"
#include "lane_fixture.h"
#include "link/tcp.h"

enum { TURN_MS = 50, SILENT_AFTER_MS = 200, LONG_MS = 800 };

static uint8_t hello[HELLO_SIZE];

static void pause_ms(long ms)
{
	const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

/* Takes all events of now; how many say that this peer is silent. */
static unsigned count_silent(struct fixture *f, uint32_t peer)
{
	unsigned count = 0;
	for (struct lane_event *event; (event = lanes_next_event(f->lanes)) != NULL; lanes_pop_event(f->lanes))
		count += event->type == LANE_SILENT && event->peer == peer;
	return count;
}

/* Takes events up to the one that says that this peer is silent. */
static struct lane_event expect_silent(struct fixture *f, uint32_t peer)
{
	uint64_t give_up_ms = monotonic_ms() + 20000;
	struct lane_event event = {.peer = FIB_NO_PEER};
	while (event.peer != peer || event.type != LANE_SILENT) {
		const struct lane_event *next = lanes_next_event(f->lanes);
		assert_true(monotonic_ms() < give_up_ms);
		if (next == NULL) {
			pause_ms(1);
			continue;
		}
		event = *next;
		lanes_pop_event(f->lanes);
	}
	return event;
}

static void without_an_answer(void **state)
{
	(void)state;
	struct fixture f;
	fixture_start(&f, NODE_T, false);
	int peer = fixture_add_link(&f, PEER_1);
	hello_make(hello, 1);
	lanes_send_control(f.lanes, PEER_1, hello, sizeof(hello));
	lanes_commit(f.lanes);
	uint64_t began_ms = monotonic_ms();
	struct lane_event event = expect_silent(&f, PEER_1);
	assert_true(event.unanswered_ms >= SILENT_AFTER_MS);
	assert_true(event.unanswered_ms <= monotonic_ms() - began_ms + TURN_MS);
	/* It is told again while it lasts, and no more once anything came. */
	assert_true(expect_silent(&f, PEER_1).unanswered_ms > event.unanswered_ms);
	peer_send(peer, hello, 1);
	pause_ms(2 * SILENT_AFTER_MS);
	(void)count_silent(&f, PEER_1);
	pause_ms(LONG_MS);
	assert_int_equal(count_silent(&f, PEER_1), 0);
	fixture_stop(&f);
	close(peer);
}

static void nothing_was_asked(void **state)
{
	(void)state;
	struct fixture f;
	fixture_start(&f, NODE_T, false);
	int peer = fixture_add_link(&f, PEER_1);
	hello_make(hello, 1);
	peer_send(peer, hello, sizeof(hello));
	pause_ms(LONG_MS);
	assert_int_equal(count_silent(&f, PEER_1), 0);
	fixture_stop(&f);
	close(peer);
}

static void busy_link_falls_quiet(void **state)
{
	(void)state;
	struct fixture f;
	fixture_start(&f, NODE_T, false);
	int peer = fixture_add_link(&f, PEER_1);
	hello_make(hello, 1);
	for (unsigned i = 0; i < LONG_MS / TURN_MS; i++) {
		peer_send(peer, hello, sizeof(hello));
		pause_ms(TURN_MS);
	}
	struct lane_event event = expect_silent(&f, PEER_1);
	assert_int_equal(event.unanswered_ms, 0);
	/* Once, or once more on a machine that stalled before. */
	pause_ms(LONG_MS);
	assert_true(count_silent(&f, PEER_1) <= 1);
	fixture_stop(&f);
	close(peer);
}

/* Over TCP the far end's acknowledgements are signs, whatever its program does. */
static void acknowledged_by_tcp(void **state)
{
	(void)state;
	struct fixture f;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage remote;
	struct socket_options options = {0};
	int listener = tcp_listen_on((struct sockaddr *)&address, sizeof(address));
	assert_true(listener >= 0);
	address.sin_port = htons(tcp_local_port(listener));
	int far = tcp_connect_start((struct sockaddr *)&address, sizeof(address), &options);
	struct pollfd poller = {.fd = listener, .events = POLLIN};
	assert_int_equal(poll(&poller, 1, 5000), 1);
	struct link *link = tcp_link_new(tcp_accept(listener, &remote));
	assert_non_null(link);
	assert_true(link_unacknowledged_ms(link) == 0);

	fixture_start(&f, NODE_T, false);
	assert_int_equal(lanes_add_link(f.lanes, PEER_1, link), 0);
	hello_make(hello, 1);
	for (unsigned i = 0; i < 3; i++) {
		lanes_send_control(f.lanes, PEER_1, hello, sizeof(hello));
		lanes_commit(f.lanes);
		pause_ms(LONG_MS / 2);
	}
	assert_int_equal(count_silent(&f, PEER_1), 0);
	fixture_stop(&f);
	socket_close_fd(far);
	socket_close_fd(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_answer),
		cmocka_unit_test(nothing_was_asked),
		cmocka_unit_test(busy_link_falls_quiet),
		cmocka_unit_test(acknowledged_by_tcp),
	};
	return cmocka_run_group_tests_name("silence", tests, fixture_group_setup, NULL);
}
