// SPDX-License-Identifier: Apache-2.0
/*
 * Joining packets for the host, and cutting what was joined. The input is a byte that tells what the interface takes, then
 * steps. Each makes a packet and adds it:
 *
 *   len (2), bytes      a packet of these bytes; version and length are made right, what an opened packet has
 *   0x8000 | n (2)      the last one again with n bytes of payload more or less, its TCP sequence behind it
 *
 * Bit 14 leaves the checksum as it is; else it is made right.
 */
#include "../unit/dataplane/joined_check.h"
#include "../unit/dataplane/joined_packets.h"
#include "base/bytes.h"
#include "fuzz.h"

enum { AGAIN = 0x8000, RAW_CHECKSUM = 0x4000, LEN_MASK = 0x3fff, HEADER_MAX = 100 };

struct maker {
	uint8_t packet[PILE_PACKET_SIZE];
	size_t len;
};

static size_t headers_of(const struct maker *maker)
{
	size_t tcp = maker->len > 52 ? (size_t)(maker->packet[52] >> 4) * 4 : 20;
	size_t headers = 40 + (maker->packet[6] == 6 ? tcp : 8);
	return headers < maker->len ? headers : maker->len;
}

/* A following segment of the same flow. */
static void make_again(struct maker *maker, size_t change)
{
	size_t headers = headers_of(maker), payload = maker->len - headers;
	if (maker->packet[6] == 6 && maker->len >= 60) {
		struct reader r = reader_init(&maker->packet[44], 4);
		flow_put(&maker->packet[44], read_u32(&r) + payload, 4);
	}
	/* Up to 127 bytes more or less. */
	size_t len = headers + payload + change % 255 - 127;
	if (change % 255 != 127 && len >= headers && len <= sizeof(maker->packet))
		maker->len = len;
}

static void finish(struct maker *maker, bool mend_checksum)
{
	uint8_t *packet = maker->packet;
	packet[0] = (uint8_t)(0x60 | (packet[0] & 15));
	flow_put(&packet[4], maker->len - 40, 2);
	if (packet[6] == 17 && maker->len >= 48 && mend_checksum)
		flow_put(&packet[44], maker->len - 40, 2);
	size_t checksum_end = packet[6] == 6 ? 58 : 48;
	if (!mend_checksum || (packet[6] != 6 && packet[6] != 17) || maker->len < checksum_end)
		return;
	flow_put(flow_checksum(packet), 0, 2);
	uint16_t sum = (uint16_t)~flow_sum(flow_pseudo_sum(packet, maker->len), packet + 40, maker->len - 40);
	flow_put(flow_checksum(packet), sum == 0 && packet[6] == 17 ? 0xffff : sum, 2);
}

/* Returns false when no packet comes of it. */
static bool make(struct maker *maker, struct reader *input)
{
	uint16_t step = read_u16(input);
	size_t value = step & LEN_MASK;
	if (input->failed)
		return false;
	if ((step & AGAIN) != 0) {
		if (maker->len == 0)
			return true;
		make_again(maker, value);
	} else {
		maker->len = 40 + value % (sizeof(maker->packet) - 40);
		size_t given = maker->len < HEADER_MAX ? maker->len : HEADER_MAX;
		memset(maker->packet, (int)value, sizeof(maker->packet));
		read_copy(input, maker->packet, given);
	}
	finish(maker, (step & RAW_CHECKSUM) == 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct pile pile;
	struct maker maker = {.len = 0};
	struct reader input = reader_init(bytes, len);
	uint8_t takes = read_u8(&input);
	pile.count = 0;
	while (pile.count < PILE_PACKETS_MAX && make(&maker, &input)) {
		if (maker.len > 0)
			pile_put(&pile, maker.packet, maker.len);
	}
	joined_check(&pile, (takes & 1) == 0, (takes & 2) == 0);
	return 0;
}
