// SPDX-License-Identifier: Apache-2.0
#include "joined_check.h"

#include <assert.h>
#include <string.h>

#include "joined_packets.h"

struct host {
	struct pile pile;
	size_t writes;
};

void pile_put(struct pile *pile, const uint8_t *packet, size_t len)
{
	assert(pile->count < PILE_PACKETS_MAX && len <= PILE_PACKET_SIZE);
	memcpy(pile->bytes[pile->count], packet, len);
	pile->len[pile->count++] = len;
}

/* The kernel cuts what it is given: each part of the payload behind a copy of the headers, in which lengths, sequence, flags
 * and checksum are made right. */
static void cut(struct pile *pile, const uint8_t *whole, size_t len, const struct tun_offload *offload)
{
	bool is_tcp = offload->batch == TUN_TCP;
	size_t headers = 40 + (is_tcp ? (size_t)(whole[52] >> 4) * 4 : 8), size = offload->segment_size;
	assert(offload->checksum_start == 40 && offload->header_len == headers && size > 0 && len > headers + size);
	assert(whole[6] == (is_tcp ? 6 : 17) && offload->checksum_offset == (is_tcp ? 16 : 6));
	uint32_t sequence = 0;
	for (unsigned i = 0; i < 4; i++)
		sequence = sequence << 8 | whole[44 + i];
	for (size_t at = headers; at < len; at += size) {
		static uint8_t out[PILE_PACKET_SIZE];
		size_t payload = len - at < size ? len - at : size, out_len = headers + payload;
		assert(out_len <= sizeof(out));
		memcpy(out, whole, headers);
		memcpy(out + headers, whole + at, payload);
		flow_put(out + 4, out_len - 40, 2);
		flow_put(out + 44, is_tcp ? sequence + (at - headers) : out_len - 40, is_tcp ? 4 : 2);
		if (is_tcp && at + payload < len)
			out[53] &= (uint8_t)~FLAG_PSH;
		flow_put(flow_checksum(out), 0, 2);
		uint16_t sum = (uint16_t)~flow_sum(flow_pseudo_sum(out, out_len), out + 40, out_len - 40);
		flow_put(flow_checksum(out), sum == 0 && !is_tcp ? 0xffff : sum, 2);
		pile_put(pile, out, out_len);
	}
}

static void take(void *context, const struct iovec *parts, int count, const struct tun_offload *offload)
{
	static uint8_t whole[TUN_READ_MAX];
	struct host *host = context;
	size_t len = 0;
	for (int i = 0; i < count; i++) {
		assert(len + parts[i].iov_len <= sizeof(whole));
		memcpy(whole + len, parts[i].iov_base, parts[i].iov_len);
		len += parts[i].iov_len;
	}
	host->writes++;
	if (offload->batch == TUN_SINGLE) {
		assert(!offload->checksum_open);
		pile_put(&host->pile, whole, len);
		return;
	}
	assert(offload->checksum_open && count > 1 && count <= COALESCE_MEMBERS && len <= 65535);
	/* The seed in the checksum is the bare sum of the pseudo-header. */
	assert((uint32_t)(flow_checksum(whole)[0] << 8 | flow_checksum(whole)[1]) == flow_pseudo_sum(whole, len));
	cut(&host->pile, whole, len, offload);
}

/* Addresses, protocol and ports. What has no room for ports stands alone. */
static bool same_flow(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len < 44 || b_len < 44)
		return a_len == b_len && memcmp(a, b, a_len) == 0;
	return memcmp(a + 8, b + 8, 32) == 0 && a[6] == b[6] && memcmp(a + 40, b + 40, 4) == 0;
}

/* Window and checksum may differ in a segment that was joined. A damaged one is not joined: its receiver could not tell. */
static bool same_packet(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	if (memcmp(a, b, a_len) == 0)
		return true;
	if (a[6] != 6 || a_len < 60)
		return false;
	return memcmp(a, b, 54) == 0 && memcmp(a + 58, b + 58, a_len - 58) == 0 && flow_checksum_is_right(a, a_len) &&
	       flow_checksum_is_right(b, b_len);
}

static void assert_same_flows(const struct pile *in, const struct pile *out)
{
	assert(in->count == out->count);
	static bool used[PILE_PACKETS_MAX];
	memset(used, 0, sizeof(used));
	for (size_t i = 0; i < in->count; i++) {
		/* The next one of its flow that came out. */
		size_t k = 0;
		while (k < out->count &&
		       (used[k] || !same_flow(in->bytes[i], in->len[i], out->bytes[k], out->len[k])))
			k++;
		assert(k < out->count);
		assert(same_packet(in->bytes[i], in->len[i], out->bytes[k], out->len[k]));
		used[k] = true;
	}
}

size_t joined_check(const struct pile *in, bool joins_tcp, bool joins_udp)
{
	return joined_check_between(in, in, joins_tcp, joins_udp);
}

size_t joined_check_between(const struct pile *sent, const struct pile *arrived, bool joins_tcp, bool joins_udp)
{
	static struct coalescer coalescer;
	static struct pile places;
	static struct host host;
	host.pile.count = host.writes = 0;
	places = *arrived;
	coalesce_init(&coalescer, joins_tcp, joins_udp, take, &host);
	for (size_t i = 0; i < places.count; i++)
		coalesce_add(&coalescer, places.bytes[i], places.len[i]);
	coalesce_flush(&coalescer);
	size_t writes = host.writes;
	coalesce_flush(&coalescer);
	assert(host.writes == writes);
	assert_same_flows(sent, &host.pile);
	return writes;
}
