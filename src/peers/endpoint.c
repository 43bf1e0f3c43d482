// SPDX-License-Identifier: Apache-2.0
/*
 * Endpoints as text and as socket addresses.
 *
 * The address is parsed here and not by the C library: getaddrinfo() and friends accept short forms, octal octets and
 * interface names, and differ between systems. The accepted language is part of the interface.
 */
#include "peers/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "peers/address.h"

static const char *const protocol_names[] = {
	[ENDPOINT_TCP] = "tcp",
	[ENDPOINT_TLS] = "tls",
	[ENDPOINT_QUIC] = "quic",
	[ENDPOINT_VSOCK] = "vsock",
};

enum { PROTOCOLS = sizeof(protocol_names) / sizeof(protocol_names[0]) };

const char *endpoint_protocol_name(enum endpoint_protocol protocol)
{
	return protocol_names[protocol];
}

static int fail(char error[static ENDPOINT_ERROR_SIZE], const char *prefix, const char *text)
{
	snprintf(error, ENDPOINT_ERROR_SIZE, "%s%s", prefix, text);
	return -EINVAL;
}

bool endpoint_protocol_parse(const char *text, size_t len, enum endpoint_protocol *ret)
{
	for (int i = 0; i < PROTOCOLS; i++) {
		if (strlen(protocol_names[i]) == len && strncasecmp(protocol_names[i], text, len) == 0) {
			*ret = (enum endpoint_protocol)i;
			return true;
		}
	}
	return false;
}

/* One number of "CID:PORT". An optional plus sign and leading zeros are accepted. Returns NULL, or what is wrong.
 * At each digit "not a digit" is noticed before "too large": the first offence decides the text. */
static const char *parse_vsock_number(const char *text, size_t len, uint32_t *ret)
{
	if (len == 0)
		return "cannot parse integer from empty string";
	size_t i = text[0] == '+' ? 1 : 0;
	if (i == len)
		return "invalid digit found in string";
	uint64_t value = 0;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return "invalid digit found in string";
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > UINT32_MAX)
			return "number too large to fit in target type";
	}
	*ret = (uint32_t)value;
	return NULL;
}

static int parse_vsock(const char *text, struct endpoint *ret, char error[static ENDPOINT_ERROR_SIZE])
{
	const char *colon = strchr(text, ':');
	if (colon == NULL)
		return fail(error, "", "vsock address must be in CID:PORT format");
	uint32_t cid, port;
	const char *wrong = parse_vsock_number(text, (size_t)(colon - text), &cid);
	if (wrong == NULL)
		wrong = parse_vsock_number(colon + 1, strlen(colon + 1), &port);
	if (wrong != NULL)
		return fail(error, "failed to parse vsock address component: ", wrong);
	*ret = (struct endpoint){.protocol = ENDPOINT_VSOCK, .family = ENDPOINT_CID, .cid = cid, .vsock_port = port};
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret, char error[static ENDPOINT_ERROR_SIZE])
{
	const char *separator = strstr(text, "://");
	if (separator == NULL)
		return fail(error, "", "missing leading protocol identifier");
	enum endpoint_protocol protocol;
	if (!endpoint_protocol_parse(text, (size_t)(separator - text), &protocol))
		return fail(error, "", "protocol for endpoint is not supported");
	const char *address = separator + strlen("://");
	if (protocol == ENDPOINT_VSOCK)
		return parse_vsock(address, ret, error);
	struct endpoint parsed = {.protocol = protocol};
	if (socket_address_parse(address, &parsed) < 0)
		return fail(error, "failed to parse address: ", "invalid socket address syntax");
	*ret = parsed;
	return 0;
}

/* "tcp://NAME:PORT", with any protocol but vsock. No literal address reads as a name. */
static bool parse_named(const char *text, struct endpoint *ret)
{
	struct endpoint parsed = {.family = ENDPOINT_NAME};
	uint32_t port;

	const char *at = strstr(text, "://");
	if (at == NULL || !endpoint_protocol_parse(text, (size_t)(at - text), &parsed.protocol))
		return false;
	at += strlen("://");
	if (parsed.protocol == ENDPOINT_VSOCK || !address_take_name(&at, parsed.name) || *at++ != ':')
		return false;
	if (!address_take_number(&at, UINT16_MAX, &port) || *at != '\0')
		return false;
	parsed.port = (uint16_t)port;
	*ret = parsed;
	return true;
}

