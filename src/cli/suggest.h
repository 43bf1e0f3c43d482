// SPDX-License-Identifier: Apache-2.0
/*
 * "Did you mean ...?": how alike two words are.
 */
#ifndef MYCELIUM_CLI_SUGGEST_H
#define MYCELIUM_CLI_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_LEN_MAX = 64 };

/* The Jaro similarity of two words, 0 (nothing in common) to 1 (equal). Words longer than SUGGEST_LEN_MAX bytes are
 * like nothing. */
double suggest_similarity(const char *a, const char *b);

/* The best of several candidates so far; start with {0}. */
struct suggestion {
	const char *word;	/* NULL when none was alike enough */
	double similarity;
};

/* Takes a candidate into account: it must be more alike than 0.7 and than the best so far. `candidate` is borrowed. */
void suggest_consider(struct suggestion *best, const char *word, const char *candidate);

#endif
