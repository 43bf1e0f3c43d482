// SPDX-License-Identifier: Apache-2.0
/*
 * Event loop of one thread: descriptors, timers, wake-ups from other threads, signals. Hides libuv.
 *
 * Time is frozen per round: loop_now_ms() is the monotonic time at which the round began, so all callbacks of a round
 * agree. The round hooks let a lane stand outside the read side of RCU while it sleeps.
 */
#ifndef MYCELIUM_BASE_LOOP_H
#define MYCELIUM_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;
struct loop_wake;

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };

/* Returns NULL without memory or descriptors. */
struct loop *loop_new(void);

/* Frees the loop and every watcher left on it. */
void loop_free(struct loop *loop);

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);

/* Lets loop_run() return after the present round. Loop's thread only. */
void loop_stop(struct loop *loop);

/* Monotonic milliseconds at the start of this round. Loop's thread only. */
uint64_t loop_now_ms(struct loop *loop);

/* Called in each round: before the loop sleeps, and once it woke, before any other callback of the round. Either may be
 * NULL. */
void loop_set_round_hooks(struct loop *loop, void (*before_sleep)(void *), void (*after_sleep)(void *), void *context);

/* Watches a descriptor for LOOP_READABLE | LOOP_WRITABLE. `error` is 0, or a negative errno when polling failed. The
 * descriptor stays the caller's and must stay open until loop_io_free(). */
struct loop_io *loop_io_new(struct loop *loop, int fd, void (*callback)(void *context, int events, int error), void *context);

/* Changes what is watched; 0 pauses. */
void loop_io_watch(struct loop_io *io, int events);

/* NULL is fine. The descriptor may be closed right afterwards. */
void loop_io_free(struct loop_io *io);

/* A timer, not armed. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*callback)(void *context), void *context);

/* Arms once, at an absolute time of loop_now_ms(), 1 ms from now when that is past; UINT64_MAX disarms. */
void loop_timer_set(struct loop_timer *timer, uint64_t at_ms);
void loop_timer_free(struct loop_timer *timer);

/* A wake-up other threads may call: any number of calls before the callback runs count as one. */
struct loop_wake *loop_wake_new(struct loop *loop, void (*callback)(void *context), void *context);

/* Any thread. */
void loop_wake(struct loop_wake *wake);
void loop_wake_free(struct loop_wake *wake);

/* Calls back in the loop when the process gets this signal. Lives as long as the loop. Returns 0 or a negative errno. */
int loop_on_signal(struct loop *loop, int signal, void (*callback)(void *context), void *context);

/* ---- names ------------------------------------------------------------------------------------------------------- */

enum { LOOP_ADDRESSES_MAX = 8 };

struct sockaddr_storage;
struct loop_resolve;

/* Asks the system for the addresses of a host name, in the order it prefers, without their ports. The callback is called
 * once, in a later round, with `error` 0 and at least one address, or with a negative errno: -ENOENT when there is no such
 * name, -EAGAIN when it could not be found out now. Returns NULL without memory. */
struct loop_resolve *loop_resolve_start(struct loop *loop, const char *host,
					void (*callback)(void *context, int error, const struct sockaddr_storage *addresses,
							 unsigned count),
					void *context);

/* Ends it without a callback; not after the callback. NULL is fine. */
void loop_resolve_cancel(struct loop_resolve *resolve);

/* Processors this process may use; at least 1. Any thread. */
unsigned loop_available_processors(void);

/* Monotonic time now, not that of the round. Any thread. */
uint64_t monotonic_us(void);
uint64_t monotonic_ms(void);

#endif
