// SPDX-License-Identifier: Apache-2.0
#include "node/node.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "crypto/aead.h"
#include "link/vsock.h"
#include "node/node_internal.h"

static uint64_t random_seed(void)
{
	uint64_t seed;
	random_fill(&seed, sizeof(seed));
	return seed;
}

/* Each connection is a descriptor: take as many as the system lets us. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- callbacks of the control loop ------------------------------------------------------------------------------- */

static void on_round_end(void *context)
{
	pump(context);
}

static void on_lane_wake(void *context)
{
	pump_lane_events(context);
}

/* Only wakes the loop: the round's end does what is due. */
static void on_deadline(void *context)
{
	(void)context;
}

static void on_stop_signal(void *context)
{
	struct node *node = context;
	log_info("node", "Stopping");
	loop_stop(node->loop);
}

static const char *peer_name(void *context, uint32_t peer)
{
	const struct connection *connection = connection_of_peer(context, peer);
	return connection != NULL ? connection->name : "";
}

static void refresh_counters(void *context)
{
	connections_count_bytes(context);
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static bool build_cores(struct node *node, uint64_t now_ms)
{
	uint8_t random_tail[6];
	random_fill(random_tail, sizeof(random_tail));
	node->router_id = router_id_make(&node->key, random_tail);
	struct router_config router_config = {
		.id = node->router_id,
		.own = subnet64_of(&node->address),
		.seed = random_seed(),
	};
	node->router = router_new(&router_config, now_ms);
	const struct peers_config peers_config = {
		.seed = random_seed(),
		.quic = node->resources.quic_identity != NULL,
		.private_network = node->resources.network != NULL,
		.vsock = vsock_is_available(),
	};
	node->peers = peers_new(&peers_config);
	node->fib = fib_new(random_seed());
	node->wait = wait_new(random_seed());
	if (node->fib != NULL)
		node->keyring = keyring_new(&node->resources.secret, node->fib, random_seed());
	node->ready_tail = &node->ready;
	return node->router != NULL && node->peers != NULL && node->keyring != NULL && node->wait != NULL;
}

static bool build_loop(struct node *node)
{
	node->loop = loop_new();
	if (node->loop == NULL)
		return false;
	node->lane_wake = loop_wake_new(node->loop, on_lane_wake, node);
	node->deadline = loop_timer_new(node->loop, on_deadline, node);
	signal(SIGPIPE, SIG_IGN);
	return node->lane_wake != NULL && node->deadline != NULL &&
	       loop_on_signal(node->loop, SIGINT, on_stop_signal, node) == 0 &&
	       loop_on_signal(node->loop, SIGTERM, on_stop_signal, node) == 0;
}

static bool build_lanes(struct node *node)
{
	struct lanes_config config = {
		.count = node->config->lanes,
		.address = node->address,
		.fib = node->fib,
		.quic_identity = node->resources.quic_identity,
		.wake_control = node->lane_wake,
		.seed = random_seed(),
	};
	memcpy(config.quic_sockets, node->resources.quic_sockets, sizeof(config.quic_sockets));
	memcpy(config.tun, node->resources.tun, sizeof(config.tun));
	node->lanes = lanes_start(&config);
	return node->lanes != NULL;
}

static bool build_api(struct node *node)
{
	struct api_sources sources = {
		.router = node->router,
		.peers = node->peers,
		.key = node->key,
		.address = node->address,
		.started_unix_s = (uint64_t)time(NULL),
		.peer_name = peer_name,
		.refresh_counters = refresh_counters,
		.context = node,
	};
	node->api = api_new(node->loop, node->resources.api_listener, &sources);
	node->resources.api_listener = -1;
	return node->api != NULL;
}

static void add_static_peers(struct node *node)
{
	char text[ENDPOINT_TEXT_SIZE];
	for (size_t i = 0; i < node->config->static_peer_count; i++) {
		const struct endpoint *endpoint = &node->config->static_peers[i];
		endpoint_text(endpoint, text);
		const char *refusal = peers_refusal(node->peers, endpoint);
		if (refusal != NULL)
			log_warn("peers", "%s; not connecting to %s", refusal, text);
		if (peers_add_static(node->peers, endpoint, loop_now_ms(node->loop)) != 0)
			log_warn("peers", "%s: given twice, or too many peers; ignored", text);
	}
}

/* ---- what is told at the start ----------------------------------------------------------------------------------- */

static void log_listeners(const struct node *node)
{
	const struct resources *resources = &node->resources;
	if (resources->network != NULL)
		log_info("node", "Private network \"%s\": connecting to its nodes only", node->config->network_name);
	log_info("node", "Listening for peers on %s [::]:%u", resources->network != NULL ? "tls" : "tcp",
		 tcp_local_port(resources->listener));
	if (resources->quic_identity != NULL)
		log_info("node", "Listening for peers on quic [::]:%u", quic_local_port(&resources->quic_sockets[0]));
	if (resources->vsock_listener >= 0)
		log_info("node", "Listening for peers on vsock port %u", node->config->vsock_listen_port);
	if (resources->vsock_listener >= 0 && resources->network != NULL)
		log_warn("node", "The network key does not protect vsock: any guest or host program may connect there");
	if (resources->beacon_socket >= 0)
		log_info("node", "Looking for neighbours on the local network, UDP port %u", node->config->discovery_port);
}

static void log_start(const struct node *node)
{
	char ip[IP6_TEXT_SIZE], key[PUBLIC_KEY_TEXT_SIZE], api[ENDPOINT_ADDRESS_SIZE];
	if (node->resources.key_is_new)
		log_info("node", "Generated a new identity in %s", node->config->key_path);
	log_info("node", "Overlay address %s", ip6_text(&node->address, ip));
	log_info("node", "Public key %s", public_key_text(&node->key, key));
	if (node->resources.tun[0] != NULL)
		log_info("node", "Interface %s is up, 400::/7 is routed to it", tun_name(node->resources.tun[0]));
	else
		log_info("node", "No interface (--no-tun): relaying only, programs on this host cannot use the overlay");
	log_listeners(node);
	log_info("node", "API on http://%s", endpoint_address_text(&node->config->api_address, api));
	log_debug("node", "AES-256-GCM by %s", aead_backend()->name);
	if (node->config->static_peer_count == 0)
		log_info("node", "No peers configured: add one with --peers tcp://ADDRESS:9651, or let others connect to this node");
}

static void log_warnings(const struct problems *warnings)
{
	for (unsigned i = 0; i < warnings->count; i++)
		log_warn("node", "%s", warnings->text[i]);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool node_build(struct node *node, struct problems *problems)
{
	node->key = public_key_of(&node->resources.secret);
	node->address = public_key_address(&node->key);
	if (node->resources.tun[0] != NULL && tun_bring_up(node->resources.tun[0], &node->address, problems) != 0)
		return false;
	if (build_loop(node) && build_cores(node, loop_now_ms(node->loop)) && build_lanes(node) && connections_start(node) &&
	    neighbours_open(node) && build_api(node))
		return true;
	problems_add(problems, "Out of memory or descriptors.");
	return false;
}

/* In the order of dependence: nobody is left who could use what goes. */
static void node_dismantle(struct node *node)
{
	api_free(node->api);
	neighbours_close(node);
	connections_stop(node);
	lanes_stop(node->lanes);
	wait_free(node->wait);
	while (node->ready != NULL) {
		struct parcel *next = node->ready->next;
		parcel_free(node->ready);
		node->ready = next;
	}
	keyring_free(node->keyring);
	fib_free(node->fib);
	router_free(node->router);
	peers_free(node->peers);
	if (!node->left_behind)
		loop_free(node->loop);
	resources_release(&node->resources);
}

static int fail(const struct problems *problems)
{
	problems_print(problems, stderr, "error: ");
	return 1;
}

int node_run(const struct node_config *config)
{
	struct problems problems = {0}, warnings = {0};
	struct node *node = calloc(1, sizeof(*node));
	if (node == NULL || aead_setup() != 0) {
		free(node);
		problems_add(&problems, "Out of memory, or no working AES-256-GCM on this machine.");
		return fail(&problems);
	}
	raise_descriptor_limit();
	node->config = config;
	if (!resources_take(config, &node->resources, &warnings, &problems)) {
		free(node);
		return fail(&problems);
	}
	log_warnings(&warnings);
	if (!node_build(node, &problems)) {
		node_dismantle(node);
		free(node);
		return fail(&problems);
	}
	/* From here on only the keyring has the secret key. */
	secret_wipe(&node->resources.secret, sizeof(node->resources.secret));
	log_start(node);
	add_static_peers(node);
	loop_set_round_hooks(node->loop, on_round_end, NULL, node);
	loop_run(node->loop);
	node_dismantle(node);
	log_info("node", "Stopped");
	int status = node->exit_status;
	/* A thread that still waits for the resolver would keep the process. */
	if (node->left_behind) {
		fflush(NULL);
		_exit(status);
	}
	free(node);
	return status;
}
