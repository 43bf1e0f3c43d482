// SPDX-License-Identifier: Apache-2.0
/* How connections over QUIC end, fail, or never begin; and what they survive. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "quic_pair.h"

static struct end *const only_a[] = {&a};

/* Moves the clock of all ends on, as if nothing happened meanwhile, in steps in which packets still flow. */
static void skip_ms(struct end *const *ends, unsigned count, uint64_t ms)
{
	for (uint64_t done = 0; done < ms; done += 100) {
		skipped_us += 100000;
		ends_turn(ends, count);
	}
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void freed_link_ends_the_other(void **state)
{
	(void)state;
	connect_ends(&a, &b, AF_INET);
	end_free_link(&a, 0);
	wait_until(both, 2, b.link[0].closed == 1);
	assert_int_equal(b.link[0].error, -ENODATA);
	connect_ends(&a, &b, AF_INET6);
	end_free_link(&b, 1);
	wait_until(both, 2, a.link[1].closed == 1);
	assert_int_equal(a.link[1].error, -ENODATA);
}

static void freed_endpoint_ends_the_others(void **state)
{
	(void)state;
	connect_ends(&a, &b, AF_INET);
	quic_free(b.quic);
	b.quic = NULL;
	b.links = 0;
	wait_until(only_a, 1, a.link[0].closed == 1);
	assert_int_equal(a.link[0].error, -ENODATA);
}

/* What a link does after its connection ended and before it is freed. */
static void link_after_its_end(void **state)
{
	(void)state;
	uint8_t frame[100];
	struct iovec part = {frame, sizeof(frame)};
	struct link_stats stats;
	bool blocked;
	connect_ends(&a, &b, AF_INET);
	end_free_link(&b, 0);
	wait_until(both, 2, a.link[0].closed == 1);
	make_data(frame, sizeof(frame), 1);
	assert_int_equal(link_send(a.link[0].link, &part, 1, &blocked), -ENODATA);
	assert_int_equal(link_flush(a.link[0].link, &blocked), -ENODATA);
	assert_int_equal(link_unsent(a.link[0].link), 0);
	assert_int_equal(link_window(a.link[0].link), 1);
	assert_int_equal(link_unacknowledged_ms(a.link[0].link), 0);
	link_get_stats(a.link[0].link, &stats);
}

static void bytes_that_are_no_frame(void **state)
{
	(void)state;
	const uint8_t bad[8] = {1, 1, 0, 0, 42, 3, 0, 0};
	uint8_t mixed[16];
	connect_ends(&a, &b, AF_INET);
	/* A frame that lies about its type in its second byte would not come to the stream: it is the one behind it. */
	memcpy(mixed, bad, 8);
	memset(mixed + 8, 2, 8);
	send_frame(&a, 0, mixed, sizeof(mixed));
	wait_until(both, 2, b.link[0].closed == 1 && a.link[0].closed == 1);
	assert_int_equal(b.link[0].frames, 2);
	assert_int_equal(b.link[0].error, -EPROTO);
	assert_string_equal(b.link[0].text, "Unknown protocol version");
	assert_string_equal(link_protocol_error(b.link[0].link), "Unknown protocol version");
	assert_int_equal(a.link[0].error, -ENODATA);
}

/* A datagram that is no frame costs only itself; bytes behind a frame are ignored. */
static void bad_datagrams(void **state)
{
	(void)state;
	uint8_t frame[200];
	connect_ends(&a, &b, AF_INET);
	make_data(frame, sizeof(frame), 1);
	send_frame(&a, 0, frame, sizeof(frame) - 1); /* cut */
	frame[0] = 7;
	send_frame(&a, 0, frame, sizeof(frame)); /* of another version */
	make_data(frame, 100, 2);
	send_frame(&a, 0, frame, sizeof(frame)); /* with something behind it */
	wait_until(both, 2, b.link[0].frames == 2);
	assert_int_equal(b.link[0].bytes, 8 + 100);
	assert_int_equal(quic_counters(b.quic)->datagrams_invalid, 2);
	assert_int_equal(b.link[0].closed, 0);
}

/* ---- restart ----------------------------------------------------------------------------------------------------- */

static void restarted_server_resets_at_once(void **state)
{
	(void)state;
	connect_ends(&a, &b, AF_INET);
	uint16_t port = end_port(&b);
	/* As if the process were killed: its goodbye gets lost, as nobody reads it before the new one is there. */
	struct end former = b;
	quic_close_sockets(&b.sockets, 1);
	end_open(&b, port, 2);
	send_control(&a, 0, 50, 1);
	uint64_t started_us = now_us();
	wait_until(both, 2, a.link[0].closed == 1);
	assert_int_equal(a.link[0].error, -ECONNRESET);
	assert_true(now_us() - started_us < 1000000);
	assert_true(quic_counters(b.quic)->resets_sent > 0);
	connect_ends(&a, &b, AF_INET);
	former.owns_sockets = false;
	end_close(&former);
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static void refused_dial(void **state)
{
	(void)state;
	uint16_t port = end_port(&b);
	quic_close_sockets(&b.sockets, 1);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t started_us = now_us();
		assert_int_equal(end_dial(&a, i == 0 ? AF_INET : AF_INET6, port, 5), 0);
		wait_until(only_a, 1, a.failed == i + 1);
		assert_int_equal(a.error, -ECONNREFUSED);
		assert_true(now_us() - started_us < 1000000);
	}
	b.sockets = (struct quic_sockets){{-1, -1}};
}

static void silent_server(void **state)
{
	(void)state;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 5), 0);
	ends_turn(only_a, 1);
	skip_ms(only_a, 1, 9000);
	assert_int_equal(a.failed, 0);
	skip_ms(only_a, 1, 2000);
	assert_int_equal(a.failed, 1);
	assert_int_equal(a.error, -ETIMEDOUT);
}

