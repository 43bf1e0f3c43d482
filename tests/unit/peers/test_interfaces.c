// SPDX-License-Identifier: Apache-2.0
/* The list of interfaces and its changes, in a network namespace of the test's own; skipped where that is not allowed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "own_network.h"
#include "peers/interfaces.h"
#include "peers/interfaces_message.h"

enum { WAIT_MS = 5000, QUIET_MS = 100 };

/* Interfaces to play with: one by itself, which has no carrier, and one that has when its other end is up. */
#define ADD_BRIDGE "ip link add one type bridge"
#define ADD_WIRE "ip link add one type veth peer name other"

static bool has_network;

static int set_up(void **state)
{
	(void)state;
	has_network = enter_own_network();
	if (has_network && !run("ip link add one type bridge && ip link delete one && " ADD_WIRE " && ip link delete one")) {
		printf("no bridges or veth pairs\n");
		has_network = false;
	}
	return 0;
}

static struct interfaces *open_watch(void)
{
	struct interfaces *interfaces = NULL;
	if (!has_network)
		skip();
	assert_int_equal(interfaces_open(&interfaces), 0);
	return interfaces;
}

static const struct interface_list *list(struct interfaces *interfaces)
{
	const struct interface_list *found = NULL;
	assert_int_equal(interfaces_list(interfaces, &found), 0);
	return found;
}

static uint64_t fingerprint(struct interfaces *interfaces)
{
	return list(interfaces)->fingerprint;
}

/* Once a new address is no longer tentative. */
static uint64_t changed_fingerprint(struct interfaces *interfaces, uint64_t before)
{
	uint64_t now = fingerprint(interfaces);
	for (int i = 0; i < 500 && now == before; i++) {
		poll(NULL, 0, 10);
		now = fingerprint(interfaces);
	}
	return now;
}

/* The entry of a name, all zero when there is none. */
static struct interface find(struct interfaces *interfaces, const char *name)
{
	const struct interface_list *all = list(interfaces);
	struct interface found = {0};
	unsigned count = 0;
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->items[i].name, name) == 0) {
			found = all->items[i];
			count++;
		}
	assert_in_range(count, 0, 1);
	return found;
}

/* The interface, once it has a link-local address: even one that is not checked is tentative for a moment. */
static struct interface find_addressed(struct interfaces *interfaces, const char *name)
{
	struct interface found = find(interfaces, name);
	for (int i = 0; i < 500 && !found.has_link_local; i++) {
		poll(NULL, 0, 10);
		found = find(interfaces, name);
	}
	return found;
}

/* All that is announced until it is quiet for a while, as one change. */
static struct network_change changes(struct interfaces *interfaces)
{
	struct network_change all = {0}, one;
	while (is_readable(interfaces_fd(interfaces), QUIET_MS)) {
		interfaces_read_change(interfaces, &one);
		all.links |= one.links;
		all.routes |= one.routes;
		all.lost |= one.lost;
		for (unsigned i = 0; i < one.removed_count && all.removed_count < INTERFACES_REMOVED_MAX; i++)
			all.removed[all.removed_count++] = one.removed[i];
	}
	return all;
}

static void test_empty_network(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	struct network_change change;
	const struct interface lo = find(interfaces, "lo");
	assert_int_equal(lo.index, if_nametoindex("lo"));
	assert_true(lo.loopback && !lo.up && !lo.running && !lo.has_link_local);
	assert_false(interfaces_read_change(interfaces, &change));
	assert_false(change.links || change.routes || change.lost);
	interfaces_close(interfaces);
	interfaces_close(NULL);
}

static void test_attributes(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	assert_true(trust_addresses());
	assert_true(run("ip link add name_15_letters mtu 1300 type veth peer name other && ip link set other up"));
	struct interface wire = find(interfaces, "name_15_letters");
	assert_int_equal(wire.index, if_nametoindex("name_15_letters"));
	assert_int_equal(wire.mtu, 1300);
	assert_false(wire.up || wire.running || wire.has_link_local || wire.loopback || wire.point_to_point);

	assert_true(run("ip link set name_15_letters multicast on up"));
	wire = find_addressed(interfaces, "name_15_letters");
	assert_true(wire.up && wire.running && wire.multicast && wire.has_link_local);
	assert_true(run("ip address flush dev name_15_letters"));
	assert_false(find(interfaces, "name_15_letters").has_link_local);
	/* Only the /64 counts. */
	assert_true(run("ip address add fe80:0:0:1::1/64 dev name_15_letters"));
	assert_true(run("ip address add 169.254.1.1/16 dev name_15_letters"));
	assert_false(find(interfaces, "name_15_letters").has_link_local);
	assert_true(run("ip address add fe80::1/128 dev name_15_letters"));
	assert_true(find_addressed(interfaces, "name_15_letters").has_link_local);
	assert_true(run("ip link delete name_15_letters"));

	if (run("ip tuntap add tun7 mode tun 2> /dev/null")) {
		assert_true(find(interfaces, "tun7").point_to_point);
		assert_true(run("ip link delete tun7"));
	}
	interfaces_close(interfaces);
}

