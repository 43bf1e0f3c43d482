// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fixture.h"

#define A "tcp://192.0.2.6:9651"
#define B "tcp://[2001:db8::2]:9651"

static struct peers *with_static(const char *text, uint64_t seed, uint64_t now_ms)
{
	struct peers *peers = tcp_peers(seed);
	struct endpoint endpoint = endpoint_of(text);
	assert_non_null(peers);
	assert_int_equal(peers_add_static(peers, &endpoint, now_ms), 0);
	return peers;
}

/* A static peer whose connection 1 is up since `now_ms`. */
static struct peers *with_connected(const char *text, uint64_t now_ms)
{
	struct peers *peers = with_static(text, 1, now_ms);
	peers_tick(peers, now_ms);
	assert_int_equal(peers_connected(peers, expect_connect(peers, text), 1, now_ms), 0);
	return peers;
}

/* Waits for the next attempt. Returns how long that took; `now_ms` moves to its time. */
static uint64_t wait_for_attempt(struct peers *peers, const char *text, uint64_t *now_ms, uint64_t *ret_ticket)
{
	uint64_t due = peers_next_deadline(peers), started = *now_ms;
	assert_true(due != TIMERS_NEVER_MS && due >= started);
	assert_int_equal(info_of(peers, text).next_attempt_ms, due);
	if (due > started) {
		peers_tick(peers, due - 1);
		expect_idle(peers);
	}
	peers_tick(peers, due);
	*ret_ticket = expect_connect(peers, text);
	expect_idle(peers);
	*now_ms = due;
	return due - started;
}

static void assert_about(uint64_t delay, uint64_t nominal)
{
	assert_in_range(delay, nominal * 4 / 5, nominal * 6 / 5);
}

static void test_first_attempt_at_once(void **state)
{
	(void)state;
	struct peers *peers = with_static(A, 1, 500);
	assert_int_equal(peers_next_deadline(peers), 500);
	assert_int_equal(info_of(peers, A).state, PEER_DEAD);
	assert_false(info_of(peers, A).was_connected);
	peers_tick(peers, 500);
	uint64_t ticket = expect_connect(peers, A);
	expect_idle(peers);
	assert_int_equal(info_of(peers, A).state, PEER_CONNECTING);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);

	assert_int_equal(peers_connected(peers, ticket, 77, 600), 0);
	struct peer_info info = info_of(peers, A);
	assert_int_equal(info.state, PEER_ALIVE);
	assert_int_equal(info.type, PEER_STATIC);
	assert_int_equal(info.connection, 77);
	assert_int_equal(info.discovered_ms, 500);
	assert_true(info.was_connected);
	assert_int_equal(info.last_connected_ms, 600);
	assert_int_equal(info.connected_ms, 600);
	assert_false(info.accepted);
	assert_int_equal(info.other_connection, 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_free(peers);
}

static void test_retry_cadence(void **state)
{
	(void)state;
	static const uint64_t nominal[] = {5000, 5000, 5000, 5000,  5000,  5000,  5000,  5000,  5000,
					   5000, 5000, 5000, 10000, 20000, 40000, 60000, 60000, 60000};
	struct peers *peers = with_static(A, 7, 0);
	uint64_t now = 0, ticket;
	assert_int_equal(wait_for_attempt(peers, A, &now, &ticket), 0);
	for (size_t i = 0; i < sizeof(nominal) / sizeof(nominal[0]); i++) {
		now += 3;
		peers_connect_failed(peers, ticket, -ECONNREFUSED, now);
		assert_int_equal(info_of(peers, A).state, PEER_DEAD);
		assert_about(wait_for_attempt(peers, A, &now, &ticket), nominal[i]);
	}
	/* Success resets the cadence: a lost connection is redialled quickly, then as after a first failure. */
	assert_int_equal(peers_connected(peers, ticket, 5, now), 0);
	now += 100000;
	peers_closed(peers, 5, now);
	static const uint64_t after_loss[] = {250,  500,  700,	700,  700,  700,  700,	700,  700,  700,  700,
					      700,  700,  700,	700,  700,  700,  700,	700,  700,  5000, 5000,
					      5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 10000};
	for (size_t i = 0; i < sizeof(after_loss) / sizeof(after_loss[0]); i++) {
		assert_about(wait_for_attempt(peers, A, &now, &ticket), after_loss[i]);
		peers_connect_failed(peers, ticket, -ECONNREFUSED, now);
	}
	peers_free(peers);
}

