// SPDX-License-Identifier: Apache-2.0
#include "cli/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/utf8.h"
#include "node/config.h"

static int refuse(char error[static VALUE_ERROR_SIZE], const char *reason)
{
	snprintf(error, VALUE_ERROR_SIZE, "%s", reason);
	return -EINVAL;
}

/* The digits of a number below 2^63, or a reason why they are none. */
static const char *read_digits(const char *digits, bool negative, uint64_t *ret)
{
	uint64_t number = 0;
	if (*digits == '\0')
		return "invalid digit found in string";
	for (const char *at = digits; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return "invalid digit found in string";
	}
	for (const char *at = digits; *at != '\0'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');
		if (number > ((uint64_t)INT64_MAX - digit) / 10)
			return negative ? "number too small to fit in target type" :
					  "number too large to fit in target type";
		number = number * 10 + digit;
	}
	*ret = number;
	return NULL;
}

int value_parse_unsigned(const char *text, uint64_t max, uint64_t *ret, char error[static VALUE_ERROR_SIZE])
{
	uint64_t number = 0;
	bool negative = *text == '-';
	if (*text == '\0')
		return refuse(error, "cannot parse integer from empty string");
	const char *reason = read_digits(text + (*text == '-' || *text == '+'), negative, &number);
	if (reason != NULL)
		return refuse(error, reason);
	if (number > max || (negative && number > 0)) {
		snprintf(error, VALUE_ERROR_SIZE, "%s%" PRIu64 " is not in 0..=%" PRIu64, negative ? "-" : "", number,
			 max);
		return -EINVAL;
	}
	*ret = number;
	return 0;
}

int value_parse_lanes(const char *text, unsigned *ret, char error[static VALUE_ERROR_SIZE])
{
	uint64_t number = 0;
	int result = value_parse_unsigned(text, NODE_LANES_MAX, &number, error);
	if (result < 0)
		return result;
	if (number == 0)
		return refuse(error, "a node needs at least one lane");
	*ret = (unsigned)number;
	return 0;
}

int value_parse_log_format(const char *text, enum log_format *ret, char error[static VALUE_ERROR_SIZE])
{
	static const char *const names[] = {
		[LOG_FORMAT_COMPACT] = "compact",
		[LOG_FORMAT_LOGFMT] = "logfmt",
		[LOG_FORMAT_PLAIN] = "plain",
	};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum log_format)i;
			return 0;
		}
	}
	return refuse(error, "invalid logging format");
}

int value_parse_socket_address(const char *text, struct endpoint *ret, char error[static VALUE_ERROR_SIZE])
{
	if (socket_address_parse(text, ret) < 0)
		return refuse(error, "invalid socket address syntax");
	return 0;
}

int value_check_interface_name(const char *text, char error[static VALUE_ERROR_SIZE])
{
	size_t len = strlen(text);
	if (len == 0)
		return refuse(error, "the name of an interface cannot be empty");
	if (len > INTERFACE_NAME_MAX) {
		snprintf(error, VALUE_ERROR_SIZE, "interface names have at most %d characters, this one has %zu",
			 INTERFACE_NAME_MAX, len);
		return -EINVAL;
	}
	if (strpbrk(text, "/: \t\n\v\f\r") != NULL)
		return refuse(error, "interface names contain neither '/' nor ':' nor blanks");
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return refuse(error, "an interface cannot have this name");
	return 0;
}

int value_check_path(const char *text, char error[static VALUE_ERROR_SIZE])
{
	return *text == '\0' ? refuse(error, "the path of a file cannot be empty") : 0;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

int value_check_network_name(const char *text, char error[static VALUE_ERROR_SIZE])
{
	size_t len = strlen(text);
	if (len < NETWORK_NAME_MIN || len > NETWORK_NAME_MAX) {
		snprintf(error, VALUE_ERROR_SIZE, "network names have %d to %d bytes, this one has %zu", NETWORK_NAME_MIN,
			 NETWORK_NAME_MAX, len);
		return -EINVAL;
	}
	for (size_t at = 0; at < len;) {
		uint32_t code = 0;
		at += utf8_decode(text + at, len - at, &code);
		if (code == UTF8_REPLACEMENT)
			return refuse(error, "network names are UTF-8, this one is not");
		if (is_control(code))
			return refuse(error, "network names have no control characters");
	}
	return 0;
}
