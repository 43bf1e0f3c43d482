// SPDX-License-Identifier: Apache-2.0
/*
 * Two nodes that dial each other from the port they listen on, in virtual time: two managers joined by connections
 * whose handshakes and closings take random times; or a manager and a model of the deployed node.
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

enum {
	SEEDS = 1000,
	CONNECTIONS_MAX = 2000,
	EVENTS_MAX = 64,
	OUTAGE_MS = 60000,
	END_MS = 180000,
	QUIET_MS = 30000,
	SILENCE_MS = 43000, /* until a node misses one that said nothing when it went */
	TICK_MS = 5000,
};

/* What the nodes know of their addresses. */
enum knowledge { ALIKE, BOTH_LOWER, BOTH_HIGHER, NOTHING };

enum event_type { START, CONNECTED, ACCEPTED, CLOSED, OUTAGE, RESTART, TICK };

struct event {
	uint64_t at_ms, order;
	enum event_type type;
	int node;
	uint64_t connection;
};

/* Numbered by its place in the table; each end knows it by this number. */
struct connection {
	int dialler;
	uint64_t ticket;
	bool up[2], doomed; /* by node; doomed: closed by one end, the other does not know yet */
	bool lost;	    /* the second node restarted */
};

/* The deployed node, as far as its one entry goes. */
struct deployed {
	bool known, inbound, connecting;
	uint64_t connection;
};

struct world {
	struct rng rng;
	enum knowledge knowledge;
	bool second_is_deployed;
	bool started[2];
	struct peers *peers[2];
	struct deployed deployed;
	struct connection connections[CONNECTIONS_MAX];
	uint64_t connection_count;
	struct event events[EVENTS_MAX];
	size_t event_count;
	uint64_t order, now_ms;
	uint64_t last_close_ms, trace;
	unsigned closings, gaps; /* gaps: moments at which a node was left without any connection, but for the outage */
};

static const char *const addresses[2] = {"quic://[2001:db8::1]:9651", "quic://[2001:db8::2]:9651"};

static void at(struct world *world, uint64_t delay_ms, enum event_type type, int node, uint64_t connection)
{
	assert_true(world->event_count < EVENTS_MAX);
	world->events[world->event_count++] =
		(struct event){world->now_ms + delay_ms, world->order++, type, node, connection};
}

static struct event next_event(struct world *world)
{
	size_t first = 0;
	for (size_t i = 1; i < world->event_count; i++) {
		const struct event *a = &world->events[i], *b = &world->events[first];
		if (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order))
			first = i;
	}
	struct event event = world->events[first];
	world->events[first] = world->events[--world->event_count];
	return event;
}

/* Most delays are some round trips, some are retransmissions. */
static uint64_t delay(struct world *world, uint64_t most_ms)
{
	return 5 + rng_below(&world->rng, rng_below(&world->rng, 8) == 0 ? most_ms : 150);
}

static bool has_connection(const struct world *world, int node)
{
	for (uint64_t i = 1; i <= world->connection_count; i++)
		if (world->connections[i].up[node])
			return true;
	return false;
}

static void dial(struct world *world, int node, uint64_t ticket)
{
	uint64_t id = ++world->connection_count;
	assert_true(id < CONNECTIONS_MAX);
	world->connections[id] = (struct connection){.dialler = node, .ticket = ticket};
	at(world, delay(world, 9000), CONNECTED, node, id);
}

/* One end closes; the other one learns of it later. */
static void close_end(struct world *world, int node, uint64_t id)
{
	struct connection *connection = &world->connections[id];
	assert_true(connection->up[node]);
	connection->up[node] = false;
	connection->doomed = true;
	world->closings++;
	world->last_close_ms = world->now_ms;
	at(world, delay(world, 2000), CLOSED, !node, id);
}

static void set_local(struct world *world, int node, uint64_t connection)
{
	static const char *const lowest = "quic://[2001:db8::]:1", *const highest = "quic://[2001:db8::f]:1";
	if (world->knowledge == NOTHING)
		return;
	struct endpoint local = endpoint_of(world->knowledge == ALIKE	     ? addresses[node]
					    : world->knowledge == BOTH_LOWER ? lowest
									     : highest);
	peers_set_local(world->peers[node], connection, &local, world->now_ms);
}

