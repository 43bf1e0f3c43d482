// SPDX-License-Identifier: Apache-2.0
/* Neighbours that announce themselves: when they are taken, redialled and forgotten. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fixture.h"

#define N "tcp://[fe80::2%3]:9651"

static struct peers *with_discovered(uint64_t seed)
{
	struct peers *peers = tcp_peers(seed);
	struct endpoint endpoint = endpoint_of(N);
	assert_int_equal(peers_add_discovered(peers, &endpoint, 0), 0);
	return peers;
}

/* Lets every attempt fail after `duration_ms`, until the neighbour is forgotten. Returns when that was. */
static uint64_t fail_until_forgotten(struct peers *peers, uint64_t duration_ms, unsigned *ret_attempts)
{
	struct peers_action action;
	for (*ret_attempts = 1;; (*ret_attempts)++) {
		uint64_t now = peers_next_deadline(peers);
		assert_true(now != TIMERS_NEVER_MS);
		peers_tick(peers, now);
		assert_true(peers_next_action(peers, &action));
		now += duration_ms;
		if (peers_connect_failed(peers, action.ticket, -EHOSTUNREACH, now) == PEERS_FORGOTTEN)
			return now;
		assert_true(is_known(peers, N));
	}
}

static uint64_t connect_at_once(struct peers *peers, uint64_t connection, uint64_t now_ms)
{
	peers_tick(peers, now_ms);
	assert_int_equal(peers_connected(peers, expect_connect(peers, N), connection, now_ms), 0);
	return connection;
}

static void test_forgotten_after_three_failures(void **state)
{
	(void)state;
	struct peers *peers = with_discovered(1);
	struct endpoint endpoint = endpoint_of(N);
	unsigned attempts;
	assert_int_equal(info_of(peers, N).type, PEER_LINK_LOCAL);
	assert_int_equal(peers_next_deadline(peers), 0);
	assert_int_equal(peers_add_discovered(peers, &endpoint, 0), -EEXIST);
	uint64_t when = fail_until_forgotten(peers, 0, &attempts);
	assert_int_equal(attempts, 3);
	assert_in_range(when, 8000, 12000);
	assert_int_equal(peers_count(peers), 0);
	assert_int_equal(peers_counters(peers)->forgotten, 1);
	/* The next beacon brings it back at once. */
	assert_int_equal(peers_add_discovered(peers, &endpoint, when), 0);
	assert_int_equal(peers_next_deadline(peers), when);
	connect_at_once(peers, 1, when);
	assert_int_equal(peers_count_type(peers, PEER_LINK_LOCAL), 1);
	assert_int_equal(peers_counters(peers)->discovered, 2);
	peers_free(peers);
}

/* A neighbour that is gone: refused at once, or no answer to neighbour discovery within 3 s. */
static void test_gone_for_good(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		for (uint64_t duration = 0; duration <= 3000; duration += 3000) {
			struct peers *peers = with_discovered(seed);
			unsigned attempts;
			connect_at_once(peers, 1, 0);
			peers_closed(peers, 1, 0);
			uint64_t when = fail_until_forgotten(peers, duration, &attempts);
			assert_in_range(when, 15000, 21000);
			assert_true(attempts >= 3);
			peers_free(peers);
		}
	}
}

/* A neighbour that is away for 10 s is dialled within 6 s of its return, sooner if it was away for less. */
static void test_restart(void **state)
{
	(void)state;
	struct peers_action action;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct peers *peers = with_discovered(seed);
		connect_at_once(peers, 1, 0);
		peers_closed(peers, 1, 0);
		uint64_t now = 0;
		for (;;) {
			now = peers_next_deadline(peers);
			peers_tick(peers, now);
			assert_true(peers_next_action(peers, &action));
			if (now >= 10000)
				break;
			assert_int_not_equal(peers_connect_failed(peers, action.ticket, -ECONNREFUSED, now),
					     PEERS_FORGOTTEN);
		}
		assert_in_range(now, 10000, 11000);
		assert_int_equal(peers_connected(peers, action.ticket, 2, now), 0);
		peers_free(peers);
	}
}

