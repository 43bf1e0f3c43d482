// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: the peer manager decides, dial.c and listen.c make them, this file keeps the table of those that are links of
 * a lane.
 *
 *   action CONNECT ─▶ dial.c ───┐
 *                               ├─▶ connection ─▶ lane ─▶ closed
 *   listeners ─────▶ listen.c ──┘
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/node_internal.h"

struct connection *connection_of_peer(const struct node *node, uint32_t peer)
{
	struct connection *connection = node->by_peer[(peer & 0xffff) % ROUTER_PEERS_MAX];
	return connection != NULL && connection->peer == peer ? connection : NULL;
}

static struct connection *connection_of_id(const struct node *node, uint64_t id)
{
	for (unsigned i = 0; i < ROUTER_PEERS_MAX; i++)
		if (node->connections[i].id == id)
			return &node->connections[i];
	return NULL;
}

bool may_tell(struct node *node, struct log_limit *limit)
{
	unsigned suppressed;
	if (!log_allowed(limit, loop_now_ms(node->loop), &suppressed))
		return false;
	if (suppressed > 0)
		log_info("peers", "(%u more lines of this kind left out)", suppressed);
	return true;
}

const char *cause_text(int error, char text[static 64])
{
	const char *words = peers_error_words(error);
	if (words != NULL)
		return words;
	strncpy(text, strerror(-error), 63);
	text[63] = 0;
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
		text[0] = (char)(text[0] - 'A' + 'a');
	return text;
}

struct connection *connection_new(struct node *node)
{
	struct connection *connection = connection_of_id(node, 0);
	if (connection != NULL)
		*connection = (struct connection){.id = node->next_connection++, .peer = ROUTER_NO_PEER};
	return connection;
}

void connection_free(struct node *node, struct connection *connection)
{
	struct connection **row = &node->by_peer[(connection->peer & 0xffff) % ROUTER_PEERS_MAX];
	if (connection->peer != ROUTER_NO_PEER && *row == connection)
		*row = NULL;
	*connection = (struct connection){0};
}

/* Makes a peer of the router. */
static bool add_peer(struct node *node, struct connection *connection, const char *name)
{
	snprintf(connection->name, sizeof(connection->name), "%s", name);
	connection->credit = QUEUE_CONTROL_MAX;
	connection->peer =
		router_add_peer(node->router, endpoint_static_cost(&connection->remote), loop_now_ms(node->loop));
	return connection->peer != ROUTER_NO_PEER;
}

/* The peer's link is on its way to its lane, or could not be given to it. */
static bool finish_start(struct node *node, struct connection *connection, int error)
{
	if (error != 0) {
		router_peers_died(node->router, &connection->peer, 1, loop_now_ms(node->loop));
		return false;
	}
	node->by_peer[(connection->peer & 0xffff) % ROUTER_PEERS_MAX] = connection;
	return true;
}

static void give_up(struct node *node, struct connection *connection)
{
	uint64_t id = connection->id;
	connection_free(node, connection);
	peers_closed(node->peers, id, loop_now_ms(node->loop));
}

bool connection_start(struct node *node, struct connection *connection, struct link *link)
{
	bool started = false;
	if (link != NULL && add_peer(node, connection, link_name(link))) {
		int error = lanes_add_link(node->lanes, connection->peer, link);
		started = finish_start(node, connection, error);
	}
	if (started)
		return true;
	link_free(link);
	give_up(node, connection);
	return false;
}

void offer_remote(const struct lane_event *offer, struct sockaddr_storage *ret)
{
	const union underlay_address *remote = &offer->offered.remote;
	struct sockaddr_in6 ip6 = remote->ip6;
	if (remote->any.sa_family == AF_INET) {
		ip6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = remote->ip4.sin_port};
		ip6.sin6_addr.s6_addr[10] = ip6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&ip6.sin6_addr.s6_addr[12], &remote->ip4.sin_addr, sizeof(remote->ip4.sin_addr));
	}
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &ip6, sizeof(ip6));
}

/* The local end of a connection over QUIC: the node dials from the port it listens on, from the address that the system
 * chooses for the remote. */
static void tell_local(struct node *node, const struct connection *connection, const union underlay_address *remote)
{
	struct sockaddr_storage address = {0};
	socklen_t len = remote->any.sa_family == AF_INET ? sizeof(remote->ip4) : sizeof(remote->ip6), local_len = sizeof(address);
	struct endpoint local;
	int fd = socket(remote->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, &remote->any, len) == 0 && getsockname(fd, (struct sockaddr *)&address, &local_len) == 0 &&
	    endpoint_from_sockaddr(ENDPOINT_QUIC, (struct sockaddr *)&address, &local) == 0) {
		local.port = quic_local_port(&node->resources.quic_sockets[0]);
		peers_set_local(node->peers, connection->id, &local, loop_now_ms(node->loop));
	}
	close(fd);
}

bool connection_adopt(struct node *node, struct connection *connection, const struct lane_event *offer)
{
	struct sockaddr_storage remote;
	char address[SOCKET_ADDRESS_TEXT_SIZE], name[LINK_NAME_SIZE];
	offer_remote(offer, &remote);
	socket_address_text(&remote, address, sizeof(address));
	snprintf(name, sizeof(name), "QUIC -> %s", address);
	bool started = false;
	if (add_peer(node, connection, name)) {
		int error = lanes_adopt_link(node->lanes, offer->offered.lane, offer->offered.id, connection->peer);
		started = finish_start(node, connection, error);
	}
	if (started) {
		tell_local(node, connection, &offer->offered.remote);
		return true;
	}
	lanes_refuse_link(node->lanes, offer->offered.lane, offer->offered.id);
	give_up(node, connection);
	return false;
}

