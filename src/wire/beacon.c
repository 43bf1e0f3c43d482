// SPDX-License-Identifier: Apache-2.0
#include "wire/beacon.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"

static const uint8_t magic[8] = {'m', 'y', 'c', 'e', 'l', 'i', 'u', 'm'};

static const struct subnet link_local = {.addr.bytes = {0xfe, 0x80}, .len = 64};

void beacon_write(const struct beacon *beacon, uint8_t out[static BEACON_SIZE])
{
	struct writer w = writer_init(out, BEACON_SIZE);
	write_bytes(&w, magic, sizeof(magic));
	write_u16(&w, beacon->tcp_port);
	write_bytes(&w, beacon->router_id.bytes, ROUTER_ID_SIZE);
	assert(!w.failed);
}

int beacon_read(const uint8_t *bytes, size_t len, const struct ip6 *sender, const struct router_id *own,
		struct beacon *ret)
{
	if (!subnet_contains(&link_local, sender))
		return -EADDRNOTAVAIL;
	struct reader r = reader_init(bytes, len);
	uint8_t start[sizeof(magic)];
	read_copy(&r, start, sizeof(start));
	struct beacon beacon = {.tcp_port = read_u16(&r)};
	read_copy(&r, beacon.router_id.bytes, ROUTER_ID_SIZE);
	if (r.failed || memcmp(start, magic, sizeof(magic)) != 0 || beacon.tcp_port == 0)
		return -EBADMSG;
	if (router_id_equal(&beacon.router_id, own))
		return -ELOOP;
	*ret = beacon;
	return 0;
}
