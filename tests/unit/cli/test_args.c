// SPDX-License-Identifier: Apache-2.0
/* The grammar of the command line; the frames of all errors are compared by tests/cli/run.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"

enum { WORDS_MAX = 16 };

struct parsed {
	int result;
	enum exit_status status;
	struct args args;
	char *out, *err;
};

static void parse_words(struct parsed *p, char **argv)
{
	size_t out_len = 0, err_len = 0;
	int argc = 0;
	while (argv[argc] != NULL)
		argc++;
	FILE *out = open_memstream(&p->out, &out_len), *err = open_memstream(&p->err, &err_len);
	p->status = EXIT_STATUS_OK;
	p->result = args_parse(argc, argv, out, err, &p->args, &p->status);
	fclose(out);
	fclose(err);
}

static void parsed_free(struct parsed *p)
{
	args_free(&p->args);
	free(p->out);
	free(p->err);
}

#define PARSE(p, ...) parse_words(p, (char *[]){"/usr/bin/mycelium", ##__VA_ARGS__, NULL})

static void parse_ok(struct parsed *p, char **argv)
{
	parse_words(p, argv);
	if (p->result < 0)
		fail_msg("%s", p->err);
	assert_string_equal(p->out, "");
	assert_string_equal(p->err, "");
}

#define PARSE_OK(p, ...) parse_ok(p, (char *[]){"/usr/bin/mycelium", ##__VA_ARGS__, NULL})

/* A usage error whose text begins so. */
static void refuse_words(const char *expected, char **argv)
{
	struct parsed p;
	parse_words(&p, argv);
	assert_int_equal(p.result, -ECANCELED);
	assert_int_equal(p.status, EXIT_STATUS_USAGE);
	assert_string_equal(p.out, "");
	if (strncmp(p.err, expected, strlen(expected)) != 0)
		fail_msg("%s\nexpected: %s", p.err, expected);
	assert_non_null(strstr(p.err, "\n\nFor more information, try '--help'.\n"));
	parsed_free(&p);
}

#define REFUSE(expected, ...) refuse_words(expected, (char *[]){"/usr/bin/mycelium", ##__VA_ARGS__, NULL})

static void test_forms_of_a_value(void **state)
{
	(void)state;
	static char *forms[][WORDS_MAX] = {
		{"m", "--tcp-listen-port", "25000"}, {"m", "--tcp-listen-port=25000"}, {"m", "-t", "25000"},
		{"m", "-t25000"}, {"m", "-t=25000"}, {"m", "-dt", "25000"}, {"m", "-dt25000"}, {"m", "-dt=25000"},
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct parsed p;
		parse_ok(&p, forms[i]);
		assert_int_equal(p.args.command, COMMAND_NODE);
		assert_int_equal(p.args.tcp_listen_port, 25000);
		assert_int_equal(p.args.debug, i >= 5);
		parsed_free(&p);
	}
}

static void test_defaults(void **state)
{
	(void)state;
	struct parsed p;
	PARSE_OK(&p);
	assert_int_equal(p.args.command, COMMAND_NODE);
	assert_null(p.args.key_file);
	assert_null(p.args.config_file);
	assert_null(p.args.tun_name);
	assert_int_equal(p.args.tcp_listen_port, 9651);
	assert_int_equal(p.args.quic_listen_port, 9651);
	assert_int_equal(p.args.discovery_port, 9650);
	assert_int_equal(p.args.discovery_interface_count, 0);
	assert_false(p.args.disable_quic || p.args.disable_discovery || p.args.has_vsock_listen_port);
	assert_null(p.args.network_name);
	assert_null(p.args.network_key_file);
	assert_int_equal(p.args.api_address.port, 8989);
	assert_int_equal(p.args.log_format, LOG_FORMAT_COMPACT);
	assert_false(p.args.debug || p.args.silent || p.args.no_tun || p.args.has_firewall_mark);
	assert_int_equal(p.args.lanes, 0);
	parsed_free(&p);
}

