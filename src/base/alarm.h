// SPDX-License-Identifier: Apache-2.0
/* A timer of a loop that is exact to some microseconds where the system can; loop_timer is to the millisecond. */
#ifndef MYCELIUM_BASE_ALARM_H
#define MYCELIUM_BASE_ALARM_H

#include "base/loop.h"

struct loop_alarm;

/* Not armed. Returns NULL without memory or descriptors. The alarm must be freed before its loop. */
struct loop_alarm *loop_alarm_new(struct loop *loop, void (*callback)(void *context), void *context);

/* Arms once, at an absolute time of monotonic_us(), soon when that is past; UINT64_MAX disarms. Putting it off costs
 * nothing. */
void loop_alarm_set(struct loop_alarm *alarm, uint64_t at_us);

/* NULL is fine. */
void loop_alarm_free(struct loop_alarm *alarm);

#endif
