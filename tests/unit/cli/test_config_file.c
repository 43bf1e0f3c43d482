// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/config_file.h"

struct fixture {
	struct config_file file;
	struct problems warnings, problems;
};

static int load(struct fixture *f, const char *text)
{
	*f = (struct fixture){0};
	return config_file_parse("x.toml", text, strlen(text), &f->file, &f->warnings, &f->problems);
}

static void assert_loaded(struct fixture *f, const char *text)
{
	if (load(f, text) < 0)
		fail_msg("%s", f->problems.text[0]);
	assert_int_equal(f->problems.count, 0);
}

static void assert_problem(const char *text, const char *expected)
{
	struct fixture f;
	assert_int_equal(load(&f, text), -EINVAL);
	assert_int_equal(f.problems.count, 1);
	assert_string_equal(f.problems.text[0], expected);
	assert_null(f.file.peers);
}

static void assert_warning(const char *text, const char *expected)
{
	struct fixture f;
	assert_loaded(&f, text);
	assert_int_equal(f.warnings.count, 1);
	assert_string_equal(f.warnings.text[0], expected);
	config_file_free(&f.file);
}

static void test_every_key(void **state)
{
	(void)state;
	struct fixture f;
	assert_loaded(&f, "peers = [\"tcp://192.0.2.6:9651\", \"quic://[2001:db8::2]:9651\"]\n"
			  "api_addr = \"127.0.0.1:9000\"\n"
			  "tcp_listen_port = 9652\n"
			  "tun_name = \"mesh\"\n"
			  "no_tun = true\n"
			  "firewall_mark = 30\n"
			  "lanes = 3\n"
			  "disable_quic = true\n"
			  "quic_listen_port = 9653\n"
			  "disable_peer_discovery = false\n"
			  "peer_discovery_port = 9654\n"
			  "peer_discovery_interfaces = ['eth0', 'wlan0']\n"
			  "vsock_listen_port = 4294967295\n"
			  "network_name = 'example'\n"
			  "network_key_file = '/etc/mycelium/psk.bin'\n");
	assert_int_equal(f.warnings.count, 0);
	assert_int_equal(f.file.peer_count, 2);
	assert_int_equal(f.file.peers[0].protocol, ENDPOINT_TCP);
	assert_int_equal(f.file.peers[0].port, 9651);
	assert_int_equal(f.file.peers[1].protocol, ENDPOINT_QUIC);
	assert_int_equal(f.file.peers[1].family, ENDPOINT_IPV6);
	assert_true(f.file.has_api_address);
	assert_int_equal(f.file.api_address.port, 9000);
	assert_true(f.file.has_tcp_listen_port);
	assert_int_equal(f.file.tcp_listen_port, 9652);
	assert_string_equal(f.file.tun_name, "mesh");
	assert_true(f.file.no_tun);
	assert_true(f.file.has_firewall_mark);
	assert_int_equal(f.file.firewall_mark, 30);
	assert_int_equal(f.file.lanes, 3);
	assert_true(f.file.disable_quic);
	assert_true(f.file.has_quic_listen_port);
	assert_int_equal(f.file.quic_listen_port, 9653);
	assert_false(f.file.disable_discovery);
	assert_true(f.file.has_discovery_port);
	assert_int_equal(f.file.discovery_port, 9654);
	assert_int_equal(f.file.discovery_interface_count, 2);
	assert_string_equal(f.file.discovery_interfaces[0], "eth0");
	assert_string_equal(f.file.discovery_interfaces[1], "wlan0");
	assert_true(f.file.has_vsock_listen_port);
	assert_int_equal(f.file.vsock_listen_port, 4294967295);
	assert_string_equal(f.file.network_name, "example");
	assert_string_equal(f.file.network_key_file, "/etc/mycelium/psk.bin");
	config_file_free(&f.file);
}

/* Conversions are lenient, as for the other keys. */
static void test_transport_keys_in_other_forms(void **state)
{
	(void)state;
	struct fixture f;
	assert_loaded(&f, "disable_quic = 'Yes'\ndisable_peer_discovery = 1\nquic_listen_port = '9653'\n"
			  "peer_discovery_port = 9653.6\nvsock_listen_port = '7'\n"
			  "peer_discovery_interfaces = 'eth0'");
	assert_true(f.file.disable_quic && f.file.disable_discovery);
	assert_int_equal(f.file.quic_listen_port, 9653);
	assert_int_equal(f.file.discovery_port, 9654);
	assert_int_equal(f.file.vsock_listen_port, 7);
	assert_int_equal(f.file.discovery_interface_count, 1);
	assert_string_equal(f.file.discovery_interfaces[0], "eth0");
	config_file_free(&f.file);
	assert_loaded(&f, "peer_discovery_interfaces = []");
	assert_int_equal(f.file.discovery_interface_count, 0);
	config_file_free(&f.file);
}

