// SPDX-License-Identifier: Apache-2.0
/*
 * Whole conversations of a few routers, message by message, in virtual time. Links have 5 ms each way and a constant
 * cost; what is written down is every TLV about the subnet of node O, but not Hello and IHU.
 */
#include <string.h>

#include "rig.h"

enum { NODES = 24, LINKS = 32, FLIGHTS_MAX = 20000, LOG_MAX = 4096, DELAY_MS = 5, NO_NODE = -1 };

struct end {
	int to;                 /* node at the other end, NO_NODE when free */
	uint32_t handle;        /* our peer */
	uint32_t remote_handle; /* ourselves, as the other end calls us */
};

struct node {
	struct router *router;
	struct origin origin;
	struct end ends[LINKS];
	unsigned end_count;
	unsigned expired_queries;
};

struct flight {
	uint64_t at;
	int to;
	uint32_t peer;
	struct tlv tlv;
};

struct net {
	struct node nodes[NODES];
	int count;
	uint64_t now;
	struct flight flights[FLIGHTS_MAX];
	size_t first, end;
	char log[LOG_MAX][80];
	unsigned log_count;
};

static struct net net;

/* "1005 B>A update 60 0", times relative to `epoch`. */
static uint64_t epoch;

static void write_down(int from, int to, const struct tlv *tlv)
{
	const struct subnet *about = NULL;
	char what[48];
	if (tlv->type == TLV_UPDATE) {
		about = &tlv->update.prefix.subnet;
		if (tlv->update.metric == METRIC_INFINITE)
			snprintf(what, sizeof(what), "retract");
		else
			snprintf(what, sizeof(what), "update %u %u", tlv->update.metric, tlv->update.seqno);
	} else if (tlv->type == TLV_SEQNO_REQUEST) {
		about = &tlv->seqno_request.prefix.subnet;
		snprintf(what, sizeof(what), "sr %u %u", tlv->seqno_request.seqno, tlv->seqno_request.hop_count);
	} else if (tlv->type == TLV_ROUTE_REQUEST) {
		about = &tlv->route_request.prefix.subnet;
		snprintf(what, sizeof(what), "rr %u", tlv->route_request.generation);
	}
	if (about == NULL || !subnet_equal(about, &net.nodes[0].origin.subnet))
		return;
	assert_true(net.log_count < LOG_MAX);
	snprintf(net.log[net.log_count++], sizeof(net.log[0]), "%lld %c>%c %s", (long long)(net.now - epoch),
		 'O' + from, 'O' + to, what);
}

static struct end *end_of(int node, uint32_t handle)
{
	for (unsigned i = 0; i < net.nodes[node].end_count; i++)
		if (net.nodes[node].ends[i].to != NO_NODE && net.nodes[node].ends[i].handle == handle)
			return &net.nodes[node].ends[i];
	return NULL;
}

static void send(int from, uint32_t handle, const struct tlv *tlv)
{
	const struct end *end = end_of(from, handle);
	assert_non_null(end);
	write_down(from, end->to, tlv);
	if (net.first == net.end)
		net.first = net.end = 0;
	assert_true(net.end < FLIGHTS_MAX);
	net.flights[net.end++] =
		(struct flight){.at = net.now + DELAY_MS, .to = end->to, .peer = end->remote_handle, .tlv = *tlv};
}

static void pull(int index)
{
	struct router *router = net.nodes[index].router;
	struct router_event event;
	struct tlv tlv;
	while (router_next_event(router, &event))
		net.nodes[index].expired_queries += event.type == ROUTER_QUERY_EXPIRED;
	for (uint32_t peer; (peer = router_next_ready_peer(router)) != ROUTER_NO_PEER;)
		while (router_next_tlv(router, peer, net.now, &tlv))
			send(index, peer, &tlv);
	const char *broken = router_check(router, net.now);
	if (broken != NULL)
		fail_msg("node %c: %s", 'O' + index, broken);
}

static uint64_t next_time(void)
{
	uint64_t at = net.first < net.end ? net.flights[net.first].at : UINT64_MAX;
	for (int i = 0; i < net.count; i++) {
		uint64_t deadline = router_next_deadline(net.nodes[i].router);
		at = deadline < at ? deadline : at;
	}
	return at;
}

static void run_until(uint64_t until)
{
	for (uint64_t at; (at = next_time()) <= until;) {
		net.now = at > net.now ? at : net.now;
		for (int i = 0; i < net.count; i++)
			if (router_next_deadline(net.nodes[i].router) <= net.now) {
				router_tick(net.nodes[i].router, net.now);
				pull(i);
			}
		while (net.first < net.end && net.flights[net.first].at <= net.now) {
			struct flight flight = net.flights[net.first++];
			router_handle_tlv(net.nodes[flight.to].router, flight.peer, &flight.tlv, net.now);
			pull(flight.to);
		}
	}
	net.now = until;
}

