// SPDX-License-Identifier: Apache-2.0
/*
 * A reader for TOML 1.0 into a small tree.
 *
 * The first error ends reading and is told with its line. Size and nesting are bounded, since a configuration file may
 * be anything.
 */
#ifndef MYCELIUM_CLI_TOML_H
#define MYCELIUM_CLI_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TOML_SIZE_MAX = 1 << 20,	/* bytes of a document */
	TOML_DEPTH_MAX = 32,		/* nested arrays and inline tables; parts of a key */
	TOML_KEYS_MAX = 1024,		/* keys of one table */
	TOML_ERROR_SIZE = 160,
};

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOLEAN,
	TOML_DATETIME,	/* of any of the four kinds, kept as checked text */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_value;

struct toml_entry {
	char *key;		/* zero-terminated UTF-8; may contain zero bytes: key_len counts */
	size_t key_len;
	unsigned line;		/* where the key was first written */
	struct toml_value *value;
};

struct toml_value {
	enum toml_type type;
	unsigned line;
	union {
		struct {		/* strings and dates: zero-terminated UTF-8, may contain zero bytes */
			char *text;
			size_t text_len;
		};
		int64_t integer;
		double real;
		bool boolean;
		struct {
			struct toml_value **items;
			size_t item_count;
			bool is_table_array;	/* made of [[headers]], so that further ones may add to it */
		};
		struct {
			struct toml_entry *entries;
			size_t entry_count;
			int origin;		/* which syntax made the table, for the reader */
		};
	};
};

struct toml_error {
	unsigned line;		/* 1 for the first */
	char text[TOML_ERROR_SIZE];
};

/* Reads a document. A byte order mark is skipped and what is not UTF-8 is read as U+FFFD. Returns 0 and the root table,
 * which toml_free() frees; or -EINVAL for a document that is not TOML 1.0, -E2BIG beyond a limit above, -ENOMEM; then
 * `error` says where and why, and `ret` is untouched. */
int toml_parse(const char *bytes, size_t len, struct toml_value **ret, struct toml_error *error);

/* The entry of a table with this key, or NULL. */
const struct toml_entry *toml_find(const struct toml_value *table, const char *key);

/* "string", "integer", "list", ... for messages. */
const char *toml_type_name(enum toml_type type);

/* Returns NULL. */
struct toml_value *toml_free(struct toml_value *value);

#endif
