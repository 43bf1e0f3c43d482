// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tun/tun.h"

static const char device_path[] = "/dev/net/tun";

/* Names that headers before Linux 6.2 lack. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Packets that the kernel keeps for us: some milliseconds of small ones, in which the thread that reads may have to wait. */
enum { QUEUE_LENGTH = 2000 };

struct tun {
	int fd;
	int flags;
	bool has_header; /* each packet has a virtio-net header in front */
	bool takes_udp;
	unsigned index;
	char name[IFNAMSIZ];
};

static void explain_open(struct problems *problems, const char *name, int error)
{
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		problems_add(problems,
			     "Cannot create the interface \"%s\": the kernel has no TUN support (%s is missing). "
			     "Load it with 'modprobe tun', or use --no-tun.",
			     name, device_path);
	else if (error == EPERM || error == EACCES)
		problems_add(problems,
			     "Cannot create the interface \"%s\": permission denied. Run as root, grant CAP_NET_ADMIN "
			     "(setcap cap_net_admin+ep on the program), or use --no-tun.",
			     name);
	else if (error == EBUSY)
		problems_add(problems,
			     "Cannot create the interface \"%s\": it is in use, perhaps by another mycelium. Choose another "
			     "name with --tun-name, or use --no-tun.",
			     name);
	else if (error == EINVAL && if_nametoindex(name) != 0)
		problems_add(problems,
			     "Cannot create the interface \"%s\": an interface of that name exists and is not a TUN interface "
			     "for us. Choose another name with --tun-name.",
			     name);
	else
		problems_add(problems, "Cannot create the interface \"%s\": %s. Try another --tun-name, or --no-tun.", name,
			     strerror(error));
}

/* Whether an interface is of the kernel's TUN driver. */
static bool is_tun(const char *name)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (void *)&info};
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known = fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0;
	if (fd >= 0)
		close(fd);
	return known && strcmp(info.driver, "tun") == 0;
}

static int attach_with(struct tun *tun, const char *name, int flags)
{
	struct ifreq request = {.ifr_flags = (short)flags};
	memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(tun->fd, TUNSETIFF, &request) != 0)
		return -errno;
	tun->flags = flags & ~IFF_TUN_EXCL;
	tun->has_header = (flags & IFF_VNET_HDR) != 0;
	memcpy(tun->name, request.ifr_name, IFNAMSIZ);
	tun->name[IFNAMSIZ - 1] = 0;
	return 0;
}

/* Tries kinds of interfaces, those with most first: a kernel may know no offload, or one queue only. */
static int attach_best(struct tun *tun, const char *name, bool more, int flags)
{
	static const int extras[] = {IFF_VNET_HDR | IFF_MULTI_QUEUE, IFF_VNET_HDR, IFF_MULTI_QUEUE, 0};
	int error = -EINVAL;
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]) && error == -EINVAL; i++)
		if (more || (extras[i] & IFF_MULTI_QUEUE) == 0)
			error = attach_with(tun, name, flags | extras[i]);
	return error;
}

/*
 * Makes the interface, or takes one of one queue that is there and that nobody uses. One of several queues could be another
 * node's: the kernel would let us in as one more of its queues, and each node would get a part of the packets of both.
 * Returns 0 or a negative errno.
 */
static int attach(struct tun *tun, const char *name, bool more)
{
	int error = attach_best(tun, name, more, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL);
	if (error != -EBUSY)
		return error;
	error = attach_best(tun, name, false, IFF_TUN | IFF_NO_PI);
	return error == -EINVAL && is_tun(name) ? -EBUSY : error;
}

/* Asks for packets that stand for several, as many kinds as the kernel has. Without any, all work goes on one by one. */
static void enable_offload(struct tun *tun)
{
	const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6, udp = TUN_F_USO4 | TUN_F_USO6;
	if (!tun->has_header)
		return;
	tun->takes_udp = ioctl(tun->fd, TUNSETOFFLOAD, tcp | udp) == 0;
	if (!tun->takes_udp)
		(void)ioctl(tun->fd, TUNSETOFFLOAD, tcp);
}

static struct tun *tun_new(void)
{
	struct tun *tun = calloc(1, sizeof(*tun));
	if (tun != NULL)
		tun->fd = open(device_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return tun;
}

struct tun *tun_open(const char *name, bool more, struct problems *problems)
{
	if (strlen(name) > TUN_NAME_MAX) {
		problems_add(problems, "Interface names have at most %d characters, \"%s\" has more. Shorten --tun-name.",
			     TUN_NAME_MAX, name);
		return NULL;
	}
	struct tun *tun = tun_new();
	if (tun == NULL) {
		problems_add(problems, "Cannot create the interface \"%s\": out of memory.", name);
		return NULL;
	}
	int error = tun->fd >= 0 ? attach(tun, name, more) : -errno;
	if (error != 0) {
		explain_open(problems, name, -error);
		tun_close(tun);
		return NULL;
	}
	tun->index = if_nametoindex(tun->name);
	enable_offload(tun);
	return tun;
}

struct tun *tun_add_queue(const struct tun *tun)
{
	if ((tun->flags & IFF_MULTI_QUEUE) == 0)
		return NULL;
	struct tun *queue = tun_new();
	if (queue == NULL || queue->fd < 0 || attach_with(queue, tun->name, tun->flags) != 0) {
		tun_close(queue);
		return NULL;
	}
	queue->index = tun->index;
	queue->takes_udp = tun->takes_udp;
	return queue;
}

void tun_close(struct tun *tun)
{
	if (tun == NULL)
		return;
	if (tun->fd >= 0)
		close(tun->fd);
	free(tun);
}

/* Sends one request and waits for its acknowledgement. Returns 0 or a negative errno. */
static int ask_kernel(struct nlmsghdr *message)
{
	char answer[8192];
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (socket == NULL)
		return -errno;
	int error = 0;
	message->nlmsg_seq = (uint32_t)time(NULL);
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) {
		error = -errno;
	} else {
		ssize_t len = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		if (len < 0 || mnl_cb_run(answer, (size_t)len, message->nlmsg_seq, mnl_socket_get_portid(socket), NULL, NULL) < 0)
			error = -errno;
	}
	mnl_socket_close(socket);
	return error;
}

