// SPDX-License-Identifier: Apache-2.0
/*
 * Anything, in any order: after each input the manager is compared with a list of what its caller knows. Each attempt
 * is for an entry without connection and without another attempt; an entry has one connection, or one dialled and one
 * accepted; no static entry is lost; what is closed was live; the limit of inbound connections counts right.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "fixture.h"

static const char *const texts[] = {
	"tcp://192.0.2.1:9651",
	"tcp://192.0.2.2:9651",
	"quic://[2001:db8::1]:9651",
	"quic://[2001:db8::2]:9651",
	"quic://host.example:9651",
	"vsock://2:9651",
	"tcp://[fe80::1%2]:9651",
	"tcp://[fe80::2%2]:9651",
	"tcp://[fe80::2%2]:40000",
	"tls://192.0.2.1:9651",
	"tcp://[::ffff:192.0.2.1]:50000",
	"quic://[::ffff:192.0.2.9]:1",
};

enum { ENDPOINTS = sizeof(texts) / sizeof(texts[0]), SEEDS = 60, STEPS = 4000, LIVE_MAX = 64 };

/* A live connection, as its caller knows it. */
struct live {
	uint64_t id;
	int endpoint;
	bool accepted;
};

struct caller {
	struct peers *peers;
	struct rng rng;
	uint64_t now_ms, last_ticket, next_id;
	bool is_static[ENDPOINTS];
	uint64_t tickets[ENDPOINTS]; /* attempts that run; those of removed entries are in `orphans` */
	uint64_t orphans[LIVE_MAX];
	size_t orphan_count;
	struct live live[LIVE_MAX];
	size_t live_count;
	struct endpoint endpoints[ENDPOINTS];
	uint64_t started, ended;
};

static int index_of(const struct caller *caller, const struct endpoint *endpoint)
{
	for (int i = 0; i < ENDPOINTS; i++)
		if (endpoint_equal(&caller->endpoints[i], endpoint))
			return i;
	fail();
	return -1;
}

static struct live *live_of(struct caller *caller, uint64_t id)
{
	for (size_t i = 0; i < caller->live_count; i++)
		if (caller->live[i].id == id)
			return &caller->live[i];
	return NULL;
}

static void drop(struct caller *caller, uint64_t id)
{
	struct live *live = live_of(caller, id);
	assert_non_null(live);
	*live = caller->live[--caller->live_count];
}

