// SPDX-License-Identifier: Apache-2.0
/* The interface as a pair of sockets that keep packets apart: one end is the lane's, the other the test's "host". */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tun_fake.h"

struct tun {
	int lane_end, host_end;
	atomic_bool removed;
	void (*_Atomic hook)(void *context);
	void *hook_context;
	char name[TUN_NAME_MAX + 1];
};

struct tun *tun_open(const char *name, bool more, struct problems *problems)
{
	(void)more;
	int ends[2], size = 1 << 20;
	struct tun *tun = calloc(1, sizeof(*tun));
	if (tun == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		problems_add(problems, "no socket pair");
		free(tun);
		return NULL;
	}
	snprintf(tun->name, sizeof(tun->name), "%s", name);
	tun->lane_end = ends[0];
	tun->host_end = ends[1];
	fcntl(tun->lane_end, F_SETFL, O_NONBLOCK);
	setsockopt(tun->lane_end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(tun->host_end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return tun;
}

struct tun *tun_add_queue(const struct tun *tun)
{
	struct problems problems = {0};
	return tun_open(tun->name, true, &problems);
}

int tun_bring_up(struct tun *tun, const struct ip6 *address, struct problems *problems)
{
	(void)tun;
	(void)address;
	(void)problems;
	return 0;
}

void tun_close(struct tun *tun)
{
	if (tun == NULL)
		return;
	close(tun->lane_end);
	close(tun->host_end);
	free(tun);
}

const char *tun_name(const struct tun *tun)
{
	return tun->name;
}

int tun_fd(const struct tun *tun)
{
	return tun->lane_end;
}

bool tun_takes(const struct tun *tun, enum tun_batch batch)
{
	(void)tun;
	return batch == TUN_SINGLE;
}

long tun_read(struct tun *tun, const struct iovec *parts, int count, struct tun_offload *ret)
{
	void (*hook)(void *context) = atomic_load(&tun->hook);
	if (hook != NULL)
		hook(tun->hook_context);
	if (atomic_load(&tun->removed))
		return -EBADFD;
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
	ssize_t len = recvmsg(tun->lane_end, &message, MSG_DONTWAIT);
	*ret = (struct tun_offload){.batch = TUN_SINGLE};
	return len >= 0 ? len : -errno;
}

int tun_write(struct tun *tun, const struct iovec *parts, int count, const struct tun_offload *offload)
{
	(void)offload;
	if (atomic_load(&tun->removed))
		return -EBADFD;
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
	return sendmsg(tun->lane_end, &message, MSG_NOSIGNAL) >= 0 ? 0 : -errno;
}

int tun_fake_host(const struct tun *tun)
{
	return tun->host_end;
}

void tun_fake_on_read(struct tun *tun, void (*hook)(void *context), void *context)
{
	tun->hook_context = context;
	atomic_store(&tun->hook, hook);
}

void tun_fake_remove(struct tun *tun)
{
	atomic_store(&tun->removed, true);
	(void)!send(tun->host_end, "", 1, MSG_NOSIGNAL);
}