/* ---- the deployed node ------------------------------------------------------------------------------------------- */

static void deployed_tick(struct world *world)
{
	struct deployed *node = &world->deployed;
	bool alive = node->connection != 0 && world->connections[node->connection].up[1];
	if (node->inbound && !alive)
		*node = (struct deployed){0};
	if (node->known && !node->inbound && !node->connecting && !alive) {
		node->connecting = true;
		dial(world, 1, 0);
	}
	at(world, TICK_MS, TICK, 1, 0);
}

static bool deployed_connected(struct world *world, uint64_t connection)
{
	if (!world->deployed.known)
		return true; /* lives on without an entry */
	world->deployed.connecting = false;
	world->deployed.connection = connection;
	return true;
}

static bool deployed_accepted(struct world *world, uint64_t connection)
{
	uint64_t old = world->deployed.connection;
	world->deployed = (struct deployed){.known = true, .inbound = true, .connection = connection};
	if (old != 0 && world->connections[old].up[1])
		close_end(world, 1, old);
	return true;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static bool is_deployed(const struct world *world, int node)
{
	return node == 1 && world->second_is_deployed;
}

static void start(struct world *world, int node)
{
	struct endpoint remote = endpoint_of(addresses[!node]);
	world->started[node] = true;
	if (is_deployed(world, node)) {
		world->deployed.known = true;
		deployed_tick(world);
	} else {
		assert_int_equal(peers_add_static(world->peers[node], &remote, world->now_ms), 0);
	}
}

static struct peers *new_manager(uint64_t seed)
{
	struct peers *peers = peers_new(&(struct peers_config){.seed = seed, .quic = true});
	assert_non_null(peers);
	return peers;
}

/* The second node forgets everything at once and begins anew; the first one is not told. */
static void restart(struct world *world)
{
	for (uint64_t i = 1; i <= world->connection_count; i++) {
		struct connection *connection = &world->connections[i];
		connection->lost = connection->doomed = true;
		connection->up[1] = false;
		if (connection->up[0])
			at(world, SILENCE_MS, CLOSED, 0, i);
	}
	peers_free(world->peers[1]);
	world->peers[1] = new_manager(rng_next(&world->rng));
	start(world, 1);
}

static void dial_in_vain(struct world *world, const struct event *event)
{
	if (is_deployed(world, event->node))
		world->deployed.connecting = false;
	else
		peers_connect_failed(world->peers[event->node], world->connections[event->connection].ticket,
				     -ECONNREFUSED, world->now_ms);
}

static void come_up(struct world *world, const struct event *event)
{
	struct connection *connection = &world->connections[event->connection];
	int node = event->node;
	bool dialled = connection->dialler == node, wanted;
	if (!dialled && connection->doomed)
		return;
	connection->up[node] = true;
	if (is_deployed(world, node)) {
		wanted = dialled ? deployed_connected(world, event->connection)
				 : deployed_accepted(world, event->connection);
	} else if (dialled) {
		wanted = peers_connected(world->peers[node], connection->ticket, event->connection, world->now_ms) == 0;
	} else {
		struct endpoint remote = endpoint_of(addresses[!node]);
		wanted = peers_accepted(world->peers[node], &remote, event->connection, world->now_ms) == 0;
	}
	assert_true(wanted);
	if (!is_deployed(world, node))
		set_local(world, node, event->connection);
	if (dialled)
		at(world, delay(world, 3000), ACCEPTED, !node, event->connection);
}

static void go_down(struct world *world, int node, uint64_t id)
{
	if (!world->connections[id].up[node])
		return;
	world->connections[id].up[node] = false;
	world->last_close_ms = world->now_ms;
	if (!is_deployed(world, node))
		peers_closed(world->peers[node], id, world->now_ms);
}

/* All connections are lost, on both sides at nearly the same time. */
static void lose_all(struct world *world)
{
	for (uint64_t i = 1; i <= world->connection_count; i++) {
		world->connections[i].doomed = true;
		for (int node = 0; node < 2; node++)
			if (world->connections[i].up[node])
				at(world, rng_below(&world->rng, 300), CLOSED, node, i);
	}
}

static void carry_out_actions(struct world *world)
{
	struct peers_action action;
	for (int node = 0; node < 2; node++) {
		if (is_deployed(world, node))
			continue;
		peers_tick(world->peers[node], world->now_ms);
		while (peers_next_action(world->peers[node], &action)) {
			world->trace = world->trace * 31 + world->now_ms * 4 + action.type * 2 + (unsigned)node;
			if (action.type == PEERS_CONNECT)
				dial(world, node, action.ticket);
			else if (world->connections[action.connection].up[node])
				close_end(world, node, action.connection);
		}
	}
}

static void handle(struct world *world, const struct event *event)
{
	bool had = has_connection(world, event->node);
	switch (event->type) {
	case START:
		start(world, event->node);
		break;
	case CONNECTED:
	case ACCEPTED:
		if (world->started[!event->node] && !world->connections[event->connection].lost)
			come_up(world, event);
		else if (event->type == CONNECTED && !(world->connections[event->connection].lost && event->node == 1))
			dial_in_vain(world, event);
		break;
	case CLOSED:
		go_down(world, event->node, event->connection);
		break;
	case OUTAGE:
		lose_all(world);
		break;
	case RESTART:
		restart(world);
		break;
	case TICK:
		deployed_tick(world);
		break;
	}
	carry_out_actions(world);
	bool in_outage = world->now_ms >= OUTAGE_MS && world->now_ms < OUTAGE_MS + 1000;
	world->gaps += had && !has_connection(world, event->node) && !in_outage ? 1 : 0;
}

/* Goes on to the next event or deadline. */
static bool advance(struct world *world)
{
	uint64_t event_ms = UINT64_MAX, deadline_ms = UINT64_MAX;
	for (size_t i = 0; i < world->event_count; i++)
		event_ms = world->events[i].at_ms < event_ms ? world->events[i].at_ms : event_ms;
	for (int node = 0; node < 2; node++) {
		uint64_t due_ms = is_deployed(world, node) ? UINT64_MAX : peers_next_deadline(world->peers[node]);
		deadline_ms = due_ms < deadline_ms ? due_ms : deadline_ms;
	}
	if (event_ms >= END_MS && deadline_ms >= END_MS)
		return false;
	if (deadline_ms < event_ms) {
		world->now_ms = deadline_ms;
		carry_out_actions(world);
		return true;
	}
	struct event event = next_event(world);
	world->now_ms = event.at_ms;
	handle(world, &event);
	return true;
}

/* `restart_ms`: when the second node restarts, 0 for not. */
static struct world *run(uint64_t seed, enum knowledge knowledge, bool second_is_deployed, uint64_t restart_ms)
{
	static struct world world;
	memset(&world, 0, sizeof(world));
	world.rng = rng_seeded(seed);
	world.knowledge = knowledge;
	world.second_is_deployed = second_is_deployed;
	for (int node = 0; node < 2; node++)
		world.peers[node] = new_manager(2 * seed + (unsigned)node);
	at(&world, 0, START, (int)(seed % 2), 0);
	at(&world, rng_below(&world.rng, seed % 8 == 0 ? 20000 : 200), START, (int)(1 - seed % 2), 0);
	at(&world, OUTAGE_MS, OUTAGE, 0, 0);
	if (restart_ms != 0)
		at(&world, restart_ms, RESTART, 1, 0);
	while (advance(&world))
		;
	return &world;
}

/* One or two connections, up at both ends, for a while already; each manager knows of what it has. */
static void assert_stable(struct world *world, uint64_t seed)
{
	unsigned live = 0;
	for (uint64_t i = 1; i <= world->connection_count; i++) {
		if (world->connections[i].up[0] != world->connections[i].up[1])
			fail_msg("seed %llu: a connection is up at one end", (unsigned long long)seed);
		live += world->connections[i].up[0] ? 1 : 0;
	}
	if (live < 1 || live > 2 || world->last_close_ms > END_MS - QUIET_MS)
		fail_msg("seed %llu: %u connections, the last closed at %llu", (unsigned long long)seed, live,
			 (unsigned long long)world->last_close_ms);
	for (int node = 0; node < 2; node++) {
		if (is_deployed(world, node))
			continue;
		struct peer_info info = info_of(world->peers[node], addresses[!node]);
		assert_int_equal(info.type, PEER_STATIC);
		assert_int_equal(info.state, PEER_ALIVE);
		assert_int_equal((info.connection != 0) + (info.other_connection != 0), live);
	}
}

static void finish(struct world *world)
{
	peers_free(world->peers[0]);
	peers_free(world->peers[1]);
}

/* Who sees the same addresses never closes both: no node is ever without a connection again, and only one closes. */
static void test_addresses_seen_alike(void **state)
{
	(void)state;
	unsigned crossings = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct world *world = run(seed, ALIKE, false, 0);
		assert_stable(world, seed);
		if (world->gaps != 0 || world->closings > 2)
			fail_msg("seed %llu: %u gaps, %u closings", (unsigned long long)seed, world->gaps,
				 world->closings);
		crossings += world->closings;
		finish(world);
	}
	/* At the start and after the outage. The scenario is worth nothing without crossings. */
	assert_true(crossings > SEEDS / 2);
}

