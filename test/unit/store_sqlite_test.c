/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <fcntl.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "learn/store.h"

static char folder[] = "/tmp/postern-store-XXXXXX";
static char path[64];
static struct store *store;

/* What was heard last. */
static struct store_change heard[16];
static unsigned n_heard;

static void hear(void *context, const struct store_change *change)
{
	(void)context;
	if (n_heard < N_OF(heard))
		heard[n_heard] = *change;
	n_heard++;
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern-store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/learned.db", folder);
	n_heard = 0;
	return store_new(path, 0, &store);
}

static void each_file(void (*act)(const char *path))
{
	char pattern[80];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			act(found.gl_pathv[i]);
		globfree(&found);
	}
}

static void drop(const char *file)
{
	(void)unlink(file);
}

static unsigned n_aside;

static void count_aside(const char *file)
{
	n_aside += strstr(file, "learned.db.corrupt-") && !strstr(file, "-wal");
}

static int teardown(void **state)
{
	(void)state;
	store_free(store);
	each_file(drop);
	return rmdir(folder);
}

static struct store_change make(unsigned i, uint64_t last_seen)
{
	struct store_change change = { .entry = { .class = LEARN_REQUIRED,
						  .source = LEARN_OBSERVED,
						  .tls_version = 0x0303,
						  .alert = 40,
						  .server_key = { 1, 2 },
						  .issuer = "CN=It's \"one\"",
						  .first_seen = 1,
						  .last_seen = last_seen,
						  .expires = last_seen + 1,
						  .hits = i } };

	snprintf(change.entry.host, LEARN_HOST_MAX, "h%u.example", i);
	assert_true(addr_parse(i % 2 ? "192.0.2.1" : "2001:db8::1", 443, &change.entry.server));
	return change;
}

static enum store_result write_one(struct store_change change)
{
	return store->ops->write(store, &change, 1, hear, NULL);
}

static enum store_result load(void)
{
	n_heard = 0;
	return store->ops->load(store, hear, NULL);
}

static void reopen(void)
{
	store_free(store);
	assert_int_equal(store_new(path, 0, &store), 0);
	assert_int_equal(store->ops->open(store), STORE_DONE);
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_round(void **state)
{
	struct store_change any = make(3, 30), changes[] = { make(1, 20), make(2, 10), any };
	struct stat status;

	(void)state;
	memset(&changes[2].entry.server, 0, sizeof(changes[2].entry.server));
	addr_set_port(&changes[2].entry.server, 8443);
	changes[2].entry.state = LEARN_FORBIDDEN;
	changes[2].entry.decision = 2;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 0);
	assert_int_equal(store->ops->write(store, changes, 3, hear, NULL), STORE_DONE);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(load(), STORE_DONE);
		assert_int_equal(n_heard, 3); /* the one seen longest ago first */
		assert_true(entry_equal(&heard[0].entry, &changes[1].entry));
		assert_true(entry_equal(&heard[1].entry, &changes[0].entry));
		assert_true(entry_equal(&heard[2].entry, &changes[2].entry));
		assert_int_equal(heard[0].entry.source, LEARN_OBSERVED);
		reopen();
	}
	changes[0].is_gone = true;
	changes[1].is_evicted = true;
	assert_int_equal(store->ops->write(store, changes, 2, hear, NULL), STORE_DONE);
	assert_int_equal(store->ops->write(store, changes, 2, hear, NULL), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 2);
	assert_true(heard[0].is_gone);
	assert_string_equal(heard[0].entry.host, "h1.example");
	assert_int_equal(heard[0].entry.last_seen, 20);
	assert_false(heard[1].is_gone);
}

