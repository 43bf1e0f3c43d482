// SPDX-License-Identifier: Apache-2.0
#include "peers/interfaces_message.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/ip6.h"

struct listing {
	struct interface_list *list;
	uint32_t ignored;
};

static const struct subnet link_local = {.addr.bytes = {0xfe, 0x80}, .len = 64};

/* Whether a datagram is made of messages, each as long as it says: libmnl takes lengths above 2^31 for negative ones. */
static bool is_whole(const void *bytes, size_t len)
{
	struct reader r = reader_init(bytes, len);
	while (reader_left(&r) > 0) {
		struct nlmsghdr header;
		read_copy(&r, &header, sizeof(header));
		size_t padded = NLMSG_ALIGN((size_t)header.nlmsg_len), left = reader_left(&r);
		if (r.failed || header.nlmsg_len < sizeof(header) || header.nlmsg_len - sizeof(header) > left)
			return false;
		read_skip(&r, padded - sizeof(header) < left ? padded - sizeof(header) : left);
	}
	return true;
}

/* The attributes of a message by type, those that matter here: IFLA_WIRELESS is the highest. */
struct attributes {
	const struct nlattr *of[IFLA_WIRELESS + 1];
};

static int on_attribute(const struct nlattr *attribute, void *context)
{
	struct attributes *attributes = context;
	if (mnl_attr_get_type(attribute) <= IFLA_WIRELESS)
		attributes->of[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

/* Takes a message apart, whose fixed part has `size` bytes. Returns that part, or NULL when it is not all there. */
static const void *take_apart(const struct nlmsghdr *message, size_t size, struct attributes *ret)
{
	*ret = (struct attributes){0};
	if (mnl_nlmsg_get_payload_len(message) < size)
		return NULL;
	mnl_attr_parse(message, (unsigned)size, on_attribute, ret);
	return mnl_nlmsg_get_payload(message);
}

/* The number in an attribute; `otherwise` when it is missing or none. */
static uint32_t number_of(const struct nlattr *attribute, uint32_t otherwise)
{
	bool is_number = attribute != NULL && mnl_attr_get_payload_len(attribute) == sizeof(uint32_t);
	return is_number ? mnl_attr_get_u32(attribute) : otherwise;
}

/* One number for a piece of what is there; the sum of all of them does not depend on their order. */
static void add_to_fingerprint(struct interface_list *list, uint32_t index, const void *bytes, size_t len)
{
	static const struct hash_key key = {0};
	uint8_t piece[sizeof(index) + sizeof(struct ip6)];
	memcpy(piece, &index, sizeof(index));
	if (len > 0)
		memcpy(&piece[sizeof(index)], bytes, len);
	list->fingerprint += hash_bytes(&key, piece, sizeof(index) + len);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static void copy_name(struct interface *interface, const struct nlattr *name)
{
	size_t len = name != NULL ? mnl_attr_get_payload_len(name) : 0;
	if (len > 0)
		memcpy(interface->name, mnl_attr_get_payload(name), len < INTERFACE_NAME_SIZE ? len : INTERFACE_NAME_SIZE - 1);
}

static bool counts(const struct interface *interface, const struct listing *listing)
{
	return interface->running && !interface->loopback && interface->index != listing->ignored;
}

static void read_link(const struct nlmsghdr *message, const struct listing *listing)
{
	struct interface_list *list = listing->list;
	struct attributes attributes;
	const struct ifinfomsg *info = take_apart(message, sizeof(*info), &attributes);
	if (info == NULL)
		return;
	if (list->count == INTERFACES_MAX) {
		list->left_out++;
		return;
	}
	struct interface *interface = &list->items[list->count++];
	*interface = (struct interface){
		.index = (uint32_t)info->ifi_index,
		.mtu = number_of(attributes.of[IFLA_MTU], 0),
		.up = (info->ifi_flags & IFF_UP) != 0,
		.running = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0,
		.multicast = (info->ifi_flags & IFF_MULTICAST) != 0,
		.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0,
		.point_to_point = (info->ifi_flags & IFF_POINTOPOINT) != 0,
	};
	copy_name(interface, attributes.of[IFLA_IFNAME]);
	if (counts(interface, listing))
		add_to_fingerprint(list, interface->index, NULL, 0);
}

static struct interface *find(struct interface_list *list, uint32_t index)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].index == index)
			return &list->items[i];
	return NULL;
}