static void start_net(int count)
{
	memset(&net, 0, sizeof(net));
	net.count = count;
	net.now = 50000;
	for (int i = 0; i < count; i++) {
		struct node *node = &net.nodes[i];
		node->origin = origin_make(500 + (uint64_t)i, 0);
		struct router_config config = {.id = node->origin.rid, .own = node->origin.subnet, .seed = (uint64_t)i};
		node->router = router_new(&config, net.now);
	}
}

static void stop_net(void)
{
	for (int i = 0; i < net.count; i++)
		router_free(net.nodes[i].router);
}

/* A link comes up; 10 ms later its cost is known at both ends, and what was due so far leaves now, as in a network
 * whose costs never changed. `cost` includes the round trip of 10 ms. */
static void link_up(int a, int b, uint16_t cost)
{
	struct node *left = &net.nodes[a], *right = &net.nodes[b];
	uint16_t static_cost = (uint16_t)(cost - 2 * DELAY_MS);
	uint32_t ha = router_add_peer(left->router, static_cost, net.now),
		 hb = router_add_peer(right->router, static_cost, net.now);
	left->ends[left->end_count++] = (struct end){.to = b, .handle = ha, .remote_handle = hb};
	right->ends[right->end_count++] = (struct end){.to = a, .handle = hb, .remote_handle = ha};
	const struct tlv ihu = {.type = TLV_IHU, .ihu = {.interval_cs = 6000}};
	struct tlv tlv, held[2][8];
	unsigned count[2] = {0, 0};
	for (unsigned side = 0; side < 2; side++)
		while (router_next_tlv(net.nodes[side == 0 ? a : b].router, side == 0 ? ha : hb, net.now, &tlv))
			if (tlv.type != TLV_HELLO)
				held[side][count[side]++] = tlv;
	/* Others' traffic goes on meanwhile. */
	run_until(net.now + 2 * DELAY_MS);
	router_handle_tlv(left->router, ha, &ihu, net.now);
	router_handle_tlv(right->router, hb, &ihu, net.now);
	assert_int_equal(router_link_cost(left->router, ha), cost);
	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < count[side]; i++)
			send(side == 0 ? a : b, side == 0 ? ha : hb, &held[side][i]);
}

static void link_down(int a, int b)
{
	for (unsigned side = 0; side < 2; side++) {
		int here = side == 0 ? a : b, there = side == 0 ? b : a;
		for (unsigned i = 0; i < net.nodes[here].end_count; i++) {
			struct end *end = &net.nodes[here].ends[i];
			if (end->to != there)
				continue;
			end->to = NO_NODE;
			router_peers_died(net.nodes[here].router, &end->handle, 1, net.now);
		}
	}
	pull(a);
	pull(b);
}

static void expect_log(const char *const *lines, unsigned count)
{
	for (unsigned i = 0; i < count && i < net.log_count; i++)
		assert_string_equal(net.log[i], lines[i]);
	if (net.log_count > count)
		fail_msg("also: %s", net.log[count]);
	assert_int_equal(net.log_count, count);
}

static void forget_log(void)
{
	net.log_count = 0;
	epoch = net.now;
}

static uint32_t hop(int node)
{
	return router_next_hop(net.nodes[node].router, &net.nodes[0].origin.address);
}

static int next_node(int node)
{
	const struct end *end = end_of(node, hop(node));
	return end != NULL ? end->to : NO_NODE;
}

/* Trace A: failover through a seqno request. O = O, A = P, B = Q. */
static void test_failover_through_seqno_request(void **state)
{
	(void)state;
	enum { O, A, B };
	start_net(3);
	run_until(net.now + 5000);
	link_up(A, B, 20);
	run_until(net.now + 100);
	net.log_count = 0;
	epoch = net.now + 2 * DELAY_MS;
	link_up(O, A, 20);
	run_until(epoch + 40);
	link_up(O, B, 60); /* at 50 */
	run_until(epoch + 1000);
	link_down(O, A);
	run_until(epoch + 1029);
	assert_int_equal(next_node(A), NO_NODE);
	run_until(epoch + 1030);
	assert_int_equal(next_node(A), B);
	struct route_search search = {.subnet = &net.nodes[O].origin.subnet, .peer = ROUTER_NO_PEER};
	run_until(epoch + 6900);
	router_for_each_route(net.nodes[A].router, match_route, &search);
	assert_true(search.found);
	run_until(epoch + 7100);
	search.found = false;
	router_for_each_route(net.nodes[A].router, match_route, &search);
	assert_false(search.found);
	static const char *const lines[] = {
		"0 O>P update 0 0", "5 P>Q update 20 0",    "50 O>Q update 0 0",
		"1000 P>Q retract", "1005 Q>P update 60 0", "1010 P>Q sr 1 64",
		"1015 Q>O sr 1 63", "1020 O>Q update 0 1",  "1025 Q>P update 60 1",
	};
	expect_log(lines, sizeof(lines) / sizeof(lines[0]));
	stop_net();
}

