// SPDX-License-Identifier: Apache-2.0
/* What the kernel says of interfaces in rtnetlink messages; inside the room. No I/O. */
#ifndef MYCELIUM_PEERS_INTERFACES_MESSAGE_H
#define MYCELIUM_PEERS_INTERFACES_MESSAGE_H

#include "peers/interfaces.h"

/* Adds what a datagram says of links (RTM_NEWLINK) and then of their addresses (RTM_NEWADDR) to a list; the address of an
 * unknown link is passed over. `bytes` are aligned to four; `sequence` and `port` are those of the request, 0 matches all.
 * Returns 1 when more datagrams follow, 0 at the end, -EINTR when the kernel tells that things changed while it went through
 * them, or another negative errno. */
int interfaces_message_list(const void *bytes, size_t len, uint32_t sequence, uint32_t port, uint32_t ignored,
			    struct interface_list *list);

/* Adds what a datagram announces to a change, `lost` when it cannot be read. `bytes` are aligned to four. */
void interfaces_message_change(const void *bytes, size_t len, uint32_t ignored, struct network_change *change);

#endif
