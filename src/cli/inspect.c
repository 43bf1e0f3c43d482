// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "cli/commands.h"
#include "crypto/keyfile.h"

void identity_print(FILE *out, const struct public_key *key, bool json)
{
	char key_text[PUBLIC_KEY_TEXT_SIZE], address_text[IP6_TEXT_SIZE];
	struct ip6 address = public_key_address(key);
	fprintf(out, json ? "{\n  \"publicKey\": \"%s\",\n  \"address\": \"%s\"\n}\n" : "Public key: %s\nAddress: %s\n",
		public_key_text(key, key_text), ip6_text(&address, address_text));
}

static int parse_key(const char *text, struct public_key *ret, FILE *err)
{
	int result = public_key_parse(text, ret);
	if (result == -EMSGSIZE)
		fprintf(err, "error: a public key has %d hex digits, this text has %zu characters\n", 2 * KEY_SIZE,
			strlen(text));
	else if (result < 0)
		fprintf(err, "error: a public key has %d hex digits (0-9, a-f), this text has another character\n",
			2 * KEY_SIZE);
	return result;
}

static int load_key(const char *path, bool silent, struct public_key *ret, FILE *err)
{
	struct problems warnings = {0}, problems = {0};
	struct secret_key secret;
	int result = keyfile_load(path, &secret, &warnings, &problems);
	if (result == -ENOENT)
		fprintf(err, "error: No key file at %s. 'mycelium generate-keys' makes one, as does the first "
			"start of a node\n", path);
	if (!silent)
		problems_print(&warnings, err, "warning: ");
	problems_print(&problems, err, "error: ");
	if (result < 0)
		return result;
	if (!silent)
		fprintf(err, "Key file %s\n", path);
	*ret = public_key_of(&secret);
	secret_wipe(&secret, sizeof(secret));
	return 0;
}

enum exit_status inspect_run(const struct args *args, FILE *out, FILE *err)
{
	struct public_key key;
	if (args->key != NULL) {
		if (parse_key(args->key, &key, err) < 0)
			return EXIT_STATUS_FAILED;
	} else {
		char *path = args->key_file != NULL ? strdup(args->key_file) : keyfile_default_path();
		int result = path != NULL ? load_key(path, args->silent, &key, err) : -ENOMEM;
		if (path == NULL)
			fputs("error: out of memory\n", err);
		free(path);
		if (result < 0)
			return EXIT_STATUS_FAILED;
	}
	identity_print(out, &key, args->json);
	return EXIT_STATUS_OK;
}
