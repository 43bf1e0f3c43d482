// SPDX-License-Identifier: Apache-2.0
/*
 * Problems in words: what a person is told when something cannot be had.
 *
 * A problem names the thing, the cause in plain words and the next step, in one line. Several can be collected, so
 * that all conflicts of a start are reported in one go.
 */
#ifndef MYCELIUM_BASE_PROBLEM_H
#define MYCELIUM_BASE_PROBLEM_H

#include <stdio.h>

enum { PROBLEM_TEXT_SIZE = 512, PROBLEMS_MAX = 16 };

struct problems {
	unsigned count;
	char text[PROBLEMS_MAX][PROBLEM_TEXT_SIZE];
};

/* Adds one line (without a line end). Beyond PROBLEMS_MAX further ones are left out. `problems` may be NULL. */
__attribute__((format(printf, 2, 3))) void problems_add(struct problems *problems, const char *format, ...);

/* Writes all lines to `out`, each with `prefix` in front. */
void problems_print(const struct problems *problems, FILE *out, const char *prefix);

#endif
