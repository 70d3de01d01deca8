/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_LOG_H
#define POSTERN_BASE_LOG_H

/*
 * What the process says about itself, on standard error: start, stop, reload, what is broken.
 * What happens to connections is an event of tap/, never a line here.
 * Lines carry systemd's priority prefix ("<4>") when standard error is the journal.
 */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

void log_init(const char *program, enum log_level level);
/* Another name for the process that was forked off. */
void log_rename(const char *program);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
