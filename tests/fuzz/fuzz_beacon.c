// SPDX-License-Identifier: Apache-2.0
/* A discovery datagram: 16 bytes sender address, then the datagram. What is read is the same when written again. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "wire/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct router_id own = {{0x8f, 0x40}};
	struct reader r = reader_init(bytes, len);
	struct ip6 sender;
	read_copy(&r, sender.bytes, sizeof(sender.bytes));
	size_t datagram_len = reader_left(&r);
	const uint8_t *datagram = datagram_len > 0 ? read_bytes(&r, datagram_len) : bytes;

	struct beacon beacon;
	uint8_t out[BEACON_SIZE];
	if (beacon_read(datagram, datagram_len, &sender, &own, &beacon) != 0)
		return 0;
	beacon_write(&beacon, out);
	if (datagram_len < BEACON_SIZE || memcmp(out, datagram, BEACON_SIZE) != 0 || sender.bytes[0] != 0xfe)
		abort();
	return 0;
}
