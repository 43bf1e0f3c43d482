// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "peers/endpoint.h"

#define ADDRESS_SYNTAX "failed to parse address: invalid socket address syntax"
#define VSOCK_NUMBER   "failed to parse vsock address component: "

static struct endpoint parsed(const char *text)
{
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE] = "";
	if (endpoint_parse(text, &endpoint, error) != 0)
		fail_msg("%s: %s", text, error);
	return endpoint;
}

static void assert_refused(const char *text, const char *expected)
{
	struct endpoint endpoint, before;
	char error[ENDPOINT_ERROR_SIZE] = "";
	memset(&endpoint, 0xa5, sizeof(endpoint));
	memcpy(&before, &endpoint, sizeof(before));
	if (endpoint_parse(text, &endpoint, error) != -EINVAL)
		fail_msg("%s: accepted", text);
	if (strcmp(error, expected) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", text, error, expected);
	assert_memory_equal(&endpoint, &before, sizeof(endpoint));
}

static void test_accepted_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text, *canonical;
		enum endpoint_protocol protocol;
		enum endpoint_family family;
	} rows[] = {
		{"tcp://188.40.132.242:9651", "tcp://188.40.132.242:9651", ENDPOINT_TCP, ENDPOINT_IPV4},
		{"QUIC://[2a01:4f8:212:fa6::2]:9651", "quic://[2a01:4f8:212:fa6::2]:9651", ENDPOINT_QUIC,
		 ENDPOINT_IPV6},
		{"tls://[fe80::1%3]:9651", "tls://[fe80::1%3]:9651", ENDPOINT_TLS, ENDPOINT_IPV6},
		{"tcp://[::ffff:1.2.3.4]:9651", "tcp://[::ffff:1.2.3.4]:9651", ENDPOINT_TCP, ENDPOINT_IPV6},
		{"tcp://1.2.3.4:00080", "tcp://1.2.3.4:80", ENDPOINT_TCP, ENDPOINT_IPV4},
		{"tcp://[0:0::0:1]:25992", "tcp://[::1]:25992", ENDPOINT_TCP, ENDPOINT_IPV6},
		{"TcP://127.0.0.1:25990", "tcp://127.0.0.1:25990", ENDPOINT_TCP, ENDPOINT_IPV4},
		{"tcp://[fe80::1%0]:1", "tcp://[fe80::1]:1", ENDPOINT_TCP, ENDPOINT_IPV6},
		{"tcp://[fe80::1%004294967295]:1", "tcp://[fe80::1%4294967295]:1", ENDPOINT_TCP, ENDPOINT_IPV6},
		{"tcp://0.0.0.0:0", "tcp://0.0.0.0:0", ENDPOINT_TCP, ENDPOINT_IPV4},
		{"tcp://255.255.255.255:65535", "tcp://255.255.255.255:65535", ENDPOINT_TCP, ENDPOINT_IPV4},
		{"tcp://[ff02::CAFE]:1", "tcp://[ff02::cafe]:1", ENDPOINT_TCP, ENDPOINT_IPV6},
		{"tcp://[1111:2222:3333:4444:5555:6666:255.255.255.255]:1",
		 "tcp://[1111:2222:3333:4444:5555:6666:ffff:ffff]:1", ENDPOINT_TCP, ENDPOINT_IPV6},
		{"vsock://2:9651", "vsock://2:9651", ENDPOINT_VSOCK, ENDPOINT_CID},
		{"VSOCK://+2:09651", "vsock://2:9651", ENDPOINT_VSOCK, ENDPOINT_CID},
		{"vsock://4294967295:0", "vsock://4294967295:0", ENDPOINT_VSOCK, ENDPOINT_CID},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint endpoint = parsed(rows[i].text);
		char text[ENDPOINT_TEXT_SIZE];
		assert_int_equal(endpoint.protocol, rows[i].protocol);
		assert_int_equal(endpoint.family, rows[i].family);
		assert_string_equal(endpoint_text(&endpoint, text), rows[i].canonical);
		struct endpoint again = parsed(text);
		assert_true(endpoint_equal(&endpoint, &again));
	}
}

