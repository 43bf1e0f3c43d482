// SPDX-License-Identifier: Apache-2.0
/*
 * Segmentation: cuts what the kernel hands over as one packet into those it stands for (TSO, USO), and finishes transport
 * checksums that it left open.
 *
 *   read   │ IPv6 │ TCP, seq s │ payload 1 ........... │ payload 2 ........... │ payload 3 ...
 *   then                         .... │ IPv6 │ TCP, s+n │ payload 2 ........... │ payload 3 ...
 *   then                                                   .... │ IPv6 │ TCP, s+2n │ payload 3 ...
 *
 * No payload is copied: the headers of a segment are written in front of its payload, over the end of the segment before,
 * which has to be done with by then.
 *
 * The lengths in the header of the read are hints of the kernel and not trusted: everything is checked against the packet.
 */
#ifndef MYCELIUM_DATAPLANE_SEGMENT_H
#define MYCELIUM_DATAPLANE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "tun/tun.h"

enum { SEGMENT_HEADERS_MAX = 256 };

struct segmenter {
	uint8_t *packet;
	size_t len;
	size_t transport; /* offset of the transport header */
	size_t headers;	  /* length of all headers */
	size_t next;	  /* offset of the payload that comes next */
	size_t segment_size;
	uint32_t sequence; /* TCP: of that payload */
	uint8_t protocol;
	uint64_t constant_sum; /* of what is the same in all segments */
	uint8_t header[SEGMENT_HEADERS_MAX];
};

/* Finishes the checksum of a single packet in place. `offload` is what it was read with. Returns 0, or -EBADMSG when the
 * places it names are not in the packet. */
int segment_finish_checksum(uint8_t *packet, size_t len, const struct tun_offload *offload);

/* Prepares to cut a TUN_TCP or TUN_UDP batch, an IPv6 packet whose bytes are used up meanwhile. Returns 0, or -EBADMSG when it
 * is not what `offload` says. */
int segment_begin(struct segmenter *segmenter, uint8_t *packet, size_t len, const struct tun_offload *offload);

/* Length of the next segment, 0 when all are taken. */
size_t segment_next_len(const struct segmenter *segmenter);

/* How many segments are not taken yet. */
unsigned segments_left(const struct segmenter *segmenter);

/* Makes the next segment, of segment_next_len() bytes, and returns where it is. It stays until the next call; the bytes in
 * front of it may be written to meanwhile, except before the first one those in front of the packet. */
uint8_t *segment_next(struct segmenter *segmenter);

#endif
