// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/loop.h"

struct answer {
	struct loop *loop;
	unsigned calls, count;
	int error;
	struct sockaddr_storage first;
};

static void on_answer(void *context, int error, const struct sockaddr_storage *addresses, unsigned count)
{
	struct answer *answer = context;
	answer->calls++;
	answer->error = error;
	answer->count = count;
	if (count > 0)
		answer->first = addresses[0];
	loop_stop(answer->loop);
}

static void literal_and_local_names_have_addresses(void **state)
{
	(void)state;
	const char *const names[] = {"127.0.0.1", "::1", "localhost"};
	for (unsigned i = 0; i < 3; i++) {
		struct answer answer = {.loop = loop_new()};
		assert_non_null(loop_resolve_start(answer.loop, names[i], on_answer, &answer));
		loop_run(answer.loop);
		assert_int_equal(answer.calls, 1);
		assert_int_equal(answer.error, 0);
		assert_in_range(answer.count, 1, LOOP_ADDRESSES_MAX);
		if (i < 2)
			assert_int_equal(answer.first.ss_family, i == 0 ? AF_INET : AF_INET6);
		loop_free(answer.loop);
	}
}

/* RFC 6761, 6.4: there is never such a name. Without a network that cannot always be found out. */
static void unknown_name_is_an_error(void **state)
{
	(void)state;
	struct answer answer = {.loop = loop_new()};
	assert_non_null(loop_resolve_start(answer.loop, "nobody.invalid", on_answer, &answer));
	loop_run(answer.loop);
	assert_int_equal(answer.calls, 1);
	assert_true(answer.error == -ENOENT || answer.error == -EAGAIN);
	assert_int_equal(answer.count, 0);
	loop_free(answer.loop);
}

static void cancelled_is_not_answered(void **state)
{
	(void)state;
	struct answer answer = {.loop = loop_new()};
	loop_resolve_cancel(loop_resolve_start(answer.loop, "localhost", on_answer, &answer));
	loop_free(answer.loop);
	assert_int_equal(answer.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literal_and_local_names_have_addresses),
		cmocka_unit_test(unknown_name_is_an_error),
		cmocka_unit_test(cancelled_is_not_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
