// SPDX-License-Identifier: Apache-2.0
/*
 * The program: without a command it is a node and stays in the foreground until a signal, with a command it acts once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "node/node.h"

static enum exit_status run_node(const struct args *args)
{
	struct problems warnings = {0}, problems = {0};
	struct config config;
	int result = config_build(args, &config, &warnings, &problems);
	for (unsigned i = 0; i < warnings.count; i++)
		log_warn("config", "%s", warnings.text[i]);
	problems_print(&problems, stderr, "error: ");
	if (result < 0)
		return EXIT_STATUS_FAILED;
	int status = node_run(&config.node);
	config_free(&config);
	return status == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILED;
}

static enum exit_status run(const struct args *args)
{
	switch (args->command) {
	case COMMAND_INSPECT:
		return inspect_run(args, stdout, stderr);
	case COMMAND_GENERATE_KEYS:
		return generate_keys_run(args, stdout, stderr);
	case COMMAND_PEERS_LIST:
		return peers_list_run(args, stdout, stderr);
	case COMMAND_ROUTES_SELECTED:
	case COMMAND_ROUTES_FALLBACK:
	case COMMAND_ROUTES_QUERIED:
		return routes_run(args, stdout, stderr);
	default:
		return run_node(args);
	}
}

/* A result that could not be written (a full disk behind a redirection) is no success. */
static int finish_output(enum exit_status status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return (int)status;
	fprintf(stderr, "error: cannot write to standard output: %s\n", strerror(errno));
	return EXIT_STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct args args;
	enum exit_status status = EXIT_STATUS_OK;
	if (args_parse(argc, argv, stdout, stderr, &args, &status) < 0)
		return finish_output(status);
	log_setup(args.silent ? LOG_ERROR : args.debug ? LOG_DEBUG : LOG_INFO, args.log_format);
	status = run(&args);
	args_free(&args);
	return finish_output(status);
}
