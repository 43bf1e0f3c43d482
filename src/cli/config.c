// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "cli/config_file.h"
#include "crypto/keyfile.h"

#define DEFAULT_TUN_NAME "mycelium"

static const char *home_directory(void)
{
	const char *home = getenv("HOME");
	if (home != NULL && *home != '\0')
		return home;
	const struct passwd *user = getpwuid(getuid());
	return user != NULL && user->pw_dir != NULL && *user->pw_dir != '\0' ? user->pw_dir : NULL;
}

char *config_default_path(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = home_directory();
	char *path = NULL;
	int len = -1;
	if (xdg != NULL && *xdg == '/')
		len = asprintf(&path, "%s/mycelium/mycelium.toml", xdg);
	else if (home != NULL)
		len = asprintf(&path, "%s/.config/mycelium/mycelium.toml", home);
	return len < 0 ? NULL : path;
}

/* A port as the two places name it. */
struct port_choice {
	const char *key;
	uint16_t by_default, given;	/* `given` on the command line, or the default */
	bool is_in_file;
	uint16_t in_file;
};

/* The port of the command line when it differs from the default, else the file's, else the default. */
static uint16_t merge_port(const struct port_choice *choice, const char *path)
{
	if (choice->given != choice->by_default || !choice->is_in_file)
		return choice->given;
	log_info("config", "%s %u from %s", choice->key, (unsigned)choice->in_file, path);
	return choice->in_file;
}

static void merge_ports(const struct args *args, const struct config_file *file, const char *path,
			struct node_config *ret)
{
	const struct port_choice tcp = {"tcp_listen_port", DEFAULT_TCP_PORT, args->tcp_listen_port,
					file->has_tcp_listen_port, file->tcp_listen_port};
	const struct port_choice quic = {"quic_listen_port", DEFAULT_QUIC_PORT, args->quic_listen_port,
					 file->has_quic_listen_port, file->quic_listen_port};
	const struct port_choice discovery = {"peer_discovery_port", DEFAULT_DISCOVERY_PORT, args->discovery_port,
					      file->has_discovery_port, file->discovery_port};
	ret->tcp_listen_port = merge_port(&tcp, path);
	ret->quic_listen_port = merge_port(&quic, path);
	ret->discovery_port = merge_port(&discovery, path);
	ret->has_vsock_listen_port = args->has_vsock_listen_port || file->has_vsock_listen_port;
	ret->vsock_listen_port = args->has_vsock_listen_port ? args->vsock_listen_port : file->vsock_listen_port;
}

/* By the same rule. */
static void merge_api_address(const struct args *args, const struct config_file *file, const char *path,
			      struct config *ret)
{
	struct args defaults;
	char text[ENDPOINT_ADDRESS_SIZE];
	args_defaults(&defaults);
	bool from_file = endpoint_equal(&args->api_address, &defaults.api_address) && file->has_api_address;
	ret->node.api_address = from_file ? file->api_address : args->api_address;
	if (from_file)
		log_info("config", "api_addr %s from %s", endpoint_address_text(&file->api_address, text), path);
}

static void add_peer(struct config *config, const struct endpoint *peer, struct problems *warnings)
{
	char text[ENDPOINT_TEXT_SIZE];
	for (size_t i = 0; i < config->node.static_peer_count; i++) {
		if (endpoint_equal(&config->peers[i], peer)) {
			problems_add(warnings, "Peer %s is named twice", endpoint_text(peer, text));
			return;
		}
	}
	config->peers[config->node.static_peer_count++] = *peer;
}

