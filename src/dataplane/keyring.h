// SPDX-License-Identifier: Apache-2.0
/*
 * Which originators' secrets are derived and published in the FIB: made on first local use, kept by least recent use.
 *
 * A relay that only passes packets on never computes an X25519. A secret is bound to the public key it was made from: when
 * a prefix comes from another key, the old secret goes. Control thread.
 */
#ifndef MYCELIUM_DATAPLANE_KEYRING_H
#define MYCELIUM_DATAPLANE_KEYRING_H

#include "base/ip6.h"
#include "crypto/keys.h"
#include "dataplane/fib.h"

enum { KEYRING_MAX = 16384 };

struct keyring;

/* Keeps a copy of the node's secret key, wiped at the end. `fib` must outlive it. Returns NULL without memory. */
struct keyring *keyring_new(const struct secret_key *own, struct fib *fib, uint64_t seed);
void keyring_free(struct keyring *keyring);

/* Makes the secret for a prefix of this key available in the FIB, deriving it when needed; the least recently needed one
 * gives way at KEYRING_MAX. Returns 0; -EKEYREJECTED when the key is unusable (low order); -ENOMEM, -ENOSPC. */
int keyring_provide(struct keyring *keyring, const struct subnet *subnet, const struct public_key *key);

/* A prefix is now announced with this key: a secret from another key is withdrawn. */
void keyring_note_key(struct keyring *keyring, const struct subnet *subnet, const struct public_key *key);

size_t keyring_count(const struct keyring *keyring);

#endif
