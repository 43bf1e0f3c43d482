// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/utf8.h"

struct table {
	size_t columns, rows;
	size_t widths[TABLE_COLUMNS_MAX];
	char **cells;		/* row by row */
};

struct table *table_new(size_t columns)
{
	assert(columns > 0 && columns <= TABLE_COLUMNS_MAX);
	struct table *table = calloc(1, sizeof(*table));
	if (table != NULL)
		table->columns = columns;
	return table;
}

static char *copy_cell(const char *text)
{
	char *copy = strdup(text);
	for (char *at = copy; at != NULL && *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	return copy;
}

int table_add_row(struct table *table, const char *const *cells)
{
	size_t first = table->rows * table->columns, added = 0;
	char **grown = reallocarray(table->cells, first + table->columns, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	table->cells = grown;
	for (; added < table->columns; added++) {
		grown[first + added] = copy_cell(cells[added]);
		if (grown[first + added] == NULL)
			break;
	}
	if (added < table->columns) {
		while (added > 0)
			free(grown[first + --added]);
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->columns; i++) {
		size_t width = utf8_width(grown[first + i]);
		table->widths[i] = width > table->widths[i] ? width : table->widths[i];
	}
	table->rows++;
	return 0;
}

static void print_rule(const struct table *table, FILE *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		fputc('+', out);
		for (size_t dash = 0; dash < table->widths[i] + 2; dash++)
			fputc('-', out);
	}
	fputs("+\n", out);
}

static void print_row(const struct table *table, size_t row, FILE *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		const char *cell = table->cells[row * table->columns + i];
		fprintf(out, "| %s%*s ", cell, (int)(table->widths[i] - utf8_width(cell)), "");
	}
	fputs("|\n", out);
}

void table_print(const struct table *table, FILE *out)
{
	print_rule(table, out);
	for (size_t row = 0; row < table->rows; row++) {
		print_row(table, row, out);
		print_rule(table, out);
	}
}

struct table *table_free(struct table *table)
{
	if (table == NULL)
		return NULL;
	for (size_t i = 0; i < table->rows * table->columns; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
	return NULL;
}

const char *bytes_text(uint64_t bytes, char text[static BYTES_TEXT_SIZE])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0;
	while (unit < 6 && bytes >> (10 * (unit + 1)) > 0)
		unit++;
	/* Exact up to 2^53 bytes; printf() rounds half to even. */
	double value = (double)bytes / (double)(UINT64_C(1) << (10 * unit));
	snprintf(text, BYTES_TEXT_SIZE, "%.2f %s", value, units[unit]);
	return text;
}

const char *duration_text(uint64_t seconds, char text[static DURATION_TEXT_SIZE])
{
	uint64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
	size_t len = 0;
	text[0] = '\0';
	if (days > 0)
		len += (size_t)snprintf(text + len, DURATION_TEXT_SIZE - len, "%" PRIu64 "d ", days);
	if (days > 0 || hours > 0)
		len += (size_t)snprintf(text + len, DURATION_TEXT_SIZE - len, "%" PRIu64 "h ", hours);
	if (seconds >= 60)
		len += (size_t)snprintf(text + len, DURATION_TEXT_SIZE - len, "%" PRIu64 "m ", minutes);
	snprintf(text + len, DURATION_TEXT_SIZE - len, "%" PRIu64 "s", seconds % 60);
	return text;
}