static void test_addresses_seen_differently_or_not(void **state)
{
	(void)state;
	static const enum knowledge kinds[] = {BOTH_LOWER, BOTH_HIGHER, NOTHING};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned gaps = 0;
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct world *world = run(seed, kinds[i], false, 0);
			assert_stable(world, seed);
			gaps += world->gaps;
			finish(world);
		}
		/* Both closed at nearly the same moment; the next dials had better luck. */
		if (gaps > SEEDS / 4)
			fail_msg("knowledge %u: %u gaps", (unsigned)kinds[i], gaps);
	}
}

static void test_with_the_deployed_node(void **state)
{
	(void)state;
	unsigned gaps = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		enum knowledge knowledge = seed % 3 == 0 ? NOTHING : seed % 3 == 1 ? ALIKE : BOTH_HIGHER;
		struct world *world = run(seed, knowledge, true, 0);
		assert_stable(world, seed);
		gaps += world->gaps;
		finish(world);
	}
	assert_true(gaps <= SEEDS / 50);
}

/* At any moment, also amid crossing dials: nothing that is left of before is kept instead of what works. */
static void test_restart_of_one_node(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct world *world = run(seed, seed % 2 == 0 ? ALIKE : NOTHING, false, OUTAGE_MS + seed * 30);
		assert_stable(world, seed);
		finish(world);
	}
}

