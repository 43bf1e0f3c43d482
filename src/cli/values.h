// SPDX-License-Identifier: Apache-2.0
/*
 * Values as a person writes them: numbers, addresses, names. Shared by the command line and the configuration file.
 *
 * Every function returns 0, or -EINVAL with the reason in `error` and its result untouched.
 */
#ifndef MYCELIUM_CLI_VALUES_H
#define MYCELIUM_CLI_VALUES_H

#include <stdint.h>

#include "base/log.h"
#include "peers/endpoint.h"

enum {
	VALUE_ERROR_SIZE = ENDPOINT_ERROR_SIZE,
	INTERFACE_NAME_MAX = 15,	/* IFNAMSIZ of the kernel without the terminator */
	NETWORK_NAME_MIN = 2,		/* bytes of the name of a private network */
	NETWORK_NAME_MAX = 64,
};

/* A decimal integer with an optional sign, 0..max. `max` is below 2^63. */
int value_parse_unsigned(const char *text, uint64_t max, uint64_t *ret, char error[static VALUE_ERROR_SIZE]);

/* A number of lanes, 1..NODE_LANES_MAX. */
int value_parse_lanes(const char *text, unsigned *ret, char error[static VALUE_ERROR_SIZE]);

/* "compact", "logfmt" or "plain". */
int value_parse_log_format(const char *text, enum log_format *ret, char error[static VALUE_ERROR_SIZE]);

/* A socket address, "127.0.0.1:8989" or "[::1]:8989". */
int value_parse_socket_address(const char *text, struct endpoint *ret, char error[static VALUE_ERROR_SIZE]);

/* Whether a text can name a network interface: 1 to 15 characters, no slash, no blank, no colon, not "." or "..". */
int value_check_interface_name(const char *text, char error[static VALUE_ERROR_SIZE]);

/* Whether a text can be a path: it is not empty. */
int value_check_path(const char *text, char error[static VALUE_ERROR_SIZE]);

/* Whether a text can name a private network: 2 to 64 bytes of UTF-8 without control characters. U+FFFD, which stands
 * for what could not be read, is in no name. */
int value_check_network_name(const char *text, char error[static VALUE_ERROR_SIZE]);

#endif
