// SPDX-License-Identifier: Apache-2.0
#include "peers/address.h"

#include <errno.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool address_take_number(const char **at, uint32_t max, uint32_t *ret)
{
	if (!is_digit(**at))
		return false;
	uint64_t value = 0;
	for (; is_digit(**at); (*at)++) {
		value = value * 10 + (uint64_t)(**at - '0');
		if (value > max)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

bool address_take_ipv4(const char **at, uint8_t ret[static 4])
{
	uint8_t octets[4];
	for (int i = 0; i < 4; i++) {
		uint32_t octet;
		if (i > 0 && *(*at)++ != '.')
			return false;
		bool leading_zero = (*at)[0] == '0' && is_digit((*at)[1]);
		if (leading_zero || !address_take_number(at, 255, &octet))
			return false;
		octets[i] = (uint8_t)octet;
	}
	memcpy(ret, octets, sizeof(octets));
	return true;
}

/* "[ADDRESS]" or "[ADDRESS%SCOPE]". */
static bool take_bracketed(const char **at, struct endpoint *ret)
{
	char text[IP6_TEXT_SIZE];
	struct ip6 address;
	uint32_t scope = 0;

	const char *start = *at + 1;
	size_t len = strcspn(start, "%]");
	if (len >= sizeof(text))
		return false;
	memcpy(text, start, len);
	text[len] = '\0';
	if (ip6_parse(text, &address) < 0)
		return false;
	*at = start + len;
	if (**at == '%') {
		(*at)++;
		if (!address_take_number(at, UINT32_MAX, &scope))
			return false;
	}
	if (**at != ']')
		return false;
	(*at)++;
	ret->family = ENDPOINT_IPV6;
	ret->address = address;
	ret->scope = scope;
	return true;
}

bool address_take_host(const char **at, struct endpoint *ret)
{
	if (**at == '[')
		return take_bracketed(at, ret);
	struct ip6 address = {0};
	if (!address_take_ipv4(at, address.bytes))
		return false;
	ret->family = ENDPOINT_IPV4;
	ret->address = address;
	ret->scope = 0;
	return true;
}

int socket_address_parse(const char *text, struct endpoint *ret)
{
	struct endpoint host;
	uint32_t port;

	if (!address_take_host(&text, &host) || *text++ != ':')
		return -EINVAL;
	if (!address_take_number(&text, UINT16_MAX, &port) || *text != '\0')
		return -EINVAL;
	ret->family = host.family;
	ret->address = host.address;
	ret->scope = host.scope;
	ret->port = (uint16_t)port;
	ret->cid = ret->vsock_port = 0;
	return 0;
}
