// SPDX-License-Identifier: Apache-2.0
/*
 * UTF-8: decoding, encoding, repair and width of text on a terminal.
 */
#ifndef MYCELIUM_CLI_UTF8_H
#define MYCELIUM_CLI_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum {
	UTF8_MAX = 4,			/* bytes of a code point */
	UTF8_REPLACEMENT = 0xfffd,
};

/* Decodes the code point at the front of `len` > 0 bytes into `ret`. Returns the bytes it takes; for bytes that are not
 * UTF-8 `ret` is UTF8_REPLACEMENT and they are skipped up to the next possible start of a code point. */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *ret);

/* Encodes a Unicode scalar value. Returns the number of bytes, or 0 for a surrogate or a number above 0x10ffff. */
size_t utf8_encode(uint32_t code, char ret[static UTF8_MAX]);

/* A copy of the bytes in which whatever is not UTF-8 is replaced by U+FFFD, with a zero byte behind. Returns NULL
 * without memory; free() it. */
char *utf8_repair(const char *bytes, size_t len, size_t *ret_len);

/* Columns that a terminal needs for a text: 0 for combining marks, 2 for East Asian wide characters and emoji. */
size_t utf8_width(const char *text);

#endif