/* A remote that accepts and hangs up at once must not be dialled four times a second for ever. */
static void test_flapping_is_slowed_down(void **state)
{
	(void)state;
	struct peers *peers = with_static(A, 3, 0);
	uint64_t now = 0, connection = 1, ticket;
	unsigned attempts = 0;
	while (now < 300000) {
		wait_for_attempt(peers, A, &now, &ticket);
		attempts++;
		assert_int_equal(peers_connected(peers, ticket, connection, now), 0);
		peers_closed(peers, connection++, now);
	}
	/* Each 30 s: twenty quick ones in 13 s, and about three or four at 5 s. */
	assert_in_range(attempts, 200, 260);
	peers_free(peers);
}

static void test_jitter_spreads(void **state)
{
	(void)state;
	uint64_t least = UINT64_MAX, most = 0;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct peers *peers = with_static(A, seed, 0);
		uint64_t now = 0, ticket;
		wait_for_attempt(peers, A, &now, &ticket);
		peers_connect_failed(peers, ticket, -ETIMEDOUT, 0);
		uint64_t delay = wait_for_attempt(peers, A, &now, &ticket);
		assert_about(delay, 5000);
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
		peers_free(peers);
	}
	assert_true(least < 4200 && most > 5800);
}

static void test_same_seed_same_times(void **state)
{
	(void)state;
	struct peers *one = with_static(A, 42, 0), *two = with_static(A, 42, 0), *other = with_static(A, 43, 0);
	uint64_t now_one = 0, now_two = 0, now_other = 0, ticket_one, ticket_two, ticket_other;
	bool differs = false;
	for (int i = 0; i < 20; i++) {
		uint64_t delay = wait_for_attempt(one, A, &now_one, &ticket_one);
		assert_int_equal(delay, wait_for_attempt(two, A, &now_two, &ticket_two));
		assert_int_equal(ticket_one, ticket_two);
		differs = delay != wait_for_attempt(other, A, &now_other, &ticket_other) || differs;
		peers_connect_failed(one, ticket_one, -EIO, now_one);
		peers_connect_failed(two, ticket_two, -EIO, now_two);
		peers_connect_failed(other, ticket_other, -EIO, now_other);
	}
	assert_true(differs);
	peers_free(one);
	peers_free(two);
	peers_free(other);
}

static void test_news_of_failures(void **state)
{
	(void)state;
	struct peers *peers = with_static(A, 1, 0);
	uint64_t now = 0, ticket;
	static const struct {
		int error;
		bool is_news;
	} rows[] = {{-ECONNREFUSED, true},
		    {-ECONNREFUSED, false},
		    {-ETIMEDOUT, true},
		    {-ETIMEDOUT, false},
		    {-ECONNREFUSED, true}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wait_for_attempt(peers, A, &now, &ticket);
		assert_int_equal(peers_connect_failed(peers, ticket, rows[i].error, now), rows[i].is_news);
		assert_int_equal(info_of(peers, A).last_error, rows[i].error);
		assert_int_equal(info_of(peers, A).failed_attempts, i + 1);
	}
	wait_for_attempt(peers, A, &now, &ticket);
	assert_int_equal(peers_connected(peers, ticket, 9, now), 0);
	assert_int_equal(info_of(peers, A).last_error, 0);
	assert_int_equal(info_of(peers, A).failed_attempts, 0);
	peers_closed(peers, 9, now);
	wait_for_attempt(peers, A, &now, &ticket);
	assert_true(peers_connect_failed(peers, ticket, -ECONNREFUSED, now));
	/* An attempt is over once. */
	assert_false(peers_connect_failed(peers, ticket, -EIO, now));
	assert_int_equal(peers_connected(peers, ticket, 10, now), -ECANCELED);
	peers_free(peers);
}

