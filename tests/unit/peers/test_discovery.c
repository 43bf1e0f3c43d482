// SPDX-License-Identifier: Apache-2.0
/* The policy of local discovery in virtual time. The caller that every test plays joins what it is told to join. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "peers/discovery.h"
#include "wire/beacon.h"

enum { START_MS = 1000000, TAKEN_MAX = 512 };

static const struct router_id own = {{0x8f, 0x40}};

struct scene {
	struct discovery *discovery;
	uint64_t now_ms;
	struct interface interfaces[512];
	size_t interface_count;
	bool list_fails;
	int join_error;
	unsigned lists, complaints;
	struct discovery_action taken[TAKEN_MAX]; /* since the last look, lists left out */
	size_t taken_count;
};

static void take_actions(struct scene *scene)
{
	struct discovery_action action;
	while (discovery_next_action(scene->discovery, &action)) {
		if (action.type == DISCOVERY_LIST) {
			scene->lists++;
			if (!scene->list_fails)
				discovery_interfaces(scene->discovery, scene->interfaces, scene->interface_count, scene->now_ms);
			continue;
		}
		assert_true(scene->taken_count < TAKEN_MAX);
		scene->taken[scene->taken_count++] = action;
		if (action.type == DISCOVERY_JOIN)
			scene->complaints += discovery_joined(scene->discovery, action.index, scene->join_error);
	}
}

static struct scene *scene_new(const char *const *names, size_t name_count)
{
	const struct discovery_config config = {.router_id = own, .tcp_port = 4711, .names = names, .name_count = name_count};
	struct scene *scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	scene->now_ms = START_MS;
	scene->discovery = discovery_new(&config, START_MS);
	assert_non_null(scene->discovery);
	return scene;
}

static void scene_free(struct scene *scene)
{
	discovery_free(scene->discovery);
	free(scene);
}

static struct interface *plug(struct scene *scene, uint32_t index, const char *name)
{
	struct interface *interface = &scene->interfaces[scene->interface_count++];
	*interface = (struct interface){
		.index = index, .mtu = 1500, .up = true, .running = true, .multicast = true, .has_link_local = true};
	snprintf(interface->name, sizeof(interface->name), "%s", name);
	return interface;
}

/* Lets time pass until then, with every deadline on the way. */
static void run_until(struct scene *scene, uint64_t until_ms)
{
	for (uint64_t at; (at = discovery_next_deadline(scene->discovery)) <= until_ms;) {
		scene->now_ms = at > scene->now_ms ? at : scene->now_ms;
		discovery_tick(scene->discovery, scene->now_ms);
		take_actions(scene);
	}
	scene->now_ms = until_ms;
}

static void run_for(struct scene *scene, uint64_t duration_ms)
{
	run_until(scene, scene->now_ms + duration_ms);
}

static void change_links(struct scene *scene)
{
	const struct network_change change = {.links = true};
	discovery_network_changed(scene->discovery, &change, scene->now_ms);
	take_actions(scene);
}

/* Exactly these actions were taken, each as type and interface. */
static void expect_(struct scene *scene, const unsigned (*wanted)[2], size_t count)
{
	assert_int_equal(scene->taken_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(scene->taken[i].type, wanted[i][0]);
		assert_int_equal(scene->taken[i].index, wanted[i][1]);
	}
	scene->taken_count = 0;
}

#define expect(scene, ...) \
	expect_(scene, (const unsigned[][2]){__VA_ARGS__}, sizeof((const unsigned[][2]){__VA_ARGS__}) / sizeof(unsigned[2]))

static void expect_nothing(struct scene *scene)
{
	expect_(scene, NULL, 0);
}

/* The `n`-th neighbour of a link. */
static struct ip6 neighbour(unsigned n)
{
	struct ip6 address = {{0xfe, 0x80}};
	for (size_t i = 0; i < 4; i++)
		address.bytes[15 - i] = (uint8_t)(n >> (8 * i));
	return address;
}

