// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "vectors.h"

static const char key_hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char echo_hex[] = "6000000000103a4004a1b2c3d4e5f607112233445566778805123456789abcde"
			       "f0123456789abcde80005e5f123400016d7963656c69756d";
static const char frame_hex[] = "010000000000583f04a1b2c3d4e5f607112233445566778805123456789abcde"
				"f0123456789abcdee7187c2d25cb02bf6275bd9303db721da449af1783957128"
				"c968510e7ab94157aaecfb215f30676b2706b816897adda6552f46490fa9791b"
				"2d377e33fb67e5470b6a0c795f6b0887db610d1ea0a1a2a3a4a5a6a7a8a9aaab";

static int open_body(struct blob body, struct aead_key *key)
{
	enum user_type type;
	uint8_t *payload;
	size_t len;
	return sealed_open(body.bytes, body.len, key, &type, &payload, &len);
}

/* Seals any bytes, also ones that no user header starts, as a body. */
static struct blob seal_bytes(struct blob plaintext, struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE])
{
	uint8_t *body = malloc(plaintext.len + SEAL_TAILROOM);
	uint8_t tag[AEAD_TAG_SIZE];
	aead_seal(key, nonce, plaintext.bytes, plaintext.len, body, tag);
	memcpy(&body[plaintext.len], tag, sizeof(tag));
	memcpy(&body[plaintext.len + AEAD_TAG_SIZE], nonce, AEAD_NONCE_SIZE);
	struct blob blob = blob_new(body, plaintext.len + SEAL_TAILROOM);
	free(body);
	return blob;
}

static void test_example_frame(void **state)
{
	(void)state;
	struct ip6 a = ip6_of_text("4a1:b2c3:d4e5:f607:1122:3344:5566:7788");
	struct ip6 b = ip6_of_text("512:3456:789a:bcde:f012:3456:789a:bcde");
	struct aead_key *key = key_of_hex(key_hex);
	struct blob nonce = blob_of_hex("a0a1a2a3a4a5a6a7a8a9aaab");
	struct blob plaintext = blob_join(blob_of_hex("01000000"), blob_of_hex(echo_hex));
	struct blob sealed = seal_frame(plaintext, &a, &b, 63, key, nonce.bytes);
	assert_hex(sealed.bytes, sealed.len, frame_hex);
	assert_opens((struct blob){&sealed.bytes[40], sealed.len - 40}, key, plaintext);
	blob_free(nonce);
	blob_free(plaintext);
	blob_free(sealed);
	aead_key_free(key);
}

static void test_raw_data_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json"), *vector;
	json_t *list = json_object_get(json_object_get(root, "crypto"), "aes256gcm_raw_data");
	static const struct ip6 nowhere;
	size_t i;
	assert_int_equal(json_array_size(list), 5);
	json_array_foreach (list, i, vector) {
		struct aead_key *key = key_of_hex(text_of(vector, "key"));
		struct blob plaintext = hex_of(vector, "plaintext"), body = hex_of(vector, "raw_data");
		struct blob nonce = hex_of(vector, "nonce");
		assert_int_equal(body.len, number_of(vector, "raw_len"));
		struct blob sealed = seal_bytes(plaintext, key, nonce.bytes);
		assert_bytes(sealed.bytes, sealed.len, body);
		if (plaintext.len >= USER_HEADER_SIZE && plaintext.bytes[0] == 1 && plaintext.bytes[1] <= 2) {
			assert_opens(body, key, plaintext);
			struct blob frame = seal_frame(plaintext, &nowhere, &nowhere, 1, key, nonce.bytes);
			assert_bytes(&frame.bytes[40], frame.len - 40, body);
			blob_free(frame);
		} else {
			assert_int_equal(open_body(body, key), -EPROTONOSUPPORT);
		}
		blob_free(sealed);
		blob_free(plaintext);
		blob_free(body);
		blob_free(nonce);
		aead_key_free(key);
	}
	json_decref(root);
}

