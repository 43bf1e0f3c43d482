// SPDX-License-Identifier: Apache-2.0
/*
 * What can be written on the command line: the levels (program, commands, their commands) and their options.
 *
 * Grammar (args.c) and help pages (help.c) both read these tables, so that neither can know an option the other does
 * not.
 */
#ifndef MYCELIUM_CLI_OPTIONS_H
#define MYCELIUM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_id {
	OPTION_KEY_FILE,
	OPTION_CONFIG_FILE,
	OPTION_DEBUG,
	OPTION_SILENT,
	OPTION_LOG_FORMAT,
	OPTION_PEERS,
	OPTION_TCP_LISTEN_PORT,
	OPTION_DISABLE_QUIC,
	OPTION_QUIC_LISTEN_PORT,
	OPTION_PEER_DISCOVERY_PORT,
	OPTION_DISABLE_PEER_DISCOVERY,
	OPTION_PEER_DISCOVERY_INTERFACE,
	OPTION_API_ADDR,
	OPTION_NO_TUN,
	OPTION_TUN_NAME,
	OPTION_LANES,
	OPTION_FIREWALL_MARK,
	OPTION_VSOCK_LISTEN_PORT,
	OPTION_NETWORK_NAME,
	OPTION_NETWORK_KEY_FILE,
	OPTION_JSON,
	OPTION_FORCE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT,
};

enum command {
	COMMAND_NODE,
	COMMAND_INSPECT,
	COMMAND_GENERATE_KEYS,
	COMMAND_PEERS_LIST,
	COMMAND_ROUTES_SELECTED,
	COMMAND_ROUTES_FALLBACK,
	COMMAND_ROUTES_QUERIED,
	COMMAND_NONE,	/* a level that needs one of its commands */
};

struct cli_option {
	enum option_id id;
	char short_name;		/* 0 when there is none */
	const char *long_name;
	const char *value_name;		/* NULL for a flag */
	bool is_list;			/* takes one or more values, may be repeated */
	bool is_repeatable;		/* takes one value, may be repeated */
	const char *sentence;		/* shown by -h and --help */
	const char *more;		/* a further paragraph of the long help, or NULL */
	const char *default_text;	/* or NULL */
};

struct cli_level {
	const char *name;
	const char *about;			/* NULL at the top */
	enum command command;
	const enum option_id *options;		/* in the order of the help page */
	size_t option_count;
	const struct cli_level *levels;		/* its commands */
	size_t level_count;
	const char *positional;			/* name of the one optional argument, or NULL */
	const char *positional_sentence;
};

/* The options, indexed by id. */
extern const struct cli_option cli_options[OPTION_COUNT];

/* The top level: the program without a command. */
extern const struct cli_level cli_root;

/* What stands below the options in the long help of the top level. */
extern const char cli_examples[];

/* The option of this level with this long name of `len` bytes, or NULL. */
const struct cli_option *cli_option_by_name(const struct cli_level *level, const char *name, size_t len);

/* The option of this level with this letter, or NULL. */
const struct cli_option *cli_option_by_letter(const struct cli_level *level, char letter);

/* The command of this level with this name, or NULL. */
const struct cli_level *cli_level_by_name(const struct cli_level *level, const char *name);

#endif
