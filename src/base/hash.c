// SPDX-License-Identifier: Apache-2.0
/* SipHash-1-3: one compression round per word, three at the end (Aumasson, Bernstein, 2012). */
#include "base/hash.h"

#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline struct sip sip_start(const struct hash_key *key)
{
	return (struct sip){
		key->k0 ^ 0x736f6d6570736575,
		key->k1 ^ 0x646f72616e646f6d,
		key->k0 ^ 0x6c7967656e657261,
		key->k1 ^ 0x7465646279746573,
	};
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip *s, uint64_t last)
{
	sip_word(s, last);
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static uint64_t little_endian(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;
	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	struct sip s = sip_start(key);
	for (size_t left = len; left >= 8; left -= 8, at += 8)
		sip_word(&s, little_endian(at, 8));
	return sip_finish(&s, (uint64_t)len << 56 | little_endian(at, len & 7));
}

uint64_t hash_u64(const struct hash_key *key, uint64_t value)
{
	struct sip s = sip_start(key);
	sip_word(&s, value);
	return sip_finish(&s, (uint64_t)8 << 56);
}
