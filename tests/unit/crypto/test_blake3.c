// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "crypto/blake3.h"
#include "vectors.h"

enum { PATTERN_MAX = 102400 };

static uint8_t pattern[PATTERN_MAX];

/* ---- an independent model: recursion over the whole input, permuting the message as the paper words it ---- */

static const uint32_t model_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

struct node {
	uint32_t cv[8], m[16], block_len, flags;
	uint64_t counter;
};

static void model_g(uint32_t *v, const int at[4], uint32_t x, uint32_t y)
{
	static const int turn[2][2] = {{16, 12}, {8, 7}};
	uint32_t *a = &v[at[0]], *b = &v[at[1]], *c = &v[at[2]], *d = &v[at[3]];
	for (int half = 0; half < 2; half++) {
		*a += *b + (half == 0 ? x : y);
		*d ^= *a;
		*d = *d >> turn[half][0] | *d << (32 - turn[half][0]);
		*c += *d;
		*b ^= *c;
		*b = *b >> turn[half][1] | *b << (32 - turn[half][1]);
	}
}

static void model_compress(const struct node *node, uint32_t extra_flags, uint32_t out[8])
{
	static const int groups[8][4] = {{0, 4, 8, 12},	 {1, 5, 9, 13},	 {2, 6, 10, 14}, {3, 7, 11, 15},
					 {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},	 {3, 4, 9, 14}};
	static const int permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
	uint32_t v[16], m[16], next[16];
	memcpy(v, node->cv, 32);
	memcpy(v + 8, model_iv, 16);
	v[12] = (uint32_t)node->counter;
	v[13] = (uint32_t)(node->counter >> 32);
	v[14] = node->block_len;
	v[15] = node->flags | extra_flags;
	memcpy(m, node->m, sizeof(m));
	for (int round = 0; round < 7; round++) {
		for (int g = 0; g < 8; g++)
			model_g(v, groups[g], m[2 * g], m[2 * g + 1]);
		for (int i = 0; i < 16; i++)
			next[i] = m[permutation[i]];
		memcpy(m, next, sizeof(m));
	}
	for (int i = 0; i < 8; i++)
		out[i] = v[i] ^ v[i + 8];
}

static struct node model_chunk(const uint8_t *bytes, size_t len, uint64_t number)
{
	struct node node = {.counter = number, .flags = 1};
	memcpy(node.cv, model_iv, sizeof(node.cv));
	for (;;) {
		size_t take = len < 64 ? len : 64;
		memset(node.m, 0, sizeof(node.m));
		for (size_t i = 0; i < take; i++)
			node.m[i / 4] |= (uint32_t)bytes[i] << 8 * (i % 4);
		node.block_len = (uint32_t)take;
		bytes += take;
		len -= take;
		if (len == 0) {
			node.flags |= 2;
			return node;
		}
		model_compress(&node, 0, node.cv);
		node.flags = 0;
	}
}

static struct node model_tree(const uint8_t *bytes, size_t len, uint64_t first)
{
	if (len <= 1024)
		return model_chunk(bytes, len, first);
	size_t left = 1024;
	while (left * 2 < len)
		left *= 2;
	struct node children[2] = {model_tree(bytes, left, first),
				   model_tree(bytes + left, len - left, first + left / 1024)};
	struct node parent = {.block_len = 64, .flags = 4};
	memcpy(parent.cv, model_iv, sizeof(parent.cv));
	for (int i = 0; i < 2; i++)
		model_compress(&children[i], 0, parent.m + 8 * i);
	return parent;
}