static void hear(struct scene *scene, const struct ip6 *sender, uint32_t index, uint16_t port)
{
	const struct beacon beacon = {.tcp_port = port, .router_id = {{0x77}}};
	uint8_t bytes[BEACON_SIZE];
	beacon_write(&beacon, bytes);
	discovery_received(scene->discovery, sender, index, bytes, sizeof(bytes), scene->now_ms);
	take_actions(scene);
}

static void hear_nth(struct scene *scene, unsigned n, uint32_t index)
{
	struct ip6 sender = neighbour(n);
	hear(scene, &sender, index, 9651);
}

static void expect_found(struct scene *scene, unsigned n, uint32_t index, uint16_t port)
{
	struct ip6 address = neighbour(n);
	assert_int_equal(scene->taken_count, 1);
	assert_int_equal(scene->taken[0].type, DISCOVERY_FOUND);
	const struct endpoint *endpoint = &scene->taken[0].endpoint;
	const struct endpoint wanted = {
		.protocol = ENDPOINT_TCP, .family = ENDPOINT_IPV6, .address = address, .port = port, .scope = index};
	assert_true(endpoint_equal(endpoint, &wanted));
	scene->taken_count = 0;
}

/* ---- interfaces -------------------------------------------------------------------------------------------------- */

static void test_joins_and_sends_in_rounds(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	plug(scene, 3, "wlan0");
	assert_int_equal(discovery_next_deadline(scene->discovery), START_MS);
	run_for(scene, 0);
	expect(scene, {DISCOVERY_JOIN, 2}, {DISCOVERY_JOIN, 3}, {DISCOVERY_SEND, 2}, {DISCOVERY_SEND, 3});
	assert_int_equal(discovery_joined_count(scene->discovery), 2);
	run_for(scene, 59999);
	expect_nothing(scene);
	run_for(scene, 1);
	expect(scene, {DISCOVERY_SEND, 2}, {DISCOVERY_SEND, 3});
	/* Missed rounds are not made up for. */
	scene->now_ms += 10 * DISCOVERY_ROUND_MS;
	run_for(scene, 0);
	expect(scene, {DISCOVERY_SEND, 2}, {DISCOVERY_SEND, 3});
	assert_int_equal(discovery_counters(scene->discovery)->sent, 6);
	scene_free(scene);
}

static void test_beacon_announces_port_and_identity(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	static const uint8_t start[] = {'m', 'y', 'c', 'e', 'l', 'i', 'u', 'm', 4711 >> 8, 4711 & 0xff};
	const uint8_t *beacon = discovery_beacon(scene->discovery);
	assert_memory_equal(beacon, start, sizeof(start));
	assert_memory_equal(&beacon[sizeof(start)], own.bytes, ROUTER_ID_SIZE);
	scene_free(scene);
}

static void test_unusable_interfaces(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 1, "lo")->loopback = true;
	plug(scene, 2, "tun0")->point_to_point = true;
	plug(scene, 3, "down0")->up = false;
	plug(scene, 4, "unplugged0")->running = false;
	plug(scene, 5, "nbma0")->multicast = false;
	plug(scene, 6, "ipv4only0")->has_link_local = false;
	run_for(scene, 3 * DISCOVERY_ROUND_MS);
	expect_nothing(scene);
	assert_int_equal(discovery_joined_count(scene->discovery), 0);

	/* Each is used as soon as it can be, and left when it no longer can. */
	scene->interfaces[3].running = true;
	change_links(scene);
	run_for(scene, DISCOVERY_LIST_GAP_MS);
	expect(scene, {DISCOVERY_JOIN, 4}, {DISCOVERY_SEND, 4});
	scene->interfaces[3].has_link_local = false;
	change_links(scene);
	run_for(scene, DISCOVERY_LIST_GAP_MS);
	expect(scene, {DISCOVERY_LEAVE, 4});
	scene_free(scene);
}

