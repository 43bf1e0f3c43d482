// SPDX-License-Identifier: Apache-2.0
/*
 * TCP: listening, connecting, and links over connected sockets (docs/protocol/transports.md).
 *
 * All sockets are non-blocking and close-on-exec. Connected ones get TCP_NODELAY and TCP_USER_TIMEOUT; failing to set an
 * option that only helps is not an error. The firewall mark, when asked for, is set before the first packet.
 */
#ifndef MYCELIUM_LINK_TCP_H
#define MYCELIUM_LINK_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "link/link.h"
#include "link/socket.h"

/* A listening socket on [::]:port, for IPv4 too; on 0.0.0.0 where there is no IPv6. Port 0 takes any. Returns the
 * descriptor, or a negative errno. */
int tcp_listen_any(uint16_t port, const struct socket_options *options);

/* A listening socket on one address. Returns the descriptor or a negative errno. */
int tcp_listen_on(const struct sockaddr *address, socklen_t len);

/* The port a socket is bound to. */
uint16_t tcp_local_port(int fd);

/* Takes the next connection. Returns the descriptor, or a negative errno (-EAGAIN: none there). */
int tcp_accept(int listener, struct sockaddr_storage *ret_remote);

/* Starts to connect. Returns the descriptor (writable once done: socket_connect_result()) or a negative errno. */
int tcp_connect_start(const struct sockaddr *address, socklen_t len, const struct socket_options *options);

/* A link over a connected socket, named "TCP LOCAL <-> REMOTE". Takes the descriptor over; on NULL (no memory, or the
 * socket is already dead) it is closed. */
struct link *tcp_link_new(int fd);

/* ---- for links over TCP that are more than TCP; inside the room --------------------------------------------------- */

/* Sets the options of a connected socket. */
void tcp_tune(int fd);

/* Writes "PROTOCOL LOCAL <-> REMOTE". Returns 0, or a negative errno when the connection is dead. */
int tcp_name(int fd, const char *protocol, char name[static LINK_NAME_SIZE]);

/* As link_unacknowledged_ms() and link_get_stats(). */
long tcp_unacknowledged_ms(int fd);
void tcp_get_stats(int fd, struct link_stats *ret);

/* As in struct stream_ops: little on a slow path, where what the kernel holds delays all that comes behind it. */
size_t tcp_held(int fd);
size_t tcp_held_max(int fd, size_t before);

#endif
