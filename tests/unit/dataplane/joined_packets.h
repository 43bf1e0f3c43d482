// SPDX-License-Identifier: Apache-2.0
/* TCP and UDP packets made of their fields, one byte after the other, for the tests of cutting and joining. */
#ifndef MYCELIUM_TESTS_DATAPLANE_JOINED_PACKETS_H
#define MYCELIUM_TESTS_DATAPLANE_JOINED_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/random.h"
#include "tun/tun.h"

enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_PSH = 8, FLAG_ACK = 16, FLAG_URG = 32, FLAG_ECE = 64, FLAG_CWR = 128 };

enum { FLOW_PAYLOAD_MAX = 65535 };

struct flow_packet {
	uint8_t first_bytes[4]; /* version, traffic class, flow label */
	uint8_t hop_limit, protocol;
	uint8_t addresses[32];
	uint16_t source_port, destination_port;
	uint32_t sequence, acknowledgement;
	uint8_t flags;
	uint16_t window, urgent;
	uint8_t options[40];
	size_t options_len;
	const uint8_t *payload;
	size_t payload_len;
};

static inline uint8_t *flow_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

/* Ones' complement sum, word by word. */
static inline uint32_t flow_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0u);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint32_t flow_pseudo_sum(const uint8_t *packet, size_t len)
{
	uint8_t rest[8] = {0, 0, (uint8_t)((len - 40) >> 8), (uint8_t)(len - 40), 0, 0, 0, packet[6]};
	return flow_sum(flow_sum(0, packet + 8, 32), rest, 8);
}

static inline uint8_t *flow_checksum(uint8_t *packet)
{
	return packet + 40 + (packet[6] == 6 ? 16 : 6);
}

/* Writes the packet and returns its length. Its checksum is right, whatever its length. */
static inline size_t flow_packet_write(const struct flow_packet *fields, uint8_t *out)
{
	bool is_tcp = fields->protocol == 6;
	size_t header = is_tcp ? 20 + fields->options_len : 8;
	size_t len = 40 + header + fields->payload_len;
	memcpy(out, fields->first_bytes, 4);
	uint8_t *at = flow_put(out + 4, header + fields->payload_len, 2);
	*at++ = fields->protocol;
	*at++ = fields->hop_limit;
	memcpy(at, fields->addresses, 32);
	at = flow_put(at + 32, fields->source_port, 2);
	at = flow_put(at, fields->destination_port, 2);
	if (is_tcp) {
		at = flow_put(at, fields->sequence, 4);
		at = flow_put(at, fields->acknowledgement, 4);
		at = flow_put(at, (header / 4) << 4, 1);
		at = flow_put(at, fields->flags, 1);
		at = flow_put(at, fields->window, 2);
		at = flow_put(at, 0, 2);
		at = flow_put(at, fields->urgent, 2);
		memcpy(at, fields->options, fields->options_len);
		at += fields->options_len;
	} else {
		at = flow_put(at, 8 + fields->payload_len, 2);
		at = flow_put(at, 0, 2);
	}
	memcpy(at, fields->payload, fields->payload_len);
	uint16_t checksum = (uint16_t)~flow_sum(flow_pseudo_sum(out, len), out + 40, len - 40);
	flow_put(flow_checksum(out), checksum == 0 && !is_tcp ? 0xffff : checksum, 2);
	return len;
}

/* Whether the checksum is right. */
static inline bool flow_checksum_is_right(const uint8_t *packet, size_t len)
{
	return flow_sum(flow_pseudo_sum(packet, len), packet + 40, len - 40) == 0xffff;
}

enum { FLOW_EXTENSION_SIZE = 8 };

/* Puts destination options (RFC 8200, 4.6) with padding between the IPv6 header and the rest; returns the new length. No
 * checksum covers them. */
static inline size_t flow_packet_extend(uint8_t *packet, size_t len)
{
	uint8_t extension[FLOW_EXTENSION_SIZE] = {packet[6], 0, 1, 4};
	memmove(packet + 40 + FLOW_EXTENSION_SIZE, packet + 40, len - 40);
	memcpy(packet + 40, extension, sizeof(extension));
	packet[6] = 60;
	flow_put(packet + 4, len + FLOW_EXTENSION_SIZE - 40, 2);
	return len + FLOW_EXTENSION_SIZE;
}

/* What a kernel would cut from `whole` at an offset of its payload. */
static inline struct flow_packet flow_packet_part(const struct flow_packet *whole, size_t at, size_t segment_size)
{
	struct flow_packet part = *whole;
	size_t left = whole->payload_len - at;
	part.payload = whole->payload + at;
	part.payload_len = left < segment_size ? left : segment_size;
	part.sequence += (uint32_t)at;
	if (left > segment_size)
		part.flags &= (uint8_t)~(FLAG_FIN | FLAG_PSH);
	if (at > 0)
		part.flags &= (uint8_t)~FLAG_CWR;
	return part;
}

/* How the kernel describes such a packet when it leaves the cutting to others. */
static inline struct tun_offload flow_packet_offload(const struct flow_packet *fields, size_t segment_size)
{
	bool is_tcp = fields->protocol == 6;
	return (struct tun_offload){.batch = is_tcp ? TUN_TCP : TUN_UDP,
				    .segment_size = (uint16_t)segment_size,
				    .checksum_open = true,
				    .checksum_start = 40,
				    .checksum_offset = is_tcp ? 16 : 6};
}

/* Puts the bare sum of the pseudo-header in the place of the checksum, as the kernel does. */
static inline void flow_packet_open_checksum(uint8_t *packet, size_t len)
{
	flow_put(flow_checksum(packet), flow_pseudo_sum(packet, len), 2);
}

/* A packet of any kind; its payload, 1 to `payload_max` bytes, is the same memory for all. */
static inline struct flow_packet flow_packet_random(struct rng *rng, size_t payload_max)
{
	static uint8_t payload[FLOW_PAYLOAD_MAX];
	if (payload[0] == 0)
		for (size_t i = 0; i < sizeof(payload); i++)
			payload[i] = (uint8_t)(1 + rng_below(rng, 255));
	struct flow_packet fields = {
		.first_bytes = {0x60, (uint8_t)rng_next(rng), (uint8_t)rng_next(rng), (uint8_t)rng_next(rng)},
		.hop_limit = (uint8_t)rng_next(rng),
		.protocol = rng_below(rng, 2) == 0 ? 6 : 17,
		.source_port = (uint16_t)rng_next(rng),
		.destination_port = (uint16_t)rng_next(rng),
		.sequence = (uint32_t)rng_next(rng),
		.acknowledgement = (uint32_t)rng_next(rng),
		.flags = (uint8_t)rng_next(rng),
		.window = (uint16_t)rng_next(rng),
		.options_len = 4 * rng_below(rng, 11),
		.payload = payload,
		.payload_len = 1 + rng_below(rng, payload_max),
	};
	for (size_t i = 0; i < sizeof(fields.addresses); i++)
		fields.addresses[i] = (uint8_t)rng_next(rng);
	for (size_t i = 0; i < fields.options_len; i++)
		fields.options[i] = (uint8_t)rng_next(rng);
	return fields;
}

#endif
