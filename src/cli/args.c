// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/values.h"
#include "node/config.h"

#define PRIVATE_NAME "mycelium-private"

/* Every step returns 0 to go on, or -ECANCELED with `status` set. */
struct parse {
	int argc;
	char **argv;
	int next;			/* the word to be read next */
	struct cli_path path;
	bool seen[OPTION_COUNT];	/* at the level reached */
	bool any_seen;
	bool positionals_only;		/* behind "--" */
	struct args *args;
	FILE *out, *err;
	enum exit_status status;
};

static int stop(struct parse *p, enum exit_status status)
{
	p->status = status;
	return -ECANCELED;
}

static int error_end(struct parse *p)
{
	fputs("\nFor more information, try '--help'.\n", p->err);
	return stop(p, EXIT_STATUS_USAGE);
}

/* The rest of an error behind its first line: usage and last line. */
static int error_usage_end(struct parse *p, const struct cli_option *only)
{
	fputc('\n', p->err);
	help_usage(p->err, &p->path, only);
	return error_end(p);
}

static int unknown_option(struct parse *p, const char *word, size_t len)
{
	const struct cli_level *level = cli_path_level(&p->path);
	struct suggestion best = {0};
	fprintf(p->err, "error: unexpected argument '%.*s' found\n", (int)len, word);
	if (len <= 2 || word[1] != '-')
		return error_usage_end(p, NULL);

	char name[SUGGEST_LEN_MAX + 1] = "";
	if (len - 2 < sizeof(name))
		memcpy(name, word + 2, len - 2);
	for (size_t i = 0; i < level->option_count; i++)
		suggest_consider(&best, name, cli_options[level->options[i]].long_name);
	if (best.word == NULL)
		return error_usage_end(p, NULL);
	fprintf(p->err, "\n  tip: a similar argument exists: '--%s'\n", best.word);
	return error_usage_end(p, cli_option_by_name(level, best.word, strlen(best.word)));
}

static int unknown_command(struct parse *p, const char *word)
{
	const struct cli_level *level = cli_path_level(&p->path);
	struct suggestion best = {0};
	for (size_t i = 0; i < level->level_count; i++)
		suggest_consider(&best, word, level->levels[i].name);
	suggest_consider(&best, word, "help");
	fprintf(p->err, "error: unrecognized subcommand '%s'\n", word);
	if (best.word != NULL)
		fprintf(p->err, "\n  tip: a similar subcommand exists: '%s'\n", best.word);
	return error_usage_end(p, NULL);
}

static int missing_value(struct parse *p, const struct cli_option *option)
{
	fputs("error: a value is required for '", p->err);
	help_option_name(p->err, option);
	fputs("' but none was supplied\n", p->err);
	return error_end(p);
}

static int bad_value(struct parse *p, const struct cli_option *option, const char *value, const char *reason)
{
	fprintf(p->err, "error: invalid value '%s' for '", value);
	help_option_name(p->err, option);
	fprintf(p->err, "': %s\n", reason);
	return error_end(p);
}

static int bad_peer(struct parse *p, const char *value, const char *reason)
{
	char hint_text[ENDPOINT_ERROR_SIZE];
	const char *hint = endpoint_hint(value, hint_text);
	fprintf(p->err, "error: invalid value '%s' for '", value);
	help_option_name(p->err, &cli_options[OPTION_PEERS]);
	fprintf(p->err, "': %s\n", reason);
	if (cli_level_by_name(&cli_root, value) != NULL)
		fprintf(p->err, "\n  tip: --peers takes every word that follows; in front of '%s' "
			"write --peers=ENDPOINT\n", value);
	else if (hint != NULL)
		fprintf(p->err, "\n  tip: %s\n", hint);
	return error_end(p);
}

static int out_of_memory(struct parse *p)
{
	fputs("error: out of memory\n", p->err);
	return stop(p, EXIT_STATUS_FAILED);
}

static int add_peer(struct parse *p, const char *value)
{
	struct args *args = p->args;
	struct endpoint endpoint;
	char error[ENDPOINT_ERROR_SIZE];
	if (peer_parse(value, &endpoint, error) < 0)
		return bad_peer(p, value, error);
	struct endpoint *grown = reallocarray(args->peers, args->peer_count + 1, sizeof(*grown));
	if (grown == NULL)
		return out_of_memory(p);
	args->peers = grown;
	args->peers[args->peer_count++] = endpoint;
	return 0;
}

