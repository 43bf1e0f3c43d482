// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "link/quic_internal.h"

static struct quic_connection *connection_of(struct link *link)
{
	return container_of(link, struct quic_connection, link);
}

static const struct quic_connection *connection_of_const(const struct link *link)
{
	return container_of(link, const struct quic_connection, link);
}

size_t quic_link_unsent(const struct link *link)
{
	const struct quic_connection *connection = connection_of_const(link);
	return stream_out_waiting(&connection->stream) + datagrams_out_bytes(&connection->datagrams);
}

/* What was written since the link last told, by itself or when a window opened. */
static long report(struct quic_connection *connection, bool *ret_blocked)
{
	size_t written = connection->written;
	if (connection->state == QUIC_ENDED)
		return connection->error;
	*ret_blocked = connection->blocked = quic_link_unsent(&connection->link) > 0;
	if (connection->blocked)
		connection->writable = false;
	connection->written = 0;
	return (long)written;
}

/* Control frames are never dropped: at most a vector of them waits, as the link is blocked then. */
static int put_on_stream(struct quic_connection *connection, const struct iovec *frame, bool control)
{
	if (!control && stream_out_waiting(&connection->stream) >= QUIC_STREAM_UNSENT_MAX) {
		connection->dropped++;
		return 0;
	}
	return stream_out_append(&connection->stream, frame->iov_base, frame->iov_len);
}

static bool is_control(const struct iovec *frame)
{
	return ((const uint8_t *)frame->iov_base)[1] == FRAME_CONTROL;
}

static long quic_link_send(struct link *link, const struct iovec *frames, unsigned count, bool *ret_blocked)
{
	struct quic_connection *connection = connection_of(link);
	struct iovec datagrams[LINK_VECTOR];
	struct datagrams_out out = {.frames = datagrams};
	if (connection->state == QUIC_ENDED)
		return connection->error;
	size_t limit = quic_send_limit(connection);
	for (unsigned i = 0; i < count; i++) {
		bool control = is_control(&frames[i]);
		if (!control && frames[i].iov_len <= limit)
			datagrams[out.count++] = frames[i];
		else if (put_on_stream(connection, &frames[i], control) != 0)
			return -ENOMEM;
	}
	quic_send_packets(connection, &out);
	if (connection->state != QUIC_ENDED && out.next < out.count &&
	    datagrams_out_keep(&out, &connection->datagrams) != 0)
		return -ENOMEM;
	return report(connection, ret_blocked);
}

static long quic_link_flush(struct link *link, bool *ret_blocked)
{
	struct quic_connection *connection = connection_of(link);
	if (connection->state != QUIC_ENDED && quic_link_unsent(link) > 0)
		quic_send_packets(connection, &connection->datagrams);
	return report(connection, ret_blocked);
}

static size_t quic_link_window(const struct link *link)
{
	const struct quic_connection *connection = connection_of_const(link);
	if (connection->state == QUIC_ENDED)
		return 1;
	uint64_t window = ngtcp2_conn_get_cwnd_left(connection->conn);
	size_t burst = quic_send_burst(connection);
	if (window > burst)
		window = burst;
	return window > 0 ? (size_t)window : 1;
}

static long quic_link_unacknowledged_ms(const struct link *link)
{
	const struct quic_connection *connection = connection_of_const(link);
	if (connection->state == QUIC_ENDED || !connection->in_flight)
		return 0;
	uint64_t since = connection->heard_us > connection->in_flight_since_us ? connection->heard_us
									       : connection->in_flight_since_us;
	return (long)((connection->quic->now_us - since) / 1000);
}

static void quic_link_get_stats(const struct link *link, struct link_stats *ret)
{
	const struct quic_connection *connection = connection_of_const(link);
	ret->dropped = connection->dropped;
	ret->lost = connection->lost;
	if (connection->state == QUIC_ENDED)
		return;
	ngtcp2_conn_info info;
	ngtcp2_conn_get_conn_info(connection->conn, &info);
	ret->rtt_us = (uint32_t)(info.smoothed_rtt / NGTCP2_MICROSECONDS);
	ret->lost += ngtcp2_conn_get_stream_loss_count(connection->conn, 0);
}

static void quic_link_free(struct link *link)
{
	struct quic_connection *connection = connection_of(link);
	quic_connection_close(connection, 0, NULL);
	quic_connection_free(connection);
}

const struct link_ops quic_link_ops = {
	.free = quic_link_free,
	.send = quic_link_send,
	.flush = quic_link_flush,
	.unsent = quic_link_unsent,
	.window = quic_link_window,
	.unacknowledged_ms = quic_link_unacknowledged_ms,
	.get_stats = quic_link_get_stats,
};
