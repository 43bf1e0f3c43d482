// SPDX-License-Identifier: Apache-2.0
/*
 * Identity: the X25519 key pair, its text, the overlay address and the router id derived from it.
 *
 * docs/protocol/identity.md says why each rule is as it is.
 */
#ifndef MYCELIUM_CRYPTO_KEYS_H
#define MYCELIUM_CRYPTO_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"

enum {
	KEY_SIZE = 32,
	PUBLIC_KEY_TEXT_SIZE = 2 * KEY_SIZE + 1,
	ROUTER_ID_SIZE = 40,
	ROUTER_ID_TEXT_SIZE = 64 + 1 + 4 + 1 + 12 + 1,
};

/* Stored as generated; clamped at use. Wipe with secret_wipe() before it goes out of scope. */
struct secret_key {
	uint8_t bytes[KEY_SIZE];
};

/* Any 32 bytes; the address always uses them raw. */
struct public_key {
	uint8_t bytes[KEY_SIZE];
};

/* X25519 of own secret and remote public key: the AES-256 key between two nodes. Wipe after use. */
struct shared_secret {
	uint8_t bytes[KEY_SIZE];
};

/* Public key, two zone bytes, six random bytes drawn at process start. All 40 bytes are the identity of a route
 * source. */
struct router_id {
	uint8_t bytes[ROUTER_ID_SIZE];
};

/* Overwrites `len` bytes in a way the compiler keeps. */
void secret_wipe(void *bytes, size_t len);

/* A new secret key from the operating system's generator. */
struct secret_key secret_key_generate(void);

/* X25519(secret, 9). */
struct public_key public_key_of(const struct secret_key *secret);

/* X25519(secret, remote). Returns 0, or -EKEYREJECTED when the result is all zero (a low-order public key): there is no
 * usable key, and `ret` stays untouched. */
int shared_secret_derive(const struct secret_key *secret, const struct public_key *remote, struct shared_secret *ret);

/* The overlay address of a key: BLAKE3, 16 bytes, first byte 0x04 | parity of its bit count. */
struct ip6 public_key_address(const struct public_key *key);

/* 64 lower-case hex digits. Returns `text`. */
const char *public_key_text(const struct public_key *key, char text[static PUBLIC_KEY_TEXT_SIZE]);

/* Parses exactly 64 hex digits of either case. Returns 0, -EMSGSIZE for a wrong length, -EINVAL for a character that is
 * not hex; `ret` stays untouched on error. */
int public_key_parse(const char *text, struct public_key *ret);

/* A router id with zone 0 and the given random tail. */
struct router_id router_id_make(const struct public_key *key, const uint8_t random[static 6]);

/* The public key in a router id. */
struct public_key router_id_key(const struct router_id *id);

bool router_id_equal(const struct router_id *a, const struct router_id *b);

/* <64 hex>-<4 hex>-<12 hex>. Returns `text`. */
const char *router_id_text(const struct router_id *id, char text[static ROUTER_ID_TEXT_SIZE]);

#endif