static int add_discovery_interface(struct parse *p, const struct cli_option *option, const char *value)
{
	struct args *args = p->args;
	char error[VALUE_ERROR_SIZE];
	if (value_check_interface_name(value, error) < 0)
		return bad_value(p, option, value, error);
	const char **grown = reallocarray(args->discovery_interfaces, args->discovery_interface_count + 1,
					  sizeof(*grown));
	if (grown == NULL)
		return out_of_memory(p);
	args->discovery_interfaces = grown;
	args->discovery_interfaces[args->discovery_interface_count++] = value;
	return 0;
}

static int set_port(struct parse *p, const struct cli_option *option, const char *value, uint16_t *ret)
{
	uint64_t number = 0;
	char error[VALUE_ERROR_SIZE];
	if (value_parse_unsigned(value, UINT16_MAX, &number, error) < 0)
		return bad_value(p, option, value, error);
	*ret = (uint16_t)number;
	return 0;
}

static int set_number(struct parse *p, const struct cli_option *option, const char *value, bool *ret_has, uint32_t *ret)
{
	uint64_t number = 0;
	char error[VALUE_ERROR_SIZE];
	if (value_parse_unsigned(value, UINT32_MAX, &number, error) < 0)
		return bad_value(p, option, value, error);
	*ret = (uint32_t)number;
	*ret_has = true;
	return 0;
}

static int set_path(struct parse *p, const struct cli_option *option, const char *value, const char **ret)
{
	if (*value == '\0')
		return missing_value(p, option);
	*ret = value;
	return 0;
}

/* What stands for itself or is refused with a reason. */
static int set_word(struct parse *p, const struct cli_option *option, const char *value)
{
	struct args *args = p->args;
	char error[VALUE_ERROR_SIZE];
	int result = 0;
	switch (option->id) {
	case OPTION_LOG_FORMAT:
		result = value_parse_log_format(value, &args->log_format, error);
		break;
	case OPTION_API_ADDR:
		result = value_parse_socket_address(value, &args->api_address, error);
		break;
	case OPTION_TUN_NAME:
		result = value_check_interface_name(value, error);
		args->tun_name = value;
		break;
	case OPTION_NETWORK_NAME:
		result = value_check_network_name(value, error);
		args->network_name = value;
		break;
	default:
		assert(option->id == OPTION_LANES);
		result = value_parse_lanes(value, &args->lanes, error);
		break;
	}
	return result < 0 ? bad_value(p, option, value, error) : 0;
}

static int set_value(struct parse *p, const struct cli_option *option, const char *value)
{
	struct args *args = p->args;
	switch (option->id) {
	case OPTION_PEERS:
		return add_peer(p, value);
	case OPTION_PEER_DISCOVERY_INTERFACE:
		return add_discovery_interface(p, option, value);
	case OPTION_TCP_LISTEN_PORT:
		return set_port(p, option, value, &args->tcp_listen_port);
	case OPTION_QUIC_LISTEN_PORT:
		return set_port(p, option, value, &args->quic_listen_port);
	case OPTION_PEER_DISCOVERY_PORT:
		return set_port(p, option, value, &args->discovery_port);
	case OPTION_FIREWALL_MARK:
		return set_number(p, option, value, &args->has_firewall_mark, &args->firewall_mark);
	case OPTION_VSOCK_LISTEN_PORT:
		return set_number(p, option, value, &args->has_vsock_listen_port, &args->vsock_listen_port);
	case OPTION_KEY_FILE:
		return set_path(p, option, value, &args->key_file);
	case OPTION_CONFIG_FILE:
		return set_path(p, option, value, &args->config_file);
	case OPTION_NETWORK_KEY_FILE:
		return set_path(p, option, value, &args->network_key_file);
	default:
		return set_word(p, option, value);
	}
}

/* The program goes by two names; under any other it is itself. */
static const char *version_name(const struct parse *p)
{
	return strcmp(p->path.program, PRIVATE_NAME) == 0 ? PRIVATE_NAME : cli_root.name;
}

