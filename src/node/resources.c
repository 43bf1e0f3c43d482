// SPDX-License-Identifier: Apache-2.0
#include "node/resources.h"

#include <errno.h>
#include <string.h>

#include "crypto/keyfile.h"
#include "link/vsock.h"
#include "peers/beacon_socket.h"

static void take_key(const struct node_config *config, struct resources *resources, struct problems *warnings,
		     struct problems *problems)
{
	int error = keyfile_load(config->key_path, &resources->secret, warnings, problems);
	if (error != -ENOENT)
		return;
	resources->secret = secret_key_generate();
	resources->key_is_new = true;
}

static void save_new_key(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	if (resources->key_is_new)
		keyfile_save(config->key_path, &resources->secret, false, config->key_path_is_default, problems);
}

static void explain_listen(struct problems *problems, const char *what, const char *where, const char *option, int error)
{
	if (error == -EADDRINUSE)
		problems_add(problems, "Cannot listen on %s (%s): address in use, perhaps by another mycelium. Choose another with %s.",
			     where, what, option);
	else if (error == -EACCES)
		problems_add(problems,
			     "Cannot listen on %s (%s): permission denied. Ports below 1024 need root; choose another with %s.",
			     where, what, option);
	else if (error == -EADDRNOTAVAIL)
		problems_add(problems, "Cannot listen on %s (%s): this machine does not have that address. Choose another with %s.",
			     where, what, option);
	else
		problems_add(problems, "Cannot listen on %s (%s): %s. Choose another with %s.", where, what, strerror(-error),
			     option);
}

/* Returns whether that is what went wrong. */
static bool explain_mark(struct problems *problems, const struct resources *resources, int error)
{
	if (error != -EPERM || !resources->socket_options.has_mark)
		return false;
	problems_add(problems,
		     "Cannot set the firewall mark %u: permission denied. Run as root, grant CAP_NET_ADMIN, or leave out "
		     "--firewall-mark.",
		     resources->socket_options.mark);
	return true;
}

static void take_listener(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	int fd = tcp_listen_any(config->tcp_listen_port, &resources->socket_options);
	if (fd < 0 && !explain_mark(problems, resources, fd)) {
		char where[32];
		snprintf(where, sizeof(where), "TCP [::]:%u", config->tcp_listen_port);
		explain_listen(problems, "peers", where, "--tcp-listen-port", fd);
	}
	resources->listener = fd < 0 ? -1 : fd;
}

static void take_quic(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	int error = quic_open_sockets(config->quic_listen_port, config->lanes, &resources->socket_options,
				      resources->quic_sockets);
	/* A mark that cannot be set was told of with the first listener. */
	if (error == 0 || (error == -EPERM && resources->socket_options.has_mark && problems->count > 0))
		return;
	char where[32];
	snprintf(where, sizeof(where), "UDP [::]:%u", config->quic_listen_port);
	explain_listen(problems, "QUIC", where, "--quic-listen-port or use --disable-quic", error);
}

static void take_vsock_listener(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	int fd = vsock_listen(config->vsock_listen_port);
	if (fd == -EAFNOSUPPORT)
		problems_add(problems, "Cannot listen on vsock port %u: this kernel has no vsock. Load its module (vsock, and "
				       "vhost_vsock on a host), or leave out --vsock-listen-port.",
			     config->vsock_listen_port);
	else if (fd < 0) {
		char where[32];
		snprintf(where, sizeof(where), "vsock port %u", config->vsock_listen_port);
		explain_listen(problems, "peers", where, "--vsock-listen-port", fd);
	}
	resources->vsock_listener = fd < 0 ? -1 : fd;
}

