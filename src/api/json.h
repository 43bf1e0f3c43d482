// SPDX-License-Identifier: Apache-2.0
/*
 * Values of the API as JSON (docs/protocol/api.md); inside the room.
 *
 * Each json_of_… returns a new reference, or NULL without memory.
 */
#ifndef MYCELIUM_API_JSON_H
#define MYCELIUM_API_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip6.h"
#include "peers/endpoint.h"

/* A number; counters above INT64_MAX, the library's largest integer, are shown as INT64_MAX. */
json_t *json_of_counter(uint64_t value);

/* A number, or "infinite". */
json_t *json_of_metric(uint16_t metric);

/* "ADDRESS/LENGTH". */
json_t *json_of_subnet(const struct subnet *subnet);

/* {"proto":…,"addr":{"socket":…}} or {"proto":"vsock","addr":{"vsock":{"cid":…,"port":…}}}. */
json_t *json_of_endpoint(const struct endpoint *endpoint);

/* Compact text, members in the order of their insertion. Takes the reference. Returns the text, which the caller
 * frees, with its length in `ret_len`; NULL without memory or when `value` is NULL. */
char *json_text(json_t *value, size_t *ret_len);

/* The text of an array of `count` rows, each made by `row`. Only one row exists as JSON values at a time, so a
 * large table costs its text and no more. Returns like json_text(). */
char *json_text_of_rows(size_t count, json_t *(*row)(void *context, size_t index), void *context, size_t *ret_len);

#endif
