// SPDX-License-Identifier: Apache-2.0
#include "base/problem.h"

#include <stdarg.h>

void problems_add(struct problems *problems, const char *format, ...)
{
	if (problems == NULL || problems->count == PROBLEMS_MAX)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(problems->text[problems->count++], PROBLEM_TEXT_SIZE, format, args);
	va_end(args);
}

void problems_print(const struct problems *problems, FILE *out, const char *prefix)
{
	for (unsigned i = 0; i < problems->count; i++)
		fprintf(out, "%s%s\n", prefix, problems->text[i]);
}
