// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tun/tun.h"

static const char device_path[] = "/dev/net/tun";

struct tun {
	int fd;
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

struct tun *tun_open(const char *name, struct problems *problems)
{
	if (strlen(name) > TUN_NAME_MAX) {
		problems_add(problems, "Interface names have at most %d characters, \"%s\" has more. Shorten --tun-name.",
			     TUN_NAME_MAX, name);
		return NULL;
	}
	struct tun *tun = calloc(1, sizeof(*tun));
	if (tun == NULL) {
		problems_add(problems, "Cannot create the interface \"%s\": out of memory.", name);
		return NULL;
	}
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	tun->fd = open(device_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun->fd < 0 || ioctl(tun->fd, TUNSETIFF, &request) != 0) {
		explain_open(problems, name, errno);
		tun_close(tun);
		return NULL;
	}
	memcpy(tun->name, request.ifr_name, IFNAMSIZ);
	tun->name[IFNAMSIZ - 1] = 0;
	tun->index = if_nametoindex(tun->name);
	return tun;
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

const char *tun_name(const struct tun *tun)
{
	return tun->name;
}

int tun_fd(const struct tun *tun)
{
	return tun->fd;
}

long tun_read(struct tun *tun, uint8_t *packet, size_t capacity)
{
	ssize_t len = read(tun->fd, packet, capacity);
	return len >= 0 ? len : -errno;
}

int tun_write(struct tun *tun, const uint8_t *packet, size_t len)
{
	return write(tun->fd, packet, len) >= 0 ? 0 : -errno;
}
