// SPDX-License-Identifier: Apache-2.0
/* Shared by the tests of the manager: endpoints from text, the next action, the one entry of an endpoint. */
#ifndef MYCELIUM_TESTS_PEERS_FIXTURE_H
#define MYCELIUM_TESTS_PEERS_FIXTURE_H

#include "base/timers.h"
#include "peers/manager.h"

/* A manager that dials over TCP only. */
static inline struct peers *tcp_peers(uint64_t seed)
{
	return peers_new(&(struct peers_config){.seed = seed});
}

static inline struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE];
	assert_int_equal(peer_parse(text, &endpoint, error), 0);
	return endpoint;
}

struct lookup {
	struct endpoint endpoint;
	struct peer_info info;
	unsigned found;
};

static inline void look(void *context, const struct peer_info *info)
{
	struct lookup *lookup = context;
	if (endpoint_equal(&info->endpoint, &lookup->endpoint)) {
		lookup->info = *info;
		lookup->found++;
	}
}

static inline bool is_known(const struct peers *peers, const char *text)
{
	struct lookup lookup = {.endpoint = endpoint_of(text)};
	peers_for_each(peers, look, &lookup);
	assert_in_range(lookup.found, 0, 1);
	return lookup.found == 1;
}

static inline struct peer_info info_of(const struct peers *peers, const char *text)
{
	struct lookup lookup = {.endpoint = endpoint_of(text)};
	peers_for_each(peers, look, &lookup);
	assert_int_equal(lookup.found, 1);
	return lookup.info;
}

static inline void expect_idle(struct peers *peers)
{
	struct peers_action action;
	assert_false(peers_next_action(peers, &action));
}

/* The next action, which must be an attempt for `text`. Returns its ticket. */
static inline uint64_t expect_connect(struct peers *peers, const char *text)
{
	struct peers_action action;
	struct endpoint wanted = endpoint_of(text);
	assert_true(peers_next_action(peers, &action));
	assert_int_equal(action.type, PEERS_CONNECT);
	assert_true(endpoint_equal(&action.endpoint, &wanted));
	assert_int_not_equal(action.ticket, 0);
	return action.ticket;
}

static inline void expect_close(struct peers *peers, uint64_t connection)
{
	struct peers_action action;
	assert_true(peers_next_action(peers, &action));
	assert_int_equal(action.type, PEERS_CLOSE);
	assert_int_equal(action.connection, connection);
}

#endif
