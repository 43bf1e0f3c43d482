// SPDX-License-Identifier: Apache-2.0
#include "link/vsock.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "link/socket.h"
#include "link/stream.h"

enum { BACKLOG = 128 };

static int new_socket(void)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 ? fd : -errno;
}

bool vsock_is_available(void)
{
	int fd = new_socket();
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Returns `fd`, or closes it and returns the error. */
static int unless(int error, int fd)
{
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int vsock_listen(uint32_t port)
{
	const struct sockaddr_vm any = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int fd = new_socket();
	if (fd < 0)
		return fd;
	bool listens = bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, BACKLOG) == 0;
	return unless(listens ? 0 : -errno, fd);
}

int vsock_accept(int listener, uint32_t *ret_cid, uint32_t *ret_port)
{
	struct sockaddr_vm remote = {0};
	socklen_t len = sizeof(remote);
	int fd = accept4(listener, (struct sockaddr *)&remote, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_cid = remote.svm_cid;
	*ret_port = remote.svm_port;
	return fd;
}

int vsock_connect_start(uint32_t cid, uint32_t port)
{
	const struct sockaddr_vm remote = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	int fd = new_socket();
	if (fd < 0)
		return fd;
	bool started = connect(fd, (const struct sockaddr *)&remote, sizeof(remote)) == 0 || errno == EINPROGRESS;
	return unless(started ? 0 : -errno, fd);
}

static int name_connection(int fd, char name[static LINK_NAME_SIZE])
{
	struct sockaddr_vm local = {0}, remote = {0};
	socklen_t local_len = sizeof(local), remote_len = sizeof(remote);
	if (getsockname(fd, (struct sockaddr *)&local, &local_len) != 0 ||
	    getpeername(fd, (struct sockaddr *)&remote, &remote_len) != 0)
		return -errno;
	snprintf(name, LINK_NAME_SIZE, "VSOCK %u:%u <-> %u:%u", local.svm_cid, local.svm_port, remote.svm_cid,
		 remote.svm_port);
	return 0;
}

static const struct stream_ops vsock_stream_ops = {
	.read = socket_read,
	.writev = socket_writev,
	.close = socket_close,
};

struct link *vsock_link_new(int fd)
{
	char name[LINK_NAME_SIZE];
	struct link *link = NULL;
	if (name_connection(fd, name) == 0)
		link = stream_link_new(&vsock_stream_ops, (void *)(intptr_t)fd, fd, name);
	if (link == NULL)
		close(fd);
	return link;
}
