// SPDX-License-Identifier: Apache-2.0
/*
 * The document: keys, tables, arrays.
 *
 * A table may be made by four syntaxes, and TOML forbids to add to one by another:
 *
 *	[a.b]		makes `b` (ORIGIN_HEADER) and, on the way, `a` (ORIGIN_PATH), which a later [a] may still define
 *	a.b = 1		makes `a` (ORIGIN_DOTTED), to which only dotted keys of the same table and headers below add
 *	a = {b = 1}	makes `a` (ORIGIN_INLINE), which is closed
 *	[[a]]		adds a table (ORIGIN_HEADER) to the array `a`
 */
#include "cli/toml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/toml_reader.h"
#include "cli/utf8.h"

enum origin { ORIGIN_HEADER, ORIGIN_PATH, ORIGIN_DOTTED, ORIGIN_INLINE };

enum { KEY_SHOWN_MAX = 40 };	/* bytes of a key in a message */

/* A dotted key: its parts. */
struct key {
	struct toml_text parts[TOML_DEPTH_MAX];
	unsigned count;
	unsigned line;
};

/* What a document says must not steer the terminal on which its error is shown. */
static void clean_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void *toml_fail(struct toml_reader *r, int code, const char *format, ...)
{
	va_list arguments;
	if (r->result < 0)
		return NULL;
	r->result = code;
	r->error->line = r->line;
	va_start(arguments, format);
	vsnprintf(r->error->text, sizeof(r->error->text), format, arguments);
	va_end(arguments);
	clean_controls(r->error->text);
	return NULL;
}

bool toml_at_end(const struct toml_reader *r)
{
	return r->result < 0 || r->pos == r->end;
}

char toml_peek(const struct toml_reader *r, size_t ahead)
{
	return r->result < 0 || (size_t)(r->end - r->pos) <= ahead ? '\0' : r->pos[ahead];
}

bool toml_take(struct toml_reader *r, const char *literal)
{
	size_t len = strlen(literal);
	if (r->result < 0 || (size_t)(r->end - r->pos) < len || memcmp(r->pos, literal, len) != 0)
		return false;
	r->pos += len;
	return true;
}

bool toml_take_newline(struct toml_reader *r)
{
	bool taken = toml_take(r, "\n") || toml_take(r, "\r\n");
	r->line += taken;
	return taken;
}

char toml_take_text(struct toml_reader *r, const char *where)
{
	if (toml_at_end(r))
		return '\0';
	unsigned char c = (unsigned char)*r->pos++;
	if ((c < 0x20 && c != '\t') || c == 0x7f)
		toml_fail(r, -EINVAL, "control character 0x%02x in %s", c, where);
	return (char)c;
}

static void skip_blanks(struct toml_reader *r)
{
	while (toml_take(r, " ") || toml_take(r, "\t"))
		continue;
}

static void skip_comment(struct toml_reader *r)
{
	if (!toml_take(r, "#"))
		return;
	while (!toml_at_end(r) && toml_peek(r, 0) != '\n' && !(toml_peek(r, 0) == '\r' && toml_peek(r, 1) == '\n'))
		toml_take_text(r, "a comment");
}

/* Blanks, comments and line ends. */
static void skip_lines(struct toml_reader *r)
{
	do {
		skip_blanks(r);
		skip_comment(r);
	} while (toml_take_newline(r));
}

/* What stands behind a statement: nothing but a comment up to the end of the line. */
static void read_line_end(struct toml_reader *r)
{
	skip_blanks(r);
	skip_comment(r);
	if (!toml_at_end(r) && !toml_take_newline(r))
		toml_fail(r, -EINVAL, "something follows behind the end of the statement");
}

static struct toml_value *new_value(struct toml_reader *r, enum toml_type type)
{
	struct toml_value *value = r->result < 0 ? NULL : calloc(1, sizeof(*value));
	if (value == NULL)
		return toml_fail(r, -ENOMEM, "out of memory");
	value->type = type;
	value->line = r->line;
	return value;
}