static int set_link_up(unsigned index, uint32_t mtu)
{
	char buffer[256] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_NEWLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)index;
	info->ifi_flags = info->ifi_change = IFF_UP;
	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	mnl_attr_put_u32(message, IFLA_TXQLEN, QUEUE_LENGTH);
	return ask_kernel(message);
}

static int add_address(unsigned index, const struct ip6 *address, uint8_t prefix_length)
{
	char buffer[256] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_NEWADDR;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifa_family = AF_INET6;
	info->ifa_prefixlen = prefix_length;
	info->ifa_flags = IFA_F_NODAD;
	info->ifa_scope = RT_SCOPE_UNIVERSE;
	info->ifa_index = index;
	mnl_attr_put(message, IFA_ADDRESS, sizeof(address->bytes), address->bytes);
	mnl_attr_put(message, IFA_LOCAL, sizeof(address->bytes), address->bytes);
	return ask_kernel(message);
}

int tun_bring_up(struct tun *tun, const struct ip6 *address, struct problems *problems)
{
	char text[IP6_TEXT_SIZE];
	int error = set_link_up(tun->index, TUN_MTU);
	if (error != 0) {
		problems_add(problems, "Cannot bring up the interface \"%s\": %s.", tun->name, strerror(-error));
		return error;
	}
	error = add_address(tun->index, address, TUN_PREFIX_LENGTH);
	if (error == -EACCES || error == -EOPNOTSUPP || error == -EPERM)
		problems_add(problems,
			     "Cannot give %s to the interface \"%s\": IPv6 is switched off on this machine "
			     "(sysctl net.ipv6.conf.all.disable_ipv6). Switch it on, or use --no-tun.",
			     ip6_text(address, text), tun->name);
	else if (error != 0)
		problems_add(problems, "Cannot give %s to the interface \"%s\": %s.", ip6_text(address, text), tun->name,
			     strerror(-error));
	return error;
}

uint32_t tun_index(const struct tun *tun)
{
	return (uint32_t)tun->index;
}

const char *tun_name(const struct tun *tun)
{
	return tun->name;
}

int tun_fd(const struct tun *tun)
{
	return tun->fd;
}

bool tun_takes(const struct tun *tun, enum tun_batch batch)
{
	return batch == TUN_SINGLE || (batch == TUN_TCP ? tun->has_header : tun->takes_udp);
}

static enum tun_batch batch_of(uint8_t gso_type)
{
	switch (gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return TUN_TCP;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return TUN_UDP;
	default:
		return TUN_SINGLE;
	}
}

long tun_read(struct tun *tun, const struct iovec *parts, int count, struct tun_offload *ret)
{
	struct virtio_net_hdr header = {0};
	struct iovec all[1 + TUN_PARTS_MAX] = {{&header, tun->has_header ? sizeof(header) : 0}};
	assert(count <= TUN_PARTS_MAX);
	memcpy(&all[1], parts, (size_t)count * sizeof(*parts));
	ssize_t len = readv(tun->fd, all, 1 + count);
	if (len < 0)
		return -errno;
	if ((size_t)len < all[0].iov_len)
		return -EBADMSG;
	*ret = (struct tun_offload){
		.batch = batch_of(header.gso_type),
		.segment_size = header.gso_size,
		.checksum_open = (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0,
		.checksum_start = header.csum_start,
		.checksum_offset = header.csum_offset,
	};
	return len - (ssize_t)all[0].iov_len;
}

static uint8_t gso_type_of(enum tun_batch batch)
{
	static const uint8_t types[] = {VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_UDP_L4};
	return types[batch];
}

int tun_write(struct tun *tun, const struct iovec *parts, int count, const struct tun_offload *offload)
{
	struct virtio_net_hdr header = {
		.flags = offload->checksum_open ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
		.gso_type = gso_type_of(offload->batch),
		.hdr_len = offload->header_len,
		.gso_size = offload->segment_size,
		.csum_start = offload->checksum_start,
		.csum_offset = offload->checksum_offset,
	};
	struct iovec all[1 + TUN_PARTS_MAX] = {{&header, tun->has_header ? sizeof(header) : 0}};
	assert(count <= TUN_PARTS_MAX && tun_takes(tun, offload->batch));
	memcpy(&all[1], parts, (size_t)count * sizeof(*parts));
	return writev(tun->fd, all, 1 + count) >= 0 ? 0 : -errno;
}
