// SPDX-License-Identifier: Apache-2.0
/* How command line, file and defaults are merged. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"

struct fixture {
	char folder[32], path[64];
	struct args args;
	struct config config;
	struct problems warnings, problems;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->folder, "/tmp/mycelium-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	/* Neither the key nor the configuration of the user who runs the tests may be seen. */
	setenv("HOME", f->folder, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	snprintf(f->path, sizeof(f->path), "%s/c.toml", f->folder);
	log_setup(LOG_ERROR, LOG_FORMAT_PLAIN);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];
	config_free(&f->config);
	snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Builds from a command line and the text of a file; NULL for no file. */
static int build(struct fixture *f, const char *file, char **argv)
{
	enum exit_status status;
	int argc = 0;
	while (argv[argc] != NULL)
		argc++;
	assert_int_equal(args_parse(argc, argv, stdout, stderr, &f->args, &status), 0);
	if (file != NULL) {
		FILE *out = fopen(f->path, "w");
		assert_non_null(out);
		fputs(file, out);
		fclose(out);
		f->args.config_file = f->path;
	}
	config_free(&f->config);
	f->warnings.count = f->problems.count = 0;
	int result = config_build(&f->args, &f->config, &f->warnings, &f->problems);
	args_free(&f->args);
	return result;
}

#define BUILD(f, file, ...) build(f, file, (char *[]){"mycelium", ##__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	char expected[128];
	assert_int_equal(BUILD(f, NULL), 0);
	const struct node_config *node = &f->config.node;
	assert_int_equal(node->tcp_listen_port, 9651);
	assert_int_equal(node->api_address.port, 8989);
	assert_memory_equal(node->api_address.address.bytes, "\x7f\0\0\1", 4);
	assert_string_equal(node->tun_name, "mycelium");
	assert_false(node->no_tun);
	assert_false(node->has_firewall_mark);
	assert_true(node->lanes >= 1 && node->lanes <= DEFAULT_LANES_MAX);
	assert_int_equal(node->static_peer_count, 0);
	assert_false(node->disable_quic || node->disable_discovery || node->has_vsock_listen_port);
	assert_int_equal(node->quic_listen_port, 9651);
	assert_int_equal(node->discovery_port, 9650);
	assert_int_equal(node->discovery_interface_count, 0);
	assert_null(node->network_name);
	assert_null(node->network_key_path);
	assert_true(node->key_path_is_default);
	snprintf(expected, sizeof(expected), "%s/.local/share/mycelium/priv_key.bin", f->folder);
	assert_string_equal(node->key_path, expected);
}

static void test_port_and_address(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "tcp_listen_port = 9652\napi_addr = '127.0.0.1:9000'";
	assert_int_equal(BUILD(f, file), 0);
	assert_int_equal(f->config.node.tcp_listen_port, 9652);
	assert_int_equal(f->config.node.api_address.port, 9000);
	assert_int_equal(BUILD(f, file, "-t", "9653", "--api-addr", "[::1]:9001"), 0);
	assert_int_equal(f->config.node.tcp_listen_port, 9653);
	assert_int_equal(f->config.node.api_address.port, 9001);
	assert_int_equal(f->config.node.api_address.family, ENDPOINT_IPV6);
	/* Naming the default does not override the file. */
	assert_int_equal(BUILD(f, file, "-t", "9651", "--api-addr", "127.0.0.1:8989"), 0);
	assert_int_equal(f->config.node.tcp_listen_port, 9652);
	assert_int_equal(f->config.node.api_address.port, 9000);
}

static void test_flags_and_names(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(BUILD(f, "no_tun = true\ntun_name = 'a'\nfirewall_mark = 1"), 0);
	assert_true(f->config.node.no_tun);
	assert_string_equal(f->config.node.tun_name, "a");
	assert_true(f->config.node.has_firewall_mark);
	assert_int_equal(f->config.node.firewall_mark, 1);
	assert_int_equal(BUILD(f, "lanes = 7"), 0);
	assert_int_equal(f->config.node.lanes, 7);
	assert_int_equal(BUILD(f, "lanes = 7", "--lanes", "2"), 0);
	assert_int_equal(f->config.node.lanes, 2);
	assert_int_equal(BUILD(f, "no_tun = false\ntun_name = 'a'\nfirewall_mark = 1", "--no-tun", "--tun-name",
			       "mycelium", "--firewall-mark", "0", "-k", "key"), 0);
	assert_true(f->config.node.no_tun);
	assert_string_equal(f->config.node.tun_name, "mycelium");
	assert_true(f->config.node.has_firewall_mark);
	assert_int_equal(f->config.node.firewall_mark, 0);
	assert_string_equal(f->config.node.key_path, "key");
	assert_false(f->config.node.key_path_is_default);
}

