// SPDX-License-Identifier: Apache-2.0
#include "peers/refusal.h"

#include <errno.h>
#include <stddef.h>

/*
 *            public node          private node
 *   tcp      yes                  yes, upgraded to TLS by whoever dials
 *   tls      no                   yes
 *   quic     unless switched off  no
 *   vsock    where there is any   where there is any
 */
const char *refusal_of(const struct peers_config *config, const struct endpoint *endpoint)
{
	switch (endpoint->protocol) {
	case ENDPOINT_TCP:
		break;
	case ENDPOINT_TLS:
		if (!config->private_network)
			return "tls:// peers need --network-name and --network-key-file";
		break;
	case ENDPOINT_QUIC:
		if (config->private_network)
			return "a private network connects over TCP and vsock only";
		if (!config->quic)
			return "QUIC is off (--disable-quic)";
		break;
	case ENDPOINT_VSOCK:
		if (!config->vsock)
			return "vsock is not available on this system";
		break;
	}
	return NULL;
}

const char *peers_error_words(int error)
{
	switch (error) {
	case -ELOOP:
		return "this address leads back to this node";
	case -EPROTONOSUPPORT:
		return "this node does not use the protocol";
	case -ETIMEDOUT:
		return "no answer";
	default:
		return NULL;
	}
}