static struct toml_value *new_table(struct toml_reader *r, enum origin origin)
{
	struct toml_value *table = new_value(r, TOML_TABLE);
	if (table != NULL)
		table->origin = (int)origin;
	return table;
}

/* Puts a value into a table under a key that is not there yet. The table owns the value from here on; after an error
 * the value is freed. Returns the value, or NULL. */
static struct toml_value *table_add(struct toml_reader *r, struct toml_value *table, const struct toml_text *key,
				    unsigned line, struct toml_value *value)
{
	if (value != NULL && table->entry_count == TOML_KEYS_MAX)
		toml_fail(r, -E2BIG, "a table has more than %d keys", TOML_KEYS_MAX);
	if (r->result < 0 || value == NULL)
		return toml_free(value);
	char *name = malloc(key->len + 1);
	struct toml_entry *grown = reallocarray(table->entries, table->entry_count + 1, sizeof(*grown));
	if (grown != NULL)
		table->entries = grown;
	if (name == NULL || grown == NULL) {
		free(name);
		toml_free(value);
		return toml_fail(r, -ENOMEM, "out of memory");
	}
	memcpy(name, key->bytes, key->len + 1);
	table->entries[table->entry_count++] = (struct toml_entry){name, key->len, line, value};
	return value;
}

/* Appends to an array, which owns the value from here on; after an error it is freed. Returns the value, or NULL. */
static struct toml_value *array_add(struct toml_reader *r, struct toml_value *array, struct toml_value *value)
{
	if (r->result < 0 || value == NULL)
		return toml_free(value);
	size_t count = array->item_count;
	/* Room grows at powers of two. */
	if ((count & (count - 1)) == 0) {
		struct toml_value **grown = reallocarray(array->items, count > 0 ? 2 * count : 1, sizeof(*grown));
		if (grown == NULL) {
			toml_free(value);
			return toml_fail(r, -ENOMEM, "out of memory");
		}
		array->items = grown;
	}
	array->items[array->item_count++] = value;
	return value;
}

static struct toml_entry *find_part(struct toml_value *table, const struct toml_text *key)
{
	for (size_t i = 0; i < table->entry_count; i++) {
		struct toml_entry *entry = &table->entries[i];
		if (entry->key_len == key->len && memcmp(entry->key, key->bytes, key->len) == 0)
			return entry;
	}
	return NULL;
}

static bool is_bare_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static void read_key_part(struct toml_reader *r, struct toml_text *ret)
{
	const char *start = r->pos;
	*ret = (struct toml_text){0};
	if (toml_peek(r, 0) == '"' || toml_peek(r, 0) == '\'') {
		toml_read_string(r, true, ret);
		return;
	}
	while (is_bare_key_char(toml_peek(r, 0)))
		r->pos++;
	if (r->pos == start)
		toml_fail(r, -EINVAL, "a key is expected here");
	toml_text_add(r, ret, start, (size_t)(r->pos - start));
}

static void key_free(struct key *key)
{
	for (unsigned i = 0; i < key->count; i++)
		free(key->parts[i].bytes);
	key->count = 0;
}

/* Reads "a.b.c". The caller frees it, also after an error. */
static void read_key(struct toml_reader *r, struct key *ret)
{
	ret->count = 0;
	ret->line = r->line;
	do {
		if (ret->count == TOML_DEPTH_MAX) {
			toml_fail(r, -E2BIG, "a key has more than %d parts", TOML_DEPTH_MAX);
			return;
		}
		skip_blanks(r);
		read_key_part(r, &ret->parts[ret->count++]);
		skip_blanks(r);
	} while (toml_take(r, "."));
}

static struct toml_value *fail_twice(struct toml_reader *r, const struct toml_text *key, const struct toml_entry *entry)
{
	return toml_fail(r, -EINVAL, "\"%.*s\" is defined twice, first at line %u", KEY_SHOWN_MAX, key->bytes,
			 entry->line);
}