static void test_carrier(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	assert_true(run(ADD_WIRE " && ip link set one up"));
	assert_true(find(interfaces, "one").up);
	assert_false(find(interfaces, "one").running);
	changes(interfaces);
	assert_true(run("ip link set other up"));
	assert_true(changes(interfaces).links);
	assert_true(find(interfaces, "one").running);
	assert_true(run("ip link delete one"));
	interfaces_close(interfaces);
}

/* An address counts once its uniqueness has been checked, and that moment is announced. */
static void test_tentative_address(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	struct network_change change;
	assert_true(write_setting("/proc/sys/net/ipv6/conf/default/accept_dad", "1"));
	assert_true(run(ADD_WIRE " && ip link set one up && ip link set other up"));
	unsigned announced = 0;
	while (!find(interfaces, "one").has_link_local) {
		assert_true(is_readable(interfaces_fd(interfaces), WAIT_MS));
		announced += interfaces_read_change(interfaces, &change);
	}
	assert_true(announced > 0);
	assert_true(run("ip link delete one"));
	interfaces_close(interfaces);
}

static void test_kinds_of_change(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	assert_true(trust_addresses());
	assert_true(run(ADD_BRIDGE " && ip link set one up"));
	assert_true(changes(interfaces).links);
	assert_true(run("ip address add 192.0.2.1/24 dev one"));
	assert_true(changes(interfaces).links);
	assert_true(run("ip route add 198.51.100.0/24 dev one"));
	struct network_change change = changes(interfaces);
	assert_true(change.routes && !change.links);
	assert_true(run("ip -6 route add 2001:db8::/32 dev one && ip -6 route delete 2001:db8::/32"));
	change = changes(interfaces);
	assert_true(change.routes && !change.links && !change.lost);

	uint32_t index = if_nametoindex("one");
	assert_true(run("ip link delete one && ip link add one index %u type bridge", index));
	change = changes(interfaces);
	assert_true(change.links);
	assert_int_equal(change.removed_count, 1);
	assert_int_equal(change.removed[0], index);
	assert_int_equal(find(interfaces, "one").index, index);
	assert_true(run("ip link delete one"));
	interfaces_close(interfaces);
}

static void test_ignored_interface(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	assert_true(trust_addresses());
	assert_true(run(ADD_BRIDGE " && ip link add own type bridge"));
	interfaces_ignore(interfaces, if_nametoindex("own"));
	changes(interfaces);
	uint64_t before = fingerprint(interfaces);
	assert_true(run("ip link set own up && ip address add 400::1/7 dev own && ip route add 198.51.100.0/24 dev own"));
	struct network_change change = changes(interfaces);
	assert_false(change.links || change.routes || change.lost);
	assert_true(fingerprint(interfaces) == before);
	assert_true(run("ip link delete own"));
	change = changes(interfaces);
	assert_false(change.links || change.routes || change.removed_count > 0);
	assert_true(run("ip link set one up"));
	assert_true(changes(interfaces).links);
	assert_true(run("ip link delete one"));
	interfaces_close(interfaces);
}

static void test_fingerprint(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	assert_true(trust_addresses());
	uint64_t empty = fingerprint(interfaces);
	assert_true(run(ADD_WIRE " && ip link set other addrgenmode none && ip link set lo up"));
	assert_true(fingerprint(interfaces) == empty);
	assert_true(run("ip link set one addrgenmode none up && ip link set other up"));
	uint64_t up = fingerprint(interfaces);
	assert_true(up != empty);
	assert_true(run("ip link set one mtu 1400 alias x"));
	assert_true(fingerprint(interfaces) == up);
	assert_true(run("ip address add 192.0.2.1/24 dev one"));
	uint64_t ipv4 = fingerprint(interfaces);
	assert_true(ipv4 != up);
	assert_true(run("ip address add 2001:db8::1/64 dev one"));
	uint64_t both = changed_fingerprint(interfaces, ipv4);
	assert_true(both != up && both != ipv4);
	/* What a router advertisement does each time. */
	assert_true(run("ip address change 2001:db8::1/64 dev one valid_lft 1000 preferred_lft 500"));
	assert_true(changes(interfaces).links);
	assert_true(fingerprint(interfaces) == both);
	assert_true(run("ip address flush dev one"));
	assert_true(fingerprint(interfaces) == up);
	assert_true(run("ip link delete one && ip link set lo down"));
	assert_true(fingerprint(interfaces) == empty);
	interfaces_close(interfaces);
}

