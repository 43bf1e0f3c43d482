// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/list.h"
#include "base/loop_internal.h"

/* What a watcher is; all of them hang on the loop's list, so that loop_free() can close what is left. */
struct watcher {
	struct list link;
	union {
		uv_handle_t handle;
		uv_poll_t poll;
		uv_timer_t timer;
		uv_async_t async;
		uv_signal_t signal;
	};
	struct loop *loop;
	void *context;
};

struct loop_io {
	struct watcher watcher;
	void (*callback)(void *context, int events, int error);
};

struct loop_timer {
	struct watcher watcher;
	void (*callback)(void *context);
};

struct loop_wake {
	struct watcher watcher;
	void (*callback)(void *context);
};

struct loop_signal {
	struct watcher watcher;
	void (*callback)(void *context);
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_check_t check;
	struct list watchers;
	void (*before_sleep)(void *context);
	void (*after_sleep)(void *context);
	void *round_context;
	bool asleep;	/* from before_sleep to the first callback of the next round */
};

uint64_t monotonic_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t monotonic_ms(void)
{
	return monotonic_us() / 1000;
}

unsigned loop_available_processors(void)
{
	return uv_available_parallelism();
}

static void on_prepare(uv_prepare_t *handle)
{
	struct loop *loop = handle->data;
	if (loop->before_sleep != NULL)
		loop->before_sleep(loop->round_context);
	loop->asleep = true;
}

/* libuv calls descriptors' callbacks as part of its polling, before any check handle: so the first callback of a round, of
 * whatever kind, ends the sleep. */
static void wake_up(struct loop *loop)
{
	if (!loop->asleep)
		return;
	loop->asleep = false;
	if (loop->after_sleep != NULL)
		loop->after_sleep(loop->round_context);
}

uv_loop_t *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void loop_callback_begins(uv_loop_t *uv)
{
	wake_up(container_of(uv, struct loop, uv));
}

static void on_check(uv_check_t *handle)
{
	wake_up(handle->data);
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL)
		return NULL;
	if (uv_loop_init(&loop->uv) != 0) {
		free(loop);
		return NULL;
	}
	list_init(&loop->watchers);
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_check_init(&loop->uv, &loop->check);
	loop->prepare.data = loop->check.data = loop;
	return loop;
}

/* A watcher is the first member of its kind, so its address is what was allocated. */
static void on_closed(uv_handle_t *handle)
{
	struct watcher *watcher = handle->data;
	free(watcher);
}

static void watcher_start(struct watcher *watcher, struct loop *loop, void *context)
{
	watcher->loop = loop;
	watcher->context = context;
	watcher->handle.data = watcher;
	list_append(&loop->watchers, &watcher->link);
}

static void watcher_close(struct watcher *watcher)
{
	list_remove(&watcher->link);
	uv_close(&watcher->handle, on_closed);
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	list_foreach (&loop->watchers, node, tmp)
		watcher_close(container_of(node, struct watcher, link));
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->check, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	free(loop);
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

uint64_t loop_now_ms(struct loop *loop)
{
	return uv_now(&loop->uv);
}

void loop_set_round_hooks(struct loop *loop, void (*before_sleep)(void *), void (*after_sleep)(void *), void *context)
{
	loop->before_sleep = before_sleep;
	loop->after_sleep = after_sleep;
	loop->round_context = context;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct loop_io *io = handle->data;
	wake_up(io->watcher.loop);
	int ready = ((events & UV_READABLE) != 0 ? LOOP_READABLE : 0) | ((events & UV_WRITABLE) != 0 ? LOOP_WRITABLE : 0);
	io->callback(io->watcher.context, ready, status);
}

struct loop_io *loop_io_new(struct loop *loop, int fd, void (*callback)(void *context, int events, int error), void *context)
{
	struct loop_io *io = calloc(1, sizeof(*io));
	if (io == NULL)
		return NULL;
	if (uv_poll_init(&loop->uv, &io->watcher.poll, fd) != 0) {
		free(io);
		return NULL;
	}
	io->callback = callback;
	watcher_start(&io->watcher, loop, context);
	return io;
}

void loop_io_watch(struct loop_io *io, int events)
{
	int uv_events = ((events & LOOP_READABLE) != 0 ? UV_READABLE : 0) | ((events & LOOP_WRITABLE) != 0 ? UV_WRITABLE : 0);
	if (uv_events == 0)
		uv_poll_stop(&io->watcher.poll);
	else
		uv_poll_start(&io->watcher.poll, uv_events, on_poll);
}

void loop_io_free(struct loop_io *io)
{
	if (io == NULL)
		return;
	uv_poll_stop(&io->watcher.poll);
	watcher_close(&io->watcher);
}

static void on_timer(uv_timer_t *handle)
{
	struct loop_timer *timer = handle->data;
	wake_up(timer->watcher.loop);
	timer->callback(timer->watcher.context);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*callback)(void *context), void *context)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));
	if (timer == NULL)
		return NULL;
	uv_timer_init(&loop->uv, &timer->watcher.timer);
	timer->callback = callback;
	watcher_start(&timer->watcher, loop, context);
	return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t at_ms)
{
	if (at_ms == UINT64_MAX) {
		uv_timer_stop(&timer->watcher.timer);
		return;
	}
	/* One that is due already fires in a later round: libuv runs due timers until none is left, and one that is set
	 * again by its own callback would keep it there. */
	uint64_t now = uv_now(&timer->watcher.loop->uv);
	uv_timer_start(&timer->watcher.timer, on_timer, at_ms > now ? at_ms - now : 1, 0);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer != NULL)
		watcher_close(&timer->watcher);
}

static void on_wake(uv_async_t *handle)
{
	struct loop_wake *wake = handle->data;
	wake_up(wake->watcher.loop);
	wake->callback(wake->watcher.context);
}

struct loop_wake *loop_wake_new(struct loop *loop, void (*callback)(void *context), void *context)
{
	struct loop_wake *wake = calloc(1, sizeof(*wake));
	if (wake == NULL)
		return NULL;
	if (uv_async_init(&loop->uv, &wake->watcher.async, on_wake) != 0) {
		free(wake);
		return NULL;
	}
	wake->callback = callback;
	watcher_start(&wake->watcher, loop, context);
	return wake;
}

void loop_wake(struct loop_wake *wake)
{
	uv_async_send(&wake->watcher.async);
}

void loop_wake_free(struct loop_wake *wake)
{
	if (wake != NULL)
		watcher_close(&wake->watcher);
}

static void on_signal(uv_signal_t *handle, int signal)
{
	(void)signal;
	struct loop_signal *watcher = handle->data;
	wake_up(watcher->watcher.loop);
	watcher->callback(watcher->watcher.context);
}

int loop_on_signal(struct loop *loop, int signal, void (*callback)(void *context), void *context)
{
	struct loop_signal *watcher = calloc(1, sizeof(*watcher));
	if (watcher == NULL)
		return -ENOMEM;
	int error = uv_signal_init(&loop->uv, &watcher->watcher.signal);
	if (error != 0) {
		free(watcher);
		return error;
	}
	watcher->callback = callback;
	watcher_start(&watcher->watcher, loop, context);
	return uv_signal_start(&watcher->watcher.signal, on_signal, signal);
}