static void dials_to_nowhere(void **state)
{
	(void)state;
	struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9651)};
	struct sockaddr unix_family = {.sa_family = AF_UNIX};
	assert_int_equal(end_dial(&a, AF_INET, 0, 1), -EADDRNOTAVAIL);
	assert_int_equal(quic_dial(a.quic, (struct sockaddr *)&nobody, sizeof(nobody), 1), -EADDRNOTAVAIL);
	assert_int_equal(quic_dial(a.quic, &unix_family, sizeof(unix_family), 1), -EAFNOSUPPORT);
}

static void refused_connection(void **state)
{
	(void)state;
	b.refuses = true;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 5), 0);
	wait_until(both, 2, a.links == 1);
	send_control(&a, 0, 8, 1);
	wait_until(both, 2, a.link[0].closed == 1);
	assert_int_equal(a.link[0].error, -ENODATA);
	assert_int_equal(b.offers, 1);
	assert_null(quic_adopt(b.quic, b.offered, 1));
}

/* The client never writes: for the server there is no stream. */
static void silent_client_is_dropped(void **state)
{
	(void)state;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 5), 0);
	wait_until(both, 2, a.links == 1);
	skip_ms(both, 2, 9000);
	assert_int_equal(a.link[0].closed, 0);
	skip_ms(both, 2, 2000);
	wait_until(both, 2, a.link[0].closed == 1);
	assert_int_equal(a.link[0].error, -ENODATA);
	assert_int_equal(b.offers, 0);
}

static void idle_link_stays(void **state)
{
	(void)state;
	connect_ends(&a, &b, AF_INET);
	skip_ms(both, 2, 150000);
	assert_int_equal(a.link[0].closed + b.link[0].closed, 0);
	send_control(&b, 0, 77, 1);
	wait_until(both, 2, a.link[0].frames == 1);
}

static void vanished_peer_times_out(void **state)
{
	(void)state;
	connect_ends(&a, &b, AF_INET);
	skip_ms(only_a, 1, 59000);
	assert_int_equal(a.link[0].closed, 0);
	skip_ms(only_a, 1, 40000);
	assert_int_equal(a.link[0].closed, 1);
	assert_int_equal(a.link[0].error, -ETIMEDOUT);
}

