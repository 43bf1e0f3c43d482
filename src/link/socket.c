// SPDX-License-Identifier: Apache-2.0
#include "link/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/ip6.h"

void socket_set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

int socket_set_mark(int fd, const struct socket_options *options)
{
	if (!options->has_mark)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) == 0 ? 0 : -errno;
}

int socket_connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return -errno;
	return -error;
}

void socket_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void socket_address_text(const struct sockaddr_storage *address, char *text, size_t size)
{
	char ip[IP6_TEXT_SIZE];
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;
		const uint8_t *b = (const uint8_t *)&in->sin_addr;
		snprintf(text, size, "%u.%u.%u.%u:%u", b[0], b[1], b[2], b[3], ntohs(in->sin_port));
		return;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	struct ip6 addr;
	char scope[16] = "";
	memcpy(addr.bytes, &in6->sin6_addr, sizeof(addr.bytes));
	if (in6->sin6_scope_id != 0)
		snprintf(scope, sizeof(scope), "%%%u", in6->sin6_scope_id);
	snprintf(text, size, "[%s%s]:%u", ip6_text(&addr, ip), scope, ntohs(in6->sin6_port));
}

/* The stream of a plain socket is its descriptor. */
static int socket_of(void *stream)
{
	return (int)(intptr_t)stream;
}

long socket_read(void *stream, uint8_t *to, size_t len)
{
	ssize_t got;
	do
		got = recv(socket_of(stream), to, len, 0);
	while (got < 0 && errno == EINTR);
	return got >= 0 ? got : -errno;
}

long socket_writev(void *stream, const struct iovec *parts, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
	ssize_t written;
	do
		written = sendmsg(socket_of(stream), &message, MSG_NOSIGNAL);
	while (written < 0 && errno == EINTR);
	return written >= 0 ? written : -errno;
}

void socket_close(void *stream)
{
	close(socket_of(stream));
}
