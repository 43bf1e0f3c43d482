// SPDX-License-Identifier: Apache-2.0
/* Keyed hash for tables whose keys are chosen by others (SipHash-1-3). */
#ifndef MYCELIUM_BASE_HASH_H
#define MYCELIUM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

/* SipHash-1-3 of `len` bytes under `key`. */
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len);

/* The same of one 64-bit number in host order: the short way for /64 prefixes. */
uint64_t hash_u64(const struct hash_key *key, uint64_t value);

#endif
