/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

/* The new name survives a power cut only once its folder is on the disk. */
static int sync_folder(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

int file_write(const char *path, mode_t mode, const void *bytes, size_t n, bool is_replacing)
{
	char temporary[PATH_MAX];
	int length = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);

	if (length < 0 || (size_t)length >= sizeof(temporary))
		return -ENAMETOOLONG;
	int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 until all is written */

	if (fd < 0)
		return -errno;
	int r = write_all(fd, bytes, n);

	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 &&
	    renameat2(AT_FDCWD, temporary, AT_FDCWD, path, is_replacing ? 0 : RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return r;
	}
	return sync_folder(path);
}

int file_print(const char *path, const void *bytes, size_t n)
{
	return path ? file_write(path, 0644, bytes, n, true) : write_all(STDOUT_FILENO, bytes, n);
}

/* Grows as needed: what standard input will bring is not known. */
static int read_all(int fd, size_t max, uint8_t **bytes, size_t *n)
{
	size_t room = 0;

	for (;;) {
		ssize_t got;

		if (*n == room) {
			size_t wanted = room ? 2 * room : 65536;
			uint8_t *grown = realloc(*bytes, wanted);

			if (!grown)
				return -ENOMEM;
			*bytes = grown;
			room = wanted;
		}
		got = read(fd, *bytes + *n, room - *n);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		if (got > 0)
			*n += (size_t)got;
		if (*n > max)
			return -EFBIG;
	}
}

int file_read(const char *path, size_t max, uint8_t **ret_bytes, size_t *ret_n)
{
	bool is_standard = strcmp(path, "-") == 0;
	int fd = is_standard ? STDIN_FILENO
			     : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t *bytes = NULL;
	struct stat st;
	size_t n = 0;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && !is_standard && !S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (r == 0)
		r = read_all(fd, max, &bytes, &n);
	if (fd >= 0 && !is_standard)
		close(fd);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_n = n;
	return 0;
}
