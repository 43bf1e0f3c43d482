// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>

#include "crypto/blake3.h"
#include "crypto/keys.h"
#include "vectors.h"

static const char key_a[] = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f";

static struct public_key parsed(const char *text)
{
	struct public_key key;
	assert_int_equal(public_key_parse(text, &key), 0);
	return key;
}

static void assert_address(const struct public_key *key, const char *expected)
{
	char text[IP6_TEXT_SIZE];
	struct ip6 address = public_key_address(key);
	assert_string_equal(ip6_text(&address, text), expected);
}

static void check_hash(const json_t *entry, const struct public_key *key)
{
	uint8_t hash[BLAKE3_SIZE], expected[16];
	vectors_exact(entry, "blake3_16", expected, sizeof(expected));
	blake3(key->bytes, KEY_SIZE, hash);
	assert_memory_equal(hash, expected, sizeof(expected));
}

static void check_address_entry(const json_t *entry)
{
	struct public_key key = parsed(vectors_string(entry, "public_key"));
	char text[PUBLIC_KEY_TEXT_SIZE];
	assert_string_equal(public_key_text(&key, text), vectors_string(entry, "public_key"));
	check_hash(entry, &key);

	struct ip6 address = public_key_address(&key);
	uint8_t expected[16];
	vectors_exact(entry, "address_hex", expected, sizeof(expected));
	assert_memory_equal(address.bytes, expected, sizeof(expected));
	assert_address(&key, vectors_string(entry, "address"));
	assert_true(ip6_in_overlay(&address));

	struct subnet subnet = subnet64_of(&address);
	assert_string_equal(subnet_text(&subnet, text), vectors_string(entry, "subnet"));

	if (json_object_get(entry, "secret_key") != NULL) {
		struct secret_key secret;
		vectors_exact(entry, "secret_key", secret.bytes, KEY_SIZE);
		struct public_key derived = public_key_of(&secret);
		assert_memory_equal(derived.bytes, key.bytes, KEY_SIZE);
	}
}

static void every_address_vector(void **state)
{
	(void)state;
	json_t *root = vectors_load("addresses.json"), *entry;
	json_t *vectors = json_object_get(root, "vectors");
	assert_int_equal(json_array_size(vectors), 24);
	size_t i;
	json_array_foreach(vectors, i, entry)
		check_address_entry(entry);
	json_decref(root);
}

static void stale_addresses_are_not_produced(void **state)
{
	(void)state;
	json_t *root = vectors_load("addresses.json"), *entry;
	json_t *entries = json_object_get(json_object_get(root, "stale_published_examples"), "entries");
	assert_int_equal(json_array_size(entries), 4);
	size_t i;
	json_array_foreach(entries, i, entry) {
		struct public_key key = parsed(vectors_string(entry, "public_key"));
		assert_address(&key, vectors_string(entry, "correct"));
		struct ip6 address = public_key_address(&key), published;
		assert_int_equal(ip6_parse(vectors_string(entry, "published"), &published), 0);
		assert_false(ip6_equal(&address, &published));
	}
	json_decref(root);
}

/* The address sees the raw bytes, the multiplication the field element. */
static void top_bit_changes_address_only(void **state)
{
	(void)state;
	struct public_key key = parsed(key_a), other = key;
	other.bytes[KEY_SIZE - 1] |= 0x80;
	struct ip6 address = public_key_address(&key), other_address = public_key_address(&other);
	assert_false(ip6_equal(&address, &other_address));

	struct secret_key secret = {{1, 2, 3}};
	struct shared_secret shared, other_shared;
	assert_int_equal(shared_secret_derive(&secret, &key, &shared), 0);
	assert_int_equal(shared_secret_derive(&secret, &other, &other_shared), 0);
	assert_memory_equal(shared.bytes, other_shared.bytes, KEY_SIZE);
}

static bool is_byte_and_zeros(const uint8_t bytes[KEY_SIZE], uint8_t first)
{
	uint8_t expected[KEY_SIZE] = {first};
	return memcmp(bytes, expected, KEY_SIZE) == 0;
}