/* One step down for a dotted key: a table that no header and no inline table has made. */
static struct toml_value *step_dotted(struct toml_reader *r, struct toml_value *table, const struct key *key,
				      unsigned i)
{
	struct toml_entry *entry = find_part(table, &key->parts[i]);
	if (entry == NULL)
		return table_add(r, table, &key->parts[i], key->line, new_table(r, ORIGIN_DOTTED));
	struct toml_value *value = entry->value;
	if (value->type != TOML_TABLE || value->origin == ORIGIN_HEADER || value->origin == ORIGIN_INLINE)
		return fail_twice(r, &key->parts[i], entry);
	value->origin = ORIGIN_DOTTED;
	return value;
}

/* One step down for a header: any table that is open, and the last one of an array of tables. */
static struct toml_value *step_header(struct toml_reader *r, struct toml_value *table, const struct key *key,
				      unsigned i)
{
	struct toml_entry *entry = find_part(table, &key->parts[i]);
	if (entry == NULL)
		return table_add(r, table, &key->parts[i], key->line, new_table(r, ORIGIN_PATH));
	struct toml_value *value = entry->value;
	if (value->type == TOML_ARRAY && value->is_table_array)
		return value->items[value->item_count - 1];
	if (value->type != TOML_TABLE || value->origin == ORIGIN_INLINE)
		return fail_twice(r, &key->parts[i], entry);
	return value;
}

static struct toml_value *read_value(struct toml_reader *r, unsigned depth);

/* "key = value" into a table. */
static void read_pair(struct toml_reader *r, struct toml_value *table, unsigned depth)
{
	struct key key;
	read_key(r, &key);
	if (!toml_take(r, "="))
		toml_fail(r, -EINVAL, "\"=\" is missing behind a key");
	for (unsigned i = 0; r->result == 0 && i + 1 < key.count; i++)
		table = step_dotted(r, table, &key, i);
	skip_blanks(r);
	if (r->result == 0) {
		const struct toml_text *last = &key.parts[key.count - 1];
		const struct toml_entry *entry = find_part(table, last);
		if (entry != NULL)
			fail_twice(r, last, entry);
		table_add(r, table, last, key.line, read_value(r, depth));
	}
	key_free(&key);
}

static struct toml_value *read_array(struct toml_reader *r, unsigned depth)
{
	struct toml_value *array = new_value(r, TOML_ARRAY);
	unsigned first_line = r->line;
	bool again = true;
	skip_lines(r);
	while (again && !toml_at_end(r) && toml_peek(r, 0) != ']') {
		array_add(r, array, read_value(r, depth + 1));
		skip_lines(r);
		again = toml_take(r, ",");
		skip_lines(r);
	}
	if (toml_take(r, "]"))
		return array;
	if (toml_at_end(r))
		r->line = first_line;
	toml_fail(r, -EINVAL, "a list is not closed: \",\" or \"]\" is missing");
	return toml_free(array);
}

static struct toml_value *read_inline_table(struct toml_reader *r, unsigned depth)
{
	/* Closed only at its end: dotted keys in it may add to each other. */
	struct toml_value *table = new_table(r, ORIGIN_INLINE);
	skip_blanks(r);
	if (toml_take(r, "}"))
		return table;
	do {
		if (r->result == 0)
			read_pair(r, table, depth + 1);
		skip_blanks(r);
	} while (toml_take(r, ","));
	if (toml_take(r, "}"))
		return table;
	toml_fail(r, -EINVAL, "an inline table is not closed: \",\" or \"}\" is missing on its line");
	return toml_free(table);
}

static struct toml_value *read_string_value(struct toml_reader *r)
{
	struct toml_value *value = new_value(r, TOML_STRING);
	struct toml_text text;
	toml_read_string(r, false, &text);
	if (r->result < 0)
		return toml_free(value);
	value->text = text.bytes;
	value->text_len = text.len;
	return value;
}

