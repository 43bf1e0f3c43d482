// SPDX-License-Identifier: Apache-2.0
/* What is answered to a method and a path; inside the room. No HTTP library here. */
#ifndef MYCELIUM_API_REST_H
#define MYCELIUM_API_REST_H

#include "api/api.h"

struct rest_answer {
	unsigned status;
	const char *content_type; /* NULL with an empty body */
	const char *allow;        /* the Allow header of a 405, else NULL */
	char *body;               /* from malloc(), the caller's; NULL when empty */
	size_t body_len;
};

/* The path in a request target: the target itself, or what stands behind the host of one in absolute form,
 * "http://HOST/path". Points into `target`, or is static. */
const char *rest_path_of(const char *target);

/* Answers a request. `path` is the raw path without a query; matching is exact. HEAD is answered like GET, the body
 * is to be left out by the caller. Out of memory is a 500. */
struct rest_answer rest_handle(const struct api_sources *sources, const char *method, const char *path,
			       uint64_t now_ms);

#endif
