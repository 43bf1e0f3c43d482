// SPDX-License-Identifier: Apache-2.0
/*
 * The Internet checksum (RFC 1071).
 *
 * The sum does not depend on the byte order as long as it is one order throughout, so words are summed as the machine
 * loads them and only the folded result is put in order. Sums of 32-bit halves, several at once, keep carries out of the
 * loop.
 */
#include "wire/icmp6.h"

#include <string.h>

static uint64_t load(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;
	memcpy(&word, bytes, len);
	return word;
}

/* Two 64-bit words, added in one step where the processor can. */
typedef uint64_t pair __attribute__((vector_size(16)));

static pair load_pair(const uint8_t *bytes)
{
	pair words;
	memcpy(&words, bytes, sizeof(words));
	return words;
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	pair lows = {0}, highs = {0};
	size_t i = 0;
	for (; i + 32 <= len; i += 32) {
		pair a = load_pair(&at[i]), b = load_pair(&at[i + 16]);
		lows += (a & 0xffffffff) + (b & 0xffffffff);
		highs += (a >> 32) + (b >> 32);
	}
	uint64_t low = lows[0] + lows[1], high = highs[0] + highs[1];
	while (i < len) {
		size_t step = len - i < 8 ? len - i : 8;
		uint64_t word = load(&at[i], step);
		low += word & 0xffffffff;
		high += word >> 32;
		i += step;
	}
	uint16_t folded = fold(low + high);
	uint8_t in_order[2];
	memcpy(in_order, &folded, sizeof(in_order));
	return sum + ((uint64_t)in_order[0] << 8) + in_order[1];
}

uint16_t checksum_finish(uint64_t sum)
{
	return (uint16_t)~fold(sum);
}

uint64_t checksum_pseudo_header(const struct ip6 *source, const struct ip6 *destination, uint32_t len,
				uint8_t next_header)
{
	uint64_t sum = (len >> 16) + (len & 0xffff) + next_header;
	sum = checksum_add(sum, source->bytes, sizeof(source->bytes));
	return checksum_add(sum, destination->bytes, sizeof(destination->bytes));
}
