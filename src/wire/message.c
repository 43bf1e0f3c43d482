// SPDX-License-Identifier: Apache-2.0
/* One row of `kinds` for each kind of packet, in the order in which flags are tested: the first that is set decides. */
#include "wire/message.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"

enum {
	FLAG_INIT = 0x8000,
	FLAG_DONE = 0x4000,
	FLAG_ABORT = 0x2000,
	FLAG_CHUNK = 0x1000,
	FLAG_READ = 0x0800,
	FLAG_REPLY = 0x0400,
	FLAG_ACK = 0x0100,
	FLAGS_AT = MESSAGE_ID_SIZE,
};

struct message_codec {
	enum message_kind kind;
	uint16_t flag;
	bool may_be_ack; /* whether ACK with this flag means anything */
	bool wants_ack;
	size_t least_size; /* an acknowledgement has exactly this many bytes */
	/* Reads and writes what follows the header. Reading returns whether the values are allowed, writing 0 or
	 * -EMSGSIZE. */
	bool (*read)(struct reader *r, struct message_packet *ret);
	int (*write)(const struct message_packet *packet, struct writer *w, struct problems *problems);
};

static bool read_init(struct reader *r, struct message_packet *ret)
{
	ret->init.length = read_u64(r);
	ret->init.topic_len = read_u8(r);
	ret->init.topic = ret->is_ack ? NULL : read_bytes(r, ret->init.topic_len);
	return true;
}

static int write_init(const struct message_packet *packet, struct writer *w, struct problems *problems)
{
	const struct message_init *init = &packet->init;
	if (init->topic_len > MESSAGE_TOPIC_MAX) {
		problems_add(problems, "topic too large, topic is limited to %d bytes", MESSAGE_TOPIC_MAX);
		return -EMSGSIZE;
	}
	write_u64(w, init->length);
	write_u8(w, (uint8_t)init->topic_len);
	if (!packet->is_ack)
		write_bytes(w, init->topic, init->topic_len);
	return 0;
}

static bool read_chunk(struct reader *r, struct message_packet *ret)
{
	struct message_chunk *chunk = &ret->chunk;
	chunk->index = read_u64(r);
	chunk->offset = read_u64(r);
	chunk->size = read_u64(r);
	chunk->data = NULL;
	if (ret->is_ack)
		return true;
	size_t left = reader_left(r);
	if (chunk->size > left)
		chunk->size = left;
	chunk->data = read_bytes(r, (size_t)chunk->size);
	return chunk->offset <= UINT64_MAX - chunk->size;
}

static int write_chunk(const struct message_packet *packet, struct writer *w, struct problems *problems)
{
	const struct message_chunk *chunk = &packet->chunk;
	if (!packet->is_ack && chunk->size > MESSAGE_CHUNK_DATA_MAX) {
		problems_add(problems, "Insufficient capacity available, needed %llu bytes, have %d bytes",
			     (unsigned long long)chunk->size, MESSAGE_CHUNK_DATA_MAX);
		return -EMSGSIZE;
	}
	write_u64(w, chunk->index);
	write_u64(w, chunk->offset);
	write_u64(w, chunk->size);
	if (!packet->is_ack)
		write_bytes(w, chunk->data, (size_t)chunk->size);
	return 0;
}

static bool read_done(struct reader *r, struct message_packet *ret)
{
	ret->done.chunk_count = read_u64(r);
	read_copy(r, ret->done.checksum, MESSAGE_CHECKSUM_SIZE);
	return true;
}

static int write_done(const struct message_packet *packet, struct writer *w, struct problems *problems)
{
	(void)problems;
	write_u64(w, packet->done.chunk_count);
	write_bytes(w, packet->done.checksum, MESSAGE_CHECKSUM_SIZE);
	return 0;
}

static bool read_nothing(struct reader *r, struct message_packet *ret)
{
	(void)r;
	(void)ret;
	return true;
}

static int write_nothing(const struct message_packet *packet, struct writer *w, struct problems *problems)
{
	(void)packet;
	(void)w;
	(void)problems;
	return 0;
}

static const struct message_codec kinds[] = {
	{MESSAGE_INIT, FLAG_INIT, true, true, MESSAGE_INIT_SIZE, read_init, write_init},
	{MESSAGE_CHUNK, FLAG_CHUNK, true, true, MESSAGE_CHUNK_SIZE, read_chunk, write_chunk},
	{MESSAGE_DONE, FLAG_DONE, true, true, MESSAGE_DONE_SIZE, read_done, write_done},
	{MESSAGE_READ, FLAG_READ, true, false, MESSAGE_HEADER_SIZE, read_nothing, write_nothing},
	{MESSAGE_ABORT, FLAG_ABORT, false, false, MESSAGE_HEADER_SIZE, read_nothing, write_nothing},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const struct message_codec *codec_of_flags(uint16_t flags)
{
	for (unsigned i = 0; i < KINDS; i++)
		if ((flags & kinds[i].flag) != 0 && (kinds[i].may_be_ack || (flags & FLAG_ACK) == 0))
			return &kinds[i];
	return NULL;
}

static const struct message_codec *codec_of_kind(enum message_kind kind)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

int message_decode(const uint8_t *payload, size_t len, struct message_packet *ret)
{
	struct message_packet packet = {0};
	struct reader r = reader_init(payload, len);
	read_copy(&r, packet.id, MESSAGE_ID_SIZE);
	uint16_t flags = read_u16(&r);
	read_skip(&r, 2); /* reserved */
	if (r.failed)
		return -EBADMSG;

	const struct message_codec *codec = codec_of_flags(flags);
	if (codec == NULL)
		return -EPROTONOSUPPORT;
	packet.kind = codec->kind;
	packet.is_ack = (flags & FLAG_ACK) != 0;
	if (packet.kind == MESSAGE_INIT)
		packet.init.is_reply = (flags & FLAG_REPLY) != 0;
	if (!codec->read(&r, &packet) || r.failed)
		return -EBADMSG;
	*ret = packet;
	return 0;
}

int message_encode(const struct message_packet *packet, uint8_t out[static MESSAGE_PACKET_SIZE_MAX],
		   struct problems *problems)
{
	const struct message_codec *codec = codec_of_kind(packet->kind);
	assert(codec != NULL && (codec->may_be_ack || !packet->is_ack));

	bool is_reply = packet->kind == MESSAGE_INIT && packet->init.is_reply;
	struct writer w = writer_init(out, MESSAGE_PACKET_SIZE_MAX);
	write_bytes(&w, packet->id, MESSAGE_ID_SIZE);
	write_u16(&w, (uint16_t)(codec->flag | (is_reply ? FLAG_REPLY : 0) | (packet->is_ack ? FLAG_ACK : 0)));
	write_zeros(&w, 2);
	int result = codec->write(packet, &w, problems);
	if (result != 0)
		return result;
	assert(!w.failed);
	return (int)writer_len(&w);
}

size_t message_write_ack(const uint8_t *payload, size_t len, uint8_t out[static MESSAGE_ACK_SIZE_MAX])
{
	struct message_packet packet;
	if (message_decode(payload, len, &packet) != 0 || packet.is_ack)
		return 0;
	const struct message_codec *codec = codec_of_kind(packet.kind);
	if (!codec->wants_ack)
		return 0;
	assert(len >= codec->least_size && codec->least_size <= MESSAGE_ACK_SIZE_MAX);
	memcpy(out, payload, codec->least_size);
	out[FLAGS_AT] |= FLAG_ACK >> 8;
	return codec->least_size;
}
