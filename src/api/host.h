// SPDX-License-Identifier: Apache-2.0
/* The Host header of a request; inside the room. */
#ifndef MYCELIUM_API_HOST_H
#define MYCELIUM_API_HOST_H

#include <stdbool.h>

/*
 * Whether a request for this host is served. A web page can have its own name resolve to 127.0.0.1 (DNS rebinding) and
 * read the API through its visitor's browser; the browser then sends that name. So only hosts that no page can own are
 * served: IP addresses and "localhost", with or without a port. An absent (NULL) or empty one comes from no browser.
 */
bool host_is_served(const char *host);

#endif
