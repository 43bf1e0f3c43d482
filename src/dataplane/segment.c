// SPDX-License-Identifier: Apache-2.0
#include "dataplane/segment.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "dataplane/transport.h"
#include "wire/icmp6.h"

/* A sum of 0 means "no checksum" in UDP (RFC 768) and is not allowed over IPv6. */
static uint16_t finish(uint64_t sum, bool is_udp)
{
	uint16_t checksum = checksum_finish(sum);
	return checksum == 0 && is_udp ? 0xffff : checksum;
}

static void put_u16(uint8_t *at, size_t value)
{
	struct writer w = writer_init(at, 2);
	write_u16(&w, (uint16_t)value);
}

static void put_u32(uint8_t *at, uint32_t value)
{
	struct writer w = writer_init(at, 4);
	write_u32(&w, value);
}

int segment_finish_checksum(uint8_t *packet, size_t len, const struct tun_offload *offload)
{
	size_t start = offload->checksum_start, field = start + offload->checksum_offset;
	if (start < IP6_HEADER_SIZE || field + 2 > len)
		return -EBADMSG;
	/* The field holds the sum of the pseudo-header, so summing it with the rest is all there is to do. */
	put_u16(&packet[field], finish(checksum_add(0, &packet[start], len - start),
				       offload->checksum_offset == UDP_CHECKSUM_AT));
	return 0;
}

/* Length of the transport header at `at`, or 0 when it does not fit. */
static size_t transport_header(const uint8_t *at, size_t left, uint8_t protocol)
{
	if (protocol == NEXT_HEADER_UDP)
		return left >= UDP_HEADER_SIZE ? UDP_HEADER_SIZE : 0;
	size_t len = left >= TCP_HEADER_SIZE ? tcp_header_len(at) : 0;
	return len >= TCP_HEADER_SIZE && len <= left ? len : 0;
}

int segment_begin(struct segmenter *segmenter, uint8_t *packet, size_t len, const struct tun_offload *offload)
{
	uint8_t protocol = offload->batch == TUN_TCP ? NEXT_HEADER_TCP : NEXT_HEADER_UDP;
	size_t transport = offload->checksum_start;
	if (!ip6_packet_complete(packet, len) || transport < IP6_HEADER_SIZE || transport >= len ||
	    offload->segment_size == 0)
		return -EBADMSG;
	size_t header = transport_header(&packet[transport], len - transport, protocol);
	if (header == 0 || transport + header >= len || transport + header > SEGMENT_HEADERS_MAX)
		return -EBADMSG;
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	*segmenter = (struct segmenter){
		.packet = packet,
		.len = len,
		.transport = transport,
		.headers = transport + header,
		.next = transport + header,
		.segment_size = offload->segment_size,
		.sequence = protocol == NEXT_HEADER_TCP ? tcp_sequence(&packet[transport]) : 0,
		.protocol = protocol,
		.constant_sum = checksum_pseudo_header(&source, &destination, 0, protocol),
	};
	memcpy(segmenter->header, packet, segmenter->headers);
	return 0;
}

static size_t payload_len(const struct segmenter *segmenter)
{
	size_t left = segmenter->len - segmenter->next;
	return left < segmenter->segment_size ? left : segmenter->segment_size;
}

size_t segment_next_len(const struct segmenter *segmenter)
{
	return segmenter->next < segmenter->len ? segmenter->headers + payload_len(segmenter) : 0;
}

unsigned segments_left(const struct segmenter *segmenter)
{
	return (unsigned)((segmenter->len - segmenter->next + segmenter->segment_size - 1) / segmenter->segment_size);
}

/* What differs from segment to segment, but for the checksum. */
static void patch_headers(const struct segmenter *segmenter, uint8_t *out, size_t len, bool is_last)
{
	uint8_t *transport = &out[segmenter->transport];
	put_u16(&out[IP6_LENGTH_AT], len - IP6_HEADER_SIZE);
	if (segmenter->protocol == NEXT_HEADER_UDP) {
		put_u16(&transport[UDP_LENGTH_AT], len - segmenter->transport);
		return;
	}
	put_u32(&transport[TCP_SEQUENCE_AT], segmenter->sequence);
	if (!is_last)
		transport[TCP_FLAGS_AT] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	/* Congestion window reduced is said once (RFC 3168). */
	if (segmenter->next > segmenter->headers)
		transport[TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
}

uint8_t *segment_next(struct segmenter *segmenter)
{
	size_t payload = payload_len(segmenter), len = segmenter->headers + payload;
	assert(payload > 0);
	bool is_udp = segmenter->protocol == NEXT_HEADER_UDP;
	uint8_t *out = &segmenter->packet[segmenter->next - segmenter->headers];
	uint8_t *checksum = &out[segmenter->transport + (is_udp ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT)];
	memcpy(out, segmenter->header, segmenter->headers);
	patch_headers(segmenter, out, len, segmenter->next + payload == segmenter->len);
	put_u16(checksum, 0);
	uint64_t sum = segmenter->constant_sum + (len - segmenter->transport);
	put_u16(checksum, finish(checksum_add(sum, &out[segmenter->transport], len - segmenter->transport), is_udp));
	segmenter->next += payload;
	segmenter->sequence += (uint32_t)payload;
	return out;
}
