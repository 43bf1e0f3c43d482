// SPDX-License-Identifier: Apache-2.0
/*
 * Dialling: an attempt for each ticket of the peer manager.
 *
 *   host name ─▶ addresses ─┐
 *   address ────────────────┴▶ TCP ─▶ (TLS) ─┐
 *                            ▶ vsock ────────┼─▶ connection
 *                            ▶ QUIC, a lane ─┘
 *
 * The addresses of a name are tried in turn: the next one when one fails, or takes long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/socket.h"
#include "link/tcp.h"
#include "link/vsock.h"
#include "node/node_internal.h"

enum { NEXT_ADDRESS_AFTER_MS = 2500 };

struct attempt {
	struct list link;
	struct node *node;
	struct endpoint endpoint;	/* as the peer manager has it */
	struct endpoint target;		/* where it is dialled now */
	uint64_t ticket;
	uint64_t deadline_ms;
	struct loop_timer *timeout;
	struct loop_resolve *resolve;
	struct sockaddr_storage addresses[LOOP_ADDRESSES_MAX];	/* of a name */
	unsigned address_count, next_address;
	/* What runs now: a connect, a TLS handshake, or a lane that dials. */
	int fd;
	struct loop_io *io;
	struct handshake *handshake;
	uint64_t dial;			/* names it to the lane */
};

struct dialler {
	struct list attempts;
	uint64_t last_dial;
};

/* Stops what runs now. */
static void stop_dialling(struct attempt *attempt)
{
	loop_io_free(attempt->io);
	socket_close_fd(attempt->fd);
	handshake_cancel(attempt->handshake);
	attempt->io = NULL;
	attempt->fd = -1;
	attempt->handshake = NULL;
	attempt->dial = 0;
}

