// SPDX-License-Identifier: Apache-2.0
/*
 * A request to the API: lines with method, target and host. Whatever they are, there is one of the few answers, and a
 * host that a web page could own is not served.
 */
#include <assert.h>
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/host.h"
#include "api/rest.h"
#include "fuzz.h"

enum { HOST_SIZE = 256 };

static const char *peer_name(void *context, uint32_t peer)
{
	(void)context;
	(void)peer;
	return "TCP 192.0.2.1:40000 <-> 192.0.2.2:9651";
}

/* A node with a peer, a route and a search, made once: answers do not change it. */
static const struct api_sources *some_sources(void)
{
	static struct api_sources sources = {.peer_name = peer_name};
	if (sources.router != NULL)
		return &sources;

	struct public_key key = {{1}}, other = {{2}};
	sources.key = key;
	sources.address = public_key_address(&key);
	struct ip6 there = public_key_address(&other), elsewhere = {{4, 4}};
	struct router_config config = {.id = router_id_make(&key, (const uint8_t[6]){1}),
				       .own = subnet64_of(&sources.address)};
	struct router *router = router_new(&config, 0);
	uint32_t peer = router_add_peer(router, 10, 0);
	struct tlv update = {.type = TLV_UPDATE,
			     .update = {.interval_cs = UPDATE_INTERVAL_CS,
					.metric = METRIC_MAX,
					.prefix = {.encoding = AE_IPV6, .subnet = subnet64_of(&there)},
					.router_id = router_id_make(&other, (const uint8_t[6]){2})}};
	router_handle_tlv(router, peer, &update, 0);
	router_need_route(router, &elsewhere, NEED_SEND, 0);
	sources.router = router;

	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE];
	sources.peers = peers_new(&(struct peers_config){.seed = 1});
	if (endpoint_parse("tcp://[fe80::1%3]:9651", &endpoint, error) != 0 ||
	    peers_add_static(sources.peers, &endpoint, 0) != 0)
		abort();
	return &sources;
}

/* Removes ":PORT" behind the last bracket, or behind a host without brackets. */
static void drop_port(char *host)
{
	char *bracket = strrchr(host, ']'), *colon = strrchr(host, ':');
	bool behind = colon != NULL && (host[0] != '[' || colon > bracket);
	if (behind && strspn(colon + 1, "0123456789") == strlen(colon + 1))
		*colon = '\0';
}

/* Whether a host names an address or this machine, by the C library's idea of an address: it may say yes to more than
 * the code under test, but never to a name. */
static bool is_no_name(const char *text)
{
	char host[HOST_SIZE];
	uint8_t address[16];
	if (snprintf(host, sizeof(host), "%s", text) >= HOST_SIZE)
		return false;
	drop_port(host);
	if (strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, address) == 1)
		return true;
	size_t len = strlen(host);
	if (len < 2 || host[0] != '[' || host[len - 1] != ']')
		return false;
	host[len - 1] = '\0';
	host[strcspn(host, "%")] = '\0';
	return inet_pton(AF_INET6, &host[1], address) == 1;
}

static void check_host(const char *host)
{
	if (host_is_served(host) && host[0] != '\0')
		assert(is_no_name(host));
}

static void check_answer(const char *method, const char *target)
{
	const char *path = rest_path_of(target);
	struct rest_answer answer = rest_handle(some_sources(), method, path, 5000);
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	assert(answer.status == 404 || answer.status == (reads ? 200u : 405u));
	assert((answer.status == 405) == (answer.allow != NULL));
	assert((answer.status == 200) == (answer.body != NULL));
	if (answer.status != 404)
		assert(strncmp(path, "/api/v1/admin", strlen("/api/v1/admin")) == 0);
	if (answer.body == NULL)
		return;
	json_t *json = json_loadb(answer.body, answer.body_len, 0, NULL);
	assert(json != NULL);
	json_decref(json);
	free(answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);
	if (len > 0)
		memcpy(text, bytes, len);
	text[len] = '\0';
	char *rest = text;
	const char *method = strsep(&rest, "\n");
	const char *target = rest != NULL ? strsep(&rest, "\n") : "";
	check_answer(method, target);
	check_host(rest != NULL ? rest : "");
	free(text);
	return 0;
}