static void check_x25519_entry(const json_t *entry)
{
	struct secret_key scalar;
	struct public_key u;
	struct shared_secret out, got;
	vectors_exact(entry, "scalar", scalar.bytes, KEY_SIZE);
	vectors_exact(entry, "u", u.bytes, KEY_SIZE);
	vectors_exact(entry, "out", out.bytes, KEY_SIZE);

	memset(&got, 0x5a, sizeof(got));
	if (is_byte_and_zeros(out.bytes, 0)) {
		struct shared_secret before = got;
		assert_int_equal(shared_secret_derive(&scalar, &u, &got), -EKEYREJECTED);
		assert_memory_equal(got.bytes, before.bytes, KEY_SIZE);
		return;
	}
	assert_int_equal(shared_secret_derive(&scalar, &u, &got), 0);
	assert_memory_equal(got.bytes, out.bytes, KEY_SIZE);
	if (is_byte_and_zeros(u.bytes, 9)) {
		struct public_key key = public_key_of(&scalar);
		assert_memory_equal(key.bytes, out.bytes, KEY_SIZE);
	}
}

static void every_x25519_vector(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json"), *entry;
	json_t *vectors = json_object_get(json_object_get(root, "crypto"), "x25519");
	assert_int_equal(json_array_size(vectors), 11);
	size_t i;
	json_array_foreach(vectors, i, entry)
		check_x25519_entry(entry);
	json_decref(root);
}

/* RFC 7748 section 5.2: k becomes X25519(k, u), u the old k, again and again. */
static void rfc7748_iterated(void **state)
{
	(void)state;
	uint8_t once[KEY_SIZE], thousand[KEY_SIZE];
	vectors_unhex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", once, KEY_SIZE);
	vectors_unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", thousand, KEY_SIZE);
	struct secret_key k = {{9}};
	struct public_key u = {{9}};
	for (int i = 1; i <= 1000; i++) {
		struct shared_secret next;
		assert_int_equal(shared_secret_derive(&k, &u, &next), 0);
		memcpy(u.bytes, k.bytes, KEY_SIZE);
		memcpy(k.bytes, next.bytes, KEY_SIZE);
		if (i == 1)
			assert_memory_equal(k.bytes, once, KEY_SIZE);
	}
	assert_memory_equal(k.bytes, thousand, KEY_SIZE);
}

/* The remaining points of small order: order 8 (two), -1, and non-canonical forms p, p + 1. */
static void low_order_points_are_refused(void **state)
{
	(void)state;
	static const char *const points[] = {
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000080",
	};
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct public_key point = parsed(points[i]);
		struct secret_key secret = secret_key_generate();
		struct shared_secret shared;
		assert_int_equal(shared_secret_derive(&secret, &point, &shared), -EKEYREJECTED);
	}
}

static void check_pair(const json_t *root, const char *left, const char *right)
{
	struct secret_key secret[2];
	struct public_key public[2];
	uint8_t expected[KEY_SIZE];
	const char *const names[2] = {left, right};
	char pair[8];
	for (int i = 0; i < 2; i++) {
		const json_t *node = json_object_get(json_object_get(root, "keys"), names[i]);
		vectors_exact(node, "secret_key", secret[i].bytes, KEY_SIZE);
		vectors_exact(node, "public_key", public[i].bytes, KEY_SIZE);
	}
	snprintf(pair, sizeof(pair), "%s%s", left, right);
	vectors_exact(json_object_get(root, "shared_secrets"), pair, expected, KEY_SIZE);
	for (int i = 0; i < 2; i++) {
		struct shared_secret shared;
		assert_int_equal(shared_secret_derive(&secret[i], &public[1 - i], &shared), 0);
		assert_memory_equal(shared.bytes, expected, KEY_SIZE);
	}
}

static void both_directions_share_a_secret(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json");
	check_pair(root, "a", "b");
	check_pair(root, "a", "c");
	check_pair(root, "b", "c");
	json_decref(root);
}

static void clamping_happens_at_use(void **state)
{
	(void)state;
	struct public_key remote = parsed(key_a);
	bool unclamped_seen = false;
	for (int i = 0; i < 20; i++) {
		struct secret_key raw = secret_key_generate(), clamped = raw;
		clamped.bytes[0] &= 0xf8;
		clamped.bytes[31] = (uint8_t)((clamped.bytes[31] & 0x7f) | 0x40);
		unclamped_seen |= memcmp(raw.bytes, clamped.bytes, KEY_SIZE) != 0;

		struct public_key public_raw = public_key_of(&raw), public_clamped = public_key_of(&clamped);
		assert_memory_equal(public_raw.bytes, public_clamped.bytes, KEY_SIZE);
		struct shared_secret shared_raw, shared_clamped;
		assert_int_equal(shared_secret_derive(&raw, &remote, &shared_raw), 0);
		assert_int_equal(shared_secret_derive(&clamped, &remote, &shared_clamped), 0);
		assert_memory_equal(shared_raw.bytes, shared_clamped.bytes, KEY_SIZE);
	}
	/* Twenty random keys are all clamped by chance with probability 2^-100. */
	assert_true(unclamped_seen);
}

