// SPDX-License-Identifier: Apache-2.0
/*
 * Message packets: what user data of type USER_MESSAGE carries (docs/protocol/messages.md).
 *
 *   0                                8        10       12
 *   +------------- ... -------------+--------+--------+-- ... --+
 *   | message id                    | flags  | rsvd 0 | body    |
 *   +------------- ... -------------+--------+--------+-- ... --+
 *
 *   INIT   length (8)  topic length (1)  topic           one at the start of a message
 *   CHUNK  index (8)   offset (8)  size (8)  data         any number
 *   DONE   chunk count (8)  BLAKE3 of the message (32)    one at the end
 *   READ, ABORT  nothing
 *
 * An acknowledgement is the packet itself with the ACK flag, cut behind its fixed fields: without topic, without data.
 * Only the bytes are here: no state, any thread. Whether a length is one that we accept is for the reader to decide.
 */
#ifndef MYCELIUM_WIRE_MESSAGE_H
#define MYCELIUM_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

enum {
	MESSAGE_ID_SIZE = 8,
	MESSAGE_CHECKSUM_SIZE = 32,
	MESSAGE_HEADER_SIZE = MESSAGE_ID_SIZE + 4,
	MESSAGE_INIT_SIZE = MESSAGE_HEADER_SIZE + 9,				/* 21, then the topic */
	MESSAGE_CHUNK_SIZE = MESSAGE_HEADER_SIZE + 24,				/* 36, then the data */
	MESSAGE_DONE_SIZE = MESSAGE_HEADER_SIZE + 8 + MESSAGE_CHECKSUM_SIZE,	/* 52 */
	MESSAGE_ACK_SIZE_MAX = MESSAGE_DONE_SIZE,
	MESSAGE_PACKET_SIZE_MAX = 1400,
	MESSAGE_CHUNK_DATA_MAX = MESSAGE_PACKET_SIZE_MAX - MESSAGE_CHUNK_SIZE,	/* 1364 */
	MESSAGE_TOPIC_MAX = 255,
};

enum message_kind { MESSAGE_INIT, MESSAGE_CHUNK, MESSAGE_DONE, MESSAGE_READ, MESSAGE_ABORT };

struct message_init {
	bool is_reply;		/* the message answers the one with the same id */
	uint64_t length;	/* bytes of the whole message, as claimed */
	const uint8_t *topic;	/* NULL in an acknowledgement */
	size_t topic_len;	/* repeated in an acknowledgement */
};

struct message_chunk {
	uint64_t index;
	uint64_t offset;
	uint64_t size;		/* bytes at `data`; in an acknowledgement as claimed */
	const uint8_t *data;	/* NULL in an acknowledgement */
};

struct message_done {
	uint64_t chunk_count;
	uint8_t checksum[MESSAGE_CHECKSUM_SIZE];
};

/* One packet. `topic` and `data` are borrowed from whatever it was made of. */
struct message_packet {
	uint8_t id[MESSAGE_ID_SIZE];
	enum message_kind kind;
	bool is_ack;
	union {
		struct message_init init;
		struct message_chunk chunk;
		struct message_done done;
	};
};

/* Reads a payload. Returns 0; -EPROTONOSUPPORT when no known flag is set; -EBADMSG when it is shorter than its kind
 * needs (12 for any, 21 and the topic, 36, 52) or a chunk ends behind 2^64. A chunk's size is cut down to the bytes
 * that are there; bytes behind the known fields are ignored. `ret` borrows from `payload` and stays untouched on
 * failure. */
int message_decode(const uint8_t *payload, size_t len, struct message_packet *ret);

/* Writes a packet, acknowledgements cut as they must be. Returns its length, or -EMSGSIZE when topic or data are longer
 * than fits; then `problems` (may be NULL) is told in words, and the bytes of `out` mean nothing. */
__attribute__((nonnull(1, 2))) int message_encode(const struct message_packet *packet,
						  uint8_t out[static MESSAGE_PACKET_SIZE_MAX],
						  struct problems *problems);

/* Writes the acknowledgement of a received INIT, CHUNK or DONE: all that it has to repeat is copied from the payload as
 * it came, unassigned flags and reserved bytes too. Returns its length, or 0 for a packet that is not to be
 * acknowledged: one that message_decode() refuses, an acknowledgement, READ, ABORT. */
size_t message_write_ack(const uint8_t *payload, size_t len, uint8_t out[static MESSAGE_ACK_SIZE_MAX]);

#endif
