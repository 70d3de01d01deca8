/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

struct json_log {
	pthread_mutex_t lock; /* of all but path */
	char *path;
	int fd; /* -1: none */
	uint64_t lost;
	bool is_failing; /* the last write failed, and was reported */
	bool is_cut;     /* the last write ended inside a line */
};

static int open_path(const char *path, int *ret_fd)
{
	int fd;

	if (strcmp(path, "none") == 0) {
		*ret_fd = -1;
		return 0;
	}
	if (strcmp(path, "stdout") == 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int json_log_open(const char *path, struct json_log **ret_log)
{
	struct json_log *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	log->path = strdup(path);
	log->fd = -1;
	r = log->path ? open_path(path, &log->fd) : -ENOMEM;
	if (r < 0) {
		json_log_free(log);
		return r;
	}
	*ret_log = log;
	return 0;
}

void json_log_free(struct json_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	pthread_mutex_destroy(&log->lock);
	free(log->path);
	free(log);
}

int json_log_reopen(struct json_log *log)
{
	int fd;
	int r = open_path(log->path, &fd);

	if (r < 0)
		return r;
	pthread_mutex_lock(&log->lock);
	if (log->fd >= 0)
		close(log->fd);
	log->fd = fd;
	pthread_mutex_unlock(&log->lock);
	return 0;
}

/* A disk that is full takes part of a line; the next good line must not be glued to it. */
static void write_line(struct json_log *log, char *line, size_t n)
{
	bool is_fresh = !log->is_cut || write(log->fd, "\n", 1) == 1;
	ssize_t written = is_fresh ? write(log->fd, line, n) : -1;
	int error = written < 0 ? errno : ENOSPC;

	log->is_cut = !is_fresh || (written > 0 && written < (ssize_t)n);
	if (written == (ssize_t)n) {
		if (log->is_failing)
			log_info("%s: written again, %llu events were lost", log->path,
				 (unsigned long long)log->lost);
		log->is_failing = false;
		return;
	}
	log->lost++;
	if (!log->is_failing)
		log_error("%s: events are being lost: %s", log->path, strerror(error));
	log->is_failing = true;
}

void json_log_write(struct json_log *log, json_t *event)
{
	char *text = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	size_t n = text ? strlen(text) : 0;
	char *line = text ? realloc(text, n + 2) : NULL;

	json_decref(event);
	pthread_mutex_lock(&log->lock);
	if (!line) {
		free(text);
		log->lost++;
	} else if (log->fd >= 0) {
		line[n] = '\n';
		line[n + 1] = '\0';
		write_line(log, line, n + 1);
	}
	pthread_mutex_unlock(&log->lock);
	free(line);
}

uint64_t json_log_lost(struct json_log *log)
{
	uint64_t lost;

	pthread_mutex_lock(&log->lock);
	lost = log->lost;
	pthread_mutex_unlock(&log->lock);
	return lost;
}

json_t *json_time(uint64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[64];
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06u+0000", (unsigned)(wall_us % 1000000));
	return json_string(text);
}

/* C0, DEL, C1 (U+0080 to U+009F). The text is valid UTF-8, in which c2 never comes last. */
static bool is_control(const uint8_t *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

json_t *json_text(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	char *escaped;
	json_t *string = json_stringn(bytes, n);
	size_t used = 0;

	for (size_t i = 0; i < n && string; i++)
		if (is_control(at + i)) {
			json_decref(string);
			string = NULL;
		}
	if (string)
		return string;
	escaped = malloc(4 * n + 1);
	if (!escaped)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		bool is_plain = at[i] >= 0x20 && at[i] < 0x7f;

		used += (size_t)snprintf(escaped + used, 5, is_plain ? "%c" : "\\x%02x", at[i]);
	}
	string = json_stringn(escaped, used);
	free(escaped);
	return string;
}
