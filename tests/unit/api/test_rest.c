// SPDX-License-Identifier: Apache-2.0
/*
 * Representations, with tables that are set row by row: the two walks over the router are replaced here, so that each
 * kind of route can be shown whether or not a router would come to have it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest.h"

struct query {
	struct subnet subnet;
	uint64_t deadline_ms;
};

static struct router_route routes[8];
static struct query queries[4];
static size_t route_count, query_count;

void router_for_each_route(const struct router *router,
			   void (*callback)(void *context, const struct router_route *route), void *context)
{
	(void)router;
	for (size_t i = 0; i < route_count; i++)
		callback(context, &routes[i]);
}

void router_for_each_query(const struct router *router,
			   void (*callback)(void *context, const struct subnet *subnet, uint64_t deadline_ms),
			   void *context)
{
	(void)router;
	for (size_t i = 0; i < query_count; i++)
		callback(context, &queries[i].subnet, queries[i].deadline_ms);
}

static const char *peer_name(void *context, uint32_t peer)
{
	static char names[4][40];
	(void)context;
	assert_true(peer < 4);
	snprintf(names[peer], sizeof(names[peer]), "TCP 192.0.2.1:%u <-> 192.0.2.2:9651", 40000 + peer);
	return names[peer];
}

static unsigned refreshed;

static void refresh_counters(void *context)
{
	peers_count_bytes(context, 7, 0, 1000);
	refreshed++;
}

static struct subnet subnet_of(const char *text)
{
	struct subnet subnet = {.len = 64};
	assert_int_equal(ip6_parse(text, &subnet.addr), 0);
	return subnet;
}

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE];
	assert_int_equal(endpoint_parse(text, &endpoint, error), 0);
	return endpoint;
}

static int setup(void **state)
{
	struct api_sources *sources = calloc(1, sizeof(*sources));
	sources->peers = peers_new(&(struct peers_config){.seed = 1});
	sources->peer_name = peer_name;
	sources->refresh_counters = refresh_counters;
	sources->context = sources->peers;
	sources->started_unix_s = 1700000000;
	assert_int_equal(ip6_parse("414:efbc:51e5:8f3f:549:e713:e46b:c2eb", &sources->address), 0);
	memset(sources->key.bytes, 0xa4, sizeof(sources->key.bytes));
	route_count = query_count = 0;
	refreshed = 0;
	*state = sources;
	return 0;
}

static int teardown(void **state)
{
	struct api_sources *sources = *state;
	peers_free(sources->peers);
	free(sources);
	return 0;
}

static void assert_answer(const struct api_sources *sources, const char *path, uint64_t now_ms, const char *expected)
{
	struct rest_answer answer = rest_handle(sources, "GET", path, now_ms);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.content_type, "application/json");
	assert_null(answer.allow);
	assert_string_equal(answer.body, expected);
	assert_int_equal(answer.body_len, strlen(expected));
	free(answer.body);
}

static void test_admin(void **state)
{
	assert_answer(
		*state, "/api/v1/admin", 0,
		"{\"nodeSubnet\":\"414:efbc:51e5:8f3f::/64\",\"nodeIp\":\"414:efbc:51e5:8f3f:549:e713:e46b:c2eb\","
		"\"nodePubkey\":\"a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4\","
		"\"nodeStartTime\":1700000000}");
}

static void test_empty_lists(void **state)
{
	assert_answer(*state, "/api/v1/admin/peers", 0, "[]");
	assert_answer(*state, "/api/v1/admin/routes/selected", 0, "[]");
	assert_answer(*state, "/api/v1/admin/routes/fallback", 0, "[]");
	assert_answer(*state, "/api/v1/admin/routes/queried", 0, "[]");
}

static void test_peers(void **state)
{
	struct api_sources *sources = *state;
	struct peers_action action;
	struct endpoint endpoint = endpoint_of("tcp://192.0.2.6:9651");
	assert_int_equal(peers_add_static(sources->peers, &endpoint, 1000), 0);
	peers_tick(sources->peers, 1000);
	assert_true(peers_next_action(sources->peers, &action));
	assert_int_equal(peers_connected(sources->peers, action.ticket, 7, 6999), 0);
	peers_count_bytes(sources->peers, 7, 64645089, 464530564);
	endpoint = endpoint_of("vsock://2:9651");
	assert_int_equal(peers_add_static(sources->peers, &endpoint, 2000), 0);
	endpoint = endpoint_of("tcp://[::ffff:192.0.2.9]:40000");
	assert_int_equal(peers_accepted(sources->peers, &endpoint, 8, 1000), 0);
	endpoint = endpoint_of("tcp://192.0.2.10:9651");
	assert_int_equal(peers_add_static(sources->peers, &endpoint, 11000), 0);
	peers_tick(sources->peers, 11000);

	/* In the order of their texts, with whole seconds cut off, and counters fetched for this request. */
	assert_answer(
		sources, "/api/v1/admin/peers", 12000,
		"[{\"endpoint\":{\"proto\":\"tcp\",\"addr\":{\"socket\":\"192.0.2.10:9651\"}},\"type\":\"static\","
		"\"connectionState\":\"connecting\",\"txBytes\":0,\"rxBytes\":0,\"discovered\":1,"
		"\"lastConnected\":null},"
		"{\"endpoint\":{\"proto\":\"tcp\",\"addr\":{\"socket\":\"192.0.2.6:9651\"}},\"type\":\"static\","
		"\"connectionState\":\"alive\",\"txBytes\":464531564,\"rxBytes\":64645089,\"discovered\":11,"
		"\"lastConnected\":5},"
		"{\"endpoint\":{\"proto\":\"tcp\",\"addr\":{\"socket\":\"[::ffff:192.0.2.9]:40000\"}},"
		"\"type\":\"inbound\",\"connectionState\":\"alive\",\"txBytes\":0,\"rxBytes\":0,\"discovered\":11,"
		"\"lastConnected\":11},"
		"{\"endpoint\":{\"proto\":\"vsock\",\"addr\":{\"vsock\":{\"cid\":2,\"port\":9651}}},"
		"\"type\":\"static\",\"connectionState\":\"dead\",\"txBytes\":0,\"rxBytes\":0,\"discovered\":10,"
		"\"lastConnected\":null}]");
	assert_int_equal(refreshed, 1);
}

