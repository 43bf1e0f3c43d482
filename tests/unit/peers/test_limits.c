// SPDX-License-Identifier: Apache-2.0
/* What a remote can fill: the map, the inbound connections, those of one place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fixture.h"

/* The n-th of many endpoints, each with an IPv4 address of its own. */
static struct endpoint ipv4_endpoint(unsigned n, uint16_t port)
{
	struct endpoint endpoint = {.protocol = ENDPOINT_TCP, .family = ENDPOINT_IPV4, .port = port};
	endpoint.address.bytes[0] = 10;
	endpoint.address.bytes[1] = (uint8_t)(n >> 16);
	endpoint.address.bytes[2] = (uint8_t)(n >> 8);
	endpoint.address.bytes[3] = (uint8_t)n;
	return endpoint;
}

static void test_inbound_limit(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint endpoint;
	uint64_t connection = 0;
	for (unsigned i = 0; i < PEERS_INBOUND_MAX; i++) {
		endpoint = ipv4_endpoint(i, 1);
		assert_int_equal(peers_accepted(peers, &endpoint, ++connection, i), 0);
	}
	endpoint = ipv4_endpoint(PEERS_INBOUND_MAX, 1);
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), -EUSERS);
	assert_int_equal(peers_counters(peers)->refused_inbound, 1);
	assert_int_equal(peers_counters(peers)->accepted, PEERS_INBOUND_MAX);
	assert_int_equal(peers_count(peers), PEERS_INBOUND_MAX);

	/* Taking the place of an accepted connection is no addition. */
	endpoint = ipv4_endpoint(0, 1);
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), 0);
	expect_close(peers, 1);
	/* One that ends makes room for one. */
	peers_closed(peers, 2, 0);
	endpoint = ipv4_endpoint(PEERS_INBOUND_MAX, 1);
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), 0);
	endpoint = ipv4_endpoint(PEERS_INBOUND_MAX + 1, 1);
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), -EUSERS);
	/* So does one that is removed. */
	endpoint = ipv4_endpoint(5, 1);
	assert_int_equal(peers_remove(peers, &endpoint, 0), 0);
	endpoint = ipv4_endpoint(PEERS_INBOUND_MAX + 1, 1);
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), 0);
	peers_free(peers);
}

static void test_limit_for_one_address(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	uint64_t connection = 0;
	for (uint16_t port = 1; port <= PEERS_INBOUND_PER_ADDRESS_MAX; port++) {
		struct endpoint endpoint = ipv4_endpoint(1, port);
		assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), 0);
	}
	/* An IPv4-mapped address is the same place, the neighbour is another. */
	struct endpoint same = endpoint_of("tcp://10.0.0.1:5000"), mapped = endpoint_of("tcp://[::ffff:10.0.0.1]:5000");
	struct endpoint neighbour = endpoint_of("tcp://10.0.0.2:5000");
	assert_int_equal(peers_accepted(peers, &same, ++connection, 0), -EUSERS);
	assert_int_equal(peers_accepted(peers, &mapped, ++connection, 0), -EUSERS);
	assert_int_equal(peers_accepted(peers, &neighbour, ++connection, 0), 0);
	assert_int_equal(peers_counters(peers)->refused_per_address, 2);
	peers_closed(peers, 1, 0);
	assert_int_equal(peers_accepted(peers, &same, ++connection, 0), 0);
	peers_free(peers);
}

static void test_limit_for_one_ipv6_network(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint endpoint = endpoint_of("tcp://[2001:db8:0:1::]:1");
	uint64_t connection = 0;
	for (uint8_t i = 0; i < PEERS_INBOUND_PER_ADDRESS_MAX; i++) {
		endpoint.address.bytes[8] = i;
		assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), 0);
	}
	endpoint.address.bytes[15] = 1;
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), -EUSERS);
	endpoint.address.bytes[7] = 2;
	assert_int_equal(peers_accepted(peers, &endpoint, ++connection, 0), 0);
	peers_free(peers);
}

static void test_outbound_connections_do_not_count(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct peers_action action;
	uint64_t connection = 0;
	for (uint16_t port = 1; port <= PEERS_INBOUND_PER_ADDRESS_MAX + 10; port++) {
		struct endpoint endpoint = ipv4_endpoint(1, port);
		assert_int_equal(peers_add_static(peers, &endpoint, 0), 0);
	}
	peers_tick(peers, 0);
	while (peers_next_action(peers, &action))
		assert_int_equal(peers_connected(peers, action.ticket, ++connection, 0), 0);
	assert_int_equal(connection, PEERS_INBOUND_PER_ADDRESS_MAX + 10);
	struct endpoint inbound = ipv4_endpoint(1, 60000);
	assert_int_equal(peers_accepted(peers, &inbound, ++connection, 0), 0);
	peers_free(peers);
}

static void test_known_limit(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct peers_action action;
	struct endpoint endpoint;
	for (unsigned i = 0; i < PEERS_KNOWN_MAX; i++) {
		endpoint = ipv4_endpoint(i, 1);
		assert_int_equal(peers_add_static(peers, &endpoint, 0), 0);
	}
	endpoint = ipv4_endpoint(PEERS_KNOWN_MAX, 1);
	assert_int_equal(peers_add_static(peers, &endpoint, 0), -ENOSPC);
	assert_int_equal(peers_accepted(peers, &endpoint, 1, 0), -EUSERS);
	assert_int_equal(peers_counters(peers)->refused_known, 1);
	assert_int_equal(peers_count_type(peers, PEER_STATIC), PEERS_KNOWN_MAX);
	/* A known endpoint needs no new entry. */
	endpoint = ipv4_endpoint(7, 1);
	assert_int_equal(peers_accepted(peers, &endpoint, 2, 0), 0);
	/* The accepted one is not dialled; every other one is, once. */
	unsigned attempts = 0;
	peers_tick(peers, 0);
	for (; peers_next_action(peers, &action); attempts++)
		assert_false(endpoint_equal(&action.endpoint, &endpoint));
	assert_int_equal(attempts, PEERS_KNOWN_MAX - 1);
	peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inbound_limit),
		cmocka_unit_test(test_limit_for_one_address),
		cmocka_unit_test(test_limit_for_one_ipv6_network),
		cmocka_unit_test(test_outbound_connections_do_not_count),
		cmocka_unit_test(test_known_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
