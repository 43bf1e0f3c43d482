// SPDX-License-Identifier: Apache-2.0
#include "cli/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a first byte announces. */
struct lead {
	size_t len;		/* 0: no first byte */
	uint32_t bits;
	uint32_t least;		/* smaller numbers have a shorter form */
};

static struct lead lead_of(uint8_t byte)
{
	if (byte < 0x80)
		return (struct lead){1, byte, 0};
	if (byte >= 0xc2 && byte < 0xe0)
		return (struct lead){2, byte & 0x1fu, 0x80};
	if (byte >= 0xe0 && byte < 0xf0)
		return (struct lead){3, byte & 0x0fu, 0x800};
	if (byte >= 0xf0 && byte < 0xf5)
		return (struct lead){4, byte & 0x07u, 0x10000};
	return (struct lead){0};
}

static bool is_scalar(uint32_t code)
{
	return code < 0xd800 || (code > 0xdfff && code <= 0x10ffff);
}

/* Whether the first two bytes of a longer sequence can be continued to a code point; three-byte surrogates, overlong
 * forms and numbers beyond Unicode are already wrong here. */
static bool second_fits(const struct lead *lead, uint32_t code)
{
	unsigned missing = 6 * (unsigned)(lead->len - 2);
	uint32_t low = code << missing, high = low | ((1u << missing) - 1);
	return high >= lead->least && low <= 0x10ffff && !(low >= 0xd800 && high <= 0xdfff);
}

size_t utf8_decode(const char *bytes, size_t len, uint32_t *ret)
{
	struct lead lead = lead_of((uint8_t)bytes[0]);
	uint32_t code = lead.bits;
	size_t used = 1;
	for (; used < lead.len && used < len; used++) {
		uint8_t byte = (uint8_t)bytes[used];
		uint32_t longer = code << 6 | (byte & 0x3fu);
		if ((byte & 0xc0) != 0x80 || (used == 1 && !second_fits(&lead, longer)))
			break;
		code = longer;
	}
	*ret = lead.len == used ? code : UTF8_REPLACEMENT;
	return used;
}

size_t utf8_encode(uint32_t code, char ret[static UTF8_MAX])
{
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	if (!is_scalar(code))
		return 0;
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--, code >>= 6)
		ret[i] = (char)(0x80 | (code & 0x3f));
	ret[0] = (char)(marks[len] | code);
	return len;
}

char *utf8_repair(const char *bytes, size_t len, size_t *ret_len)
{
	/* One wrong byte becomes three. */
	char *copy = malloc(3 * len + 1);
	size_t written = 0;
	if (copy == NULL)
		return NULL;
	for (size_t at = 0; at < len;) {
		uint32_t code = 0;
		char encoded[UTF8_MAX];
		at += utf8_decode(bytes + at, len - at, &code);
		size_t size = utf8_encode(code, encoded);
		memcpy(copy + written, encoded, size);
		written += size;
	}
	copy[written] = '\0';
	*ret_len = written;
	return copy;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t code, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

static size_t code_width(uint32_t code)
{
	static const struct range combining[] = {
		{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x610, 0x61a}, {0x64b, 0x65f}, {0x1ab0, 0x1aff},
		{0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
	};
	static const struct range wide[] = {
		{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},
		{0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff},
		{0x20000, 0x3fffd},
	};
	if (in_ranges(code, combining, sizeof(combining) / sizeof(combining[0])))
		return 0;
	return in_ranges(code, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

size_t utf8_width(const char *text)
{
	size_t len = strlen(text), width = 0;
	for (size_t at = 0; at < len;) {
		uint32_t code = 0;
		at += utf8_decode(text + at, len - at, &code);
		width += code_width(code);
	}
	return width;
}
