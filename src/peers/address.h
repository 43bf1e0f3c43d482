// SPDX-License-Identifier: Apache-2.0
/* Pieces of a socket address text; inside the room, shared by the parser and the hints. */
#ifndef MYCELIUM_PEERS_ADDRESS_H
#define MYCELIUM_PEERS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peers/endpoint.h"

/* Each takes its piece from `*at` and moves it behind; on false `*at` may have moved and `ret` is untouched. */

/* Decimal digits, any number of leading zeros, at most `max`. */
bool address_take_number(const char **at, uint32_t max, uint32_t *ret);

/* Four octets without leading zeros. */
bool address_take_ipv4(const char **at, uint8_t ret[static 4]);

/* "192.0.2.6", "[2001:db8::2]" or "[fe80::1%3]" into family, address and scope of `ret`. */
bool address_take_host(const char **at, struct endpoint *ret);

/* A host name as peer_parse() accepts it, into `ret` in lower case. */
bool address_take_name(const char **at, char ret[static ENDPOINT_NAME_SIZE]);

#endif
