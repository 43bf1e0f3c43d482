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

enum { PEERS_MAX = 4096, KEY_SHOWN_MAX = 60 };

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

static void add_peer(struct load *load, const struct toml_value *value)
{
	struct config_file *file = load->file;
	char *text = NULL, reason[CONVERT_ERROR_SIZE], error[ENDPOINT_ERROR_SIZE], hint_text[ENDPOINT_ERROR_SIZE];
	if (convert_string(value, &text, reason) < 0) {
		refuse(load, value->line, "peers: each %s", reason);
		return;
	}
	if (file->peer_count == PEERS_MAX) {
		refuse(load, value->line, "peers: at most %d are possible", PEERS_MAX);
	} else if (endpoint_parse(text, &file->peers[file->peer_count], error) == 0) {
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
	const struct toml_value *value = entry->value;
	bool is_list = value->type == TOML_ARRAY && !value->is_table_array;
	size_t count = is_list ? value->item_count : 1;
	if (!is_list && value->type != TOML_STRING) {
		refuse(load, entry->line, "peers: must be a list of strings");
		return;
	}
	load->file->peers = calloc(count < PEERS_MAX ? count + 1 : PEERS_MAX, sizeof(*load->file->peers));
	if (load->file->peers == NULL) {
		refuse(load, entry->line, "peers: out of memory");
		return;
	}
	/* The first problem of a list is enough. */
	for (size_t i = 0; i < count && load->result == 0; i++)
		add_peer(load, is_list ? value->items[i] : value);
}

static void take_tcp_listen_port(struct load *load, const struct toml_entry *entry)
{
	uint64_t port = 0;
	char reason[CONVERT_ERROR_SIZE];
	if (convert_unsigned(entry->value, UINT16_MAX, &port, reason) < 0) {
		refuse(load, entry->line, "tcp_listen_port: %s", reason);
		return;
	}
	load->file->tcp_listen_port = (uint16_t)port;
	load->file->has_tcp_listen_port = true;
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

static void take_firewall_mark(struct load *load, const struct toml_entry *entry)
{
	uint64_t mark = 0;
	char reason[CONVERT_ERROR_SIZE];
	if (convert_unsigned(entry->value, UINT32_MAX, &mark, reason) < 0) {
		refuse(load, entry->line, "firewall_mark: %s", reason);
		return;
	}
	load->file->firewall_mark = (uint32_t)mark;
	load->file->has_firewall_mark = true;
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

static void take_tun_name(struct load *load, const struct toml_entry *entry)
{
	char *text = NULL, reason[CONVERT_ERROR_SIZE], error[VALUE_ERROR_SIZE];
	if (convert_string(entry->value, &text, reason) < 0) {
		refuse(load, entry->line, "tun_name: %s", reason);
	} else if (value_check_tun_name(text, error) < 0) {
		refuse(load, entry->line, "tun_name: \"%.*s\": %s", KEY_SHOWN_MAX, text, error);
		free(text);
	} else {
		load->file->tun_name = text;
	}
}

static void take_no_tun(struct load *load, const struct toml_entry *entry)
{
	char reason[CONVERT_ERROR_SIZE];
	if (convert_boolean(entry->value, &load->file->no_tun, reason) < 0)
		refuse(load, entry->line, "no_tun: %s", reason);
}

/* This version has neither QUIC nor discovery: switched off is what they are. */
static void take_disable(struct load *load, const struct toml_entry *entry)
{
	bool disabled = true;
	char reason[CONVERT_ERROR_SIZE];
	if (convert_boolean(entry->value, &disabled, reason) < 0)
		refuse(load, entry->line, "%s: %s", entry->key, reason);
}

/* Whoever configures a private network must never end up in the public one. */
static void refuse_private_network(struct load *load, const struct toml_entry *entry)
{
	refuse(load, entry->line,
	       "%s: private networks are not available in this version, and this node must not join the public one. "
	       "Remove the key to run a public node", entry->key);
}

static const struct config_key config_keys[] = {
	{"peers", take_peers},
	{"tcp_listen_port", take_tcp_listen_port},
	{"api_addr", take_api_addr},
	{"no_tun", take_no_tun},
	{"tun_name", take_tun_name},
	{"lanes", take_lanes},
	{"firewall_mark", take_firewall_mark},
	{"disable_quic", take_disable},
	{"disable_peer_discovery", take_disable},
	{"network_name", refuse_private_network},
	{"network_key_file", refuse_private_network},
	{"quic_listen_port", NULL},
	{"peer_discovery_port", NULL},
	{"peer_discovery_interfaces", NULL},
	{"jsonrpc_addr", NULL},
	{"metrics_api_address", NULL},
	{"update_workers", NULL},
	{"topic_config", NULL},
	{"cdn_cache", NULL},
	{"vsock_listen_port", NULL},
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
	free(file->peers);
	free(file->tun_name);
	*file = (struct config_file){0};
}
