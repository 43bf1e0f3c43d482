// SPDX-License-Identifier: Apache-2.0
/* Numbers, booleans and dates of TOML. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/toml_reader.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes `count` digits as a number within least..most. */
static bool take_number(const char **at, unsigned count, unsigned least, unsigned most, unsigned *ret)
{
	unsigned number = 0;
	for (unsigned i = 0; i < count; i++, (*at)++) {
		if (!is_digit(**at))
			return false;
		number = number * 10 + (unsigned)(**at - '0');
	}
	*ret = number;
	return number >= least && number <= most;
}

static bool take_char(const char **at, const char *allowed)
{
	if (**at == '\0' || strchr(allowed, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(const char **at)
{
	unsigned year = 0, month = 0, day = 0;
	return take_number(at, 4, 0, 9999, &year) && take_char(at, "-") && take_number(at, 2, 1, 12, &month) &&
	       take_char(at, "-") && take_number(at, 2, 1, days_of_month(year, month), &day);
}

static bool take_time(const char **at)
{
	unsigned number = 0;
	/* 60 is a leap second. */
	if (!take_number(at, 2, 0, 23, &number) || !take_char(at, ":") || !take_number(at, 2, 0, 59, &number) ||
	    !take_char(at, ":") || !take_number(at, 2, 0, 60, &number))
		return false;
	if (!take_char(at, "."))
		return true;
	if (!is_digit(**at))
		return false;
	while (is_digit(**at))
		(*at)++;
	return true;
}

static bool take_offset(const char **at)
{
	unsigned number = 0;
	if (take_char(at, "Zz"))
		return true;
	return take_char(at, "+-") && take_number(at, 2, 0, 23, &number) && take_char(at, ":") &&
	       take_number(at, 2, 0, 59, &number);
}

bool toml_is_datetime(const char *text)
{
	const char *at = text;
	if (strlen(text) > 2 && text[2] == ':')
		return take_time(&at) && *at == '\0';
	if (!take_date(&at))
		return false;
	if (*at == '\0')
		return true;
	if (!take_char(&at, "Tt ") || !take_time(&at))
		return false;
	return *at == '\0' || (take_offset(&at) && *at == '\0');
}

/* Takes digits of which each underscore has a neighbour on both sides, and copies them without. */
static bool copy_digits(const char **at, const char *allowed, char **to)
{
	bool after_digit = false;
	for (; **at != '\0'; (*at)++) {
		if (strchr(allowed, **at) != NULL)
			*(*to)++ = **at;
		else if (**at != '_' || !after_digit)
			break;
		after_digit = **at != '_';
	}
	return after_digit;
}

/* 0x, 0o and 0b. */
static bool parse_prefixed_integer(const char *token, int64_t *ret)
{
	static const struct {
		char prefix;
		int base;
		const char *digits;
	} kinds[] = {
		{'x', 16, "0123456789abcdefABCDEF"},
		{'o', 8, "01234567"},
		{'b', 2, "01"},
	};
	char digits[TOML_TOKEN_MAX + 1], *to = digits;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *at = token + 2;
		if (token[0] != '0' || token[1] != kinds[i].prefix)
			continue;
		if (!copy_digits(&at, kinds[i].digits, &to) || *at != '\0')
			return false;
		*to = '\0';
		errno = 0;
		*ret = strtoll(digits, NULL, kinds[i].base);
		return errno == 0;
	}
	return false;
}

/* Copies a decimal number into the form that strtoll() and strtod() read, checking its form on the way: no leading
 * zeros, digits on both sides of the point. */
static bool copy_decimal(const char *token, char *to, bool *ret_is_float)
{
	static const char decimal[] = "0123456789";
	const char *at = token;
	if (*at == '+' || *at == '-')
		*to++ = *at++;
	if (at[0] == '0' && (is_digit(at[1]) || at[1] == '_'))
		return false;
	if (!copy_digits(&at, decimal, &to))
		return false;
	*ret_is_float = *at != '\0';
	if (*at == '.') {
		*to++ = *at++;
		if (!copy_digits(&at, decimal, &to))
			return false;
	}
	if (*at == 'e' || *at == 'E') {
		*to++ = *at++;
		if (*at == '+' || *at == '-')
			*to++ = *at++;
		if (!copy_digits(&at, decimal, &to))
			return false;
	}
	*to = '\0';
	return *at == '\0';
}

static bool parse_decimal(const char *token, struct toml_value *ret)
{
	char number[TOML_TOKEN_MAX + 1];
	bool is_float = false;
	if (!copy_decimal(token, number, &is_float))
		return false;
	errno = 0;
	if (is_float) {
		ret->type = TOML_FLOAT;
		ret->real = strtod(number, NULL);
		return true;	/* beyond the range of a double it is infinite or zero, as IEEE 754 rounds */
	}
	ret->type = TOML_INTEGER;
	ret->integer = strtoll(number, NULL, 10);
	return errno == 0;
}

static bool parse_word(const char *token, struct toml_value *ret)
{
	const char *unsigned_token = token + (*token == '+' || *token == '-');
	double sign = *token == '-' ? -1.0 : 1.0;
	if (strcmp(token, "true") == 0 || strcmp(token, "false") == 0) {
		ret->type = TOML_BOOLEAN;
		ret->boolean = *token == 't';
		return true;
	}
	ret->type = TOML_FLOAT;
	if (strcmp(unsigned_token, "inf") == 0)
		ret->real = sign * INFINITY;
	else if (strcmp(unsigned_token, "nan") == 0)
		ret->real = NAN;
	else
		return false;
	return true;
}

static bool is_token_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '_' ||
	       c == '.' || c == ':';
}

/* The blank between a date and a time belongs to the token. */
static bool is_date_blank(const struct toml_reader *r, const char *token, size_t len)
{
	return len == 10 && token[4] == '-' && toml_peek(r, 0) == ' ' && is_digit(toml_peek(r, 1));
}

static size_t read_token(struct toml_reader *r, char token[static TOML_TOKEN_MAX + 1])
{
	size_t len = 0;
	while (is_token_char(toml_peek(r, 0)) || is_date_blank(r, token, len)) {
		if (len == TOML_TOKEN_MAX) {
			toml_fail(r, -E2BIG, "a number or date has more than %d characters", TOML_TOKEN_MAX);
			return 0;
		}
		token[len++] = *r->pos++;
	}
	token[len] = '\0';
	return len;
}

void toml_read_scalar(struct toml_reader *r, struct toml_value *ret)
{
	char token[TOML_TOKEN_MAX + 1] = "";
	size_t len = read_token(r, token);
	if (r->result < 0)
		return;
	if (len == 0) {
		toml_fail(r, -EINVAL, "a value is missing");
		return;
	}
	if (toml_is_datetime(token)) {
		ret->text = strdup(token);
		ret->text_len = len;
		if (ret->text == NULL)
			toml_fail(r, -ENOMEM, "out of memory");
		else
			ret->type = TOML_DATETIME;
		return;
	}
	if (parse_word(token, ret))
		return;
	ret->type = TOML_INTEGER;
	if (!parse_prefixed_integer(token, &ret->integer) && !parse_decimal(token, ret))
		toml_fail(r, -EINVAL, "\"%s\" is not a value; texts need quotes", token);
}