/* An address whose uniqueness is being checked cannot be sent from yet, an optimistic one (RFC 4429) can. */
static bool is_usable(const struct ifaddrmsg *info)
{
	return (info->ifa_flags & IFA_F_DADFAILED) == 0 &&
	       ((info->ifa_flags & IFA_F_TENTATIVE) == 0 || (info->ifa_flags & IFA_F_OPTIMISTIC) != 0);
}

static void read_address(const struct nlmsghdr *message, const struct listing *listing)
{
	struct attributes attributes;
	const struct ifaddrmsg *info = take_apart(message, sizeof(*info), &attributes);
	struct interface *interface = info != NULL ? find(listing->list, info->ifa_index) : NULL;
	if (interface == NULL || !is_usable(info))
		return;
	/* With a point-to-point link IFA_ADDRESS is the other end. Else IFA_LOCAL, which is ours, may be missing. */
	const struct nlattr *own = attributes.of[attributes.of[IFA_LOCAL] != NULL ? IFA_LOCAL : IFA_ADDRESS];
	size_t len = own != NULL ? mnl_attr_get_payload_len(own) : 0;
	if (len != (info->ifa_family == AF_INET6 ? sizeof(struct ip6) : sizeof(struct in_addr)))
		return;
	struct ip6 address = {0};
	memcpy(address.bytes, mnl_attr_get_payload(own), len);
	if (info->ifa_family == AF_INET6 && subnet_contains(&link_local, &address))
		interface->has_link_local = true;
	if (counts(interface, listing))
		add_to_fingerprint(listing->list, interface->index, address.bytes, len);
}

static int on_listed(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type == RTM_NEWLINK)
		read_link(message, context);
	else if (message->nlmsg_type == RTM_NEWADDR)
		read_address(message, context);
	return MNL_CB_OK;
}

int interfaces_message_list(const void *bytes, size_t len, uint32_t sequence, uint32_t port, uint32_t ignored,
			    struct interface_list *list)
{
	struct listing listing = {.list = list, .ignored = ignored};
	if (!is_whole(bytes, len))
		return -EBADMSG;
	int result = mnl_cb_run(bytes, len, sequence, port, on_listed, &listing);
	return result < 0 ? -errno : result == MNL_CB_OK;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static void note_removed(struct network_change *change, uint32_t index)
{
	if (change->removed_count < INTERFACES_REMOVED_MAX)
		change->removed[change->removed_count++] = index;
	else
		change->lost = true;
}

/* Bridges send messages about their ports with their own family, and radio drivers about scans: neither is a change. */
static void read_link_change(const struct nlmsghdr *message, uint32_t ignored, struct network_change *change)
{
	struct attributes attributes;
	const struct ifinfomsg *info = take_apart(message, sizeof(*info), &attributes);
	if (info == NULL || info->ifi_family != AF_UNSPEC || (uint32_t)info->ifi_index == ignored ||
	    attributes.of[IFLA_WIRELESS] != NULL)
		return;
	change->links = true;
	if (message->nlmsg_type == RTM_DELLINK)
		note_removed(change, (uint32_t)info->ifi_index);
}

static void read_address_change(const struct nlmsghdr *message, uint32_t ignored, struct network_change *change)
{
	struct attributes attributes;
	const struct ifaddrmsg *info = take_apart(message, sizeof(*info), &attributes);
	if (info != NULL && info->ifa_index != ignored)
		change->links = true;
}

/* The local table follows the addresses, and cloned routes are a cache. */
static void read_route_change(const struct nlmsghdr *message, uint32_t ignored, struct network_change *change)
{
	struct attributes attributes;
	const struct rtmsg *info = take_apart(message, sizeof(*info), &attributes);
	if (info == NULL || info->rtm_table == RT_TABLE_LOCAL || (info->rtm_flags & RTM_F_CLONED) != 0)
		return;
	uint32_t out = number_of(attributes.of[RTA_OIF], 0);
	if (out == 0 || out != ignored)
		change->routes = true;
}

void interfaces_message_change(const void *bytes, size_t len, uint32_t ignored, struct network_change *change)
{
	int left = (int)len;
	if (!is_whole(bytes, len)) {
		change->lost = true;
		return;
	}
	for (const struct nlmsghdr *message = bytes; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		switch (message->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
			read_link_change(message, ignored, change);
			break;
		case RTM_NEWADDR:
		case RTM_DELADDR:
			read_address_change(message, ignored, change);
			break;
		case RTM_NEWROUTE:
		case RTM_DELROUTE:
			read_route_change(message, ignored, change);
			break;
		default:
			break;
		}
}
