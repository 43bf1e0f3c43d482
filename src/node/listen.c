// SPDX-License-Identifier: Apache-2.0
/*
 * Connections made by others.
 *
 *   TCP listener ──▶ (TLS handshake) ──┐
 *   vsock listener ────────────────────┼─▶ admitted by the peer manager ─▶ connection
 *   QUIC, offered by a lane ───────────┘
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/socket.h"
#include "link/tcp.h"
#include "link/vsock.h"
#include "node/node_internal.h"

enum {
	ACCEPTS_PER_ROUND = 64,
	ACCEPT_PAUSE_MS = 100,
	HANDSHAKES_MAX = 128,			/* at a time; further connections are closed */
	HANDSHAKES_PER_ADDRESS_MAX = 16,
	REMARKS_MAX = 64,			/* failures of others that were told */
	REMARK_AGAIN_MS = 3600000,
};

/* An accepted connection in its TLS handshake. */
struct arrival {
	struct list link;
	struct node *node;
	struct endpoint remote;
	struct handshake *handshake;
};

/* A failure that was told: the same one again is not, for a while. */
struct remark {
	uint8_t place[8];	/* IPv4 address or IPv6 /64 */
	int error;
	uint64_t told_ms;
};

struct listener {
	struct node *node;
	int fd;
	bool is_vsock;
	struct loop_io *io;
};

struct listeners {
	struct listener tcp, vsock;
	struct loop_timer *accept_pause;
	struct list arrivals;
	unsigned arrival_count;
	struct remark remarks[REMARKS_MAX];
};

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void log_inbound(struct node *node, const struct endpoint *remote, const char *what)
{
	char text[ENDPOINT_TEXT_SIZE];
	if (may_tell(node, &node->inbound_log))
		log_info("peers", "%s %s", what, endpoint_text(remote, text));
}

/* Where a remote is at: its IPv4 address, or IPv6 /64. */
static void place_of(const struct endpoint *remote, uint8_t place[static 8])
{
	memset(place, 0, 8);
	if (!endpoint_ipv4_bytes(remote, place))
		memcpy(place, remote->address.bytes, 8);
}

/* Whether a failure of somebody at this place is news. The oldest remark gives way. */
static bool is_news(struct node *node, const struct endpoint *remote, int error)
{
	struct remark *oldest = &node->listeners->remarks[0];
	struct remark now = {.error = error, .told_ms = loop_now_ms(node->loop)};
	place_of(remote, now.place);
	for (unsigned i = 0; i < REMARKS_MAX; i++) {
		struct remark *remark = &node->listeners->remarks[i];
		if (remark->error == error && memcmp(remark->place, now.place, sizeof(now.place)) == 0) {
			bool again = now.told_ms - remark->told_ms >= REMARK_AGAIN_MS;
			if (again)
				*remark = now;
			return again;
		}
		if (remark->told_ms < oldest->told_ms)
			oldest = remark;
	}
	*oldest = now;
	return true;
}

void listen_log_arrival(struct node *node, const struct endpoint *remote)
{
	log_inbound(node, remote, "Accepted a connection from");
}

void listen_log_failure(struct node *node, const struct endpoint *remote, int error, const char *text)
{
	char name[ENDPOINT_TEXT_SIZE], cause[64];
	if (text == NULL)
		text = cause_text(error, cause);
	if (is_news(node, remote, error) && may_tell(node, &node->inbound_log))
		log_warn("peers", "%s could not connect: %s", endpoint_text(remote, name), text);
	else
		log_debug("peers", "%s could not connect: %s", endpoint_text(remote, name), text);
}

/* ---- admission --------------------------------------------------------------------------------------------------- */

/* A connection that the peer manager admits, or NULL. */
static struct connection *admit(struct node *node, const struct endpoint *remote)
{
	struct connection *connection = connection_new(node);
	if (connection == NULL)
		return NULL;
	connection->remote = *remote;
	connection->inbound = true;
	if (peers_accepted(node->peers, remote, connection->id, loop_now_ms(node->loop)) == 0)
		return connection;
	connection_free(node, connection);
	log_inbound(node, remote, "Too many connections, refused");
	return NULL;
}

/* `link` is taken over. */
static void take_link(struct node *node, const struct endpoint *remote, struct link *link)
{
	struct connection *connection = link != NULL ? admit(node, remote) : NULL;
	if (connection == NULL)
		link_free(link);
	else
		connection_start(node, connection, link);
}

void listen_offered(struct node *node, const struct lane_event *event)
{
	struct sockaddr_storage address;
	struct endpoint remote;
	struct connection *connection = NULL;
	offer_remote(event, &address);
	if (endpoint_from_sockaddr(ENDPOINT_QUIC, (struct sockaddr *)&address, &remote) == 0)
		connection = admit(node, &remote);
	if (connection == NULL)
		lanes_refuse_link(node->lanes, event->offered.lane, event->offered.id);
	else
		connection_adopt(node, connection, event);
}

/* ---- TLS --------------------------------------------------------------------------------------------------------- */