static void test_reject_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json"), *vector;
	json_t *list = json_object_get(json_object_get(root, "crypto"), "aes256gcm_reject");
	size_t i;
	assert_int_equal(json_array_size(list), 8);
	json_array_foreach (list, i, vector) {
		struct aead_key *key = key_of_hex(text_of(vector, "key"));
		struct blob body = hex_of(vector, "raw_data");
		assert_int_equal(open_body(body, key), -EBADMSG);
		blob_free(body);
		aead_key_free(key);
	}
	json_decref(root);
}

static void test_each_changed_bit(void **state)
{
	(void)state;
	struct aead_key *key = key_of_hex(key_hex);
	struct blob frame = blob_of_hex(frame_hex);
	for (size_t bit = 0; bit < (frame.len - 40) * 8; bit++) {
		struct blob body = blob_new(&frame.bytes[40], frame.len - 40);
		body.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open_body(body, key), -EBADMSG);
		blob_free(body);
	}
	blob_free(frame);
	aead_key_free(key);
}

static void test_each_shorter_body(void **state)
{
	(void)state;
	struct aead_key *key = key_of_hex(key_hex);
	struct blob frame = blob_of_hex(frame_hex);
	for (size_t len = 0; len < frame.len - 40; len++) {
		struct blob body = blob_new(&frame.bytes[40], len);
		assert_int_equal(open_body(body, key), -EBADMSG);
		blob_free(body);
	}
	blob_free(frame);
	aead_key_free(key);
}

/* Every payload length that matters: body length is payload + 32, and it opens to the same. */
static void test_lengths(void **state)
{
	(void)state;
	static const size_t lens[] = {0, 1, 15, 16, 17, 39, 40, 1364, 1399, 1400, 1401, 9000, SEALED_PAYLOAD_MAX};
	struct ip6 a = ip6_of_text("430::1"), b = ip6_of_text("437::1");
	struct aead_key *key = key_of_hex(key_hex);
	uint8_t nonce[AEAD_NONCE_SIZE] = {0};
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *bytes = calloc(1, USER_HEADER_SIZE + lens[i]);
		bytes[0] = 1;
		bytes[1] = (uint8_t)(i % 3);
		if (lens[i] > 0)
			memset(&bytes[USER_HEADER_SIZE], (int)i + 1, lens[i]);
		struct blob plaintext = {bytes, USER_HEADER_SIZE + lens[i]};
		struct blob sealed = seal_frame(plaintext, &a, &b, 64, key, nonce);
		struct frame frame;
		size_t body_len;
		assert_int_equal(frame_decode(sealed.bytes, sealed.len, &frame), FRAME_OK);
		assert_int_equal(frame.len, sealed.len);
		uint8_t *body = frame_body(&frame, &body_len);
		assert_int_equal(body_len, lens[i] + 32);
		assert_opens((struct blob){body, body_len}, key, plaintext);
		blob_free(sealed);
		free(bytes);
		nonce[11]++;
	}
	aead_key_free(key);
}

static void test_versions_and_types(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		int result;
	} rows[] = {
		{"01000000", 0},
		{"01010000", 0},
		{"01020000", 0},
		{"0100ffff", 0},
		{"01030000", -EPROTONOSUPPORT},
		{"01ff0000", -EPROTONOSUPPORT},
		{"00000000", -EPROTONOSUPPORT},
		{"02000000", -EPROTONOSUPPORT},
	};
	struct aead_key *key = key_of_hex(key_hex);
	for (uint8_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t nonce[AEAD_NONCE_SIZE] = {i};
		struct blob plaintext = blob_of_hex(rows[i].header);
		struct blob body = seal_bytes(plaintext, key, nonce);
		enum user_type type = (enum user_type)77;
		uint8_t *payload = NULL;
		size_t len = 4711;
		assert_int_equal(sealed_open(body.bytes, body.len, key, &type, &payload, &len), rows[i].result);
		assert_int_equal(len, rows[i].result == 0 ? 0 : 4711);
		assert_int_equal(type, rows[i].result == 0 ? plaintext.bytes[1] : 77);
		blob_free(plaintext);
		blob_free(body);
	}
	aead_key_free(key);
}

