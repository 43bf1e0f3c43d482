// SPDX-License-Identifier: Apache-2.0
/*
 * Reading the files in tests/vectors, for the tests of this folder. Include behind cmocka.h.
 *
 * A missing or wrong value in a file fails the test. Bytes are allocated exactly, so that the address sanitizer sees a
 * read behind their end.
 */
#ifndef MYCELIUM_TESTS_WIRE_VECTORS_H
#define MYCELIUM_TESTS_WIRE_VECTORS_H

#include <arpa/inet.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"
#include "crypto/keys.h"
#include "crypto/nonce.h"
#include "wire/frame.h"
#include "wire/sealed.h"
#include "wire/tlv.h"

/* Owned bytes. Free with blob_free(). */
struct blob {
	uint8_t *bytes;
	size_t len;
};

static inline struct blob blob_new(const void *bytes, size_t len)
{
	struct blob blob = {.bytes = malloc(len > 0 ? len : 1), .len = len};
	assert_non_null(blob.bytes);
	if (len > 0)
		memcpy(blob.bytes, bytes, len);
	return blob;
}

static inline struct blob blob_of_hex(const char *hex)
{
	size_t len = strlen(hex);
	assert_int_equal(len % 2, 0);
	struct blob blob = blob_new(hex, len / 2);
	for (size_t i = 0; i < blob.len; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1]}, *end;
		blob.bytes[i] = (uint8_t)strtoul(digits, &end, 16);
		assert_ptr_equal(end, &digits[2]);
	}
	return blob;
}

/* Both joined; both arguments are freed. */
static inline struct blob blob_join(struct blob a, struct blob b)
{
	struct blob joined = {.bytes = malloc(a.len + b.len + 1), .len = a.len + b.len};
	assert_non_null(joined.bytes);
	memcpy(joined.bytes, a.bytes, a.len);
	memcpy(&joined.bytes[a.len], b.bytes, b.len);
	free(a.bytes);
	free(b.bytes);
	struct blob exact = blob_new(joined.bytes, joined.len);
	free(joined.bytes);
	return exact;
}

static inline void blob_free(struct blob blob)
{
	free(blob.bytes);
}

static inline void assert_bytes(const void *bytes, size_t len, struct blob expected)
{
	assert_int_equal(len, expected.len);
	if (len > 0)
		assert_memory_equal(bytes, expected.bytes, len);
}

static inline void assert_hex(const void *bytes, size_t len, const char *hex)
{
	struct blob expected = blob_of_hex(hex);
	assert_bytes(bytes, len, expected);
	blob_free(expected);
}

static inline json_t *vectors_load(const char *file)
{
	char path[1024];
	json_error_t error;
	snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, file);
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL)
		fail_msg("%s: %s", path, error.text);
	return root;
}

static inline bool has(const json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}

static inline const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (text == NULL)
		fail_msg("no text \"%s\"", key);
	return text;
}

static inline uint64_t number_of(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);
	if (!json_is_integer(number))
		fail_msg("no number \"%s\"", key);
	return (uint64_t)json_integer_value(number);
}

static inline struct blob hex_of(const json_t *object, const char *key)
{
	return blob_of_hex(text_of(object, key));
}

static inline void hex_into(const json_t *object, const char *key, void *to, size_t len)
{
	struct blob blob = hex_of(object, key);
	assert_int_equal(blob.len, len);
	memcpy(to, blob.bytes, len);
	blob_free(blob);
}

static inline struct ip6 ip6_of_text(const char *text)
{
	struct ip6 addr;
	if (inet_pton(AF_INET6, text, addr.bytes) != 1)
		fail_msg("%s is not an address", text);
	return addr;
}

static inline struct ip6 ip6_of(const json_t *object, const char *key)
{
	return ip6_of_text(text_of(object, key));
}

/* An address or prefix of either family: IPv4 with its four bytes at the front, "/length" optional. */
static inline struct subnet subnet_of_text(const char *text)
{
	char addr[64];
	struct subnet subnet = {.len = 128};
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	assert_true(len < sizeof(addr));
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (slash != NULL)
		subnet.len = (uint8_t)atoi(&slash[1]);
	if (inet_pton(strchr(addr, ':') != NULL ? AF_INET6 : AF_INET, addr, subnet.addr.bytes) != 1)
		fail_msg("%s is not a prefix", text);
	return subnet;
}

static inline json_t *vector_named(const json_t *list, const char *name)
{
	size_t i;
	json_t *vector;
	json_array_foreach (list, i, vector) {
		if (strcmp(text_of(vector, "name"), name) == 0)
			return vector;
	}
	fail_msg("no vector \"%s\"", name);
	return NULL;
}

static inline struct aead_key *key_of_hex(const char *hex)
{
	struct shared_secret secret;
	struct blob blob = blob_of_hex(hex);
	assert_int_equal(blob.len, sizeof(secret.bytes));
	memcpy(secret.bytes, blob.bytes, blob.len);
	blob_free(blob);
	struct aead_key *key = aead_key_new(&secret);
	assert_non_null(key);
	return key;
}

/* A sequence whose next nonce is the given one. */
static inline struct nonce_sequence nonces_from(const uint8_t nonce[static AEAD_NONCE_SIZE])
{
	struct nonce_sequence nonces;
	nonce_sequence_init(&nonces, 0);
	struct reader r = reader_init(nonce, AEAD_NONCE_SIZE);
	nonces.prefix = read_u32(&r);
	nonces.counter = read_u64(&r);
	return nonces;
}

/* Seals `plaintext` (user header and payload) with a chosen nonce and returns the frame. */
static inline struct blob seal_frame(struct blob plaintext, const struct ip6 *source, const struct ip6 *destination,
				     uint8_t hop_limit, struct aead_key *key,
				     const uint8_t nonce[static AEAD_NONCE_SIZE])
{
	size_t len = plaintext.len - USER_HEADER_SIZE;
	uint8_t *buffer = malloc(SEAL_HEADROOM + len + SEAL_TAILROOM);
	assert_non_null(buffer);
	memset(buffer, 0xa5, SEAL_HEADROOM);
	memcpy(&buffer[SEAL_HEADROOM], &plaintext.bytes[USER_HEADER_SIZE], len);
	struct nonce_sequence nonces = nonces_from(nonce);
	size_t frame_len = sealed_write_frame(buffer, &buffer[SEAL_HEADROOM], len, (enum user_type)plaintext.bytes[1],
					      source, destination, hop_limit, key, &nonces);
	assert_int_equal(frame_len, SEAL_HEADROOM + len + SEAL_TAILROOM);
	return (struct blob){.bytes = buffer, .len = frame_len};
}

/* Opens a copy of a body and compares what is inside with `plaintext`. */
static inline void assert_opens(struct blob body, struct aead_key *key, struct blob plaintext)
{
	struct blob copy = blob_new(body.bytes, body.len);
	enum user_type type;
	uint8_t *payload;
	size_t len;
	assert_int_equal(sealed_open(copy.bytes, copy.len, key, &type, &payload, &len), 0);
	assert_int_equal(type, plaintext.bytes[1]);
	assert_ptr_equal(payload, &copy.bytes[USER_HEADER_SIZE]);
	assert_bytes(copy.bytes, USER_HEADER_SIZE + len, plaintext);
	blob_free(copy);
}

#endif
