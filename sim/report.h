// SPDX-License-Identifier: Apache-2.0
/* What a simulation came to, as tables for a person. */
#ifndef MYCELIUM_SIM_REPORT_H
#define MYCELIUM_SIM_REPORT_H

#include <stdio.h>

#include "sim/world.h"

/* Prints control messages by type, table rows for each node, packets and repair times. */
void report_print(const struct world *world, FILE *out);

/* A world_observer that prints each TLV about the subnet of the node whose number `context` points to (a size_t): time in
 * ms, from whom, to whom, what. */
world_observer report_tlv;

#endif
