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
		cmocka_unit_test_setup_teardown(test_default_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_files_stop_the_node, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
