/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct keylog {
	int fd;
	char *path;
	bool is_cut;     /* the last write ended inside a line */
	bool is_failing; /* that was said */
};

static char *put_hex(char *at, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	return at;
}

size_t keylog_line(const char *label, const uint8_t random[KEYLOG_RANDOM], const uint8_t *secret,
		   size_t n, char line[KEYLOG_LINE_MAX])
{
	char *at;

	if (n > KEYLOG_SECRET_MAX || strlen(label) > KEYLOG_LABEL_MAX)
		return 0;
	at = stpcpy(line, label);
	*at++ = ' ';
	at = put_hex(at, random, KEYLOG_RANDOM);
	*at++ = ' ';
	at = put_hex(at, secret, n);
	*at++ = '\n';
	return (size_t)(at - line);
}

/* Nobody else may have put it there to read along. */
static int check(int fd)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || stat.st_nlink != 1 || stat.st_uid != geteuid() ||
	    (stat.st_mode & 077))
		return -EPERM;
	return 0;
}

int keylog_new(const char *path, struct keylog **ret_keylog)
{
	struct keylog *keylog = calloc(1, sizeof(*keylog));
	int r;

	if (!keylog)
		return -ENOMEM;
	keylog->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			  0600);
	keylog->path = strdup(path);
	r = keylog->fd < 0 ? -errno : keylog->path ? check(keylog->fd) : -ENOMEM;
	if (r < 0) {
		keylog_free(keylog);
		return r;
	}
	*ret_keylog = keylog;
	return 0;
}

void keylog_free(struct keylog *keylog)
{
	if (!keylog)
		return;
	if (keylog->fd >= 0)
		close(keylog->fd);
	free(keylog->path);
	free(keylog);
}

void keylog_write(struct keylog *keylog, const char *line, size_t n)
{
	bool is_fresh = !keylog->is_cut || write(keylog->fd, "\n", 1) == 1;
	ssize_t written = is_fresh ? write(keylog->fd, line, n) : -1;

	if (written == (ssize_t)n) {
		keylog->is_cut = keylog->is_failing = false;
		return;
	}
	keylog->is_cut = !is_fresh || written > 0;
	if (!keylog->is_failing)
		log_error("%s: keys are being lost: %s", keylog->path,
			  strerror(written < 0 ? errno : ENOSPC));
	keylog->is_failing = true;
}
