// SPDX-License-Identifier: Apache-2.0
/* Strings of TOML: basic and literal, on one line and on several. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/toml_reader.h"
#include "cli/utf8.h"

void toml_text_add(struct toml_reader *r, struct toml_text *text, const char *bytes, size_t len)
{
	if (r->result < 0)
		return;
	if (text->len + len + 1 > text->capacity) {
		size_t capacity = 2 * text->capacity + len + 16;
		char *grown = realloc(text->bytes, capacity);
		if (grown == NULL) {
			toml_fail(r, -ENOMEM, "out of memory");
			return;
		}
		text->bytes = grown;
		text->capacity = capacity;
	}
	if (len > 0)
		memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void read_unicode_escape(struct toml_reader *r, unsigned digits, struct toml_text *ret)
{
	uint32_t code = 0;
	char encoded[UTF8_MAX];
	for (unsigned i = 0; i < digits; i++) {
		int digit = hex_digit(toml_peek(r, 0));
		if (digit < 0) {
			toml_fail(r, -EINVAL, "\\%c needs %u hex digits", digits == 4 ? 'u' : 'U', digits);
			return;
		}
		code = code << 4 | (uint32_t)digit;
		r->pos++;
	}
	size_t len = utf8_encode(code, encoded);
	if (len == 0)
		toml_fail(r, -EINVAL, "U+%X is not a character", (unsigned)code);
	toml_text_add(r, ret, encoded, len);
}

/* Behind a backslash at the end of a line: everything up to the next text is left out. */
static bool take_line_end_escape(struct toml_reader *r)
{
	size_t blanks = 0;
	while (toml_peek(r, blanks) == ' ' || toml_peek(r, blanks) == '\t')
		blanks++;
	char behind = toml_peek(r, blanks);
	if (behind != '\n' && !(behind == '\r' && toml_peek(r, blanks + 1) == '\n'))
		return false;
	r->pos += blanks;
	while (toml_take_newline(r) || toml_take(r, " ") || toml_take(r, "\t"))
		continue;
	return true;
}

/* Behind a backslash. */
static void read_escape(struct toml_reader *r, bool several_lines, struct toml_text *ret)
{
	static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	if (several_lines && take_line_end_escape(r))
		return;
	char letter = toml_peek(r, 0);
	const char *known = letter != '\0' ? strchr(letters, letter) : NULL;
	if (known != NULL) {
		r->pos++;
		toml_text_add(r, ret, &meanings[known - letters], 1);
	} else if (toml_take(r, "u")) {
		read_unicode_escape(r, 4, ret);
	} else if (toml_take(r, "U")) {
		read_unicode_escape(r, 8, ret);
	} else {
		toml_fail(r, -EINVAL, "unknown escape in a string; write \\\\ for a backslash");
	}
}

static void read_one_line(struct toml_reader *r, char quote, struct toml_text *ret)
{
	for (;;) {
		char c = toml_peek(r, 0);
		if (toml_at_end(r) || c == '\n' || c == '\r') {
			toml_fail(r, -EINVAL, "a string is not closed at the end of its line");
			return;
		}
		c = toml_take_text(r, "a string");
		if (c == quote)
			return;
		if (c == '\\' && quote == '"')
			read_escape(r, false, ret);
		else
			toml_text_add(r, ret, &c, 1);
	}
}

/* Up to two quotes may stand directly before the three that close. */
static bool take_closing_quotes(struct toml_reader *r, char quote, struct toml_text *ret)
{
	size_t count = 0;
	while (count < 5 && toml_peek(r, count) == quote)
		count++;
	if (count < 3)
		return false;
	toml_text_add(r, ret, r->pos, count - 3);
	r->pos += count;
	return true;
}

static void read_several_lines(struct toml_reader *r, char quote, struct toml_text *ret)
{
	unsigned first_line = r->line;
	toml_take_newline(r);
	while (!take_closing_quotes(r, quote, ret)) {
		if (toml_at_end(r)) {
			r->line = first_line;
			toml_fail(r, -EINVAL, "a string that begins here is not closed");
			return;
		}
		if (toml_take_newline(r)) {
			toml_text_add(r, ret, "\n", 1);
			continue;
		}
		char c = toml_take_text(r, "a string");
		if (c == '\\' && quote == '"')
			read_escape(r, true, ret);
		else
			toml_text_add(r, ret, &c, 1);
	}
}

void toml_read_string(struct toml_reader *r, bool one_line, struct toml_text *ret)
{
	*ret = (struct toml_text){0};
	toml_text_add(r, ret, "", 0);
	if (toml_take(r, "\"\"\"") || toml_take(r, "'''")) {
		if (one_line)
			toml_fail(r, -EINVAL, "a key cannot be a string of several lines");
		else
			read_several_lines(r, r->pos[-1], ret);
	} else if (toml_take(r, "\"") || toml_take(r, "'")) {
		read_one_line(r, r->pos[-1], ret);
	}
	if (r->result < 0) {
		free(ret->bytes);
		*ret = (struct toml_text){0};
	}
}
