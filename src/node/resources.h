// SPDX-License-Identifier: Apache-2.0
/*
 * What a node needs from the system before it starts: key, ports, interface. All are taken first, so that every conflict is
 * known, and told, before anything is visible to others.
 */
#ifndef MYCELIUM_NODE_RESOURCES_H
#define MYCELIUM_NODE_RESOURCES_H

#include <stdbool.h>

#include "base/problem.h"
#include "crypto/keys.h"
#include "dataplane/lanes.h"
#include "link/quic.h"
#include "link/tcp.h"
#include "link/tls.h"
#include "node/config.h"
#include "tun/tun.h"

struct resources {
	struct secret_key secret;
	bool key_is_new;	/* generated, not yet saved */
	int listener;		/* TCP, or -1 */
	int api_listener;	/* or -1 */
	struct tun *tun[LANES_MAX];	/* queues of the interface, one for each lane if the kernel has them; none: not wanted */
	struct tls_network *network;	/* NULL: the public one */
	struct quic_identity *quic_identity;	/* NULL: no QUIC */
	struct quic_sockets quic_sockets[LANES_MAX];
	int vsock_listener;	/* or -1 */
	int beacon_socket;	/* or -1 */
	struct socket_options socket_options;
};

/* Takes everything the configuration asks for. Returns true, or false with a line in `problems` for each conflict and nothing
 * held. `warnings` get lines that do not stop the start. A missing key file is generated in memory and saved only when
 * nothing else failed. */
bool resources_take(const struct node_config *config, struct resources *ret, struct problems *warnings,
		    struct problems *problems);

/* Gives back what is still there and wipes the key. */
void resources_release(struct resources *resources);

#endif
