// SPDX-License-Identifier: Apache-2.0
#include "base/alarm.h"

#include <stdlib.h>

#ifdef __linux__
#include <sys/timerfd.h>
#include <unistd.h>

struct loop_alarm {
	int fd;
	struct loop_io *io;
	uint64_t at_us;		/* when it is to ring; UINT64_MAX: not at all */
	uint64_t armed_us;	/* when the timer expires: then or before; UINT64_MAX: it does not */
	void (*callback)(void *context);
	void *context;
};

static void arm(struct loop_alarm *alarm)
{
	/* All zero would disarm, but time 0 is past. */
	uint64_t at = alarm->at_us > 0 ? alarm->at_us : 1;
	const struct itimerspec spec = {
		.it_value = {.tv_sec = (time_t)(at / 1000000), .tv_nsec = (long)(at % 1000000 * 1000)}};
	timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &spec, NULL);
	alarm->armed_us = alarm->at_us;
}

static void on_expired(void *context, int events, int error)
{
	struct loop_alarm *alarm = context;
	uint64_t expirations;
	(void)events;
	(void)error;
	if (read(alarm->fd, &expirations, sizeof(expirations)) < 0)
		return;
	alarm->armed_us = UINT64_MAX;
	if (alarm->at_us == UINT64_MAX)
		return;
	if (alarm->at_us > monotonic_us()) {
		arm(alarm);
		return;
	}
	alarm->at_us = UINT64_MAX;
	alarm->callback(alarm->context);
}

struct loop_alarm *loop_alarm_new(struct loop *loop, void (*callback)(void *context), void *context)
{
	struct loop_alarm *alarm = calloc(1, sizeof(*alarm));
	if (alarm == NULL)
		return NULL;
	*alarm = (struct loop_alarm){.at_us = UINT64_MAX, .armed_us = UINT64_MAX, .callback = callback, .context = context};
	alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (alarm->fd >= 0)
		alarm->io = loop_io_new(loop, alarm->fd, on_expired, alarm);
	if (alarm->io == NULL) {
		loop_alarm_free(alarm);
		return NULL;
	}
	loop_io_watch(alarm->io, LOOP_READABLE);
	return alarm;
}

/* A timer that expires too early costs one wake-up, moving it with every packet that puts the time off a system call each. */
void loop_alarm_set(struct loop_alarm *alarm, uint64_t at_us)
{
	alarm->at_us = at_us;
	if (at_us < alarm->armed_us)
		arm(alarm);
}

void loop_alarm_free(struct loop_alarm *alarm)
{
	if (alarm == NULL)
		return;
	loop_io_free(alarm->io);
	if (alarm->fd >= 0)
		close(alarm->fd);
	free(alarm);
}

#else

struct loop_alarm {
	struct loop_timer *timer;
	struct loop *loop;
};

struct loop_alarm *loop_alarm_new(struct loop *loop, void (*callback)(void *context), void *context)
{
	struct loop_alarm *alarm = calloc(1, sizeof(*alarm));
	if (alarm == NULL)
		return NULL;
	alarm->loop = loop;
	alarm->timer = loop_timer_new(loop, callback, context);
	if (alarm->timer == NULL) {
		free(alarm);
		return NULL;
	}
	return alarm;
}

void loop_alarm_set(struct loop_alarm *alarm, uint64_t at_us)
{
	uint64_t now_us = monotonic_us();
	uint64_t wait_ms = at_us > now_us ? (at_us - now_us + 999) / 1000 : 0;
	loop_timer_set(alarm->timer, at_us == UINT64_MAX ? UINT64_MAX : loop_now_ms(alarm->loop) + wait_ms);
}

void loop_alarm_free(struct loop_alarm *alarm)
{
	if (alarm == NULL)
		return;
	loop_timer_free(alarm->timer);
	free(alarm);
}

#endif
