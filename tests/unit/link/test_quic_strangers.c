// SPDX-License-Identifier: Apache-2.0
/* What anyone may send to a QUIC socket: answers are small and few, memory is bounded, links do not notice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "quic_end.h"

enum { TOKEN_SIZE = 16, INITIAL_SIZE = 1500 };

static struct end a, b;
static struct end *const both[] = {&a, &b};
static struct end *const only_b[] = {&b};

/* ---- a stranger's socket ----------------------------------------------------------------------------------------- */

/* A socket with an address of its own in 127.0.0.0/8, connected to `port`, or to nothing yet. */
static int stranger_open(uint32_t address, uint16_t port)
{
	const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	const struct sockaddr_storage remote = loopback(AF_INET, port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof(own)), 0);
	if (port != 0)
		assert_int_equal(connect(fd, (const struct sockaddr *)&remote, sizeof(struct sockaddr_in)), 0);
	return fd;
}

static uint16_t stranger_port(int fd)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	return ntohs(own.sin_port);
}

/* Sends to the end and lets it react. Returns the length of its answer, 0 without one. */
static size_t ask(int fd, const void *bytes, size_t len, uint8_t *answer)
{
	assert_int_equal(send(fd, bytes, len, 0), len);
	for (unsigned i = 0; i < 3; i++)
		ends_turn(only_b, 1);
	ssize_t got = recv(fd, answer, INITIAL_SIZE, 0);
	return got > 0 ? (size_t)got : 0;
}

static int stranger = -1;

static int open_all(void **state)
{
	(void)state;
	skipped_us = 0;
	end_open(&a, 0, 1);
	end_open(&b, 0, 2);
	stranger = stranger_open(INADDR_LOOPBACK, end_port(&b));
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	close(stranger);
	end_close(&a);
	end_close(&b);
	return 0;
}

/* ---- noise ------------------------------------------------------------------------------------------------------- */

static void noise_changes_nothing(void **state)
{
	(void)state;
	static uint8_t bytes[9000], answer[INITIAL_SIZE];
	struct rng rng = rng_seeded(1);
	connect_ends(&a, &b, AF_INET);
	ask(stranger, bytes, 0, answer);
	for (unsigned i = 0; i < 3000; i++) {
		size_t len = i % 100 == 0 ? 1501 + rng_below(&rng, 7000) : rng_below(&rng, 1501);
		for (size_t j = 0; j < len; j++)
			bytes[j] = (uint8_t)rng_next(&rng);
		assert_int_equal(send(stranger, bytes, len, 0), len);
		if (i % 16 == 0)
			ends_turn(both, 2);
	}
	send_control(&a, 0, 99, 1);
	wait_until(both, 2, b.link[0].bytes == 8 + 99);
	assert_true(quic_counters(b.quic)->datagrams_invalid > 100);
	assert_int_equal(a.link[0].closed + b.link[0].closed, 0);
	assert_int_equal(b.links, 1);
}

/* ---- versions ---------------------------------------------------------------------------------------------------- */

/* RFC 8999: form bit, version, connection ids of any length. */
static void version_negotiation(void **state)
{
	(void)state;
	uint8_t packet[1200] = {0xc0, 0xfa, 0xce, 0xb0, 0x0c, 8, 1, 2, 3, 4, 5, 6, 7, 8, 3, 0xa, 0xb, 0xc},
		answer[INITIAL_SIZE];
	const uint8_t expected[] = {0, 0, 0, 0, 3, 0xa, 0xb, 0xc, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1};
	size_t len = ask(stranger, packet, sizeof(packet), answer);
	assert_true(len >= 1 + sizeof(expected) && len < 100);
	assert_true(answer[0] & 0x80);
	assert_memory_equal(answer + 1, expected, sizeof(expected));
	assert_int_equal(ask(stranger, packet, 1199, answer), 0);
	/* A draft of version 1 is no version 1. */
	const uint8_t draft[4] = {0xff, 0, 0, 29};
	memcpy(packet + 1, draft, sizeof(draft));
	len = ask(stranger, packet, sizeof(packet), answer);
	assert_memory_equal(answer + 1, expected, sizeof(expected));
	assert_int_equal(quic_counters(b.quic)->accepted, 0);
}

/* ---- stateless reset --------------------------------------------------------------------------------------------- */

static void stateless_reset(void **state)
{
	(void)state;
	uint8_t packet[100] = {0x40, 1, 2, 3, 4}, answer[INITIAL_SIZE], token[TOKEN_SIZE];
	for (size_t len = 1; len <= sizeof(packet); len++) {
		size_t got = ask(stranger, packet, len, answer);
		if (len <= 21) {
			assert_int_equal(got, 0);
			continue;
		}
		assert_true(got >= 21 && got < len);
		assert_int_equal(answer[0] & 0xc0, 0x40);
		if (len == 22)
			memcpy(token, answer + got - TOKEN_SIZE, TOKEN_SIZE);
		assert_memory_equal(answer + got - TOKEN_SIZE, token, TOKEN_SIZE);
	}
	packet[4] = 5;
	size_t got = ask(stranger, packet, sizeof(packet), answer);
	assert_memory_not_equal(answer + got - TOKEN_SIZE, token, TOKEN_SIZE);
	assert_int_equal(quic_counters(b.quic)->resets_sent, 100 - 21 + 1);
}

