// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: the peer manager decides, this file dials, accepts and hands connected links to the lane.
 *
 *   action CONNECT ─▶ attempt ──▶ connection ─▶ lane ─▶ closed
 *   listener ─────────────────────▲
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/node_internal.h"

enum { ACCEPTS_PER_ROUND = 64, ACCEPT_PAUSE_MS = 100 };

/* A connect() under way. */
struct attempt {
	struct list link;
	struct node *node;
	struct endpoint endpoint;
	uint64_t ticket;
	int fd;
	struct loop_io *io;
	struct loop_timer *timeout;
};

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

/* "connection refused": the system's words without their capital. */
static const char *cause_text(int error, char text[static 64])
{
	if (error == -ETIMEDOUT)
		return "no answer";
	strncpy(text, strerror(-error), 63);
	text[63] = 0;
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
		text[0] = (char)(text[0] - 'A' + 'a');
	return text;
}

/* A free row with a fresh id, or NULL when all are in use. */
static struct connection *connection_new(struct node *node)
{
	struct connection *connection = connection_of_id(node, 0);
	if (connection != NULL)
		*connection = (struct connection){.id = node->next_connection++, .peer = ROUTER_NO_PEER};
	return connection;
}

static void connection_free(struct node *node, struct connection *connection)
{
	struct connection **row = &node->by_peer[(connection->peer & 0xffff) % ROUTER_PEERS_MAX];
	if (connection->peer != ROUTER_NO_PEER && *row == connection)
		*row = NULL;
	*connection = (struct connection){0};
}

/* Gives a connected socket (taken over) to router and lane. Returns false when that is not possible. */
static bool establish(struct node *node, struct connection *connection, int fd)
{
	uint64_t now_ms = loop_now_ms(node->loop);
	struct link *link = tcp_link_new(fd);
	if (link == NULL)
		return false;
	strncpy(connection->name, link_name(link), sizeof(connection->name) - 1);
	connection->credit = QUEUE_CONTROL_MAX;
	connection->peer = router_add_peer(node->router, endpoint_static_cost(&connection->remote), now_ms);
	if (connection->peer == ROUTER_NO_PEER) {
		link_free(link);
		return false;
	}
	if (lanes_add_link(node->lanes, connection->peer, link) != 0) {
		link_free(link);
		router_peers_died(node->router, &connection->peer, 1, now_ms);
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

/* ---- outbound ---------------------------------------------------------------------------------------------------- */

static void attempt_free(struct attempt *attempt)
{
	list_remove(&attempt->link);
	loop_io_free(attempt->io);
	loop_timer_free(attempt->timeout);
	tcp_close(attempt->fd);
	free(attempt);
}

static void attempt_failed(struct node *node, const struct endpoint *endpoint, uint64_t ticket, int error)
{
	char text[ENDPOINT_TEXT_SIZE], cause[64];
	bool tell = peers_connect_failed(node->peers, ticket, error, loop_now_ms(node->loop));
	if (tell)
		log_warn("peers", "%s: %s, trying again every few seconds", endpoint_text(endpoint, text), cause_text(error, cause));
	else
		log_debug("peers", "%s: %s", endpoint_text(endpoint, text), cause_text(error, cause));
}

static void attempt_connected(struct attempt *attempt)
{
	struct node *node = attempt->node;
	struct connection *connection = connection_new(node);
	char text[ENDPOINT_TEXT_SIZE];
	if (connection == NULL) {
		attempt_failed(node, &attempt->endpoint, attempt->ticket, -EUSERS);
		return;
	}
	connection->remote = attempt->endpoint;
	if (peers_connected(node->peers, attempt->ticket, connection->id, loop_now_ms(node->loop)) != 0) {
		connection_free(node, connection);
		return;
	}
	int fd = attempt->fd;
	attempt->fd = -1;
	if (!establish(node, connection, fd))
		give_up(node, connection);
	else
		log_info("peers", "Connected to %s", endpoint_text(&attempt->endpoint, text));
}

static void on_attempt_ready(void *context, int events, int error)
{
	struct attempt *attempt = context;
	(void)events;
	int result = tcp_connect_result(attempt->fd);
	/* The watcher must be gone before the descriptor goes to the lane, which watches it in a loop of its own. */
	loop_io_free(attempt->io);
	attempt->io = NULL;
	if (result == 0 && error != 0)
		result = error;
	if (result == 0)
		attempt_connected(attempt);
	else
		attempt_failed(attempt->node, &attempt->endpoint, attempt->ticket, result);
	attempt_free(attempt);
}

static void on_attempt_timeout(void *context)
{
	struct attempt *attempt = context;
	attempt_failed(attempt->node, &attempt->endpoint, attempt->ticket, -ETIMEDOUT);
	attempt_free(attempt);
}

static void attempt_start(struct node *node, const struct endpoint *endpoint, uint64_t ticket)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_sockaddr(endpoint, &address);
	int fd = tcp_connect_start((struct sockaddr *)&address, len, &node->resources.socket_options);
	if (fd < 0) {
		attempt_failed(node, endpoint, ticket, fd);
		return;
	}
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL) {
		tcp_close(fd);
		attempt_failed(node, endpoint, ticket, -ENOMEM);
		return;
	}
	*attempt = (struct attempt){.node = node, .endpoint = *endpoint, .ticket = ticket, .fd = fd};
	list_append(&node->attempts, &attempt->link);
	attempt->io = loop_io_new(node->loop, fd, on_attempt_ready, attempt);
	attempt->timeout = loop_timer_new(node->loop, on_attempt_timeout, attempt);
	if (attempt->io == NULL || attempt->timeout == NULL) {
		attempt_failed(node, endpoint, ticket, -ENOMEM);
		attempt_free(attempt);
		return;
	}
	loop_io_watch(attempt->io, LOOP_WRITABLE);
	loop_timer_set(attempt->timeout, loop_now_ms(node->loop) + PEERS_CONNECT_TIMEOUT_MS);
}

