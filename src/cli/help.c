// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <assert.h>
#include <string.h>

static const char HELP_COMMAND[] = "help";
static const char HELP_COMMAND_SENTENCE[] = "Print this page or the page of a command";

const struct cli_level *cli_path_level(const struct cli_path *path)
{
	assert(path->depth > 0 && path->depth <= LEVELS_MAX);
	return path->levels[path->depth - 1];
}

void help_option_name(FILE *out, const struct cli_option *option)
{
	fprintf(out, "--%s", option->long_name);
	if (option->value_name != NULL)
		fprintf(out, " <%s>%s", option->value_name, option->is_list ? "..." : "");
}

void help_command_words(FILE *out, const struct cli_path *path)
{
	fputs(path->program, out);
	for (unsigned i = 1; i < path->depth; i++)
		fprintf(out, " %s", path->levels[i]->name);
}

void help_usage(FILE *out, const struct cli_path *path, const struct cli_option *option)
{
	const struct cli_level *level = cli_path_level(path);
	fputs("Usage: ", out);
	help_command_words(out, path);
	if (option != NULL) {
		fputc(' ', out);
		help_option_name(out, option);
	} else {
		fputs(" [OPTIONS]", out);
	}
	if (level->command == COMMAND_NONE)
		fputs(" <COMMAND>", out);
	else if (level->level_count > 0 && option == NULL)
		fputs(" [COMMAND]", out);
	if (level->positional != NULL)
		fprintf(out, " [%s]", level->positional);
	fputc('\n', out);
}

static void commands_section(FILE *out, const struct cli_level *level)
{
	size_t width = strlen(HELP_COMMAND);
	for (size_t i = 0; i < level->level_count; i++) {
		size_t len = strlen(level->levels[i].name);
		width = len > width ? len : width;
	}
	fputs("\nCommands:\n", out);
	for (size_t i = 0; i < level->level_count; i++)
		fprintf(out, "  %-*s  %s\n", (int)width, level->levels[i].name, level->levels[i].about);
	fprintf(out, "  %-*s  %s\n", (int)width, HELP_COMMAND, HELP_COMMAND_SENTENCE);
}

/* "  -k, --key-file <KEY_FILE>". Returns its length. */
static int option_head(FILE *out, const struct cli_option *option)
{
	const char *dots = option->is_list ? "..." : "";
	char letter[] = {'-', option->short_name, ',', '\0'};
	const char *first = option->short_name != 0 ? letter : "";
	if (option->value_name == NULL)
		return fprintf(out, "  %-3s --%s", first, option->long_name);
	return fprintf(out, "  %-3s --%s <%s>%s", first, option->long_name, option->value_name, dots);
}

/* Each line of a text behind ten blanks. */
static void indented(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		fprintf(out, "          %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* The description on its own lines: the top level has too many options for two columns. */
static void option_paragraph(FILE *out, const struct cli_option *option, bool is_long)
{
	option_head(out, option);
	fprintf(out, "\n          %s", option->sentence);
	if (!is_long && option->default_text != NULL)
		fprintf(out, " [default: %s]", option->default_text);
	fputc('\n', out);
	if (is_long && option->more != NULL) {
		fputs("          \n", out);
		indented(out, option->more);
	}
	if (is_long && option->default_text != NULL)
		fprintf(out, "          \n          [default: %s]\n", option->default_text);
}

static int head_width(const struct cli_level *level)
{
	int width = 0;
	for (size_t i = 0; i < level->option_count; i++) {
		const struct cli_option *option = &cli_options[level->options[i]];
		size_t value = option->value_name != NULL ? strlen(option->value_name) + 3 : 0;
		int len = (int)(strlen("  -x, --") + strlen(option->long_name) + value);
		width = len > width ? len : width;
	}
	return width;
}

static void options_section(FILE *out, const struct cli_level *level, bool is_long)
{
	bool in_columns = level != &cli_root;
	int width = head_width(level);
	fputs("\nOptions:\n", out);
	for (size_t i = 0; i < level->option_count; i++) {
		const struct cli_option *option = &cli_options[level->options[i]];
		if (in_columns) {
			int len = option_head(out, option);
			fprintf(out, "%*s%s\n", width - len + 2, "", option->sentence);
			continue;
		}
		if (is_long && i > 0)
			fputc('\n', out);
		option_paragraph(out, option, is_long);
	}
}

void help_page(FILE *out, const struct cli_path *path, bool is_long)
{
	const struct cli_level *level = cli_path_level(path);
	if (level->about != NULL)
		fprintf(out, "%s\n\n", level->about);
	help_usage(out, path, NULL);
	if (level->level_count > 0)
		commands_section(out, level);
	if (level->positional != NULL)
		fprintf(out, "\nArguments:\n  [%s]  %s\n", level->positional, level->positional_sentence);
	options_section(out, level, is_long);
	if (is_long && level == &cli_root)
		fprintf(out, "\n%s", cli_examples);
}