static void resets_are_limited(void **state)
{
	(void)state;
	const uint8_t packet[100] = {0x40, 1, 2, 3, 4};
	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(send(stranger, packet, sizeof(packet), 0), sizeof(packet));
		if (i % 16 == 0)
			end_turn(&b);
	}
	end_turn(&b);
	assert_true(quic_counters(b.quic)->resets_sent >= 200 && quic_counters(b.quic)->resets_sent < 500);
	assert_int_equal(quic_counters(b.quic)->resets_sent + quic_counters(b.quic)->answers_limited, 2000);
}

/* ---- first packets ----------------------------------------------------------------------------------------------- */

/* Lets `a` dial a socket of ours and takes its first packet, which is like any client's. */
static size_t make_initial(uint8_t packet[static INITIAL_SIZE])
{
	int fd = stranger_open(INADDR_LOOPBACK, 0);
	assert_int_equal(end_dial(&a, AF_INET, stranger_port(fd), 1), 0);
	quic_flush(a.quic);
	quic_transmit(a.quic);
	ssize_t len = recv(fd, packet, INITIAL_SIZE, 0);
	assert_true(len >= 1200);
	close(fd);
	return (size_t)len;
}

/* First packets of `count` clients, each from an address of its own. */
static void send_initials(unsigned count, uint32_t address, uint32_t step)
{
	uint8_t packet[INITIAL_SIZE];
	for (unsigned i = 0; i < count; i++) {
		int fd = stranger_open(address + i * step, end_port(&b));
		size_t len = make_initial(packet);
		assert_int_equal(send(fd, packet, len, 0), len);
		end_turn(&b);
		close(fd);
	}
}

static void one_prefix_gets_only_so_many(void **state)
{
	(void)state;
	send_initials(40, 0x7f000501, 0);
	assert_int_equal(quic_counters(b.quic)->accepted, QUIC_PENDING_PER_PREFIX_MAX);
	assert_int_equal(quic_counters(b.quic)->refused_prefix, 40 - QUIC_PENDING_PER_PREFIX_MAX);
	/* Others do not notice. */
	connect_ends(&a, &b, AF_INET6);
}

/* Beyond a number of clients that did nothing yet, one must show that it is where it says; an honest one does. */
static void retry_under_load(void **state)
{
	(void)state;
	send_initials(QUIC_RETRY_ABOVE, 0x7f010001, 1);
	assert_int_equal(quic_counters(b.quic)->accepted, QUIC_RETRY_ABOVE);
	assert_int_equal(quic_counters(b.quic)->retries_sent, 0);
	send_initials(20, 0x7f020001, 1);
	assert_int_equal(quic_counters(b.quic)->accepted, QUIC_RETRY_ABOVE);
	assert_int_equal(quic_counters(b.quic)->retries_sent, 20);
	connect_ends(&a, &b, AF_INET);
	connect_ends(&a, &b, AF_INET6);
	assert_int_equal(quic_counters(b.quic)->accepted, QUIC_RETRY_ABOVE + 2);
	assert_int_equal(quic_counters(b.quic)->retries_sent, 22);
}

/* The silent ones are gone after the limit. */
static void pending_ones_time_out(void **state)
{
	(void)state;
	send_initials(QUIC_RETRY_ABOVE, 0x7f010001, 1);
	skipped_us += (uint64_t)QUIC_HANDSHAKE_MS * 1000 + 500000;
	end_turn(&b);
	end_turn(&a);
	connect_ends(&a, &b, AF_INET);
	assert_int_equal(quic_counters(b.quic)->retries_sent, 0);
}

/* A first packet whose seal is wrong makes no connection, and many of them are answered with Retry. */
static void forged_initials(void **state)
{
	(void)state;
	uint8_t packet[INITIAL_SIZE];
	size_t len = make_initial(packet);
	struct rng rng = rng_seeded(9);
	for (unsigned i = 0; i < 1000; i++) {
		for (unsigned j = 0; j < 8; j++)
			packet[6 + j] = (uint8_t)rng_next(&rng);
		assert_int_equal(send(stranger, packet, len, 0), len);
		end_turn(&b);
	}
	const struct quic_counters *counters = quic_counters(b.quic);
	assert_true(counters->accepted >= QUIC_RETRY_ABOVE && counters->accepted < 500);
	assert_true(counters->accepted + counters->retries_sent == 1000);
	connect_ends(&a, &b, AF_INET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(noise_changes_nothing, open_all, close_all),
		cmocka_unit_test_setup_teardown(version_negotiation, open_all, close_all),
		cmocka_unit_test_setup_teardown(stateless_reset, open_all, close_all),
		cmocka_unit_test_setup_teardown(resets_are_limited, open_all, close_all),
		cmocka_unit_test_setup_teardown(one_prefix_gets_only_so_many, open_all, close_all),
		cmocka_unit_test_setup_teardown(retry_under_load, open_all, close_all),
		cmocka_unit_test_setup_teardown(pending_ones_time_out, open_all, close_all),
		cmocka_unit_test_setup_teardown(forged_initials, open_all, close_all),
	};
	return cmocka_run_group_tests_name("quic_strangers", tests, NULL, NULL);
}
