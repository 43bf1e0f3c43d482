// SPDX-License-Identifier: Apache-2.0
/*
 * Forwarding information base: prefix → next hop and end-to-end secret.
 *
 * Control writes, lanes read. The table is an RCU hash (liburcu, QSBR flavour): a lookup takes no lock and waits for
 * nobody; entries are immutable and are replaced whole; what was replaced is freed after every lane has passed a quiescent
 * state. The hash key is a /64. A prefix longer than /64 hangs on the entry of its /64, so that nobody else's lookups pay
 * for it.
 *
 * An entry may have a next hop, a secret, or both: a secret outlives the route, so that packets of a known sender can be
 * opened while its route is being looked for.
 */
#ifndef MYCELIUM_DATAPLANE_FIB_H
#define MYCELIUM_DATAPLANE_FIB_H

#include <stdint.h>

#include "base/ip6.h"
#include "crypto/keys.h"

enum {
	FIB_LONGER_MAX = 16,	/* prefixes longer than /64 inside one /64; further ones are refused */
};

/* No next hop. */
#define FIB_NO_PEER UINT32_MAX

/* The key between this node and the originator of a prefix. The id is new for each derived secret, so that lanes can keep
 * expanded keys by it. Immutable once published. */
struct fib_secret {
	uint64_t id;
	struct shared_secret secret;
	unsigned references;	/* control only */
};

struct fib_route {
	struct subnet subnet;
	uint32_t peer;			/* next hop, or FIB_NO_PEER */
	uint64_t expires_ms;
	struct fib_secret *secret;	/* or NULL: not derived yet */
};

struct fib;

/* `seed` keys the hash. The calling thread becomes the writer. Returns NULL without memory. */
struct fib *fib_new(uint64_t seed);

/* All readers must have ended. Writer's thread; NULL is fine. */
void fib_free(struct fib *fib);

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

/* A thread must start before its first lookup and end after its last one. While it sleeps it rests: what it looked up
 * before is then no longer valid, and the writer does not wait for it. */
void fib_reader_start(void);
void fib_reader_rest(struct fib *fib);
void fib_reader_resume(void);
void fib_reader_end(struct fib *fib);

/* Longest match with a next hop for an address; else the longest match; or NULL. Valid until the thread rests. */
const struct fib_route *fib_lookup(const struct fib *fib, const struct ip6 *address);

/* ---- control ----------------------------------------------------------------------------------------------------- */

/* Sets or replaces the next hop of a prefix (length 64..128); a secret stays. Returns 0, -ENOMEM, or -ENOSPC
 * (FIB_LONGER_MAX). */
int fib_set_route(struct fib *fib, const struct subnet *subnet, uint32_t peer, uint64_t expires_ms);

/* Takes the next hop away; the entry stays as long as it has a secret. */
void fib_clear_route(struct fib *fib, const struct subnet *subnet);

/* Publishes a copy of `secret` for a prefix. Returns 0, -ENOMEM or -ENOSPC. */
int fib_set_secret(struct fib *fib, const struct subnet *subnet, const struct shared_secret *secret);

/* Takes the secret away; the entry stays as long as it has a next hop. */
void fib_clear_secret(struct fib *fib, const struct subnet *subnet);

/* The present route of exactly this prefix, or NULL. */
const struct fib_route *fib_get(const struct fib *fib, const struct subnet *subnet);

/* Waits for the lanes' quiescent states and frees what was replaced since the last call. To be called once in a while;
 * does nothing when nothing was replaced. */
void fib_reclaim(struct fib *fib);

size_t fib_count(const struct fib *fib);

#endif