static int set_flag(struct parse *p, const struct cli_option *option, bool is_long)
{
	switch (option->id) {
	case OPTION_HELP:
		help_page(p->out, &p->path, is_long);
		return stop(p, EXIT_STATUS_OK);
	case OPTION_VERSION:
		fprintf(p->out, "%s %s\n", version_name(p), MYCELIUM_VERSION);
		return stop(p, EXIT_STATUS_OK);
	case OPTION_DEBUG:
		p->args->debug = true;
		return 0;
	case OPTION_SILENT:
		p->args->silent = true;
		return 0;
	case OPTION_NO_TUN:
		p->args->no_tun = true;
		return 0;
	case OPTION_JSON:
		p->args->json = true;
		return 0;
	case OPTION_DISABLE_QUIC:
		p->args->disable_quic = true;
		return 0;
	case OPTION_DISABLE_PEER_DISCOVERY:
		p->args->disable_discovery = true;
		return 0;
	default:
		assert(option->id == OPTION_FORCE);
		p->args->force = true;
		return 0;
	}
}

static int note_seen(struct parse *p, const struct cli_option *option)
{
	bool was_seen = p->seen[option->id];
	p->seen[option->id] = p->any_seen = true;
	if (!was_seen || option->is_list || option->is_repeatable)
		return 0;
	fputs("error: the argument '", p->err);
	help_option_name(p->err, option);
	fputs("' cannot be used multiple times\n", p->err);
	return error_usage_end(p, NULL);
}

static bool looks_like_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* An option lacks its value because the next word looks like an option; when it is none, that is the error. */
static int no_value(struct parse *p, const struct cli_option *option)
{
	const struct cli_level *level = cli_path_level(&p->path);
	const char *word = p->next < p->argc ? p->argv[p->next] : "--";
	if (strncmp(word, "--", 2) == 0) {
		size_t len = strcspn(word, "=");
		if (len > 2 && cli_option_by_name(level, word + 2, len - 2) == NULL)
			return unknown_option(p, word, len);
	} else if (cli_option_by_letter(level, word[1]) == NULL) {
		return unknown_option(p, word, 2);
	}
	return missing_value(p, option);
}

/* An option with the value that is attached to it, or the words behind it. */
static int parse_valued(struct parse *p, const struct cli_option *option, const char *attached)
{
	int result = note_seen(p, option);
	if (result < 0)
		return result;
	if (attached != NULL)
		return set_value(p, option, attached);
	if (p->next >= p->argc || looks_like_option(p->argv[p->next]))
		return no_value(p, option);
	do {
		result = set_value(p, option, p->argv[p->next++]);
	} while (result == 0 && option->is_list && p->next < p->argc && !looks_like_option(p->argv[p->next]));
	return result;
}

static int parse_long(struct parse *p, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *attached = word[len] == '=' ? word + len + 1 : NULL;
	const struct cli_option *option = cli_option_by_name(cli_path_level(&p->path), word + 2, len - 2);
	if (option == NULL)
		return unknown_option(p, word, len);
	if (option->value_name != NULL)
		return parse_valued(p, option, attached);
	if (attached != NULL) {
		fprintf(p->err, "error: unexpected value '%s' for '--%s' found; no more were expected\n", attached,
			option->long_name);
		return error_usage_end(p, NULL);
	}
	int result = note_seen(p, option);
	return result < 0 ? result : set_flag(p, option, true);
}

/* A group of letters; the first that takes a value takes the rest of the word. */
static int parse_letters(struct parse *p, const char *word)
{
	for (const char *at = word + 1; *at != '\0'; at++) {
		const struct cli_option *option = cli_option_by_letter(cli_path_level(&p->path), *at);
		if (option == NULL) {
			const char unknown[] = {'-', *at, '\0'};
			return unknown_option(p, unknown, 2);
		}
		if (option->value_name != NULL) {
			const char *attached = at[1] == '=' ? at + 2 : at + 1;
			return parse_valued(p, option, at[1] != '\0' ? attached : NULL);
		}
		int result = note_seen(p, option);
		if (result == 0)
			result = set_flag(p, option, false);
		if (result < 0)
			return result;
	}
	return 0;
}