static void arrival_free(struct arrival *arrival)
{
	handshake_cancel(arrival->handshake);
	list_remove(&arrival->link);
	arrival->node->listeners->arrival_count--;
	free(arrival);
}

static void on_handshake_done(void *context, struct link *link, int error, const char *text)
{
	struct arrival *arrival = context;
	arrival->handshake = NULL;
	if (link != NULL)
		take_link(arrival->node, &arrival->remote, link);
	else
		listen_log_failure(arrival->node, &arrival->remote, error, text);
	arrival_free(arrival);
}

static bool has_room_for(const struct node *node, const struct endpoint *remote)
{
	const struct listeners *listeners = node->listeners;
	uint8_t place[8], other[8];
	unsigned same = 0;
	place_of(remote, place);
	list_foreach (&listeners->arrivals, link, tmp) {
		place_of(&container_of(link, struct arrival, link)->remote, other);
		same += memcmp(place, other, sizeof(place)) == 0;
	}
	return listeners->arrival_count < HANDSHAKES_MAX && same < HANDSHAKES_PER_ADDRESS_MAX;
}

/* `fd` is taken over. */
static void start_handshake(struct node *node, int fd, const struct endpoint *remote)
{
	struct arrival *arrival = has_room_for(node, remote) ? calloc(1, sizeof(*arrival)) : NULL;
	if (arrival == NULL) {
		socket_close_fd(fd);
		return;
	}
	*arrival = (struct arrival){.node = node, .remote = *remote};
	list_append(&node->listeners->arrivals, &arrival->link);
	node->listeners->arrival_count++;
	arrival->handshake = handshake_start(node, fd, true, on_handshake_done, arrival);
	if (arrival->handshake == NULL)
		arrival_free(arrival);
}

/* ---- listeners --------------------------------------------------------------------------------------------------- */

/* Accepts one connection and tells from where. Returns its descriptor or a negative errno. */
static int accept_one(const struct listener *listener, struct endpoint *ret_remote)
{
	struct sockaddr_storage address;
	*ret_remote = (struct endpoint){.protocol = ENDPOINT_VSOCK, .family = ENDPOINT_CID};
	if (listener->is_vsock)
		return vsock_accept(listener->fd, &ret_remote->cid, &ret_remote->vsock_port);
	int fd = tcp_accept(listener->fd, &address);
	enum endpoint_protocol protocol = listener->node->resources.network != NULL ? ENDPOINT_TLS : ENDPOINT_TCP;
	if (fd >= 0 && endpoint_from_sockaddr(protocol, (struct sockaddr *)&address, ret_remote) != 0) {
		socket_close_fd(fd);
		return -ECONNABORTED;
	}
	return fd;
}

static void watch_listeners(const struct listeners *listeners, int events)
{
	loop_io_watch(listeners->tcp.io, events);
	if (listeners->vsock.io != NULL)
		loop_io_watch(listeners->vsock.io, events);
}

static void on_listener_ready(void *context, int events, int error)
{
	struct listener *listener = context;
	struct node *node = listener->node;
	(void)events;
	(void)error;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		struct endpoint remote;
		int fd = accept_one(listener, &remote);
		if (fd == -EAGAIN)
			return;
		if (fd == -ECONNABORTED || fd == -EINTR)
			continue;
		if (fd < 0) {
			/* No descriptors or memory: the connection stays in the backlog, trying at once would spin. */
			watch_listeners(node->listeners, 0);
			loop_timer_set(node->listeners->accept_pause, loop_now_ms(node->loop) + ACCEPT_PAUSE_MS);
			return;
		}
		if (listener->is_vsock)
			take_link(node, &remote, vsock_link_new(fd));
		else if (node->resources.network != NULL)
			start_handshake(node, fd, &remote);
		else
			take_link(node, &remote, tcp_link_new(fd));
	}
}

static void on_accept_pause_over(void *context)
{
	struct node *node = context;
	watch_listeners(node->listeners, LOOP_READABLE);
}

static bool open_listener(struct node *node, struct listener *listener, int fd, bool is_vsock)
{
	*listener = (struct listener){.node = node, .fd = fd, .is_vsock = is_vsock};
	if (fd < 0)
		return true;
	listener->io = loop_io_new(node->loop, fd, on_listener_ready, listener);
	return listener->io != NULL;
}

bool listen_open(struct node *node)
{
	struct listeners *listeners = node->listeners = calloc(1, sizeof(*listeners));
	if (listeners == NULL)
		return false;
	list_init(&listeners->arrivals);
	listeners->accept_pause = loop_timer_new(node->loop, on_accept_pause_over, node);
	if (listeners->accept_pause == NULL || !open_listener(node, &listeners->tcp, node->resources.listener, false) ||
	    !open_listener(node, &listeners->vsock, node->resources.vsock_listener, true))
		return false;
	watch_listeners(listeners, LOOP_READABLE);
	return true;
}

void listen_close(struct node *node)
{
	if (node->listeners == NULL)
		return;
	list_foreach (&node->listeners->arrivals, link, tmp)
		arrival_free(container_of(link, struct arrival, link));
	free(node->listeners);
	node->listeners = NULL;
}
