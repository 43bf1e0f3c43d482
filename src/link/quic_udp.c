// SPDX-License-Identifier: Apache-2.0
#include "link/quic_udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
/* Declares struct sockaddr_in again in its own way, so behind the C library's. */
#include <linux/errqueue.h>

#include "link/socket.h"

enum {
	ECN_MASK = 3,
	GSO_PAUSE = 1024, /* batches: what the kernel refuses once it may take another time */
	CONTROL_SIZE = 128, /* ancillary data of one message: addresses, ECN, segment size */
};

socklen_t udp_address_len(const union udp_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

union udp_address udp_any_address(sa_family_t family)
{
	if (family == AF_INET)
		return (union udp_address){.in = {.sin_family = AF_INET}};
	return (union udp_address){.in6 = {.sin6_family = AF_INET6}};
}

bool udp_address_equal(const union udp_address *a, const union udp_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->in6.sin6_port == b->in6.sin6_port && a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
	       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void read_local_ipv4(const struct cmsghdr *control, union udp_address *ret)
{
	struct in_pktinfo info;
	memcpy(&info, CMSG_DATA(control), sizeof(info));
	ret->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst};
}

/* Only a link-local address means nothing without its interface. */
static void read_local_ipv6(const struct cmsghdr *control, union udp_address *ret)
{
	struct in6_pktinfo info;
	memcpy(&info, CMSG_DATA(control), sizeof(info));
	ret->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr};
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		ret->in6.sin6_scope_id = (uint32_t)info.ipi6_ifindex;
}

static int read_int(const struct cmsghdr *control)
{
	int value;
	memcpy(&value, CMSG_DATA(control), sizeof(value));
	return value;
}

/* What the kernel tells of one message. */
static void read_control(struct msghdr *header, struct udp_path *path, uint8_t *ecn, size_t *segment)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
			read_local_ipv4(control, &path->local);
		else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO)
			read_local_ipv6(control, &path->local);
		else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS)
			*ecn = *CMSG_DATA(control) & ECN_MASK;
		else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS)
			*ecn = (uint8_t)(read_int(control) & ECN_MASK);
		else if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO && read_int(control) > 0)
			*segment = (size_t)read_int(control);
	}
}

long udp_receive(int fd, struct udp_inbox *inbox)
{
	struct mmsghdr headers[UDP_READ_MESSAGES];
	struct iovec parts[UDP_READ_MESSAGES];
	_Alignas(struct cmsghdr) uint8_t controls[UDP_READ_MESSAGES][CONTROL_SIZE];
	for (unsigned i = 0; i < UDP_READ_MESSAGES; i++) {
		parts[i] = (struct iovec){inbox->bytes + (size_t)i * UDP_READ_SIZE, UDP_READ_SIZE};
		headers[i].msg_hdr = (struct msghdr){
			.msg_name = &inbox->messages[i].path.remote,
			.msg_namelen = sizeof(inbox->messages[i].path.remote),
			.msg_iov = &parts[i],
			.msg_iovlen = 1,
			.msg_control = controls[i],
			.msg_controllen = sizeof(controls[i]),
		};
	}
	inbox->count = inbox->at = 0;
	inbox->offset = 0;
	int got;
	do
		got = recvmmsg(fd, headers, UDP_READ_MESSAGES, MSG_DONTWAIT, NULL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	long total = 0;
	for (unsigned i = 0; i < (unsigned)got; i++) {
		inbox->messages[i].len = inbox->messages[i].segment = headers[i].msg_len;
		inbox->messages[i].ecn = 0;
		inbox->messages[i].path.local = udp_any_address(inbox->messages[i].path.remote.any.sa_family);
		read_control(&headers[i].msg_hdr, &inbox->messages[i].path, &inbox->messages[i].ecn,
			     &inbox->messages[i].segment);
		total += (long)headers[i].msg_len;
	}
	inbox->count = (unsigned)got;
	return total;
}

/* Moves on to a message with something left. */
static bool inbox_settle(struct udp_inbox *inbox)
{
	while (inbox->at < inbox->count && inbox->offset >= inbox->messages[inbox->at].len) {
		inbox->at++;
		inbox->offset = 0;
	}
	return inbox->at < inbox->count;
}

static size_t inbox_next_len(const struct udp_inbox *inbox)
{
	size_t left = inbox->messages[inbox->at].len - inbox->offset, segment = inbox->messages[inbox->at].segment;
	return segment < left ? segment : left;
}

bool udp_inbox_peek(struct udp_inbox *inbox, struct udp_datagram *ret)
{
	if (!inbox_settle(inbox))
		return false;
	ret->bytes = inbox->bytes + (size_t)inbox->at * UDP_READ_SIZE + inbox->offset;
	ret->len = inbox_next_len(inbox);
	ret->path = &inbox->messages[inbox->at].path;
	ret->ecn = inbox->messages[inbox->at].ecn;
	return true;
}

void udp_inbox_take(struct udp_inbox *inbox)
{
	if (inbox_settle(inbox))
		inbox->offset += inbox_next_len(inbox);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

bool udp_batch_joins(const struct udp_batch *batch, const struct udp_path *path, uint8_t ecn, size_t len)
{
	if (batch->count == 0)
		return true;
	return batch->count < UDP_BATCH_PACKETS && batch->len + len <= UDP_BATCH_SIZE && len <= batch->segment &&
	       batch->len == batch->count * batch->segment && batch->ecn == ecn &&
	       udp_address_equal(&batch->path.remote, &path->remote) &&
	       udp_address_equal(&batch->path.local, &path->local);
}

/* Appends ancillary data. */
static void add_control(struct msghdr *header, int level, int type, const void *value, size_t len)
{
	struct cmsghdr *control = (struct cmsghdr *)(void *)((uint8_t *)header->msg_control + header->msg_controllen);
	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(control), value, len);
	header->msg_controllen += CMSG_SPACE(len);
}

static void add_control_ipv4(struct msghdr *header, const struct udp_path *path, int ecn)
{
	const struct in_pktinfo info = {.ipi_spec_dst = path->local.in.sin_addr};
	if (info.ipi_spec_dst.s_addr != INADDR_ANY)
		add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	add_control(header, IPPROTO_IP, IP_TOS, &ecn, sizeof(ecn));
}

static void add_control_ipv6(struct msghdr *header, const struct udp_path *path, int ecn)
{
	const struct in6_pktinfo info = {
		.ipi6_addr = path->local.in6.sin6_addr,
		.ipi6_ifindex = (unsigned)path->local.in6.sin6_scope_id,
	};
	if (!IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr))
		add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	add_control(header, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof(ecn));
}