/* More than waits to be read is lost, and said to be. */
static void test_overrun(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	struct network_change change;
	const int small = 1;
	assert_int_equal(setsockopt(interfaces_fd(interfaces), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_true(run(ADD_BRIDGE "; for i in 1 2 3 4 5 6 7 8; do ip link set one up; ip link set one down; done"));
	assert_true(changes(interfaces).lost);
	assert_true(run("ip link set one mtu 1400"));
	change = changes(interfaces);
	assert_true(change.links && !change.lost);
	assert_true(run("ip link delete one"));
	interfaces_close(interfaces);
}

/* A flood is read in bounded pieces, of which none is lost. */
static void test_flood(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	struct network_change change;
	assert_true(run(ADD_BRIDGE " && ip link set one up"));
	changes(interfaces);
	assert_true(run("for i in $(seq 1 200); do echo route add 10.0.$i.0/24 dev one; done | ip -batch -"));
	unsigned pieces = 0;
	while (interfaces_read_change(interfaces, &change)) {
		assert_true(change.routes && !change.lost);
		pieces++;
	}
	assert_in_range(pieces, 4, 6);
	assert_true(run("ip link delete one"));
	interfaces_close(interfaces);
}

static void test_many_interfaces(void **state)
{
	(void)state;
	struct interfaces *interfaces = open_watch();
	struct network_change change;
	size_t before = list(interfaces)->count;
	assert_true(run("for i in $(seq 1 50); do echo link add many$i type veth peer name other$i; done | ip -batch -"));
	assert_int_equal(list(interfaces)->count, before + 100);
	changes(interfaces);
	assert_true(run("for i in $(seq 1 50); do echo link delete many$i; done | ip -batch -"));
	unsigned removed = 0;
	while (interfaces_read_change(interfaces, &change)) {
		assert_false(change.lost);
		removed += change.removed_count;
	}
	assert_int_equal(removed, 100);
	assert_int_equal(list(interfaces)->count, before);
	interfaces_close(interfaces);
}

/* ---- messages that a namespace does not bring forth ---------------------------------------------------------------- */

static struct nlmsghdr *link_message(char *buffer, uint16_t type, uint8_t family, uint32_t index)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_family = family;
	info->ifi_index = (int)index;
	return message;
}

static void test_messages_that_are_no_change(void **state)
{
	(void)state;
	_Alignas(16) char buffer[256] = {0};
	struct network_change change = {0};
	struct nlmsghdr *message = link_message(buffer, RTM_DELLINK, AF_BRIDGE, 3);
	interfaces_message_change(message, message->nlmsg_len, 0, &change);
	message = link_message(buffer, RTM_NEWLINK, AF_UNSPEC, 3);
	mnl_attr_put_u32(message, IFLA_WIRELESS, 1);
	interfaces_message_change(message, message->nlmsg_len, 0, &change);
	assert_false(change.links || change.routes || change.lost || change.removed_count > 0);
}

static void test_more_removed_than_are_told(void **state)
{
	(void)state;
	_Alignas(16) char buffer[256] = {0};
	struct network_change change = {0};
	for (uint32_t i = 1; i <= INTERFACES_REMOVED_MAX + 1; i++) {
		assert_false(change.lost);
		struct nlmsghdr *message = link_message(buffer, RTM_DELLINK, AF_UNSPEC, i);
		interfaces_message_change(message, message->nlmsg_len, 0, &change);
		assert_true(change.links);
	}
	assert_true(change.lost);
	assert_int_equal(change.removed_count, INTERFACES_REMOVED_MAX);
}

static void test_list_is_bounded(void **state)
{
	(void)state;
	_Alignas(16) char buffer[256] = {0};
	struct interface_list *all = calloc(1, sizeof(*all));
	assert_non_null(all);
	for (uint32_t i = 1; i <= INTERFACES_MAX + 3; i++) {
		struct nlmsghdr *message = link_message(buffer, RTM_NEWLINK, AF_UNSPEC, i);
		mnl_attr_put_str(message, IFLA_IFNAME, "0123456789abcdefgh");
		assert_int_equal(interfaces_message_list(message, message->nlmsg_len, 0, 0, 0, all), 1);
	}
	assert_int_equal(all->count, INTERFACES_MAX);
	assert_int_equal(all->left_out, 3);
	assert_string_equal(all->items[0].name, "0123456789abcde");
	free(all);
}

static void test_end_and_interruption(void **state)
{
	(void)state;
	_Alignas(16) char buffer[256] = {0};
	struct interface_list *all = calloc(1, sizeof(*all));
	assert_non_null(all);
	struct nlmsghdr *message = link_message(buffer, RTM_NEWLINK, AF_UNSPEC, 1);
	message->nlmsg_flags = NLM_F_DUMP_INTR;
	assert_int_equal(interfaces_message_list(message, message->nlmsg_len, 0, 0, 0, all), -EINTR);
	message->nlmsg_flags = 0;
	message->nlmsg_type = NLMSG_DONE;
	assert_int_equal(interfaces_message_list(message, message->nlmsg_len, 0, 0, 0, all), 0);
	message->nlmsg_seq = 5;
	assert_true(interfaces_message_list(message, message->nlmsg_len, 6, 0, 0, all) < 0);
	message->nlmsg_type = NLMSG_ERROR;
	assert_true(interfaces_message_list(message, message->nlmsg_len, 0, 0, 0, all) < 0);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_network),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_carrier),
		cmocka_unit_test(test_tentative_address),
		cmocka_unit_test(test_kinds_of_change),
		cmocka_unit_test(test_ignored_interface),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_many_interfaces),
		cmocka_unit_test(test_messages_that_are_no_change),
		cmocka_unit_test(test_more_removed_than_are_told),
		cmocka_unit_test(test_list_is_bounded),
		cmocka_unit_test(test_end_and_interruption),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
