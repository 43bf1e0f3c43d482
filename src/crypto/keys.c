// SPDX-License-Identifier: Apache-2.0
#include "crypto/keys.h"

#include <assert.h>
#include <errno.h>
#include <nettle/curve25519.h>
#include <nettle/memops.h>
#include <string.h>

#include "base/random.h"
#include "crypto/blake3.h"

enum { ZONE_SIZE = 2, ROUTER_RANDOM_SIZE = 6 };

static_assert(CURVE25519_SIZE == KEY_SIZE, "X25519 keys have 32 bytes");
static_assert(KEY_SIZE + ZONE_SIZE + ROUTER_RANDOM_SIZE == ROUTER_ID_SIZE, "a router id is key, zone and random");

void secret_wipe(void *bytes, size_t len)
{
	explicit_bzero(bytes, len);
}

struct secret_key secret_key_generate(void)
{
	struct secret_key key;
	random_fill(key.bytes, sizeof(key.bytes));
	return key;
}

struct public_key public_key_of(const struct secret_key *secret)
{
	struct public_key key;
	curve25519_mul_g(key.bytes, secret->bytes);
	return key;
}

int shared_secret_derive(const struct secret_key *secret, const struct public_key *remote, struct shared_secret *ret)
{
	/* Nettle clamps the scalar, ignores the top bit of the point and reduces it, all as RFC 7748 has it. It leaves
	 * the check for a low-order point to us. */
	static const uint8_t zero[KEY_SIZE];
	struct shared_secret shared;
	curve25519_mul(shared.bytes, secret->bytes, remote->bytes);
	int result = memeql_sec(shared.bytes, zero, KEY_SIZE) ? -EKEYREJECTED : 0;
	if (result == 0)
		*ret = shared;
	secret_wipe(&shared, sizeof(shared));
	return result;
}

struct ip6 public_key_address(const struct public_key *key)
{
	uint8_t hash[BLAKE3_SIZE];
	blake3(key->bytes, sizeof(key->bytes), hash);

	struct ip6 address;
	memcpy(address.bytes, hash, sizeof(address.bytes));
	address.bytes[0] = (uint8_t)(0x04 | __builtin_parity(hash[0]));
	return address;
}

/* Writes two lower-case digits for each byte and returns the place behind them. */
static char *hex_write(char *text, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 0x0f];
	}
	return text;
}

/* The value of a hex digit, or -1. */
static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

const char *public_key_text(const struct public_key *key, char text[static PUBLIC_KEY_TEXT_SIZE])
{
	*hex_write(text, key->bytes, KEY_SIZE) = '\0';
	return text;
}

int public_key_parse(const char *text, struct public_key *ret)
{
	if (strnlen(text, PUBLIC_KEY_TEXT_SIZE) != PUBLIC_KEY_TEXT_SIZE - 1)
		return -EMSGSIZE;

	struct public_key key;
	for (int i = 0; i < KEY_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		key.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = key;
	return 0;
}

struct router_id router_id_make(const struct public_key *key, const uint8_t random[static 6])
{
	struct router_id id = {0};
	memcpy(id.bytes, key->bytes, KEY_SIZE);
	memcpy(id.bytes + KEY_SIZE + ZONE_SIZE, random, ROUTER_RANDOM_SIZE);
	return id;
}

struct public_key router_id_key(const struct router_id *id)
{
	struct public_key key;
	memcpy(key.bytes, id->bytes, KEY_SIZE);
	return key;
}

bool router_id_equal(const struct router_id *a, const struct router_id *b)
{
	return memcmp(a->bytes, b->bytes, ROUTER_ID_SIZE) == 0;
}

const char *router_id_text(const struct router_id *id, char text[static ROUTER_ID_TEXT_SIZE])
{
	char *at = hex_write(text, id->bytes, KEY_SIZE);
	*at++ = '-';
	at = hex_write(at, id->bytes + KEY_SIZE, ZONE_SIZE);
	*at++ = '-';
	at = hex_write(at, id->bytes + KEY_SIZE + ZONE_SIZE, ROUTER_RANDOM_SIZE);
	*at = '\0';
	return text;
}