static void test_every_option(void **state)
{
	(void)state;
	struct parsed p;
	PARSE_OK(&p, "-k", "K", "-c", "C", "-d", "--silent", "--log-format", "plain", "-t", "1", "--disable-quic",
		 "--disable-peer-discovery", "--api-addr", "[::1]:2", "--no-tun", "--tun-name", "T", "--firewall-mark",
		 "3", "--lanes", "16", "-q", "4", "--peer-discovery-port", "5", "--peer-discovery-interface", "eth0",
		 "--vsock-listen-port", "4294967295", "--network-name", "net", "--network-key-file", "F");
	assert_string_equal(p.args.key_file, "K");
	assert_string_equal(p.args.config_file, "C");
	assert_true(p.args.debug && p.args.silent && p.args.no_tun && p.args.has_firewall_mark);
	assert_int_equal(p.args.log_format, LOG_FORMAT_PLAIN);
	assert_int_equal(p.args.tcp_listen_port, 1);
	assert_int_equal(p.args.api_address.family, ENDPOINT_IPV6);
	assert_int_equal(p.args.api_address.port, 2);
	assert_string_equal(p.args.tun_name, "T");
	assert_int_equal(p.args.firewall_mark, 3);
	assert_int_equal(p.args.lanes, 16);
	assert_true(p.args.disable_quic && p.args.disable_discovery && p.args.has_vsock_listen_port);
	assert_int_equal(p.args.quic_listen_port, 4);
	assert_int_equal(p.args.discovery_port, 5);
	assert_int_equal(p.args.discovery_interface_count, 1);
	assert_string_equal(p.args.discovery_interfaces[0], "eth0");
	assert_int_equal(p.args.vsock_listen_port, 4294967295);
	assert_string_equal(p.args.network_name, "net");
	assert_string_equal(p.args.network_key_file, "F");
	parsed_free(&p);
}

/* One value each time, unlike --peers. */
static void test_discovery_interfaces_repeat(void **state)
{
	(void)state;
	struct parsed p;
	PARSE_OK(&p, "--peer-discovery-interface", "eth0", "--peer-discovery-interface=wlan0", "-d",
		 "--peer-discovery-interface", "br-lan", "inspect");
	assert_int_equal(p.args.command, COMMAND_INSPECT);
	assert_int_equal(p.args.discovery_interface_count, 3);
	assert_string_equal(p.args.discovery_interfaces[0], "eth0");
	assert_string_equal(p.args.discovery_interfaces[1], "wlan0");
	assert_string_equal(p.args.discovery_interfaces[2], "br-lan");
	parsed_free(&p);
	REFUSE("error: unrecognized subcommand 'wlan0'\n", "--peer-discovery-interface", "eth0", "wlan0");
	REFUSE("error: a value is required for '--peer-discovery-interface <PEER_DISCOVERY_INTERFACES>'",
	       "--peer-discovery-interface");
	REFUSE("error: invalid value '' for '--peer-discovery-interface <PEER_DISCOVERY_INTERFACES>': the name of",
	       "--peer-discovery-interface=");
	REFUSE("error: invalid value 'a/b' for '--peer-discovery-interface <PEER_DISCOVERY_INTERFACES>': "
	       "interface names contain neither '/'", "--peer-discovery-interface", "eth0", "--peer-discovery-interface",
	       "a/b");
	REFUSE("error: invalid value 'abcdefghijklmnop' for '--peer-discovery-interface <PEER_DISCOVERY_INTERFACES>': "
	       "interface names have at most 15 characters", "--peer-discovery-interface", "abcdefghijklmnop");
}

static void test_network_names(void **state)
{
	(void)state;
	struct parsed p;
	PARSE_OK(&p, "--network-name", "n\u00e9");
	assert_string_equal(p.args.network_name, "n\u00e9");
	parsed_free(&p);
	REFUSE("error: invalid value 'a' for '--network-name <NETWORK_NAME>': network names have 2 to 64 bytes, this one "
	       "has 1\n", "--network-name", "a");
	REFUSE("error: invalid value '' for '--network-name <NETWORK_NAME>': network names have 2 to 64 bytes, this one "
	       "has 0\n", "--network-name=");
	REFUSE("error: a value is required for '--network-key-file <NETWORK_KEY_FILE>'", "--network-key-file", "");
	REFUSE("error: the argument '--network-name <NETWORK_NAME>' cannot be used multiple times\n",
	       "--network-name", "ab", "--network-name", "ab");
}

