// SPDX-License-Identifier: Apache-2.0
/* A link over any descriptor, for tests that hold the other end. Include behind cmocka.h. */
#ifndef MYCELIUM_TESTS_LINK_FD_STREAM_H
#define MYCELIUM_TESTS_LINK_FD_STREAM_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/stream.h"

static inline int fd_stream_fd(void *stream)
{
	return (int)(intptr_t)stream;
}

static inline long fd_stream_read(void *stream, uint8_t *to, size_t len)
{
	ssize_t got = read(fd_stream_fd(stream), to, len);
	return got >= 0 ? got : -errno;
}

static inline long fd_stream_writev(void *stream, const struct iovec *parts, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
	ssize_t written = sendmsg(fd_stream_fd(stream), &message, MSG_NOSIGNAL);
	return written >= 0 ? written : -errno;
}

static inline void fd_stream_close(void *stream)
{
	close(fd_stream_fd(stream));
}

static const struct stream_ops fd_stream_ops = {
	.read = fd_stream_read, .writev = fd_stream_writev, .close = fd_stream_close};

/* A link over one end of a socket pair; the other end, blocking, is the test's. */
static inline struct link *fd_link_new(int *ret_far, const char *name)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	struct link *link = stream_link_new(&fd_stream_ops, (void *)(intptr_t)ends[0], ends[0], name);
	assert_non_null(link);
	*ret_far = ends[1];
	return link;
}

static inline void write_all(int fd, const void *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t written = send(fd, (const uint8_t *)bytes + at, len - at, MSG_NOSIGNAL);
		assert_true(written > 0);
		at += (size_t)written;
	}
}

#endif
