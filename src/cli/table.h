// SPDX-License-Identifier: Apache-2.0
/*
 * Tables on standard output: ASCII frame, columns aligned to the left, a rule between all rows.
 */
#ifndef MYCELIUM_CLI_TABLE_H
#define MYCELIUM_CLI_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	TABLE_COLUMNS_MAX = 8,
	BYTES_TEXT_SIZE = 16,
	DURATION_TEXT_SIZE = 40,
};

struct table;

/* A table with this many columns, 1..TABLE_COLUMNS_MAX. NULL without memory. */
struct table *table_new(size_t columns);

/* Adds a row; the header is an ordinary first row. Cells are copied, control characters in them become '?'. Returns 0
 * or -ENOMEM. */
int table_add_row(struct table *table, const char *const *cells);

void table_print(const struct table *table, FILE *out);

/* Returns NULL. */
struct table *table_free(struct table *table);

/* "61.65 MiB": the largest unit of B, KiB .. EiB that does not exceed the value, two decimals, half to even. Returns
 * `text`. */
const char *bytes_text(uint64_t bytes, char text[static BYTES_TEXT_SIZE]);

/* "1h 2m 5s": days, hours, minutes and seconds without leading zero units. Returns `text`. */
const char *duration_text(uint64_t seconds, char text[static DURATION_TEXT_SIZE]);

#endif
