// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"

static void lines_are_collected_in_order(void **state)
{
	(void)state;
	struct problems problems = {0};
	problems_add(&problems, "port %d", 9651);
	problems_add(&problems, "name \"%s\"", "tun0");
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	problems_print(&problems, out, "mycelium: ");
	fclose(out);
	assert_string_equal(text, "mycelium: port 9651\nmycelium: name \"tun0\"\n");
	free(text);
}

static void surplus_is_left_out_and_long_lines_are_cut(void **state)
{
	(void)state;
	struct problems problems = {0};
	char text[2 * PROBLEM_TEXT_SIZE];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < PROBLEMS_MAX + 3; i++)
		problems_add(&problems, "%s", text);
	assert_int_equal(problems.count, PROBLEMS_MAX);
	assert_int_equal(strlen(problems.text[PROBLEMS_MAX - 1]), PROBLEM_TEXT_SIZE - 1);
	problems_add(NULL, "nobody asks");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_collected_in_order),
		cmocka_unit_test(surplus_is_left_out_and_long_lines_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
