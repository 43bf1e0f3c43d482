// SPDX-License-Identifier: Apache-2.0
/* What is different all at once: the network, or what an address was taken for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fixture.h"

#define A "tcp://192.0.2.6:9651"
#define B "tcp://192.0.2.7:9651"
#define C "tcp://192.0.2.8:9651"

static void add(struct peers *peers, const char *text, uint64_t now_ms)
{
	struct endpoint endpoint = endpoint_of(text);
	assert_int_equal(peers_add_static(peers, &endpoint, now_ms), 0);
	peers_tick(peers, now_ms);
}

/* Fails the attempts of the only entry until `until_ms`. Returns how many there were. */
static unsigned fail_until(struct peers *peers, uint64_t until_ms)
{
	struct peers_action action;
	unsigned attempts = 0;
	for (uint64_t due; (due = peers_next_deadline(peers)) <= until_ms;) {
		peers_tick(peers, due);
		for (; peers_next_action(peers, &action); attempts++)
			peers_connect_failed(peers, action.ticket, -ENETUNREACH, due);
	}
	return attempts;
}

static void test_waiting_entries_are_due(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint inbound = endpoint_of("tcp://192.0.2.9:40000");
	add(peers, A, 0);
	peers_connect_failed(peers, expect_connect(peers, A), -EIO, 0);
	fail_until(peers, 300000);
	uint64_t now = 300000;
	add(peers, B, now);
	uint64_t running = expect_connect(peers, B);
	add(peers, C, now);
	assert_int_equal(peers_connected(peers, expect_connect(peers, C), 1, now), 0);
	assert_int_equal(peers_accepted(peers, &inbound, 2, now), 0);
	assert_true(info_of(peers, A).failed_attempts > 12);

	peers_network_changed(peers, now);
	assert_in_range(info_of(peers, A).next_attempt_ms, now, now + 250);
	assert_int_equal(info_of(peers, A).failed_attempts, 0);
	assert_int_equal(info_of(peers, B).state, PEER_CONNECTING);
	assert_int_equal(info_of(peers, C).connection, 1);
	assert_int_equal(info_of(peers, "tcp://192.0.2.9:40000").connection, 2);
	peers_tick(peers, now + 250);
	uint64_t ticket = expect_connect(peers, A);
	expect_idle(peers);
	/* What fails now is tried again quickly; the attempt that ran is no exception. */
	now += 250;
	peers_connect_failed(peers, ticket, -ENETUNREACH, now);
	assert_in_range(info_of(peers, A).next_attempt_ms, now + 560, now + 840);
	peers_connect_failed(peers, running, -ETIMEDOUT, now);
	assert_in_range(info_of(peers, B).next_attempt_ms, now + 560, now + 840);
	peers_free(peers);
}

static void test_first_attempts_are_not_put_off(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint a = endpoint_of(A);
	assert_int_equal(peers_add_static(peers, &a, 1000), 0);
	peers_network_changed(peers, 1000);
	assert_int_equal(info_of(peers, A).next_attempt_ms, 1000);
	peers_free(peers);
}

static void test_changes_are_spread(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(5);
	struct peers_action action;
	struct endpoint endpoint = endpoint_of(A);
	for (unsigned i = 0; i < 200; i++) {
		endpoint.port = (uint16_t)(i + 1);
		assert_int_equal(peers_add_static(peers, &endpoint, 0), 0);
	}
	peers_tick(peers, 0);
	while (peers_next_action(peers, &action))
		peers_connect_failed(peers, action.ticket, -EIO, 0);
	peers_network_changed(peers, 1000);
	for (unsigned quarter = 1; quarter <= 4; quarter++) {
		unsigned attempts = 0;
		peers_tick(peers, 1000 + quarter * 250 / 4);
		while (peers_next_action(peers, &action))
			attempts++;
		assert_in_range(attempts, 25, 75);
	}
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_free(peers);
}

static void test_many_changes_are_one(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	add(peers, A, 0);
	peers_connect_failed(peers, expect_connect(peers, A), -EIO, 0);
	for (uint64_t now = 0; now < 1000; now += 10)
		peers_network_changed(peers, now);
	assert_int_equal(peers_counters(peers)->network_changes, 1);
	/* The last of them counts, when the second is over. */
	uint64_t due = peers_next_deadline(peers);
	peers_tick(peers, due);
	peers_connected(peers, expect_connect(peers, A), 1, due);
	assert_int_equal(peers_next_deadline(peers), 1000);
	peers_tick(peers, 1000);
	assert_int_equal(peers_counters(peers)->network_changes, 2);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_free(peers);
}

