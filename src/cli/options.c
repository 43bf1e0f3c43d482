// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OPTIONS(array) .options = (array), .option_count = COUNT(array)
#define LEVELS(array) .levels = (array), .level_count = COUNT(array)

const struct cli_option cli_options[OPTION_COUNT] = {
	[OPTION_KEY_FILE] = {
		OPTION_KEY_FILE, 'k', "key-file", "KEY_FILE", .sentence = "File with the private key of the node",
		.more = "Default: $XDG_DATA_HOME/mycelium/priv_key.bin, else ~/.local/share/mycelium/priv_key.bin.",
	},
	[OPTION_CONFIG_FILE] = {
		OPTION_CONFIG_FILE, 'c', "config-file", "CONFIG_FILE",
		.sentence = "Configuration file of the node; commands do not read it",
		.more = "Default: $XDG_CONFIG_HOME/mycelium/mycelium.toml, else ~/.config/mycelium/mycelium.toml,\n"
			"if it exists.",
	},
	[OPTION_DEBUG] = {
		OPTION_DEBUG, 'd', "debug", .sentence = "Log more: also what is of use to developers only",
	},
	[OPTION_SILENT] = {
		OPTION_SILENT, 0, "silent", .sentence = "Log errors only; wins over --debug",
	},
	[OPTION_LOG_FORMAT] = {
		OPTION_LOG_FORMAT, 0, "log-format", "LOGGING_FORMAT",
		.sentence = "Form of the log lines on standard error: compact, logfmt or plain",
		.default_text = "compact",
	},
	[OPTION_PEERS] = {
		OPTION_PEERS, 0, "peers", "STATIC_PEERS", .is_list = true,
		.sentence = "Peers to connect to, for instance tcp://192.0.2.6:9651",
		.more = "Endpoints are tcp://ADDRESS:PORT, quic://ADDRESS:PORT, vsock://CID:PORT and, in a private network,\n"
			"tls://ADDRESS:PORT; ADDRESS is an IPv4 address, an IPv6 address in brackets or a host name. Takes every\n"
			"word up to the next option. In front of a command use --peers=ENDPOINT.",
	},
	[OPTION_TCP_LISTEN_PORT] = {
		OPTION_TCP_LISTEN_PORT, 't', "tcp-listen-port", "TCP_LISTEN_PORT",
		.sentence = "Port on which peers can connect over TCP, or over TLS in a private network",
		.default_text = "9651",
	},
	[OPTION_DISABLE_QUIC] = {
		OPTION_DISABLE_QUIC, 0, "disable-quic",
		.sentence = "Run without QUIC: neither listen for it nor connect to quic:// peers",
	},
	[OPTION_QUIC_LISTEN_PORT] = {
		OPTION_QUIC_LISTEN_PORT, 'q', "quic-listen-port", "QUIC_LISTEN_PORT",
		.sentence = "UDP port on which peers can connect over QUIC", .default_text = "9651",
		.more = "A private network does not use QUIC.",
	},
	[OPTION_PEER_DISCOVERY_PORT] = {
		OPTION_PEER_DISCOVERY_PORT, 0, "peer-discovery-port", "PEER_DISCOVERY_PORT",
		.sentence = "UDP port on which nodes of the local network find each other", .default_text = "9650",
	},
	[OPTION_DISABLE_PEER_DISCOVERY] = {
		OPTION_DISABLE_PEER_DISCOVERY, 0, "disable-peer-discovery",
		.sentence = "Neither look for peers on the local network nor announce this node there",
	},
	[OPTION_PEER_DISCOVERY_INTERFACE] = {
		OPTION_PEER_DISCOVERY_INTERFACE, 0, "peer-discovery-interface", "PEER_DISCOVERY_INTERFACES",
		.is_repeatable = true, .sentence = "Look for peers on this interface only; repeat it for several",
		.more = "Without this option they are looked for on every interface that can do multicast.",
	},
	[OPTION_API_ADDR] = {
		OPTION_API_ADDR, 0, "api-addr", "API_ADDR",
		.sentence = "Address of the REST API: where a node listens, and where commands find their node",
		.default_text = "127.0.0.1:8989",
	},
	[OPTION_NO_TUN] = {
		OPTION_NO_TUN, 0, "no-tun",
		.sentence = "Run without a network interface: the node only forwards traffic of others",
	},
	[OPTION_TUN_NAME] = {
		OPTION_TUN_NAME, 0, "tun-name", "TUN_NAME",
		.sentence = "Name of the network interface, at most 15 characters", .default_text = "mycelium",
	},
	[OPTION_LANES] = {
		OPTION_LANES, 0, "lanes", "LANES",
		.sentence = "Threads that move packets, 1 to 16",
		.more = "Without this option there is one for every two processors, but at most 4. Links and flows are\n"
			"spread over them.",
	},
	[OPTION_FIREWALL_MARK] = {
		OPTION_FIREWALL_MARK, 0, "firewall-mark", "FIREWALL_MARK",
		.sentence = "Mark (SO_MARK) on the packets between peers, for policy routing and firewalls",
		.more = "Without this option packets are not marked.",
	},
	[OPTION_VSOCK_LISTEN_PORT] = {
		OPTION_VSOCK_LISTEN_PORT, 0, "vsock-listen-port", "VSOCK_LISTEN_PORT",
		.sentence = "vsock port on which virtual machines and their host can connect",
		.more = "Without this option the node does not listen on vsock. The key of a private network does not guard\n"
			"vsock: whoever can reach the port becomes a peer.",
	},
	[OPTION_NETWORK_NAME] = {
		OPTION_NETWORK_NAME, 0, "network-name", "NETWORK_NAME",
		.sentence = "Name of the private network to be in, 2 to 64 bytes; needs --network-key-file",
		.more = "The name is sent in clear. Without this option the node is in the public network.",
	},
	[OPTION_NETWORK_KEY_FILE] = {
		OPTION_NETWORK_KEY_FILE, 0, "network-key-file", "NETWORK_KEY_FILE",
		.sentence = "File whose first 32 bytes are the key of the private network; needs --network-name",
		.more = "All nodes of a private network have the same key.",
	},
	[OPTION_JSON] = {OPTION_JSON, 0, "json", .sentence = "Print JSON"},
	[OPTION_FORCE] = {OPTION_FORCE, 0, "force", .sentence = "Replace an existing key file: its identity is lost"},
	[OPTION_HELP] = {OPTION_HELP, 'h', "help", .sentence = "Print help"},
	[OPTION_VERSION] = {OPTION_VERSION, 'V', "version", .sentence = "Print the version"},
};