static void test_add_and_remove_in_each_state(void **state)
{
	(void)state;
	struct endpoint a = endpoint_of(A);
	struct peers *peers = tcp_peers(1);
	assert_int_equal(peers_remove(peers, &a, 0), -ENOENT);

	/* Dead. */
	assert_int_equal(peers_add_static(peers, &a, 0), 0);
	assert_int_equal(peers_add_static(peers, &a, 0), -EEXIST);
	assert_int_equal(peers_count(peers), 1);
	assert_int_equal(peers_remove(peers, &a, 0), 0);
	peers_tick(peers, 0);
	expect_idle(peers);
	assert_int_equal(peers_count(peers), 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);

	/* Connecting: the result is not wanted any more, even when the endpoint was added again. */
	assert_int_equal(peers_add_static(peers, &a, 10), 0);
	peers_tick(peers, 10);
	uint64_t old = expect_connect(peers, A);
	assert_int_equal(peers_remove(peers, &a, 11), 0);
	expect_idle(peers);
	assert_int_equal(peers_add_static(peers, &a, 12), 0);
	peers_tick(peers, 12);
	uint64_t ticket = expect_connect(peers, A);
	assert_int_not_equal(old, ticket);
	assert_int_equal(peers_connected(peers, old, 1, 13), -ECANCELED);
	assert_int_equal(info_of(peers, A).state, PEER_CONNECTING);

	/* Alive. */
	assert_int_equal(peers_connected(peers, ticket, 2, 14), 0);
	assert_int_equal(peers_remove(peers, &a, 15), 0);
	expect_close(peers, 2);
	expect_idle(peers);
	peers_closed(peers, 2, 16);
	assert_int_equal(peers_count(peers), 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);

	/* Waiting after a failure. */
	assert_int_equal(peers_add_static(peers, &a, 20), 0);
	peers_tick(peers, 20);
	peers_connect_failed(peers, expect_connect(peers, A), -EIO, 21);
	assert_int_equal(peers_remove(peers, &a, 22), 0);
	peers_tick(peers, 100000);
	expect_idle(peers);
	peers_free(peers);
}

static void test_inbound_lives_as_long_as_its_connection(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint a = endpoint_of("tcp://[::ffff:192.0.2.6]:40000");
	assert_int_equal(peers_accepted(peers, &a, 3, 100), 0);
	struct peer_info info = info_of(peers, "tcp://[::ffff:192.0.2.6]:40000");
	assert_int_equal(info.type, PEER_INBOUND);
	assert_int_equal(info.state, PEER_ALIVE);
	assert_int_equal(info.last_connected_ms, 100);
	assert_true(info.next_attempt_ms == TIMERS_NEVER_MS);
	assert_int_equal(peers_count_type(peers, PEER_INBOUND), 1);
	assert_int_equal(peers_add_static(peers, &a, 101), -EEXIST);
	peers_closed(peers, 4, 102);
	assert_int_equal(peers_count(peers), 1);
	peers_closed(peers, 3, 103);
	assert_int_equal(peers_count(peers), 0);
	peers_closed(peers, 3, 104);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	expect_idle(peers);
	peers_free(peers);
}

static void test_duplicate_inbound_replaces(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint a = endpoint_of(A);
	assert_int_equal(peers_accepted(peers, &a, 1, 100), 0);
	peers_count_bytes(peers, 1, 10, 20);
	assert_int_equal(peers_accepted(peers, &a, 2, 200), 0);
	expect_close(peers, 1);
	expect_idle(peers);
	struct peer_info info = info_of(peers, A);
	assert_int_equal(info.connection, 2);
	assert_int_equal(info.discovered_ms, 100);
	assert_int_equal(info.last_connected_ms, 200);
	assert_int_equal(info.rx_bytes, 0);
	assert_int_equal(info.tx_bytes, 0);
	/* The end of the old connection is no news for the new one. */
	peers_closed(peers, 1, 201);
	peers_count_bytes(peers, 1, 1, 1);
	assert_int_equal(info_of(peers, A).connection, 2);
	assert_int_equal(info_of(peers, A).rx_bytes, 0);
	peers_free(peers);
}

static void test_static_stays_static_when_the_remote_dials(void **state)
{
	(void)state;
	struct peers *peers = with_connected(A, 0);
	struct endpoint a = endpoint_of(A);
	peers_count_bytes(peers, 1, 10, 20);
	assert_int_equal(peers_accepted(peers, &a, 2, 20000), 0);
	expect_close(peers, 1);
	peers_closed(peers, 1, 20001);
	peers_count_bytes(peers, 2, 1, 2);
	struct peer_info info = info_of(peers, A);
	assert_int_equal(info.type, PEER_STATIC);
	assert_int_equal(info.state, PEER_ALIVE);
	assert_int_equal(info.rx_bytes, 11);
	assert_int_equal(info.tx_bytes, 22);
	assert_int_equal(info.connected_ms, 20000);
	assert_true(info.accepted);
	uint64_t now = 20060, ticket;
	peers_closed(peers, 2, now);
	assert_about(wait_for_attempt(peers, A, &now, &ticket), 250);
	peers_free(peers);
}

