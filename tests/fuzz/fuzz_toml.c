// SPDX-License-Identifier: Apache-2.0
/* Reads any bytes as TOML, and as a configuration file. */
#include <stdlib.h>
#include <string.h>

#include "cli/config_file.h"
#include "cli/toml.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct problems warnings, problems;
	struct toml_value *root = NULL;
	struct toml_error error = {0};
	struct config_file file = {0};
	int result = toml_parse((const char *)bytes, len, &root, &error);

	/* A refusal says where and why. */
	if (result < 0 && (root != NULL || error.line == 0 || strnlen(error.text, sizeof(error.text)) == 0))
		abort();
	toml_free(root);

	warnings.count = problems.count = 0;
	int loaded = config_file_parse("x.toml", (const char *)bytes, len, &file, &warnings, &problems);
	if ((loaded < 0) != (problems.count > 0) || (result < 0 && loaded == 0))
		abort();
	config_file_free(&file);
	return 0;
}
