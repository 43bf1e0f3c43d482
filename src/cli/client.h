// SPDX-License-Identifier: Apache-2.0
/*
 * Asking a running node over its REST API (docs/protocol/rest.md).
 *
 * Proxies of the environment are ignored: the node is on this machine or on one that the user named.
 */
#ifndef MYCELIUM_CLI_CLIENT_H
#define MYCELIUM_CLI_CLIENT_H

#include <jansson.h>
#include <stdio.h>

#include "peers/endpoint.h"

enum {
	CLIENT_CONNECT_TIMEOUT_S = 3,
	CLIENT_TIMEOUT_S = 15,
	CLIENT_ANSWER_MAX = 64 << 20,	/* bytes of an answer */
};

/*
 * GET of a path such as "/api/v1/admin/peers". Returns 0 for status 200 with a JSON list: `ret_json` (json_decref() it)
 * and the zero-terminated `ret_body` (free() it). Else one line "error: ..." goes to `err` and the result is
 *   -ECONNREFUSED  no node answers there
 *   -ETIMEDOUT     it did not answer in time
 *   -EPROTO        whatever answers is not the REST API of a node, or it refused
 *   -ELIBACC       libcurl cannot be loaded
 *   -ENOMEM
 */
int client_get_list(const struct endpoint *api, const char *path, json_t **ret_json, char **ret_body, FILE *err);

/* Writes the one line for an answer that is JSON, but not what the API gives. Returns -EPROTO. */
int client_report_foreign(const struct endpoint *api, FILE *err);

#endif