/* An interface that flaps ten times a second for five minutes. */
static void test_flapping_network(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	unsigned attempts = 0;
	add(peers, A, 0);
	peers_connect_failed(peers, expect_connect(peers, A), -EIO, 0);
	for (uint64_t now = 0; now < 300000; now += 100) {
		peers_network_changed(peers, now);
		attempts += fail_until(peers, now);
	}
	assert_in_range(attempts, 200, 600);
	peers_free(peers);
}

static void test_self_connection(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint own_end = endpoint_of("tcp://[::ffff:192.0.2.6]:50000");
	uint64_t now = 0, connection = 1;
	add(peers, A, now);
	for (int round = 0; round < 3; round++, connection += 2) {
		uint64_t ticket = expect_connect(peers, A);
		assert_int_equal(peers_connected(peers, ticket, connection, now), 0);
		assert_int_equal(peers_accepted(peers, &own_end, connection + 1, now), 0);
		bool news = round != 0;
		assert_int_equal(peers_closed_self(peers, connection, now, &news), 0);
		assert_int_equal(news, round == 0);
		expect_close(peers, connection);
		expect_idle(peers);
		peers_closed(peers, connection, now);
		peers_closed(peers, connection + 1, now);
		assert_int_equal(peers_count(peers), 1);
		assert_int_equal(info_of(peers, A).last_error, -ELOOP);
		assert_int_equal(info_of(peers, A).state, PEER_DEAD);
		/* No change of the network brings it sooner. */
		peers_network_changed(peers, now);
		uint64_t due = peers_next_deadline(peers);
		assert_in_range(due - now, 48000, 72000);
		peers_tick(peers, due);
		now = due;
	}
	assert_int_equal(peers_counters(peers)->closed_self, 3);
	/* Another node has the address now. */
	assert_int_equal(peers_connected(peers, expect_connect(peers, A), connection, now), 0);
	assert_int_equal(info_of(peers, A).last_error, 0);
	peers_closed(peers, connection, now + 1000);
	assert_in_range(peers_next_deadline(peers), now + 1200, now + 1300);
	peers_free(peers);
}

/* Over QUIC the accepted end has the endpoint of the entry: two connections of one entry, both to this node. */
static void test_self_connection_from_the_same_port(void **state)
{
	(void)state;
	static const char *const self = "quic://[2001:db8::1]:9651";
	for (int told = 1; told <= 2; told++) {
		struct peers *peers = peers_new(&(struct peers_config){.quic = true});
		struct endpoint endpoint = endpoint_of(self);
		struct peers_action action;
		add(peers, self, 0);
		assert_int_equal(peers_connected(peers, expect_connect(peers, self), 1, 0), 0);
		assert_int_equal(peers_accepted(peers, &endpoint, 2, 1), 0);
		peers_set_local(peers, 1, &endpoint, 1);
		bool news = false;
		assert_int_equal(peers_closed_self(peers, (uint64_t)told, 10, &news), 0);
		assert_true(news);
		uint64_t closed = 0;
		while (peers_next_action(peers, &action)) {
			assert_int_equal(action.type, PEERS_CLOSE);
			closed += action.connection;
		}
		assert_int_equal(closed, 3);
		assert_int_equal(info_of(peers, self).last_error, -ELOOP);
		assert_in_range(peers_next_deadline(peers), 48000, 73000);
		peers_free(peers);
	}
}

static void test_self_connection_of_other_entries(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint inbound = endpoint_of("tcp://192.0.2.9:40000");
	struct endpoint neighbour = endpoint_of("tcp://[fe80::1%2]:9651");
	bool news;
	assert_int_equal(peers_closed_self(peers, 1, 0, &news), -ENOENT);
	assert_int_equal(peers_accepted(peers, &inbound, 1, 0), 0);
	assert_int_equal(peers_add_discovered(peers, &neighbour, 0), 0);
	peers_tick(peers, 0);
	peers_connected(peers, expect_connect(peers, "tcp://[fe80::1%2]:9651"), 2, 0);
	assert_int_equal(peers_closed_self(peers, 1, 0, &news), 0);
	expect_close(peers, 1);
	assert_int_equal(peers_closed_self(peers, 2, 0, &news), 0);
	expect_close(peers, 2);
	assert_int_equal(peers_count(peers), 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting_entries_are_due),
		cmocka_unit_test(test_first_attempts_are_not_put_off),
		cmocka_unit_test(test_changes_are_spread),
		cmocka_unit_test(test_many_changes_are_one),
		cmocka_unit_test(test_flapping_network),
		cmocka_unit_test(test_self_connection),
		cmocka_unit_test(test_self_connection_from_the_same_port),
		cmocka_unit_test(test_self_connection_of_other_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
