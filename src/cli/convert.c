// SPDX-License-Identifier: Apache-2.0
#include "cli/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/values.h"

enum { SHOWN_MAX = 60 };	/* bytes of a text in a message */

__attribute__((format(printf, 2, 3))) static int refuse(char error[static CONVERT_ERROR_SIZE], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error, CONVERT_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* 1 or 0 for a word that means yes or no, -1 for another. */
static int word_truth(const char *text)
{
	static const char *const yes[] = {"true", "on", "yes", "1"}, *const no[] = {"false", "off", "no", "0"};
	for (int i = 0; i < 4; i++) {
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	}
	return -1;
}

static bool has_zero_byte(const struct toml_value *value)
{
	return strlen(value->text) != value->text_len;
}

int convert_boolean(const struct toml_value *value, bool *ret, char error[static CONVERT_ERROR_SIZE])
{
	int truth = -1;
	if (value->type == TOML_BOOLEAN)
		truth = value->boolean;
	else if (value->type == TOML_INTEGER)
		truth = value->integer != 0;
	else if (value->type != TOML_STRING)
		return refuse(error, "must be true or false, not a %s", toml_type_name(value->type));
	else if (!has_zero_byte(value))
		truth = word_truth(value->text);
	if (truth < 0)
		return refuse(error, "\"%.*s\" is neither true nor false", SHOWN_MAX, value->text);
	*ret = truth;
	return 0;
}

static int text_to_unsigned(const struct toml_value *value, uint64_t max, uint64_t *ret,
			    char error[static CONVERT_ERROR_SIZE])
{
	char reason[VALUE_ERROR_SIZE];
	int truth = word_truth(value->text);
	if (truth >= 0 && !has_zero_byte(value)) {
		*ret = (uint64_t)truth;
		return 0;
	}
	size_t digits = strspn(value->text, "+-0123456789");
	if (digits == 0 || digits != value->text_len)
		return refuse(error, "\"%.*s\" is not a number", SHOWN_MAX, value->text);
	if (value_parse_unsigned(value->text, max, ret, reason) < 0)
		return refuse(error, "\"%.*s\": %s", SHOWN_MAX, value->text, reason);
	return 0;
}

int convert_unsigned(const struct toml_value *value, uint64_t max, uint64_t *ret,
		     char error[static CONVERT_ERROR_SIZE])
{
	int64_t number = 0;
	switch (value->type) {
	case TOML_STRING:
		return text_to_unsigned(value, max, ret, error);
	case TOML_BOOLEAN:
		number = value->boolean;
		break;
	case TOML_FLOAT:
		/* The bounds keep the conversion within int64_t; a NaN is within none. */
		if (!(value->real > -1e15 && value->real < 1e15))
			return refuse(error, "%g is not in 0..=%" PRIu64, value->real, max);
		number = (int64_t)(value->real < 0 ? value->real - 0.5 : value->real + 0.5);
		break;
	case TOML_INTEGER:
		number = value->integer;
		break;
	default:
		return refuse(error, "must be a number, not a %s", toml_type_name(value->type));
	}
	if (number < 0 || (uint64_t)number > max)
		return refuse(error, "%" PRId64 " is not in 0..=%" PRIu64, number, max);
	*ret = (uint64_t)number;
	return 0;
}

/* The shortest form that reads back as the same number. */
static void float_text(double real, char *text, size_t size)
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, size, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			return;
	}
}

int convert_string(const struct toml_value *value, char **ret, char error[static CONVERT_ERROR_SIZE])
{
	char number[64] = "";
	const char *text = number;
	if (value->type == TOML_STRING && has_zero_byte(value))
		return refuse(error, "must not contain a zero byte");
	if (value->type == TOML_STRING)
		text = value->text;
	else if (value->type == TOML_INTEGER)
		snprintf(number, sizeof(number), "%" PRId64, value->integer);
	else if (value->type == TOML_FLOAT)
		float_text(value->real, number, sizeof(number));
	else if (value->type == TOML_BOOLEAN)
		text = value->boolean ? "true" : "false";
	else
		return refuse(error, "must be a string, not a %s", toml_type_name(value->type));
	char *copy = strdup(text);
	if (copy == NULL) {
		refuse(error, "out of memory");
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}
