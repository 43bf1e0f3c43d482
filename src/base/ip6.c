// SPDX-License-Identifier: Apache-2.0
#include "base/ip6.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* Mask for the byte at `index` of a prefix of `len` bits. */
static uint8_t prefix_mask(unsigned index, unsigned len)
{
	unsigned first_bit = index * 8;
	if (len >= first_bit + 8)
		return 0xff;
	return (uint8_t)(len <= first_bit ? 0 : 0xff00u >> (len - first_bit));
}

struct subnet subnet_canonical(struct subnet subnet)
{
	if (subnet.len > 128)
		subnet.len = 128;
	for (unsigned i = 0; i < sizeof(subnet.addr.bytes); i++)
		subnet.addr.bytes[i] &= prefix_mask(i, subnet.len);
	return subnet;
}

bool subnet_contains(const struct subnet *subnet, const struct ip6 *addr)
{
	for (unsigned i = 0; i < sizeof(addr->bytes); i++)
		if (((addr->bytes[i] ^ subnet->addr.bytes[i]) & prefix_mask(i, subnet->len)) != 0)
			return false;
	return true;
}

bool subnet_equal(const struct subnet *a, const struct subnet *b)
{
	return a->len == b->len && subnet_contains(a, &b->addr);
}

bool subnet_covers(const struct subnet *outer, const struct subnet *inner)
{
	return outer->len <= inner->len && subnet_contains(outer, &inner->addr);
}

static unsigned group(const struct ip6 *addr, int index)
{
	return (unsigned)(addr->bytes[2 * index] << 8 | addr->bytes[2 * index + 1]);
}

/* Start of the first longest run of two or more zero groups, or -1. */
static int longest_zero_run(const struct ip6 *addr, int *ret_len)
{
	int best = -1, best_len = 1;
	for (int i = 0; i < 8; i++) {
		int len = 0;
		while (i + len < 8 && group(addr, i + len) == 0)
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
		i += len;
	}
	*ret_len = best_len;
	return best;
}

const char *ip6_text(const struct ip6 *addr, char text[static IP6_TEXT_SIZE])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *b = addr->bytes;
	if (memcmp(b, mapped, sizeof(mapped)) == 0) {
		snprintf(text, IP6_TEXT_SIZE, "::ffff:%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
		return text;
	}
	int run_len;
	int run = longest_zero_run(addr, &run_len);
	char *at = text;
	for (int i = 0; i < 8; i++) {
		if (i == run) {
			at += sprintf(at, "::");
			i += run_len - 1;
			continue;
		}
		bool behind_run = run >= 0 && i == run + run_len;
		at += sprintf(at, "%s%x", i == 0 || behind_run ? "" : ":", group(addr, i));
	}
	return text;
}

const char *subnet_text(const struct subnet *subnet, char text[static SUBNET_TEXT_SIZE])
{
	char addr[IP6_TEXT_SIZE];
	snprintf(text, SUBNET_TEXT_SIZE, "%s/%u", ip6_text(&subnet->addr, addr), subnet->len);
	return text;
}

int ip6_parse(const char *text, struct ip6 *ret)
{
	struct ip6 addr;
	if (inet_pton(AF_INET6, text, addr.bytes) != 1)
		return -EINVAL;
	*ret = addr;
	return 0;
}