static void test_peers(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "peers = ['tcp://192.0.2.1:1', 'tcp://192.0.2.2:2']";
	assert_int_equal(BUILD(f, file), 0);
	assert_int_equal(f->config.node.static_peer_count, 2);
	assert_int_equal(f->config.node.static_peers[1].port, 2);
	assert_int_equal(BUILD(f, file, "--peers", "tcp://192.0.2.3:3"), 0);
	assert_int_equal(f->config.node.static_peer_count, 1);
	assert_int_equal(f->config.node.static_peers[0].port, 3);
	assert_int_equal(f->warnings.count, 0);
	assert_int_equal(BUILD(f, NULL, "--peers", "tcp://192.0.2.3:3", "TCP://192.0.2.3:3", "tcp://192.0.2.3:4"), 0);
	assert_int_equal(f->config.node.static_peer_count, 2);
	assert_int_equal(f->warnings.count, 1);
	assert_string_equal(f->warnings.text[0], "Peer tcp://192.0.2.3:3 is named twice");
	assert_int_equal(BUILD(f, NULL, "--peers", "tcp://host.example:3", "TCP://HOST.example:3"), 0);
	assert_int_equal(f->config.node.static_peer_count, 1);
	assert_string_equal(f->warnings.text[0], "Peer tcp://host.example:3 is named twice");
}

static void test_ports_of_transports(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "quic_listen_port = 1\npeer_discovery_port = 2\nvsock_listen_port = 3";
	const struct node_config *node = &f->config.node;
	assert_int_equal(BUILD(f, file), 0);
	assert_int_equal(node->quic_listen_port, 1);
	assert_int_equal(node->discovery_port, 2);
	assert_true(node->has_vsock_listen_port);
	assert_int_equal(node->vsock_listen_port, 3);
	assert_int_equal(node->tcp_listen_port, 9651);
	assert_int_equal(BUILD(f, file, "-q", "4", "--peer-discovery-port", "5", "--vsock-listen-port", "0"), 0);
	assert_int_equal(node->quic_listen_port, 4);
	assert_int_equal(node->discovery_port, 5);
	assert_true(node->has_vsock_listen_port);
	assert_int_equal(node->vsock_listen_port, 0);
	/* Naming the default does not override the file. */
	assert_int_equal(BUILD(f, file, "-q", "9651", "--peer-discovery-port", "9650"), 0);
	assert_int_equal(node->quic_listen_port, 1);
	assert_int_equal(node->discovery_port, 2);
}

/* The command line cannot switch off what the file switches on. */
static void test_disabled_transports(void **state)
{
	struct fixture *f = *state;
	const struct node_config *node = &f->config.node;
	assert_int_equal(BUILD(f, "disable_quic = true"), 0);
	assert_true(node->disable_quic && !node->disable_discovery);
	assert_int_equal(BUILD(f, "disable_peer_discovery = true"), 0);
	assert_true(!node->disable_quic && node->disable_discovery);
	assert_int_equal(BUILD(f, "disable_quic = false\ndisable_peer_discovery = false", "--disable-quic",
			       "--disable-peer-discovery"), 0);
	assert_true(node->disable_quic && node->disable_discovery);
	assert_int_equal(f->warnings.count, 0);
}

static void test_discovery_interfaces(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "peer_discovery_interfaces = ['eth0', 'eth1']";
	const struct node_config *node = &f->config.node;
	assert_int_equal(BUILD(f, file), 0);
	assert_int_equal(node->discovery_interface_count, 2);
	assert_string_equal(node->discovery_interfaces[1], "eth1");
	assert_int_equal(BUILD(f, file, "--peer-discovery-interface", "wlan0"), 0);
	assert_int_equal(node->discovery_interface_count, 1);
	assert_string_equal(node->discovery_interfaces[0], "wlan0");
	assert_int_equal(f->warnings.count, 0);
}

static void test_discovery_interfaces_without_discovery(void **state)
{
	struct fixture *f = *state;
	static const char warning[] = "--disable-peer-discovery is set, ignoring --peer-discovery-interface values";
	assert_int_equal(BUILD(f, NULL, "--disable-peer-discovery", "--peer-discovery-interface", "lo"), 0);
	assert_int_equal(f->config.node.discovery_interface_count, 0);
	assert_int_equal(f->warnings.count, 1);
	assert_string_equal(f->warnings.text[0], warning);
	assert_int_equal(BUILD(f, "peer_discovery_interfaces = ['lo']\ndisable_peer_discovery = true"), 0);
	assert_int_equal(f->config.node.discovery_interface_count, 0);
	assert_int_equal(f->warnings.count, 1);
	assert_string_equal(f->warnings.text[0], warning);
}

