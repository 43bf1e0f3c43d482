// SPDX-License-Identifier: Apache-2.0
/*
 * What the node is told: command line, configuration file and defaults, merged.
 *
 * An option of the command line wins over the file, with two exceptions that old files rely on: flags are on when
 * either switches them on, and a port or API address that equals its default does not override the file. Only the node
 * reads the file, commands never do. A private network may be named by one and keyed by the other; half of one is no
 * network at all, and never the public one.
 */
#ifndef MYCELIUM_CLI_CONFIG_H
#define MYCELIUM_CLI_CONFIG_H

#include "base/problem.h"
#include "cli/args.h"
#include "node/config.h"

/* `node` points into the rest. */
struct config {
	struct node_config node;
	char *key_path;
	char *tun_name;
	struct endpoint *peers;
	char **discovery_interfaces;
	size_t discovery_interface_count;
	char *network_name;
	char *network_key_path;
};

/*
 * Reads the configuration file, if there is one, and merges. Which file was read, and which numbers come from it, is
 * logged at info. Returns 0 with `ret` to be freed by config_free(); or a negative -E code with every problem found, in
 * the form "PATH:LINE: key: reason", added to `problems`. What does not stop the node is added to `warnings`.
 */
int config_build(const struct args *args, struct config *ret, struct problems *warnings, struct problems *problems);

void config_free(struct config *config);

/* $XDG_CONFIG_HOME/mycelium/mycelium.toml when that variable is an absolute path, else
 * ~/.config/mycelium/mycelium.toml. Returns a string to free(), or NULL when there is no home directory. */
char *config_default_path(void);

#endif