static void test_filter_takes_exact_names(void **state)
{
	(void)state;
	static const char *const names[] = {"eth1", "lo", "tun0", "a_name_that_no_interface_has", ""};
	struct scene *scene = scene_new(names, 5);
	plug(scene, 1, "lo")->loopback = true;
	plug(scene, 2, "eth10");
	plug(scene, 3, "eth");
	plug(scene, 4, "ETH1");
	plug(scene, 5, "tun0")->point_to_point = true;
	plug(scene, 6, "a_name_that_no_");
	plug(scene, 7, "");
	run_for(scene, 100);
	expect_nothing(scene);

	/* It may come later. Beacons are taken from it alone. */
	plug(scene, 9, "eth1");
	change_links(scene);
	run_for(scene, DISCOVERY_LIST_GAP_MS);
	expect(scene, {DISCOVERY_JOIN, 9}, {DISCOVERY_SEND, 9});
	hear_nth(scene, 1, 2);
	expect_nothing(scene);
	hear_nth(scene, 1, 9);
	expect_found(scene, 1, 9, 9651);
	assert_int_equal(discovery_counters(scene->discovery)->not_joined, 1);

	/* Renamed, it is another. */
	snprintf(scene->interfaces[7].name, INTERFACE_NAME_SIZE, "uplink");
	change_links(scene);
	run_for(scene, DISCOVERY_LIST_GAP_MS);
	expect(scene, {DISCOVERY_LEAVE, 9});
	scene_free(scene);
}

static void test_interface_comes_back(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	run_for(scene, 10);
	expect(scene, {DISCOVERY_JOIN, 2}, {DISCOVERY_SEND, 2});

	scene->interface_count = 0;
	change_links(scene);
	run_for(scene, 1000);
	expect(scene, {DISCOVERY_LEAVE, 2});
	plug(scene, 7, "eth0");
	change_links(scene);
	run_for(scene, 0);
	expect(scene, {DISCOVERY_JOIN, 7}, {DISCOVERY_SEND, 7});

	scene->interface_count = 0;
	change_links(scene);
	run_for(scene, 1000);
	plug(scene, 7, "eth0");
	change_links(scene);
	run_for(scene, 1000);
	expect(scene, {DISCOVERY_LEAVE, 7}, {DISCOVERY_JOIN, 7}, {DISCOVERY_SEND, 7});
	scene_free(scene);
}

/* Between two lists an interface may be removed and one of the same index made, and no list shows it. */
static void test_interface_replaced_between_lists(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	plug(scene, 3, "eth1");
	run_for(scene, 1000);
	scene->taken_count = 0;

	const struct network_change removed = {.links = true, .removed_count = 2, .removed = {5, 2}};
	discovery_network_changed(scene->discovery, &removed, scene->now_ms);
	take_actions(scene);
	run_for(scene, 0);
	expect(scene, {DISCOVERY_LEAVE, 2}, {DISCOVERY_JOIN, 2}, {DISCOVERY_SEND, 2});

	/* When messages were lost it may have happened to each, which is looked after in the next round. */
	const struct network_change lost = {.links = true, .routes = true, .lost = true};
	discovery_network_changed(scene->discovery, &lost, scene->now_ms);
	run_for(scene, 1000);
	expect_nothing(scene);
	run_for(scene, DISCOVERY_ROUND_MS);
	expect(scene, {DISCOVERY_LEAVE, 3}, {DISCOVERY_LEAVE, 2}, {DISCOVERY_JOIN, 2}, {DISCOVERY_JOIN, 3},
	       {DISCOVERY_SEND, 2}, {DISCOVERY_SEND, 3});
	run_for(scene, DISCOVERY_ROUND_MS);
	expect(scene, {DISCOVERY_SEND, 2}, {DISCOVERY_SEND, 3});
	assert_int_equal(discovery_joined_count(scene->discovery), 2);
	scene_free(scene);
}