/* Trace B: a search on a line O-X-Y-Z (O-P-Q-R here). */
static void test_search_on_a_line(void **state)
{
	(void)state;
	enum { O, X, Y, Z };
	start_net(4);
	link_up(O, X, 20);
	run_until(net.now + 100);
	link_up(X, Y, 20);
	link_up(Y, Z, 20);
	run_until(net.now + 100);
	forget_log();
	const struct ip6 *address = &net.nodes[O].origin.address;
	assert_int_equal(router_need_route(net.nodes[Z].router, address, NEED_SEND, net.now), ROUTE_SEARCHING);
	pull(Z);
	run_until(epoch + 19);
	assert_int_equal(next_node(Z), NO_NODE);
	run_until(epoch + 5000);
	assert_int_equal(router_need_route(net.nodes[Z].router, address, NEED_SEND, net.now), ROUTE_READY);
	static const char *const lines[] = {"0 R>Q rr 0", "5 Q>P rr 1", "10 P>Q update 20 0", "15 Q>R update 40 0"};
	expect_log(lines, 4);
	stop_net();
}

static unsigned count_lines(const char *part)
{
	unsigned count = 0;
	for (unsigned i = 0; i < net.log_count; i++)
		count += strstr(net.log[i], part) != NULL;
	return count;
}

/* Trace C: the same line, joined in order, idle until the routes expire. Where the reference lets them go, a route that
 * expires is treated like one that was retracted: its source is asked, and answers. */
static void test_idle_line_expires(void **state)
{
	(void)state;
	enum { O, X, Y, Z };
	start_net(4);
	link_up(Y, Z, 20);
	link_up(X, Y, 20);
	run_until(net.now + 100);
	net.log_count = 0;
	epoch = net.now + 2 * DELAY_MS;
	link_up(O, X, 20);
	run_until(epoch + 1000);
	static const char *const join[] = {"0 O>P update 0 0", "5 P>Q update 20 0", "10 Q>R update 40 0"};
	expect_log(join, 3);
	forget_log();
	run_until(epoch + 1000000);
	/* The refresh each 300 s reaches the neighbour and goes no further. */
	assert_int_equal(net.log_count, 3);
	assert_int_equal(count_lines("O>P update 0 0"), 3);
	net.log_count = 0;
	uint64_t before = net.now;
	while (next_node(Y) != NO_NODE && net.now < before + 100000)
		run_until(net.now + 10);
	assert_in_range(net.now - epoch, 1049000, 1049300);
	run_until(net.now + 1000);
	assert_int_equal(count_lines("Q>P retract"), 1);
	assert_int_equal(count_lines("Q>R retract"), 1);
	assert_int_equal(count_lines("Q>P sr 1 64"), 1);
	assert_int_equal(count_lines("P>O sr 1 63"), 1);
	assert_int_equal(next_node(X), O);
	assert_int_equal(next_node(Y), X);
	assert_int_equal(next_node(Z), Y);
	stop_net();
}

/* A line of 21 nodes: the request of the 17th link is not made. */
static void test_reach_of_a_search(void **state)
{
	(void)state;
	enum { LINE = 19 };
	for (int informed = 16; informed <= 17; informed++) {
		/* O = 0 is known only to the node `informed` links from the one that asks. */
		start_net(LINE);
		int asker = 1, last = asker + informed;
		link_up(last, 0, 20);
		run_until(net.now + 100);
		for (int i = asker; i < last; i++) {
			link_up(i, i + 1, 20);
			run_until(net.now + 50);
		}
		run_until(net.now + 100);
		forget_log();
		router_need_route(net.nodes[asker].router, &net.nodes[0].origin.address, NEED_SEND, net.now);
		pull(asker);
		run_until(net.now + 14000);
		assert_int_equal(hop(asker) != ROUTER_NO_PEER, informed == 16);
		assert_int_equal(count_lines(" rr "), 16);
		assert_int_equal(count_lines("rr 15"), 1);
		assert_int_equal(count_lines("rr 16"), 0);
		run_until(net.now + 2000);
		assert_int_equal(net.nodes[asker].expired_queries, informed == 17);
		stop_net();
	}
}

/* A chain of three answers a seqno request hop by hop. */
static void test_seqno_request_through_a_chain(void **state)
{
	(void)state;
	enum { O, A, B, C };
	start_net(4);
	run_until(net.now + 5000);
	link_up(C, B, 20);
	link_up(B, A, 20);
	run_until(net.now + 50);
	link_up(A, O, 20);
	run_until(net.now + 100);
	assert_int_equal(next_node(C), B);
	forget_log();
	/* C asks, as if its own distance forbade what is left to it. */
	struct tlv request = make_seqno_request(&net.nodes[O].origin, 1, 64);
	send(C, net.nodes[C].ends[0].handle, &request);
	run_until(net.now + 1000);
	static const char *const lines[] = {
		"0 R>Q sr 1 64",     "5 Q>P sr 1 63",      "10 P>O sr 1 62",
		"15 O>P update 0 1", "20 P>Q update 20 1", "25 Q>R update 40 1",
	};
	expect_log(lines, 6);
	stop_net();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failover_through_seqno_request),
		cmocka_unit_test(test_search_on_a_line),
		cmocka_unit_test(test_idle_line_expires),
		cmocka_unit_test(test_reach_of_a_search),
		cmocka_unit_test(test_seqno_request_through_a_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
