// SPDX-License-Identifier: Apache-2.0
/*
 * Parcels: packets on their way between a lane and control, in memory of their own.
 *
 * Only packets that need a decision travel so: no route yet, no key yet, a report to be made. Whoever takes a parcel from
 * a ring owns it.
 */
#ifndef MYCELIUM_DATAPLANE_PARCEL_H
#define MYCELIUM_DATAPLANE_PARCEL_H

#include <stdint.h>

#include "base/ip6.h"
#include "wire/icmp6.h"

enum parcel_kind {
	PARCEL_EGRESS,	/* a plain IPv6 packet from the local host, for `destination` */
	PARCEL_TRANSIT,	/* a frame of others, hop limit already decremented, for `destination` */
	PARCEL_INGRESS,	/* a frame for this node, hop limit already decremented, key of `source` unknown */
	PARCEL_REPORT,	/* a frame that went no further: `error` is to be told to `source`, whose key is needed */
};

struct parcel {
	struct parcel *next;	/* for whoever holds it */
	enum parcel_kind kind;
	unsigned lane;		/* index of the one that asks, and that will go on with it */
	struct ip6 source, destination;
	struct icmp6_error error;	/* REPORT */
	uint32_t len;
	uint8_t bytes[];	/* EGRESS: the packet; otherwise the whole frame */
};

/* A copy of `len` bytes. Returns NULL without memory. Any thread. */
struct parcel *parcel_new(enum parcel_kind kind, const struct ip6 *source, const struct ip6 *destination, const uint8_t *bytes,
			  size_t len);

/* NULL is fine. Any thread. */
void parcel_free(struct parcel *parcel);

#endif
