// SPDX-License-Identifier: Apache-2.0
#include "cli/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/convert.h"
#include "cli/suggest.h"
#include "cli/toml.h"
#include "cli/values.h"
#include "node/config.h"

enum { PEERS_MAX = 4096, DISCOVERY_INTERFACES_MAX = 256, KEY_SHOWN_MAX = 60 };

struct load {
	const char *path;
	struct config_file *file;
	struct problems *warnings, *problems;
	int result;
};

struct config_key {
	const char *name;
	/* Takes the value over, or reports why not; NULL for an option that this version does not have. */
	void (*take)(struct load *load, const struct toml_entry *entry);
};

/* One line "PATH:LINE: text". What a file says must not steer the terminal. */
__attribute__((format(printf, 4, 0))) static void note(struct problems *to, const struct load *load, unsigned line,
						       const char *format, va_list arguments)
{
	char text[CONVERT_ERROR_SIZE + ENDPOINT_ERROR_SIZE];
	vsnprintf(text, sizeof(text), format, arguments);
	for (char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	problems_add(to, "%s:%u: %s", load->path, line, text);
}

__attribute__((format(printf, 3, 4))) static void warn(struct load *load, unsigned line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	note(load->warnings, load, line, format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 3, 4))) static void refuse(struct load *load, unsigned line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	note(load->problems, load, line, format, arguments);
	va_end(arguments);
	load->result = -EINVAL;
}

/* The strings of a list, or one string alone. */
struct string_list {
	struct toml_value *const *items;
	size_t count;
};

static bool read_list(struct load *load, const struct toml_entry *entry, size_t max, struct string_list *ret)
{
	const struct toml_value *value = entry->value;
	if (value->type == TOML_STRING) {
		*ret = (struct string_list){&entry->value, 1};
	} else if (value->type == TOML_ARRAY && !value->is_table_array) {
		*ret = (struct string_list){value->items, value->item_count};
	} else {
		refuse(load, entry->line, "%s: must be a list of strings", entry->key);
		return false;
	}
	if (ret->count > max) {
		refuse(load, entry->line, "%s: at most %zu are possible", entry->key, max);
		return false;
	}
	return true;
}

static void add_peer(struct load *load, const struct toml_value *value)
{
	struct config_file *file = load->file;
	char *text = NULL, reason[CONVERT_ERROR_SIZE], error[ENDPOINT_ERROR_SIZE], hint_text[ENDPOINT_ERROR_SIZE];
	if (convert_string(value, &text, reason) < 0) {
		refuse(load, value->line, "peers: each %s", reason);
		return;
	}
	if (peer_parse(text, &file->peers[file->peer_count], error) == 0) {
		file->peer_count++;
	} else {
		const char *hint = endpoint_hint(text, hint_text);
		refuse(load, value->line, "peers: \"%.*s\": %s%s%s", KEY_SHOWN_MAX, text, error,
		       hint != NULL ? "; " : "", hint != NULL ? hint : "");
	}
	free(text);
}

static void take_peers(struct load *load, const struct toml_entry *entry)
{
	struct string_list list = {0};
	if (!read_list(load, entry, PEERS_MAX, &list))
		return;
	load->file->peers = calloc(list.count + 1, sizeof(*load->file->peers));
	if (load->file->peers == NULL)
		refuse(load, entry->line, "peers: out of memory");
	/* The first problem of a list is enough. */
	for (size_t i = 0; i < list.count && load->result == 0; i++)
		add_peer(load, list.items[i]);
}

static void add_discovery_interface(struct load *load, const struct toml_value *value)
{
	struct config_file *file = load->file;
	char *text = NULL, reason[CONVERT_ERROR_SIZE], error[VALUE_ERROR_SIZE];
	if (convert_string(value, &text, reason) < 0) {
		refuse(load, value->line, "peer_discovery_interfaces: each %s", reason);
	} else if (value_check_interface_name(text, error) < 0) {
		refuse(load, value->line, "peer_discovery_interfaces: \"%.*s\": %s", KEY_SHOWN_MAX, text, error);
		free(text);
	} else {
		file->discovery_interfaces[file->discovery_interface_count++] = text;
	}
}

static void take_discovery_interfaces(struct load *load, const struct toml_entry *entry)
{
	struct config_file *file = load->file;
	struct string_list list = {0};
	if (!read_list(load, entry, DISCOVERY_INTERFACES_MAX, &list))
		return;
	file->discovery_interfaces = calloc(list.count + 1, sizeof(*file->discovery_interfaces));
	if (file->discovery_interfaces == NULL)
		refuse(load, entry->line, "peer_discovery_interfaces: out of memory");
	for (size_t i = 0; i < list.count && load->result == 0; i++)
		add_discovery_interface(load, list.items[i]);
}

