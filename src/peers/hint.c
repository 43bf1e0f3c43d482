// SPDX-License-Identifier: Apache-2.0
/*
 * Hints: what a person most likely meant by an endpoint that was refused.
 *
 * The fixed error texts are part of the interface and say little. A hint names the next step; it repeats the person's
 * text only after it was understood as an address, so nothing foreign reaches a terminal.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "peers/address.h"

/* What has to be added to make a text a socket address. */
enum repair { REPAIR_NONE, REPAIR_PORT, REPAIR_BRACKETS, REPAIR_IMPOSSIBLE };

#define DEFAULT_PORT "9651"
enum { DEFAULT_PORT_NUMBER = 9651 };

/* In `hint`, or `fallback` when that has no room for it. */
__attribute__((format(printf, 3, 4))) static const char *compose(char hint[static ENDPOINT_ERROR_SIZE],
								  const char *fallback, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(hint, ENDPOINT_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return wanted >= 0 && wanted < ENDPOINT_ERROR_SIZE ? hint : fallback;
}

/* Whether the first `len` bytes of `text`, in brackets or not, are an address to which `port` can be added. */
static bool parses(const char *text, size_t len, bool bracketed, const char *port, struct endpoint *ret)
{
	char candidate[ENDPOINT_ADDRESS_SIZE];
	int wanted = snprintf(candidate, sizeof(candidate), "%s%.*s%s:%s", bracketed ? "[" : "", (int)len, text,
			      bracketed ? "]" : "", port);
	return wanted > 0 && (size_t)wanted < sizeof(candidate) && socket_address_parse(candidate, ret) == 0;
}

/* Tries the text as it is, then with the default port, then as an IPv6 address that lacks its brackets. In the last
 * case the part behind the last colon is a port when it is too long for a group or the rest is whole without it. */
static enum repair repair_address(const char *text, struct endpoint *ret)
{
	size_t len = strnlen(text, ENDPOINT_ADDRESS_SIZE);
	if (socket_address_parse(text, ret) == 0)
		return REPAIR_NONE;
	if (parses(text, len, false, DEFAULT_PORT, ret))
		return REPAIR_PORT;
	const char *colon = strrchr(text, ':');
	if (colon != NULL && (size_t)(colon - text) < len && strlen(colon + 1) >= 4 &&
	    parses(text, (size_t)(colon - text), true, colon + 1, ret))
		return REPAIR_BRACKETS;
	if (parses(text, len, true, DEFAULT_PORT, ret))
		return REPAIR_BRACKETS;
	return REPAIR_IMPOSSIBLE;
}

/* Whether `text` is a host name, with a port or without; `ret` is then the endpoint, with the default port if need be.
 * `ret_rest` is what follows the name. */
static bool read_name(const char *text, struct endpoint *ret, const char **ret_rest)
{
	const char *rest = text;
	if (!address_take_name(&rest, ret->name))
		return false;
	ret->family = ENDPOINT_NAME;
	ret->port = DEFAULT_PORT_NUMBER;
	*ret_rest = rest;
	return true;
}

/* Without a protocol. A single word is a name only with a port behind it. */
static bool repair_name(const char *text, struct endpoint *ret)
{
	const char *rest;
	uint32_t port = DEFAULT_PORT_NUMBER;
	if (!read_name(text, ret, &rest))
		return false;
	if (*rest == '\0')
		return strchr(ret->name, '.') != NULL;
	if (*rest++ != ':' || !address_take_number(&rest, UINT16_MAX, &port) || *rest != '\0')
		return false;
	ret->port = (uint16_t)port;
	return true;
}

static const char *hint_protocol(const char *text, char hint[static ENDPOINT_ERROR_SIZE])
{
	static const char *const general = "write tcp://ADDRESS:PORT, for instance tcp://192.0.2.6:" DEFAULT_PORT;
	struct endpoint endpoint = {0};
	char address[ENDPOINT_ADDRESS_SIZE];

	if (repair_address(text, &endpoint) == REPAIR_IMPOSSIBLE && !repair_name(text, &endpoint))
		return general;
	endpoint_address_text(&endpoint, address);
	const char *both = compose(hint, NULL, "write tcp://%s or quic://%s", address, address);
	return both != NULL ? both : compose(hint, general, "write tcp://%s", address);
}

/* "[ADDRESS%NAME]", where a number is wanted behind the percent sign. */
static bool has_scope_name(const char *address)
{
	const char *percent = strchr(address, '%');
	return address[0] == '[' && percent != NULL && !isdigit((unsigned char)percent[1]);
}

/* "192.0.2.06": an octet with a leading zero, which other programs read as octal. */
static bool has_leading_zero(const char *address)
{
	bool at_start = true;
	for (; isdigit((unsigned char)*address) || *address == '.'; address++) {
		if (at_start && address[0] == '0' && isdigit((unsigned char)address[1]))
			return true;
		at_start = *address == '.';
	}
	return false;
}

/* Letters, and no colon but the one before the port. */
static bool resembles_name(const char *address)
{
	size_t len = strcspn(address, ":/");
	bool letters = false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)address[i];
		letters = letters || isalpha(c) || c >= 0x80;
	}
	const char *colon = strchr(address, ':');
	return letters && address[0] != '[' && (colon == NULL || strchr(colon + 1, ':') == NULL);
}

