// SPDX-License-Identifier: Apache-2.0
/* Sockets that take nothing for a while, kernels that cannot split, paths that take less than thought: sendmsg() is
 * ours. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/udp.h>
#include <sys/syscall.h>

#include "quic_end.h"

static struct end a, b;
static struct end *const both[] = {&a, &b};

/* What sendmsg() of the test does instead of sending; 0: it sends. */
static int fail_always, fail_once, fail_split, fail_large;
static unsigned split_calls;

static bool is_split(const struct msghdr *message)
{
	struct msghdr copy = *message;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(&copy); control != NULL; control = CMSG_NXTHDR(&copy, control))
		if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_SEGMENT)
			return true;
	return false;
}

static int chosen_error(const struct msghdr *message)
{
	if (fail_always != 0)
		return fail_always;
	if (fail_once != 0) {
		int error = fail_once;
		fail_once = 0;
		return error;
	}
	if (is_split(message)) {
		split_calls++;
		return fail_split;
	}
	return message->msg_iov[0].iov_len > 1300 ? fail_large : 0;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	int error = chosen_error(message);
	if (error == 0)
		return syscall(SYS_sendmsg, fd, message, flags);
	errno = error;
	return -1;
}

static int open_pair(void **state)
{
	(void)state;
	fail_always = fail_once = fail_split = fail_large = 0;
	split_calls = 0;
	end_open(&a, 0, 1);
	end_open(&b, 0, 2);
	connect_ends(&a, &b, AF_INET);
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	fail_always = 0;
	end_close(&a);
	end_close(&b);
	return 0;
}

/* Sends a vector of `count` frames of `len` bytes. */
static bool send_vector(unsigned count, size_t len)
{
	static uint8_t frame[1500];
	struct iovec parts[LINK_VECTOR];
	bool blocked;
	make_data(frame, len, 1);
	for (unsigned i = 0; i < count; i++)
		parts[i] = (struct iovec){frame, len};
	quic_set_time(a.quic, now_us());
	assert_true(link_send(a.link[0].link, parts, count, &blocked) >= 0);
	return blocked;
}

/* Sends frames of 1000 bytes, one at a time, until the socket is blocked and the link, too. Returns how many. */
static unsigned send_until_blocked(void)
{
	struct end *const alone[] = {&a};
	unsigned sent = 0;
	while (!quic_socket_blocked(a.quic, 0) || link_unsent(a.link[0].link) == 0) {
		if (link_unsent(a.link[0].link) == 0)
			send_vector(1, 1000), sent++;
		else
			ends_turn(alone, 1);
		assert_true(sent < 100);
	}
	return sent;
}

static void socket_that_takes_nothing(void **state)
{
	(void)state;
	const int errors[] = {EAGAIN, ENOBUFS};
	struct end *const alone[] = {&a};
	/* Packets of other sizes, which look how much the path takes, are through. */
	run_for(both, 2, 300000);
	for (unsigned i = 0; i < 2; i++) {
		unsigned before = b.link[0].frames, writable = a.link[0].writable;
		fail_always = errors[i];
		unsigned sent = send_until_blocked();
		assert_false(quic_socket_blocked(a.quic, 1));
		run_for(alone, 1, 3000);
		assert_true(link_unsent(a.link[0].link) > 0);
		fail_always = 0;
		wait_until(both, 2, link_unsent(a.link[0].link) == 0);
		assert_false(quic_socket_blocked(a.quic, 0));
		wait_until(both, 2, b.link[0].frames == before + sent && a.link[0].writable > writable);
	}
}

static void kernel_that_cannot_split(void **state)
{
	(void)state;
	fail_split = EIO;
	send_vector(8, 1000);
	wait_until(both, 2, link_unsent(a.link[0].link) == 0 && b.link[0].frames == 1 + 8);
	assert_int_equal(split_calls, 2); /* tried again once, as the error may be another packet's */
	send_vector(8, 1000);
	wait_until(both, 2, link_unsent(a.link[0].link) == 0 && b.link[0].frames == 1 + 16);
	assert_int_equal(split_calls, 2);
}

/* Splitting fails because of the address, and so does each packet alone: splitting is not given up for others. */
static void bad_path_is_not_blamed_on_splitting(void **state)
{
	(void)state;
	fail_always = EINVAL;
	send_vector(8, 1000);
	fail_always = 0;
	unsigned before = split_calls;
	wait_until(both, 2, link_unsent(a.link[0].link) == 0 && link_unacknowledged_ms(a.link[0].link) == 0);
	while (split_calls == before) {
		send_vector(8, 1000);
		wait_until(both, 2, link_unsent(a.link[0].link) == 0);
	}
	assert_int_equal(a.link[0].closed, 0);
}

/* A packet that is too large for the path is lost, and nothing else. */
static void too_large_for_the_path(void **state)
{
	(void)state;
	end_free_link(&a, 0);
	fail_large = EMSGSIZE;
	wait_until(both, 2, b.link[0].closed == 1);
	connect_ends(&a, &b, AF_INET);
	run_for(both, 2, 300000);
	for (unsigned i = 0; i < 20; i++) {
		static uint8_t frame[1400];
		make_data(frame, sizeof(frame), i);
		send_frame(&a, 1, frame, sizeof(frame));
		wait_until(both, 2, link_unsent(a.link[1].link) == 0);
	}
	wait_until(both, 2, b.link[1].frames == 1 + 20);
}

/* A dial that no route leads to. */
static void unreachable_dial(void **state)
{
	(void)state;
	fail_always = ENETUNREACH;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&b), 3), 0);
	wait_until(both, 2, a.failed == 1);
	assert_int_equal(a.error, -ENETUNREACH);
	fail_always = 0;
	send_control(&a, 0, 10, 1);
	wait_until(both, 2, b.link[0].frames == 2);
}

/* What a link sent before in the same round and the network refuses is not the fate of the dial. */
static void dial_behind_a_refused_batch(void **state)
{
	(void)state;
	struct end c;
	struct end *const all[] = {&a, &b, &c};
	end_open(&c, 0, 3);
	run_for(both, 2, 300000);
	send_vector(1, 1000);
	fail_once = ENETUNREACH;
	assert_int_equal(end_dial(&a, AF_INET, end_port(&c), 3), 0);
	wait_until(all, 3, a.failed > 0 || a.links == 2);
	assert_int_equal(fail_once, 0);
	assert_int_equal(a.failed, 0);
	end_close(&c);
}

/* One packet after a pause needs no turn in pacing, whose alarm would wake the lane for nothing. */
static void single_packet_sets_no_alarm(void **state)
{
	(void)state;
	enum { TRIES = 5, TURN_US = 500 };
	unsigned quiet = 0;
	run_for(both, 2, 300000);
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t before_us = now_us();
		send_vector(1, 1000);
		quiet += quic_deadline_us(a.quic) > before_us + TURN_US;
		run_for(both, 2, 50000);
	}
	/* Something else may be due now and then. */
	assert_true(quiet > TRIES / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(socket_that_takes_nothing, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(kernel_that_cannot_split, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(bad_path_is_not_blamed_on_splitting, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(too_large_for_the_path, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(unreachable_dial, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(dial_behind_a_refused_batch, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(single_packet_sets_no_alarm, open_pair, close_pair),
	};
	return cmocka_run_group_tests_name("quic_sending", tests, NULL, NULL);
}
