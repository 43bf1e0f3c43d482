// SPDX-License-Identifier: Apache-2.0
/*
 * A discovery datagram: 16 bytes sender address, then the datagram. What is read is the same when written again, and what
 * can be read, and nothing else, becomes an endpoint.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "peers/discovery.h"
#include "wire/beacon.h"

static const struct router_id own = {{0x8f, 0x40}};
static const struct interface eth0 = {
	.index = 2, .name = "eth0", .up = true, .running = true, .multicast = true, .has_link_local = true};

static void drain(struct discovery *discovery)
{
	struct discovery_action action;
	while (discovery_next_action(discovery, &action))
		if (action.type == DISCOVERY_JOIN)
			discovery_joined(discovery, action.index, 0);
}

static void check_policy(const struct ip6 *sender, const uint8_t *datagram, size_t len, const struct beacon *beacon)
{
	const struct discovery_config config = {.router_id = own, .tcp_port = 9651};
	struct discovery *discovery = discovery_new(&config, 0);
	struct discovery_action action;
	if (discovery == NULL)
		return;
	discovery_interfaces(discovery, &eth0, 1, 0);
	drain(discovery);
	discovery_received(discovery, sender, 3, datagram, len, 0);
	if (discovery_next_action(discovery, &action))
		abort();
	discovery_received(discovery, sender, 2, datagram, len, 0);
	discovery_received(discovery, sender, 2, datagram, len, 0);
	if (discovery_next_action(discovery, &action) != (beacon != NULL) ||
	    (beacon != NULL && (action.type != DISCOVERY_FOUND || action.endpoint.port != beacon->tcp_port ||
				action.endpoint.scope != 2 || !ip6_equal(&action.endpoint.address, sender))) ||
	    discovery_next_action(discovery, &action))
		abort();
	discovery_free(discovery);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader r = reader_init(bytes, len);
	struct ip6 sender;
	read_copy(&r, sender.bytes, sizeof(sender.bytes));
	size_t datagram_len = reader_left(&r);
	const uint8_t *datagram = datagram_len > 0 ? read_bytes(&r, datagram_len) : bytes;

	struct beacon beacon;
	uint8_t out[BEACON_SIZE];
	bool is_read = beacon_read(datagram, datagram_len, &sender, &own, &beacon) == 0;
	check_policy(&sender, datagram, datagram_len, is_read ? &beacon : NULL);
	if (!is_read)
		return 0;
	beacon_write(&beacon, out);
	if (datagram_len < BEACON_SIZE || memcmp(out, datagram, BEACON_SIZE) != 0 || sender.bytes[0] != 0xfe)
		abort();
	return 0;
}