/* Discovery is a convenience that nobody asked for: the node runs without it, too. */
static void take_beacon_socket(const struct node_config *config, struct resources *resources, struct problems *warnings)
{
	int fd = beacon_socket_open(config->discovery_port, config->has_firewall_mark, config->firewall_mark);
	if (fd == -EADDRINUSE)
		problems_add(warnings,
			     "No local discovery: UDP [::]:%u is in use, perhaps by another mycelium. Choose another port with "
			     "--peer-discovery-port, or use --disable-peer-discovery.",
			     config->discovery_port);
	else if (fd < 0)
		problems_add(warnings, "No local discovery: cannot open UDP [::]:%u: %s.", config->discovery_port, strerror(-fd));
	resources->beacon_socket = fd < 0 ? -1 : fd;
}

static void take_network(const struct node_config *config, struct resources *resources, struct problems *warnings,
			 struct problems *problems)
{
	uint8_t key[TLS_NETWORK_KEY_SIZE];
	if (keyfile_load_network(config->network_key_path, key, warnings, problems) == 0) {
		resources->network = tls_network_new(config->network_name, key);
		if (resources->network == NULL)
			problems_add(problems, "Out of memory.");
	}
	secret_wipe(key, sizeof(key));
}

static void take_api_listener(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_sockaddr(&config->api_address, &address);
	int fd = tcp_listen_on((struct sockaddr *)&address, len);
	if (fd < 0) {
		char text[ENDPOINT_ADDRESS_SIZE], where[ENDPOINT_ADDRESS_SIZE + 4];
		snprintf(where, sizeof(where), "TCP %s", endpoint_address_text(&config->api_address, text));
		explain_listen(problems, "API", where, "--api-addr", fd);
	}
	resources->api_listener = fd < 0 ? -1 : fd;
}

_Static_assert((int)NODE_LANES_MAX == (int)LANES_MAX, "what the command line allows is what there can be");

static void take_tun(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	resources->tun[0] = tun_open(config->tun_name, config->lanes > 1, problems);
	for (unsigned i = 1; i < config->lanes && resources->tun[i - 1] != NULL; i++)
		resources->tun[i] = tun_add_queue(resources->tun[0]);
}

static const struct resources nothing = {
	.listener = -1,
	.api_listener = -1,
	.vsock_listener = -1,
	.beacon_socket = -1,
	.quic_sockets = {[0 ... LANES_MAX - 1] = {{-1, -1}}},
};

bool resources_take(const struct node_config *config, struct resources *ret, struct problems *warnings,
		    struct problems *problems)
{
	*ret = nothing;
	ret->socket_options = (struct socket_options){.has_mark = config->has_firewall_mark, .mark = config->firewall_mark};
	take_key(config, ret, warnings, problems);
	if (config->network_name != NULL)
		take_network(config, ret, warnings, problems);
	take_listener(config, ret, problems);
	/* A private network has no QUIC. */
	if (config->network_name == NULL && !config->disable_quic)
		take_quic(config, ret, problems);
	if (config->has_vsock_listen_port)
		take_vsock_listener(config, ret, problems);
	if (!config->disable_discovery)
		take_beacon_socket(config, ret, warnings);
	take_api_listener(config, ret, problems);
	if (!config->no_tun)
		take_tun(config, ret, problems);
	if (problems->count == 0)
		save_new_key(config, ret, problems);
	bool has_quic = ret->quic_sockets[0].fd[0] >= 0 || ret->quic_sockets[0].fd[1] >= 0;
	if (problems->count == 0 && has_quic &&
	    (ret->quic_identity = quic_identity_new(&ret->secret)) == NULL)
		problems_add(problems, "Out of memory.");
	if (problems->count == 0)
		return true;
	resources_release(ret);
	return false;
}

void resources_release(struct resources *resources)
{
	socket_close_fd(resources->listener);
	socket_close_fd(resources->api_listener);
	socket_close_fd(resources->vsock_listener);
	socket_close_fd(resources->beacon_socket);
	quic_close_sockets(resources->quic_sockets, LANES_MAX);
	quic_identity_free(resources->quic_identity);
	tls_network_free(resources->network);
	for (unsigned i = 0; i < LANES_MAX; i++)
		tun_close(resources->tun[i]);
	secret_wipe(&resources->secret, sizeof(resources->secret));
	*resources = nothing;
}
