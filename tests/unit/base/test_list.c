// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
	int value;
	struct list link;
};

static int sum(struct list *head)
{
	int digits = 0;
	list_foreach (head, node, tmp)
		digits = digits * 10 + container_of(node, struct item, link)->value;
	return digits;
}

static void keeps_the_order_of_appending(void **state)
{
	(void)state;
	struct list head;
	struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_pop(&head));
	for (int i = 0; i < 3; i++)
		list_append(&head, &items[i].link);
	assert_int_equal(sum(&head), 123);
	list_remove(&items[1].link);
	assert_int_equal(sum(&head), 13);
	/* Removed nodes point at themselves, so removing twice is harmless. */
	list_remove(&items[1].link);
	assert_true(list_empty(&items[1].link));
	list_append(&head, &items[1].link);
	assert_int_equal(sum(&head), 132);
	assert_ptr_equal(list_pop(&head), &items[0].link);
	assert_int_equal(sum(&head), 32);
}

static void nodes_may_be_removed_while_iterating(void **state)
{
	(void)state;
	struct list head;
	struct item items[9];
	list_init(&head);
	for (int i = 0; i < 9; i++) {
		items[i].value = i + 1;
		list_append(&head, &items[i].link);
	}
	list_foreach (&head, node, tmp)
		if (container_of(node, struct item, link)->value % 2 == 0)
			list_remove(node);
	assert_int_equal(sum(&head), 13579);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_order_of_appending),
		cmocka_unit_test(nodes_may_be_removed_while_iterating),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