static void assert_peer_ports(const struct args *args, size_t count, const uint16_t *ports)
{
	assert_int_equal(args->peer_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(args->peers[i].port, ports[i]);
}

static void test_peers_are_greedy(void **state)
{
	(void)state;
	struct parsed p;
	const uint16_t ports[] = {1, 2, 3};
	PARSE_OK(&p, "--peers", "tcp://192.0.2.1:1", "quic://192.0.2.1:2", "-t", "1");
	assert_peer_ports(&p.args, 2, ports);
	assert_int_equal(p.args.tcp_listen_port, 1);
	parsed_free(&p);
	PARSE_OK(&p, "--peers", "tcp://192.0.2.1:1", "--peers", "tcp://192.0.2.1:2", "tcp://192.0.2.1:3");
	assert_peer_ports(&p.args, 3, ports);
	parsed_free(&p);
	PARSE_OK(&p, "--peers=tcp://192.0.2.1:1", "peers", "list");
	assert_peer_ports(&p.args, 1, ports);
	assert_int_equal(p.args.command, COMMAND_PEERS_LIST);
	parsed_free(&p);
	PARSE_OK(&p, "--peers", "tcp://Host.example:1", "quic://node-2:2", "tls://192.0.2.1:3");
	assert_peer_ports(&p.args, 3, ports);
	assert_int_equal(p.args.peers[0].family, ENDPOINT_NAME);
	assert_string_equal(p.args.peers[0].name, "host.example");
	assert_int_equal(p.args.peers[1].family, ENDPOINT_NAME);
	assert_int_equal(p.args.peers[2].family, ENDPOINT_IPV4);
	parsed_free(&p);
	REFUSE("error: invalid value 'tcp://host.example' for '--peers <STATIC_PEERS>...': ",
	       "--peers", "tcp://host.example");
	REFUSE("error: invalid value 'inspect' for '--peers <STATIC_PEERS>...': missing leading protocol identifier\n"
	       "\n  tip: --peers takes every word that follows; in front of 'inspect' write --peers=ENDPOINT\n",
	       "--peers", "tcp://192.0.2.1:1", "inspect");
	REFUSE("error: unrecognized subcommand 'tcp://192.0.2.1:2'\n",
	       "--peers=tcp://192.0.2.1:1", "tcp://192.0.2.1:2");
	REFUSE("error: a value is required for '--peers <STATIC_PEERS>...' but none was supplied\n", "--peers");
	REFUSE("error: a value is required for '--peers <STATIC_PEERS>...'", "--peers", "--no-tun");
	REFUSE("error: invalid value '' for '--peers <STATIC_PEERS>...': missing", "--peers=");
}

static void test_commands(void **state)
{
	(void)state;
	static const struct {
		char *words[WORDS_MAX];
		enum command command;
	} cases[] = {
		{{"m", "inspect"}, COMMAND_INSPECT},
		{{"m", "generate-keys"}, COMMAND_GENERATE_KEYS},
		{{"m", "peers", "list"}, COMMAND_PEERS_LIST},
		{{"m", "routes", "selected"}, COMMAND_ROUTES_SELECTED},
		{{"m", "routes", "fallback"}, COMMAND_ROUTES_FALLBACK},
		{{"m", "routes", "queried"}, COMMAND_ROUTES_QUERIED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;
		parse_ok(&p, (char **)(uintptr_t)cases[i].words);
		assert_int_equal(p.args.command, cases[i].command);
		parsed_free(&p);
	}
}

static void test_arguments_of_commands(void **state)
{
	(void)state;
	struct parsed p;
	PARSE_OK(&p, "inspect", "--json", "abc");
	assert_true(p.args.json);
	assert_string_equal(p.args.key, "abc");
	parsed_free(&p);
	PARSE_OK(&p, "inspect", "abc", "--json");
	assert_true(p.args.json);
	parsed_free(&p);
	PARSE_OK(&p, "inspect", "--", "-x");
	assert_string_equal(p.args.key, "-x");
	parsed_free(&p);
	PARSE_OK(&p, "inspect", "");
	assert_string_equal(p.args.key, "");
	parsed_free(&p);
	PARSE_OK(&p, "generate-keys", "--force");
	assert_true(p.args.force);
	parsed_free(&p);
	REFUSE("error: unexpected argument 'b' found\n\nUsage: mycelium inspect [OPTIONS] [KEY]\n",
	       "inspect", "a", "b");
	REFUSE("error: unexpected argument '--json' found", "generate-keys", "--json");
}

static void test_global_options(void **state)
{
	(void)state;
	struct parsed p;
	PARSE_OK(&p, "-k", "outer", "peers", "-k", "middle", "list", "--key-file=inner", "-c", "C");
	assert_string_equal(p.args.key_file, "inner");
	assert_string_equal(p.args.config_file, "C");
	parsed_free(&p);
	PARSE_OK(&p, "-k", "outer", "inspect");
	assert_string_equal(p.args.key_file, "outer");
	parsed_free(&p);
	REFUSE("error: unexpected argument '--api-addr' found\n", "peers", "list", "--api-addr", "127.0.0.1:1");
	REFUSE("error: unexpected argument '-V' found\n", "peers", "-V");
	REFUSE("error: the argument '--key-file <KEY_FILE>' cannot be used multiple times\n",
	       "inspect", "-k", "a", "-k", "b");
}

static void test_bad_values(void **state)
{
	(void)state;
	REFUSE("error: invalid value '-1' for '--tcp-listen-port <TCP_LISTEN_PORT>': -1 is not in 0..=65535\n",
	       "-t=-1");
	REFUSE("error: invalid value '65536' for '--quic-listen-port <QUIC_LISTEN_PORT>': 65536 is not in 0..=65535\n",
	       "-q65536");
	REFUSE("error: invalid value '70000' for '--peer-discovery-port <PEER_DISCOVERY_PORT>': 70000 is not in",
	       "--peer-discovery-port", "70000");
	REFUSE("error: invalid value '4294967296' for '--vsock-listen-port <VSOCK_LISTEN_PORT>': 4294967296 is not in "
	       "0..=4294967295\n", "--vsock-listen-port", "4294967296");
	REFUSE("error: unexpected argument '-1' found\n", "-t", "-1");
	REFUSE("error: unexpected argument '--foo' found\n", "-t", "--foo=1");
	REFUSE("error: a value is required for '--tcp-listen-port <TCP_LISTEN_PORT>'", "-t", "-d");
	REFUSE("error: a value is required for '--tcp-listen-port <TCP_LISTEN_PORT>'", "-t", "--", "5");
	REFUSE("error: invalid value '' for '--tcp-listen-port <TCP_LISTEN_PORT>': cannot parse", "-t=");
	REFUSE("error: a value is required for '--config-file <CONFIG_FILE>'", "--config-file=");
	REFUSE("error: invalid value 'abcdefghijklmnop' for '--tun-name <TUN_NAME>': interface names have at most 15",
	       "--tun-name", "abcdefghijklmnop");
	REFUSE("error: unexpected value 'true' for '--no-tun' found; no more were expected\n", "--no-tun=true");
	REFUSE("error: unexpected argument '-=' found\n", "-d=1");
}

static void test_case_and_abbreviations(void **state)
{
	(void)state;
	REFUSE("error: unexpected argument '--sil' found\n\n  tip: a similar argument exists: '--silent'\n\n"
	       "Usage: mycelium --silent\n", "--sil");
	REFUSE("error: unexpected argument '-K' found\n", "-K", "x");
	REFUSE("error: unrecognized subcommand 'Inspect'\n\n  tip: a similar subcommand exists: 'inspect'\n",
	       "Inspect");
	REFUSE("error: unexpected argument '--jso' found\n\n  tip: a similar argument exists: '--json'\n\n"
	       "Usage: mycelium inspect --json [KEY]\n", "inspect", "--jso");
	REFUSE("error: unexpected argument '--key-fil' found\n\n  tip: a similar argument exists: '--key-file'\n\n"
	       "Usage: mycelium peers --key-file <KEY_FILE> <COMMAND>\n", "peers", "--key-fil", "x");
	REFUSE("error: unexpected argument '--network-key' found\n\n"
	       "  tip: a similar argument exists: '--network-key-file'\n\n"
	       "Usage: mycelium --network-key-file <NETWORK_KEY_FILE>\n", "--network-key", "x");
}

static void test_later_options_are_unknown(void **state)
{
	(void)state;
	static char *const options[] = {
		"--jsonrpc-addr", "--metrics-api-address", "--update-workers", "--topic-config", "--cdn-cache",
		"--enable-dns",
	};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		REFUSE("error: unexpected argument '-", options[i], "1");
}

static void assert_help(const char *beginning, char **argv)
{
	struct parsed p;
	parse_words(&p, argv);
	assert_int_equal(p.result, -ECANCELED);
	assert_int_equal(p.status, EXIT_STATUS_OK);
	assert_string_equal(p.err, "");
	if (strstr(p.out, beginning) == NULL)
		fail_msg("%s\nexpected: %s", p.out, beginning);
	parsed_free(&p);
}

#define HELP(beginning, ...) assert_help(beginning, (char *[]){"/usr/bin/mycelium", ##__VA_ARGS__, NULL})

static void test_help_and_version(void **state)
{
	(void)state;
	HELP("Usage: mycelium [OPTIONS] [COMMAND]\n", "-h");
	HELP("Usage: mycelium [OPTIONS] [COMMAND]\n", "--help");
	HELP("Usage: mycelium [OPTIONS] [COMMAND]\n", "help");
	HELP("Usage: mycelium [OPTIONS] [COMMAND]\n", "-dh", "--foo");
	HELP("Usage: mycelium peers [OPTIONS] <COMMAND>\n", "help", "peers");
	HELP("Usage: mycelium peers list [OPTIONS]\n", "help", "peers", "list");
	HELP("Usage: mycelium routes queried [OPTIONS]\n", "routes", "help", "queried");
	HELP("Usage: mycelium inspect [OPTIONS] [KEY]\n", "--silent", "--debug", "inspect", "--help");
	HELP("mycelium " MYCELIUM_VERSION "\n", "-V");
	HELP("mycelium " MYCELIUM_VERSION "\n", "--version");
	REFUSE("error: unexpected argument '--foo' found\n", "--foo", "-h");
	REFUSE("error: unrecognized subcommand 'nonsense'\n", "help", "nonsense");
	REFUSE("error: unexpected argument '--foo' found\n", "help", "--foo");
}

static void test_levels_that_need_a_command(void **state)
{
	(void)state;
	struct parsed p;
	PARSE(&p, "-d", "peers");
	assert_int_equal(p.status, EXIT_STATUS_USAGE);
	assert_string_equal(p.out, "");
	assert_non_null(strstr(p.err, "\n\nUsage: mycelium peers [OPTIONS] <COMMAND>\n\nCommands:\n"));
	parsed_free(&p);
	REFUSE("error: 'mycelium routes' requires a subcommand but one was not provided\n"
	       "  [subcommands: selected, fallback, queried, help]\n\nUsage: mycelium routes [OPTIONS] <COMMAND>\n",
	       "routes", "-k", "x");
	REFUSE("error: unexpected argument 'inspect' found\n\n"
	       "  tip: subcommand 'inspect' exists; to use it, remove the '--' before it\n", "--", "inspect");
}

static void test_program_name(void **state)
{
	(void)state;
	struct parsed p;
	parse_words(&p, (char *[]){"./other-name", "--foo", NULL});
	assert_non_null(strstr(p.err, "Usage: other-name [OPTIONS] [COMMAND]\n"));
	parsed_free(&p);
	parse_words(&p, (char *[]){"./other-name", "-V", NULL});
	assert_string_equal(p.out, "mycelium " MYCELIUM_VERSION "\n");
	parsed_free(&p);
	parse_words(&p, (char *[]){"/usr/bin/mycelium-private", "--version", NULL});
	assert_string_equal(p.out, "mycelium-private " MYCELIUM_VERSION "\n");
	parsed_free(&p);
	parse_words(&p, (char *[]){"mycelium-private", "peers", "--help", NULL});
	assert_non_null(strstr(p.out, "Usage: mycelium-private peers [OPTIONS] <COMMAND>\n"));
	parsed_free(&p);
	/* A program can be started without any word. */
	parse_words(&p, (char *[]){NULL});
	assert_int_equal(p.result, 0);
	parsed_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_of_a_value),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_discovery_interfaces_repeat),
		cmocka_unit_test(test_network_names),
		cmocka_unit_test(test_peers_are_greedy),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_arguments_of_commands),
		cmocka_unit_test(test_global_options),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_case_and_abbreviations),
		cmocka_unit_test(test_later_options_are_unknown),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_levels_that_need_a_command),
		cmocka_unit_test(test_program_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