static void enter_level(struct parse *p, const struct cli_level *level)
{
	p->path.levels[p->path.depth++] = level;
	p->args->command = level->command;
	memset(p->seen, 0, sizeof(p->seen));
	p->any_seen = false;
}

/* "help", then the names of commands down to the page that is wanted. */
static int parse_help_words(struct parse *p)
{
	for (; p->next < p->argc; p->next++) {
		const char *word = p->argv[p->next];
		if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0)
			break;
		if (looks_like_option(word))
			return unknown_option(p, word, strcspn(word, "="));
		const struct cli_level *level = cli_level_by_name(cli_path_level(&p->path), word);
		if (level == NULL)
			return unknown_command(p, word);
		enter_level(p, level);
	}
	help_page(p->out, &p->path, true);
	return stop(p, EXIT_STATUS_OK);
}

static int surplus_word(struct parse *p, const char *word)
{
	const struct cli_level *level = cli_path_level(&p->path);
	fprintf(p->err, "error: unexpected argument '%s' found\n", word);
	if (p->positionals_only && cli_level_by_name(level, word) != NULL)
		fprintf(p->err, "\n  tip: subcommand '%s' exists; to use it, remove the '--' before it\n", word);
	return error_usage_end(p, NULL);
}

static int parse_word(struct parse *p, const char *word)
{
	const struct cli_level *level = cli_path_level(&p->path);
	if (level->positional != NULL && p->args->key == NULL) {
		p->args->key = word;
		return 0;
	}
	if (level->level_count == 0 || p->positionals_only)
		return surplus_word(p, word);
	if (strcmp(word, "help") == 0)
		return parse_help_words(p);
	const struct cli_level *below = cli_level_by_name(level, word);
	if (below == NULL)
		return unknown_command(p, word);
	enter_level(p, below);
	return 0;
}

static int parse_next(struct parse *p)
{
	const char *word = p->argv[p->next++];
	if (p->positionals_only || !looks_like_option(word))
		return parse_word(p, word);
	if (strcmp(word, "--") == 0) {
		p->positionals_only = true;
		return 0;
	}
	return word[1] == '-' ? parse_long(p, word) : parse_letters(p, word);
}

/* The words end at a level that needs one of its commands. */
static int missing_command(struct parse *p)
{
	const struct cli_level *level = cli_path_level(&p->path);
	if (!p->any_seen) {
		help_page(p->err, &p->path, true);
		return stop(p, EXIT_STATUS_USAGE);
	}
	fputs("error: '", p->err);
	help_command_words(p->err, &p->path);
	fputs("' requires a subcommand but one was not provided\n  [subcommands: ", p->err);
	for (size_t i = 0; i < level->level_count; i++)
		fprintf(p->err, "%s, ", level->levels[i].name);
	fputs("help]\n", p->err);
	return error_usage_end(p, NULL);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

void args_defaults(struct args *args)
{
	*args = (struct args){
		.command = COMMAND_NODE,
		.log_format = LOG_FORMAT_COMPACT,
		.tcp_listen_port = DEFAULT_TCP_PORT,
		.quic_listen_port = DEFAULT_QUIC_PORT,
		.discovery_port = DEFAULT_DISCOVERY_PORT,
		.api_address = {
			.family = ENDPOINT_IPV4,
			.address = {{127, 0, 0, 1}},
			.port = DEFAULT_API_PORT,
		},
	};
}

int args_parse(int argc, char **argv, FILE *out, FILE *err, struct args *ret, enum exit_status *ret_status)
{
	struct parse p = {
		.argc = argc,
		.argv = argv,
		.next = 1,
		.path = {.program = argc > 0 ? base_name(argv[0]) : cli_root.name, .levels = {&cli_root}, .depth = 1},
		.args = ret,
		.out = out,
		.err = err,
	};
	int result = 0;
	args_defaults(ret);
	while (result == 0 && p.next < p.argc)
		result = parse_next(&p);
	if (result == 0 && cli_path_level(&p.path)->command == COMMAND_NONE)
		result = missing_command(&p);
	if (result < 0) {
		args_free(ret);
		*ret_status = p.status;
	}
	return result;
}

void args_free(struct args *args)
{
	free(args->peers);
	free(args->discovery_interfaces);
	*args = (struct args){0};
}