static void test_accepted_while_waiting_and_while_connecting(void **state)
{
	(void)state;
	struct endpoint a = endpoint_of(A);
	struct peers *peers = with_static(A, 1, 0);
	peers_tick(peers, 0);
	peers_connect_failed(peers, expect_connect(peers, A), -EIO, 1);
	assert_int_equal(peers_accepted(peers, &a, 5, 2), 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_closed(peers, 5, 3);
	uint64_t now = 3, ticket;
	wait_for_attempt(peers, A, &now, &ticket);

	/* The attempt fails while the accepted connection is up: nothing to do, nothing to tell. */
	assert_int_equal(peers_accepted(peers, &a, 6, now), 0);
	assert_int_equal(info_of(peers, A).state, PEER_CONNECTING);
	assert_false(peers_connect_failed(peers, ticket, -EIO, now));
	assert_int_equal(info_of(peers, A).state, PEER_ALIVE);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);

	/* The accepted connection ends while an attempt runs: the attempt decides. */
	peers_closed(peers, 6, now);
	wait_for_attempt(peers, A, &now, &ticket);
	assert_int_equal(peers_accepted(peers, &a, 7, now), 0);
	peers_closed(peers, 7, now);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_connect_failed(peers, ticket, -EIO, now);
	assert_true(peers_next_deadline(peers) != TIMERS_NEVER_MS);

	/* Both succeed: the dials crossed, see test_manager_crossing.c. */
	wait_for_attempt(peers, A, &now, &ticket);
	assert_int_equal(peers_accepted(peers, &a, 8, now), 0);
	assert_int_equal(peers_connected(peers, ticket, 9, now), 0);
	expect_idle(peers);
	assert_int_equal(info_of(peers, A).state, PEER_ALIVE);
	peers_free(peers);
}

static void test_counters_go_on_over_reconnects(void **state)
{
	(void)state;
	struct peers *peers = with_connected(A, 0);
	uint64_t now = 1000, ticket;
	peers_count_bytes(peers, 1, 100, 1000);
	peers_closed(peers, 1, now);
	peers_count_bytes(peers, 1, 5, 5);
	wait_for_attempt(peers, A, &now, &ticket);
	assert_int_equal(peers_connected(peers, ticket, 2, now), 0);
	peers_count_bytes(peers, 2, 1, 2);
	peers_count_bytes(peers, 2, 1, 2);
	struct peer_info info = info_of(peers, A);
	assert_int_equal(info.rx_bytes, 102);
	assert_int_equal(info.tx_bytes, 1004);
	assert_int_equal(info.discovered_ms, 0);
	assert_int_equal(info.last_connected_ms, now);
	peers_free(peers);
}

/* No identity is exchanged: a node that dials itself, or a node that is reached twice, is two peers. */
static void test_two_connections_to_one_node(void **state)
{
	(void)state;
	struct peers *peers = with_connected("tcp://127.0.0.1:9651", 0);
	struct endpoint self = endpoint_of("tcp://[::ffff:127.0.0.1]:50000"), b = endpoint_of(B);
	assert_int_equal(peers_accepted(peers, &self, 2, 1), 0);
	assert_int_equal(peers_add_static(peers, &b, 2), 0);
	peers_tick(peers, 2);
	assert_int_equal(peers_connected(peers, expect_connect(peers, B), 3, 3), 0);
	expect_idle(peers);
	assert_int_equal(peers_count(peers), 3);
	assert_int_equal(info_of(peers, "tcp://127.0.0.1:9651").connection, 1);
	assert_int_equal(info_of(peers, "tcp://[::ffff:127.0.0.1]:50000").connection, 2);
	assert_int_equal(info_of(peers, B).connection, 3);
	peers_free(peers);
}

static void test_what_cannot_be_dialled_stays_dead(void **state)
{
	(void)state;
	static const char *const texts[] = {"tls://192.0.2.6:9651", "quic://192.0.2.6:9651", "vsock://2:9651"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct peers *peers = with_static(texts[i], 1, 0);
		assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
		peers_tick(peers, 1000000);
		expect_idle(peers);
		assert_int_equal(info_of(peers, texts[i]).state, PEER_DEAD);
		assert_int_equal(info_of(peers, texts[i]).last_error, -EPROTONOSUPPORT);
		peers_free(peers);
	}
}

