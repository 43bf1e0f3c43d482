// SPDX-License-Identifier: Apache-2.0
/*
 * vsock: connections between a virtual machine and its host, and links over them (docs/protocol/transports.md).
 *
 * An address is a context id (1 the machine itself, 2 the host, from 3 on guests) and a port, both of 32 bits. The bytes
 * pass through no network: they are plain, on nodes of a private network too, and carry no firewall mark. All sockets are
 * non-blocking and close-on-exec.
 */
#ifndef MYCELIUM_LINK_VSOCK_H
#define MYCELIUM_LINK_VSOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "link/link.h"

/* Whether this system has vsock. */
bool vsock_is_available(void);

/* A listening socket for every context id of the machine. Port 0xffffffff takes any. Returns the descriptor, or a negative
 * errno (-EAFNOSUPPORT: the kernel has no vsock). */
int vsock_listen(uint32_t port);

/* Takes the next connection. Returns the descriptor, or a negative errno (-EAGAIN: none there). */
int vsock_accept(int listener, uint32_t *ret_cid, uint32_t *ret_port);

/* Starts to connect. Returns the descriptor (writable once done: socket_connect_result(), among others -ECONNRESET when nobody
 * listens there and -ENODEV when no machine has this context id), or a negative errno (-EAFNOSUPPORT as above). */
int vsock_connect_start(uint32_t cid, uint32_t port);

/* A link over a connected socket, named "VSOCK CID:PORT <-> CID:PORT", local before remote. Takes the descriptor over; on
 * NULL (no memory, or the socket is already dead) it is closed. */
struct link *vsock_link_new(int fd);

#endif
