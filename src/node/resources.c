// SPDX-License-Identifier: Apache-2.0
#include "node/resources.h"

#include <errno.h>
#include <string.h>

#include "crypto/keyfile.h"

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

static void take_listener(const struct node_config *config, struct resources *resources, struct problems *problems)
{
	int fd = tcp_listen_any(config->tcp_listen_port, &resources->socket_options);
	if (fd == -EPERM && resources->socket_options.has_mark) {
		problems_add(problems,
			     "Cannot set the firewall mark %u: permission denied. Run as root, grant CAP_NET_ADMIN, or leave out "
			     "--firewall-mark.",
			     resources->socket_options.mark);
	} else if (fd < 0) {
		char where[32];
		snprintf(where, sizeof(where), "TCP [::]:%u", config->tcp_listen_port);
		explain_listen(problems, "peers", where, "--tcp-listen-port", fd);
	}
	resources->listener = fd < 0 ? -1 : fd;
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

bool resources_take(const struct node_config *config, struct resources *ret, struct problems *warnings,
		    struct problems *problems)
{
	*ret = (struct resources){.listener = -1, .api_listener = -1};
	ret->socket_options = (struct socket_options){.has_mark = config->has_firewall_mark, .mark = config->firewall_mark};
	take_key(config, ret, warnings, problems);
	take_listener(config, ret, problems);
	take_api_listener(config, ret, problems);
	if (!config->no_tun)
		take_tun(config, ret, problems);
	if (problems->count == 0)
		save_new_key(config, ret, problems);
	if (problems->count == 0)
		return true;
	resources_release(ret);
	return false;
}

void resources_release(struct resources *resources)
{
	tcp_close(resources->listener);
	tcp_close(resources->api_listener);
	for (unsigned i = 0; i < LANES_MAX; i++)
		tun_close(resources->tun[i]);
	secret_wipe(&resources->secret, sizeof(resources->secret));
	*resources = (struct resources){.listener = -1, .api_listener = -1};
}
