// SPDX-License-Identifier: Apache-2.0
/* The server over real sockets, against the exchanges recorded from the reference. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <time.h>

#include "api/api.h"
#include "client.h"

/* The state of the recorded node A: key 32 times 01, one inbound peer B (32 times 02), behind which is C (32 times 03).
 */
struct fixture {
	struct loop *loop;
	struct api *api;
	struct router *router;
	struct peers *peers;
	uint16_t port;
	struct client client;
};

static const char *peer_name(void *context, uint32_t peer)
{
	(void)context;
	(void)peer;
	return "TCP [::ffff:127.0.0.1]:25001 <-> [::ffff:127.0.0.1]:40000";
}

static struct public_key key_of(uint8_t byte)
{
	struct secret_key secret;
	memset(secret.bytes, byte, sizeof(secret.bytes));
	return public_key_of(&secret);
}

static void announce(struct router *router, uint32_t peer, uint8_t originator, uint16_t metric, uint64_t now_ms)
{
	struct public_key key = key_of(originator);
	struct ip6 address = public_key_address(&key);
	struct tlv tlv = {.type = TLV_UPDATE,
			  .update = {.interval_cs = UPDATE_INTERVAL_CS,
				     .metric = metric,
				     .prefix = {.encoding = AE_IPV6, .subnet = subnet64_of(&address)},
				     .router_id = router_id_make(&key, (uint8_t[6]){1, 2, 3, 4, 5, 6})}};
	router_handle_tlv(router, peer, &tlv, now_ms);
}

static struct router *router_of_a(uint64_t now_ms)
{
	struct public_key key = key_of(1);
	struct ip6 address = public_key_address(&key);
	struct router_config config = {
		.id = router_id_make(&key, (uint8_t[6]){0}), .own = subnet64_of(&address), .seed = 1};
	struct router *router = router_new(&config, now_ms);
	assert_non_null(router);
	uint32_t peer = router_add_peer(router, 15, now_ms);
	announce(router, peer, 2, 0, now_ms);
	announce(router, peer, 3, 1015, now_ms);
	return router;
}

static struct peers *peers_of_a(uint64_t now_ms)
{
	struct endpoint b;
	char error[ENDPOINT_ERROR_SIZE];
	struct peers *peers = peers_new(&(struct peers_config){.seed = 1});
	assert_int_equal(endpoint_parse("tcp://[::ffff:127.0.0.1]:40000", &b, error), 0);
	assert_int_equal(peers_accepted(peers, &b, 1, now_ms), 0);
	peers_count_bytes(peers, 1, 1234, 5678);
	return peers;
}

static int listen_on_loopback(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	uint64_t now_ms = monotonic_ms();
	fixture->loop = loop_new();
	fixture->router = router_of_a(now_ms);
	fixture->peers = peers_of_a(now_ms);
	struct api_sources sources = {.router = fixture->router,
				      .peers = fixture->peers,
				      .key = key_of(1),
				      .started_unix_s = (uint64_t)time(NULL),
				      .peer_name = peer_name,
				      .context = fixture};
	sources.address = public_key_address(&sources.key);
	int fd = listen_on_loopback(&fixture->port);
	fixture->api = api_new(fixture->loop, fd, &sources);
	assert_non_null(fixture->api);
	fixture->client =
		(struct client){.loop = fixture->loop, .port = fixture->port, .response = malloc(RESPONSE_MAX + 1)};
	fixture->client.done = loop_wake_new(fixture->loop, client_done, fixture->loop);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	api_free(fixture->api);
	loop_wake_free(fixture->client.done);
	loop_free(fixture->loop);
	peers_free(fixture->peers);
	router_free(fixture->router);
	free(fixture->client.response);
	free(fixture);
	return 0;
}

/* ---- recorded exchanges ------------------------------------------------------------------------------------------ */