static void take_actions(struct caller *caller)
{
	struct peers_action action;
	while (peers_next_action(caller->peers, &action)) {
		if (action.type == PEERS_CLOSE) {
			drop(caller, action.connection);
			/* The end of what the manager gave up is no news to it. */
			peers_closed(caller->peers, action.connection, caller->now_ms);
			continue;
		}
		int i = index_of(caller, &action.endpoint);
		assert_true(action.ticket > caller->last_ticket);
		assert_true(peers_can_dial(caller->peers, &action.endpoint));
		assert_int_equal(caller->tickets[i], 0);
		for (size_t k = 0; k < caller->live_count; k++)
			assert_int_not_equal(caller->live[k].endpoint, i);
		caller->last_ticket = caller->tickets[i] = action.ticket;
		caller->started++;
	}
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static void add_static(struct caller *caller, int i)
{
	if (peers_add_static(caller->peers, &caller->endpoints[i], caller->now_ms) == 0)
		caller->is_static[i] = true;
}

static void discover(struct caller *caller, int i)
{
	peers_add_discovered(caller->peers, &caller->endpoints[i], caller->now_ms);
}

/* Seldom, or nothing would last. */
static void remove_peer(struct caller *caller, int i)
{
	if (rng_below(&caller->rng, 10) != 0 ||
	    peers_remove(caller->peers, &caller->endpoints[i], caller->now_ms) != 0)
		return;
	caller->is_static[i] = false;
	if (caller->tickets[i] != 0 && caller->orphan_count < LIVE_MAX)
		caller->orphans[caller->orphan_count++] = caller->tickets[i];
	caller->tickets[i] = 0;
}

static void add_live(struct caller *caller, uint64_t id, int i, bool accepted)
{
	assert_true(caller->live_count < LIVE_MAX);
	caller->live[caller->live_count++] = (struct live){id, i, accepted};
}

static void accept_one(struct caller *caller, int i)
{
	uint64_t id = caller->next_id++;
	assert_int_equal(peers_accepted(caller->peers, &caller->endpoints[i], id, caller->now_ms), 0);
	add_live(caller, id, i, true);
	if (rng_below(&caller->rng, 2) == 0)
		peers_set_local(caller->peers, id, &caller->endpoints[2], caller->now_ms);
}

static void connect_one(struct caller *caller, int i)
{
	if (caller->tickets[i] == 0)
		return;
	uint64_t id = caller->next_id++;
	assert_int_equal(peers_connected(caller->peers, caller->tickets[i], id, caller->now_ms), 0);
	/* An attempt ends once. */
	assert_int_equal(peers_connected(caller->peers, caller->tickets[i], id + 1000000, caller->now_ms), -ECANCELED);
	caller->tickets[i] = 0;
	caller->ended++;
	add_live(caller, id, i, false);
}

static void fail_one(struct caller *caller, int i)
{
	if (caller->tickets[i] == 0)
		return;
	peers_connect_failed(caller->peers, caller->tickets[i], -ECONNREFUSED, caller->now_ms);
	assert_int_equal(peers_connect_failed(caller->peers, caller->tickets[i], -EIO, caller->now_ms), PEERS_NO_NEWS);
	caller->tickets[i] = 0;
	caller->ended++;
}

static void end_orphan(struct caller *caller, int i)
{
	(void)i;
	if (caller->orphan_count == 0)
		return;
	uint64_t ticket = caller->orphans[--caller->orphan_count];
	if (rng_below(&caller->rng, 2) == 0)
		assert_int_equal(peers_connected(caller->peers, ticket, caller->next_id++, caller->now_ms), -ECANCELED);
	else
		assert_int_equal(peers_connect_failed(caller->peers, ticket, -EIO, caller->now_ms), PEERS_NO_NEWS);
}

static void close_one(struct caller *caller, int i)
{
	if (caller->live_count == 0)
		return;
	uint64_t id = caller->live[(size_t)i % caller->live_count].id;
	drop(caller, id);
	peers_closed(caller->peers, id, caller->now_ms);
}

static void find_self(struct caller *caller, int i)
{
	if (caller->live_count == 0 || rng_below(&caller->rng, 10) != 0)
		return;
	int endpoint = caller->live[(size_t)i % caller->live_count].endpoint;
	uint64_t ticket = caller->tickets[endpoint], id = caller->live[(size_t)i % caller->live_count].id;
	bool news;
	assert_int_equal(peers_closed_self(caller->peers, id, caller->now_ms, &news), 0);
	/* Only a static entry stays, and with it its attempt. */
	if (ticket != 0 && !caller->is_static[endpoint]) {
		caller->tickets[endpoint] = 0;
		if (caller->orphan_count < LIVE_MAX)
			caller->orphans[caller->orphan_count++] = ticket;
	}
}

static void change_network(struct caller *caller, int i)
{
	(void)i;
	peers_network_changed(caller->peers, caller->now_ms);
}

static void wait_a_while(struct caller *caller, int i)
{
	caller->now_ms += rng_below(&caller->rng, i % 2 == 0 ? 50 : 4000);
	peers_tick(caller->peers, caller->now_ms);
}

static void (*const inputs[])(struct caller *caller, int endpoint) = {
	add_static, discover,  remove_peer, accept_one,	    connect_one,  connect_one, fail_one,
	end_orphan, close_one, find_self,   change_network, wait_a_while, wait_a_while,
};

/* ---- invariants -------------------------------------------------------------------------------------------------- */

struct seen {
	struct caller *caller;
	size_t connections, statics;
	bool known[ENDPOINTS];
};

static void check_connection(struct seen *seen, uint64_t id, int endpoint, bool accepted)
{
	const struct live *live = live_of(seen->caller, id);
	assert_non_null(live);
	assert_int_equal(live->endpoint, endpoint);
	assert_int_equal(live->accepted, accepted);
	seen->connections++;
}

static void check_entry(void *context, const struct peer_info *info)
{
	struct seen *seen = context;
	struct caller *caller = seen->caller;
	int i = index_of(caller, &info->endpoint);
	assert_false(seen->known[i]);
	seen->known[i] = true;
	seen->statics += info->type == PEER_STATIC ? 1 : 0;
	assert_int_equal(info->type == PEER_STATIC, caller->is_static[i]);
	assert_int_equal(info->state == PEER_CONNECTING, caller->tickets[i] != 0);
	if (info->connection != 0)
		check_connection(seen, info->connection, i, info->accepted);
	if (info->other_connection != 0)
		check_connection(seen, info->other_connection, i, !info->accepted);
	bool planned = info->next_attempt_ms != TIMERS_NEVER_MS;
	if (info->type == PEER_INBOUND)
		assert_true(info->connection != 0 && !planned);
	else if (info->connection == 0 && caller->tickets[i] == 0)
		assert_int_equal(planned, peers_can_dial(caller->peers, &info->endpoint));
	else
		assert_false(planned);
}

static void check(struct caller *caller)
{
	struct seen seen = {.caller = caller};
	size_t statics = 0;
	peers_for_each(caller->peers, check_entry, &seen);
	assert_int_equal(seen.connections, caller->live_count);
	for (int i = 0; i < ENDPOINTS; i++) {
		statics += caller->is_static[i] ? 1 : 0;
		assert_true(caller->tickets[i] == 0 || seen.known[i]);
	}
	assert_int_equal(seen.statics, statics);
	assert_int_equal(peers_count_type(caller->peers, PEER_STATIC), statics);
	assert_int_equal(peers_counters(caller->peers)->attempts_started, caller->started);
	assert_int_equal(peers_counters(caller->peers)->attempts_finished, caller->ended);
}

/* As many more as the limit leaves room for, each from a place of its own. */
static void check_inbound_limit(struct caller *caller)
{
	size_t accepted = 0, room = 0;
	for (size_t i = 0; i < caller->live_count; i++)
		accepted += caller->live[i].accepted ? 1 : 0;
	struct endpoint endpoint = endpoint_of("tcp://10.0.0.0:1");
	for (; room <= PEERS_INBOUND_MAX; room++) {
		endpoint.address.bytes[2] = (uint8_t)(room >> 8);
		endpoint.address.bytes[3] = (uint8_t)room;
		if (peers_accepted(caller->peers, &endpoint, caller->next_id++, caller->now_ms) != 0)
			break;
	}
	assert_int_equal(accepted + room, PEERS_INBOUND_MAX);
}

static void play(uint64_t seed)
{
	struct caller caller = {.next_id = 1, .rng = rng_seeded(seed)};
	struct peers_config config = {
		.seed = seed, .quic = seed % 2 == 0, .vsock = true, .private_network = seed % 5 == 0};
	caller.peers = peers_new(&config);
	for (int i = 0; i < ENDPOINTS; i++)
		caller.endpoints[i] = endpoint_of(texts[i]);
	for (int step = 0; step < STEPS; step++) {
		size_t input = rng_below(&caller.rng, sizeof(inputs) / sizeof(inputs[0]));
		inputs[input](&caller, (int)rng_below(&caller.rng, ENDPOINTS));
		take_actions(&caller);
		check(&caller);
	}
	check_inbound_limit(&caller);
	peers_free(caller.peers);
}

static void test_anything_in_any_order(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		play(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anything_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
