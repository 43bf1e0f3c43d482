// SPDX-License-Identifier: Apache-2.0
/*
 * The command line, read.
 *
 * Options belong to the level at which they are written; only --key-file and --config-file may also follow a command,
 * where the innermost occurrence wins. The first error or request for help in the order of the words decides.
 */
#ifndef MYCELIUM_CLI_ARGS_H
#define MYCELIUM_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/options.h"
#include "peers/endpoint.h"

enum exit_status { EXIT_STATUS_OK = 0, EXIT_STATUS_FAILED = 1, EXIT_STATUS_USAGE = 2 };

/* Strings are borrowed from argv. Options that were not given have their defaults. */
struct args {
	enum command command;
	const char *key_file;		/* NULL: the default path */
	const char *config_file;	/* NULL: the default path, if it exists */
	bool debug, silent;
	enum log_format log_format;
	struct endpoint *peers;
	size_t peer_count;
	uint16_t tcp_listen_port;
	bool disable_quic;
	uint16_t quic_listen_port;
	uint16_t discovery_port;
	bool disable_discovery;
	const char **discovery_interfaces;
	size_t discovery_interface_count;
	struct endpoint api_address;
	bool no_tun;
	const char *tun_name;		/* NULL when not given */
	unsigned lanes;			/* 0 when not given */
	bool has_firewall_mark;
	uint32_t firewall_mark;
	bool has_vsock_listen_port;
	uint32_t vsock_listen_port;
	const char *network_name;	/* NULL when not given */
	const char *network_key_file;	/* NULL when not given */
	bool json;			/* inspect, peers list, routes */
	bool force;			/* generate-keys */
	const char *key;		/* inspect; NULL when not given */
};

/* The defaults: the state before the first word is read. */
void args_defaults(struct args *args);

/*
 * Reads the command line. Returns 0 with `ret` filled in (args_free() it); or -ECANCELED when the program has nothing
 * more to do: help, version or an error was written to `out` or `err`, `ret_status` is the exit status and `ret` is
 * empty. argv[0] names the program in usage lines.
 */
int args_parse(int argc, char **argv, FILE *out, FILE *err, struct args *ret, enum exit_status *ret_status);

/* Frees what args_parse() allocated. */
void args_free(struct args *args);

#endif
