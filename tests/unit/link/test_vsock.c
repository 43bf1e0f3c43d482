// SPDX-License-Identifier: Apache-2.0
/* The connection tests need a kernel that carries vsock inside one machine (vsock_loopback). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/stream.h"
#include "link/socket.h"
#include "link/vsock.h"

enum { WAIT_MS = 5000, ANY_PORT = -1, OWN_CID = 1 };

static struct sockaddr_vm bound_to(int fd)
{
	struct sockaddr_vm address = {0};
	socklen_t len = sizeof(address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return address;
}

/* A listening socket; without vsock in the kernel the test is skipped. */
static int listener_or_skip(void)
{
	int listener = vsock_listen((uint32_t)ANY_PORT);
	if (listener == -EAFNOSUPPORT) {
		assert_int_equal(vsock_connect_start(OWN_CID, 1), -EAFNOSUPPORT);
		print_message("this kernel has no vsock\n");
		skip();
	}
	assert_true(listener >= 0);
	return listener;
}

static void listening(void **state)
{
	(void)state;
	int listener = listener_or_skip();
	uint32_t cid = 5, port = 6;
	assert_true((fcntl(listener, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(listener, F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(bound_to(listener).svm_cid, VMADDR_CID_ANY);
	assert_int_equal(vsock_accept(listener, &cid, &port), -EAGAIN);
	assert_int_equal(cid, 5);
	assert_int_equal(port, 6);
	assert_int_equal(vsock_listen(bound_to(listener).svm_port), -EADDRINUSE);
	socket_close_fd(listener);
	socket_close_fd(-1);
}

/* Waits for a started connect. */
static int result_of(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};
	return poll(&poller, 1, WAIT_MS) == 1 ? socket_connect_result(fd) : -ETIMEDOUT;
}

static int connect_or_skip(uint32_t port)
{
	int fd = vsock_connect_start(OWN_CID, port);
	int error = fd < 0 ? fd : result_of(fd);
	if (error == -ENODEV || error == -ETIMEDOUT) {
		print_message("this kernel carries no vsock inside the machine: %s\n", strerror(-error));
		socket_close_fd(fd);
		skip();
	}
	assert_int_equal(error, 0);
	return fd;
}

static void connection_inside_the_machine(void **state)
{
	(void)state;
	int listener = listener_or_skip();
	int client = connect_or_skip(bound_to(listener).svm_port);
	struct pollfd poller = {.fd = listener, .events = POLLIN};
	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
	uint32_t cid = 0, port = 0;
	int server = vsock_accept(listener, &cid, &port);
	assert_true(server >= 0);
	assert_true((fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(cid, OWN_CID);
	assert_int_equal(port, bound_to(client).svm_port);

	struct link *near = vsock_link_new(client), *far = vsock_link_new(server);
	assert_non_null(near);
	assert_non_null(far);
	char expected[LINK_NAME_SIZE];
	snprintf(expected, sizeof(expected), "VSOCK %u:%u <-> 1:%u", bound_to(client).svm_cid, port,
		 bound_to(listener).svm_port);
	assert_string_equal(link_name(near), expected);

	static uint8_t frame[] = {1, 1, 0, 0, 42, 3, 0, 8, 4, 6, 0x80, 0, 0, 0, 7, 0xd0}, shared[STREAM_BUFFER_SIZE];
	struct frame_vector frames;
	bool blocked;
	assert_int_equal(link_send(near, &(struct iovec){frame, sizeof(frame)}, 1, &blocked), sizeof(frame));
	poller.fd = link_fd(far);
	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
	assert_int_equal(stream_read(far, shared, STREAM_READ_SIZE), sizeof(frame));
	assert_int_equal(stream_next_frames(far, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_int_equal(link_unacknowledged_ms(near), -1);
	link_free(near);
	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
	assert_int_equal(stream_read(far, shared, STREAM_READ_SIZE), -ENODATA);
	link_free(far);
	socket_close_fd(listener);
}

static void nobody_there(void **state)
{
	(void)state;
	int listener = listener_or_skip();
	uint32_t port = bound_to(listener).svm_port;
	socket_close_fd(connect_or_skip(port));
	socket_close_fd(listener);
	int fd = vsock_connect_start(OWN_CID, port);
	assert_int_equal(fd < 0 ? fd : result_of(fd), -ECONNRESET);
	socket_close_fd(fd);
	/* A context id that no machine has; some carriers only find out by waiting. */
	fd = vsock_connect_start(0x7ffffff0, port);
	int error = fd < 0 ? fd : result_of(fd);
	assert_true(error == -ENODEV || error == -ETIMEDOUT || error == -ECONNRESET);
	socket_close_fd(fd);
}

/* A socket that is not connected is no link, and its descriptor is gone. */
static void no_link_without_a_connection(void **state)
{
	(void)state;
	int listener = listener_or_skip();
	assert_null(vsock_link_new(listener));
	assert_int_equal(fcntl(listener, F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listening),
		cmocka_unit_test(connection_inside_the_machine),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(no_link_without_a_connection),
	};
	return cmocka_run_group_tests_name("vsock", tests, NULL, NULL);
}
