/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files: where one ends and the next begins, which are kept, what a full disk leaves. */
#include "test/unit/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap/spool.h"

enum { HEADER = 24, PIECE = 1000 };

static const uint8_t header[HEADER] = "the beginning of a file";
static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/spool_test.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static unsigned list(struct dirent ***ret_entries)
{
	int n = scandir(folder, ret_entries, is_file, alphasort);

	assert_true(n >= 0);
	return (unsigned)n;
}

static void free_list(struct dirent **entries, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static int remove_folder(void **state)
{
	char path[512];
	struct dirent **entries;
	unsigned n = list(&entries);

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		unlink(path);
	}
	free_list(entries, n);
	return rmdir(folder);
}

static struct spool *open_spool(uint64_t size, uint64_t age, unsigned files)
{
	struct spool_options options = { folder, size, age, files };
	struct spool *spool;

	assert_int_equal(spool_new(&options, &spool), 0);
	return spool;
}

/* One packet of PIECE bytes, each of which is `number`. */
static void write_one(struct spool *spool, unsigned number)
{
	uint8_t bytes[PIECE];

	memset(bytes, (int)number, sizeof(bytes));
	spool_write(spool, header, HEADER, bytes, sizeof(bytes), 1);
}

/* The packets of all files, in the order of their names: numbers from *ret_first on. */
static unsigned read_all(unsigned *ret_first)
{
	struct dirent **entries;
	unsigned n = list(&entries), n_packets = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t bytes[16 * PIECE];
		char path[512];
		ssize_t length;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		fd = open(path, O_RDONLY);
		length = read(fd, bytes, sizeof(bytes));
		close(fd);
		assert_true(length >= HEADER && (length - HEADER) % PIECE == 0);
		assert_memory_equal(bytes, header, HEADER);
		for (ssize_t at = HEADER; at < length; at += PIECE, n_packets++) {
			if (n_packets == 0)
				*ret_first = bytes[at];
			assert_int_equal(bytes[at], (uint8_t)(*ret_first + n_packets));
			assert_int_equal(bytes[at + PIECE - 1], bytes[at]);
		}
	}
	free_list(entries, n);
	return n_packets;
}

static void test_size(void **state)
{
	struct spool *spool = open_spool(HEADER + 3 * PIECE, 1000000, 100);
	struct dirent **entries;
	unsigned n, first = 0;

	(void)state;
	n = list(&entries);
	assert_int_equal(n, 0); /* no empty file before there is something */
	free_list(entries, n);
	for (unsigned i = 0; i < 20; i++)
		write_one(spool, i);
	spool_free(spool);
	n = list(&entries);
	assert_int_equal(n, 7);
	for (unsigned i = 0; i < n; i++) {
		char path[512];
		struct stat stat_of;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		assert_int_equal(stat(path, &stat_of), 0);
		assert_int_equal(stat_of.st_mode & 0777, 0640);
		assert_true(stat_of.st_size <= HEADER + 3 * PIECE);
	}
	free_list(entries, n);
	assert_int_equal(read_all(&first), 20);
	assert_int_equal(first, 0);
}

static void test_keeps_the_newest(void **state)
{
	struct spool *spool = open_spool(HEADER + 2 * PIECE, 1000000, 3);
	struct dirent **entries;
	unsigned n, first = 0;
	int fd = open(folder, O_RDONLY | O_DIRECTORY);

	(void)state;
	/* What is not ours stays, whatever it looks like. */
	close(openat(fd, "zz-notes", O_CREAT | O_WRONLY, 0600));
	for (unsigned i = 0; i < 17; i++)
		write_one(spool, i);
	spool_free(spool);
	assert_int_equal(unlinkat(fd, "zz-notes", 0), 0);
	close(fd);
	n = list(&entries);
	free_list(entries, n);
	assert_int_equal(n, 3);
	assert_int_equal(read_all(&first), 5);
	assert_int_equal(first, 12);
}

/* Two engines, of which the newer writes so much that the older one's file goes. */
static void test_removed(void **state)
{
	struct spool *old = open_spool(HEADER + 2 * PIECE, 1000000, 2);
	struct spool *new = open_spool(HEADER + 2 * PIECE, 1000000, 2);
	unsigned first = 0;

	(void)state;
	write_one(old, 99);
	for (unsigned i = 0; i < 5; i++)
		write_one(new, i);
	write_one(old, 5);
	spool_free(new);
	spool_free(old);
	assert_int_equal(read_all(&first), 2);
	assert_int_equal(first, 4);
}

static void test_age(void **state)
{
	struct spool *spool = open_spool(1 << 20, 20, 100);
	struct dirent **entries;
	unsigned n, first = 0;

	(void)state;
	write_one(spool, 0);
	spool_tend(spool);
	write_one(spool, 1);
	usleep(30000);
	spool_tend(spool);
	write_one(spool, 2);
	spool_free(spool);
	n = list(&entries);
	free_list(entries, n);
	assert_int_equal(n, 2);
	assert_int_equal(read_all(&first), 3);
}

/* A limit on the size of files stands for the disk that is full: it takes part of a packet, too. */
static void test_full_disk(void **state)
{
	struct spool *spool = open_spool(1 << 20, 1000000, 100);
	struct rlimit before, small;
	unsigned first = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = HEADER + 2 * PIECE + PIECE / 2;
	write_one(spool, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	write_one(spool, 1);
	write_one(spool, 99);
	write_one(spool, 99);
	assert_int_equal(spool_lost(spool), 2);
	assert_int_equal(read_all(&first), 2); /* sound meanwhile */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	write_one(spool, 2);
	assert_int_equal(spool_lost(spool), 2);
	spool_free(spool);
	assert_int_equal(read_all(&first), 3);
}

static void test_no_folder(void **state)
{
	struct spool_options options = { "/nonexistent/folder", 1000, 1000, 3 };
	struct spool *spool;

	(void)state;
	assert_int_equal(spool_new(&options, &spool), -ENOENT);
	options.folder = "/etc/passwd";
	assert_int_equal(spool_new(&options, &spool), -ENOTDIR);
}

/* Removed under its feet: what is lost is counted. */
static void test_folder_is_gone(void **state)
{
	struct spool *spool = open_spool(HEADER + PIECE, 1000000, 3);

	(void)state;
	assert_int_equal(rmdir(folder), 0);
	write_one(spool, 0);
	write_one(spool, 1);
	assert_int_equal(spool_lost(spool), 2);
	spool_free(spool);
	assert_int_equal(mkdir(folder, 0700), 0);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_size),
		WITH_FOLDER(test_keeps_the_newest),
		WITH_FOLDER(test_age),
		WITH_FOLDER(test_full_disk),
		WITH_FOLDER(test_removed),
		WITH_FOLDER(test_no_folder),
		WITH_FOLDER(test_folder_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