static void test_same_seed_same_actions(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct world *world = run(seed, NOTHING, false, 0);
		uint64_t trace = world->trace;
		finish(world);
		world = run(seed, NOTHING, false, 0);
		assert_true(world->trace == trace);
		finish(world);
	}
}

/* ---- one manager ------------------------------------------------------------------------------------------------- */

#define B "quic://[2001:db8::2]:9651"

/* Dialled connection 1 since 1000 ms. */
static struct peers *with_dialled(void)
{
	struct peers *peers = peers_new(&(struct peers_config){.quic = true});
	struct endpoint b = endpoint_of(B);
	assert_int_equal(peers_add_static(peers, &b, 1000), 0);
	peers_tick(peers, 1000);
	assert_int_equal(peers_connected(peers, expect_connect(peers, B), 1, 1000), 0);
	return peers;
}

static void test_young_connection_is_kept_for_a_while(void **state)
{
	(void)state;
	struct endpoint local = endpoint_of("quic://[2001:db8::1]:9651"), b = endpoint_of(B);
	struct peers *peers = with_dialled();
	peers_set_local(peers, 1, &local, 1000);
	assert_int_equal(peers_accepted(peers, &b, 2, 1500), 0);
	expect_idle(peers);
	struct peer_info info = info_of(peers, B);
	assert_int_equal(info.connection, 1);
	assert_int_equal(info.other_connection, 2);
	assert_false(info.accepted);
	assert_true(info.next_attempt_ms == TIMERS_NEVER_MS);
	peers_count_bytes(peers, 1, 1, 2);
	peers_count_bytes(peers, 2, 10, 20);
	assert_int_equal(info_of(peers, B).rx_bytes, 11);

	/* The lower node's patience ends first. The one that was accepted stays. */
	uint64_t due = peers_next_deadline(peers);
	assert_in_range(due, 6500, 11500);
	peers_tick(peers, due);
	expect_close(peers, 1);
	expect_idle(peers);
	info = info_of(peers, B);
	assert_int_equal(info.connection, 2);
	assert_int_equal(info.other_connection, 0);
	assert_true(info.accepted);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	assert_int_equal(peers_counters(peers)->crossings, 1);
	assert_int_equal(peers_counters(peers)->crossings_closed, 1);
	peers_free(peers);
}

