// SPDX-License-Identifier: Apache-2.0
/*
 * What a node is told at its start. Immutable afterwards; strings belong to whoever filled it in (the command line).
 */
#ifndef MYCELIUM_NODE_CONFIG_H
#define MYCELIUM_NODE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peers/endpoint.h"

enum {
	DEFAULT_TCP_PORT = 9651,
	DEFAULT_QUIC_PORT = 9651,
	DEFAULT_DISCOVERY_PORT = 9650,
	DEFAULT_API_PORT = 8989,
	NODE_LANES_MAX = 16,
	DEFAULT_LANES_MAX = 4,	/* without a number given: one for every two processors, up to this */
};

struct node_config {
	const char *key_path;
	bool key_path_is_default;	/* then its directory is made when missing */
	struct endpoint *static_peers;
	size_t static_peer_count;
	uint16_t tcp_listen_port;
	bool disable_quic;		/* also in a private network: its key does not guard QUIC */
	uint16_t quic_listen_port;
	bool disable_discovery;		/* then no interfaces are named */
	uint16_t discovery_port;
	char **discovery_interfaces;	/* names; none: all that can do multicast */
	size_t discovery_interface_count;
	bool has_vsock_listen_port;	/* else no listener */
	uint32_t vsock_listen_port;
	/* A private network: both, or NULL for the public one. The name is 2 to 64 bytes of UTF-8 without control
	 * characters; the file has not been opened yet. */
	const char *network_name;
	const char *network_key_path;
	struct endpoint api_address;	/* address and port parts only */
	bool no_tun;
	const char *tun_name;
	unsigned lanes;			/* threads that move packets, 1 to NODE_LANES_MAX */
	bool has_firewall_mark;
	uint32_t firewall_mark;
};

#endif
