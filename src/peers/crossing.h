// SPDX-License-Identifier: Apache-2.0
/*
 * Crossing dials: two nodes that are each other's static peer dial each other at the same moment; inside the room.
 *
 *       A ── dials X ──▶ ◀── Y dials ── B        QUIC dials from the port it listens on, so that on each node both
 *                                                connections are to the endpoint of one entry.
 *
 * "The newer one stays" closes both when the two nodes see X and Y come up in different orders, and then they dial
 * again, in one moment again. So does every rule by which each node closes the one it likes less, unless both like
 * the same, and they need not: behind address translation they see different addresses. Therefore:
 *
 *   1. Both connections are kept and used at first. Nothing is closed when the second one comes up.
 *   2. Only the node that dialled a connection closes it for having crossed; it keeps the one it accepted.
 *   3. Each node has a patience before it does so. The node whose own address and port are the lower pair waits
 *      5 to 10 s, the other one 25 to 30 s. When one of the two connections ends, whoever closed it, the crossing
 *      is over and nothing more is closed.
 *
 * With addresses that both see alike the lower node closes X and the other one is left waiting: the gap of 15 s is
 * longer than an attempt may take (10 s), by which the two may differ about when the crossing began. When they see
 * different addresses, or none, both may have the same patience; then chance (5 s wide, or 25 s) parts them with all
 * likelihood, since the one that is later learns of the other's closing within a round trip. If not, both dial again.
 *
 * The deployed node closes what it had under an endpoint when it accepts there, or goes on with both, but never
 * closes what it accepted: what we dialled is safe there at first, and if it still has the one it dialled when our
 * patience ends, that one is good as well. Its entries for IPv4 have two keys (plain and mapped), so both stay; ours
 * too.
 *
 * A remote that restarts looks alike: it dials while we hold what we had dialled. If ours is old it is superseded at
 * once, since the remote would not dial if it knew of it. If ours is so young that the dials may have crossed, the
 * rule above closes the right one a little later. If both had come up and the remote dials once more, it lost both.
 */
#ifndef MYCELIUM_PEERS_CROSSING_H
#define MYCELIUM_PEERS_CROSSING_H

#include <stdint.h>

#include "base/random.h"
#include "peers/endpoint.h"

/* A connection that we dialled and that is older did not cross with one that is accepted now: the handshake limit of
 * the remote's attempt, and some time for retransmissions of our own first bytes. */
enum { CROSSING_AGE_MAX_MS = 15000 };

/* Which node of the two we are. */
enum crossing_side { CROSSING_UNKNOWN, CROSSING_LOWER, CROSSING_HIGHER };

/* By address (IPv4 in its mapped form), then port; the scope is each node's own and does not count. Unknown when the
 * pair is equal or one is no IP address. */
enum crossing_side crossing_side_of(const struct endpoint *local, const struct endpoint *remote);

/* How long to keep both connections before ours is closed. */
uint64_t crossing_patience(enum crossing_side side, struct rng *rng);

#endif