/* Whether a text is the recorded one, whose placeholders (<N>, <EPHEMERAL>, <UNIX_TIME>) stand for numbers. */
static bool matches(const char *recorded, const char *text)
{
	while (*recorded != '\0') {
		if (*recorded == '<' && isupper((unsigned char)recorded[1])) {
			recorded = strchr(recorded, '>') + 1;
			if (!isdigit((unsigned char)*text))
				return false;
			while (isdigit((unsigned char)*text))
				text++;
		} else if (*recorded++ != *text++) {
			return false;
		}
	}
	return *text == '\0';
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text != NULL ? text : "";
}

/* Exchanges with node A on what this release serves: its resources, and what is no path at all. Adding and removing
 * peers is not served yet, so /admin/peers answers other methods with a shorter Allow than the reference, and there is
 * no /admin/peers/{endpoint}. */
static bool is_served(const json_t *trace)
{
	static const char *const names[] = {
		"rest/admin",
		"rest/admin-head",
		"rest/admin-post",
		"rest/admin-put",
		"rest/admin-delete",
		"rest/admin-options",
		"rest/admin-patch",
		"rest/admin-trace",
		"rest/admin-slash",
		"rest/root-double",
		"rest/unknown",
		"rest/query-ignored",
		"rest/case",
		"rest/no-prefix",
		"rest/prefix-only",
		"rest/prefix-slash",
		"rest/encoded-path",
		"rest/host-missing-http10",
		"rest/peers",
		"rest/get-with-body",
		"rest/routes-selected",
		"rest/routes-fallback",
		"rest/routes-queried",
		"rest/admin-after-panic",
		"rest/peers-late",
		"rest/foreign-origin",
	};
	if (json_object_get(trace, "node") != NULL)
		return false;
	if (strcmp(member(trace, "name"), "rest/allow") == 0)
		return strncmp(member(trace, "path"), "/api/v1/admin/routes/", strlen("/api/v1/admin/routes/")) == 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(member(trace, "name"), names[i]) == 0)
			return true;
	}
	return false;
}

static void compare_headers(const struct client *client, const json_t *trace)
{
	static const char *const names[] = {"content-type", "allow", "content-length"};
	const json_t *headers = json_object_get(trace, "headers");
	char value[256];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool recorded = json_object_get(headers, names[i]) != NULL;
		bool present = client_header(client, names[i], value, sizeof(value));
		/* A length that depends on counters was not recorded, but is always there. */
		if (!recorded && strcmp(names[i], "content-length") == 0)
			recorded = true;
		else if (recorded && strcmp(value, member(headers, names[i])) != 0)
			fail_msg("%s: %s: %s", member(trace, "name"), names[i], value);
		assert_int_equal(present, recorded);
	}
	assert_true(client_header(client, "date", value, sizeof(value)));
	assert_false(client_header(client, "server", value, sizeof(value)));
}

static void compare_exchange(struct fixture *fixture, const json_t *trace)
{
	struct client *client = &fixture->client;
	const char *body = member(trace, "request");
	char request[1024];
	int len = snprintf(request, sizeof(request),
			   "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
			   member(trace, "method"), member(trace, "path"), strlen(body), body);
	client_exchange(client, request, (size_t)len);
	if (client_status(client) != json_integer_value(json_object_get(trace, "status")))
		fail_msg("%s: %s", member(trace, "name"), client->response);
	if (!matches(member(trace, "body"), client_body(client)))
		fail_msg("%s: %s", member(trace, "name"), client_body(client));
	compare_headers(client, trace);
}

static void test_recorded_exchanges(void **state)
{
	json_error_t problem;
	json_t *traces = json_load_file(VECTORS_DIR "/api-traces.json", JSON_ALLOW_NUL, &problem), *trace;
	assert_non_null(traces);
	size_t index, compared = 0;
	json_array_foreach (traces, index, trace) {
		if (is_served(trace)) {
			compare_exchange(*state, trace);
			compared++;
		}
	}
	assert_int_equal(compared, 29);
	json_decref(traces);
}

