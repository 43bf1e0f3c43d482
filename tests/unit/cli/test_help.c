// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"

static char *page(const struct cli_path *path, bool is_long)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	help_page(out, path, is_long);
	fclose(out);
	return text;
}

static void test_every_option_has_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		assert_int_equal(cli_options[i].id, i);
		assert_true(strlen(cli_options[i].long_name) > 0);
		assert_true(strlen(cli_options[i].sentence) > 0);
	}
}

static void test_top_level(void **state)
{
	(void)state;
	struct cli_path path = {.program = "mycelium", .levels = {&cli_root}, .depth = 1};
	char *text = page(&path, true);
	assert_ptr_equal(strstr(text, "Usage: mycelium [OPTIONS] [COMMAND]\n\nCommands:\n"), text);
	assert_non_null(strstr(text, "\nOptions:\n  -k, --key-file <KEY_FILE>\n          "));
	assert_non_null(strstr(text, "\n          \n          [default: 9651]\n\n      --disable-quic\n"));
	assert_non_null(strstr(text, "\n  -V, --version\n          Print the version\n\nExamples:\n"));
	for (size_t i = 0; i < cli_root.option_count; i++)
		assert_non_null(strstr(text, cli_options[cli_root.options[i]].sentence));
	free(text);
	text = page(&path, false);
	assert_null(strstr(text, "Examples:"));
	assert_non_null(strstr(text, "[default: 9651]\n      --disable-quic\n"));
	free(text);
}

static void test_command_with_an_argument(void **state)
{
	(void)state;
	struct cli_path path = {
		.program = "mycelium",
		.levels = {&cli_root, cli_level_by_name(&cli_root, "inspect")},
		.depth = 2,
	};
	char *text = page(&path, true);
	assert_string_equal(text,
			    "Show the public key and the address of a key file or of a public key\n\n"
			    "Usage: mycelium inspect [OPTIONS] [KEY]\n\n"
			    "Arguments:\n"
			    "  [KEY]  Public key, 64 hex digits; without it the key file is read\n\n"
			    "Options:\n"
			    "      --json                       Print JSON\n"
			    "  -k, --key-file <KEY_FILE>        File with the private key of the node\n"
			    "  -c, --config-file <CONFIG_FILE>  "
			    "Configuration file of the node; commands do not read it\n"
			    "  -h, --help                       Print help\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_option_has_a_sentence),
		cmocka_unit_test(test_top_level),
		cmocka_unit_test(test_command_with_an_argument),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
