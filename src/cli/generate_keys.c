// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "cli/commands.h"
#include "crypto/keyfile.h"

/* A key that exists is kept; a file that exists but is no key must be told, not kept in silence. */
static int check_existing(const char *path, struct problems *problems)
{
	struct secret_key secret;
	int result = keyfile_load(path, &secret, NULL, problems);
	if (result < 0)
		return result == -ENOENT ? 0 : result;
	secret_wipe(&secret, sizeof(secret));
	return -EEXIST;
}

static int save_new_key(const char *path, const struct args *args, struct public_key *ret, struct problems *problems)
{
	bool is_default_path = args->key_file == NULL;
	struct secret_key secret = secret_key_generate();
	int result = keyfile_save(path, &secret, args->force, is_default_path, problems);
	if (result == 0)
		*ret = public_key_of(&secret);
	secret_wipe(&secret, sizeof(secret));
	return result;
}

enum exit_status generate_keys_run(const struct args *args, FILE *out, FILE *err)
{
	struct problems problems = {0};
	struct public_key key;
	char *path = args->key_file != NULL ? strdup(args->key_file) : keyfile_default_path();
	if (path == NULL) {
		fputs("error: out of memory\n", err);
		return EXIT_STATUS_FAILED;
	}
	int result = args->force ? 0 : check_existing(path, &problems);
	if (result == 0)
		result = save_new_key(path, args, &key, &problems);

	enum exit_status status = EXIT_STATUS_OK;
	if (result == 0) {
		identity_print(out, &key, false);
	} else if (result == -EEXIST) {
		fprintf(err, "Key file %s exists and was kept. 'generate-keys --force' replaces it, and with it the "
			"identity\n", path);
	} else {
		problems_print(&problems, err, "error: ");
		status = EXIT_STATUS_FAILED;
	}
	free(path);
	return status;
}