static void test_crossing_ends_with_either_connection(void **state)
{
	(void)state;
	struct endpoint b = endpoint_of(B);
	for (uint64_t ended = 1; ended <= 2; ended++) {
		struct peers *peers = with_dialled();
		assert_int_equal(peers_accepted(peers, &b, 2, 1500), 0);
		peers_closed(peers, ended, 1600);
		assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
		assert_int_equal(info_of(peers, B).connection, 3 - ended);
		peers_tick(peers, 1000000);
		expect_idle(peers);
		peers_closed(peers, 3 - ended, 1000000);
		assert_in_range(peers_next_deadline(peers), 1000200, 1000300);
		peers_free(peers);
	}
}

/* The remote would not dial once more if it had any of the two. */
static void test_third_connection_supersedes_both(void **state)
{
	(void)state;
	struct endpoint b = endpoint_of(B);
	struct peers *peers = with_dialled();
	assert_int_equal(peers_accepted(peers, &b, 2, 1500), 0);
	assert_int_equal(peers_accepted(peers, &b, 3, 2000), 0);
	expect_close(peers, 1);
	expect_close(peers, 2);
	expect_idle(peers);
	assert_int_equal(info_of(peers, B).connection, 3);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_free(peers);
}

static void test_old_connection_is_superseded_at_once(void **state)
{
	(void)state;
	struct endpoint b = endpoint_of(B);
	struct peers *peers = with_dialled();
	assert_int_equal(peers_accepted(peers, &b, 2, 16000), 0);
	expect_close(peers, 1);
	assert_int_equal(peers_accepted(peers, &b, 3, 16001), 0);
	expect_close(peers, 2);
	expect_idle(peers);
	assert_int_equal(info_of(peers, B).connection, 3);
	peers_free(peers);
}

static void test_removal_closes_both(void **state)
{
	(void)state;
	struct endpoint b = endpoint_of(B);
	struct peers *peers = with_dialled();
	assert_int_equal(peers_accepted(peers, &b, 2, 1500), 0);
	assert_int_equal(peers_remove(peers, &b, 1600), 0);
	expect_close(peers, 1);
	expect_close(peers, 2);
	expect_idle(peers);
	assert_int_equal(peers_count(peers), 0);
	assert_true(peers_next_deadline(peers) == TIMERS_NEVER_MS);
	peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_seen_alike),
		cmocka_unit_test(test_addresses_seen_differently_or_not),
		cmocka_unit_test(test_with_the_deployed_node),
		cmocka_unit_test(test_restart_of_one_node),
		cmocka_unit_test(test_same_seed_same_actions),
		cmocka_unit_test(test_young_connection_is_kept_for_a_while),
		cmocka_unit_test(test_crossing_ends_with_either_connection),
		cmocka_unit_test(test_third_connection_supersedes_both),
		cmocka_unit_test(test_old_connection_is_superseded_at_once),
		cmocka_unit_test(test_removal_closes_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
