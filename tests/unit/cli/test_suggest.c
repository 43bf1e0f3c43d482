// SPDX-License-Identifier: Apache-2.0
/* Values of the Jaro similarity as published with its definition (Winkler 1990), and near misses of this program. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "cli/suggest.h"

static void assert_similar(const char *a, const char *b, double expected)
{
	double similarity = suggest_similarity(a, b);
	assert_true(similarity > expected - 0.0006 && similarity < expected + 0.0006);
	similarity = suggest_similarity(b, a);
	assert_true(similarity > expected - 0.0006 && similarity < expected + 0.0006);
}

static void test_published_values(void **state)
{
	(void)state;
	assert_similar("MARTHA", "MARHTA", 0.944);
	assert_similar("DWAYNE", "DUANE", 0.822);
	assert_similar("DIXON", "DICKSONX", 0.767);
	assert_similar("JELLYFISH", "SMELLYFISH", 0.896);
	assert_similar("abc", "abc", 1.0);
	assert_similar("abc", "xyz", 0.0);
	assert_similar("", "", 0.0);
	assert_similar("a", "a", 1.0);
}

static void test_long_words_are_like_nothing(void **state)
{
	(void)state;
	char word[SUGGEST_LEN_MAX + 2];
	memset(word, 'a', sizeof(word));
	word[SUGGEST_LEN_MAX + 1] = '\0';
	assert_true(suggest_similarity(word, word) <= 0.0);
	word[SUGGEST_LEN_MAX] = '\0';
	assert_true(suggest_similarity(word, word) >= 1.0);
}

static void test_best_candidate_wins(void **state)
{
	(void)state;
	struct suggestion best = {0};
	suggest_consider(&best, "peer", "routes");
	assert_null(best.word);
	suggest_consider(&best, "peer", "peers");
	assert_string_equal(best.word, "peers");
	suggest_consider(&best, "peer", "peer-discovery");
	assert_string_equal(best.word, "peers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_values),
		cmocka_unit_test(test_long_words_are_like_nothing),
		cmocka_unit_test(test_best_candidate_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