/* While it is connected nothing makes it forgotten, and failures before do not count. */
static void test_connected_ones_stay(void **state)
{
	(void)state;
	struct peers *peers = with_discovered(1);
	struct endpoint endpoint = endpoint_of(N);
	for (int i = 0; i < 2; i++) {
		uint64_t now = peers_next_deadline(peers);
		peers_tick(peers, now);
		peers_connect_failed(peers, expect_connect(peers, N), -EIO, now);
	}
	uint64_t now = peers_next_deadline(peers);
	peers_tick(peers, now);
	uint64_t ticket = expect_connect(peers, N);
	assert_int_equal(peers_accepted(peers, &endpoint, 1, now), 0);
	assert_int_equal(peers_connect_failed(peers, ticket, -EIO, now), PEERS_NO_NEWS);
	assert_int_equal(info_of(peers, N).type, PEER_LINK_LOCAL);
	assert_int_equal(info_of(peers, N).connection, 1);
	peers_closed(peers, 1, now);
	assert_true(is_known(peers, N));
	assert_int_equal(info_of(peers, N).failed_attempts, 0);
	peers_free(peers);
}

static void test_not_needed_when_the_host_is_connected(void **state)
{
	(void)state;
	static const struct {
		const char *connected;
		bool needed;
	} rows[] = {
		{"tcp://[fe80::2%3]:40000", false},
		{"tls://[fe80::2%3]:40000", false},
		{"tcp://[fe80::2%4]:40000", true},
		{"tcp://[fe80::3%3]:40000", true},
		{"quic://[fe80::2%3]:9651", true},
		{"tcp://[fe80::2]:40000", true},
		{"vsock://2:9651", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peers *peers = tcp_peers(1);
		struct endpoint connected = endpoint_of(rows[i].connected), neighbour = endpoint_of(N);
		assert_int_equal(peers_accepted(peers, &connected, 1, 0), 0);
		assert_int_equal(peers_add_discovered(peers, &neighbour, 0), rows[i].needed ? 0 : -EEXIST);
		peers_remove(peers, &neighbour, 0);
		/* When that connection is gone, the next beacon counts. */
		peers_closed(peers, 1, 1);
		assert_int_equal(peers_add_discovered(peers, &neighbour, 1), 0);
		peers_free(peers);
	}
	/* A static entry counts while it is connected; another discovered one does not. */
	struct peers *peers = tcp_peers(1);
	struct endpoint fixed = endpoint_of("tcp://[fe80::2%3]:1000"), neighbour = endpoint_of(N);
	struct endpoint second = endpoint_of("tcp://[fe80::2%3]:2000");
	assert_int_equal(peers_add_static(peers, &fixed, 0), 0);
	assert_int_equal(peers_add_discovered(peers, &neighbour, 0), 0);
	peers_tick(peers, 0);
	uint64_t ticket = expect_connect(peers, "tcp://[fe80::2%3]:1000");
	assert_int_equal(peers_connected(peers, expect_connect(peers, N), 1, 0), 0);
	assert_int_equal(peers_add_discovered(peers, &second, 0), 0);
	assert_int_equal(peers_remove(peers, &second, 0), 0);
	assert_int_equal(peers_connected(peers, ticket, 2, 0), 0);
	assert_int_equal(peers_add_discovered(peers, &second, 0), -EEXIST);
	peers_free(peers);
}

static void test_limit(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint endpoint = endpoint_of("tcp://[fe80::%3]:9651"), fixed = endpoint_of("tcp://192.0.2.6:1");
	for (unsigned i = 0; i < PEERS_DISCOVERED_MAX; i++) {
		endpoint.address.bytes[14] = (uint8_t)(i >> 8);
		endpoint.address.bytes[15] = (uint8_t)i;
		assert_int_equal(peers_add_discovered(peers, &endpoint, 0), 0);
	}
	endpoint.address.bytes[13] = 1;
	assert_int_equal(peers_add_discovered(peers, &endpoint, 0), -ENOSPC);
	assert_int_equal(peers_counters(peers)->refused_discovered, 1);
	assert_int_equal(peers_add_static(peers, &fixed, 0), 0);
	assert_int_equal(peers_count_type(peers, PEER_LINK_LOCAL), PEERS_DISCOVERED_MAX);
	assert_int_equal(peers_count_type(peers, PEER_STATIC), 1);
	peers_free(peers);
}

static void test_private_networks_use_tls(void **state)
{
	(void)state;
	struct endpoint tls = endpoint_of("tls://[fe80::2%3]:9651");
	struct peers *peers = tcp_peers(1);
	assert_int_equal(peers_add_discovered(peers, &tls, 0), -EPROTONOSUPPORT);
	peers_free(peers);
	peers = peers_new(&(struct peers_config){.private_network = true});
	assert_int_equal(peers_add_discovered(peers, &tls, 0), 0);
	peers_tick(peers, 0);
	expect_connect(peers, "tls://[fe80::2%3]:9651");
	peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgotten_after_three_failures),
		cmocka_unit_test(test_gone_for_good),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_connected_ones_stay),
		cmocka_unit_test(test_not_needed_when_the_host_is_connected),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_private_networks_use_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
