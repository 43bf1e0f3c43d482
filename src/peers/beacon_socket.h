// SPDX-License-Identifier: Apache-2.0
/*
 * The UDP socket of local discovery: beacons to and from the group ff02::cafe, each interface by itself.
 *
 * One socket sends and receives, on [::] and a port that nodes share by convention. It belongs to one node of a host.
 */
#ifndef MYCELIUM_PEERS_BEACON_SOCKET_H
#define MYCELIUM_PEERS_BEACON_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "wire/beacon.h"

/* Opens the socket, with the firewall mark `mark` if `has_mark`. Does not block. Returns the descriptor, to be closed with
 * close(), or
 *   -EADDRINUSE	another program has the port
 *   -EACCES		the port is a privileged one
 *   -EPERM		the mark needs CAP_NET_ADMIN
 *   -EAFNOSUPPORT	this host has no IPv6
 *   another negative errno */
int beacon_socket_open(uint16_t port, bool has_mark, uint32_t mark);

/* Joins the group on an interface; being in it already is fine. Returns 0 or a negative errno. */
int beacon_socket_join(int fd, uint32_t index);

/* Leaves the group there. Needed for interfaces that are gone, too: the system remembers them by index, and would take a
 * later one of that index for joined. */
void beacon_socket_leave(int fd, uint32_t index);

/* Sends a beacon to the group on an interface, to `port`, from a link-local address of the interface. It goes no further
 * than the link. Returns 0 or a negative errno. */
int beacon_socket_send(int fd, uint32_t index, uint16_t port, const uint8_t beacon[static BEACON_SIZE]);

/* Receives a datagram into `bytes`, cut at `size`. Returns the length that is there, with sender and interface; -EAGAIN when
 * there is none, or another negative errno. */
long beacon_socket_receive(int fd, uint8_t *bytes, size_t size, struct ip6 *ret_sender, uint32_t *ret_index);

#endif