static struct toml_value *read_value(struct toml_reader *r, unsigned depth)
{
	char c = toml_peek(r, 0);
	if (depth >= TOML_DEPTH_MAX)
		return toml_fail(r, -E2BIG, "lists and tables are nested more than %d deep", TOML_DEPTH_MAX);
	if (c == '"' || c == '\'')
		return read_string_value(r);
	if (toml_take(r, "["))
		return read_array(r, depth);
	if (toml_take(r, "{"))
		return read_inline_table(r, depth);
	struct toml_value *value = new_value(r, TOML_INTEGER);
	if (value != NULL)
		toml_read_scalar(r, value);
	return r->result < 0 ? toml_free(value) : value;
}

/* The table that [header] defines. */
static struct toml_value *open_table(struct toml_reader *r, struct toml_value *parent, const struct key *key)
{
	const struct toml_text *last = &key->parts[key->count - 1];
	struct toml_entry *entry = find_part(parent, last);
	if (entry == NULL)
		return table_add(r, parent, last, key->line, new_table(r, ORIGIN_HEADER));
	if (entry->value->type != TOML_TABLE || entry->value->origin != ORIGIN_PATH)
		return fail_twice(r, last, entry);
	entry->value->origin = ORIGIN_HEADER;
	entry->line = entry->value->line = key->line;
	return entry->value;
}

/* The table that [[header]] adds. */
static struct toml_value *open_array_table(struct toml_reader *r, struct toml_value *parent, const struct key *key)
{
	const struct toml_text *last = &key->parts[key->count - 1];
	struct toml_entry *entry = find_part(parent, last);
	struct toml_value *array = entry != NULL ? entry->value : NULL;
	if (entry == NULL) {
		array = table_add(r, parent, last, key->line, new_value(r, TOML_ARRAY));
		if (array != NULL)
			array->is_table_array = true;
	} else if (array->type != TOML_ARRAY || !array->is_table_array) {
		return fail_twice(r, last, entry);
	}
	return array != NULL ? array_add(r, array, new_table(r, ORIGIN_HEADER)) : NULL;
}

/* "[a.b]" or "[[a.b]]". Returns the table to which the following pairs belong. */
static struct toml_value *read_header(struct toml_reader *r, struct toml_value *root)
{
	struct key key;
	bool is_array = toml_take(r, "[[");
	struct toml_value *table = root;
	if (!is_array)
		toml_take(r, "[");
	read_key(r, &key);
	if (!toml_take(r, is_array ? "]]" : "]"))
		toml_fail(r, -EINVAL, "a table header is not closed: \"%s\" is missing", is_array ? "]]" : "]");
	for (unsigned i = 0; r->result == 0 && i + 1 < key.count; i++)
		table = step_header(r, table, &key, i);
	if (r->result == 0)
		table = is_array ? open_array_table(r, table, &key) : open_table(r, table, &key);
	key_free(&key);
	return table;
}

static void read_document(struct toml_reader *r, struct toml_value *root)
{
	struct toml_value *table = root;
	for (skip_lines(r); !toml_at_end(r); skip_lines(r)) {
		if (toml_peek(r, 0) == '[')
			table = read_header(r, root);
		else
			read_pair(r, table, 0);
		read_line_end(r);
	}
}

int toml_parse(const char *bytes, size_t len, struct toml_value **ret, struct toml_error *error)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct toml_reader r = {.line = 1, .error = error};
	size_t repaired_len = 0;
	char *repaired = NULL;

	if (len > TOML_SIZE_MAX)
		toml_fail(&r, -E2BIG, "the file has more than %d bytes", TOML_SIZE_MAX);
	else if ((repaired = utf8_repair(bytes, len, &repaired_len)) == NULL)
		toml_fail(&r, -ENOMEM, "out of memory");
	r.pos = repaired;
	r.end = repaired != NULL ? repaired + repaired_len : NULL;
	toml_take(&r, byte_order_mark);

	struct toml_value *root = new_table(&r, ORIGIN_HEADER);
	if (root != NULL)
		read_document(&r, root);
	free(repaired);
	if (r.result < 0) {
		toml_free(root);
		return r.result;
	}
	*ret = root;
	return 0;
}