/* The peers of the command line, if there are any, replace those of the file. */
static int merge_peers(const struct args *args, const struct config_file *file, struct config *ret,
		       struct problems *warnings)
{
	const struct endpoint *peers = args->peer_count > 0 ? args->peers : file->peers;
	size_t count = args->peer_count > 0 ? args->peer_count : file->peer_count;
	ret->peers = calloc(count + 1, sizeof(*ret->peers));
	if (ret->peers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		add_peer(ret, &peers[i], warnings);
	ret->node.static_peers = ret->peers;
	return 0;
}

/* The interfaces of the command line, if there are any, replace those of the file. */
static int merge_discovery(const struct args *args, const struct config_file *file, struct config *ret,
			   struct problems *warnings)
{
	bool is_given = args->discovery_interface_count > 0;
	size_t count = is_given ? args->discovery_interface_count : file->discovery_interface_count;
	ret->node.disable_discovery = args->disable_discovery || file->disable_discovery;
	if (ret->node.disable_discovery && count > 0) {
		problems_add(warnings, "--disable-peer-discovery is set, ignoring --peer-discovery-interface values");
		return 0;
	}
	ret->discovery_interfaces = calloc(count + 1, sizeof(*ret->discovery_interfaces));
	if (ret->discovery_interfaces == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		char *name = strdup(is_given ? args->discovery_interfaces[i] : file->discovery_interfaces[i]);
		if (name == NULL)
			return -ENOMEM;
		ret->discovery_interfaces[ret->discovery_interface_count++] = name;
	}
	ret->node.discovery_interfaces = ret->discovery_interfaces;
	ret->node.discovery_interface_count = ret->discovery_interface_count;
	return 0;
}

/* Whoever names half a private network must not end up in the public one. */
static int check_network(const struct args *args, const struct config_file *file, struct problems *problems)
{
	const char *name = args->network_name != NULL ? "--network-name" :
			   file->network_name != NULL ? "network_name" : NULL;
	const char *key = args->network_key_file != NULL ? "--network-key-file" :
			  file->network_key_file != NULL ? "network_key_file" : NULL;
	if ((name == NULL) == (key == NULL))
		return 0;
	problems_add(problems,
		     "A private network needs both --network-name and --network-key-file (or network_name and "
		     "network_key_file in the file); only %s is given.", name != NULL ? name : key);
	return -EINVAL;
}

/* Both halves are there, or neither is. */
static int merge_network(const struct args *args, const struct config_file *file, struct config *ret)
{
	const char *name = args->network_name != NULL ? args->network_name : file->network_name;
	const char *key_path = args->network_key_file != NULL ? args->network_key_file : file->network_key_file;
	bool is_private = name != NULL && key_path != NULL;
	/* QUIC peers could not be told apart by the key of the network. */
	ret->node.disable_quic = args->disable_quic || file->disable_quic || is_private;
	if (!is_private)
		return 0;
	ret->network_name = strdup(name);
	ret->network_key_path = strdup(key_path);
	ret->node.network_name = ret->network_name;
	ret->node.network_key_path = ret->network_key_path;
	return ret->network_name == NULL || ret->network_key_path == NULL ? -ENOMEM : 0;
}

static int merge_names(const struct args *args, const struct config_file *file, struct config *ret)
{
	const char *tun_name = args->tun_name != NULL ? args->tun_name :
			       file->tun_name != NULL ? file->tun_name : DEFAULT_TUN_NAME;
	ret->tun_name = strdup(tun_name);
	ret->key_path = args->key_file != NULL ? strdup(args->key_file) : keyfile_default_path();
	ret->node.tun_name = ret->tun_name;
	ret->node.key_path = ret->key_path;
	ret->node.key_path_is_default = args->key_file == NULL;
	return ret->tun_name == NULL || ret->key_path == NULL ? -ENOMEM : 0;
}

/* The kernel's half of the work and the programs that use the network need processors, too; docs/performance.md has what was
 * measured. */
static unsigned default_lanes(void)
{
	unsigned half = loop_available_processors() / 2;
	return half < 1 ? 1 : half < DEFAULT_LANES_MAX ? half : DEFAULT_LANES_MAX;
}

static int merge(const struct args *args, const struct config_file *file, const char *path, struct config *ret,
		 struct problems *warnings)
{
	merge_ports(args, file, path, &ret->node);
	merge_api_address(args, file, path, ret);
	ret->node.no_tun = args->no_tun || file->no_tun;
	ret->node.lanes = args->lanes != 0 ? args->lanes : file->lanes != 0 ? file->lanes : default_lanes();
	ret->node.has_firewall_mark = args->has_firewall_mark || file->has_firewall_mark;
	ret->node.firewall_mark = args->has_firewall_mark ? args->firewall_mark : file->firewall_mark;
	int result = merge_peers(args, file, ret, warnings);
	if (result == 0)
		result = merge_discovery(args, file, ret, warnings);
	if (result == 0)
		result = merge_network(args, file, ret);
	return result < 0 ? result : merge_names(args, file, ret);
}

int config_build(const struct args *args, struct config *ret, struct problems *warnings, struct problems *problems)
{
	struct config config = {0};
	struct config_file file = {0};
	char *default_path = args->config_file == NULL ? config_default_path() : NULL;
	const char *path = args->config_file;
	int result = 0;

	/* A default file that cannot be seen (a sandbox hides the home directory) counts as not there. */
	if (default_path != NULL && access(default_path, F_OK) == 0)
		path = default_path;
	if (path != NULL) {
		result = config_file_load(path, &file, warnings, problems);
		if (result < 0)
			goto finish;
		log_info("config", "Configuration read from %s", path);
	}
	result = check_network(args, &file, problems);
	if (result < 0)
		goto finish;
	result = merge(args, &file, path, &config, warnings);
	if (result < 0) {
		problems_add(problems, "Out of memory");
		config_free(&config);
		goto finish;
	}
	*ret = config;
finish:
	config_file_free(&file);
	free(default_path);
	return result;
}

void config_free(struct config *config)
{
	free(config->key_path);
	free(config->tun_name);
	free(config->peers);
	for (size_t i = 0; i < config->discovery_interface_count; i++)
		free(config->discovery_interfaces[i]);
	free(config->discovery_interfaces);
	free(config->network_name);
	free(config->network_key_path);
	*config = (struct config){0};
}
