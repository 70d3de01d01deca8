/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"

_Static_assert(sizeof(struct metrics_block) % sizeof(metrics_count) == 0, "counters only");

/* FNV-1a: it tells two versions apart, and nobody from outside has a word in it. */
static uint64_t fingerprint(const char *words)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *words; words++)
		hash = (hash ^ (uint8_t)*words) * 0x100000001b3;
	return hash;
}

static size_t size_of(unsigned n_workers)
{
	return sizeof(struct metrics) + n_workers * sizeof(struct metrics_worker);
}

static int name_file(const char *path, const char *suffix, char name[PATH_MAX])
{
	return snprintf(name, PATH_MAX, "%s.metrics%s", path, suffix) < PATH_MAX ? 0
										 : -ENAMETOOLONG;
}

/* Closes the descriptor. -EPROTO: it is not what it has to be. */
static int map(int fd, int protection, const char *words, const struct metrics **ret_metrics)
{
	const struct metrics *metrics = MAP_FAILED;
	struct stat file;
	size_t n = 0;
	int r = fstat(fd, &file) < 0 ? -errno : 0;

	if (r == 0 && file.st_size < (off_t)sizeof(*metrics))
		r = -EPROTO;
	if (r == 0) {
		n = (size_t)file.st_size;
		metrics = mmap(NULL, n, protection, MAP_SHARED, fd, 0);
		r = metrics == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (r < 0)
		return r;
	if (metrics->magic != METRICS_MAGIC || metrics->n_workers > STATUS_WORKERS ||
	    n != size_of(metrics->n_workers) || metrics->words != fingerprint(words)) {
		munmap((void *)(uintptr_t)metrics, n);
		return -EPROTO;
	}
	*ret_metrics = metrics;
	return 0;
}

static bool take(const char *path, const char *words, unsigned n_workers,
		 struct metrics **ret_metrics)
{
	const struct metrics *metrics;
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || map(fd, PROT_READ | PROT_WRITE, words, &metrics) < 0)
		return false;
	if (metrics->n_workers != n_workers) {
		metrics_close(metrics);
		return false;
	}
	*ret_metrics = (struct metrics *)(uintptr_t)metrics;
	return true;
}

/* Under another name first: whoever reads finds the old file or the whole new one. */
static int make(const char *temporary, const char *path, const char *words, unsigned n_workers,
		struct metrics **ret_metrics)
{
	const size_t n = size_of(n_workers);
	struct metrics *metrics = MAP_FAILED;
	int fd, r;

	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* Blocks are taken now: a full disk must be an error here, not a SIGBUS later. */
	r = -posix_fallocate(fd, 0, (off_t)n);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r == 0)
		metrics = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r == 0 && metrics == MAP_FAILED)
		r = -errno;
	close(fd);
	if (r == 0) {
		metrics->magic = METRICS_MAGIC;
		metrics->n_workers = n_workers;
		metrics->words = fingerprint(words);
		metrics->started = clock_wall_us();
		if (rename(temporary, path) == 0) {
			*ret_metrics = metrics;
			return 0;
		}
		r = -errno;
		munmap(metrics, n);
	}
	(void)unlink(temporary);
	return r;
}

int metrics_create(const char *path, const char *words, unsigned n_workers, bool goes_on,
		   struct metrics **ret_metrics)
{
	char name[PATH_MAX], temporary[PATH_MAX];

	if (name_file(path, "", name) < 0 || name_file(path, ".new", temporary) < 0)
		return -ENAMETOOLONG;
	if (goes_on && take(name, words, n_workers, ret_metrics))
		return 0;
	return make(temporary, name, words, n_workers, ret_metrics);
}

int metrics_open(const char *path, const char *words, const struct metrics **ret_metrics)
{
	char name[PATH_MAX];
	int fd;

	if (name_file(path, "", name) < 0)
		return -ENAMETOOLONG;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return map(fd, PROT_READ, words, ret_metrics);
}

void metrics_close(const struct metrics *metrics)
{
	if (metrics)
		munmap((void *)(uintptr_t)metrics, size_of(metrics->n_workers));
}

/* The first bucket that it fits in. */
static unsigned bucket_of(uint64_t us)
{
	uint64_t units = us / METRICS_BUCKET_MIN + (us % METRICS_BUCKET_MIN != 0);
	unsigned i = units <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(units - 1);

	return i < METRICS_BUCKETS ? i : METRICS_BUCKETS;
}

void metrics_time(struct metrics_block *block, enum metrics_time what, uint64_t us)
{
	struct metrics_histogram *histogram = &block->times[what];

	metrics_add(&histogram->buckets[bucket_of(us)], 1);
	metrics_add(&histogram->sum, us);
}

void metrics_sum(const struct metrics *metrics, struct metrics_block *ret_sum)
{
	const size_t n = sizeof(*ret_sum) / sizeof(metrics_count);
	metrics_count *sum = (metrics_count *)ret_sum;

	memset(ret_sum, 0, sizeof(*ret_sum));
	for (unsigned w = 0; w < metrics->n_workers; w++) {
		const metrics_count *block = (const metrics_count *)&metrics->workers[w].block;

		for (size_t i = 0; i < n; i++)
			sum[i] += metrics_get(&block[i]);
	}
}
