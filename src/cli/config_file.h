// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration file as values: read, checked key by key, not yet merged.
 */
#ifndef MYCELIUM_CLI_CONFIG_FILE_H
#define MYCELIUM_CLI_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "peers/endpoint.h"

/* What the file says; a value is there when its `has_` is set or its pointer is not NULL. */
struct config_file {
	struct endpoint *peers;
	size_t peer_count;
	bool has_tcp_listen_port;
	uint16_t tcp_listen_port;
	bool disable_quic;
	bool has_quic_listen_port;
	uint16_t quic_listen_port;
	bool has_discovery_port;
	uint16_t discovery_port;
	bool disable_discovery;
	char **discovery_interfaces;
	size_t discovery_interface_count;
	bool has_api_address;
	struct endpoint api_address;
	bool no_tun;
	char *tun_name;
	unsigned lanes;			/* 0: not there */
	bool has_firewall_mark;
	uint32_t firewall_mark;
	bool has_vsock_listen_port;
	uint32_t vsock_listen_port;
	char *network_name;
	char *network_key_file;
};

/*
 * Reads the file at `path`. Unknown keys, and keys of options that this version does not have, become warnings;
 * whatever is wrong becomes a problem "PATH:LINE: key: reason". Returns 0 with `ret` to be freed by
 * config_file_free(), or -EINVAL, -ENOMEM or the -errno of reading.
 */
int config_file_load(const char *path, struct config_file *ret, struct problems *warnings, struct problems *problems);

/* As config_file_load() for a file that is already in memory; `path` is for messages. */
int config_file_parse(const char *path, const char *bytes, size_t len, struct config_file *ret,
		      struct problems *warnings, struct problems *problems);

void config_file_free(struct config_file *file);

#endif
