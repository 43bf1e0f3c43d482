// SPDX-License-Identifier: Apache-2.0
/* The tree that a TOML reader makes. */
#include <stdlib.h>
#include <string.h>

#include "cli/toml.h"

const struct toml_entry *toml_find(const struct toml_value *table, const char *key)
{
	size_t len = strlen(key);
	for (size_t i = 0; i < table->entry_count; i++) {
		const struct toml_entry *entry = &table->entries[i];
		if (entry->key_len == len && memcmp(entry->key, key, len) == 0)
			return entry;
	}
	return NULL;
}

const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = {
		[TOML_STRING] = "string",
		[TOML_INTEGER] = "integer",
		[TOML_FLOAT] = "float",
		[TOML_BOOLEAN] = "boolean",
		[TOML_DATETIME] = "date",
		[TOML_ARRAY] = "list",
		[TOML_TABLE] = "table",
	};
	return names[type];
}

static void free_array(struct toml_value *array)
{
	for (size_t i = 0; i < array->item_count; i++)
		toml_free(array->items[i]);
	free(array->items);
}

static void free_table(struct toml_value *table)
{
	for (size_t i = 0; i < table->entry_count; i++) {
		free(table->entries[i].key);
		toml_free(table->entries[i].value);
	}
	free(table->entries);
}

struct toml_value *toml_free(struct toml_value *value)
{
	if (value == NULL)
		return NULL;
	if (value->type == TOML_STRING || value->type == TOML_DATETIME)
		free(value->text);
	else if (value->type == TOML_ARRAY)
		free_array(value);
	else if (value->type == TOML_TABLE)
		free_table(value);
	free(value);
	return NULL;
}
