// SPDX-License-Identifier: Apache-2.0
/* Beacons over a wire between two network namespaces, "here" and "there"; skipped where those are not allowed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "own_network.h"
#include "peers/beacon_socket.h"

enum { PORT = 9650, WAIT_MS = 5000, QUIET_MS = 100 };

static const uint8_t beacon[BEACON_SIZE] = "mycelium, and what follows";

static bool has_network;
static int here_namespace, there_namespace;

struct ends {
	int here, there;	      /* sockets */
	uint32_t here_index, there_index; /* of the wire's ends */
};

static void enter(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

static int namespace_of_this(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int set_up(void **state)
{
	(void)state;
	has_network = enter_own_network() && trust_addresses();
	if (!has_network)
		return 0;
	there_namespace = namespace_of_this();
	if (unshare(CLONE_NEWNET) != 0 || !trust_addresses())
		return -1;
	here_namespace = namespace_of_this();
	return 0;
}

static int socket_in(int namespace)
{
	enter(namespace);
	int fd = beacon_socket_open(PORT, false, 0);
	assert_true(fd >= 0);
	return fd;
}

/* Lays a wire: interface "here" with index 100, interface "there" with index 200. */
static void lay_wire(void)
{
	enter(here_namespace);
	assert_true(run("ip link add name here index 100 type veth peer name there index 200"));
	assert_true(run("ip link set there netns /proc/%d/fd/%d", (int)getpid(), there_namespace));
	assert_true(run("ip link set here up"));
	enter(there_namespace);
	assert_true(run("ip link set there up"));
	enter(here_namespace);
	for (int i = 0; i < 100 && !run("ip -6 address show dev here -tentative | grep -q fe80"); i++)
		usleep(10000);
	usleep(50000);
}

static void take_up_wire(void)
{
	enter(here_namespace);
	assert_true(run("ip link delete here"));
}

static struct ends connect_ends(void)
{
	if (!has_network)
		skip();
	lay_wire();
	return (struct ends){
		.here = socket_in(here_namespace), .there = socket_in(there_namespace), .here_index = 100, .there_index = 200};
}

static void disconnect_ends(struct ends ends)
{
	close(ends.here);
	close(ends.there);
	take_up_wire();
}

/* What arrives at a socket soon must be one beacon from a link-local sender on that interface. */
static void expect_beacon(int fd, uint32_t index)
{
	uint8_t bytes[BEACON_SIZE + 1];
	struct ip6 sender;
	uint32_t came_by;
	assert_true(is_readable(fd, WAIT_MS));
	assert_int_equal(beacon_socket_receive(fd, bytes, sizeof(bytes), &sender, &came_by), BEACON_SIZE);
	assert_memory_equal(bytes, beacon, BEACON_SIZE);
	assert_int_equal(came_by, index);
	assert_true(ip6_upper64(&sender) == UINT64_C(0xfe80) << 48);
	assert_int_equal(beacon_socket_receive(fd, bytes, sizeof(bytes), &sender, &came_by), -EAGAIN);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void test_options(void **state)
{
	(void)state;
	if (!has_network)
		skip();
	int fd = socket_in(here_namespace);
	assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
	assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 1);
	assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	assert_int_equal(option(fd, SOL_SOCKET, SO_MARK), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

	/* Another node of this host is told. */
	assert_int_equal(beacon_socket_open(PORT, false, 0), -EADDRINUSE);
	close(fd);
	fd = beacon_socket_open(PORT, true, 0x80000001);
	assert_true(fd >= 0);
	assert_int_equal((unsigned)option(fd, SOL_SOCKET, SO_MARK), 0x80000001);
	close(fd);
}

static void test_beacon_crosses_the_wire(void **state)
{
	(void)state;
	struct ends ends = connect_ends();
	assert_int_equal(beacon_socket_join(ends.here, ends.here_index), 0);
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	assert_int_equal(beacon_socket_send(ends.here, ends.here_index, PORT, beacon), 0);
	expect_beacon(ends.there, ends.there_index);
	assert_false(is_readable(ends.here, QUIET_MS));
	assert_int_equal(beacon_socket_send(ends.there, ends.there_index, PORT, beacon), 0);
	expect_beacon(ends.here, ends.here_index);
	disconnect_ends(ends);
}

static void test_only_where_joined(void **state)
{
	(void)state;
	struct ends ends = connect_ends();
	assert_int_equal(beacon_socket_send(ends.here, ends.here_index, PORT, beacon), 0);
	assert_false(is_readable(ends.there, QUIET_MS));
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	beacon_socket_leave(ends.there, ends.there_index);
	assert_int_equal(beacon_socket_send(ends.here, ends.here_index, PORT, beacon), 0);
	assert_false(is_readable(ends.there, QUIET_MS));
	assert_int_equal(beacon_socket_join(ends.there, 77), -ENODEV);
	assert_true(beacon_socket_send(ends.here, 77, PORT, beacon) < 0);
	beacon_socket_leave(ends.there, 77);
	disconnect_ends(ends);
}

/* The system remembers a membership by index: without leaving, the interface that comes back would stay deaf. */
static void test_interface_of_the_same_index_comes_back(void **state)
{
	(void)state;
	struct ends ends = connect_ends();
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	take_up_wire();
	lay_wire();
	beacon_socket_leave(ends.there, ends.there_index);
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	assert_int_equal(beacon_socket_send(ends.here, ends.here_index, PORT, beacon), 0);
	expect_beacon(ends.there, ends.there_index);
	disconnect_ends(ends);
}

static void test_membership_outlives_down_and_up(void **state)
{
	(void)state;
	struct ends ends = connect_ends();
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	enter(there_namespace);
	assert_true(run("ip link set there down && ip link set there up && sleep 0.2"));
	assert_int_equal(beacon_socket_send(ends.here, ends.here_index, PORT, beacon), 0);
	expect_beacon(ends.there, ends.there_index);
	disconnect_ends(ends);
}

/* A beacon of a later version may be longer: what is behind the known part is cut, the rest is there. */
static void test_long_datagram_is_cut(void **state)
{
	(void)state;
	struct ends ends = connect_ends();
	uint8_t bytes[BEACON_SIZE], sent[70];
	struct ip6 sender;
	uint32_t index;
	memset(sent, 'x', sizeof(sent));
	memcpy(sent, beacon, BEACON_SIZE);
	assert_int_equal(beacon_socket_join(ends.there, ends.there_index), 0);
	const struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_scope_id = ends.here_index,
		.sin6_addr = {.s6_addr = {0xff, 0x02, [14] = 0xca, 0xfe}}};
	assert_int_equal(sendto(ends.here, sent, sizeof(sent), 0, (const struct sockaddr *)&to, sizeof(to)), sizeof(sent));
	assert_true(is_readable(ends.there, WAIT_MS));
	assert_int_equal(beacon_socket_receive(ends.there, bytes, sizeof(bytes), &sender, &index), BEACON_SIZE);
	assert_memory_equal(bytes, beacon, BEACON_SIZE);
	assert_false(is_readable(ends.there, QUIET_MS));
	disconnect_ends(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_beacon_crosses_the_wire),
		cmocka_unit_test(test_only_where_joined),
		cmocka_unit_test(test_interface_of_the_same_index_comes_back),
		cmocka_unit_test(test_membership_outlives_down_and_up),
		cmocka_unit_test(test_long_datagram_is_cut),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
