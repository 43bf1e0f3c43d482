// SPDX-License-Identifier: Apache-2.0
/* The same inputs give the same outputs, whatever the seed of the hashes. */
#include "rig.h"

enum { STEPS = 4000, PEERS = 5, OUTPUTS_MAX = 60000 };

struct output {
	uint64_t at_ms;
	uint32_t peer;
	size_t len;
	uint8_t bytes[TLV_FRAME_SIZE_MAX];
};

struct recording {
	size_t count;
	struct output outputs[OUTPUTS_MAX];
};

static struct output *next_output(struct recording *recording, uint64_t now, uint32_t peer)
{
	assert_true(recording->count < OUTPUTS_MAX);
	struct output *output = &recording->outputs[recording->count++];
	memset(output, 0, sizeof(*output));
	output->at_ms = now;
	output->peer = peer;
	return output;
}

static void record(struct router *router, uint64_t now, struct recording *recording)
{
	struct tlv tlv;
	struct router_event event;
	while (router_next_event(router, &event)) {
		struct output *output = next_output(recording, now, event.peer);
		output->bytes[0] = (uint8_t)event.type;
		output->bytes[1] = event.acquired;
		memcpy(output->bytes + 2, &event.subnet.addr, 16);
		memcpy(output->bytes + 18, event.key.bytes, KEY_SIZE);
		output->len = event.expires_ms;
	}
	for (uint32_t peer; (peer = router_next_ready_peer(router)) != ROUTER_NO_PEER;)
		while (router_next_tlv(router, peer, now, &tlv)) {
			struct output *output = next_output(recording, now, peer);
			output->len = tlv_write_frame(&tlv, output->bytes);
			assert_true(output->len > 0);
		}
}

static void run(uint64_t seed, struct recording *recording)
{
	recording->count = 0;
	struct rng rng = rng_seeded(42);
	struct origin me = origin_make(0, 0);
	struct router_config config = {.id = me.rid, .own = me.subnet, .seed = seed};
	uint64_t now = 5;
	struct router *router = router_new(&config, now);
	uint32_t peers[PEERS];
	for (unsigned i = 0; i < PEERS; i++)
		peers[i] = router_add_peer(router, (uint16_t)(5 + i), now);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned which = (unsigned)rng_below(&rng, PEERS);
		struct origin o = origin_make(1 + rng_below(&rng, 300), (uint8_t)rng_below(&rng, 2));
		uint16_t metric = (uint16_t)rng_below(&rng, 300), seqno = (uint16_t)rng_below(&rng, 5);
		struct tlv tlv = make_update(&o, rng_below(&rng, 6) == 0 ? METRIC_INFINITE : metric, seqno);
		uint64_t choice = rng_below(&rng, 20);
		if (choice == 0)
			tlv = make_route_request(o.subnet, (uint8_t)seqno);
		else if (choice == 1)
			tlv = make_seqno_request(&o, seqno, 9);
		else if (choice < 5)
			tlv = (struct tlv){.type = choice == 2 ? TLV_HELLO : TLV_IHU};
		router_handle_tlv(router, peers[which], &tlv, now);
		if (choice == 6) {
			router_need_route(router, &o.address, NEED_SEND, now);
		} else if (choice == 7 && metric < 20) {
			router_peers_died(router, &peers[which], 1, now);
			peers[which] = router_add_peer(router, 9, now);
		}
		now += rng_below(&rng, 400);
		router_tick(router, now);
		assert_null(router_check(router, now));
		record(router, now, recording);
	}
	router_free(router);
}

static void test_same_inputs_same_outputs(void **state)
{
	(void)state;
	static struct recording first, other;
	run(1, &first);
	assert_true(first.count > STEPS);
	const uint64_t seeds[] = {1, 2, 99999};
	for (unsigned i = 0; i < 3; i++) {
		run(seeds[i], &other);
		assert_int_equal(first.count, other.count);
		assert_memory_equal(first.outputs, other.outputs, first.count * sizeof(first.outputs[0]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_inputs_same_outputs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
