// SPDX-License-Identifier: Apache-2.0
/*
 * Coalescing: joins packets of one flow that arrive together into one that the kernel takes as a whole (TSO, USO), without
 * copying them.
 *
 *   in    │ headers │ payload 1 │   │ headers │ payload 2 │   │ headers │ payload 3 │
 *   out   │ headers │ ── payload 1 ── payload 2 ── payload 3 ──  (as an array of places)
 *
 * Joined are only packets that cutting gives back as they were (but for a TCP window, of which the first stays, as in the
 * kernel's own GRO): same addresses, ports, traffic class, flow label, hop limit; for TCP the same acknowledgement and
 * options, no flags but ACK and PSH, contiguous; none longer than the first, nothing behind a shorter one or a PSH. A packet
 * whose checksum is wrong is passed on alone, so that its receiver can tell. The order within a flow is kept.
 *
 * Nothing is delayed: what was added leaves with the next coalesce_flush(), at the end of the same read.
 */
#ifndef MYCELIUM_DATAPLANE_COALESCE_H
#define MYCELIUM_DATAPLANE_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tun/tun.h"

enum {
	COALESCE_RUNS = 16,    /* flows that are joined at the same time; one more makes all leave */
	COALESCE_MEMBERS = 64, /* packets in one: what older kernels take of UDP */
};

/* Takes one packet, given as parts. `context` is that of coalesce_init(). */
typedef void coalesce_sink(void *context, const struct iovec *parts, int count, const struct tun_offload *offload);

/* Packets of one flow, joined so far. */
struct coalesce_run {
	uint8_t *first; /* the first packet; its headers become those of the whole */
	size_t headers, segment_size, len;
	uint32_t next_sequence;
	uint8_t protocol;
	bool pushed; /* the last member had PSH */
	bool closed; /* nothing may follow */
	int count;
	struct iovec parts[COALESCE_MEMBERS];
};

struct coalescer {
	coalesce_sink *sink;
	void *context;
	bool joins_tcp, joins_udp;
	unsigned run_count;
	unsigned last; /* the run that took the last packet */
	struct coalesce_run runs[COALESCE_RUNS];
};

/* `joins_tcp` and `joins_udp` tell what the interface takes. */
void coalesce_init(struct coalescer *coalescer, bool joins_tcp, bool joins_udp, coalesce_sink *sink, void *context);

/* Adds a whole IPv6 packet (ip6_packet_complete()). It is changed, and has to stay where it is until the next
 * coalesce_flush(); what cannot be joined goes to the sink at once. */
void coalesce_add(struct coalescer *coalescer, uint8_t *packet, size_t len);

/* Gives all that is joined to the sink. */
void coalesce_flush(struct coalescer *coalescer);

#endif
