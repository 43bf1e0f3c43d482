// SPDX-License-Identifier: Apache-2.0
/*
 * The network around this host: nodes on the same links by beacons, and changes after which peers are dialled anew.
 *
 *   beacon socket ─────▶ discovery ─▶ peer manager
 *   interface watch ──▶ ─┘   └──────▶ "network changed"
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timers.h"
#include "link/tcp.h"
#include "node/node_internal.h"
#include "peers/beacon_socket.h"
#include "peers/discovery.h"
#include "peers/interfaces.h"

enum {
	BEACONS_PER_ROUND = 256,
	LOOK_AFTER_MS = 100,		/* changes come in groups */
	ROUTES_AGAIN_MS = 10000,	/* on a router they change all the time */
};

struct neighbours {
	struct node *node;
	struct interfaces *interfaces;
	struct loop_io *interfaces_io;
	uint64_t fingerprint;		/* of the interfaces when they were last looked at */
	uint64_t look_ms;		/* when to look again; TIMERS_NEVER_MS: nothing changed */
	uint64_t routes_told_ms;
	/* Without discovery: */
	struct discovery *discovery;	/* NULL */
	int fd;				/* -1 */
	struct loop_io *beacon_io;	/* NULL */
	bool waits_for_link;		/* nobody was told yet that there is no interface to use */
};

/* ---- discovery --------------------------------------------------------------------------------------------------- */

static void found(struct node *node, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_SIZE];
	if (peers_add_discovered(node->peers, endpoint, loop_now_ms(node->loop)) == 0 && may_tell(node, &node->neighbour_log))
		log_info("peers", "Found a neighbour: %s", endpoint_text(endpoint, text));
}

static void join(struct neighbours *neighbours, const struct discovery_action *action)
{
	int error = beacon_socket_join(neighbours->fd, action->index);
	if (discovery_joined(neighbours->discovery, action->index, error))
		log_warn("peers", "No local discovery on %s: %s", action->name, strerror(-error));
	else if (error == 0)
		log_info("peers", "Looking for neighbours on %s", action->name);
}

static void list_interfaces(struct neighbours *neighbours)
{
	const struct interface_list *list;
	uint64_t now_ms = loop_now_ms(neighbours->node->loop);
	if (interfaces_list(neighbours->interfaces, &list) == 0)
		discovery_interfaces(neighbours->discovery, list->items, list->count, now_ms);
}

static void act(struct neighbours *neighbours)
{
	struct discovery_action action;
	while (neighbours->discovery != NULL && discovery_next_action(neighbours->discovery, &action)) {
		switch (action.type) {
		case DISCOVERY_LIST:
			list_interfaces(neighbours);
			break;
		case DISCOVERY_JOIN:
			join(neighbours, &action);
			break;
		case DISCOVERY_LEAVE:
			beacon_socket_leave(neighbours->fd, action.index);
			break;
		case DISCOVERY_SEND:
			beacon_socket_send(neighbours->fd, action.index, neighbours->node->config->discovery_port,
					   discovery_beacon(neighbours->discovery));
			break;
		case DISCOVERY_FOUND:
			found(neighbours->node, &action.endpoint);
			break;
		}
	}
}

