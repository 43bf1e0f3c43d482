// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 2048, MESSAGE_SIZE = 768, LIMIT_LINES = 10, LIMIT_WINDOW_MS = 10000 };

/* Written once before threads start. */
static struct {
	enum log_level level;
	enum log_format format;
	bool colour;
} settings = {.level = LOG_INFO, .format = LOG_FORMAT_COMPACT};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_labels[] = {"ERROR", " WARN", " INFO", "DEBUG"};
static const char *const level_colours[] = {"\033[31m", "\033[33m", "\033[32m", "\033[34m"};

void log_setup(enum log_level level, enum log_format format)
{
	const char *no_colour = getenv("NO_COLOR");
	settings.level = level;
	settings.format = format;
	settings.colour = format == LOG_FORMAT_COMPACT && isatty(STDERR_FILENO) && (no_colour == NULL || no_colour[0] == 0);
}

bool log_enabled(enum log_level level)
{
	return level <= settings.level;
}

static void time_text(char *text, size_t size)
{
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, size - len, ".%06ldZ", now.tv_nsec / 1000);
}

/* A log line is one line whatever a remote put into a text: control characters become '?'. */
static void keep_one_line(char *text)
{
	for (; *text != 0; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

/* Writes a value of logfmt: quoted when it holds a blank, '=' or a quote. */
static void logfmt_value(FILE *out, const char *value)
{
	if (strpbrk(value, " =\"") == NULL) {
		fputs(value, out);
		return;
	}
	fputc('"', out);
	for (; *value != 0; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static void write_logfmt(FILE *out, enum log_level level, const char *time, const char *area, const char *message)
{
	fprintf(out, "ts=%s level=%s target=mycelium::%s message=", time, level_names[level], area);
	logfmt_value(out, message);
	fputc('\n', out);
}

static void write_compact(FILE *out, enum log_level level, const char *time, const char *area, const char *message)
{
	if (settings.colour)
		fprintf(out, "\033[2m%s\033[0m %s%s\033[0m \033[2m%s:\033[0m %s\n", time, level_colours[level],
			level_labels[level], area, message);
	else
		fprintf(out, "%s %s %s: %s\n", time, level_labels[level], area, message);
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
	if (!log_enabled(level))
		return;
	char message[MESSAGE_SIZE], time[40], line[LINE_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	keep_one_line(message);
	time_text(time, sizeof(time));

	/* One write per line, so that lines of several threads do not mix. */
	FILE *out = fmemopen(line, sizeof(line), "w");
	if (out == NULL)
		return;
	if (settings.format == LOG_FORMAT_COMPACT)
		write_compact(out, level, time, area, message);
	else
		write_logfmt(out, level, time, area, message);
	fflush(out);
	long len = ftell(out);
	fclose(out);
	if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

bool log_allowed(struct log_limit *limit, uint64_t now_ms, unsigned *ret_suppressed)
{
	if (limit->lines == 0 || now_ms - limit->window_started_ms >= LIMIT_WINDOW_MS) {
		limit->window_started_ms = now_ms;
		limit->lines = 0;
	}
	if (limit->lines == LIMIT_LINES) {
		limit->suppressed++;
		return false;
	}
	limit->lines++;
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
