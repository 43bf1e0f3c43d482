// SPDX-License-Identifier: Apache-2.0
#include "link/quic.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "link/quic_internal.h"

enum {
	ERRORS_AT_ONCE = 64,
	LONG_HEADER_BIT = 0x80,
	INITIAL_SIZE_MIN = 1200,
};

void quic_enlist(struct list *list, struct list *node)
{
	if (list_empty(node))
		list_append(list, node);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int open_socket(struct quic_socket *socket, int fd)
{
	*socket = (struct quic_socket){.fd = fd};
	if (fd < 0)
		return 0;
	socket->batch.bytes = malloc(UDP_BATCH_SIZE + UDP_DATAGRAM_MAX);
	return socket->batch.bytes != NULL ? 0 : -ENOMEM;
}

static int allocate(struct quic *quic, const struct quic_config *config)
{
	struct rng rng = rng_seeded(config->seed);
	const struct hash_key key = {rng_next(&rng), rng_next(&rng)};
	if (quic_ids_init(&quic->ids, &key) != 0 || open_socket(&quic->sockets[0], config->sockets.fd[0]) != 0 ||
	    open_socket(&quic->sockets[1], config->sockets.fd[1]) != 0)
		return -ENOMEM;
	quic->inbox.bytes = malloc(UDP_READ_MESSAGES * UDP_READ_SIZE);
	return quic->inbox.bytes != NULL ? 0 : -ENOMEM;
}

struct quic *quic_new(const struct quic_config *config)
{
	assert(config->lane < config->lanes && config->lanes <= 256);
	struct quic *quic = calloc(1, sizeof(*quic));
	if (quic == NULL)
		return NULL;
	quic->identity = config->identity;
	quic->lane = config->lane;
	quic->lanes = config->lanes;
	list_init(&quic->connections);
	list_init(&quic->dead);
	list_init(&quic->strangers);
	list_init(&quic->dirty);
	list_init(&quic->waiting);
	list_init(&quic->events);
	if (allocate(quic, config) != 0)
		return quic_free(quic), NULL;
	return quic;
}

static void bury_dead(struct quic *quic)
{
	for (struct list *node; (node = list_pop(&quic->dead)) != NULL;)
		quic_connection_free(container_of(node, struct quic_connection, node));
}

void quic_free(struct quic *quic)
{
	if (quic == NULL)
		return;
	for (struct list *node; (node = list_pop(&quic->connections)) != NULL;) {
		struct quic_connection *connection = container_of(node, struct quic_connection, node);
		quic_connection_close(connection, 0, NULL);
		quic_connection_free(connection);
	}
	bury_dead(quic);
	quic_ids_clear(&quic->ids);
	timers_free(&quic->timers);
	free(quic->sockets[0].batch.bytes);
	free(quic->sockets[1].batch.bytes);
	free(quic->inbox.bytes);
	free(quic);
}

void quic_set_time(struct quic *quic, uint64_t now_us)
{
	quic->now_us = now_us;
}

const struct quic_counters *quic_counters(const struct quic *quic)
{
	return &quic->counters;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* An IPv4 address that came as an IPv6 one is IPv4 all the same. */
static int read_address(const struct sockaddr *from, socklen_t len, union udp_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len > sizeof(*ret) || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return -EAFNOSUPPORT;
	memcpy(ret, from, len);
	if (ret->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&ret->in6.sin6_addr)) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = ret->in6.sin6_port};
		memcpy(&in.sin_addr, &ret->in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
		ret->in = in;
	}
	return 0;
}

static bool is_nowhere(const union udp_address *address)
{
	if (address->any.sa_family == AF_INET)
		return address->in.sin_port == 0 || address->in.sin_addr.s_addr == INADDR_ANY;
	return address->in6.sin6_port == 0 || IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
}

int quic_dial(struct quic *quic, const struct sockaddr *remote, socklen_t len, uint64_t ticket)
{
	struct udp_path path;
	int error = read_address(remote, len, &path.remote);
	if (error != 0)
		return error;
	unsigned number = path.remote.any.sa_family == AF_INET6;
	struct quic_socket *socket = &quic->sockets[number];
	if (socket->fd < 0)
		return -EAFNOSUPPORT;
	if (is_nowhere(&path.remote))
		return -EADDRNOTAVAIL;
	if (quic->count >= QUIC_CONNECTIONS_MAX)
		return -EMFILE;
	path.local = udp_any_address(path.remote.any.sa_family);
	struct quic_connection *connection = quic_connection_new(quic, number, &path, NULL);
	if (connection == NULL)
		return -ENOMEM;
	connection->ticket = ticket;
	if (!socket->watching)
		udp_watch_errors(socket->fd, path.remote.any.sa_family, true);
	socket->watching = true;
	return 0;
}

