// SPDX-License-Identifier: Apache-2.0
/*
 * Help pages, usage lines and the frame of usage errors.
 */
#ifndef MYCELIUM_CLI_HELP_H
#define MYCELIUM_CLI_HELP_H

#include <stdio.h>

#include "cli/options.h"

enum { LEVELS_MAX = 3 };

/* Where the reader of the command line stands: the program's name as it was called, and the levels down to here. */
struct cli_path {
	const char *program;
	const struct cli_level *levels[LEVELS_MAX];
	unsigned depth;		/* number of levels, at least 1 */
};

/* The level reached. */
const struct cli_level *cli_path_level(const struct cli_path *path);

/* Writes the program's name and the names of the commands down to the level, "mycelium peers list". */
void help_command_words(FILE *out, const struct cli_path *path);

/* Writes the help page of the level reached; `is_long` is --help, else -h. */
void help_page(FILE *out, const struct cli_path *path, bool is_long);

/* Writes "--opt", "--opt <NAME>" or "--opt <NAME>..." without a line end. */
void help_option_name(FILE *out, const struct cli_option *option);

/* Writes the "Usage: ..." line of the level reached. With `option` it names only that option. */
void help_usage(FILE *out, const struct cli_path *path, const struct cli_option *option);

#endif
