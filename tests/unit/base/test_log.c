// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* What log lines look like on stderr: it is a file while `write_lines` runs. */
static char *captured(void (*write_lines)(void))
{
	static char text[16384];
	fflush(stderr);
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	write_lines();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = 0;
	return text;
}

static unsigned lines(const char *text)
{
	unsigned count = 0;
	for (; *text != 0; text++)
		count += *text == '\n';
	return count;
}

static void one_of_each(void)
{
	log_error("peers", "first");
	log_warn("peers", "second");
	log_info("peers", "third");
	log_debug("peers", "fourth");
}

static void hostile_text(void)
{
	log_info("peers", "name %s end", "a\nb\r\033[31mc\td\x7f");
}

static void long_text(void)
{
	char text[5000];
	memset(text, '"', sizeof(text));
	text[sizeof(text) - 1] = 0;
	log_info("peers", "%s", text);
	log_info("peers", "behind");
}

static void quoted_text(void)
{
	log_warn("tun", "say \"a\\b\" now");
	log_warn("tun", "bare");
}

static void level_decides_what_is_written(void **state)
{
	(void)state;
	const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
	for (unsigned i = 0; i < 4; i++) {
		log_setup(levels[i], LOG_FORMAT_COMPACT);
		assert_int_equal(lines(captured(one_of_each)), i + 1);
		assert_true(log_enabled(levels[i]));
		assert_true(i == 3 || !log_enabled(levels[i] + 1));
	}
}

static void compact_line_has_time_level_area_message(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_FORMAT_COMPACT);
	char *text = captured(one_of_each);
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[19], '.');
	assert_memory_equal(text + 26, "Z ERROR peers: first\n", 21);
	assert_non_null(strstr(text, "Z  WARN peers: second\n"));
	assert_non_null(strstr(text, "Z  INFO peers: third\n"));
}

static void logfmt_line_has_keys_and_quotes(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_FORMAT_LOGFMT);
	char *text = captured(quoted_text);
	assert_memory_equal(text, "ts=", 3);
	assert_non_null(strstr(text, " level=warn target=mycelium::tun message=\"say \\\"a\\\\b\\\" now\"\n"));
	assert_non_null(strstr(text, " message=bare\n"));
}

static void event_stays_one_line(void **state)
{
	(void)state;
	const enum log_format formats[] = {LOG_FORMAT_COMPACT, LOG_FORMAT_LOGFMT, LOG_FORMAT_PLAIN};
	for (unsigned i = 0; i < 3; i++) {
		log_setup(LOG_INFO, formats[i]);
		char *text = captured(hostile_text);
		assert_int_equal(lines(text), 1);
		for (const char *at = text; *at != 0; at++)
			assert_true(*at == '\n' || (*at >= ' ' && *at != 0x7f));
		assert_non_null(strstr(text, "a?b??[31mc?d? end"));
	}
}

static void long_event_is_cut_and_the_next_one_stands_alone(void **state)
{
	(void)state;
	const enum log_format formats[] = {LOG_FORMAT_COMPACT, LOG_FORMAT_LOGFMT};
	for (unsigned i = 0; i < 2; i++) {
		log_setup(LOG_INFO, formats[i]);
		char *text = captured(long_text);
		assert_int_equal(lines(text), 2);
		assert_non_null(strstr(strchr(text, '\n'), "behind\n"));
	}
}

static void limit_counts_what_it_leaves_out(void **state)
{
	(void)state;
	struct log_limit limit = {0};
	unsigned suppressed = 77;
	for (int i = 0; i < 10; i++) {
		assert_true(log_allowed(&limit, 1000, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 5; i++)
		assert_false(log_allowed(&limit, 10999, &suppressed));
	assert_true(log_allowed(&limit, 11000, &suppressed));
	assert_int_equal(suppressed, 5);
	assert_true(log_allowed(&limit, 11000, &suppressed));
	assert_int_equal(suppressed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_decides_what_is_written),
		cmocka_unit_test(compact_line_has_time_level_area_message),
		cmocka_unit_test(logfmt_line_has_keys_and_quotes),
		cmocka_unit_test(event_stays_one_line),
		cmocka_unit_test(long_event_is_cut_and_the_next_one_stands_alone),
		cmocka_unit_test(limit_counts_what_it_leaves_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