static struct quic_connection *find_offered(const struct quic *quic, uint64_t id)
{
	list_foreach (&quic->connections, node, next) {
		struct quic_connection *connection = container_of(node, struct quic_connection, node);
		if (connection->id == id && connection->state == QUIC_OFFERED)
			return connection;
	}
	return NULL;
}

struct link *quic_adopt(struct quic *quic, uint64_t id, uint32_t peer)
{
	struct quic_connection *connection = find_offered(quic, id);
	if (connection == NULL)
		return NULL;
	connection->state = QUIC_ADOPTED;
	connection->is_link = true;
	connection->peer = peer;
	quic->pending -= connection->server;
	list_remove(&connection->stranger);
	if (connection->backlog.len > 0)
		quic_enlist(&quic->waiting, &connection->waiting);
	return &connection->link;
}

void quic_refuse(struct quic *quic, uint64_t id)
{
	struct quic_connection *connection = find_offered(quic, id);
	if (connection != NULL)
		quic_connection_close(connection, 0, NULL);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void tell_offered(struct quic_connection *connection, struct quic_event *ret)
{
	ngtcp2_conn_info info;
	ngtcp2_conn_get_conn_info(connection->conn, &info);
	ret->type = QUIC_CONNECTED;
	ret->rtt_us = (uint32_t)(info.smoothed_rtt / NGTCP2_MICROSECONDS);
	memcpy(&ret->remote, &connection->remote, sizeof(connection->remote));
	connection->offered = false;
}

/* A dialled one that came to nothing is gone once that is told; a link is freed by who has it. */
static void tell_ended(struct quic_connection *connection, struct quic_event *ret)
{
	ret->type = connection->is_link ? QUIC_CLOSED : QUIC_FAILED;
	ret->error = connection->error;
	ret->text = connection->text;
	connection->ended = false;
	if (!connection->is_link) {
		list_remove(&connection->node);
		list_append(&connection->quic->dead, &connection->node);
	}
}

/* Returns false when what there was to tell is no longer so. */
static bool tell(struct quic_connection *connection, struct quic_event *ret)
{
	*ret = (struct quic_event){.id = connection->id, .ticket = connection->ticket, .peer = connection->peer};
	if (connection->ended)
		return tell_ended(connection, ret), true;
	if (connection->offered)
		return tell_offered(connection, ret), true;
	ret->type = QUIC_WRITABLE;
	bool writable = connection->writable;
	connection->writable = false;
	return writable;
}

bool quic_next_event(struct quic *quic, struct quic_event *ret)
{
	for (struct list *node; (node = list_pop(&quic->events)) != NULL;)
		if (tell(container_of(node, struct quic_connection, event), ret))
			return true;
	return false;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static struct quic_connection *find_dial(const struct quic *quic, const union udp_address *remote)
{
	list_foreach (&quic->connections, node, next) {
		struct quic_connection *connection = container_of(node, struct quic_connection, node);
		if (!connection->server && connection->state == QUIC_HANDSHAKE &&
		    udp_address_equal(&connection->remote, remote))
			return connection;
	}
	return NULL;
}

/* A dial that was refused on the way has failed; of links nothing is believed that anyone may forge. */
static void take_errors(struct quic *quic, const struct quic_socket *socket)
{
	union udp_address remote;
	int error;
	for (int i = 0; i < ERRORS_AT_ONCE && udp_next_error(socket->fd, &remote, &error) == 0; i++) {
		struct quic_connection *connection;
		while (error != 0 && error != -EMSGSIZE && (connection = find_dial(quic, &remote)) != NULL)
			quic_connection_end(connection, error, NULL, NULL);
	}
}

long quic_receive(struct quic *quic, unsigned number)
{
	struct quic_socket *socket = &quic->sockets[number];
	struct udp_datagram left;
	assert(number < 2 && !udp_inbox_peek(&quic->inbox, &left));
	if (socket->fd < 0)
		return -EAGAIN;
	quic->inbox_socket = number;
	long got = udp_receive(socket->fd, &quic->inbox);
	if (got < 0 && socket->dials > 0)
		take_errors(quic, socket);
	return got >= 0 ? got : -EAGAIN;
}

bool quic_batch_was_full(const struct quic *quic)
{
	return quic->inbox.count == UDP_READ_MESSAGES;
}

/* By its connection id, or as a stateless reset, which has none. */
static struct quic_connection *find_connection(const struct quic *quic, const struct udp_datagram *datagram,
					       const ngtcp2_version_cid *ids)
{
	struct quic_connection *connection = quic_ids_find(&quic->ids, QUIC_ID_CONNECTION, ids->dcid, ids->dcidlen);
	if (connection != NULL || ids->version != 0 || datagram->len < NGTCP2_STATELESS_RESET_TOKENLEN)
		return connection;
	return quic_ids_find(&quic->ids, QUIC_ID_RESET_TOKEN,
			     datagram->bytes + datagram->len - NGTCP2_STATELESS_RESET_TOKENLEN,
			     NGTCP2_STATELESS_RESET_TOKENLEN);
}

/* Reads what tells the connection of a datagram. Returns 0, or the error of ngtcp2. */
static int decode_ids(const struct udp_datagram *datagram, ngtcp2_version_cid *ret)
{
	if (datagram->len == 0 || datagram->len > UDP_DATAGRAM_MAX || is_nowhere(&datagram->path->remote))
		return NGTCP2_ERR_INVALID_ARGUMENT;
	return ngtcp2_pkt_decode_version_cid(ret, datagram->bytes, datagram->len, QUIC_ID_SIZE);
}

/* The kernel may join packets of one sender before it chooses the lane, by the first of them (UDP_GRO): the others'
 * lane knows their connections, so nobody here must reset them. */
static bool is_of_another_lane(const struct quic *quic, const ngtcp2_version_cid *ids)
{
	return quic->lanes > 1 && ids->dcidlen > 0 && ids->dcid[0] % quic->lanes != quic->lane;
}

static void take_strangers_datagram(struct quic *quic, unsigned socket, const struct udp_datagram *datagram, int result,
				    const ngtcp2_version_cid *ids)
{
	bool long_header = result != NGTCP2_ERR_INVALID_ARGUMENT && (datagram->bytes[0] & LONG_HEADER_BIT);
	if (long_header && ids->version != 0 && ids->version != NGTCP2_PROTO_VER_V1 &&
	    datagram->len >= INITIAL_SIZE_MIN)
		quic_answer_version(quic, socket, datagram, ids);
	else if (result != 0 || is_of_another_lane(quic, ids))
		quic->counters.datagrams_invalid++;
	else if (long_header)
		quic_accept(quic, socket, datagram);
	else
		quic_reset_stranger(quic, socket, datagram);
}

void quic_take_datagram(struct quic *quic, unsigned socket, const struct udp_datagram *datagram)
{
	ngtcp2_version_cid ids = {0};
	int result = decode_ids(datagram, &ids);
	struct quic_connection *connection = result == 0 ? find_connection(quic, datagram, &ids) : NULL;
	if (connection != NULL)
		quic_connection_read(connection, datagram);
	else
		take_strangers_datagram(quic, socket, datagram, result, &ids);
}

/* Whether the next datagram belongs into the vector: one of another link waits until this one is given out. */
static bool belongs(const struct quic *quic, const struct quic_output *output, const struct udp_datagram *datagram)
{
	ngtcp2_version_cid ids;
	if (output->vector->count == 0)
		return true;
	if (!quic_input_has_room(output))
		return false;
	if (decode_ids(datagram, &ids) != 0)
		return true;
	const struct quic_connection *connection = find_connection(quic, datagram, &ids);
	return connection == NULL || connection->state != QUIC_ADOPTED || connection == output->owner;
}

/* Fills a vector from the backlog of one link, or from datagrams of the batch. */
static void fill(struct quic *quic, struct quic_output *output)
{
	struct udp_datagram datagram;
	while (output->vector->count == 0 && !list_empty(&quic->waiting)) {
		struct quic_connection *connection = container_of(quic->waiting.next, struct quic_connection, waiting);
		quic_input_backlog(connection);
		quic_enlist(&quic->dirty, &connection->dirty);
		quic_connection_check(connection, 0);
	}
	if (output->vector->count > 0)
		return;
	while (udp_inbox_peek(&quic->inbox, &datagram) && belongs(quic, output, &datagram)) {
		quic_take_datagram(quic, quic->inbox_socket, &datagram);
		udp_inbox_take(&quic->inbox);
		if (!list_empty(&quic->waiting))
			return;
	}
}

bool quic_pending(struct quic *quic)
{
	struct udp_datagram datagram;
	return !list_empty(&quic->waiting) || udp_inbox_peek(&quic->inbox, &datagram);
}

int quic_next_frames(struct quic *quic, uint8_t *buffer, size_t *at, uint32_t *ret_peer, struct frame_vector *ret)
{
	struct quic_output output = {.buffer = buffer, .vector = ret};
	ret->count = 0;
	while (ret->count == 0 && quic_pending(quic)) {
		if (QUIC_BUFFER_SIZE - *at < QUIC_VECTOR_BYTES + FRAME_SIZE_MAX)
			return -ENOBUFS;
		output.at = *at;
		output.received = 0;
		quic->output = &output;
		fill(quic, &output);
		quic->output = NULL;
	}
	if (ret->count == 0)
		return 0;
	*at = output.at;
	*ret_peer = output.owner->peer;
	return 1;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

uint64_t quic_deadline_us(const struct quic *quic)
{
	bool idle = list_empty(&quic->waiting) && list_empty(&quic->events);
	return idle ? timers_next_ms(&quic->timers) : quic->now_us;
}

static void expire(struct quic_connection *connection)
{
	struct quic *quic = connection->quic;
	if (connection->limit_us <= quic->now_us) {
		quic_connection_close(connection, -ETIMEDOUT, NULL);
		return;
	}
	quic_enlist(&quic->dirty, &connection->dirty);
	quic_connection_check(connection, ngtcp2_conn_handle_expiry(connection->conn, quic_timestamp(quic)));
}

void quic_expire(struct quic *quic)
{
	for (struct timer *timer; (timer = timers_pop_due(&quic->timers, quic->now_us)) != NULL;)
		expire(container_of(timer, struct quic_connection, timer));
}

/* Without memory for the timer it is tried again at the end of the next round. */
void quic_arm(struct quic_connection *connection)
{
	struct quic *quic = connection->quic;
	ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry(connection->conn);
	uint64_t at = expiry == UINT64_MAX ? UINT64_MAX : expiry / NGTCP2_MICROSECONDS + 1;
	at = at < connection->limit_us ? at : connection->limit_us;
	if (at == UINT64_MAX)
		timers_disarm(&quic->timers, &connection->timer);
	else if (timers_arm(&quic->timers, &connection->timer, at) != 0)
		quic_enlist(&quic->dirty, &connection->dirty);
}

/* A blocked link whose rest is gone may take more as soon as there is a window for it. */
static void tell_writable(struct quic_connection *connection)
{
	if (!connection->blocked || connection->writable || quic_link_unsent(&connection->link) > 0 ||
	    ngtcp2_conn_get_cwnd_left(connection->conn) == 0)
		return;
	connection->blocked = false;
	connection->writable = true;
	quic_enlist(&connection->quic->events, &connection->event);
}

static void settle(struct quic_connection *connection)
{
	ngtcp2_conn_info info;
	list_remove(&connection->dirty);
	quic_send_packets(connection, &connection->datagrams);
	if (connection->state == QUIC_ENDED)
		return;
	ngtcp2_conn_get_conn_info(connection->conn, &info);
	connection->in_flight = info.bytes_in_flight > 0;
	tell_writable(connection);
}

static void stop_watching_errors(struct quic *quic)
{
	for (unsigned i = 0; i < 2; i++) {
		struct quic_socket *socket = &quic->sockets[i];
		if (socket->watching && socket->dials == 0) {
			udp_watch_errors(socket->fd, i == 0 ? AF_INET : AF_INET6, false);
			socket->watching = false;
		}
	}
}

void quic_flush(struct quic *quic)
{
	for (unsigned i = 0; i < 2; i++)
		if (quic->sockets[i].blocked)
			quic_send_batch(quic, i);
	/* Some come back to the end of the list, for the next round. */
	unsigned left = quic->count;
	list_foreach (&quic->dirty, node, next) {
		struct quic_connection *connection = container_of(node, struct quic_connection, dirty);
		if (left-- == 0)
			break;
		if (!quic->sockets[connection->socket].blocked)
			settle(connection);
	}
	stop_watching_errors(quic);
	bury_dead(quic);
}

void quic_transmit(struct quic *quic)
{
	for (unsigned i = 0; i < 2; i++)
		if (!quic->sockets[i].blocked)
			quic_send_batch(quic, i);
}

bool quic_socket_blocked(const struct quic *quic, unsigned socket)
{
	return quic->sockets[socket].blocked;
}