static void test_join_is_tried_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	scene->join_error = -ENOBUFS;
	run_for(scene, 2 * DISCOVERY_ROUND_MS);
	expect(scene, {DISCOVERY_JOIN, 2}, {DISCOVERY_JOIN, 2}, {DISCOVERY_JOIN, 2});
	assert_int_equal(scene->complaints, 1);
	assert_int_equal(discovery_counters(scene->discovery)->join_failures, 3);
	hear_nth(scene, 1, 2);
	expect_nothing(scene);
	scene->join_error = 0;
	run_for(scene, DISCOVERY_ROUND_MS);
	expect(scene, {DISCOVERY_JOIN, 2}, {DISCOVERY_SEND, 2});

	/* One that never was joined is not left. */
	plug(scene, 3, "eth1");
	scene->join_error = -ENODEV;
	change_links(scene);
	run_for(scene, 1000);
	scene->interface_count = 1;
	change_links(scene);
	run_for(scene, 1000);
	expect(scene, {DISCOVERY_JOIN, 3});
	scene_free(scene);
}

static void test_changes_are_bundled(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	run_for(scene, 0);
	for (unsigned i = 0; i < 10000; i++) {
		change_links(scene);
		run_for(scene, i % 10 == 0);
	}
	assert_in_range(scene->lists, 4, 6);
	const struct network_change routes = {.routes = true};
	run_for(scene, 1000);
	unsigned lists = scene->lists;
	discovery_network_changed(scene->discovery, &routes, scene->now_ms);
	run_for(scene, 1000);
	assert_int_equal(scene->lists, lists);
	scene_free(scene);
}

static void test_list_fails(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	run_for(scene, 0);
	scene->taken_count = 0;
	scene->list_fails = true;
	scene->interface_count = 0;
	run_for(scene, DISCOVERY_ROUND_MS);
	expect(scene, {DISCOVERY_SEND, 2});
	scene->list_fails = false;
	run_for(scene, DISCOVERY_ROUND_MS);
	expect(scene, {DISCOVERY_LEAVE, 2});
	scene_free(scene);
}

static void test_interfaces_are_bounded(void **state)
{
	(void)state;
	struct scene *scene = scene_new(NULL, 0);
	for (uint32_t i = 0; i < DISCOVERY_INTERFACES_MAX + 10; i++)
		plug(scene, 100 + i, "veth");
	run_for(scene, 0);
	assert_int_equal(discovery_joined_count(scene->discovery), DISCOVERY_INTERFACES_MAX);
	assert_int_equal(discovery_counters(scene->discovery)->refused_interfaces, 10);
	scene->interface_count = 0;
	scene->taken_count = 0;
	change_links(scene);
	run_for(scene, 1000);
	assert_int_equal(scene->taken_count, DISCOVERY_INTERFACES_MAX);
	assert_int_equal(discovery_joined_count(scene->discovery), 0);
	scene_free(scene);
}

/* ---- beacons ----------------------------------------------------------------------------------------------------- */

static struct scene *scene_on_eth0(void)
{
	struct scene *scene = scene_new(NULL, 0);
	plug(scene, 2, "eth0");
	plug(scene, 3, "eth1");
	run_for(scene, 0);
	scene->taken_count = 0;
	return scene;
}

static void test_neighbour_is_found(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	hear_nth(scene, 1, 2);
	expect_found(scene, 1, 2, 9651);
	/* The same through another interface is another endpoint. */
	hear_nth(scene, 1, 3);
	expect_found(scene, 1, 3, 9651);
	/* Again only after a while: it may have been forgotten meanwhile. */
	hear_nth(scene, 1, 2);
	run_for(scene, DISCOVERY_REPEAT_MS - 1);
	hear_nth(scene, 1, 2);
	expect_nothing(scene);
	run_for(scene, 1);
	hear_nth(scene, 1, 2);
	expect_found(scene, 1, 2, 9651);
	assert_int_equal(discovery_counters(scene->discovery)->found, 2);
	assert_int_equal(discovery_counters(scene->discovery)->heard_again, 3);
	/* Started anew with another port. */
	struct ip6 sender = neighbour(1);
	hear(scene, &sender, 2, 9999);
	expect_found(scene, 1, 2, 9999);
	scene_free(scene);
}

static void test_private_network(void **state)
{
	(void)state;
	const struct discovery_config config = {.router_id = own, .tcp_port = 1, .protocol = ENDPOINT_TLS};
	struct scene *scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	scene->discovery = discovery_new(&config, 0);
	plug(scene, 2, "eth0");
	run_for(scene, 0);
	scene->taken_count = 0;
	hear_nth(scene, 1, 2);
	assert_int_equal(scene->taken_count, 1);
	assert_int_equal(scene->taken[0].endpoint.protocol, ENDPOINT_TLS);
	scene_free(scene);
}

