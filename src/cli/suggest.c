// SPDX-License-Identifier: Apache-2.0
#include "cli/suggest.h"

#include <stdbool.h>
#include <string.h>

static const double SIMILAR = 0.7;

struct matched {
	bool a[SUGGEST_LEN_MAX], b[SUGGEST_LEN_MAX];
	size_t count;
};

/* Bytes match when they are equal and not further apart than half the longer word. */
static void match_bytes(const char *a, size_t a_len, const char *b, size_t b_len, struct matched *ret)
{
	size_t longer = a_len > b_len ? a_len : b_len;
	size_t window = longer / 2 > 0 ? longer / 2 - 1 : 0;
	for (size_t i = 0; i < a_len; i++) {
		size_t first = i > window ? i - window : 0;
		for (size_t j = first; j < b_len && j <= i + window; j++) {
			if (ret->b[j] || a[i] != b[j])
				continue;
			ret->a[i] = ret->b[j] = true;
			ret->count++;
			break;
		}
	}
}

/* Matched bytes that stand in another order. */
static size_t count_out_of_order(const char *a, size_t a_len, const char *b, const struct matched *matched)
{
	size_t out_of_order = 0, j = 0;
	for (size_t i = 0; i < a_len; i++) {
		if (!matched->a[i])
			continue;
		while (!matched->b[j])
			j++;
		out_of_order += a[i] != b[j];
		j++;
	}
	return out_of_order;
}

double suggest_similarity(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	struct matched matched = {0};
	if (a_len > SUGGEST_LEN_MAX || b_len > SUGGEST_LEN_MAX)
		return 0;
	match_bytes(a, a_len, b, b_len, &matched);
	if (matched.count == 0)
		return 0;
	double count = (double)matched.count;
	double transpositions = (double)(count_out_of_order(a, a_len, b, &matched) / 2);
	return (count / (double)a_len + count / (double)b_len + (count - transpositions) / count) / 3;
}

void suggest_consider(struct suggestion *best, const char *word, const char *candidate)
{
	double similarity = suggest_similarity(word, candidate);
	if (similarity > SIMILAR && similarity > best->similarity)
		*best = (struct suggestion){candidate, similarity};
}
