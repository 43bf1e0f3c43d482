// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fixture.h"

static const char *const texts[] = {"tcp://192.0.2.6:9651", "tls://192.0.2.6:9651", "quic://192.0.2.6:9651",
				    "vsock://2:9651",	    "tcp://host.example:1", "tls://host.example:1"};

#define WANTS_NETWORK "tls:// peers need --network-name and --network-key-file"
#define NO_QUIC       "QUIC is off (--disable-quic)"
#define PRIVATE	      "a private network connects over TCP and vsock only"
#define NO_VSOCK      "vsock is not available on this system"

static void test_what_each_node_dials(void **state)
{
	(void)state;
	static const struct {
		struct peers_config config;
		const char *words[6];
	} rows[] = {
		{{.quic = true, .vsock = true}, {NULL, WANTS_NETWORK, NULL, NULL, NULL, WANTS_NETWORK}},
		{{.vsock = true}, {NULL, WANTS_NETWORK, NO_QUIC, NULL, NULL, WANTS_NETWORK}},
		{{.quic = true}, {NULL, WANTS_NETWORK, NULL, NO_VSOCK, NULL, WANTS_NETWORK}},
		{{.quic = true, .vsock = true, .private_network = true}, {NULL, NULL, PRIVATE, NULL, NULL, NULL}},
		{{.private_network = true}, {NULL, NULL, PRIVATE, NO_VSOCK, NULL, NULL}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peers *peers = peers_new(&rows[i].config);
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			struct endpoint endpoint = endpoint_of(texts[j]);
			const char *words = peers_refusal(peers, &endpoint);
			assert_int_equal(peers_can_dial(peers, &endpoint), rows[i].words[j] == NULL);
			if (rows[i].words[j] == NULL)
				assert_null(words);
			else
				assert_string_equal(words, rows[i].words[j]);
		}
		peers_free(peers);
	}
}

/* Refused ones stay listed and dead, whatever happens; a connection accepted under one is used all the same. */
static void test_refused_peers_stay_dead(void **state)
{
	(void)state;
	struct peers *peers = peers_new(&(struct peers_config){.seed = 1, .private_network = true});
	struct endpoint quic = endpoint_of(texts[2]);
	assert_int_equal(peers_add_static(peers, &quic, 0), 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_network_changed(peers, 10);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_tick(peers, 1000000);
	expect_idle(peers);
	assert_int_equal(info_of(peers, texts[2]).state, PEER_DEAD);
	assert_int_equal(info_of(peers, texts[2]).last_error, -EPROTONOSUPPORT);
	assert_int_equal(peers_accepted(peers, &quic, 1, 1000000), 0);
	assert_int_equal(info_of(peers, texts[2]).last_error, 0);
	peers_closed(peers, 1, 1000001);
	peers_tick(peers, 2000000);
	expect_idle(peers);
	assert_int_equal(info_of(peers, texts[2]).last_error, -EPROTONOSUPPORT);
	peers_free(peers);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(peers_error_words(-ELOOP), "this address leads back to this node");
	assert_string_equal(peers_error_words(-ETIMEDOUT), "no answer");
	assert_non_null(peers_error_words(-EPROTONOSUPPORT));
	assert_null(peers_error_words(-ECONNREFUSED));
	assert_null(peers_error_words(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_each_node_dials),
		cmocka_unit_test(test_refused_peers_stay_dead),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
