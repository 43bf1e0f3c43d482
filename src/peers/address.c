// SPDX-License-Identifier: Apache-2.0
#include "peers/address.h"

#include <errno.h>
#include <string.h>

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define NAME_CHARACTERS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."

enum { LABEL_MAX = 63 };

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

/* "443", "0x1f": resolvers take a name that ends so for an address in one of its old short forms. */
static bool is_number(const char *label, size_t len)
{
	bool is_hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
	return is_hex ? strspn(label + 2, HEX_DIGITS) >= len - 2 : strspn(label, DIGITS) >= len;
}

/* Whether `len` characters, all of which may be in a name, are labels joined by single dots. */
static bool are_labels(const char *text, size_t len)
{
	size_t start = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (i == start)
				return false;
			start = i + 1;
		} else if (i - start >= LABEL_MAX) {
			return false;
		}
	}
	return start < len && !is_number(text + start, len - start);
}

bool address_take_name(const char **at, char ret[static ENDPOINT_NAME_SIZE])
{
	const char *text = *at;
	size_t len = strspn(text, NAME_CHARACTERS);
	size_t rooted = len > 0 && text[len - 1] == '.' ? 1 : 0;
	if (len - rooted > ENDPOINT_NAME_MAX || !are_labels(text, len - rooted))
		return false;
	for (size_t i = 0; i < len; i++)
		ret[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
	ret[len] = '\0';
	*at = text + len;
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
