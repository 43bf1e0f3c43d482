// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines on stderr.
 *
 * One line per event: `TIME LEVEL AREA: MESSAGE`. Only the layers that decide log (node, cli, peers policy through
 * node); the cores never do. What a remote can provoke is logged at debug, or through `struct log_limit`.
 */
#ifndef MYCELIUM_BASE_LOG_H
#define MYCELIUM_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_format { LOG_FORMAT_COMPACT, LOG_FORMAT_LOGFMT, LOG_FORMAT_PLAIN };

/* At most `burst` lines per `window_ms`; what was left out is counted and told with the next line. */
struct log_limit {
	uint64_t window_started_ms;
	unsigned lines, suppressed;
};

/* Sets level and format for the process, before threads start. Colour is used on a terminal with the compact format,
 * unless NO_COLOR is set. */
void log_setup(enum log_level level, enum log_format format);

/* Whether a line of this level would be written: for callers that would work for the text. */
bool log_enabled(enum log_level level);

/* Writes one line. `area` is the room that speaks, for instance "peers". Any thread. */
__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *area, const char *format, ...);

#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...) log_line(LOG_WARN, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_line(LOG_DEBUG, area, __VA_ARGS__)

/* Whether a rate-limited line may be written now: at most 10 per 10 s. Returns the number of lines left out since the
 * last one allowed in `ret_suppressed`. */
bool log_allowed(struct log_limit *limit, uint64_t now_ms, unsigned *ret_suppressed);

#endif
