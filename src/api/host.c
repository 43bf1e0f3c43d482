// SPDX-License-Identifier: Apache-2.0
#include "api/host.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "peers/endpoint.h"

static bool is_localhost(const char *host)
{
	const size_t len = strlen("localhost");
	if (strncasecmp(host, "localhost", len) != 0)
		return false;
	const char *port = host + len;
	return *port == '\0' || (*port == ':' && port[1 + strspn(port + 1, "0123456789")] == '\0');
}

bool host_is_served(const char *host)
{
	struct endpoint endpoint;
	char with_port[ENDPOINT_ADDRESS_SIZE];

	if (host == NULL || host[0] == '\0' || is_localhost(host) || socket_address_parse(host, &endpoint) == 0)
		return true;
	int wanted = snprintf(with_port, sizeof(with_port), "%s:80", host);
	return wanted > 0 && (size_t)wanted < sizeof(with_port) && socket_address_parse(with_port, &endpoint) == 0;
}
