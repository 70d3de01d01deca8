/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define PREFIX "postern-"
#define SUFFIX ".pcap"

enum {
	MODE = 0640,
	NAME_MAX_LENGTH = 64,
	SYNC_US = 1000000,   /* what a power cut may cost */
	QUIET_US = 10000000, /* a full disk may have room for one batch, and not for the next */
};

struct spool {
	int folder;
	char *path;
	struct spool_options options;
	int fd;         /* of the file that is written; -1: none */
	uint64_t begun; /* us */
	uint64_t size;
	uint64_t synced; /* us */
	bool is_dirty;
	bool is_failing; /* that was said */
	uint64_t failed; /* us, the last time */
	uint64_t lost, lost_before;
};

int spool_new(const struct spool_options *options, struct spool **ret_spool)
{
	struct spool *spool = calloc(1, sizeof(*spool));
	int r;

	if (!spool)
		return -ENOMEM;
	spool->options = *options;
	spool->fd = -1;
	spool->path = strdup(options->folder);
	spool->folder = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = spool->folder < 0 ? -errno : spool->path ? 0 : -ENOMEM;
	if (r == 0 && faccessat(spool->folder, ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = -errno;
	if (r < 0) {
		spool_free(spool);
		return r;
	}
	*ret_spool = spool;
	return 0;
}

static void sync_file(struct spool *spool, uint64_t now)
{
	if (spool->is_dirty && fdatasync(spool->fd) == 0)
		spool->is_dirty = false;
	spool->synced = now;
}

static void close_file(struct spool *spool)
{
	if (spool->fd < 0)
		return;
	sync_file(spool, 0);
	close(spool->fd);
	spool->fd = -1;
}

void spool_free(struct spool *spool)
{
	if (!spool)
		return;
	close_file(spool);
	if (spool->folder >= 0)
		close(spool->folder);
	free(spool->path);
	free(spool);
}

/* --- which files are kept --- */

static int is_ours(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	size_t n_prefix = strlen(PREFIX), n_suffix = strlen(SUFFIX);

	return n > n_prefix + n_suffix && strncmp(entry->d_name, PREFIX, n_prefix) == 0 &&
	       strcmp(entry->d_name + n - n_suffix, SUFFIX) == 0;
}

/* With the one that is about to be made there are as many as wanted. */
static void remove_oldest(struct spool *spool)
{
	struct dirent **entries;
	int n = scandirat(spool->folder, ".", &entries, is_ours, alphasort);

	for (int i = 0; i < n; i++) {
		if (n - i >= (int)spool->options.files)
			(void)unlinkat(spool->folder, entries[i]->d_name, 0);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* --- writing --- */

static void name_of(uint64_t wall, char name[NAME_MAX_LENGTH])
{
	time_t seconds = (time_t)(wall / 1000000);
	char moment[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(moment, sizeof(moment), "%Y%m%dT%H%M%S", &tm);
	snprintf(name, NAME_MAX_LENGTH, PREFIX "%s.%06uZ" SUFFIX, moment,
		 (unsigned)(wall % 1000000));
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		n -= (size_t)written;
	}
	return 0;
}

static int open_file(struct spool *spool, const uint8_t *header, size_t n)
{
	char name[NAME_MAX_LENGTH];
	int fd, r;

	remove_oldest(spool);
	name_of(clock_wall_us(), name);
	fd = openat(spool->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    MODE);
	if (fd < 0)
		return -errno;
	r = write_all(fd, header, n);
	if (r < 0) {
		close(fd);
		(void)unlinkat(spool->folder, name, 0);
		return r;
	}
	spool->fd = fd;
	spool->size = n;
	spool->begun = spool->synced = clock_us();
	return 0;
}

static bool is_old(const struct spool *spool, uint64_t now)
{
	return now - spool->begun >= spool->options.age * 1000;
}

/* By the owner, or by another engine to which it is one too many. */
static bool was_removed(const struct spool *spool)
{
	struct stat stat;

	return fstat(spool->fd, &stat) == 0 && stat.st_nlink == 0;
}

static int try_to_write(struct spool *spool, const uint8_t *header, size_t n_header,
			const uint8_t *bytes, size_t n)
{
	int r = 0;

	if (spool->fd >= 0 && (spool->size + n > spool->options.size || was_removed(spool)))
		close_file(spool);
	if (spool->fd < 0)
		r = open_file(spool, header, n_header);
	if (r == 0)
		r = write_all(spool->fd, bytes, n);
	if (r == 0) {
		spool->size += n;
		spool->is_dirty = true;
	} else if (spool->fd >= 0 && (ftruncate(spool->fd, (off_t)spool->size) < 0 ||
				      lseek(spool->fd, (off_t)spool->size, SEEK_SET) < 0)) {
		close_file(spool); /* half a packet at its end; the next goes into a new one */
	}
	return r;
}

void spool_write(struct spool *spool, const uint8_t *header, size_t n_header, const uint8_t *bytes,
		 size_t n, unsigned packets)
{
	int r = try_to_write(spool, header, n_header, bytes, n);

	if (r < 0) {
		if (!spool->is_failing)
			log_error("%s: packets are being lost: %s", spool->path, strerror(-r));
		spool->is_failing = true;
		spool->failed = clock_us();
		spool->lost += packets;
		return;
	}
	if (!spool->is_failing || clock_us() - spool->failed < QUIET_US)
		return;
	log_info("%s: written again, %llu packets were lost", spool->path,
		 (unsigned long long)(spool->lost - spool->lost_before));
	spool->is_failing = false;
	spool->lost_before = spool->lost;
}

void spool_tend(struct spool *spool)
{
	uint64_t now = clock_us();

	if (spool->fd < 0)
		return;
	if (is_old(spool, now))
		close_file(spool);
	else if (spool->is_dirty && now - spool->synced >= SYNC_US)
		sync_file(spool, now);
}

uint64_t spool_lost(const struct spool *spool)
{
	return spool->lost;
}