/* What is wrong behind a good address and its colon; NULL when nothing is. */
static const char *hint_port(const char *port)
{
	uint32_t number;
	if (*port == '\0' || !isdigit((unsigned char)*port))
		return "the port must be a number, for instance " DEFAULT_PORT;
	if (!address_take_number(&port, UINT16_MAX, &number))
		return "a port is a number up to 65535";
	return *port != '\0' ? "nothing may follow the port" : NULL;
}

/* A text that resembles a host name more than anything else. */
static const char *hint_name(enum endpoint_protocol protocol, const char *address,
			     char hint[static ENDPOINT_ERROR_SIZE])
{
	struct endpoint endpoint = {.protocol = protocol};
	char text[ENDPOINT_TEXT_SIZE];
	const char *rest;

	for (const char *c = address; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			return "write the host name in ASCII, as xn--...";
	}
	if (!read_name(address, &endpoint, &rest))
		return "a host name is made of letters, digits, '-' and '_', in parts of up to 63 joined by dots";
	if (*rest == '\0')
		return compose(hint, "the port is missing, add :" DEFAULT_PORT, "the port is missing, write %s",
			       endpoint_text(&endpoint, text));
	if (*rest != ':')
		return "write the address as host.example:9651";
	const char *port = hint_port(rest + 1);
	return port != NULL ? port : "use an IP address instead of the host name";
}

static const char *hint_address(enum endpoint_protocol protocol, const char *address,
				char hint[static ENDPOINT_ERROR_SIZE])
{
	struct endpoint endpoint = {.protocol = protocol};
	char text[ENDPOINT_TEXT_SIZE];

	switch (repair_address(address, &endpoint)) {
	case REPAIR_PORT:
		return compose(hint, NULL, "the port is missing, write %s", endpoint_text(&endpoint, text));
	case REPAIR_BRACKETS:
		return compose(hint, NULL, "IPv6 addresses need brackets: %s", endpoint_text(&endpoint, text));
	default:
		break;
	}
	const char *rest = address;
	if (address_take_host(&rest, &endpoint) && *rest == ':')
		return hint_port(rest + 1);
	if (has_scope_name(address))
		return "use the interface's number instead of its name, for instance [fe80::1%3]:9651";
	if (has_leading_zero(address))
		return "write the address without leading zeros";
	if (resembles_name(address))
		return hint_name(protocol, address, hint);
	return "write the address as 192.0.2.6:9651 or [2001:db8::2]:9651";
}

const char *endpoint_hint(const char *text, char hint[static ENDPOINT_ERROR_SIZE])
{
	enum endpoint_protocol protocol;

	if (text[0] == '\0')
		return "write tcp://ADDRESS:PORT, for instance tcp://192.0.2.6:9651";
	if (strpbrk(text, " \t\r\n\v\f") != NULL)
		return "remove the white space";
	const char *separator = strstr(text, "://");
	if (separator == NULL)
		return hint_protocol(text, hint);
	if (!endpoint_protocol_parse(text, (size_t)(separator - text), &protocol))
		return "the protocols are tcp, quic, tls and vsock";
	if (protocol == ENDPOINT_VSOCK)
		return NULL;
	return hint_address(protocol, separator + strlen("://"), hint);
}
