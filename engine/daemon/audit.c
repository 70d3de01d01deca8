/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	LOOK_MS = 1000,
	MIB = 1024 * 1024,
};

static bool is_wanted(const struct config *config)
{
	return strcmp(config->audit.issued, "none") != 0;
}

static void make_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		(void)mkdir(folder, 0750); /* or it is there, or the next step fails */
	}
}

/* After a power cut, the last line may be half a line: it must not run into the next one. */
static void end_line(int fd, const char *path)
{
	int reader = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = reader >= 0 ? lseek(reader, 0, SEEK_END) : 0;
	char last = '\n';

	if (size > 0 && pread(reader, &last, 1, size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) < 0)
		log_warning("audit.issued: %s: %s", path, strerror(errno));
	if (reader >= 0)
		close(reader);
}

static int open_file(const char *path)
{
	struct stat st;
	int fd, r;

	make_folder(path);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	end_line(fd, path);
	return fd;
}

static bool reopen(struct audit *audit, const struct config *config)
{
	int fd = open_file(config->audit.issued);

	if (fd < 0) {
		if (!audit->is_failing)
			log_error("audit.issued: %s: %s", config->audit.issued, strerror(-fd));
		audit->is_failing = true;
		return false;
	}
	if (audit->is_failing)
		log_info("audit.issued: %s: opened", config->audit.issued);
	audit->is_failing = false;
	audit_close(audit);
	audit->fd = fd;
	return true;
}

/* The names sort by age. */
static void drop_old(const struct config *config)
{
	char pattern[PATH_MAX];
	glob_t found;
	struct stat st;
	time_t oldest = (time_t)(clock_wall_us() / 1000000 - config->audit.keep / 1000);

	snprintf(pattern, sizeof(pattern), "%s.2*Z", config->audit.issued);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		bool is_many = found.gl_pathc - i > config->audit.n_files;

		if (is_many || (stat(found.gl_pathv[i], &st) == 0 && st.st_mtime < oldest))
			(void)unlink(found.gl_pathv[i]);
	}
	globfree(&found);
}

static void put_aside(const struct config *config)
{
	uint64_t now = clock_wall_us();
	time_t seconds = (time_t)(now / 1000000);
	char name[PATH_MAX], when[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	snprintf(name, sizeof(name), "%s.%s.%06uZ", config->audit.issued, when,
		 (unsigned)(now % 1000000));
	if (rename(config->audit.issued, name) < 0)
		log_error("audit.issued: %s: %s", name, strerror(errno));
	drop_old(config);
}

bool audit_tend(struct audit *audit, const struct config *config, uint64_t now_ms)
{
	struct stat ours, named;

	if (!is_wanted(config) || (audit->looked > 0 && now_ms - audit->looked < LOOK_MS))
		return false;
	audit->looked = now_ms;
	if (audit->fd < 0 || stat(config->audit.issued, &named) < 0 ||
	    fstat(audit->fd, &ours) < 0 || ours.st_dev != named.st_dev ||
	    ours.st_ino != named.st_ino)
		return reopen(audit, config);
	if (ours.st_size < (off_t)config->audit.size * MIB)
		return false;
	put_aside(config);
	return reopen(audit, config);
}

void audit_close(struct audit *audit)
{
	if (audit->fd >= 0)
		close(audit->fd);
	audit->fd = -1;
}