static void attempt_free(struct attempt *attempt)
{
	stop_dialling(attempt);
	loop_resolve_cancel(attempt->resolve);
	loop_timer_free(attempt->timeout);
	list_remove(&attempt->link);
	free(attempt);
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

/* Anybody on a link can make this node dial there. */
static bool is_on_link(const struct endpoint *endpoint)
{
	return endpoint->family == ENDPOINT_IPV6 && endpoint->scope != 0;
}

void dial_log_failure(struct node *node, const struct endpoint *endpoint, enum peers_news news, int error, const char *text)
{
	char name[ENDPOINT_TEXT_SIZE], cause[64];
	endpoint_text(endpoint, name);
	if (text == NULL)
		text = cause_text(error, cause);
	if (news == PEERS_NO_NEWS || (is_on_link(endpoint) && !may_tell(node, &node->neighbour_log)))
		log_debug("peers", "%s: %s", name, text);
	else if (news == PEERS_NEWS)
		log_warn("peers", "%s: %s, trying again every few seconds", name, text);
	else
		log_info("peers", "%s: %s, forgotten until the neighbour announces itself again", name, text);
}

static void tell_failed(struct node *node, const struct endpoint *endpoint, uint64_t ticket, int error, const char *text)
{
	enum peers_news news = peers_connect_failed(node->peers, ticket, error, loop_now_ms(node->loop));
	dial_log_failure(node, endpoint, news, error, text);
}

static void dial_next(struct attempt *attempt);

/* One address came to nothing: the next one is tried, if there is one. */
static void target_failed(struct attempt *attempt, int error, const char *text)
{
	stop_dialling(attempt);
	if (attempt->next_address < attempt->address_count) {
		dial_next(attempt);
		return;
	}
	tell_failed(attempt->node, &attempt->endpoint, attempt->ticket, error, text);
	attempt_free(attempt);
}

/* Gives the attempt's success to the peer manager. Returns the connection it made, or NULL when nobody wants it any more. */
static struct connection *succeed(struct attempt *attempt)
{
	struct node *node = attempt->node;
	struct connection *connection = connection_new(node);
	if (connection == NULL) {
		tell_failed(node, &attempt->endpoint, attempt->ticket, -EUSERS, "no room for more connections");
		return NULL;
	}
	connection->remote = attempt->target;
	connection->named = attempt->endpoint;
	if (peers_connected(node->peers, attempt->ticket, connection->id, loop_now_ms(node->loop)) == 0)
		return connection;
	connection_free(node, connection);
	return NULL;
}

/* `link` is taken over. */
static void attempt_linked(struct attempt *attempt, struct link *link)
{
	struct connection *connection = succeed(attempt);
	if (connection == NULL)
		link_free(link);
	else
		connection_start(attempt->node, connection, link);
	attempt_free(attempt);
}

/* ---- one address ------------------------------------------------------------------------------------------------- */

static void on_handshake_done(void *context, struct link *link, int error, const char *text)
{
	struct attempt *attempt = context;
	attempt->handshake = NULL;
	if (link != NULL)
		attempt_linked(attempt, link);
	else
		target_failed(attempt, error, text);
}

static bool is_secured(const struct attempt *attempt)
{
	return attempt->node->resources.network != NULL && attempt->target.protocol != ENDPOINT_VSOCK;
}

static void on_connect_ready(void *context, int events, int error)
{
	struct attempt *attempt = context;
	(void)events;
	int result = socket_connect_result(attempt->fd), fd = attempt->fd;
	if (result != 0 || error != 0) {
		target_failed(attempt, result != 0 ? result : error, NULL);
		return;
	}
	/* The watcher must be gone before the descriptor goes to the lane, which watches it in a loop of its own. */
	loop_io_free(attempt->io);
	attempt->io = NULL;
	attempt->fd = -1;
	if (!is_secured(attempt)) {
		attempt_linked(attempt, attempt->target.protocol == ENDPOINT_VSOCK ? vsock_link_new(fd) : tcp_link_new(fd));
		return;
	}
	attempt->handshake = handshake_start(attempt->node, fd, false, on_handshake_done, attempt);
	if (attempt->handshake == NULL)
		target_failed(attempt, -ENOMEM, NULL);
}

/* Waits for a connect that was begun. */
static int await_connect(struct attempt *attempt, int fd)
{
	if (fd < 0)
		return fd;
	attempt->fd = fd;
	attempt->io = loop_io_new(attempt->node->loop, fd, on_connect_ready, attempt);
	if (attempt->io == NULL)
		return -ENOMEM;
	loop_io_watch(attempt->io, LOOP_WRITABLE);
	return 0;
}

static int dial_quic(struct attempt *attempt, const struct sockaddr_storage *address, socklen_t len)
{
	attempt->dial = ++attempt->node->dialler->last_dial;
	return lanes_dial_quic(attempt->node->lanes, (const struct sockaddr *)address, len, attempt->dial);
}

static int dial_target(struct attempt *attempt)
{
	struct sockaddr_storage address;
	const struct endpoint *target = &attempt->target;
	if (target->protocol == ENDPOINT_VSOCK)
		return await_connect(attempt, vsock_connect_start(target->cid, target->vsock_port));
	socklen_t len = endpoint_sockaddr(target, &address);
	if (target->protocol == ENDPOINT_QUIC)
		return dial_quic(attempt, &address, len);
	return await_connect(attempt, tcp_connect_start((struct sockaddr *)&address, len,
							&attempt->node->resources.socket_options));
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static void set_timeout(struct attempt *attempt)
{
	uint64_t at_ms = attempt->deadline_ms, next_ms = loop_now_ms(attempt->node->loop) + NEXT_ADDRESS_AFTER_MS;
	if (attempt->next_address < attempt->address_count && next_ms < at_ms)
		at_ms = next_ms;
	loop_timer_set(attempt->timeout, at_ms);
}

static void dial_next(struct attempt *attempt)
{
	const struct sockaddr *address = (const struct sockaddr *)&attempt->addresses[attempt->next_address];
	if (attempt->next_address < attempt->address_count) {
		endpoint_resolved(&attempt->endpoint, address, &attempt->target);
		attempt->next_address++;
	}
	set_timeout(attempt);
	int error = dial_target(attempt);
	if (error != 0)
		target_failed(attempt, error, error == -EAFNOSUPPORT ? "this machine lacks what that needs" : NULL);
}

static void on_resolved(void *context, int error, const struct sockaddr_storage *addresses, unsigned count)
{
	struct attempt *attempt = context;
	attempt->resolve = NULL;
	if (error != 0) {
		target_failed(attempt, error, error == -ENOENT ? "there is no such host" : "the name could not be resolved");
		return;
	}
	memcpy(attempt->addresses, addresses, count * sizeof(addresses[0]));
	attempt->address_count = count;
	dial_next(attempt);
}

static void on_timeout(void *context)
{
	target_failed(context, -ETIMEDOUT, NULL);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static struct attempt *attempt_new(struct node *node, const struct endpoint *endpoint, uint64_t ticket)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL)
		return NULL;
	*attempt = (struct attempt){.node = node, .endpoint = *endpoint, .target = *endpoint, .ticket = ticket, .fd = -1};
	attempt->deadline_ms = loop_now_ms(node->loop) + PEERS_CONNECT_TIMEOUT_MS;
	attempt->timeout = loop_timer_new(node->loop, on_timeout, attempt);
	if (attempt->timeout == NULL) {
		free(attempt);
		return NULL;
	}
	list_append(&node->dialler->attempts, &attempt->link);
	return attempt;
}

void dial_start(struct node *node, const struct endpoint *endpoint, uint64_t ticket)
{
	struct attempt *attempt = attempt_new(node, endpoint, ticket);
	if (attempt == NULL) {
		tell_failed(node, endpoint, ticket, -ENOMEM, NULL);
		return;
	}
	if (endpoint->family != ENDPOINT_NAME) {
		dial_next(attempt);
		return;
	}
	set_timeout(attempt);
	attempt->resolve = loop_resolve_start(node->loop, endpoint->name, on_resolved, attempt);
	if (attempt->resolve == NULL)
		target_failed(attempt, -ENOMEM, NULL);
}

static struct attempt *attempt_of_dial(const struct node *node, uint64_t dial)
{
	list_foreach (&node->dialler->attempts, link, tmp) {
		struct attempt *attempt = container_of(link, struct attempt, link);
		if (attempt->dial == dial)
			return attempt;
	}
	return NULL;
}

void dial_offered(struct node *node, const struct lane_event *event)
{
	struct attempt *attempt = attempt_of_dial(node, event->offered.ticket);
	struct connection *connection = attempt != NULL ? succeed(attempt) : NULL;
	if (connection == NULL)
		lanes_refuse_link(node->lanes, event->offered.lane, event->offered.id);
	else
		connection_adopt(node, connection, event);
	if (attempt != NULL)
		attempt_free(attempt);
}

void dial_failed(struct node *node, const struct lane_event *event)
{
	struct attempt *attempt = attempt_of_dial(node, event->failed.ticket);
	if (attempt != NULL)
		target_failed(attempt, event->failed.error, event->failed.text);
}

bool dial_open(struct node *node)
{
	node->dialler = calloc(1, sizeof(*node->dialler));
	if (node->dialler == NULL)
		return false;
	list_init(&node->dialler->attempts);
	return true;
}

void dial_close(struct node *node)
{
	if (node->dialler == NULL)
		return;
	list_foreach (&node->dialler->attempts, link, tmp) {
		struct attempt *attempt = container_of(link, struct attempt, link);
		node->left_behind |= attempt->resolve != NULL;
		attempt_free(attempt);
	}
	free(node->dialler);
	node->dialler = NULL;
}