static void public_key_text_forms(void **state)
{
	(void)state;
	char text[PUBLIC_KEY_TEXT_SIZE], upper[PUBLIC_KEY_TEXT_SIZE];
	for (size_t i = 0; i < sizeof(upper); i++)
		upper[i] = (char)toupper((unsigned char)key_a[i]);
	struct public_key key = parsed(upper), lower = parsed(key_a);
	assert_memory_equal(key.bytes, lower.bytes, KEY_SIZE);
	assert_string_equal(public_key_text(&key, text), key_a);
}

static void public_key_wrong_length(void **state)
{
	(void)state;
	struct public_key key, before;
	memset(&key, 0x77, sizeof(key));
	before = key;
	char text[80] = "";
	for (size_t len = 0; len <= 70; len++) {
		memset(text, 'a', len);
		text[len] = '\0';
		if (len != 64)
			assert_int_equal(public_key_parse(text, &key), -EMSGSIZE);
	}
	/* The length is judged before the characters. */
	assert_int_equal(public_key_parse("zz", &key), -EMSGSIZE);
	assert_memory_equal(&key, &before, sizeof(key));
}

static void public_key_not_hex(void **state)
{
	(void)state;
	static const char wrong[] = "gG/:@`-+ x\n\x80\xff";
	struct public_key key, before;
	memset(&key, 0x77, sizeof(key));
	before = key;
	for (size_t at = 0; at < 64; at++) {
		for (size_t i = 0; i < sizeof(wrong) - 1; i++) {
			char text[PUBLIC_KEY_TEXT_SIZE];
			memcpy(text, key_a, sizeof(text));
			text[at] = wrong[i];
			assert_int_equal(public_key_parse(text, &key), -EINVAL);
		}
	}
	assert_memory_equal(&key, &before, sizeof(key));
}

static void router_id_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json"), *node;
	const char *name;
	json_object_foreach(json_object_get(root, "keys"), name, node) {
		struct public_key key;
		struct router_id expected;
		char text[ROUTER_ID_TEXT_SIZE];
		vectors_exact(node, "public_key", key.bytes, KEY_SIZE);
		vectors_exact(node, "router_id", expected.bytes, ROUTER_ID_SIZE);

		struct router_id id = router_id_make(&key, expected.bytes + 34);
		assert_memory_equal(id.bytes, expected.bytes, ROUTER_ID_SIZE);
		assert_string_equal(router_id_text(&id, text), vectors_string(node, "router_id_text"));
		struct public_key back = router_id_key(&id);
		assert_memory_equal(back.bytes, key.bytes, KEY_SIZE);
	}
	json_decref(root);
}

static void router_id_equality_takes_all_bytes(void **state)
{
	(void)state;
	struct public_key key = parsed(key_a);
	struct router_id id = router_id_make(&key, (const uint8_t[]){1, 2, 3, 4, 5, 6});
	for (int i = 0; i < ROUTER_ID_SIZE; i++) {
		struct router_id other = id;
		assert_true(router_id_equal(&id, &other));
		other.bytes[i] ^= 1;
		assert_false(router_id_equal(&id, &other));
	}
}

static void wipe_clears_exactly(void **state)
{
	(void)state;
	uint8_t bytes[5] = {1, 2, 3, 4, 5}, expected[5] = {1, 0, 0, 0, 5};
	secret_wipe(bytes + 1, 3);
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_vector),
		cmocka_unit_test(stale_addresses_are_not_produced),
		cmocka_unit_test(top_bit_changes_address_only),
		cmocka_unit_test(every_x25519_vector),
		cmocka_unit_test(rfc7748_iterated),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(both_directions_share_a_secret),
		cmocka_unit_test(clamping_happens_at_use),
		cmocka_unit_test(public_key_text_forms),
		cmocka_unit_test(public_key_wrong_length),
		cmocka_unit_test(public_key_not_hex),
		cmocka_unit_test(router_id_vectors),
		cmocka_unit_test(router_id_equality_takes_all_bytes),
		cmocka_unit_test(wipe_clears_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
