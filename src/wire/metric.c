// SPDX-License-Identifier: Apache-2.0
/* Arithmetic of seqnos and metrics (docs/protocol/tlvs.md). */
#include <assert.h>

#include "wire/tlv.h"

enum { SEQNO_HALF = 0x8000 };

bool seqno_newer(uint16_t a, uint16_t b)
{
	return a != b && (uint16_t)(a - b) < SEQNO_HALF;
}

bool seqno_older(uint16_t a, uint16_t b)
{
	return seqno_newer(b, a);
}

uint16_t metric_add(uint16_t a, uint16_t b)
{
	if (a == METRIC_INFINITE || b == METRIC_INFINITE)
		return METRIC_INFINITE;
	uint32_t sum = (uint32_t)a + b;
	return sum < METRIC_MAX ? (uint16_t)sum : METRIC_MAX;
}

uint16_t metric_subtract(uint16_t a, uint16_t b)
{
	assert(b != METRIC_INFINITE);
	if (a == METRIC_INFINITE)
		return METRIC_INFINITE;
	return a > b ? (uint16_t)(a - b) : 0;
}