static void take_port(struct load *load, const struct toml_entry *entry, bool *ret_has, uint16_t *ret)
{
	uint64_t port = 0;
	char reason[CONVERT_ERROR_SIZE];
	if (convert_unsigned(entry->value, UINT16_MAX, &port, reason) < 0) {
		refuse(load, entry->line, "%s: %s", entry->key, reason);
		return;
	}
	*ret = (uint16_t)port;
	*ret_has = true;
}

static void take_tcp_listen_port(struct load *load, const struct toml_entry *entry)
{
	take_port(load, entry, &load->file->has_tcp_listen_port, &load->file->tcp_listen_port);
}

static void take_quic_listen_port(struct load *load, const struct toml_entry *entry)
{
	take_port(load, entry, &load->file->has_quic_listen_port, &load->file->quic_listen_port);
}

static void take_discovery_port(struct load *load, const struct toml_entry *entry)
{
	take_port(load, entry, &load->file->has_discovery_port, &load->file->discovery_port);
}

static void take_number(struct load *load, const struct toml_entry *entry, bool *ret_has, uint32_t *ret)
{
	uint64_t number = 0;
	char reason[CONVERT_ERROR_SIZE];
	if (convert_unsigned(entry->value, UINT32_MAX, &number, reason) < 0) {
		refuse(load, entry->line, "%s: %s", entry->key, reason);
		return;
	}
	*ret = (uint32_t)number;
	*ret_has = true;
}

static void take_firewall_mark(struct load *load, const struct toml_entry *entry)
{
	take_number(load, entry, &load->file->has_firewall_mark, &load->file->firewall_mark);
}

static void take_vsock_listen_port(struct load *load, const struct toml_entry *entry)
{
	take_number(load, entry, &load->file->has_vsock_listen_port, &load->file->vsock_listen_port);
}

static void take_lanes(struct load *load, const struct toml_entry *entry)
{
	uint64_t lanes = 0;
	char reason[CONVERT_ERROR_SIZE];
	if (convert_unsigned(entry->value, NODE_LANES_MAX, &lanes, reason) < 0)
		refuse(load, entry->line, "lanes: %s", reason);
	else if (lanes == 0)
		refuse(load, entry->line, "lanes: a node needs at least one");
	else
		load->file->lanes = (unsigned)lanes;
}

static void take_api_addr(struct load *load, const struct toml_entry *entry)
{
	char *text = NULL, reason[CONVERT_ERROR_SIZE], error[VALUE_ERROR_SIZE];
	if (convert_string(entry->value, &text, reason) < 0) {
		refuse(load, entry->line, "api_addr: %s", reason);
		return;
	}
	if (value_parse_socket_address(text, &load->file->api_address, error) == 0)
		load->file->has_api_address = true;
	else
		refuse(load, entry->line, "api_addr: \"%.*s\": %s; write it like 127.0.0.1:8989", KEY_SHOWN_MAX, text,
		       error);
	free(text);
}

/* A text that `check` has nothing against. */
static void take_text(struct load *load, const struct toml_entry *entry,
		      int (*check)(const char *text, char error[static VALUE_ERROR_SIZE]), char **ret)
{
	char *text = NULL, reason[CONVERT_ERROR_SIZE], error[VALUE_ERROR_SIZE];
	if (convert_string(entry->value, &text, reason) < 0) {
		refuse(load, entry->line, "%s: %s", entry->key, reason);
	} else if (check(text, error) < 0) {
		refuse(load, entry->line, "%s: \"%.*s\": %s", entry->key, KEY_SHOWN_MAX, text, error);
		free(text);
	} else {
		*ret = text;
	}
}

static void take_tun_name(struct load *load, const struct toml_entry *entry)
{
	take_text(load, entry, value_check_interface_name, &load->file->tun_name);
}

static void take_network_name(struct load *load, const struct toml_entry *entry)
{
	take_text(load, entry, value_check_network_name, &load->file->network_name);
}

static void take_network_key_file(struct load *load, const struct toml_entry *entry)
{
	take_text(load, entry, value_check_path, &load->file->network_key_file);
}

static void take_flag(struct load *load, const struct toml_entry *entry, bool *ret)
{
	char reason[CONVERT_ERROR_SIZE];
	if (convert_boolean(entry->value, ret, reason) < 0)
		refuse(load, entry->line, "%s: %s", entry->key, reason);
}

static void take_no_tun(struct load *load, const struct toml_entry *entry)
{
	take_flag(load, entry, &load->file->no_tun);
}

static void take_disable_quic(struct load *load, const struct toml_entry *entry)
{
	take_flag(load, entry, &load->file->disable_quic);
}