/* ---- adoption ---------------------------------------------------------------------------------------------------- */

static void frames_before_adoption_come_first(void **state)
{
	(void)state;
	struct quic_event event = {.type = QUIC_CONNECTED};
	b.waits = true;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 5), 0);
	wait_until(both, 2, a.links == 1);
	send_control(&a, 0, 20, 1);
	wait_until(both, 2, b.offers == 1);
	for (unsigned i = 0; i < 10; i++) {
		send_control(&a, 0, 1000 + i, 1);
		wait_until(both, 2, link_unsent(a.link[0].link) == 0);
	}
	run_for(both, 2, 20000);
	event.id = b.offered;
	end_adopt(&b, &event);
	assert_true(quic_pending(b.quic));
	assert_true(quic_deadline_us(b.quic) <= now_us());
	end_take_frames(&b);
	assert_int_equal(b.link[0].frames, 11);
	send_control(&a, 0, 30, 1);
	wait_until(both, 2, b.link[0].frames == 12);
	assert_int_equal(b.link[0].bytes, 20 + 10045 + 30);
}

/* What a peer may make us hold before anybody decided about it. */
static void too_much_before_adoption(void **state)
{
	(void)state;
	b.waits = true;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 5), 0);
	wait_until(both, 2, a.links == 1);
	send_control(&a, 0, 60000, 1);
	run_for(both, 2, 50000);
	assert_int_equal(a.link[0].closed, 0);
	send_control(&a, 0, 6000, 1);
	wait_until(both, 2, a.link[0].closed == 1);
	assert_null(quic_adopt(b.quic, b.offered, 1));
}

static void ended_before_adoption(void **state)
{
	(void)state;
	b.waits = true;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 5), 0);
	wait_until(both, 2, a.links == 1);
	send_control(&a, 0, 8, 1);
	wait_until(both, 2, b.offers == 1);
	end_free_link(&a, 0);
	run_for(both, 2, 20000);
	assert_null(quic_adopt(b.quic, b.offered, 1));
	quic_refuse(b.quic, b.offered);
}

static void many_links_between_two_ends(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		connect_ends(i % 2 ? &a : &b, i % 2 ? &b : &a, i % 3 ? AF_INET : AF_INET6);
	for (unsigned i = 0; i < 10; i++)
		send_control(&a, i, 100 + i, i);
	wait_until(both, 2, b.link[9].bytes >= 109);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(b.link[i].bytes, 100 + i + (i % 2 ? 8 : 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(freed_link_ends_the_other, open_both, close_both),
		cmocka_unit_test_setup_teardown(freed_endpoint_ends_the_others, open_both, close_both),
		cmocka_unit_test_setup_teardown(link_after_its_end, open_both, close_both),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_frame, open_both, close_both),
		cmocka_unit_test_setup_teardown(bad_datagrams, open_both, close_both),
		cmocka_unit_test_setup_teardown(restarted_server_resets_at_once, open_both, close_both),
		cmocka_unit_test_setup_teardown(refused_dial, open_both, close_both),
		cmocka_unit_test_setup_teardown(silent_server, open_both, close_both),
		cmocka_unit_test_setup_teardown(dials_to_nowhere, open_both, close_both),
		cmocka_unit_test_setup_teardown(refused_connection, open_both, close_both),
		cmocka_unit_test_setup_teardown(silent_client_is_dropped, open_both, close_both),
		cmocka_unit_test_setup_teardown(idle_link_stays, open_both, close_both),
		cmocka_unit_test_setup_teardown(vanished_peer_times_out, open_both, close_both),
		cmocka_unit_test_setup_teardown(frames_before_adoption_come_first, open_both, close_both),
		cmocka_unit_test_setup_teardown(too_much_before_adoption, open_both, close_both),
		cmocka_unit_test_setup_teardown(ended_before_adoption, open_both, close_both),
		cmocka_unit_test_setup_teardown(many_links_between_two_ends, open_both, close_both),
	};
	return cmocka_run_group_tests_name("quic_ends", tests, NULL, NULL);
}
