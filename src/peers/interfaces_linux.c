// SPDX-License-Identifier: Apache-2.0
#include "peers/interfaces.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "peers/interfaces_message.h"

enum {
	DATAGRAM_MAX = 32768,		/* the kernel fills what it is offered, up to this */
	RECEIVE_BUFFER_BYTES = 1 << 20, /* changes that wait to be read */
	READS_MAX = 64,			/* datagrams of one change */
	LIST_TRIES = 3,
};

struct interfaces {
	struct mnl_socket *changes;
	uint32_t ignored;
	uint32_t sequence;
	struct interface_list list;
	_Alignas(16) uint8_t datagram[DATAGRAM_MAX];
};

static int open_changes(struct mnl_socket **ret)
{
	const unsigned groups =
		RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	const int bytes = RECEIVE_BUFFER_BYTES;
	struct mnl_socket *changes = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (changes == NULL)
		return -errno;
	int fd = mnl_socket_get_fd(changes);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (mnl_socket_bind(changes, groups, MNL_SOCKET_AUTOPID) != 0) {
		int error = -errno;
		mnl_socket_close(changes);
		return error;
	}
	*ret = changes;
	return 0;
}

int interfaces_open(struct interfaces **ret)
{
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));
	if (interfaces == NULL)
		return -ENOMEM;
	int error = open_changes(&interfaces->changes);
	if (error != 0) {
		free(interfaces);
		return error;
	}
	*ret = interfaces;
	return 0;
}

void interfaces_close(struct interfaces *interfaces)
{
	if (interfaces == NULL)
		return;
	mnl_socket_close(interfaces->changes);
	free(interfaces);
}

void interfaces_ignore(struct interfaces *interfaces, uint32_t index)
{
	interfaces->ignored = index;
}

int interfaces_fd(const struct interfaces *interfaces)
{
	return mnl_socket_get_fd(interfaces->changes);
}

/* Receives what the kernel, and nobody else, sent. Returns the length, which may be 0, or a negative errno: -EMSGSIZE for
 * more than there is room for. */
static long receive(struct interfaces *interfaces, struct mnl_socket *from)
{
	struct sockaddr_nl sender = {0};
	socklen_t sender_len = sizeof(sender);
	ssize_t len;
	do
		len = recvfrom(mnl_socket_get_fd(from), interfaces->datagram, DATAGRAM_MAX, MSG_TRUNC,
			       (struct sockaddr *)&sender, &sender_len);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	if (sender_len != sizeof(sender) || sender.nl_pid != 0)
		return 0;
	return len <= DATAGRAM_MAX ? len : -EMSGSIZE;
}

bool interfaces_read_change(struct interfaces *interfaces, struct network_change *ret)
{
	struct network_change change = {0};
	for (unsigned i = 0; i < READS_MAX && change.removed_count < INTERFACES_REMOVED_MAX; i++) {
		long len = receive(interfaces, interfaces->changes);
		if (len == -EAGAIN)
			break;
		if (len < 0) /* ENOBUFS: there were more than the kernel could keep */
			change.lost = true;
		else
			interfaces_message_change(interfaces->datagram, (size_t)len, interfaces->ignored, &change);
	}
	if (change.lost)
		change.links = change.routes = true;
	*ret = change;
	return change.links || change.routes;
}

static int ask_for(struct interfaces *interfaces, struct mnl_socket *socket, uint16_t type, size_t body_len)
{
	char buffer[64] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++interfaces->sequence;
	mnl_nlmsg_put_extra_header(message, body_len); /* all zero: of every family */
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	int result;
	do {
		long len = receive(interfaces, socket);
		if (len < 0)
			return (int)len;
		result = len == 0 ? 1 : interfaces_message_list(interfaces->datagram, (size_t)len, message->nlmsg_seq,
								mnl_socket_get_portid(socket), interfaces->ignored,
								&interfaces->list);
	} while (result > 0);
	return result;
}

/* An answer that is not read to its end stays in its socket, so each attempt has its own. */
static int list_once(struct interfaces *interfaces)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (socket == NULL)
		return -errno;
	interfaces->list.count = interfaces->list.left_out = 0;
	interfaces->list.fingerprint = 0;
	int error = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 ? 0 : -errno;
	if (error == 0)
		error = ask_for(interfaces, socket, RTM_GETLINK, sizeof(struct ifinfomsg));
	if (error == 0)
		error = ask_for(interfaces, socket, RTM_GETADDR, sizeof(struct ifaddrmsg));
	mnl_socket_close(socket);
	return error;
}

int interfaces_list(struct interfaces *interfaces, const struct interface_list **ret)
{
	int error = -EINTR;
	for (unsigned i = 0; i < LIST_TRIES && error == -EINTR; i++)
		error = list_once(interfaces);
	if (error == 0)
		*ret = &interfaces->list;
	return error == -EINTR ? -EAGAIN : error;
}
