// SPDX-License-Identifier: Apache-2.0
#include "joined_check.h"

#include <assert.h>
#include <string.h>

#include "dataplane/segment.h"
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

/* The kernel: cuts what it is given. */
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
	assert(count > 1 && count <= COALESCE_MEMBERS);
	/* The seed in the checksum is the bare sum of the pseudo-header. */
	assert((uint32_t)(flow_checksum(whole)[0] << 8 | flow_checksum(whole)[1]) == flow_pseudo_sum(whole, len));
	struct segmenter segmenter;
	int error = segment_begin(&segmenter, whole, len, offload);
	assert(error == 0);
	assert(offload->header_len == segmenter.headers);
	for (size_t segment_len; (segment_len = segment_next_len(&segmenter)) > 0;)
		pile_put(&host->pile, segment_next(&segmenter), segment_len);
}

/* Addresses, protocol and ports. What has no room for ports stands alone. */
static bool same_flow(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len < 44 || b_len < 44)
		return a_len == b_len && memcmp(a, b, a_len) == 0;
	return memcmp(a + 8, b + 8, 32) == 0 && a[6] == b[6] && memcmp(a + 40, b + 40, 4) == 0;
}

/* Window and checksum may differ in a segment that was joined. */
static bool same_packet(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	if (memcmp(a, b, a_len) == 0)
		return true;
	if (a[6] != 6 || a_len < 60)
		return false;
	return memcmp(a, b, 54) == 0 && memcmp(a + 58, b + 58, a_len - 58) == 0;
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
