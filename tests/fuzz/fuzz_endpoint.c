// SPDX-License-Identifier: Apache-2.0
/* Any text: what is accepted survives being written and read again, what is refused gets an error and perhaps a hint.
 */
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
	assert(endpoint_parse(text, &again, error) == 0);
	assert(endpoint_equal(endpoint, &again));
	assert(strcmp(endpoint_text(&again, text_again), text) == 0);
	if (endpoint_sockaddr(endpoint, &storage) == 0)
		return;
	assert(endpoint_from_sockaddr(endpoint->protocol, (const struct sockaddr *)&storage, &again) == 0);
	assert(endpoint_equal(endpoint, &again));
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
	if (endpoint_parse(text, &endpoint, error) == 0) {
		check_accepted(&endpoint);
	} else {
		assert(memchr(error, '\0', sizeof(error)) != NULL && error[0] != '\0');
		const char *said = endpoint_hint(text, hint);
		assert(said == NULL || (said[0] != '\0' && strlen(said) < ENDPOINT_ERROR_SIZE));
	}
	free(text);
	return 0;
}
