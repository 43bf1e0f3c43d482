// SPDX-License-Identifier: Apache-2.0
/*
 * Values of the configuration file as the types that options have. Conversions are lenient: `no_tun = 1`,
 * `tcp_listen_port = "9652"` and `tun_name = 5` mean what they say.
 *
 * Every function returns 0, or -EINVAL with the reason in `error` and its result untouched.
 */
#ifndef MYCELIUM_CLI_CONVERT_H
#define MYCELIUM_CLI_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/toml.h"

enum { CONVERT_ERROR_SIZE = 256 };

/* Booleans, integers (not zero is true) and the words 1 true on yes, 0 false off no in any case. */
int convert_boolean(const struct toml_value *value, bool *ret, char error[static CONVERT_ERROR_SIZE]);

/* Integers, floats (rounded), booleans, decimal numbers as text and the words of convert_boolean(); 0..max. */
int convert_unsigned(const struct toml_value *value, uint64_t max, uint64_t *ret,
		     char error[static CONVERT_ERROR_SIZE]);

/* Strings without zero bytes, numbers and booleans as they would be written. `ret` is allocated (-ENOMEM without
 * memory). */
int convert_string(const struct toml_value *value, char **ret, char error[static CONVERT_ERROR_SIZE]);

#endif