static void model_hash(const uint8_t *bytes, size_t len, uint8_t out[32])
{
	struct node root = model_tree(bytes, len, 0);
	uint32_t words[8];
	model_compress(&root, 8, words);
	for (int i = 0; i < 32; i++)
		out[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
}

/* ---- tests ---- */

static int fill_pattern(void **state)
{
	(void)state;
	for (size_t i = 0; i < PATTERN_MAX; i++)
		pattern[i] = (uint8_t)(i % 251);
	return 0;
}

static void assert_hash(const uint8_t *bytes, size_t len, const char *expected_hex)
{
	uint8_t hash[BLAKE3_SIZE], expected[BLAKE3_SIZE];
	assert_int_equal(vectors_unhex(expected_hex, expected, sizeof(expected)), BLAKE3_SIZE);
	blake3(bytes, len, hash);
	assert_memory_equal(hash, expected, BLAKE3_SIZE);
	model_hash(bytes, len, hash);
	assert_memory_equal(hash, expected, BLAKE3_SIZE);
}

/* The official vectors, first 32 bytes of output. */
static void official_vectors(void **state)
{
	(void)state;
	static const struct {
		size_t len;
		const char *hash;
	} official[] = {
		{0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
		{1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
		{1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
		{1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
		{1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
		{2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
		{2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
		{3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
		{3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
		{4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
		{4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
		{5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
		{5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
		{6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
		{6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"},
		{7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
		{7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
		{8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
		{8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
		{16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
		{31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
		{102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
	};
	for (size_t i = 0; i < sizeof(official) / sizeof(official[0]); i++)
		assert_hash(pattern, official[i].len, official[i].hash);
}

static void packet_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json"), *entry;
	json_t *vectors = json_object_get(json_object_get(root, "crypto"), "blake3");
	assert_int_equal(json_array_size(vectors), 15);
	size_t i;
	json_array_foreach(vectors, i, entry) {
		const json_t *pattern_len = json_object_get(entry, "input_len");
		uint8_t input[256];
		size_t len = pattern_len != NULL ? (size_t)json_integer_value(pattern_len)
						 : vectors_bytes(entry, "input", input, sizeof(input));
		assert_in_range(len, 0, PATTERN_MAX);
		assert_hash(pattern_len != NULL ? pattern : input, len, vectors_string(entry, "hash"));
	}
	json_decref(root);
}

static void every_short_length_fits_the_model(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 2200; len++) {
		uint8_t hash[BLAKE3_SIZE], expected[BLAKE3_SIZE];
		blake3(pattern, len, hash);
		model_hash(pattern, len, expected);
		assert_memory_equal(hash, expected, BLAKE3_SIZE);
	}
}

static void random_lengths_fit_the_model(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(3);
	for (int i = 0; i < 60; i++) {
		size_t len = (size_t)rng_below(&rng, PATTERN_MAX + 1);
		uint8_t hash[BLAKE3_SIZE], expected[BLAKE3_SIZE];
		blake3(pattern, len, hash);
		model_hash(pattern, len, expected);
		assert_memory_equal(hash, expected, BLAKE3_SIZE);
	}
}

/* Pieces of nothing, of a few bytes, around a block and around a chunk. */
static size_t random_piece(struct rng *rng)
{
	static const uint64_t bounds[] = {1, 4, 66, 130, 1026, 5000};
	return (size_t)rng_below(rng, bounds[rng_below(rng, sizeof(bounds) / sizeof(bounds[0]))]);
}

static void any_split_gives_the_same_hash(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(20);
	for (int round = 0; round < 200; round++) {
		size_t len = (size_t)rng_below(&rng, 20000);
		uint8_t hash[BLAKE3_SIZE], expected[BLAKE3_SIZE];
		struct blake3 stream;
		blake3_init(&stream);
		for (size_t done = 0; done < len;) {
			size_t piece = random_piece(&rng);
			piece = piece < len - done ? piece : len - done;
			blake3_update(&stream, pattern + done, piece);
			done += piece;
		}
		blake3_final(&stream, hash);
		blake3(pattern, len, expected);
		assert_memory_equal(hash, expected, BLAKE3_SIZE);
	}
}

static void final_may_be_asked_at_every_byte(void **state)
{
	(void)state;
	struct blake3 stream;
	blake3_init(&stream);
	blake3_update(&stream, NULL, 0);
	for (size_t len = 0; len <= 3100; len++) {
		uint8_t hash[BLAKE3_SIZE], expected[BLAKE3_SIZE];
		blake3_final(&stream, hash);
		blake3(pattern, len, expected);
		assert_memory_equal(hash, expected, BLAKE3_SIZE);
		blake3_update(&stream, pattern + len, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_vectors),
		cmocka_unit_test(packet_vectors),
		cmocka_unit_test(every_short_length_fits_the_model),
		cmocka_unit_test(random_lengths_fit_the_model),
		cmocka_unit_test(any_split_gives_the_same_hash),
		cmocka_unit_test(final_may_be_asked_at_every_byte),
	};
	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
