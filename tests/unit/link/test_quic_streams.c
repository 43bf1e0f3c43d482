// SPDX-License-Identifier: Apache-2.0
/* What a peer may do with streams: end ours in three ways, open others, send byte by byte. It speaks through ngtcp2
 * itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "link/quic_internal.h"
#include "quic_pair.h"

static struct quic_connection *connection_of(struct end *end)
{
	return container_of(end->link[0].link, struct quic_connection, link);
}

/* Writes bytes on a stream of an end, past its link. */
static void write_raw(struct end *end, int64_t stream, const void *bytes, size_t len, uint32_t flags)
{
	struct quic_connection *connection = connection_of(end);
	uint8_t packet[1200];
	ngtcp2_path_storage path;
	ngtcp2_pkt_info info;
	ngtcp2_ssize taken = -1, written = 0;
	const ngtcp2_vec part = {(uint8_t *)(uintptr_t)bytes, len};
	ngtcp2_path_storage_zero(&path);
	while (taken < (ngtcp2_ssize)len) {
		quic_set_time(end->quic, now_us());
		written = ngtcp2_conn_writev_stream(connection->conn, &path.path, &info, packet, sizeof(packet), &taken,
						    flags, stream, &part, 1, quic_timestamp(end->quic));
		assert_true(written >= 0);
		struct udp_path to = {.local = udp_any_address(AF_INET)};
		memcpy(&to.remote, path.path.remote.addr, path.path.remote.addrlen);
		if (written > 0)
			quic_send_answer(end->quic, 0, &to, packet, (size_t)written);
		else
			ends_turn(both, 2);
	}
}

static void assert_both_end(void)
{
	wait_until(both, 2, a.link[0].closed == 1 && b.link[0].closed == 1);
	assert_int_equal(b.link[0].error, -ENODATA);
}

static void end_of_stream(void **state)
{
	(void)state;
	write_raw(&a, 0, "", 0, NGTCP2_WRITE_STREAM_FLAG_FIN);
	assert_both_end();
}

static void stream_reset(void **state)
{
	(void)state;
	assert_int_equal(ngtcp2_conn_shutdown_stream_write(connection_of(&a)->conn, 0, 0), 0);
	quic_enlist(&a.quic->dirty, &connection_of(&a)->dirty);
	assert_both_end();
}

/* Seen when something is to be written, as a node does every few seconds. */
static void stop_sending(void **state)
{
	(void)state;
	assert_int_equal(ngtcp2_conn_shutdown_stream_read(connection_of(&a)->conn, 0, 0), 0);
	quic_enlist(&a.quic->dirty, &connection_of(&a)->dirty);
	run_for(both, 2, 20000);
	const struct iovec part = {(void *)(uintptr_t)(const uint8_t[]){1, 1, 0, 0, 42, 3, 0, 0}, 8};
	bool blocked;
	quic_set_time(b.quic, now_us());
	if (b.link[0].closed == 0)
		link_send(b.link[0].link, &part, 1, &blocked);
	assert_both_end();
}

/* Frames of other streams are not read, and the streams are refused; nothing else happens. */
static void further_streams(void **state)
{
	(void)state;
	static const uint8_t bytes[500] = {2};
	ngtcp2_conn *conn = connection_of(&a)->conn;
	int64_t stream;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ngtcp2_conn_open_bidi_stream(conn, &stream, NULL), 0);
		write_raw(&a, stream, bytes, sizeof(bytes), 0);
		run_for(both, 2, 10000);
	}
	assert_int_equal(ngtcp2_conn_open_bidi_stream(conn, &stream, NULL), NGTCP2_ERR_STREAM_ID_BLOCKED);
	assert_int_equal(ngtcp2_conn_open_uni_stream(conn, &stream, NULL), NGTCP2_ERR_STREAM_ID_BLOCKED);
	send_control(&a, 0, 90, 1);
	wait_until(both, 2, b.link[0].bytes == 8 + 90);
	assert_int_equal(a.link[0].closed + b.link[0].closed, 0);
}

static void byte_by_byte(void **state)
{
	(void)state;
	static uint8_t frame[5000];
	make_data(frame, sizeof(frame), 3);
	for (unsigned i = 0; i < sizeof(frame); i++) {
		write_raw(&a, 0, &frame[i], 1, 0);
		if (i % 8 == 0)
			ends_turn(both, 2);
	}
	wait_until(both, 2, b.link[0].frames == 2);
	assert_int_equal(b.link[0].bytes, 8 + sizeof(frame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(end_of_stream, open_pair, close_both),
		cmocka_unit_test_setup_teardown(stream_reset, open_pair, close_both),
		cmocka_unit_test_setup_teardown(stop_sending, open_pair, close_both),
		cmocka_unit_test_setup_teardown(further_streams, open_pair, close_both),
		cmocka_unit_test_setup_teardown(byte_by_byte, open_pair, close_both),
	};
	return cmocka_run_group_tests_name("quic_streams", tests, NULL, NULL);
}