/* One call for the first `len` bytes. Returns 0 or a negative errno. */
static int send_message(int fd, struct udp_batch *batch, size_t len)
{
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE] = {0};
	struct iovec part = {batch->bytes, len};
	struct msghdr header = {
		.msg_name = &batch->path.remote,
		.msg_namelen = udp_address_len(&batch->path.remote),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
	};
	if (batch->path.remote.any.sa_family == AF_INET)
		add_control_ipv4(&header, &batch->path, batch->ecn);
	else
		add_control_ipv6(&header, &batch->path, batch->ecn);
	if (len > batch->segment) {
		uint16_t segment = (uint16_t)batch->segment;
		add_control(&header, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	}
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : -errno;
}

/* The socket reports once what became of any datagram it sent before: then nothing was sent, and it goes again. */
static int send_message_again(int fd, struct udp_batch *batch, size_t len)
{
	int error = send_message(fd, batch, len);
	if (error != 0 && error != -EAGAIN && error != -ENOBUFS)
		error = send_message(fd, batch, len);
	return error == -ENOBUFS ? -EAGAIN : error;
}

/* Drops the first packet of a batch, of `len` bytes. */
static void shift(struct udp_batch *batch, size_t len)
{
	memmove(batch->bytes, batch->bytes + len, batch->len - len);
	batch->len -= len;
	batch->count--;
}

static int send_singly(int fd, struct udp_batch *batch)
{
	int result = 0;
	while (batch->count > 0) {
		size_t len = batch->len < batch->segment ? batch->len : batch->segment;
		int error = send_message_again(fd, batch, len);
		if (error == -EAGAIN)
			return error;
		if (error != 0)
			result = error;
		shift(batch, len);
	}
	return result;
}

static int send_split(int fd, struct udp_batch *batch, unsigned *gso_pause)
{
	int error = send_message_again(fd, batch, batch->len);
	if (error == -EAGAIN)
		return error;
	if (error != -EIO && error != -EINVAL && error != -EMSGSIZE) {
		batch->len = batch->count = 0;
		return error;
	}
	/* That may be the path's or the address's fault: only when they go one by one is it the splitting. */
	error = send_singly(fd, batch);
	*gso_pause = error == 0 ? GSO_PAUSE : 0;
	return error;
}

int udp_send(int fd, struct udp_batch *batch, unsigned *gso_pause)
{
	bool splits = batch->count > 1 && *gso_pause == 0;
	*gso_pause -= *gso_pause > 0;
	int error = splits ? send_split(fd, batch, gso_pause) : send_singly(fd, batch);
	return error == -EMSGSIZE ? 0 : error;
}

/* ---- routes and refusals ----------------------------------------------------------------------------------------- */

unsigned udp_route_mtu(const union udp_address *remote)
{
	bool ipv4 = remote->any.sa_family == AF_INET;
	int mtu = 0;
	socklen_t len = sizeof(mtu);
	int fd = socket(remote->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	if (connect(fd, &remote->any, udp_address_len(remote)) != 0 ||
	    getsockopt(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_MTU : IPV6_MTU, &mtu, &len) != 0)
		mtu = 0;
	close(fd);
	return mtu > 0 ? (unsigned)mtu : 0;
}

void udp_watch_errors(int fd, int family, bool on)
{
	if (family == AF_INET)
		socket_set_option(fd, IPPROTO_IP, IP_RECVERR, on);
	else
		socket_set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, on);
}

int udp_next_error(int fd, union udp_address *ret_remote, int *ret_error)
{
	uint8_t packet[1];
	_Alignas(struct cmsghdr) uint8_t controls[4 * CONTROL_SIZE];
	struct iovec part = {packet, sizeof(packet)};
	struct msghdr header = {
		.msg_name = ret_remote,
		.msg_namelen = sizeof(*ret_remote),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = controls,
		.msg_controllen = sizeof(controls),
	};
	if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -EAGAIN;
	*ret_error = 0;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(&header); control != NULL;
	     control = CMSG_NXTHDR(&header, control)) {
		struct sock_extended_err refusal;
		bool ipv4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR;
		bool ipv6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR;
		if (!ipv4 && !ipv6)
			continue;
		memcpy(&refusal, CMSG_DATA(control), sizeof(refusal));
		*ret_error = -(int)refusal.ee_errno;
	}
	return 0;
}
