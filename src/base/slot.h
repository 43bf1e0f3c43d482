// SPDX-License-Identifier: Apache-2.0
/*
 * Packet slots: buffers with room in front and behind, from a pool that belongs to one thread.
 *
 *   bytes      data                    data + len
 *   ├ headroom ┼ packet ───────────────┼ tailroom ┤
 *
 * The pool grows in slabs up to a limit and never shrinks; taking and giving a slot is a list operation. A packet larger
 * than SLOT_CAPACITY gets a jumbo slot of its own, of which there are few. A slot may travel to another thread and be given
 * to that thread's pool: it waits there until somebody carries it home.
 */
#ifndef MYCELIUM_BASE_SLOT_H
#define MYCELIUM_BASE_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SLOT_HEADROOM = 64,	/* frame and user data header have 44 */
	SLOT_CAPACITY = 1920,	/* headroom, packet and tailroom of an ordinary slot: a full frame has 1472 */
	SLOTS_PER_SLAB = 64,
	SLOT_JUMBOS_MAX = 64,
};

struct slot_pool;

struct slot {
	struct slot *next;	/* for whoever holds it: a queue, the pool */
	uint8_t *data;
	uint32_t len;
	uint32_t capacity;
	struct slot_pool *home;	/* whose it is */
	/* What a queue needs to know of a packet; nothing to the pool. */
	uint64_t queued_us;
	uint32_t flow;		/* hash */
	bool is_packet;		/* not yet a frame */
	_Alignas(16) uint8_t bytes[];
};

/* At most `limit` ordinary slots. Returns NULL without memory. One thread. */
struct slot_pool *slot_pool_new(size_t limit);

/* Frees all memory; every slot must have been given back, and foreign ones carried home. NULL is fine. */
void slot_pool_free(struct slot_pool *pool);

/* A slot with room for `len` bytes behind `SLOT_HEADROOM` and `tailroom` bytes behind them; data at the headroom's end, len
 * set. NULL when the pool's limit is reached: drop the packet. */
struct slot *slot_take(struct slot_pool *pool, size_t len, size_t tailroom);

/* Gives a slot back, to the pool of this thread; NULL is fine. */
void slot_give(struct slot_pool *pool, struct slot *slot);

/* A slot of another pool that was given to this one, or NULL: to be carried to its home and given there. */
struct slot *slot_take_foreign(struct slot_pool *pool);

/* Slots of this pool that are out at this moment, wherever they are. */
size_t slot_pool_used(const struct slot_pool *pool);

#endif