static void test_lengths(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	const struct beacon beacon = {.tcp_port = 9651, .router_id = {{0x77}}};
	uint8_t bytes[70] = {0};
	beacon_write(&beacon, bytes);
	static const size_t accepted[] = {50, 51, 70}, refused[] = {0, 1, 10, 49};
	for (unsigned i = 0; i < 3; i++) {
		struct ip6 sender = neighbour(1 + i);
		discovery_received(scene->discovery, &sender, 2, bytes, accepted[i], scene->now_ms);
		take_actions(scene);
		expect_found(scene, 1 + i, 2, 9651);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct ip6 sender = neighbour(10 + i);
		discovery_received(scene->discovery, &sender, 2, bytes, refused[i], scene->now_ms);
	}
	bytes[0] ^= 1;
	struct ip6 sender = neighbour(20);
	discovery_received(scene->discovery, &sender, 2, bytes, 50, scene->now_ms);
	take_actions(scene);
	expect_nothing(scene);
	assert_int_equal(discovery_counters(scene->discovery)->malformed, 5);
	scene_free(scene);
}

static void test_refused_beacons(void **state)
{
	(void)state;
	static const char *const senders[] = {"fe80:0:0:1::1", "fe81::1", "febf::1", "fd00::1", "2001:db8::1", "430::1",
					      "::ffff:192.0.2.1", "::1", "::"};
	struct scene *scene = scene_on_eth0();
	struct ip6 sender;
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		assert_int_equal(ip6_parse(senders[i], &sender), 0);
		hear(scene, &sender, 2, 9651);
	}
	assert_int_equal(discovery_counters(scene->discovery)->not_link_local, sizeof(senders) / sizeof(senders[0]));

	sender = neighbour(1);
	hear(scene, &sender, 2, 0);
	assert_int_equal(discovery_counters(scene->discovery)->malformed, 1);
	hear(scene, &sender, 4, 9651);
	hear(scene, &sender, 0, 9651);
	assert_int_equal(discovery_counters(scene->discovery)->not_joined, 2);

	const uint8_t *own_beacon = discovery_beacon(scene->discovery);
	discovery_received(scene->discovery, &sender, 2, own_beacon, BEACON_SIZE, scene->now_ms);
	take_actions(scene);
	assert_int_equal(discovery_counters(scene->discovery)->own, 1);
	expect_nothing(scene);

	/* The same key started anew is another node to discovery: all 40 bytes count. */
	uint8_t other[BEACON_SIZE];
	memcpy(other, own_beacon, BEACON_SIZE);
	other[BEACON_SIZE - 1] ^= 1;
	discovery_received(scene->discovery, &sender, 2, other, BEACON_SIZE, scene->now_ms);
	take_actions(scene);
	expect_found(scene, 1, 2, 4711);
	scene_free(scene);
}

/* A neighbour that was heard but not yet told of is not told of once its interface is gone. */
static void test_interface_goes_before_neighbour_is_told(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	const struct beacon beacon = {.tcp_port = 9651, .router_id = {{0x77}}};
	uint8_t bytes[BEACON_SIZE];
	struct ip6 sender = neighbour(1);
	beacon_write(&beacon, bytes);
	discovery_received(scene->discovery, &sender, 2, bytes, sizeof(bytes), scene->now_ms);
	discovery_received(scene->discovery, &sender, 3, bytes, sizeof(bytes), scene->now_ms);
	discovery_interfaces(scene->discovery, &scene->interfaces[1], 1, scene->now_ms);
	struct discovery_action action;
	assert_true(discovery_next_action(scene->discovery, &action));
	assert_int_equal(action.type, DISCOVERY_LEAVE);
	assert_true(discovery_next_action(scene->discovery, &action));
	assert_int_equal(action.type, DISCOVERY_FOUND);
	assert_int_equal(action.endpoint.scope, 3);
	assert_false(discovery_next_action(scene->discovery, &action));
	scene_free(scene);
}

