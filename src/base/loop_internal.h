// SPDX-License-Identifier: Apache-2.0
/* What the files of the loop share; inside the room. */
#ifndef MYCELIUM_BASE_LOOP_INTERNAL_H
#define MYCELIUM_BASE_LOOP_INTERNAL_H

#include <uv.h>

#include "base/loop.h"

uv_loop_t *loop_uv(struct loop *loop);

/* First thing in each callback of libuv: ends the sleep of the loop, if this is the first one of a round. */
void loop_callback_begins(uv_loop_t *uv);

#endif