static const enum option_id root_options[] = {
	OPTION_KEY_FILE, OPTION_CONFIG_FILE, OPTION_DEBUG, OPTION_SILENT, OPTION_LOG_FORMAT, OPTION_PEERS,
	OPTION_TCP_LISTEN_PORT, OPTION_DISABLE_QUIC, OPTION_QUIC_LISTEN_PORT, OPTION_PEER_DISCOVERY_PORT,
	OPTION_DISABLE_PEER_DISCOVERY, OPTION_PEER_DISCOVERY_INTERFACE, OPTION_API_ADDR, OPTION_NO_TUN, OPTION_TUN_NAME,
	OPTION_LANES, OPTION_FIREWALL_MARK, OPTION_VSOCK_LISTEN_PORT, OPTION_NETWORK_NAME, OPTION_NETWORK_KEY_FILE,
	OPTION_HELP, OPTION_VERSION,
};
static const enum option_id common_options[] = {OPTION_KEY_FILE, OPTION_CONFIG_FILE, OPTION_HELP};
static const enum option_id json_options[] = {OPTION_JSON, OPTION_KEY_FILE, OPTION_CONFIG_FILE, OPTION_HELP};
static const enum option_id force_options[] = {OPTION_FORCE, OPTION_KEY_FILE, OPTION_CONFIG_FILE, OPTION_HELP};

static const struct cli_level peers_levels[] = {
	{"list", "List the peers of the running node", COMMAND_PEERS_LIST, OPTIONS(json_options)},
};

static const struct cli_level routes_levels[] = {
	{"selected", "List the routes in use", COMMAND_ROUTES_SELECTED, OPTIONS(json_options)},
	{"fallback", "List the known routes that are not in use", COMMAND_ROUTES_FALLBACK, OPTIONS(json_options)},
	{"queried", "List the subnets for which a route is being asked for", COMMAND_ROUTES_QUERIED,
	 OPTIONS(json_options)},
};

static const struct cli_level root_levels[] = {
	{"inspect", "Show the public key and the address of a key file or of a public key", COMMAND_INSPECT,
	 OPTIONS(json_options), .positional = "KEY",
	 .positional_sentence = "Public key, 64 hex digits; without it the key file is read"},
	{"generate-keys", "Make a new identity: a key file, its public key and its address", COMMAND_GENERATE_KEYS,
	 OPTIONS(force_options)},
	{"peers", "Peers of the running node", COMMAND_NONE, OPTIONS(common_options), LEVELS(peers_levels)},
	{"routes", "Routes of the running node", COMMAND_NONE, OPTIONS(common_options), LEVELS(routes_levels)},
};

const struct cli_level cli_root = {"mycelium", NULL, COMMAND_NODE, OPTIONS(root_options), LEVELS(root_levels)};

const char cli_examples[] =
	"Examples:\n"
	"  Run a node that connects to one peer (as root, for the network interface):\n"
	"          mycelium --peers tcp://192.0.2.6:9651\n"
	"  Run a node that only forwards, as an ordinary user:\n"
	"          mycelium --no-tun --peers tcp://192.0.2.6:9651 'tcp://[2001:db8::2]:9651'\n"
	"  Run a node of a private network:\n"
	"          mycelium --network-name example --network-key-file /etc/mycelium/psk.bin --peers tcp://192.0.2.6:9651\n"
	"  Show the address of this node's key, and of another node's public key:\n"
	"          mycelium inspect\n"
	"          mycelium inspect 8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a\n"
	"  Ask the running node for its peers and routes:\n"
	"          mycelium peers list\n"
	"          mycelium --api-addr 127.0.0.1:9000 routes selected --json\n";

const struct cli_option *cli_option_by_name(const struct cli_level *level, const char *name, size_t len)
{
	for (size_t i = 0; i < level->option_count; i++) {
		const struct cli_option *option = &cli_options[level->options[i]];
		if (strlen(option->long_name) == len && memcmp(option->long_name, name, len) == 0)
			return option;
	}
	return NULL;
}

const struct cli_option *cli_option_by_letter(const struct cli_level *level, char letter)
{
	for (size_t i = 0; i < level->option_count; i++) {
		const struct cli_option *option = &cli_options[level->options[i]];
		if (option->short_name != 0 && option->short_name == letter)
			return option;
	}
	return NULL;
}

const struct cli_level *cli_level_by_name(const struct cli_level *level, const char *name)
{
	for (size_t i = 0; i < level->level_count; i++) {
		if (strcmp(level->levels[i].name, name) == 0)
			return &level->levels[i];
	}
	return NULL;
}