/* ---- floods ------------------------------------------------------------------------------------------------------ */

static unsigned count_found(struct scene *scene)
{
	unsigned found = 0;
	for (size_t i = 0; i < scene->taken_count; i++)
		found += scene->taken[i].type == DISCOVERY_FOUND;
	scene->taken_count = 0;
	return found;
}

static void test_flood_of_strangers(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	unsigned n = 1000, found = 0;
	for (unsigned second = 0; second < 100; second++) {
		for (unsigned i = 0; i < 1000; i++) {
			hear_nth(scene, n++, 2);
			run_for(scene, 1);
		}
		found += count_found(scene);
	}
	assert_in_range(found, 16 + 98, 16 + 100);
	const struct discovery_counters *counters = discovery_counters(scene->discovery);
	assert_int_equal(counters->found, found);
	assert_int_equal(counters->limited, 100000 - found);
	assert_int_equal(counters->forgotten, found - DISCOVERY_NEIGHBOURS_MAX);
	/* Neighbours of another link are heard as ever. */
	hear_nth(scene, 1, 3);
	expect_found(scene, 1, 3, 9651);
	/* And those of this one, shortly after the flood. */
	run_for(scene, 1000);
	scene->taken_count = 0;
	hear_nth(scene, 2, 2);
	expect_found(scene, 2, 2, 9651);
	scene_free(scene);
}

/* Who is heard in each round stays known, however many strangers there are. */
static void test_known_neighbour_outlives_a_flood(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	hear_nth(scene, 1, 2);
	expect_found(scene, 1, 2, 9651);
	for (unsigned n = 1000; n < 1000 + 60 * 100; n++) {
		hear_nth(scene, n, 2);
		run_for(scene, 100);
		scene->taken_count = 0;
		if (n % 300 == 0)
			hear_nth(scene, 1, 2); /* every 30 s */
	}
	assert_int_equal(discovery_counters(scene->discovery)->heard_again, 20);
	scene_free(scene);
}

static void test_flood_of_known(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	for (unsigned n = 1; n <= 16; n++)
		hear_nth(scene, n, 2);
	assert_int_equal(count_found(scene), 16);
	for (unsigned i = 0; i < 30000; i++) {
		hear_nth(scene, 1 + i % 16, 2);
		run_for(scene, 1);
	}
	assert_in_range(count_found(scene), 2 * 16, 3 * 16);
	scene_free(scene);
}

/* One address that announces all ports is bounded as many addresses are, and takes one place. */
static void test_flood_of_ports(void **state)
{
	(void)state;
	struct scene *scene = scene_on_eth0();
	struct ip6 sender = neighbour(1);
	for (unsigned i = 0; i < 10000; i++) {
		hear(scene, &sender, 2, (uint16_t)(1 + i));
		run_for(scene, 1);
	}
	assert_in_range(count_found(scene), 16 + 9, 16 + 10);
	assert_int_equal(discovery_counters(scene->discovery)->forgotten, 0);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins_and_sends_in_rounds),
		cmocka_unit_test(test_beacon_announces_port_and_identity),
		cmocka_unit_test(test_unusable_interfaces),
		cmocka_unit_test(test_filter_takes_exact_names),
		cmocka_unit_test(test_interface_comes_back),
		cmocka_unit_test(test_interface_replaced_between_lists),
		cmocka_unit_test(test_join_is_tried_again),
		cmocka_unit_test(test_changes_are_bundled),
		cmocka_unit_test(test_list_fails),
		cmocka_unit_test(test_interfaces_are_bounded),
		cmocka_unit_test(test_neighbour_is_found),
		cmocka_unit_test(test_private_network),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_refused_beacons),
		cmocka_unit_test(test_interface_goes_before_neighbour_is_told),
		cmocka_unit_test(test_flood_of_strangers),
		cmocka_unit_test(test_known_neighbour_outlives_a_flood),
		cmocka_unit_test(test_flood_of_known),
		cmocka_unit_test(test_flood_of_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
