// SPDX-License-Identifier: Apache-2.0
/*
 * Frames become packets, packets become batches that the kernel splits (UDP_SEGMENT).
 *
 *   stream ────┐
 *   datagrams ─┼─▶ packet ─▶ batch of the socket ─▶ one system call
 *   ngtcp2 ────┘
 *
 * A packet takes as many frames as fit, the stream's first: it carries the control frames. ngtcp2 stops when the
 * congestion window is full, and we stop after a burst, whose length then tells it when the next one is due (pacing).
 */
#include <errno.h>
#include <string.h>

#include "link/quic_internal.h"

enum {
	STREAM_PARTS = 16,
	BURST_MAX = 262144,   /* bytes between two looks at the clock of pacing, */
	BURST_US = 1000,      /* and what is due in this time: each look costs a wake-up */
	UNPACED_MAX = 14720,  /* bytes that need no pacing after a pause (RFC 9002 section 7.7: the initial window) */
	REFUSALS_MAX = 8,     /* packets that leave out a datagram of which we thought that it fits */
	SHORT_HEADER = 1 + 4, /* flags and packet number, without the connection id */
	SEAL_SIZE = 16,
};

size_t quic_send_limit(const struct quic_connection *connection)
{
	const ngtcp2_transport_params *peer = ngtcp2_conn_get_remote_transport_params(connection->conn);
	size_t payload = ngtcp2_conn_get_path_max_tx_udp_payload_size(connection->conn);
	size_t overhead = SHORT_HEADER + ngtcp2_conn_get_dcid(connection->conn)->datalen + SEAL_SIZE;
	size_t room = payload > overhead ? payload - overhead : 0, most = peer != NULL ? peer->max_datagram_frame_size : 0;
	room = room < most ? room : most;
	return room > QUIC_DATAGRAM_OVERHEAD ? room - QUIC_DATAGRAM_OVERHEAD : 0;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

int quic_send_batch(struct quic *quic, unsigned number)
{
	struct quic_socket *socket = &quic->sockets[number];
	if (socket->batch.count == 0)
		return 0;
	int error = udp_send(socket->fd, &socket->batch, &socket->gso_pause);
	socket->blocked = error == -EAGAIN;
	return error;
}

static struct udp_path path_of(const ngtcp2_path *path)
{
	struct udp_path ret = {0};
	memcpy(&ret.local, path->local.addr, path->local.addrlen);
	memcpy(&ret.remote, path->remote.addr, path->remote.addrlen);
	return ret;
}

/* Adds the packet that lies behind the batch, or sends the batch first. Where that blocks, the packet is lost. */
static int batch_packet(struct quic *quic, unsigned number, const ngtcp2_path *path, uint8_t ecn, size_t len)
{
	struct udp_batch *batch = &quic->sockets[number].batch;
	const struct udp_path where = path_of(path);
	if (!udp_batch_joins(batch, &where, ecn, len)) {
		const uint8_t *packet = batch->bytes + batch->len;
		int error = quic_send_batch(quic, number);
		if (error != 0)
			return error;
		memmove(batch->bytes, packet, len);
	}
	if (batch->count == 0) {
		batch->path = where;
		batch->ecn = ecn;
		batch->segment = len;
	}
	batch->len += len;
	batch->count++;
	return 0;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

/* One packet under construction. */
struct packet {
	struct quic_connection *connection;
	struct datagrams_out *datagrams;
	ngtcp2_path_storage path;
	ngtcp2_pkt_info info;
	uint8_t *bytes;
	size_t limit;	/* the longest datagram */
	bool stream_blocked;
};

static ngtcp2_ssize write_stream(struct packet *packet)
{
	struct quic_connection *connection = packet->connection;
	struct iovec parts[STREAM_PARTS];
	ngtcp2_vec vectors[STREAM_PARTS];
	ngtcp2_ssize taken = -1;
	unsigned count = stream_out_peek(&connection->stream, parts, STREAM_PARTS);
	for (unsigned i = 0; i < count; i++)
		vectors[i] = (ngtcp2_vec){parts[i].iov_base, parts[i].iov_len};
	ngtcp2_ssize result = ngtcp2_conn_writev_stream(
		connection->conn, &packet->path.path, &packet->info, packet->bytes, UDP_DATAGRAM_MAX, &taken,
		NGTCP2_WRITE_STREAM_FLAG_MORE, 0, vectors, count, quic_timestamp(connection->quic));
	if (taken > 0) {
		stream_out_advance(&connection->stream, (size_t)taken);
		connection->written += (size_t)taken;
	}
	return result;
}

/* Whether the packet is not full with the next datagram. Asking ngtcp2 costs more. */
static bool more_fits(const struct packet *packet)
{
	const struct datagrams_out *out = packet->datagrams;
	if (out->next + 1 >= out->count)
		return false;
	size_t both = out->frames[out->next].iov_len + QUIC_DATAGRAM_OVERHEAD + out->frames[out->next + 1].iov_len;
	return both <= packet->limit;
}

/* A datagram that a packet had no room for comes again in the next. One that no packet takes must not stop others. */
static ngtcp2_ssize write_datagram(struct packet *packet)
{
	struct quic_connection *connection = packet->connection;
	struct datagrams_out *out = packet->datagrams;
	const struct iovec *frame = &out->frames[out->next];
	const ngtcp2_vec vector = {frame->iov_base, frame->iov_len};
	int accepted = 0;
	ngtcp2_ssize result = ngtcp2_conn_writev_datagram(
		connection->conn, &packet->path.path, &packet->info, packet->bytes, UDP_DATAGRAM_MAX, &accepted,
		more_fits(packet) ? NGTCP2_WRITE_DATAGRAM_FLAG_MORE : 0, 0, &vector, 1, quic_timestamp(connection->quic));
	if (accepted)
		connection->written += frame->iov_len;
	if (accepted || (result != 0 && ++connection->refusals > REFUSALS_MAX)) {
		connection->dropped += !accepted;
		connection->refusals = 0;
		out->next++;
	}
	return result;
}

static ngtcp2_ssize write_rest(struct packet *packet)
{
	return ngtcp2_conn_writev_stream(packet->connection->conn, &packet->path.path, &packet->info, packet->bytes,
					 UDP_DATAGRAM_MAX, NULL, 0, -1, NULL, 0,
					 quic_timestamp(packet->connection->quic));
}

static bool stream_goes_on(const struct packet *packet)
{
	const struct stream_out *stream = &packet->connection->stream;
	return !packet->stream_blocked && stream_out_waiting(stream) > 0 &&
	       stream_out_in_flight(stream) < QUIC_STREAM_HELD_MAX;
}

/* Packets that are no longer possible since the path changed. */
static void skip_large(struct packet *packet)
{
	struct datagrams_out *out = packet->datagrams;
	while (out->next < out->count && out->frames[out->next].iov_len > packet->limit) {
		packet->connection->dropped++;
		out->next++;
	}
}

/* The peer wants no more of the stream (STOP_SENDING): it is gone. The packet is finished nevertheless. */
static void end_stream(struct packet *packet)
{
	packet->stream_blocked = true;
	if (packet->connection->error == 0)
		packet->connection->error = -ENODATA;
}

/* Returns the length of the packet, 0 when there is nothing to send or nothing may be, or an error of ngtcp2. */
static ngtcp2_ssize write_packet(struct packet *packet)
{
	for (;;) {
		ngtcp2_ssize result;
		skip_large(packet);
		if (stream_goes_on(packet))
			result = write_stream(packet);
		else if (packet->datagrams->next < packet->datagrams->count)
			result = write_datagram(packet);
		else
			return write_rest(packet);
		if (result == NGTCP2_ERR_STREAM_DATA_BLOCKED)
			packet->stream_blocked = true;
		else if (result == NGTCP2_ERR_STREAM_SHUT_WR || result == NGTCP2_ERR_STREAM_NOT_FOUND)
			end_stream(packet);
		else if (result != NGTCP2_ERR_WRITE_MORE)
			return result;
	}
}

size_t quic_send_burst(const struct quic_connection *connection)
{
	size_t quantum = ngtcp2_conn_get_send_quantum(connection->conn);
	uint64_t due = quic_paced_bytes(connection->conn, BURST_US * NGTCP2_MICROSECONDS);
	size_t burst = due < BURST_MAX ? (size_t)due : BURST_MAX;
	return burst > quantum ? burst : quantum;
}

/* Whether what was sent is so little, at the rate of pacing, that the next packet need not wait for its turn. Nothing is where
 * ngtcp2 does not tell the rate. */
static bool is_little(struct quic_connection *connection, size_t sent)
{
	enum { SECOND_US = 1000000 };
	uint64_t now_us = connection->quic->now_us, pause_us = now_us - connection->paced_us;
	uint64_t rate = quic_paced_bytes(connection->conn, NGTCP2_SECONDS);
	uint64_t drained = rate * (pause_us < SECOND_US ? pause_us : SECOND_US) / SECOND_US;
	connection->paced_us = now_us;
	connection->unpaced = sent + (connection->unpaced > drained ? connection->unpaced - drained : 0);
	return rate > 0 && connection->unpaced <= UNPACED_MAX;
}

/* Tells ngtcp2 when the burst was sent, which then says when the next one is due. That costs a wake-up, for nothing when none
 * waits for that; so of little it is told that it was sent long ago. Returns 0 or an error of ngtcp2. */
static int pace(struct quic_connection *connection, size_t sent, bool none_waits)
{
	ngtcp2_conn *conn = connection->conn;
	uint64_t now = quic_timestamp(connection->quic);
	bool free = is_little(connection, sent) && none_waits && ngtcp2_conn_get_expiry(conn) > now;
	ngtcp2_conn_update_pkt_tx_time(conn, free ? 0 : now);
	/* Nothing but that turn is due. */
	return free ? ngtcp2_conn_handle_expiry(conn, now) : 0;
}

/* Writes packets until the burst, the window, or the socket is full. Returns 0 or an error of ngtcp2; `ret_error` is of
 * the socket. */
static int write_packets(struct packet *packet, int *ret_error)
{
	struct quic_connection *connection = packet->connection;
	struct quic_socket *socket = &connection->quic->sockets[connection->socket];
	/* Nothing says when an unpaced connection may go on, so it goes on at once. */
	size_t sent = 0, burst = connection->confirmed ? quic_send_burst(connection) : SIZE_MAX;
	ngtcp2_ssize len = 0;
	while (sent < burst && *ret_error == 0) {
		packet->bytes = socket->batch.bytes + socket->batch.len;
		len = write_packet(packet);
		if (len <= 0)
			break;
		sent += (size_t)len;
		*ret_error = batch_packet(connection->quic, connection->socket, &packet->path.path,
					  (uint8_t)packet->info.ecn, (size_t)len);
	}
	int result = len < 0 ? (int)len : 0;
	/* Before that, the assumed round trip of a third of a second would hold back the second flight. */
	if (sent > 0 && result == 0 && connection->confirmed)
		result = pace(connection, sent, len == 0);
	if (sent > 0 && !connection->in_flight) {
		connection->in_flight = true;
		connection->in_flight_since_us = connection->quic->now_us;
	}
	return result;
}

/* A dial that cannot even be sent has failed. Links outlive that: routes come back. */
static void check_unreachable(struct quic_connection *connection, int error)
{
	bool unreachable = error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EADDRNOTAVAIL ||
			   error == -EACCES || error == -EPERM || error == -EINVAL;
	if (unreachable && !connection->server && connection->state == QUIC_HANDSHAKE)
		quic_connection_end(connection, error, NULL, NULL);
}

/* What becomes of packets of another connection is not to be taken for this one's fate. */
static void send_batch_of_others(const struct quic_connection *connection)
{
	const struct udp_batch *batch = &connection->quic->sockets[connection->socket].batch;
	const struct udp_path own = path_of(ngtcp2_conn_get_path(connection->conn));
	if (batch->count > 0 && !udp_address_equal(&batch->path.remote, &own.remote))
		quic_send_batch(connection->quic, connection->socket);
}

void quic_send_packets(struct quic_connection *connection, struct datagrams_out *datagrams)
{
	struct quic *quic = connection->quic;
	send_batch_of_others(connection);
	if (quic->sockets[connection->socket].blocked) {
		quic_enlist(&quic->dirty, &connection->dirty);
		return;
	}
	struct packet packet = {.connection = connection, .datagrams = datagrams, .limit = quic_send_limit(connection)};
	ngtcp2_path_storage_zero(&packet.path);
	int error = 0, result = write_packets(&packet, &error);
	/* What an established connection sends next may join. */
	if (error == 0 && !connection->confirmed)
		error = quic_send_batch(quic, connection->socket);
	if (datagrams->next == datagrams->count && datagrams->copy != NULL)
		datagrams_out_clear(datagrams);
	if (!quic_connection_check(connection, result))
		return;
	check_unreachable(connection, error);
	if (connection->state == QUIC_ENDED)
		return;
	quic_arm(connection);
	if (error == -EAGAIN)
		quic_enlist(&quic->dirty, &connection->dirty);
}

/* ---- single packets ---------------------------------------------------------------------------------------------- */

void quic_send_answer(struct quic *quic, unsigned number, const struct udp_path *path, uint8_t *packet, size_t len)
{
	struct quic_socket *socket = &quic->sockets[number];
	struct udp_batch single = {.bytes = packet, .len = len, .segment = len, .count = 1, .path = *path};
	unsigned gso_pause = 1;
	if (!socket->blocked)
		udp_send(socket->fd, &single, &gso_pause);
}

void quic_send_close(struct quic_connection *connection, const ngtcp2_ccerr *closing)
{
	uint8_t bytes[UDP_DATAGRAM_MAX];
	ngtcp2_path_storage path;
	ngtcp2_pkt_info info;
	ngtcp2_path_storage_zero(&path);
	ngtcp2_ssize len = ngtcp2_conn_write_connection_close(connection->conn, &path.path, &info, bytes, sizeof(bytes),
							      closing, quic_timestamp(connection->quic));
	if (len <= 0)
		return;
	/* Nothing that was sent before comes behind it. */
	quic_send_batch(connection->quic, connection->socket);
	const struct udp_path where = path_of(&path.path);
	quic_send_answer(connection->quic, connection->socket, &where, bytes, (size_t)len);
}