static void test_too_many_interfaces(void **state)
{
	(void)state;
	char text[2048];
	int len = snprintf(text, sizeof(text), "peer_discovery_interfaces = [");
	for (int i = 0; i < 257; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "'e',");
	snprintf(text + len, sizeof(text) - (size_t)len, "]");
	assert_problem(text, "x.toml:1: peer_discovery_interfaces: at most 256 are possible");
}

static void test_peers_forms(void **state)
{
	(void)state;
	struct fixture f;
	assert_loaded(&f, "");
	assert_int_equal(f.file.peer_count, 0);
	config_file_free(&f.file);
	assert_loaded(&f, "peers = []");
	assert_int_equal(f.file.peer_count, 0);
	config_file_free(&f.file);
	assert_loaded(&f, "peers = 'tcp://192.0.2.6:9651'");
	assert_int_equal(f.file.peer_count, 1);
	config_file_free(&f.file);
	assert_loaded(&f, "peers = ['tcp://host.example:9651', 'vsock://2:9651']");
	assert_int_equal(f.file.peer_count, 2);
	assert_int_equal(f.file.peers[0].family, ENDPOINT_NAME);
	assert_string_equal(f.file.peers[0].name, "host.example");
	config_file_free(&f.file);
	assert_problem("peers = 5", "x.toml:1: peers: must be a list of strings");
	assert_problem("[peers]", "x.toml:1: peers: must be a list of strings");
	assert_problem("peers = [[]]", "x.toml:1: peers: each must be a string, not a list");
}

static void test_problems_name_file_line_and_key(void **state)
{
	(void)state;
	struct fixture f;
	assert_problem("\n\ntcp_listen_port = \"x\"", "x.toml:3: tcp_listen_port: \"x\" is not a number");
	assert_problem("tcp_listen_port = 70000", "x.toml:1: tcp_listen_port: 70000 is not in 0..=65535");
	assert_problem("no_tun = 'maybe'", "x.toml:1: no_tun: \"maybe\" is neither true nor false");
	assert_problem("disable_quic = []", "x.toml:1: disable_quic: must be true or false, not a list");
	assert_problem("quic_listen_port = 70000", "x.toml:1: quic_listen_port: 70000 is not in 0..=65535");
	assert_problem("peer_discovery_port = 'x'", "x.toml:1: peer_discovery_port: \"x\" is not a number");
	assert_problem("vsock_listen_port = 4294967296",
		       "x.toml:1: vsock_listen_port: 4294967296 is not in 0..=4294967295");
	assert_problem("disable_peer_discovery = 'x'",
		       "x.toml:1: disable_peer_discovery: \"x\" is neither true nor false");
	assert_problem("peer_discovery_interfaces = 5",
		       "x.toml:1: peer_discovery_interfaces: must be a list of strings");
	assert_problem("peer_discovery_interfaces = ['eth0',\n'a b']",
		       "x.toml:2: peer_discovery_interfaces: \"a b\": interface names contain neither '/' nor ':' nor "
		       "blanks");
	assert_problem("peer_discovery_interfaces = ['eth0', []]",
		       "x.toml:1: peer_discovery_interfaces: each must be a string, not a list");
	assert_problem("firewall_mark = -1", "x.toml:1: firewall_mark: -1 is not in 0..=4294967295");
	assert_problem("lanes = 0", "x.toml:1: lanes: a node needs at least one");
	assert_problem("lanes = 17", "x.toml:1: lanes: 17 is not in 0..=16");
	assert_problem("api_addr = 'localhost:1'",
		       "x.toml:1: api_addr: \"localhost:1\": invalid socket address syntax; "
		       "write it like 127.0.0.1:8989");
	assert_problem("tun_name = 'abcdefghijklmnop'",
		       "x.toml:1: tun_name: \"abcdefghijklmnop\": "
		       "interface names have at most 15 characters, this one has 16");
	assert_int_equal(load(&f, "peers = [\n'tcp://192.0.2.6:9651',\n'x']"), -EINVAL);
	assert_non_null(strstr(f.problems.text[0], "x.toml:3: peers: \"x\": missing leading protocol identifier; "));
	assert_int_equal(load(&f, "peers = [\n"), -EINVAL);
	assert_non_null(strstr(f.problems.text[0], "x.toml:1: "));
	/* All of them in one go. */
	assert_int_equal(load(&f, "tcp_listen_port = 'x'\nno_tun = 'y'\nfirewall_mark = 'z'"), -EINVAL);
	assert_int_equal(f.problems.count, 3);
}

