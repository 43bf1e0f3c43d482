// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
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
			  "disable_peer_discovery = false\n");
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
	config_file_free(&f.file);
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
	assert_warning("\"no_tun\\u0000\" = 1", "x.toml:1: unknown key \"no_tun\", did you mean \"no_tun\"?");
	assert_warning("\"\\u001b[2J\" = 1", "x.toml:1: unknown key \"?[2J\", ignored");
}

static void test_keys_of_later_versions_warn(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"quic_listen_port", "peer_discovery_port", "peer_discovery_interfaces", "jsonrpc_addr",
		"metrics_api_address", "update_workers", "topic_config", "cdn_cache", "vsock_listen_port", "enable_dns",
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char text[64], expected[128];
		snprintf(text, sizeof(text), "%s = 1", keys[i]);
		snprintf(expected, sizeof(expected), "x.toml:1: %s: not available in this version, ignored", keys[i]);
		assert_warning(text, expected);
	}
}

/* Never silently public. */
static void test_private_networks_are_refused(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const texts[] = {
		"network_name = 'example'", "network_key_file = '/etc/psk'", "network_name = ''", "network_name = 5",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(load(&f, texts[i]), -EINVAL);
		assert_non_null(strstr(f.problems.text[0], "private networks are not available in this version"));
	}
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
		cmocka_unit_test(test_peers_forms),
		cmocka_unit_test(test_problems_name_file_line_and_key),
		cmocka_unit_test(test_unknown_keys_warn),
		cmocka_unit_test(test_keys_of_later_versions_warn),
		cmocka_unit_test(test_private_networks_are_refused),
		cmocka_unit_test(test_files_that_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