void connections_act(struct node *node)
{
	struct peers_action action;
	while (peers_next_action(node->peers, &action)) {
		if (action.type == PEERS_CONNECT) {
			attempt_start(node, &action.endpoint, action.ticket);
			continue;
		}
		struct connection *connection = connection_of_id(node, action.connection);
		if (connection != NULL)
			lanes_close_link(node->lanes, connection->peer);
	}
}

/* ---- inbound ----------------------------------------------------------------------------------------------------- */

static void log_inbound(struct node *node, const struct endpoint *remote, const char *what)
{
	char text[ENDPOINT_TEXT_SIZE];
	unsigned suppressed;
	if (!log_allowed(&node->inbound_log, loop_now_ms(node->loop), &suppressed))
		return;
	if (suppressed > 0)
		log_info("peers", "(%u more lines about inbound connections left out)", suppressed);
	log_info("peers", "%s %s", what, endpoint_text(remote, text));
}

static void accept_one(struct node *node, int fd, const struct sockaddr_storage *address)
{
	struct endpoint remote;
	struct connection *connection = NULL;
	if (endpoint_from_sockaddr(ENDPOINT_TCP, (const struct sockaddr *)address, &remote) == 0)
		connection = connection_new(node);
	if (connection == NULL) {
		tcp_close(fd);
		return;
	}
	connection->remote = remote;
	connection->inbound = true;
	if (peers_accepted(node->peers, &remote, connection->id, loop_now_ms(node->loop)) != 0) {
		connection_free(node, connection);
		tcp_close(fd);
		log_inbound(node, &remote, "Too many connections, refused");
		return;
	}
	if (!establish(node, connection, fd))
		give_up(node, connection);
	else
		log_inbound(node, &remote, "Accepted a connection from");
}

static void on_listener_ready(void *context, int events, int error)
{
	struct node *node = context;
	(void)events;
	(void)error;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		struct sockaddr_storage address;
		int fd = tcp_accept(node->resources.listener, &address);
		if (fd == -EAGAIN)
			return;
		if (fd == -ECONNABORTED || fd == -EINTR)
			continue;
		if (fd < 0) {
			/* No descriptors or memory: the connection stays in the backlog, trying at once would spin. */
			loop_io_watch(node->listener_io, 0);
			loop_timer_set(node->accept_pause, loop_now_ms(node->loop) + ACCEPT_PAUSE_MS);
			return;
		}
		accept_one(node, fd, &address);
	}
}

static void on_accept_pause_over(void *context)
{
	struct node *node = context;
	loop_io_watch(node->listener_io, LOOP_READABLE);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void log_closed(struct node *node, const struct connection *connection, const struct lane_event *event)
{
	char text[ENDPOINT_TEXT_SIZE], cause[64];
	const char *why = event->closed.text != NULL ? event->closed.text
			  : event->closed.error == -ENODATA ? "closed by the peer"
			  : event->closed.error == -EPIPE   ? "closed by the peer inside a packet"
			  : event->closed.error == 0	    ? "closed"
							    : cause_text(event->closed.error, cause);
	endpoint_text(&connection->remote, text);
	unsigned suppressed;
	if (!connection->inbound)
		log_info("peers", "Lost the connection to %s: %s", text, why);
	else if (log_allowed(&node->protocol_log, loop_now_ms(node->loop), &suppressed))
		log_info("peers", "The connection from %s ended: %s", text, why);
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
	log_closed(node, connection, event);
	peers_count_bytes(node->peers, connection->id, event->closed.rx_bytes - connection->counted_rx,
			  event->closed.tx_bytes - connection->counted_tx);
	give_up(node, connection);
}

void connections_count_bytes(struct node *node)
{
	for (unsigned i = 0; i < ROUTER_PEERS_MAX; i++) {
		struct connection *connection = &node->connections[i];
		/* A connection whose peer the router gave up waits for its closing event, which brings the last numbers. */
		if (connection->id == 0 || connection_of_peer(node, connection->peer) != connection)
			continue;
		uint64_t rx, tx;
		lanes_link_bytes(node->lanes, connection->peer, &rx, &tx);
		peers_count_bytes(node->peers, connection->id, rx - connection->counted_rx, tx - connection->counted_tx);
		connection->counted_rx = rx;
		connection->counted_tx = tx;
	}
}

bool connections_start(struct node *node)
{
	list_init(&node->attempts);
	node->next_connection = 1;
	node->connections = calloc(ROUTER_PEERS_MAX, sizeof(struct connection));
	node->by_peer = calloc(ROUTER_PEERS_MAX, sizeof(struct connection *));
	node->listener_io = loop_io_new(node->loop, node->resources.listener, on_listener_ready, node);
	node->accept_pause = loop_timer_new(node->loop, on_accept_pause_over, node);
	if (node->connections == NULL || node->by_peer == NULL || node->listener_io == NULL || node->accept_pause == NULL)
		return false;
	loop_io_watch(node->listener_io, LOOP_READABLE);
	return true;
}

void connections_stop(struct node *node)
{
	if (node->attempts.next != NULL)
		list_foreach (&node->attempts, link, tmp)
			attempt_free(container_of(link, struct attempt, link));
	free(node->connections);
	free(node->by_peer);
}
