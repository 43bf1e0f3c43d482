// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP API, read-only part: /api/v1/admin, /admin/peers, /admin/routes/{selected,fallback,queried}.
 *
 * libmicrohttpd runs inside the control loop: its epoll descriptor is watched there, no thread is added, and handlers
 * read router and peers directly. Only requests whose Host is an IP address, localhost or absent are served.
 */
#ifndef MYCELIUM_API_API_H
#define MYCELIUM_API_API_H

#include <stdint.h>

#include "base/loop.h"
#include "crypto/keys.h"
#include "peers/manager.h"
#include "router/router.h"

/* What the handlers may look at. */
struct api_sources {
	const struct router *router;
	struct peers *peers;
	struct public_key key;
	struct ip6 address;
	uint64_t started_unix_s;
	/* The connection identifier of a router peer, "TCP LOCAL <-> REMOTE"; never NULL. */
	const char *(*peer_name)(void *context, uint32_t peer);
	/* Brings byte counters up to date before peers are listed. */
	void (*refresh_counters)(void *context);
	void *context;
};

struct api;

/* Serves on a bound, listening socket, which the API owns from then on. Returns NULL when the server cannot be started
 * (the socket is closed). Control thread. */
struct api *api_new(struct loop *loop, int listen_fd, const struct api_sources *sources);

/* Closes all connections and the socket; NULL is fine. */
void api_free(struct api *api);

#endif