static void take_disable_discovery(struct load *load, const struct toml_entry *entry)
{
	take_flag(load, entry, &load->file->disable_discovery);
}

static const struct config_key config_keys[] = {
	{"peers", take_peers},
	{"tcp_listen_port", take_tcp_listen_port},
	{"disable_quic", take_disable_quic},
	{"quic_listen_port", take_quic_listen_port},
	{"peer_discovery_port", take_discovery_port},
	{"disable_peer_discovery", take_disable_discovery},
	{"peer_discovery_interfaces", take_discovery_interfaces},
	{"api_addr", take_api_addr},
	{"no_tun", take_no_tun},
	{"tun_name", take_tun_name},
	{"lanes", take_lanes},
	{"firewall_mark", take_firewall_mark},
	{"vsock_listen_port", take_vsock_listen_port},
	{"network_name", take_network_name},
	{"network_key_file", take_network_key_file},
	{"jsonrpc_addr", NULL},
	{"metrics_api_address", NULL},
	{"update_workers", NULL},
	{"topic_config", NULL},
	{"cdn_cache", NULL},
	{"enable_dns", NULL},
};

static void warn_unknown(struct load *load, const struct toml_entry *entry)
{
	struct suggestion best = {0};
	for (size_t i = 0; i < sizeof(config_keys) / sizeof(config_keys[0]); i++)
		suggest_consider(&best, entry->key, config_keys[i].name);
	if (best.word != NULL)
		warn(load, entry->line, "unknown key \"%.*s\", did you mean \"%s\"?", KEY_SHOWN_MAX, entry->key,
		     best.word);
	else
		warn(load, entry->line, "unknown key \"%.*s\", ignored", KEY_SHOWN_MAX, entry->key);
}

static void take_entry(struct load *load, const struct toml_entry *entry)
{
	for (size_t i = 0; i < sizeof(config_keys) / sizeof(config_keys[0]); i++) {
		const struct config_key *key = &config_keys[i];
		if (strcmp(key->name, entry->key) != 0 || strlen(entry->key) != entry->key_len)
			continue;
		if (key->take != NULL)
			key->take(load, entry);
		else
			warn(load, entry->line, "%s: not available in this version, ignored", key->name);
		return;
	}
	warn_unknown(load, entry);
}

int config_file_parse(const char *path, const char *bytes, size_t len, struct config_file *ret,
		      struct problems *warnings, struct problems *problems)
{
	struct config_file file = {0};
	struct load load = {.path = path, .file = &file, .warnings = warnings, .problems = problems};
	struct toml_value *root = NULL;
	struct toml_error error;
	int result = toml_parse(bytes, len, &root, &error);
	if (result < 0) {
		problems_add(problems, "%s:%u: %s", path, error.line, error.text);
		return result;
	}
	/* All problems of a file are told in one go. */
	for (size_t i = 0; i < root->entry_count; i++) {
		load.result = 0;
		take_entry(&load, &root->entries[i]);
		result = load.result < 0 ? load.result : result;
	}
	toml_free(root);
	if (result < 0)
		config_file_free(&file);
	else
		*ret = file;
	return result;
}

static int report(struct problems *problems, const char *path, int error)
{
	const char *cause = error == -ENOENT ? "there is no such file" :
			    error == -EISDIR ? "it is a directory" :
			    error == -EACCES ? "permission denied" : strerror(-error);
	problems_add(problems, "Cannot read configuration file %s: %s. Name another one with --config-file.", path,
		     cause);
	return error;
}

/* Reads the whole file, and one byte more than is allowed, so that a longer one is noticed. */
static int read_all(int fd, char **ret, size_t *ret_len)
{
	struct stat status;
	size_t capacity = TOML_SIZE_MAX + 1, len = 0;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	char *bytes = malloc(capacity);
	if (bytes == NULL)
		return -ENOMEM;
	while (len < capacity) {
		ssize_t got = read(fd, bytes + len, capacity - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = -errno;
			free(bytes);
			return error;
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*ret = bytes;
	*ret_len = len;
	return 0;
}

int config_file_load(const char *path, struct config_file *ret, struct problems *warnings, struct problems *problems)
{
	char *bytes = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return report(problems, path, -errno);
	int result = read_all(fd, &bytes, &len);
	close(fd);
	if (result < 0)
		return report(problems, path, result);
	result = config_file_parse(path, bytes, len, ret, warnings, problems);
	free(bytes);
	return result;
}

void config_file_free(struct config_file *file)
{
	for (size_t i = 0; i < file->discovery_interface_count; i++)
		free(file->discovery_interfaces[i]);
	free(file->discovery_interfaces);
	free(file->peers);
	free(file->tun_name);
	free(file->network_name);
	free(file->network_key_file);
	*file = (struct config_file){0};
}
