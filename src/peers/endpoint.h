// SPDX-License-Identifier: Apache-2.0
/*
 * Endpoints: where a peer can be reached, `scheme://address` (docs/protocol/transports.md).
 *
 *   tcp://192.0.2.6:9651   quic://[2001:db8::2]:9651   tls://[fe80::1%3]:9651   vsock://2:9651   tcp://host.example:1
 *
 * The port is mandatory, a scope is a decimal interface index. An endpoint has a literal address, a peer may have a
 * host name instead: a name is an endpoint too, but has no socket address until it is resolved (endpoint_resolved()).
 */
#ifndef MYCELIUM_PEERS_ENDPOINT_H
#define MYCELIUM_PEERS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/ip6.h"

enum endpoint_protocol { ENDPOINT_TCP, ENDPOINT_TLS, ENDPOINT_QUIC, ENDPOINT_VSOCK };

enum endpoint_family { ENDPOINT_IPV4, ENDPOINT_IPV6, ENDPOINT_CID, ENDPOINT_NAME };

enum {
	ENDPOINT_NAME_MAX = 253,	/* characters of a host name, without a dot at its end */
	ENDPOINT_NAME_SIZE = 256,
	ENDPOINT_ADDRESS_SIZE = 264,	/* "NAME:PORT", "[...%scope]:port" */
	ENDPOINT_TEXT_SIZE = 280,	/* "scheme://" and address */
	ENDPOINT_ERROR_SIZE = 128,
};

/* Plain data; compare with endpoint_equal(). */
struct endpoint {
	enum endpoint_protocol protocol;
	enum endpoint_family family;
	struct ip6 address;	/* IPv4: four bytes at the front */
	uint16_t port;
	uint32_t scope;		/* IPv6 interface index, 0 when none */
	uint32_t cid, vsock_port;
	char name[ENDPOINT_NAME_SIZE];	/* ENDPOINT_NAME: in lower case */
};

/* Parses an endpoint. Returns 0; or -EINVAL with the fixed text of the interface (transport table of
 * docs/protocol/transports.md) in `error`, `ret` untouched. */
int endpoint_parse(const char *text, struct endpoint *ret, char error[static ENDPOINT_ERROR_SIZE]);

/* Parses what a person may write for a peer: an endpoint, or one with a host name in place of the IP address. A name
 * has letters, digits, '-' and '_' in labels of 1 to 63, at most ENDPOINT_NAME_MAX in all; a dot may end it; the last
 * label is no number, since a resolver would read that as an address. Returns 0; or -EINVAL with the text of
 * endpoint_parse() in `error`, `ret` untouched. */
int peer_parse(const char *text, struct endpoint *ret, char error[static ENDPOINT_ERROR_SIZE]);

/* One more sentence for a person about a text that endpoint_parse() or peer_parse() refused ("write
 * tcp://192.0.2.6:9651 or quic://192.0.2.6:9651"), or NULL when the error says it all. Static or in `hint`. */
const char *endpoint_hint(const char *text, char hint[static ENDPOINT_ERROR_SIZE]);

/* Parses a socket address "192.0.2.6:9651" or "[2001:db8::2]:9651", "[fe80::1%3]:9651" into protocol-less parts of
 * `ret` (protocol is left alone). Returns 0 or -EINVAL. Used for --api-addr too. */
int socket_address_parse(const char *text, struct endpoint *ret);

/* Equal protocol, address, port and scope; an IPv4 address never equals its IPv4-mapped form, a name never what it
 * resolves to. */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* "tcp", "tls", "quic", "vsock". */
const char *endpoint_protocol_name(enum endpoint_protocol protocol);

/* The protocol named by the first `len` bytes of `text`, in either case. Returns false when there is none. */
bool endpoint_protocol_parse(const char *text, size_t len, enum endpoint_protocol *ret);

/* The address part, "192.0.2.6:9651", "[fe80::1%3]:9651", "2:9651", "host.example:9651". Returns `text`. */
const char *endpoint_address_text(const struct endpoint *endpoint, char text[static ENDPOINT_ADDRESS_SIZE]);

/* The whole, in the form that peer_parse() reads. Returns `text`. */
const char *endpoint_text(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_SIZE]);

/* As a socket address for connect(). Returns its length, or 0 for vsock and for a name. */
socklen_t endpoint_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret);

/* The endpoint of a remote socket address (an IPv4-mapped one stays IPv6). Returns 0 or -EAFNOSUPPORT. */
int endpoint_from_sockaddr(enum endpoint_protocol protocol, const struct sockaddr *address, struct endpoint *ret);

/* The endpoint that `named` leads to when its name resolves to `address`: the protocol and port of the name, the
 * address and scope of the socket address. `ret` may be `named`. Returns 0 or -EAFNOSUPPORT. */
int endpoint_resolved(const struct endpoint *named, const struct sockaddr *address, struct endpoint *ret);

/* The bytes of an IPv4 address, an IPv4-mapped one too. Returns false for any other address. */
bool endpoint_ipv4_bytes(const struct endpoint *endpoint, uint8_t ret[static 4]);

/* Static link cost of the transport: TCP and TLS 15 over IPv4 (mapped too), 10 over IPv6; QUIC 12 and 7; vsock 5.
 * A name costs what IPv6 does: ask for the endpoint that it resolved to. */
uint16_t endpoint_static_cost(const struct endpoint *endpoint);

#endif
