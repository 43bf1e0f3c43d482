// SPDX-License-Identifier: Apache-2.0
/* The payload of a message packet: decoded, acknowledged, encoded and decoded again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/message.h"

static void check_borrowed(const struct message_packet *packet, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = &bytes[len];
	if (packet->is_ack)
		return;
	if (packet->kind == MESSAGE_INIT && packet->init.topic + packet->init.topic_len > end)
		abort();
	if (packet->kind == MESSAGE_CHUNK && packet->chunk.data + packet->chunk.size > end)
		abort();
}

static void encode_again(const struct message_packet *packet)
{
	uint8_t first[MESSAGE_PACKET_SIZE_MAX], second[MESSAGE_PACKET_SIZE_MAX];
	struct message_packet again;
	int len = message_encode(packet, first, NULL);
	if (len < 0)
		return;
	if (message_decode(first, (size_t)len, &again) != 0 || again.kind != packet->kind)
		abort();
	if (message_encode(&again, second, NULL) != len || memcmp(first, second, (size_t)len) != 0)
		abort();
}

static void acknowledge(const uint8_t *bytes, size_t len)
{
	uint8_t out[MESSAGE_ACK_SIZE_MAX];
	struct message_packet ack;
	size_t ack_len = message_write_ack(bytes, len, out);
	if (ack_len > 0 && (message_decode(out, ack_len, &ack) != 0 || !ack.is_ack))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct message_packet packet;
	acknowledge(bytes, len);
	if (message_decode(bytes, len, &packet) != 0)
		return 0;
	check_borrowed(&packet, bytes, len);
	encode_again(&packet);
	return 0;
}
