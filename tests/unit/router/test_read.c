// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

struct searches {
	struct subnet subnets[4];
	uint64_t deadlines[4];
	unsigned count;
};

static void keep_search(void *context, const struct subnet *subnet, uint64_t deadline_ms)
{
	struct searches *searches = context;
	assert_true(searches->count < 4);
	searches->subnets[searches->count] = *subnet;
	searches->deadlines[searches->count++] = deadline_ms;
}

static struct searches searches_of(const struct rig *rig)
{
	struct searches searches = {0};
	router_for_each_query(rig->router, keep_search, &searches);
	return searches;
}

static void test_searches_are_listed_until_their_end(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 10);
	struct origin x = origin_make(1, 0), y = origin_make(2, 0);
	assert_int_equal(searches_of(rig).count, 0);
	router_need_route(rig->router, &x.address, NEED_SEND, rig->now);
	rig_pass(rig, 1000);
	router_need_route(rig->router, &y.address, NEED_KEY, rig->now);
	struct searches searches = searches_of(rig);
	assert_int_equal(searches.count, 2);
	assert_true(subnet_equal(&searches.subnets[0], &x.subnet));
	assert_int_equal(searches.subnets[0].len, 64);
	assert_int_equal(searches.deadlines[0], RIG_START_MS + 15000);
	assert_true(subnet_equal(&searches.subnets[1], &y.subnet));
	assert_int_equal(searches.deadlines[1], RIG_START_MS + 16000);
	assert_int_equal(router_query_deadline(rig->router, &y.address), RIG_START_MS + 16000);
	give_update(rig, a, &x, 5, 0);
	assert_int_equal(searches_of(rig).count, 1);
	rig_pass(rig, 15000);
	assert_int_equal(searches_of(rig).count, 0);
	assert_int_equal(router_query_deadline(rig->router, &y.address), 0);
	rig_stop(rig);
}

static void test_longest_prefix_with_entries_counts(void **state)
{
	(void)state;
	struct rig *rig = rig_start();
	uint32_t a = rig_peer(rig, 10), b = rig_peer(rig, 10);
	struct origin x = origin_make(1, 0);
	struct tlv longer = make_update(&x, 7, 0);
	longer.update.prefix.subnet = subnet_canonical((struct subnet){.addr = x.address, .len = 96});
	struct public_key key;
	assert_false(router_public_key(rig->router, &x.address, NULL, &key));
	give_update(rig, a, &x, 7, 0);
	rig_give(rig, b, &longer);
	struct ip6 neighbour_of_x = x.address;
	neighbour_of_x.bytes[8] ^= 0x80;
	assert_int_equal(router_next_hop(rig->router, &x.address), b);
	assert_int_equal(router_next_hop(rig->router, &neighbour_of_x), a);
	struct subnet subnet;
	assert_true(router_public_key(rig->router, &neighbour_of_x, &subnet, &key));
	assert_memory_equal(key.bytes, x.key.bytes, KEY_SIZE);
	assert_int_equal(subnet.len, 64);
	assert_true(router_public_key(rig->router, &x.address, &subnet, &key));
	assert_int_equal(subnet.len, 96);
	rig_stop(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_searches_are_listed_until_their_end),
		cmocka_unit_test(test_longest_prefix_with_entries_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
