// SPDX-License-Identifier: Apache-2.0
/* The map against a naive list that compares texts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "fixture.h"
#include "peers/peermap.h"

static const struct hash_key key = {.k0 = 1, .k1 = 2};

/* Endpoints; those with an equal place share limits, those with an equal host are one machine to discovery. */
static const struct {
	const char *text;
	int place, host;
} rows[] = {
	{"tcp://192.0.2.1:1", 1, 1},
	{"tcp://[::ffff:192.0.2.1]:2", 1, 1},
	{"quic://192.0.2.1:1", 1, 0},
	{"tcp://192.0.2.2:1", 2, 2},
	{"tcp://[2001:db8::1]:1", 3, 3},
	{"tls://[2001:db8::1]:2", 3, 3},
	{"tcp://[2001:db8::2]:1", 3, 4},
	{"tcp://[2001:db8:0:1::1]:1", 4, 5},
	{"tcp://[fe80::1%2]:1", 5, 6},
	{"tcp://[fe80::9%2]:1", 5, 7},
	{"tcp://[fe80::1%3]:1", 6, 8},
	{"vsock://2:1", 7, 0},
	{"vsock://2:2", 7, 0},
	{"vsock://3:1", 8, 0},
	{"tcp://a.example:1", 9, 0},
	{"tcp://b.example:1", 10, 0},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void compare(const struct peermap *map, struct peer *const peers[ROWS], const uint64_t accepted[ROWS],
		    const uint64_t dialled[ROWS])
{
	size_t total = 0;
	for (int i = 0; i < ROWS; i++) {
		struct endpoint endpoint = endpoint_of(rows[i].text);
		size_t from_place = 0;
		bool host_is_connected = false;
		for (int j = 0; j < ROWS; j++) {
			from_place += rows[j].place == rows[i].place && accepted[j] != 0 ? 1 : 0;
			host_is_connected = host_is_connected || (rows[i].host != 0 && rows[j].host == rows[i].host &&
								  (accepted[j] != 0 || dialled[j] != 0));
		}
		assert_ptr_equal(peermap_find_endpoint(map, &endpoint), peers[i]);
		assert_int_equal(peermap_count_accepted_from(map, &endpoint), from_place);
		if (rows[i].host != 0)
			assert_int_equal(peermap_has_connected_host(map, &endpoint), host_is_connected);
		if (accepted[i] != 0)
			assert_ptr_equal(peermap_find_connection(map, accepted[i]), &peers[i]->links[PEER_ACCEPTED]);
		if (dialled[i] != 0)
			assert_ptr_equal(peermap_find_connection(map, dialled[i]), &peers[i]->links[PEER_DIALLED]);
		total += accepted[i] != 0 ? 1 : 0;
	}
	assert_int_equal(map->accepted, total);
	assert_null(peermap_find_connection(map, 0));
	assert_null(peermap_find_ticket(map, 0));
}

static void test_against_a_list(void **state)
{
	(void)state;
	static struct peermap map;
	struct rng rng = rng_seeded(1);
	struct peer *peers[ROWS] = {0};
	uint64_t accepted[ROWS] = {0}, dialled[ROWS] = {0}, next = 1;
	peermap_init(&map, &key);
	for (int step = 0; step < 20000; step++) {
		int i = (int)rng_below(&rng, ROWS);
		struct endpoint endpoint = endpoint_of(rows[i].text);
		enum peer_way way = (enum peer_way)rng_below(&rng, PEER_WAYS);
		uint64_t *connection = way == PEER_ACCEPTED ? &accepted[i] : &dialled[i];
		if (peers[i] == NULL) {
			peers[i] = peermap_add(&map, &endpoint, PEER_STATIC);
		} else if (rng_below(&rng, 8) == 0) {
			peermap_remove(&map, peers[i]);
			peers[i] = NULL;
			accepted[i] = dialled[i] = 0;
		} else if (*connection == 0) {
			*connection = next++;
			peermap_attach(&map, peers[i], way, *connection, 0);
		} else {
			peermap_detach(&map, &peers[i]->links[way]);
			*connection = 0;
		}
		compare(&map, peers, accepted, dialled);
	}
	peermap_clear(&map);
	assert_int_equal(map.count, 0);
	assert_int_equal(map.accepted, 0);
	assert_int_equal(map.count_of_type[PEER_STATIC], 0);
}

static void test_tickets(void **state)
{
	(void)state;
	static struct peermap map;
	struct endpoint endpoint = endpoint_of(rows[0].text);
	peermap_init(&map, &key);
	struct peer *peer = peermap_add(&map, &endpoint, PEER_LINK_LOCAL);
	peermap_set_ticket(&map, peer, 7);
	assert_ptr_equal(peermap_find_ticket(&map, 7), peer);
	peermap_set_ticket(&map, peer, 8);
	assert_null(peermap_find_ticket(&map, 7));
	peermap_set_ticket(&map, peer, 0);
	assert_null(peermap_find_ticket(&map, 8));
	peermap_clear(&map);
}

/* What a flood of connections costs does not grow with what is known: no look at all entries for each. */
static void test_flood(void **state)
{
	(void)state;
	struct peers *peers = tcp_peers(1);
	struct endpoint endpoint = endpoint_of("tcp://10.0.0.0:1");
	for (unsigned i = 0; i < PEERS_KNOWN_MAX - PEERS_INBOUND_MAX; i++) {
		endpoint.address.bytes[1] = (uint8_t)(i >> 16);
		endpoint.address.bytes[2] = (uint8_t)(i >> 8);
		endpoint.address.bytes[3] = (uint8_t)i;
		assert_int_equal(peers_add_static(peers, &endpoint, 0), 0);
	}
	endpoint = endpoint_of("tcp://[2001:db8::]:1");
	uint64_t connection = 0;
	clock_t started = clock();
	for (unsigned i = 0; i < 200000; i++) {
		endpoint.address.bytes[7] = (uint8_t)(i % 16);
		endpoint.address.bytes[12] = (uint8_t)(i >> 16);
		endpoint.address.bytes[13] = (uint8_t)(i >> 8);
		endpoint.address.bytes[14] = (uint8_t)i;
		peers_accepted(peers, &endpoint, ++connection, i);
	}
	assert_true(peers_counters(peers)->accepted == PEERS_INBOUND_MAX);
	/* 200000 looks at 4096 entries take more than 4 s even without checks of memory. */
	assert_true((clock() - started) / CLOCKS_PER_SEC < 4);
	peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_list),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