static void test_values(void **state)
{
	(void)state;
	struct endpoint endpoint = parsed("tls://[fe80::1%3]:9651");
	assert_int_equal(endpoint.scope, 3);
	assert_int_equal(endpoint.port, 9651);
	assert_int_equal(endpoint.address.bytes[0], 0xfe);
	assert_int_equal(endpoint.address.bytes[15], 1);
	endpoint = parsed("tcp://1.2.3.4:80");
	assert_memory_equal(endpoint.address.bytes, ((uint8_t[16]){1, 2, 3, 4}), 16);
	endpoint = parsed("vsock://7:8");
	assert_int_equal(endpoint.cid, 7);
	assert_int_equal(endpoint.vsock_port, 8);
}

static void test_refused_forms(void **state)
{
	(void)state;
	static const char *const address[] = {
		"tcp://example.com:9651",
		"tcp://1.2.3.4",
		"tcp://::1:9651",
		"tcp://01.2.3.4:1",
		"tcp://1.2.3.4:65536",
		"tcp://[fe80::1%eth0]:1",
		"tcp://1.2.3.4:1 ",
		"tcp://",
		"tcp://1.2.3.4:",
		"tcp://1.2.3.4:+1",
		"tcp://1.2.3.4:-1",
		"tcp://1.2.3:1",
		"tcp://1.2.3.4.5:1",
		"tcp://256.2.3.4:1",
		"tcp://1.2.3.0004:1",
		"tcp://0x1.2.3.4:1",
		"tcp:// 1.2.3.4:1",
		"tcp://[::1]",
		"tcp://[::1]1",
		"tcp://[::1:1",
		"tcp://::1]:1",
		"tcp://[1.2.3.4]:1",
		"tcp://[fe80::1%]:1",
		"tcp://[fe80::1%4294967296]:1",
		"tcp://[%3]:1",
		"tcp://[]:1",
		"tcp://[fe80::1%+3]:1",
		"tcp://[fe80::1%3",
		"tcp://[fe80::1%3%3]:1",
		"tcp://[1:2:3:4:5:6:7:8:9]:1",
		"tcp://[12345::]:1",
		"tcp://[1::2::3]:1",
		"tcp://[::01.2.3.4]:1",
		"tcp://tcp://1.2.3.4:1",
		"tcp://[00000:1111:2222:3333:4444:5555:6666:7777:8888:9999]:1",
		"quic://1.2.3.4:99999999999999999999",
		"tls://1.2.3.4:1/",
		"tcp://1..3.4:1",
		"tcp://.1.2.3.4:1",
		"tcp://1.2.3.4.:1",
	};
	for (size_t i = 0; i < sizeof(address) / sizeof(address[0]); i++)
		assert_refused(address[i], ADDRESS_SYNTAX);
	assert_refused("1.2.3.4:9651", "missing leading protocol identifier");
	assert_refused("tcp:/1.2.3.4:9651", "missing leading protocol identifier");
	assert_refused("", "missing leading protocol identifier");
	assert_refused("udp://1.2.3.4:9651", "protocol for endpoint is not supported");
	assert_refused("://1.2.3.4:1", "protocol for endpoint is not supported");
	assert_refused("tc://1.2.3.4:1", "protocol for endpoint is not supported");
	assert_refused("tcpx://nonsense", "protocol for endpoint is not supported");
	assert_refused(" tcp://1.2.3.4:1", "protocol for endpoint is not supported");
}

static void test_refused_vsock(void **state)
{
	(void)state;
	assert_refused("vsock://2", "vsock address must be in CID:PORT format");
	assert_refused("vsock://", "vsock address must be in CID:PORT format");
	assert_refused("vsock://:1", VSOCK_NUMBER "cannot parse integer from empty string");
	assert_refused("vsock://2:", VSOCK_NUMBER "cannot parse integer from empty string");
	assert_refused("vsock://2:3:4", VSOCK_NUMBER "invalid digit found in string");
	assert_refused("vsock://-1:4", VSOCK_NUMBER "invalid digit found in string");
	assert_refused("vsock://+:4", VSOCK_NUMBER "invalid digit found in string");
	assert_refused("vsock://++1:4", VSOCK_NUMBER "invalid digit found in string");
	assert_refused("vsock://2: 4", VSOCK_NUMBER "invalid digit found in string");
	assert_refused("vsock://2:4294967296", VSOCK_NUMBER "number too large to fit in target type");
	assert_refused("vsock://99999999999999999999999:x", VSOCK_NUMBER "number too large to fit in target type");
	/* The first offence decides; the CID comes before the port. */
	assert_refused("vsock://x:99999999999", VSOCK_NUMBER "invalid digit found in string");
	assert_refused("vsock://4294967295x:1", VSOCK_NUMBER "invalid digit found in string");
}