static void assert_network(const struct fixture *f, const char *name, const char *key_path)
{
	assert_string_equal(f->config.node.network_name, name);
	assert_string_equal(f->config.node.network_key_path, key_path);
	assert_true(f->config.node.disable_quic);
}

static void test_private_network(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(BUILD(f, "network_name = 'file'\nnetwork_key_file = 'F'"), 0);
	assert_network(f, "file", "F");
	assert_int_equal(BUILD(f, NULL, "--network-name", "line", "--network-key-file", "L"), 0);
	assert_network(f, "line", "L");
	/* Either half may come from either place. */
	assert_int_equal(BUILD(f, "network_name = 'file'", "--network-key-file", "L"), 0);
	assert_network(f, "file", "L");
	assert_int_equal(BUILD(f, "network_key_file = 'F'", "--network-name", "line"), 0);
	assert_network(f, "line", "F");
	assert_int_equal(BUILD(f, "network_name = 'file'\nnetwork_key_file = 'F'", "--network-name", "line"), 0);
	assert_network(f, "line", "F");
}

/* Never silently public. */
static void assert_half_network(struct fixture *f, int result, const char *given)
{
	char expected[256];
	snprintf(expected, sizeof(expected),
		 "A private network needs both --network-name and --network-key-file (or network_name and "
		 "network_key_file in the file); only %s is given.", given);
	assert_int_equal(result, -EINVAL);
	assert_int_equal(f->problems.count, 1);
	assert_string_equal(f->problems.text[0], expected);
	assert_null(f->config.key_path);
}

static void test_half_a_private_network(void **state)
{
	struct fixture *f = *state;
	assert_half_network(f, BUILD(f, NULL, "--network-name", "line"), "--network-name");
	assert_half_network(f, BUILD(f, NULL, "--network-key-file", "L"), "--network-key-file");
	assert_half_network(f, BUILD(f, "network_name = 'file'"), "network_name");
	assert_half_network(f, BUILD(f, "network_key_file = 'F'"), "network_key_file");
	assert_half_network(f, BUILD(f, "network_name = 'file'", "--network-name", "line"), "--network-name");
	assert_half_network(f, BUILD(f, "network_key_file = 'F'", "--network-key-file", "L"), "--network-key-file");
}

/* Whether a peer can be connected to is decided by the node, which keeps those that cannot in its list. */
static void test_peers_of_every_transport(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(BUILD(f, "disable_quic = true\npeers = ['quic://192.0.2.1:1', 'tls://192.0.2.1:1', "
				  "'vsock://2:9651']"), 0);
	assert_int_equal(f->config.node.static_peer_count, 3);
	assert_int_equal(BUILD(f, NULL, "--network-name", "line", "--network-key-file", "L", "--peers",
			       "quic://192.0.2.1:1", "tcp://192.0.2.1:1", "tls://192.0.2.1:1"), 0);
	assert_int_equal(f->config.node.static_peer_count, 3);
	assert_int_equal(f->warnings.count, 0);
}

static void write_default_file(const char *folder, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/mycelium", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/mycelium.toml");
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void test_default_paths(void **state)
{
	struct fixture *f = *state;
	char path[64], expected[128];
	snprintf(path, sizeof(path), "%s/.config", f->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	write_default_file(path, "tcp_listen_port = 1");
	snprintf(path, sizeof(path), "%s/xdg", f->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	write_default_file(path, "tcp_listen_port = 2");

	assert_int_equal(BUILD(f, NULL), 0);
	assert_int_equal(f->config.node.tcp_listen_port, 1);
	setenv("XDG_CONFIG_HOME", path, 1);
	char *default_path = config_default_path();
	snprintf(expected, sizeof(expected), "%s/mycelium/mycelium.toml", path);
	assert_string_equal(default_path, expected);
	free(default_path);
	assert_int_equal(BUILD(f, NULL), 0);
	assert_int_equal(f->config.node.tcp_listen_port, 2);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_int_equal(BUILD(f, NULL), 0);
	assert_int_equal(f->config.node.tcp_listen_port, 1);
}

static void test_broken_files_stop_the_node(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(BUILD(f, "tcp_listen_port = 'x'"), -EINVAL);
	assert_int_equal(f->problems.count, 1);
	assert_int_equal(BUILD(f, NULL, "-c", "/nonexistent/c.toml"), -ENOENT);
	assert_int_equal(f->problems.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_and_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flags_and_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peers_of_every_transport, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports_of_transports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disabled_transports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discovery_interfaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discovery_interfaces_without_discovery, setup, teardown),
		cmocka_unit_test_setup_teardown(test_private_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_a_private_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_default_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_files_stop_the_node, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
