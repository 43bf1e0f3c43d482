// SPDX-License-Identifier: Apache-2.0
/* The state of a TOML reader; inside the room, shared by toml.c (document), toml_string.c and toml_scalar.c. */
#ifndef MYCELIUM_CLI_TOML_READER_H
#define MYCELIUM_CLI_TOML_READER_H

#include "cli/toml.h"

/* The error is sticky: after the first one toml_peek() answers 0 as at the end, and further errors are dropped. */
struct toml_reader {
	const char *pos, *end;
	unsigned line;
	int result;		/* 0 or the -E code of the first error */
	struct toml_error *error;
};

enum { TOML_TOKEN_MAX = 128 };	/* bytes of a number or date */

/* Text that grows; empty when zero-initialised. */
struct toml_text {
	char *bytes;		/* zero-terminated once something was added */
	size_t len, capacity;
};

/* Keeps the first error, at the present line. Returns NULL. */
__attribute__((format(printf, 3, 4))) void *toml_fail(struct toml_reader *r, int code, const char *format, ...);

/* The byte `ahead` of the next one, or 0 at the end and after an error (a zero byte is never valid TOML). */
char toml_peek(const struct toml_reader *r, size_t ahead);

/* Whether the document is read to its end, or failed. */
bool toml_at_end(const struct toml_reader *r);

/* Takes the next bytes if they are `literal`. */
bool toml_take(struct toml_reader *r, const char *literal);

/* Takes a line end (LF or CRLF) and counts the line. */
bool toml_take_newline(struct toml_reader *r);

/* Takes a character that must not be a control character other than a tab. Fails the reader otherwise. */
char toml_take_text(struct toml_reader *r, const char *where);

void toml_text_add(struct toml_reader *r, struct toml_text *text, const char *bytes, size_t len);

/* A string with its quotes, of any of the four kinds; only the one-line kinds when `one_line`. Always yields memory
 * that the caller frees, unless the reader failed (then `ret` is freed already). */
void toml_read_string(struct toml_reader *r, bool one_line, struct toml_text *ret);

/* A number, boolean or date into `ret`. */
void toml_read_scalar(struct toml_reader *r, struct toml_value *ret);

/* Checks a date, a time or both (RFC 3339). Returns whether `text` is wholly one. */
bool toml_is_datetime(const char *text);

#endif
