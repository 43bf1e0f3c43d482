// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alarm.h"

struct scene {
	struct loop *loop;
	struct loop_alarm *alarm;
	struct loop_timer *end;
	uint64_t due_us;
	unsigned rings;
};

static void stop(void *context)
{
	loop_stop(((struct scene *)context)->loop);
}

/* Rings three times, the second time for a moment that is past. */
static void on_alarm(void *context)
{
	struct scene *scene = context;
	assert_true(monotonic_us() >= scene->due_us);
	scene->rings++;
	scene->due_us = scene->rings == 1 ? monotonic_us() - 1000 : monotonic_us() + 300;
	loop_alarm_set(scene->alarm, scene->rings < 3 ? scene->due_us : UINT64_MAX);
	if (scene->rings == 3)
		loop_timer_set(scene->end, loop_now_ms(scene->loop) + 5);
}

static void scene_init(struct scene *scene)
{
	*scene = (struct scene){.loop = loop_new()};
	scene->alarm = loop_alarm_new(scene->loop, on_alarm, scene);
	scene->end = loop_timer_new(scene->loop, stop, scene);
	assert_non_null(scene->alarm);
	assert_non_null(scene->end);
}

static void scene_clear(struct scene *scene)
{
	loop_alarm_free(scene->alarm);
	loop_free(scene->loop);
}

static void rings_when_due_and_not_before(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene.due_us = monotonic_us() + 1500;
	loop_alarm_set(scene.alarm, scene.due_us);
	loop_alarm_set(scene.alarm, scene.due_us);
	loop_run(scene.loop);
	assert_int_equal(scene.rings, 3);
	scene_clear(&scene);
}

static void disarmed_stays_silent(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	loop_alarm_set(scene.alarm, monotonic_us() + 1000);
	loop_alarm_set(scene.alarm, UINT64_MAX);
	loop_timer_set(scene.end, loop_now_ms(scene.loop) + 10);
	loop_run(scene.loop);
	assert_int_equal(scene.rings, 0);
	scene_clear(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_when_due_and_not_before),
		cmocka_unit_test(disarmed_stays_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