static struct endpoint parsed_peer(const char *text)
{
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE] = "";
	if (peer_parse(text, &endpoint, error) != 0)
		fail_msg("%s: %s", text, error);
	return endpoint;
}

#define LABEL61 "a234567890123456789012345678901234567890123456789012345678901"
#define LABEL63 LABEL61 "23"
#define NAME253 LABEL63 "." LABEL63 "." LABEL63 "." LABEL61

static void test_names_as_peers(void **state)
{
	(void)state;
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{"tcp://host.example:9651", "tcp://host.example:9651"},
		{"QUIC://Host.EXAMPLE:09651", "quic://host.example:9651"},
		{"tls://localhost:1", "tls://localhost:1"},
		{"tcp://host.example.:9651", "tcp://host.example.:9651"},
		{"tcp://xn--bcher-kva.example:0", "tcp://xn--bcher-kva.example:0"},
		{"tcp://_mycelium.my-node:65535", "tcp://_mycelium.my-node:65535"},
		{"tcp://1.2.3.4a:1", "tcp://1.2.3.4a:1"},
		{"tcp://4.3.2.1.in-addr.arpa:1", "tcp://4.3.2.1.in-addr.arpa:1"},
		{"tcp://fe80--1:1", "tcp://fe80--1:1"},
		{"tcp://0xg:1", "tcp://0xg:1"},
		{"tcp://" LABEL63 ":1", "tcp://" LABEL63 ":1"},
		{"tcp://" NAME253 ":1", "tcp://" NAME253 ":1"},
		{"tcp://" NAME253 ".:65535", "tcp://" NAME253 ".:65535"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint endpoint = parsed_peer(rows[i].text), again;
		struct sockaddr_storage storage;
		char text[ENDPOINT_TEXT_SIZE], address[ENDPOINT_ADDRESS_SIZE];
		assert_int_equal(endpoint.family, ENDPOINT_NAME);
		assert_string_equal(endpoint_text(&endpoint, text), rows[i].canonical);
		assert_string_equal(endpoint_address_text(&endpoint, address), strstr(rows[i].canonical, "://") + 3);
		again = parsed_peer(text);
		assert_true(endpoint_equal(&endpoint, &again));
		assert_int_equal(endpoint_sockaddr(&endpoint, &storage), 0);
		/* An endpoint of the interface never has a name. */
		assert_refused(rows[i].text, ADDRESS_SYNTAX);
	}
}

/* What is neither gets the answer of endpoint_parse(); what is an endpoint stays one. */
static void test_neither_endpoint_nor_name(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"tcp://1.2.3.4",
		"tcp://::1:9651",
		"tcp://01.2.3.4:1",
		"tcp://1.2.3.4:65536",
		"tcp://[fe80::1%eth0]:1",
		"tcp://1.2.3.4:1 ",
		"tcp://",
		"tcp://:1",
		"tcp://host.example",
		"tcp://host.example:",
		"tcp://host.example:x",
		"tcp://host.example:65536",
		"tcp://host.example:+1",
		"tcp://host.example:1/",
		"tcp://host..example:1",
		"tcp://.host:1",
		"tcp://.:1",
		"tcp://host..:1",
		"tcp://ho st:1",
		"tcp://user@host:1",
		"tcp://1:1",
		"tcp://1.2.3:1",
		"tcp://host.1:1",
		"tcp://1.2.3.4.:1",
		"tcp://0x7f000001:1",
		"tcp://127.0.0.0X1:1",
		"tcp://host.0x:1",
		"tcp://b\xc3\xbc"
		"cher:1",
		"tcp://a" LABEL63 ":1",
		"tcp://x.a" LABEL63 ".y:1",
		"tcp://" NAME253 "2:1",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct endpoint endpoint, before;
		char error[ENDPOINT_ERROR_SIZE] = "";
		memset(&endpoint, 0xa5, sizeof(endpoint));
		memcpy(&before, &endpoint, sizeof(before));
		if (peer_parse(texts[i], &endpoint, error) != -EINVAL)
			fail_msg("%s: accepted", texts[i]);
		assert_string_equal(error, ADDRESS_SYNTAX);
		assert_memory_equal(&endpoint, &before, sizeof(endpoint));
	}
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE];
	assert_int_equal(peer_parse("host.example:9651", &endpoint, error), -EINVAL);
	assert_string_equal(error, "missing leading protocol identifier");
	assert_int_equal(peer_parse("http://host.example:9651", &endpoint, error), -EINVAL);
	assert_string_equal(error, "protocol for endpoint is not supported");
	assert_int_equal(peer_parse("vsock://host:9651", &endpoint, error), -EINVAL);
	assert_string_equal(error, VSOCK_NUMBER "invalid digit found in string");
	assert_int_equal(parsed_peer("tcp://1.2.3.4:9651").family, ENDPOINT_IPV4);
	assert_int_equal(parsed_peer("quic://[2001:db8::1]:9651").family, ENDPOINT_IPV6);
	assert_int_equal(parsed_peer("vsock://2:9651").family, ENDPOINT_CID);
}