void connections_act(struct node *node)
{
	struct peers_action action;
	while (peers_next_action(node->peers, &action)) {
		if (action.type == PEERS_CONNECT) {
			dial_start(node, &action.endpoint, action.ticket);
			continue;
		}
		struct connection *connection = connection_of_id(node, action.connection);
		if (connection != NULL)
			lanes_close_link(node->lanes, connection->peer);
	}
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void log_connected(struct node *node, const struct connection *connection)
{
	char text[ENDPOINT_TEXT_SIZE], address[ENDPOINT_ADDRESS_SIZE];
	if (connection->inbound)
		listen_log_arrival(node, &connection->remote);
	else if (connection->named.family == ENDPOINT_NAME)
		log_info("peers", "Connected to %s at %s", endpoint_text(&connection->named, text),
			 endpoint_address_text(&connection->remote, address));
	else
		log_info("peers", "Connected to %s", endpoint_text(&connection->named, text));
}

/* Nothing would be routed over it. The end that was accepted goes with the one that was dialled. */
static void close_self(struct node *node, const struct connection *connection)
{
	char text[ENDPOINT_TEXT_SIZE];
	bool is_news = false;
	if (!connection->inbound)
		peers_closed_self(node->peers, connection->id, loop_now_ms(node->loop), &is_news);
	if (is_news)
		log_warn("peers", "%s leads back to this node: take it out of the peers",
			 endpoint_text(&connection->named, text));
}

void connection_heard(struct node *node, uint32_t peer, const struct tlv_update *update)
{
	struct connection *connection = connection_of_peer(node, peer);
	if (connection == NULL || connection->heard)
		return;
	connection->heard = true;
	connection->is_self = update->metric == 0 && router_id_equal(&update->router_id, &node->router_id);
	if (connection->is_self)
		close_self(node, connection);
	else
		log_connected(node, connection);
}

static const char *closing_text(const struct lane_event *event, char cause[static 64])
{
	if (event->closed.text != NULL)
		return event->closed.text;
	switch (event->closed.error) {
	case 0:
		return "closed";
	case -ENODATA:
		return "closed by the peer";
	case -EPIPE:
		return "closed by the peer inside a packet";
	default:
		return cause_text(event->closed.error, cause);
	}
}

static void log_closed(struct node *node, const struct connection *connection, const struct lane_event *event)
{
	char text[ENDPOINT_TEXT_SIZE], cause[64];
	const char *why = closing_text(event, cause);
	if (!connection->inbound)
		log_info("peers", "Lost the connection to %s: %s", endpoint_text(&connection->named, text), why);
	else if (may_tell(node, &node->protocol_log))
		log_info("peers", "The connection from %s ended: %s", endpoint_text(&connection->remote, text), why);
}

/* A node says who it is as soon as it is connected. What ends before that was no node, or one of a network that we are not
 * in, and counts as a failure to connect. */
static void end_unheard(struct node *node, const struct connection *connection, const struct lane_event *event)
{
	const char *text = NULL;
	int error = event->closed.error;
	bool private = node->resources.network != NULL;
	if (error == -EPROTO)
		text = private ? "what it sends is not the protocol of Mycelium"
			       : "what it sends is not the protocol of Mycelium; a node of a private network?";
	else if (error == -ENODATA || error == -EPIPE || error == -ECONNRESET)
		text = private ? "it closed the connection without a word"
			       : "it closed the connection without a word; a node of a private network?";
	if (connection->inbound) {
		listen_log_failure(node, &connection->remote, error, text);
		return;
	}
	enum peers_news news = peers_unheard(node->peers, connection->id, error, loop_now_ms(node->loop));
	dial_log_failure(node, &connection->named, news, error, text);
}

void connection_closed(struct node *node, const struct lane_event *event)
{
	uint64_t now_ms = loop_now_ms(node->loop);
	uint32_t peer = event->peer;
	router_peers_died(node->router, &peer, 1, now_ms);
	struct connection *connection = NULL;
	for (unsigned i = 0; i < ROUTER_PEERS_MAX && connection == NULL; i++)
		if (node->connections[i].id != 0 && node->connections[i].peer == peer)
			connection = &node->connections[i];
	if (connection == NULL)
		return;
	peers_count_bytes(node->peers, connection->id, event->closed.rx_bytes - connection->counted_rx,
			  event->closed.tx_bytes - connection->counted_tx);
	if (connection->heard && !connection->is_self)
		log_closed(node, connection, event);
	else if (!connection->heard && event->closed.error != 0)
		end_unheard(node, connection, event);
	give_up(node, connection);
}

void connections_count_bytes(struct node *node)
{
	for (unsigned i = 0; i < ROUTER_PEERS_MAX; i++) {
		struct connection *connection = &node->connections[i];
		/* A connection whose peer the router gave up waits for its closing event, which brings the last numbers. */
		if (connection->id == 0 || connection_of_peer(node, connection->peer) != connection)
			continue;
		struct lane_link_state state;
		lanes_link_state(node->lanes, connection->peer, &state);
		peers_count_bytes(node->peers, connection->id, state.rx_bytes - connection->counted_rx,
				  state.tx_bytes - connection->counted_tx);
		connection->counted_rx = state.rx_bytes;
		connection->counted_tx = state.tx_bytes;
	}
}

bool connections_start(struct node *node)
{
	node->next_connection = 1;
	node->connections = calloc(ROUTER_PEERS_MAX, sizeof(struct connection));
	node->by_peer = calloc(ROUTER_PEERS_MAX, sizeof(struct connection *));
	return node->connections != NULL && node->by_peer != NULL && dial_open(node) && listen_open(node);
}

void connections_stop(struct node *node)
{
	dial_close(node);
	listen_close(node);
	free(node->connections);
	free(node->by_peer);
}