static void test_running_query(void **state)
{
	struct fixture *fixture = *state;
	struct ip6 address;
	assert_int_equal(ip6_parse("4aa:1::1", &address), 0);
	assert_int_equal(router_need_route(fixture->router, &address, NEED_SEND, monotonic_ms()), ROUTE_SEARCHING);
	nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
	client_request(&fixture->client, "GET /api/v1/admin/routes/queried", "");
	assert_int_equal(client_status(&fixture->client), 200);
	assert_string_equal(client_body(&fixture->client), "[{\"subnet\":\"4aa:1::/64\",\"expiration\":\"14\"}]");
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static void test_allow_of_peers(void **state)
{
	struct fixture *fixture = *state;
	char allow[64];
	client_request(&fixture->client, "POST /api/v1/admin/peers", "Content-Length: 0\r\n");
	assert_int_equal(client_status(&fixture->client), 405);
	assert_true(client_header(&fixture->client, "allow", allow, sizeof(allow)));
	assert_string_equal(allow, "GET,HEAD");
	client_request(&fixture->client, "DELETE /api/v1/admin/peers/x", "");
	assert_int_equal(client_status(&fixture->client), 404);
}

static void exchange_text(struct fixture *fixture, const char *request)
{
	client_exchange(&fixture->client, request, strlen(request));
}

static void test_forms_of_requests(void **state)
{
	static const char *const requests[] = {
		"GET /api/v1/admin HTTP/1.0\r\n\r\n",
		"GET /api/v1/admin HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET /api/v1/admin HTTP/1.1\nHost: localhost\nConnection: close\n\n",
		"GET http://127.0.0.1/api/v1/admin HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
		"GET HTTP://127.0.0.1:8989/api/v1/admin?x=/ HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		exchange_text(*state, requests[i]);
		const struct client *client = &((struct fixture *)*state)->client;
		if (client_status(client) != 200)
			fail_msg("%s: %s", requests[i], client->response);
		assert_non_null(strstr(client_body(client), "\"nodePubkey\":\"a4e09292b651c278"));
	}
}

static void test_pipelined_requests_on_one_connection(void **state)
{
	struct fixture *fixture = *state;
	exchange_text(fixture, "GET /api/v1/admin/routes/queried HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
			       "HEAD /api/v1/admin/peers HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
			       "GET /api/v1/nope HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
	const char *second = strstr(client_body(&fixture->client), "HTTP/1.1 200");
	assert_non_null(second);
	assert_true(second == client_body(&fixture->client) + strlen("[]"));
	/* A HEAD has the length of the body, but no body. */
	const char *third = strstr(second, "\r\n\r\n") + 4;
	assert_true(strncmp(third, "HTTP/1.1 404", strlen("HTTP/1.1 404")) == 0);
}

static void test_foreign_hosts_are_refused(void **state)
{
	struct fixture *fixture = *state;
	char type[64];
	exchange_text(fixture, "GET /api/v1/admin HTTP/1.1\r\nHost: evil.example:8989\r\nConnection: close\r\n\r\n");
	assert_int_equal(client_status(&fixture->client), 403);
	assert_true(client_header(&fixture->client, "content-type", type, sizeof(type)));
	assert_string_equal(type, "text/plain; charset=utf-8");
	assert_non_null(strstr(client_body(&fixture->client), "Host header"));
	assert_null(strstr(client_body(&fixture->client), "nodePubkey"));
}

static void test_unwanted_bodies_are_read_and_dropped(void **state)
{
	enum { BODY = 1 << 20 };
	struct fixture *fixture = *state;
	char *request = malloc(BODY + 256);
	int head = snprintf(request, 256,
			    "POST /api/v1/admin HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
			    "Content-Length: %d\r\n\r\n",
			    BODY);
	memset(request + head, 'x', BODY);
	client_exchange(&fixture->client, request, (size_t)head + BODY);
	assert_int_equal(client_status(&fixture->client), 405);
	free(request);
	exchange_text(fixture, "POST /api/v1/admin HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
			       "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n");
	assert_int_equal(client_status(&fixture->client), 405);
}

static void test_unreadable_requests(void **state)
{
	static const char *const requests[] = {
		"\x16\x03\x01\x02 nonsense\r\n\r\n",
		"GET /api/v1/admin HTTP/3.0\r\nConnection: close\r\n\r\n",
		"POST /api/v1/admin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		exchange_text(fixture, requests[i]);
		if (client_status(&fixture->client) == 200)
			fail_msg("%s: %s", requests[i], fixture->client.response);
	}
	client_request(&fixture->client, "GET /api/v1/admin", "");
	assert_int_equal(client_status(&fixture->client), 200);
}

static void test_long_targets(void **state)
{
	struct fixture *fixture = *state;
	char *request = malloc(300000);
	int head = snprintf(request, 64, "GET /api/v1/");
	memset(request + head, 'a', 60000);
	size_t len = (size_t)head + 60000;
	len += (size_t)snprintf(request + len, 100, " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
	client_exchange(&fixture->client, request, len);
	assert_int_equal(client_status(&fixture->client), 404);
	memset(request + head, 'a', 290000);
	client_exchange(&fixture->client, request, (size_t)head + 290000);
	assert_int_equal(client_status(&fixture->client), 414);
	free(request);
}

static void test_large_lists_are_complete(void **state)
{
	struct fixture *fixture = *state;
	struct endpoint endpoint = {.protocol = ENDPOINT_QUIC, .family = ENDPOINT_IPV4, .address.bytes = {10}};
	for (unsigned i = 0; i < 4000; i++) {
		endpoint.port = (uint16_t)i;
		assert_int_equal(peers_add_static(fixture->peers, &endpoint, 0), 0);
	}
	client_request(&fixture->client, "GET /api/v1/admin/peers", "");
	json_error_t problem;
	json_t *list = json_loads(client_body(&fixture->client), 0, &problem);
	assert_int_equal(json_array_size(list), 4001);
	json_decref(list);
}

static void test_silent_connections_block_nobody(void **state)
{
	enum { SILENT = 120 }; /* fits into the backlog, since nobody accepts while this thread connects */
	struct fixture *fixture = *state;
	int silent[SILENT];
	for (int i = 0; i < 20; i++)
		silent[i] = client_connect(fixture->port, 1);
	client_request(&fixture->client, "GET /api/v1/admin", "");
	assert_int_equal(client_status(&fixture->client), 200);

	/* More than one address may have: the server turns further ones away, and goes on once they are gone. */
	for (int i = 20; i < SILENT; i++)
		silent[i] = client_connect(fixture->port, 1);
	client_request(&fixture->client, "GET /api/v1/admin", "");
	assert_int_equal(client_status(&fixture->client), 0);
	for (int i = 0; i < SILENT; i++)
		close(silent[i]);
	for (int i = 0; i < 20 && client_status(&fixture->client) != 200; i++)
		client_request(&fixture->client, "GET /api/v1/admin", "");
	assert_int_equal(client_status(&fixture->client), 200);
}

/* At the limit for all addresses the server stops accepting, and begins again when connections end. */
static void test_service_goes_on_after_the_limit(void **state)
{
	enum { SILENT = 160 };
	struct fixture *fixture = *state;
	int silent[SILENT];
	for (uint32_t i = 0; i < SILENT; i++) {
		silent[i] = client_connect(fixture->port, 2 + i % 4);
		if (i % 40 == 39)
			client_pause(&fixture->client, 20);
	}
	for (int i = 0; i < SILENT; i++)
		close(silent[i]);
	client_pause(&fixture->client, 50);
	client_request(&fixture->client, "GET /api/v1/admin", "");
	assert_int_equal(client_status(&fixture->client), 200);
}

static void test_end_with_open_connections(void **state)
{
	struct fixture *fixture = *state;
	int silent = client_connect(fixture->port, 1);
	client_request(&fixture->client, "GET /api/v1/admin", "");
	assert_int_equal(client_status(&fixture->client), 200);
	api_free(fixture->api);
	fixture->api = NULL;
	char byte;
	assert_int_equal(recv(silent, &byte, 1, 0), 0);
	close(silent);
	assert_int_equal(client_connect(fixture->port, 1), -1);
	api_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recorded_exchanges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_running_query, setup, teardown),
		cmocka_unit_test_setup_teardown(test_allow_of_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forms_of_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipelined_requests_on_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_hosts_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unwanted_bodies_are_read_and_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_lists_are_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_connections_block_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_service_goes_on_after_the_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_with_open_connections, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