static void test_resolved_names(void **state)
{
	(void)state;
	static const char *const addresses[] = {"tcp://192.0.2.6:1", "tcp://[2001:db8::2]:1", "tcp://[fe80::1%3]:1"};
	static const char *const resolved[] = {"quic://192.0.2.6:9651", "quic://[2001:db8::2]:9651",
					       "quic://[fe80::1%3]:9651"};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct endpoint named = parsed_peer("quic://host.example:9651"), address = parsed(addresses[i]), ret;
		struct sockaddr_storage storage;
		char text[ENDPOINT_TEXT_SIZE];
		endpoint_sockaddr(&address, &storage);
		assert_int_equal(endpoint_resolved(&named, (struct sockaddr *)&storage, &ret), 0);
		assert_string_equal(endpoint_text(&ret, text), resolved[i]);
		assert_int_equal(endpoint_resolved(&named, (struct sockaddr *)&storage, &named), 0);
		assert_true(endpoint_equal(&named, &ret));
	}
	struct endpoint named = parsed_peer("tcp://host.example:9651"), other = parsed("tcp://1.2.3.4:5");
	struct sockaddr unknown = {.sa_family = AF_UNIX};
	assert_int_equal(endpoint_resolved(&named, &unknown, &other), -EAFNOSUPPORT);
	assert_int_equal(other.port, 5);
}

/* What the reference answered to POST /api/v1/admin/peers. */
static void test_recorded_refusals(void **state)
{
	(void)state;
	json_error_t problem;
	json_t *traces = json_load_file(VECTORS_DIR "/api-traces.json", JSON_ALLOW_NUL, &problem), *trace;
	assert_non_null(traces);
	size_t index, compared = 0;
	json_array_foreach (traces, index, trace) {
		if (strcmp(json_string_value(json_object_get(trace, "name")), "rest/peer-add-bad") != 0)
			continue;
		json_t *request = json_loads(json_string_value(json_object_get(trace, "request")), 0, &problem);
		assert_refused(json_string_value(json_object_get(request, "endpoint")),
			       json_string_value(json_object_get(trace, "body")));
		json_decref(request);
		compared++;
	}
	assert_true(compared >= 15);
	json_decref(traces);
}

static void test_equality(void **state)
{
	(void)state;
	static const char *const distinct[] = {
		"tcp://1.2.3.4:9651",
		"tcp://[::ffff:1.2.3.4]:9651",
		"tls://1.2.3.4:9651",
		"tcp://1.2.3.4:9652",
		"tcp://1.2.3.5:9651",
		"tcp://[fe80::1]:9651",
		"tcp://[fe80::1%2]:9651",
		"tcp://[fe80::1%3]:9651",
		"tcp://[fe80::1%3]:9652",
		"vsock://1:2",
		"vsock://2:1",
	};
	for (size_t i = 0; i < sizeof(distinct) / sizeof(distinct[0]); i++) {
		for (size_t j = 0; j < sizeof(distinct) / sizeof(distinct[0]); j++) {
			struct endpoint a = parsed(distinct[i]), b = parsed(distinct[j]);
			assert_int_equal(endpoint_equal(&a, &b), i == j);
		}
	}
	static const char *const names[] = {"tcp://a.example:1", "tcp://b.example:1", "tcp://a.example:2",
					    "quic://a.example:1", "tcp://a.example.:1", "tcp://1.2.3.4:1"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			struct endpoint a = parsed_peer(names[i]), b = parsed_peer(names[j]);
			assert_int_equal(endpoint_equal(&a, &b), i == j);
		}
	}
	struct endpoint upper = parsed("TCP://[2001:DB8:0::1]:01"), lower = parsed("tcp://[2001:db8::1]:1");
	assert_true(endpoint_equal(&upper, &lower));
}

