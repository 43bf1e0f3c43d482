// SPDX-License-Identifier: Apache-2.0
/* TCP and UDP headers (RFC 9293, RFC 768) as far as cutting and joining packets needs them. */
#ifndef MYCELIUM_DATAPLANE_TRANSPORT_H
#define MYCELIUM_DATAPLANE_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
	NEXT_HEADER_TCP = 6,
	NEXT_HEADER_UDP = 17,
	IP6_LENGTH_AT = 4,
	IP6_NEXT_HEADER_AT = 6,
	TCP_HEADER_SIZE = 20,
	TCP_SEQUENCE_AT = 4,
	TCP_ACKNOWLEDGEMENT_AT = 8,
	TCP_DATA_OFFSET_AT = 12,
	TCP_FLAGS_AT = 13,
	TCP_CHECKSUM_AT = 16,
	TCP_URGENT_AT = 18, /* the options follow */
	UDP_HEADER_SIZE = 8,
	UDP_LENGTH_AT = 4,
	UDP_CHECKSUM_AT = 6,
};

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_CWR = 0x80 };

/* Length of the header with its options, as it says itself. */
static inline size_t tcp_header_len(const uint8_t *tcp)
{
	return (size_t)(tcp[TCP_DATA_OFFSET_AT] >> 4) * 4;
}

static inline uint32_t tcp_sequence(const uint8_t *tcp)
{
	struct reader r = reader_init(&tcp[TCP_SEQUENCE_AT], 4);
	return read_u32(&r);
}

#endif