/* A name is resolved by whoever dials, each time; the entry is the name's. */
static void test_host_names(void **state)
{
	(void)state;
	static const char *const name = "tcp://Host.Example:9651";
	struct peers *peers = with_static(name, 1, 0);
	struct endpoint again = endpoint_of("tcp://host.example:9651"), other = endpoint_of("tcp://host.example:9652");
	struct endpoint resolved = endpoint_of("tcp://192.0.2.6:9651");
	uint64_t now = 0, ticket;
	assert_int_equal(peers_add_static(peers, &again, 0), -EEXIST);
	assert_int_equal(peers_add_static(peers, &other, 0), 0);
	assert_int_equal(peers_remove(peers, &other, 0), 0);
	wait_for_attempt(peers, name, &now, &ticket);
	assert_int_equal(peers_connect_failed(peers, ticket, -ENOENT, now), PEERS_NEWS);
	wait_for_attempt(peers, name, &now, &ticket);
	assert_int_equal(peers_connected(peers, ticket, 1, now), 0);
	/* Another entry may lead to the same node, and one that it dials. */
	assert_int_equal(peers_add_static(peers, &resolved, now), 0);
	peers_tick(peers, now);
	assert_int_equal(peers_connected(peers, expect_connect(peers, "tcp://192.0.2.6:9651"), 2, now), 0);
	expect_idle(peers);
	assert_int_equal(info_of(peers, name).connection, 1);
	peers_closed(peers, 1, now);
	assert_about(wait_for_attempt(peers, name, &now, &ticket), 250);
	peers_free(peers);
}

static void test_order_of_listing(void **state)
{
	(void)state;
	struct peers *peers = with_static(A, 1, 0);
	struct endpoint b = endpoint_of(B);
	assert_int_equal(peers_add_static(peers, &b, 0), 0);
	peers_tick(peers, 0);
	expect_connect(peers, A);
	expect_connect(peers, B);
	expect_idle(peers);
	assert_int_equal(peers_counters(peers)->attempts_started, 2);
	assert_int_equal(peers_counters(peers)->attempts_finished, 0);
	assert_true(is_known(peers, A) && is_known(peers, B));
	peers_free(peers);
	peers_free(NULL);
}

/* A server that hangs up before it says anything is none of the network: told once, dialled ever more rarely. */
static void test_unheard_connections_are_failures(void **state)
{
	(void)state;
	uint64_t now = 0, connection = 1;
	struct peers *peers = with_static(A, 1, now);
	peers_tick(peers, now);
	for (unsigned i = 0; i < 14; i++, connection++) {
		assert_int_equal(peers_connected(peers, expect_connect(peers, A), connection, now), 0);
		enum peers_news news = peers_unheard(peers, connection, -ECONNRESET, now + 10);
		assert_int_equal(news, i == 0 ? PEERS_NEWS : PEERS_NO_NEWS);
		struct peer_info info = info_of(peers, A);
		assert_int_equal(info.state, PEER_DEAD);
		assert_int_equal(info.last_error, -ECONNRESET);
		assert_int_equal(info.failed_attempts, i + 1);
		assert_in_range(info.next_attempt_ms, now + (i < 12 ? 4000 : 8000), now + (i < 12 ? 6100 : 25000));
		now = info.next_attempt_ms;
		peers_tick(peers, now);
	}
	/* One that was heard is no failure when it ends. */
	assert_int_equal(peers_connected(peers, expect_connect(peers, A), connection, now), 0);
	peers_closed(peers, connection, now);
	assert_in_range(info_of(peers, A).next_attempt_ms, now + 200, now + 300);
	assert_int_equal(peers_unheard(peers, connection, -ECONNRESET, now), PEERS_NO_NEWS);
	peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unheard_connections_are_failures),
		cmocka_unit_test(test_first_attempt_at_once),
		cmocka_unit_test(test_retry_cadence),
		cmocka_unit_test(test_flapping_is_slowed_down),
		cmocka_unit_test(test_jitter_spreads),
		cmocka_unit_test(test_same_seed_same_times),
		cmocka_unit_test(test_news_of_failures),
		cmocka_unit_test(test_add_and_remove_in_each_state),
		cmocka_unit_test(test_inbound_lives_as_long_as_its_connection),
		cmocka_unit_test(test_duplicate_inbound_replaces),
		cmocka_unit_test(test_static_stays_static_when_the_remote_dials),
		cmocka_unit_test(test_accepted_while_waiting_and_while_connecting),
		cmocka_unit_test(test_counters_go_on_over_reconnects),
		cmocka_unit_test(test_two_connections_to_one_node),
		cmocka_unit_test(test_what_cannot_be_dialled_stays_dead),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_order_of_listing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
