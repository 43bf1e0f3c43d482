// SPDX-License-Identifier: Apache-2.0
#include "crypto/nonce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/random.h"

/* How often this process was forked, counted along the line of its ancestors. A sequence copied by a fork carries the
 * epoch of its parent and is thereby recognised. */
static _Atomic uint64_t fork_epoch;

static void count_fork(void)
{
	atomic_fetch_add_explicit(&fork_epoch, 1, memory_order_relaxed);
}

static void watch_forks(void)
{
	/* Without the watch a child would repeat its parent's nonces, which gives both their keys away. */
	if (pthread_atfork(NULL, NULL, count_fork) != 0)
		abort();
}

static uint64_t current_epoch(void)
{
	return atomic_load_explicit(&fork_epoch, memory_order_relaxed);
}

static void draw(struct nonce_sequence *sequence)
{
	uint8_t bits[AEAD_NONCE_SIZE];
	random_fill(bits, sizeof(bits));
	struct reader reader = reader_init(bits, sizeof(bits));
	sequence->prefix = read_u32(&reader);
	sequence->counter = read_u64(&reader);
	sequence->left = NONCE_PACKETS_MAX;
	sequence->fork_epoch = current_epoch();
}

void nonce_sequence_init(struct nonce_sequence *sequence, uint64_t now_ms)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, watch_forks);
	draw(sequence);
	sequence->redraw_at_ms = now_ms + NONCE_LIFETIME_MS;
}

void nonce_sequence_refresh(struct nonce_sequence *sequence, uint64_t now_ms)
{
	if (now_ms < sequence->redraw_at_ms)
		return;
	draw(sequence);
	sequence->redraw_at_ms = now_ms + NONCE_LIFETIME_MS;
}

void nonce_next(struct nonce_sequence *sequence, uint8_t nonce[static AEAD_NONCE_SIZE])
{
	if (sequence->left == 0 || sequence->fork_epoch != current_epoch())
		draw(sequence);

	struct writer writer = writer_init(nonce, AEAD_NONCE_SIZE);
	write_u32(&writer, sequence->prefix);
	write_u64(&writer, sequence->counter);
	sequence->counter++;
	sequence->left--;
}
