// SPDX-License-Identifier: Apache-2.0
/*
 * The maximum segment size that TCP connections through the overlay agree on (RFC 9293, 3.7.1): lowered in SYN segments on
 * their way in and out, so that no packet of theirs is larger than what fits a QUIC datagram of any node on the way.
 * Larger packets pass too, but a relay of the deployed kind loses its link over them (docs/protocol/transports.md).
 */
#ifndef MYCELIUM_DATAPLANE_MSS_H
#define MYCELIUM_DATAPLANE_MSS_H

#include "base/ip6.h"
#include "dataplane/transport.h"
#include "wire/icmp6.h"

enum { MSS_MAX = 1272 };	/* packets of 1332 bytes, frames of 1404 */

/* As mss_clamp(), of a packet with a SYN segment. */
void mss_clamp_syn(uint8_t *packet, size_t len);

/* Lowers what a whole packet offers to MSS_MAX and corrects its checksum, which must be complete. */
static inline void mss_clamp(uint8_t *packet, size_t len)
{
	if (packet[IP6_NEXT_HEADER_AT] == NEXT_HEADER_TCP && len >= IP6_HEADER_SIZE + TCP_HEADER_SIZE &&
	    (packet[IP6_HEADER_SIZE + TCP_FLAGS_AT] & TCP_SYN) != 0)
		mss_clamp_syn(packet, len);
}

#endif
