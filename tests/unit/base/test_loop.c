// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/loop.h"

/* What callbacks saw, in order. */
struct trace {
	struct loop *loop;
	char events[16];
	unsigned count;
	int descriptor;
	unsigned sleeps, wakes;
	struct loop_timer *timer;
};

static void note(struct trace *trace, char event)
{
	trace->events[trace->count++] = event;
	assert_in_range(trace->count, 1, sizeof(trace->events) - 1);
}

static void on_first(void *context)
{
	note(context, '1');
}

static void on_second(void *context)
{
	note(context, '2');
}

static void on_last(void *context)
{
	struct trace *trace = context;
	note(trace, 'L');
	loop_stop(trace->loop);
}

static void before_sleep(void *context)
{
	((struct trace *)context)->sleeps++;
}

static void after_sleep(void *context)
{
	((struct trace *)context)->wakes++;
}

static void timers_fire_once_in_order(void **state)
{
	(void)state;
	struct trace trace = {.loop = loop_new()};
	struct loop_timer *first = loop_timer_new(trace.loop, on_first, &trace);
	struct loop_timer *second = loop_timer_new(trace.loop, on_second, &trace);
	struct loop_timer *disarmed = loop_timer_new(trace.loop, on_first, &trace);
	struct loop_timer *last = loop_timer_new(trace.loop, on_last, &trace);
	uint64_t now = loop_now_ms(trace.loop);
	loop_set_round_hooks(trace.loop, before_sleep, after_sleep, &trace);
	loop_timer_set(first, now + 50);
	loop_timer_set(second, now + 1);
	/* Re-arming moves it. */
	loop_timer_set(first, now + 20);
	loop_timer_set(disarmed, now + 2);
	loop_timer_set(disarmed, UINT64_MAX);
	loop_timer_set(last, now + 100);
	loop_run(trace.loop);
	assert_string_equal(trace.events, "21L");
	assert_true(loop_now_ms(trace.loop) >= now + 100);
	assert_true(trace.sleeps >= 1 && trace.wakes >= 1);
	loop_timer_free(first);
	loop_timer_free(NULL);
	/* The rest goes with the loop. */
	loop_free(trace.loop);
}

static void set_again_in_the_past(void *context)
{
	struct trace *trace = context;
	trace->sleeps++;
	loop_timer_set(trace->timer, 0);
}

/* A timer that is always overdue does not keep the loop from everything else. */
static void overdue_timer_leaves_room(void **state)
{
	(void)state;
	struct trace trace = {.loop = loop_new()};
	trace.timer = loop_timer_new(trace.loop, set_again_in_the_past, &trace);
	struct loop_timer *last = loop_timer_new(trace.loop, on_last, &trace);
	loop_timer_set(trace.timer, 0);
	loop_timer_set(last, loop_now_ms(trace.loop) + 20);
	loop_run(trace.loop);
	assert_string_equal(trace.events, "L");
	assert_in_range(trace.sleeps, 1, 40);
	loop_free(trace.loop);
}

static void on_readable(void *context, int events, int error)
{
	struct trace *trace = context;
	char byte;
	assert_int_equal(error, 0);
	assert_true(events & LOOP_READABLE);
	assert_int_equal(read(trace->descriptor, &byte, 1), 1);
	note(trace, byte);
	if (byte == 'z')
		loop_stop(trace->loop);
}

static void descriptors_are_watched_until_paused(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	struct trace trace = {.loop = loop_new(), .descriptor = ends[0]};
	struct loop_io *io = loop_io_new(trace.loop, ends[0], on_readable, &trace);
	loop_io_watch(io, LOOP_READABLE);
	assert_int_equal(write(ends[1], "az", 2), 2);
	loop_run(trace.loop);
	assert_string_equal(trace.events, "az");

	loop_io_watch(io, 0);
	assert_int_equal(write(ends[1], "b", 1), 1);
	struct loop_timer *last = loop_timer_new(trace.loop, on_last, &trace);
	loop_timer_set(last, loop_now_ms(trace.loop) + 20);
	loop_run(trace.loop);
	assert_string_equal(trace.events, "azL");
	loop_io_free(io);
	loop_io_free(NULL);
	loop_free(trace.loop);
	close(ends[0]);
	close(ends[1]);
}

/* A thread that rests between rounds must be told of their end before anything else happens in the next. */
struct rest {
	struct loop *loop;
	int descriptor;
	unsigned callbacks;
	bool resting;
};

static void start_rest(void *context)
{
	struct rest *rest = context;
	rest->resting = true;
}

static void end_rest(void *context)
{
	struct rest *rest = context;
	rest->resting = false;
}

static void expect_awake(void *context)
{
	struct rest *rest = context;
	assert_false(rest->resting);
	if (++rest->callbacks == 3)
		loop_stop(rest->loop);
}

static void expect_awake_on_readable(void *context, int events, int error)
{
	(void)events;
	(void)error;
	struct rest *rest = context;
	char byte;
	assert_int_equal(read(rest->descriptor, &byte, 1), 1);
	expect_awake(context);
}

static void no_callback_comes_during_the_rest(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	struct rest rest = {.loop = loop_new(), .descriptor = ends[0]};
	loop_set_round_hooks(rest.loop, start_rest, end_rest, &rest);
	struct loop_io *io = loop_io_new(rest.loop, ends[0], expect_awake_on_readable, &rest);
	struct loop_timer *timer = loop_timer_new(rest.loop, expect_awake, &rest);
	struct loop_wake *wake = loop_wake_new(rest.loop, expect_awake, &rest);
	loop_io_watch(io, LOOP_READABLE);
	loop_timer_set(timer, loop_now_ms(rest.loop) + 30);
	loop_wake(wake);
	assert_int_equal(write(ends[1], "x", 1), 1);
	loop_run(rest.loop);
	assert_int_equal(rest.callbacks, 3);
	loop_free(rest.loop);
	close(ends[0]);
	close(ends[1]);
}

static void *wake_often(void *context)
{
	struct loop_wake *wake = context;
	for (int i = 0; i < 1000; i++)
		loop_wake(wake);
	return NULL;
}

static void other_threads_wake_the_loop(void **state)
{
	(void)state;
	struct trace trace = {.loop = loop_new()};
	struct loop_wake *wake = loop_wake_new(trace.loop, on_last, &trace);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_often, wake), 0);
	loop_run(trace.loop);
	pthread_join(thread, NULL);
	assert_int_equal(trace.events[0], 'L');
	loop_wake_free(wake);
	loop_free(trace.loop);
}

static void signals_arrive_in_the_loop(void **state)
{
	(void)state;
	struct trace trace = {.loop = loop_new()};
	assert_int_equal(loop_on_signal(trace.loop, SIGUSR1, on_last, &trace), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	loop_run(trace.loop);
	assert_string_equal(trace.events, "L");
	loop_free(trace.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_once_in_order),
		cmocka_unit_test(overdue_timer_leaves_room),
		cmocka_unit_test(descriptors_are_watched_until_paused),
		cmocka_unit_test(no_callback_comes_during_the_rest),
		cmocka_unit_test(other_threads_wake_the_loop),
		cmocka_unit_test(signals_arrive_in_the_loop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