static void test_socket_addresses(void **state)
{
	(void)state;
	static const char *const texts[] = {"tcp://192.0.2.6:9651", "tcp://[2001:db8::2]:65535", "tcp://[fe80::1%3]:1",
					    "tcp://[::ffff:192.0.2.6]:9651"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct endpoint endpoint = parsed(texts[i]), back;
		struct sockaddr_storage storage;
		socklen_t len = endpoint_sockaddr(&endpoint, &storage);
		assert_int_equal(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(endpoint_from_sockaddr(ENDPOINT_TCP, (struct sockaddr *)&storage, &back), 0);
		assert_true(endpoint_equal(&endpoint, &back));
	}

	struct endpoint endpoint = parsed("tcp://192.0.2.6:9651");
	struct sockaddr_storage storage;
	struct sockaddr_in in;
	endpoint_sockaddr(&endpoint, &storage);
	memcpy(&in, &storage, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(in.sin_port, htons(9651));
	assert_int_equal(in.sin_addr.s_addr, inet_addr("192.0.2.6"));

	endpoint = parsed("vsock://2:3");
	assert_int_equal(endpoint_sockaddr(&endpoint, &storage), 0);
	struct sockaddr other = {.sa_family = AF_UNIX};
	assert_int_equal(endpoint_from_sockaddr(ENDPOINT_TCP, &other, &endpoint), -EAFNOSUPPORT);
	assert_int_equal(endpoint.cid, 2);
}

static void test_static_cost(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint16_t cost;
	} rows[] = {
		{"tcp://1.2.3.4:1", 15},           {"tls://1.2.3.4:1", 15},       {"tcp://[::ffff:1.2.3.4]:1", 15},
		{"tcp://[2001:db8::1]:1", 10},     {"tls://[2001:db8::1]:1", 10}, {"quic://1.2.3.4:1", 12},
		{"quic://[::ffff:1.2.3.4]:1", 12}, {"quic://[2001:db8::1]:1", 7}, {"vsock://2:1", 5},
		{"tcp://[::1.2.3.4]:1", 10},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint endpoint = parsed(rows[i].text);
		assert_int_equal(endpoint_static_cost(&endpoint), rows[i].cost);
	}
}

static void test_texts_fit(void **state)
{
	(void)state;
	struct endpoint endpoint = {
		.protocol = ENDPOINT_QUIC, .family = ENDPOINT_IPV6, .port = 65535, .scope = UINT32_MAX};
	memset(endpoint.address.bytes, 0xff, sizeof(endpoint.address.bytes));
	char text[ENDPOINT_TEXT_SIZE];
	assert_string_equal(endpoint_text(&endpoint, text),
			    "quic://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void test_plain_socket_address(void **state)
{
	(void)state;
	struct endpoint endpoint = {.protocol = ENDPOINT_QUIC};
	assert_int_equal(socket_address_parse("127.0.0.1:8989", &endpoint), 0);
	assert_int_equal(endpoint.protocol, ENDPOINT_QUIC);
	assert_int_equal(endpoint.family, ENDPOINT_IPV4);
	assert_int_equal(endpoint.port, 8989);
	assert_int_equal(socket_address_parse("[::1]:1", &endpoint), 0);
	assert_int_equal(endpoint.family, ENDPOINT_IPV6);
	struct endpoint before;
	memcpy(&before, &endpoint, sizeof(before));
	assert_int_equal(socket_address_parse("localhost:8989", &endpoint), -EINVAL);
	assert_int_equal(socket_address_parse("127.0.0.1", &endpoint), -EINVAL);
	assert_memory_equal(&endpoint, &before, sizeof(endpoint));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted_forms),    cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused_forms),     cmocka_unit_test(test_refused_vsock),
		cmocka_unit_test(test_recorded_refusals), cmocka_unit_test(test_equality),
		cmocka_unit_test(test_socket_addresses),  cmocka_unit_test(test_static_cost),
		cmocka_unit_test(test_texts_fit),         cmocka_unit_test(test_plain_socket_address),
		cmocka_unit_test(test_names_as_peers),    cmocka_unit_test(test_neither_endpoint_nor_name),
		cmocka_unit_test(test_resolved_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
