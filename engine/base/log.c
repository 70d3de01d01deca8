/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	const char *program;
	enum log_level level;
	bool journal; /* prefix each line with a syslog priority, as sd-daemon(3) asks */
} self = { .program = "postern", .level = LOG_LEVEL_INFO };

static const struct {
	int priority; /* syslog(3) */
	const char *word;
} levels[] = {
	[LOG_LEVEL_ERROR] = { 3, "error: " },
	[LOG_LEVEL_WARNING] = { 4, "warning: " },
	[LOG_LEVEL_INFO] = { 6, "" },
	[LOG_LEVEL_DEBUG] = { 7, "debug: " },
};

void log_init(const char *program, enum log_level level)
{
	self.program = program;
	self.level = level;
	self.journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_rename(const char *program)
{
	self.program = program;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[2048];
	int n = 0;
	va_list args;

	if (level > self.level)
		return;
	if (self.journal)
		n = snprintf(line, sizeof(line), "<%d>", levels[level].priority);
	else
		n = snprintf(line, sizeof(line), "%s: %s", self.program, levels[level].word);
	va_start(args, format);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
	va_end(args);
	n = m < 0 ? n : n + m;
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* One write, so that lines of several threads and processes never mix. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