/* What was forgotten stays so against who does not know it, until it is seen again. */
static void test_forgotten(void **state)
{
	struct store_change gone = make(1, 20), approved = make(1, 30);

	(void)state;
	gone.is_gone = true;
	gone.entry.decision = 2;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(write_one(gone), STORE_DONE);
	assert_int_equal(write_one(make(1, 20)), STORE_DONE);
	approved.entry.state = LEARN_APPROVED;
	approved.entry.decision = 1;
	assert_int_equal(write_one(approved), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
	assert_true(heard[0].is_gone);
	assert_int_equal(write_one(make(1, 21)), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
	assert_false(heard[0].is_gone);
	assert_int_equal(write_one(gone), STORE_DONE);
	approved.entry.decision = 2;
	assert_int_equal(write_one(approved), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
	assert_int_equal(heard[0].entry.state, LEARN_APPROVED);
}

/* Another process writes the file: it is heard once, and our own writing is not. */
static void test_others_write(void **state)
{
	struct store *other;
	struct store_change change = make(2, 2);

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(write_one(make(1, 1)), STORE_DONE);
	usleep(50000); /* it rests a while after it has read all */
	assert_int_equal(store->ops->listen(store, hear, NULL), STORE_DONE);
	assert_int_equal(n_heard, 0);
	assert_int_equal(store_new(path, 0, &other), 0);
	assert_int_equal(other->ops->open(other), STORE_DONE);
	assert_int_equal(other->ops->write(other, &change, 1, hear, NULL), STORE_DONE);
	store_free(other);
	for (unsigned i = 0; i < 500 && n_heard == 0; i++) {
		usleep(10000);
		assert_int_equal(store->ops->listen(store, hear, NULL), STORE_DONE);
	}
	assert_int_equal(n_heard, 2);
}

/* Two processes at once: the better account stays. */
static void test_older_gives_way(void **state)
{
	struct store_change newer = make(1, 20), decided = make(1, 5);

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(write_one(newer), STORE_DONE);
	assert_int_equal(write_one(make(1, 10)), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_true(entry_equal(&heard[0].entry, &newer.entry));
	decided.entry.state = LEARN_APPROVED;
	decided.entry.decision = 1;
	assert_int_equal(write_one(decided), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_true(entry_equal(&heard[0].entry, &decided.entry));
	assert_int_equal(write_one(newer), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_true(entry_equal(&heard[0].entry, &decided.entry));
}

static void test_locked(void **state)
{
	sqlite3 *other;

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(write_one(make(1, 1)), STORE_LATER);
	assert_non_null(strstr(store->error, "locked"));
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(write_one(make(1, 1)), STORE_DONE);
}

static void test_not_to_be_opened(void **state)
{
	(void)state;
	store_free(store);
	assert_int_equal(store_new("/no/such/folder/db", 0, &store), 0);
	assert_int_not_equal(store->ops->open(store), STORE_DONE);
	assert_non_null(strstr(store->error, "/no/such/folder/db"));
	assert_int_not_equal(store->ops->open(store), STORE_DONE);
}

static int pragma_version(void)
{
	sqlite3_stmt *statement;
	sqlite3 *db;
	int version;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return version;
}

static void test_later_version(void **state)
{
	char text[64];
	int version;

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(write_one(make(1, 1)), STORE_DONE);
	store_free(store);
	version = pragma_version();
	sql("PRAGMA user_version=99");
	assert_int_equal(store_new(path, 0, &store), 0);
	assert_int_equal(store->ops->open(store), STORE_LATER);
	assert_non_null(strstr(store->error, "later version"));
	assert_int_equal(pragma_version(), 99); /* untouched */
	snprintf(text, sizeof(text), "PRAGMA user_version=%d", version);
	sql(text);
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
}

/* A file of version 1, which has no `gone`, keeps what is in it. */
static void test_migration(void **state)
{
	struct store_change gone = make(2, 3);

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(write_one(make(1, 1)), STORE_DONE);
	store_free(store);
	sql("DROP TABLE gone; PRAGMA user_version=1");
	assert_int_equal(store_new(path, 0, &store), 0);
	assert_int_equal(store->ops->open(store), STORE_DONE);
	gone.is_gone = true;
	assert_int_equal(write_one(gone), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 2);
	reopen(); /* and what was forgotten so long ago is trimmed */
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
}

static void test_rows_without_sense(void **state)
{
	struct store_change changes[] = { make(1, 1), make(2, 2), make(3, 3) };

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(store->ops->write(store, changes, 3, hear, NULL), STORE_DONE);
	sql("UPDATE server SET class='x' WHERE host='h1.example';"
	    "UPDATE server SET port=70000 WHERE host='h2.example'");
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
	assert_string_equal(heard[0].entry.host, "h3.example");
}

static void test_no_database(void **state)
{
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	for (unsigned i = 0; i < 5000; i++)
		fputs("garbage ", file);
	fclose(file);
	assert_int_equal(store->ops->open(store), STORE_LOST);
	assert_int_equal(store->ops->open(store), STORE_DONE);
	n_aside = 0;
	each_file(count_aside);
	assert_int_equal(n_aside, 1);
	assert_int_equal(write_one(make(1, 1)), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
}

static void fill(unsigned n)
{
	struct store_change *changes = calloc(n, sizeof(*changes));

	assert_non_null(changes);
	for (unsigned i = 0; i < n; i++)
		changes[i] = make(i, i + 1);
	assert_int_equal(store->ops->write(store, changes, n, hear, NULL), STORE_DONE);
	free(changes);
}

/* Pages overwritten in the middle: noticed when it is read, at the latest. */
static void test_broken_pages(void **state)
{
	char garbage[4096];
	int fd;

	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	fill(2000);
	store_free(store);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	memset(garbage, 0xa5, sizeof(garbage));
	for (off_t page = 1; page < 20; page++)
		assert_int_equal(pwrite(fd, garbage, sizeof(garbage), page * 4096), 4096);
	close(fd);
	assert_int_equal(store_new(path, 0, &store), 0);
	enum store_result result = store->ops->open(store);

	if (result == STORE_DONE)
		result = load();
	assert_int_equal(result, STORE_LOST);
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 0);
	n_aside = 0;
	each_file(count_aside);
	assert_int_equal(n_aside, 1);
}

static void test_removed(void **state)
{
	(void)state;
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(write_one(make(1, 1)), STORE_DONE);
	each_file(drop);
	assert_int_equal(write_one(make(2, 1)), STORE_LOST);
	assert_int_equal(store->ops->open(store), STORE_DONE);
	assert_int_equal(write_one(make(2, 1)), STORE_DONE);
	assert_int_equal(load(), STORE_DONE);
	assert_int_equal(n_heard, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_round),           TEST(test_forgotten),    TEST(test_others_write),
		TEST(test_older_gives_way), TEST(test_locked),       TEST(test_not_to_be_opened),
		TEST(test_later_version),   TEST(test_migration),    TEST(test_rows_without_sense),
		TEST(test_no_database),     TEST(test_broken_pages), TEST(test_removed),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