static void test_routes(void **state)
{
	routes[0] = (struct router_route){
		.subnet = subnet_of("54f:b680:ba6e:7ced::"), .peer = ROUTER_NO_PEER, .metric = 65535, .selected = true};
	routes[1] = (struct router_route){
		.subnet = subnet_of("469:1348:ab0c:a1d8::"), .peer = 3, .metric = 20, .seqno = 65535};
	routes[2] = (struct router_route){
		.subnet = subnet_of("469:1348:ab0c:a1d8::"), .peer = 1, .metric = 65535, .seqno = 4};
	routes[3] = (struct router_route){
		.subnet = subnet_of("469:1348:ab0c:a1d8::"), .peer = 0, .metric = 13, .seqno = 1, .selected = true};
	routes[4] = (struct router_route){.subnet = subnet_of("400::"), .peer = 2, .metric = 65534, .selected = true};
	route_count = 5;
	assert_answer(*state, "/api/v1/admin/routes/selected", 0,
		      "[{\"subnet\":\"400::/64\",\"nextHop\":\"TCP 192.0.2.1:40002 <-> 192.0.2.2:9651\","
		      "\"metric\":65534,\"seqno\":0},"
		      "{\"subnet\":\"469:1348:ab0c:a1d8::/64\",\"nextHop\":\"TCP 192.0.2.1:40000 <-> 192.0.2.2:9651\","
		      "\"metric\":13,\"seqno\":1},"
		      "{\"subnet\":\"54f:b680:ba6e:7ced::/64\",\"nextHop\":\"\",\"metric\":\"infinite\",\"seqno\":0}]");
	assert_answer(*state, "/api/v1/admin/routes/fallback", 0,
		      "[{\"subnet\":\"469:1348:ab0c:a1d8::/64\",\"nextHop\":\"TCP 192.0.2.1:40001 <-> 192.0.2.2:9651\","
		      "\"metric\":\"infinite\",\"seqno\":4},"
		      "{\"subnet\":\"469:1348:ab0c:a1d8::/64\",\"nextHop\":\"TCP 192.0.2.1:40003 <-> 192.0.2.2:9651\","
		      "\"metric\":20,\"seqno\":65535}]");
}

static void test_queries(void **state)
{
	queries[0] = (struct query){subnet_of("4aa:2::"), 27999};
	queries[1] = (struct query){subnet_of("4aa:1::"), 15000};
	queries[2] = (struct query){subnet_of("4aa:3::"), 14000};
	queries[3] = (struct query){subnet_of("4aa:4::"), 13000};
	query_count = 4;
	assert_answer(
		*state, "/api/v1/admin/routes/queried", 14000,
		"[{\"subnet\":\"4aa:1::/64\",\"expiration\":\"1\"},{\"subnet\":\"4aa:2::/64\",\"expiration\":\"13\"},"
		"{\"subnet\":\"4aa:3::/64\",\"expiration\":\"0\"},{\"subnet\":\"4aa:4::/64\",\"expiration\":\"0\"}]");
}

static void assert_status(const struct api_sources *sources, const char *method, const char *path, unsigned status)
{
	struct rest_answer answer = rest_handle(sources, method, path, 0);
	if (answer.status != status)
		fail_msg("%s %s: %u", method, path, answer.status);
	if (status == 405)
		assert_string_equal(answer.allow, "GET,HEAD");
	else
		assert_null(answer.allow);
	if (status != 200) {
		assert_null(answer.body);
		assert_null(answer.content_type);
	}
	free(answer.body);
}

static void test_paths_and_methods(void **state)
{
	static const char *const known[] = {"/api/v1/admin", "/api/v1/admin/peers", "/api/v1/admin/routes/selected",
					    "/api/v1/admin/routes/fallback", "/api/v1/admin/routes/queried"};
	static const char *const unknown[] = {"/",
					      "",
					      "/api/v1",
					      "/api/v1/",
					      "/api/v1/admin/",
					      "/api/v1//admin",
					      "/api/v1/Admin",
					      "/api/v1/%61dmin",
					      "/api/v1/admin/routes",
					      "/api/v1/admin/peers/x",
					      "/api/v1/messages",
					      "/api/v1/pubkey/::1"};
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "BREW"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_status(*state, "GET", known[i], 200);
		assert_status(*state, "HEAD", known[i], 200);
		for (size_t j = 0; j < sizeof(methods) / sizeof(methods[0]); j++)
			assert_status(*state, methods[j], known[i], 405);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_status(*state, "GET", unknown[i], 404);
		assert_status(*state, "PATCH", unknown[i], 404);
	}
}

static void test_path_of_a_target(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"/api/v1/admin", "/api/v1/admin"},
		{"http://127.0.0.1:8989/api/v1/admin", "/api/v1/admin"},
		{"HTTP://[::1]/", "/"},
		{"http://localhost", "/"},
		{"http://a/http://b/c", "/http://b/c"},
		{"https://localhost/x", "https://localhost/x"},
		{"*", "*"},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(rest_path_of(cases[i][0]), cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_admin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths_and_methods, setup, teardown),
		cmocka_unit_test(test_path_of_a_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
