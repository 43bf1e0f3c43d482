// SPDX-License-Identifier: Apache-2.0
/*
 * Mutations of a router_script: whole steps are added, removed, repeated, moved and joined, which bytes moved at random
 * would tear apart. Every other mutation is left to libFuzzer. Linked with the libFuzzer program only.
 */
#include <string.h>

#include "base/random.h"
#include "router_script.h"
#include "wire/tlv.h"

enum { STEPS_MAX = 2048, STEP_SIZE_MAX = 64, RANGE_MAX = 8 };

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t capacity, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
				 size_t capacity, unsigned seed);

/* A script under change, and where its steps begin; starts[count] is its end. */
struct script {
	uint8_t *bytes;
	size_t len, capacity;
	size_t starts[STEPS_MAX + 1];
	size_t count;
};

static void script_split(struct script *script)
{
	size_t at = 0;
	script->count = 0;
	while (at < script->len && script->count < STEPS_MAX) {
		script->starts[script->count++] = at;
		at += script_step_len(&script->bytes[at], script->len - at);
	}
	script->starts[script->count] = at;
}

static size_t any_start(const struct script *script, struct rng *rng)
{
	return script->starts[rng_below(rng, script->count + 1)];
}

static void insert(struct script *script, size_t at, const uint8_t *bytes, size_t len)
{
	if (script->len + len > script->capacity)
		return;
	memmove(&script->bytes[at + len], &script->bytes[at], script->len - at);
	memcpy(&script->bytes[at], bytes, len);
	script->len += len;
}

static void cut(struct script *script, size_t at, size_t len)
{
	memmove(&script->bytes[at], &script->bytes[at + len], script->len - at - len);
	script->len -= len;
}

/* Small numbers name the same few peers and nodes again and again. */
static uint8_t any_argument(struct rng *rng)
{
	return (uint8_t)rng_below(rng, rng_next(rng) % 2 ? 4 : 256);
}

/* A TLV of a known type and mostly the right length, with anything in it. */
static size_t any_tlv(struct rng *rng, uint8_t tlv[static STEP_SIZE_MAX])
{
	static const uint8_t kinds[][2] = {
		{TLV_HELLO, 6}, {TLV_IHU, 6}, {TLV_UPDATE, 58}, {TLV_ROUTE_REQUEST, 11}, {TLV_SEQNO_REQUEST, 54},
	};

	size_t kind = rng_below(rng, sizeof(kinds) / sizeof(kinds[0]));
	uint8_t len = (uint8_t)(kinds[kind][1] - (rng_below(rng, 8) == 0));
	tlv[0] = kinds[kind][0];
	tlv[1] = len;
	for (size_t i = 0; i < len; i++)
		tlv[2 + i] = any_argument(rng);
	return 2u + len;
}

static void add_step(struct script *script, struct rng *rng)
{
	uint8_t step[3 + STEP_SIZE_MAX] = {(uint8_t)rng_below(rng, SCRIPT_ACTIONS)};
	for (size_t i = 1; i < sizeof(step); i++)
		step[i] = any_argument(rng);
	if (step[0] == SCRIPT_CONTROL_FRAME)
		step[2] = (uint8_t)any_tlv(rng, &step[3]);
	else if (step[0] == SCRIPT_STREAM)
		step[2] %= STEP_SIZE_MAX;
	insert(script, any_start(script, rng), step, script_step_len(step, sizeof(step)));
}

/* A few steps in a row. Returns their length. */
static size_t any_range(const struct script *script, struct rng *rng, size_t *ret_at)
{
	size_t first = rng_below(rng, script->count + 1);
	size_t last = first + 1 + rng_below(rng, RANGE_MAX);
	if (last > script->count)
		last = script->count;
	*ret_at = script->starts[first];
	return script->starts[last] - script->starts[first];
}

static void remove_steps(struct script *script, struct rng *rng)
{
	size_t at, len = any_range(script, rng, &at);
	cut(script, at, len);
}

static void repeat_steps(struct script *script, struct rng *rng)
{
	uint8_t copy[RANGE_MAX * (3 + UINT8_MAX)];
	size_t at, len = any_range(script, rng, &at);
	memcpy(copy, &script->bytes[at], len);
	insert(script, any_start(script, rng), copy, len);
}

static void change_argument(struct script *script, struct rng *rng)
{
	size_t at, len = any_range(script, rng, &at);
	if (len > 1)
		script->bytes[at + 1 + rng_below(rng, len - 1)] = any_argument(rng);
}

static void mutate_freely(struct script *script, struct rng *rng)
{
	(void)rng;
	script->len = LLVMFuzzerMutate(script->bytes, script->len, script->capacity);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t capacity, unsigned seed)
{
	static void (*const mutations[])(struct script *, struct rng *) = {
		add_step, add_step, remove_steps, repeat_steps, change_argument, mutate_freely,
	};
	static struct script script;

	struct rng rng = rng_seeded(seed);
	script.bytes = bytes;
	script.len = len;
	script.capacity = capacity;
	for (uint64_t rounds = 1 + rng_below(&rng, 4); rounds > 0; rounds--) {
		script_split(&script);
		mutations[rng_below(&rng, sizeof(mutations) / sizeof(mutations[0]))](&script, &rng);
	}
	return script.len;
}

/* The beginning of one script and the end of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
				 size_t capacity, unsigned seed)
{
	static struct script script;

	struct rng rng = rng_seeded(seed);
	script.capacity = capacity;
	script.bytes = out;
	script.len = b_len < capacity ? b_len : capacity;
	memcpy(out, b, script.len);
	script_split(&script);
	cut(&script, 0, any_start(&script, &rng));

	static uint8_t head[1 << 16];
	struct script first = {.bytes = head, .len = a_len < sizeof(head) ? a_len : sizeof(head)};
	memcpy(head, a, first.len);
	script_split(&first);
	insert(&script, 0, head, any_start(&first, &rng));
	return script.len;
}
