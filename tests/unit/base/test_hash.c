// SPDX-License-Identifier: Apache-2.0
/* Expected values come from CPython's hash() of bytes, which is SipHash-1-3 under a key that PYTHONHASHSEED determines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"

struct vector {
	size_t len;
	uint64_t hash;
};

static void check_vectors(struct hash_key key, const struct vector *vectors, size_t count)
{
	uint8_t message[64];
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < count; i++)
		assert_true(hash_bytes(&key, message, vectors[i].len) == vectors[i].hash);
}

static void known_values_under_the_zero_key(void **state)
{
	(void)state;
	const struct vector vectors[] = {
		{1, 0x68a914128e01e473},
		{2, 0x10bac45c41e3669},
		{3, 0x4d4c9a4a8ef6e0ad},
		{7, 0x2f098ab0c751325a},
		{8, 0xead411e67ebe2eea},
		{9, 0x75927f9d95124362},
		{15, 0xf30eb725bb91c9ea},
		{16, 0x8972188433a5c5b7},
		{17, 0x4883c49a2c009c1d},
		{40, 0x95bc321ab41d8206},
		{63, 0x385d3e39e5f37359},
	};
	check_vectors((struct hash_key){0, 0}, vectors, sizeof(vectors) / sizeof(vectors[0]));
}

static void known_values_under_a_key(void **state)
{
	(void)state;
	const struct vector vectors[] = {
		{1, 0x45e8aedb829392e6},
		{2, 0xd0eb70b4ba10c879},
		{3, 0x6cb7614b84a6ba7},
		{7, 0x3990ca76319e0858},
		{8, 0xb19e59eaf2bc3c22},
		{9, 0xc4d687976a3f24f4},
		{15, 0xa992d7421f616793},
		{16, 0x3294f72ea83895d8},
		{17, 0xa926ea60beac6c4b},
		{40, 0xc56b27122ced97fa},
		{63, 0xf7d3a7c86255326a},
	};
	check_vectors((struct hash_key){0x65121defe496063e, 0xb30647aa540bb9c8}, vectors,
		      sizeof(vectors) / sizeof(vectors[0]));
}

static void short_way_for_numbers_agrees(void **state)
{
	(void)state;
	const struct hash_key key = {0xaed66ce184be2329, 0xebe9bbf1f1499052};
	struct rng rng = rng_seeded(1);
	for (int i = 0; i < 1000; i++) {
		uint64_t value = rng_next(&rng);
		uint8_t bytes[8];
		for (int b = 0; b < 8; b++)
			bytes[b] = (uint8_t)(value >> 8 * b);
		assert_true(hash_u64(&key, value) == hash_bytes(&key, bytes, sizeof(bytes)));
	}
	/* The bytes 0..7, as above. */
	assert_true(hash_u64(&key, 0x0706050403020100) == 0xc0b5739e7e28dd01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values_under_the_zero_key),
		cmocka_unit_test(known_values_under_a_key),
		cmocka_unit_test(short_way_for_numbers_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
