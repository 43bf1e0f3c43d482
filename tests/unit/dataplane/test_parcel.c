// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/parcel.h"

static const struct ip6 from = {.bytes = {4, 1}}, to = {.bytes = {5, 2}};

static void holds_a_copy(void **state)
{
	(void)state;
	uint8_t bytes[] = {1, 2, 3};
	struct parcel *parcel = parcel_new(PARCEL_TRANSIT, &from, &to, bytes, sizeof(bytes));
	assert_non_null(parcel);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(parcel->kind, PARCEL_TRANSIT);
	assert_true(ip6_equal(&parcel->source, &from));
	assert_true(ip6_equal(&parcel->destination, &to));
	assert_null(parcel->next);
	assert_int_equal(parcel->len, 3);
	assert_memory_equal(parcel->bytes, ((uint8_t[]){1, 2, 3}), 3);
	assert_int_equal(parcel->error.type, 0);
	parcel_free(parcel);
}

static void may_be_empty(void **state)
{
	(void)state;
	uint8_t nothing = 0;
	struct parcel *parcel = parcel_new(PARCEL_EGRESS, &from, &to, &nothing, 0);
	assert_non_null(parcel);
	assert_int_equal(parcel->len, 0);
	parcel_free(parcel);
	parcel_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(holds_a_copy), cmocka_unit_test(may_be_empty)};
	return cmocka_run_group_tests_name("parcel", tests, NULL, NULL);
}