static void on_beacons(void *context, int events, int error)
{
	struct neighbours *neighbours = context;
	uint64_t now_ms = loop_now_ms(neighbours->node->loop);
	(void)events;
	(void)error;
	for (unsigned i = 0; i < BEACONS_PER_ROUND; i++) {
		uint8_t bytes[BEACON_SIZE];
		struct ip6 sender;
		uint32_t index;
		long len = beacon_socket_receive(neighbours->fd, bytes, sizeof(bytes), &sender, &index);
		if (len == -EAGAIN)
			break;
		if (len >= 0)
			discovery_received(neighbours->discovery, &sender, index, bytes, (size_t)len, now_ms);
	}
	act(neighbours);
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static void on_change(void *context, int events, int error)
{
	struct neighbours *neighbours = context;
	struct node *node = neighbours->node;
	uint64_t now_ms = loop_now_ms(node->loop);
	struct network_change change;
	(void)events;
	(void)error;
	if (!interfaces_read_change(neighbours->interfaces, &change))
		return;
	if (neighbours->discovery != NULL)
		discovery_network_changed(neighbours->discovery, &change, now_ms);
	if ((change.links || change.lost) && neighbours->look_ms == TIMERS_NEVER_MS)
		neighbours->look_ms = now_ms + LOOK_AFTER_MS;
	if (change.routes && now_ms - neighbours->routes_told_ms >= ROUTES_AGAIN_MS) {
		neighbours->routes_told_ms = now_ms;
		peers_network_changed(node->peers, now_ms);
	}
	act(neighbours);
}

static void look(struct neighbours *neighbours, uint64_t now_ms)
{
	const struct interface_list *list;
	if (interfaces_list(neighbours->interfaces, &list) != 0) {
		neighbours->look_ms = now_ms + LOOK_AFTER_MS;
		return;
	}
	neighbours->look_ms = TIMERS_NEVER_MS;
	if (list->fingerprint == neighbours->fingerprint)
		return;
	neighbours->fingerprint = list->fingerprint;
	log_debug("peers", "The network changed, trying all peers again");
	peers_network_changed(neighbours->node->peers, now_ms);
}

void neighbours_tick(struct node *node, uint64_t now_ms)
{
	struct neighbours *neighbours = node->neighbours;
	if (now_ms >= neighbours->look_ms)
		look(neighbours, now_ms);
	if (neighbours->discovery == NULL)
		return;
	discovery_tick(neighbours->discovery, now_ms);
	act(neighbours);
	if (neighbours->waits_for_link && discovery_joined_count(neighbours->discovery) == 0)
		log_info("peers", "No interface for local discovery yet: none is up with an IPv6 link-local address");
	neighbours->waits_for_link = false;
}

uint64_t neighbours_next_deadline(const struct node *node)
{
	const struct neighbours *neighbours = node->neighbours;
	uint64_t next = neighbours->discovery != NULL ? discovery_next_deadline(neighbours->discovery) : TIMERS_NEVER_MS;
	return neighbours->look_ms < next ? neighbours->look_ms : next;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool open_discovery(struct neighbours *neighbours)
{
	struct node *node = neighbours->node;
	const struct discovery_config config = {
		.router_id = node->router_id,
		.tcp_port = tcp_local_port(node->resources.listener),
		.protocol = node->resources.network != NULL ? ENDPOINT_TLS : ENDPOINT_TCP,
		.names = (const char *const *)node->config->discovery_interfaces,
		.name_count = node->config->discovery_interface_count,
	};
	neighbours->fd = node->resources.beacon_socket;
	neighbours->discovery = discovery_new(&config, loop_now_ms(node->loop));
	neighbours->beacon_io = loop_io_new(node->loop, neighbours->fd, on_beacons, neighbours);
	neighbours->waits_for_link = true;
	if (neighbours->discovery == NULL || neighbours->beacon_io == NULL)
		return false;
	loop_io_watch(neighbours->beacon_io, LOOP_READABLE);
	return true;
}

bool neighbours_open(struct node *node)
{
	struct neighbours *neighbours = node->neighbours = calloc(1, sizeof(*neighbours));
	if (neighbours == NULL)
		return false;
	*neighbours = (struct neighbours){.node = node, .fd = -1, .look_ms = TIMERS_NEVER_MS};
	if (interfaces_open(&neighbours->interfaces) != 0)
		return false;
	if (node->resources.tun[0] != NULL)
		interfaces_ignore(neighbours->interfaces, tun_index(node->resources.tun[0]));
	const struct interface_list *list;
	if (interfaces_list(neighbours->interfaces, &list) == 0)
		neighbours->fingerprint = list->fingerprint;
	neighbours->interfaces_io = loop_io_new(node->loop, interfaces_fd(neighbours->interfaces), on_change, neighbours);
	if (neighbours->interfaces_io == NULL)
		return false;
	loop_io_watch(neighbours->interfaces_io, LOOP_READABLE);
	return node->resources.beacon_socket < 0 || open_discovery(neighbours);
}

void neighbours_close(struct node *node)
{
	if (node->neighbours == NULL)
		return;
	loop_io_free(node->neighbours->interfaces_io);
	loop_io_free(node->neighbours->beacon_io);
	interfaces_close(node->neighbours->interfaces);
	discovery_free(node->neighbours->discovery);
	free(node->neighbours);
	node->neighbours = NULL;
}