/* A body of less than 32 bytes is too short even when its tag fits. */
static void test_user_header_cut(void **state)
{
	(void)state;
	struct aead_key *key = key_of_hex(key_hex);
	for (uint8_t len = 0; len < 4; len++) {
		uint8_t nonce[AEAD_NONCE_SIZE] = {len};
		struct blob plaintext = blob_new("\1\0\0", len);
		struct blob body = seal_bytes(plaintext, key, nonce);
		assert_int_equal(open_body(body, key), -EBADMSG);
		blob_free(plaintext);
		blob_free(body);
	}
	aead_key_free(key);
}

static void test_other_key(void **state)
{
	(void)state;
	struct aead_key *key = key_of_hex("ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	struct blob frame = blob_of_hex(frame_hex);
	assert_int_equal(open_body((struct blob){&frame.bytes[40], frame.len - 40}, key), -EBADMSG);
	blob_free(frame);
	aead_key_free(key);
}

/* Two packets of one sequence differ in their nonce, the last 12 bytes of the frame, and both open. */
static void test_consecutive_packets(void **state)
{
	(void)state;
	struct ip6 a = ip6_of_text("430::1"), b = ip6_of_text("437::1");
	struct aead_key *key = key_of_hex(key_hex);
	struct nonce_sequence nonces;
	uint8_t nonce[2][AEAD_NONCE_SIZE];
	nonce_sequence_init(&nonces, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t buffer[SEAL_HEADROOM + 4 + SEAL_TAILROOM] = {[SEAL_HEADROOM] = 1, 2, 3, 4};
		size_t len = sealed_write_frame(buffer, &buffer[SEAL_HEADROOM], 4, USER_MESSAGE, &a, &b, 63, key, &nonces);
		assert_int_equal(len, sizeof(buffer));
		memcpy(nonce[i], &buffer[len - AEAD_NONCE_SIZE], AEAD_NONCE_SIZE);
		uint8_t plaintext[] = {1, 1, 0, 0, 1, 2, 3, 4};
		assert_opens((struct blob){&buffer[40], len - 40}, key, (struct blob){plaintext, sizeof(plaintext)});
	}
	assert_memory_not_equal(nonce[0], nonce[1], AEAD_NONCE_SIZE);
	aead_key_free(key);
}

/* The frame of random payload as it comes to be in place. */
static void seal_in_place(uint8_t *frame, struct blob payload, enum user_type type, struct aead_key *key,
			  const uint8_t nonce[static AEAD_NONCE_SIZE])
{
	struct ip6 a = ip6_of_text("430::1"), b = ip6_of_text("437::1");
	struct nonce_sequence nonces = nonces_from(nonce);
	memset(frame, 0xa5, SEAL_HEADROOM);
	if (payload.len > 0)
		memcpy(&frame[SEAL_HEADROOM], payload.bytes, payload.len);
	assert_int_equal(sealed_write_frame(frame, &frame[SEAL_HEADROOM], payload.len, type, &a, &b, 63, key, &nonces),
			 payload.len + SEAL_HEADROOM + SEAL_TAILROOM);
}

/* Elsewhere: room for the frame, and the payload with the user header's room in front, both exact; the payload stays. */
static void assert_same_elsewhere(struct blob payload, enum user_type type, struct aead_key *key,
				  const uint8_t nonce[static AEAD_NONCE_SIZE])
{
	struct ip6 a = ip6_of_text("430::1"), b = ip6_of_text("437::1");
	struct nonce_sequence nonces = nonces_from(nonce);
	size_t frame_len = SEAL_HEADROOM + payload.len + SEAL_TAILROOM;
	uint8_t *in_place = malloc(frame_len), *elsewhere = malloc(frame_len);
	uint8_t *room = malloc(USER_HEADER_SIZE + payload.len);
	uint8_t *from = &room[USER_HEADER_SIZE];
	seal_in_place(in_place, payload, type, key, nonce);
	memset(elsewhere, 0x5a, frame_len);
	memset(room, 0x5a, USER_HEADER_SIZE);
	if (payload.len > 0)
		memcpy(from, payload.bytes, payload.len);
	assert_int_equal(sealed_write_frame(elsewhere, from, payload.len, type, &a, &b, 63, key, &nonces), frame_len);
	assert_memory_equal(elsewhere, in_place, frame_len);
	assert_memory_equal(from, payload.bytes, payload.len);
	struct blob header = blob_new((uint8_t[]){1, (uint8_t)type, 0, 0}, USER_HEADER_SIZE);
	struct blob plaintext = blob_join(header, blob_new(payload.bytes, payload.len));
	assert_opens((struct blob){&elsewhere[40], frame_len - 40}, key, plaintext);
	blob_free(plaintext);
	free(in_place);
	free(elsewhere);
	free(room);
}

static void test_in_place_and_elsewhere(void **state)
{
	(void)state;
	static uint8_t bytes[SEALED_PAYLOAD_MAX];
	struct rng rng = rng_seeded(1);
	struct aead_key *key = key_of_hex(key_hex);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	for (size_t i = 0; i < 400; i++) {
		uint8_t nonce[AEAD_NONCE_SIZE] = {(uint8_t)(i >> 8), (uint8_t)i};
		size_t len = i < 300 ? i : i == 399 ? sizeof(bytes) : rng_below(&rng, i % 2 == 0 ? 1500 : sizeof(bytes));
		struct blob payload = {&bytes[rng_below(&rng, sizeof(bytes) - len + 1)], len};
		assert_same_elsewhere(payload, (enum user_type)(i % 3), key, nonce);
	}
	aead_key_free(key);
}

/* Many frames behind one another, as a burst makes them: none touches its neighbours. */
static void test_frames_behind_one_another(void **state)
{
	(void)state;
	enum { COUNT = 50, LEN_MAX = 100 };
	static uint8_t burst[COUNT * (SEAL_HEADROOM + LEN_MAX + SEAL_TAILROOM)];
	struct ip6 a = ip6_of_text("430::1"), b = ip6_of_text("437::1");
	struct aead_key *key = key_of_hex(key_hex);
	struct nonce_sequence nonces;
	struct rng rng = rng_seeded(2);
	size_t lens[COUNT], at = 0;
	nonce_sequence_init(&nonces, 0);
	for (size_t i = 0; i < COUNT; i++) {
		uint8_t room[USER_HEADER_SIZE + LEN_MAX];
		lens[i] = rng_below(&rng, LEN_MAX + 1);
		memset(room, (int)i, sizeof(room));
		at += sealed_write_frame(&burst[at], &room[USER_HEADER_SIZE], lens[i], USER_L3, &a, &b, 63, key, &nonces);
	}
	size_t end = at;
	at = 0;
	for (size_t i = 0; i < COUNT; i++) {
		struct frame frame;
		size_t body_len;
		assert_int_equal(frame_decode(&burst[at], end - at, &frame), FRAME_OK);
		assert_int_equal(frame.len, lens[i] + SEAL_HEADROOM + SEAL_TAILROOM);
		uint8_t plain[USER_HEADER_SIZE + LEN_MAX] = {1};
		memset(&plain[USER_HEADER_SIZE], (int)i, LEN_MAX);
		uint8_t *body = frame_body(&frame, &body_len);
		assert_opens((struct blob){body, body_len}, key, (struct blob){plain, USER_HEADER_SIZE + lens[i]});
		at += frame.len;
	}
	assert_int_equal(at, end);
	aead_key_free(key);
}

static int set_up(void **state)
{
	(void)state;
	return aead_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_frame),
		cmocka_unit_test(test_raw_data_vectors),
		cmocka_unit_test(test_reject_vectors),
		cmocka_unit_test(test_each_changed_bit),
		cmocka_unit_test(test_each_shorter_body),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_versions_and_types),
		cmocka_unit_test(test_user_header_cut),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_consecutive_packets),
		cmocka_unit_test(test_in_place_and_elsewhere),
		cmocka_unit_test(test_frames_behind_one_another),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
