// SPDX-License-Identifier: Apache-2.0
/*
 * Endpoints: where a peer can be reached, `scheme://address` (docs/protocol/transports.md).
 *
 *   tcp://192.0.2.6:9651   quic://[2001:db8::2]:9651   tls://[fe80::1%3]:9651   vsock://2:9651
 *
 * Literal addresses only, the port is mandatory, a scope is a decimal interface index.
 */
#ifndef MYCELIUM_PEERS_ENDPOINT_H
#define MYCELIUM_PEERS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/ip6.h"

enum endpoint_protocol { ENDPOINT_TCP, ENDPOINT_TLS, ENDPOINT_QUIC, ENDPOINT_VSOCK };

enum endpoint_family { ENDPOINT_IPV4, ENDPOINT_IPV6, ENDPOINT_CID };

/* Plain data; compare with endpoint_equal(). */
struct endpoint {
	enum endpoint_protocol protocol;
	enum endpoint_family family;
	struct ip6 address;	/* IPv4: four bytes at the front */
	uint16_t port;
	uint32_t scope;		/* IPv6 interface index, 0 when none */
	uint32_t cid, vsock_port;
};

enum {
	ENDPOINT_ADDRESS_SIZE = 80,	/* "[...%scope]:port" */
	ENDPOINT_TEXT_SIZE = 96,	/* "scheme://" and address */
	ENDPOINT_ERROR_SIZE = 128,
};

/* Parses an endpoint. Returns 0; or -EINVAL with the fixed text of the interface (transport table of
 * docs/protocol/transports.md) in `error`, `ret` untouched. */
int endpoint_parse(const char *text, struct endpoint *ret, char error[static ENDPOINT_ERROR_SIZE]);

/* One more sentence for a person about a text that endpoint_parse() refused ("write tcp://192.0.2.6:9651 or
 * quic://192.0.2.6:9651", "host names are not supported, use an IP address"), or NULL when the error says it all.
 * Static or in `hint`. */
const char *endpoint_hint(const char *text, char hint[static ENDPOINT_ERROR_SIZE]);

/* Parses a socket address "192.0.2.6:9651" or "[2001:db8::2]:9651", "[fe80::1%3]:9651" into protocol-less parts of
 * `ret` (protocol is left alone). Returns 0 or -EINVAL. Used for --api-addr too. */
int socket_address_parse(const char *text, struct endpoint *ret);

/* Equal protocol, address, port and scope; an IPv4 address never equals its IPv4-mapped form. */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* "tcp", "tls", "quic", "vsock". */
const char *endpoint_protocol_name(enum endpoint_protocol protocol);

/* The protocol named by the first `len` bytes of `text`, in either case. Returns false when there is none. */
bool endpoint_protocol_parse(const char *text, size_t len, enum endpoint_protocol *ret);

/* The address part, "192.0.2.6:9651", "[fe80::1%3]:9651", "2:9651". Returns `text`. */
const char *endpoint_address_text(const struct endpoint *endpoint, char text[static ENDPOINT_ADDRESS_SIZE]);

/* The whole, in the form that endpoint_parse() reads. Returns `text`. */
const char *endpoint_text(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_SIZE]);

/* As a socket address for connect(). Returns its length, or 0 for vsock. */
socklen_t endpoint_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret);

/* The endpoint of a remote socket address (an IPv4-mapped one stays IPv6). Returns 0 or -EAFNOSUPPORT. */
int endpoint_from_sockaddr(enum endpoint_protocol protocol, const struct sockaddr *address, struct endpoint *ret);

/* The bytes of an IPv4 address, an IPv4-mapped one too. Returns false for any other address. */
bool endpoint_ipv4_bytes(const struct endpoint *endpoint, uint8_t ret[static 4]);

/* Static link cost of the transport: TCP and TLS 15 over IPv4 (mapped too), 10 over IPv6; QUIC 12 and 7; vsock 5. */
uint16_t endpoint_static_cost(const struct endpoint *endpoint);

#endif