static void test_unknown_keys_warn(void **state)
{
	(void)state;
	assert_warning("\npeer = []", "x.toml:2: unknown key \"peer\", did you mean \"peers\"?");
	assert_warning("xyzzy = 1", "x.toml:1: unknown key \"xyzzy\", ignored");
	assert_warning("TCP_listen_port = 1",
		       "x.toml:1: unknown key \"TCP_listen_port\", did you mean \"tcp_listen_port\"?");
	assert_warning("peer_discovery_interface = 'eth0'",
		       "x.toml:1: unknown key \"peer_discovery_interface\", did you mean "
		       "\"peer_discovery_interfaces\"?");
	assert_warning("network_key = 'psk'",
		       "x.toml:1: unknown key \"network_key\", did you mean \"network_key_file\"?");
	assert_warning("\"no_tun\\u0000\" = 1", "x.toml:1: unknown key \"no_tun\", did you mean \"no_tun\"?");
	assert_warning("\"\\u001b[2J\" = 1", "x.toml:1: unknown key \"?[2J\", ignored");
}

static void test_keys_of_later_versions_warn(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"jsonrpc_addr", "metrics_api_address", "update_workers", "topic_config", "cdn_cache", "enable_dns",
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char text[64], expected[128];
		snprintf(text, sizeof(text), "%s = 1", keys[i]);
		snprintf(expected, sizeof(expected), "x.toml:1: %s: not available in this version, ignored", keys[i]);
		assert_warning(text, expected);
	}
}

/* That half a network is none is decided where the command line is known, too (test_config.c). */
static void test_private_networks(void **state)
{
	(void)state;
	struct fixture f;
	assert_loaded(&f, "network_name = 5000");
	assert_string_equal(f.file.network_name, "5000");
	assert_null(f.file.network_key_file);
	config_file_free(&f.file);
	assert_problem("network_name = ''",
		       "x.toml:1: network_name: \"\": network names have 2 to 64 bytes, this one has 0");
	assert_problem("network_name = \"a\\u001b\"",
		       "x.toml:1: network_name: \"a?\": network names have no control characters");
	assert_problem("network_name = \"a\\u0000\"", "x.toml:1: network_name: must not contain a zero byte");
	assert_problem("network_name = 'ab\xff'",
		       "x.toml:1: network_name: \"ab\ufffd\": network names are UTF-8, this one is not");
	assert_problem("network_name = []", "x.toml:1: network_name: must be a string, not a list");
	assert_problem("network_key_file = ''",
		       "x.toml:1: network_key_file: \"\": the path of a file cannot be empty");
}

static void test_files_that_cannot_be_read(void **state)
{
	(void)state;
	struct fixture f = {0};
	assert_int_equal(config_file_load("/nonexistent/c.toml", &f.file, &f.warnings, &f.problems), -ENOENT);
	assert_string_equal(f.problems.text[0], "Cannot read configuration file /nonexistent/c.toml: there is no such "
						"file. Name another one with --config-file.");
	f = (struct fixture){0};
	assert_int_equal(config_file_load("/", &f.file, &f.warnings, &f.problems), -EISDIR);
	assert_non_null(strstr(f.problems.text[0], "/: it is a directory"));
	f = (struct fixture){0};
	assert_int_equal(config_file_load("/dev/zero", &f.file, &f.warnings, &f.problems), -E2BIG);
	assert_int_equal(f.problems.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_transport_keys_in_other_forms),
		cmocka_unit_test(test_too_many_interfaces),
		cmocka_unit_test(test_peers_forms),
		cmocka_unit_test(test_problems_name_file_line_and_key),
		cmocka_unit_test(test_unknown_keys_warn),
		cmocka_unit_test(test_keys_of_later_versions_warn),
		cmocka_unit_test(test_private_networks),
		cmocka_unit_test(test_files_that_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
