// SPDX-License-Identifier: Apache-2.0
/* The test's side of the interface that tun_fake.c puts in the place of src/tun. */
#ifndef MYCELIUM_TESTS_DATAPLANE_TUN_FAKE_H
#define MYCELIUM_TESTS_DATAPLANE_TUN_FAKE_H

#include "tun/tun.h"

/* The host's end: each message is a packet. */
int tun_fake_host(const struct tun *tun);

/* Called on the lane's thread before each read. */
void tun_fake_on_read(struct tun *tun, void (*hook)(void *context), void *context);

/* As if somebody deleted the interface. */
void tun_fake_remove(struct tun *tun);

#endif