int peer_parse(const char *text, struct endpoint *ret, char error[static ENDPOINT_ERROR_SIZE])
{
	return parse_named(text, ret) ? 0 : endpoint_parse(text, ret, error);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	if (a->protocol != b->protocol || a->family != b->family)
		return false;
	switch (a->family) {
	case ENDPOINT_IPV4:
		return memcmp(a->address.bytes, b->address.bytes, 4) == 0 && a->port == b->port;
	case ENDPOINT_IPV6:
		return ip6_equal(&a->address, &b->address) && a->port == b->port && a->scope == b->scope;
	case ENDPOINT_CID:
		return a->cid == b->cid && a->vsock_port == b->vsock_port;
	case ENDPOINT_NAME:
		return strcmp(a->name, b->name) == 0 && a->port == b->port;
	}
	return false;
}

const char *endpoint_address_text(const struct endpoint *endpoint, char text[static ENDPOINT_ADDRESS_SIZE])
{
	const uint8_t *bytes = endpoint->address.bytes;
	char address[IP6_TEXT_SIZE], scope[16] = "";

	switch (endpoint->family) {
	case ENDPOINT_IPV4:
		snprintf(text, ENDPOINT_ADDRESS_SIZE, "%u.%u.%u.%u:%u", bytes[0], bytes[1], bytes[2], bytes[3],
			 endpoint->port);
		break;
	case ENDPOINT_IPV6:
		if (endpoint->scope != 0)
			snprintf(scope, sizeof(scope), "%%%u", endpoint->scope);
		snprintf(text, ENDPOINT_ADDRESS_SIZE, "[%s%s]:%u", ip6_text(&endpoint->address, address), scope,
			 endpoint->port);
		break;
	case ENDPOINT_CID:
		snprintf(text, ENDPOINT_ADDRESS_SIZE, "%u:%u", endpoint->cid, endpoint->vsock_port);
		break;
	case ENDPOINT_NAME:
		snprintf(text, ENDPOINT_ADDRESS_SIZE, "%s:%u", endpoint->name, endpoint->port);
		break;
	}
	return text;
}

const char *endpoint_text(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_SIZE])
{
	char address[ENDPOINT_ADDRESS_SIZE];
	snprintf(text, ENDPOINT_TEXT_SIZE, "%s://%s", endpoint_protocol_name(endpoint->protocol),
		 endpoint_address_text(endpoint, address));
	return text;
}

socklen_t endpoint_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret)
{
	if (endpoint->family == ENDPOINT_CID || endpoint->family == ENDPOINT_NAME)
		return 0;
	*ret = (struct sockaddr_storage){0};
	if (endpoint->family == ENDPOINT_IPV4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
		memcpy(&in.sin_addr, endpoint->address.bytes, sizeof(in.sin_addr));
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port), .sin6_scope_id = endpoint->scope};
	memcpy(&in6.sin6_addr, endpoint->address.bytes, sizeof(in6.sin6_addr));
	memcpy(ret, &in6, sizeof(in6));
	return sizeof(in6);
}

int endpoint_from_sockaddr(enum endpoint_protocol protocol, const struct sockaddr *address, struct endpoint *ret)
{
	/* Copied out, since the caller's storage need not be aligned for the family it holds. */
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		*ret = (struct endpoint){.protocol = protocol, .family = ENDPOINT_IPV4, .port = ntohs(in.sin_port)};
		memcpy(ret->address.bytes, &in.sin_addr, sizeof(in.sin_addr));
		return 0;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		*ret = (struct endpoint){.protocol = protocol,
					 .family = ENDPOINT_IPV6,
					 .port = ntohs(in6.sin6_port),
					 .scope = in6.sin6_scope_id};
		memcpy(ret->address.bytes, &in6.sin6_addr, sizeof(in6.sin6_addr));
		return 0;
	}
	return -EAFNOSUPPORT;
}

int endpoint_resolved(const struct endpoint *named, const struct sockaddr *address, struct endpoint *ret)
{
	uint16_t port = named->port;
	int result = endpoint_from_sockaddr(named->protocol, address, ret);
	if (result == 0)
		ret->port = port;
	return result;
}

bool endpoint_ipv4_bytes(const struct endpoint *endpoint, uint8_t ret[static 4])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (endpoint->family == ENDPOINT_IPV4)
		memcpy(ret, endpoint->address.bytes, 4);
	else if (endpoint->family == ENDPOINT_IPV6 && memcmp(endpoint->address.bytes, mapped, sizeof(mapped)) == 0)
		memcpy(ret, endpoint->address.bytes + sizeof(mapped), 4);
	else
		return false;
	return true;
}

uint16_t endpoint_static_cost(const struct endpoint *endpoint)
{
	uint8_t bytes[4];
	if (endpoint->protocol == ENDPOINT_VSOCK)
		return 5;
	uint16_t ipv4_penalty = endpoint_ipv4_bytes(endpoint, bytes) ? 5 : 0;
	return (uint16_t)((endpoint->protocol == ENDPOINT_QUIC ? 7 : 10) + ipv4_penalty);
}
