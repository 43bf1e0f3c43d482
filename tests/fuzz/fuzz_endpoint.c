// SPDX-License-Identifier: Apache-2.0
/* Any text, as an endpoint, as a peer and as a socket address: what is accepted survives being written and read again, what is
 * refused gets an error and perhaps a hint. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "peers/endpoint.h"

static void check_accepted(const struct endpoint *endpoint)
{
	struct endpoint again;
	char text[ENDPOINT_TEXT_SIZE], text_again[ENDPOINT_TEXT_SIZE], error[ENDPOINT_ERROR_SIZE];
	struct sockaddr_storage storage;

	endpoint_text(endpoint, text);
	assert(peer_parse(text, &again, error) == 0);
	assert(endpoint_equal(endpoint, &again));
	assert(strcmp(endpoint_text(&again, text_again), text) == 0);
	if (endpoint_sockaddr(endpoint, &storage) == 0)
		return;
	assert(endpoint_from_sockaddr(endpoint->protocol, (const struct sockaddr *)&storage, &again) == 0);
	assert(endpoint_equal(endpoint, &again));
}

/* A socket address is the endpoint without its scheme, and nothing else is one. */
static void check_socket_address(const char *text, size_t len)
{
	struct endpoint address = {.protocol = ENDPOINT_QUIC}, untouched = address, endpoint;
	char error[ENDPOINT_ERROR_SIZE], *with_scheme = malloc(len + sizeof("quic://"));
	assert(with_scheme != NULL);
	memcpy(with_scheme, "quic://", strlen("quic://"));
	memcpy(with_scheme + strlen("quic://"), text, len + 1);
	int result = socket_address_parse(text, &address);
	assert((result == 0) == (endpoint_parse(with_scheme, &endpoint, error) == 0));
	if (result == 0)
		assert(endpoint_equal(&address, &endpoint));
	else
		assert(memcmp(&address, &untouched, sizeof(address)) == 0);
	free(with_scheme);
}

/* A peer is an endpoint, or what differs from one by its host name alone. */
static void check_peer(const char *text, bool is_endpoint, const char *endpoint_error)
{
	struct endpoint peer, other;
	char error[ENDPOINT_ERROR_SIZE], address[ENDPOINT_ADDRESS_SIZE];
	if (peer_parse(text, &peer, error) != 0) {
		assert(!is_endpoint && strcmp(error, endpoint_error) == 0);
		return;
	}
	assert(is_endpoint == (peer.family != ENDPOINT_NAME));
	check_accepted(&peer);
	if (is_endpoint)
		return;
	size_t len = strlen(peer.name);
	assert(len > 0 && len <= ENDPOINT_NAME_MAX + 1 && strspn(peer.name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len);
	assert(socket_address_parse(endpoint_address_text(&peer, address), &other) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE], hint[ENDPOINT_ERROR_SIZE];

	char *text = malloc(len + 1);
	if (text == NULL)
		return 0;
	memcpy(text, bytes, len);
	text[len] = '\0';
	bool is_endpoint = endpoint_parse(text, &endpoint, error) == 0;
	check_peer(text, is_endpoint, error);
	if (is_endpoint) {
		check_accepted(&endpoint);
	} else {
		assert(memchr(error, '\0', sizeof(error)) != NULL && error[0] != '\0');
		const char *said = endpoint_hint(text, hint);
		assert(said == NULL || (said[0] != '\0' && strlen(said) < ENDPOINT_ERROR_SIZE));
	}
	check_socket_address(text, strlen(text));
	free(text);
	return 0;
}
