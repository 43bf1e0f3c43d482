// SPDX-License-Identifier: Apache-2.0
/* Reading the JSON vectors: files of VECTORS_DIR and hex strings in them. A missing field fails the test. */
#ifndef MYCELIUM_TESTS_CRYPTO_VECTORS_H
#define MYCELIUM_TESTS_CRYPTO_VECTORS_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The parsed file, to be released with json_decref(). */
static inline json_t *vectors_load(const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, name);
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL)
		fail_msg("%s: %s", path, error.text);
	return root;
}

static inline const char *vectors_string(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));
	if (text == NULL)
		fail_msg("no string %s", field);
	return text;
}

/* Decodes a whole hex string; returns its length in bytes. */
static inline size_t vectors_unhex(const char *text, uint8_t *bytes, size_t capacity)
{
	size_t len = strlen(text) / 2;
	assert_true(strlen(text) % 2 == 0 && len <= capacity);
	for (size_t i = 0; i < len; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'}, *end;
		bytes[i] = (uint8_t)strtoul(pair, &end, 16);
		assert_true(*end == '\0');
	}
	return len;
}

static inline size_t vectors_bytes(const json_t *object, const char *field, uint8_t *bytes, size_t capacity)
{
	return vectors_unhex(vectors_string(object, field), bytes, capacity);
}

/* A field that must have exactly `len` bytes. */
static inline void vectors_exact(const json_t *object, const char *field, uint8_t *bytes, size_t len)
{
	assert_int_equal(vectors_bytes(object, field, bytes, len), len);
}

#endif
