/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap/json.h"

static char folder[64], path[128], rotated[128];
static struct json_log *events;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern-json-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/events", folder);
	snprintf(rotated, sizeof(rotated), "%s/events.1", folder);
	assert_int_equal(json_log_open(path, &events), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_log_free(events);
	unlink(path);
	unlink(rotated);
	rmdir(folder);
	return 0;
}

/* Counts the lines of a file; each must be an object with `n`, which is handed to `seen`. */
static unsigned read_lines(const char *file_path, void (*seen)(const json_t *event))
{
	static char line[65536];
	FILE *file = fopen(file_path, "r");
	unsigned n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(event);
		assert_int_equal(line[strlen(line) - 1], '\n');
		if (seen)
			seen(event);
		json_decref(event);
		n++;
	}
	fclose(file);
	return n;
}

static json_t *event_of(int n)
{
	json_t *event = json_pack("{s:i}", "n", n);

	assert_non_null(event);
	return event;
}

/* --- text --- */

static void expect_text(const char *bytes, size_t n, const char *want)
{
	json_t *text = json_text(bytes, n);

	assert_non_null(text);
	assert_string_equal(json_string_value(text), want);
	assert_int_equal(json_string_length(text), strlen(want));
	json_decref(text);
}

static void test_text(void **state)
{
	(void)state;
	expect_text("", 0, "");
	expect_text(NULL, 0, "");
	expect_text("plain \"quoted\" \\", 16, "plain \"quoted\" \\");
	expect_text("M\xc3\xbcller \xe4\xbe\x8b", 11, "M\xc3\xbcller \xe4\xbe\x8b");
	expect_text("a\nb", 3, "a\\x0ab");
	expect_text("a\0b", 3, "a\\x00b");
	expect_text("\x1b[2J\x7f", 5, "\\x1b[2J\\x7f");
	expect_text("h2\xff", 3, "h2\\xff");
	expect_text("\xc3\xbc\n", 3, "\\xc3\\xbc\\x0a");
	expect_text("\xc3", 1, "\\xc3");                   /* cut inside a letter */
	expect_text("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
	expect_text("\xc0\x80", 2, "\\xc0\\x80");          /* a NUL, disguised */
	expect_text("a\xc2\x9b"
		    "2J",
		    5,
		    "a\\xc2\\x9b"
		    "2J"); /* CSI as one code point */
	expect_text("\xc2\xa0", 2, "\xc2\xa0");
}

/* Every pair of bytes gives a string that can be written and has no control character. */
static void test_any_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x10000; i++) {
		const uint8_t bytes[] = { (uint8_t)(i >> 8), (uint8_t)i };
		json_t *text = json_text(bytes, 2);
		const uint8_t *at = (const uint8_t *)json_string_value(text);

		assert_non_null(at);
		for (; *at; at++) {
			assert_true(*at >= 0x20 && *at != 0x7f);
			assert_false(at[0] == 0xc2 && at[1] < 0xa0);
		}
		json_decref(text);
	}
}

static void test_time(void **state)
{
	static const struct {
		uint64_t us;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000+0000" },
		{ 1795374000123456, "2026-11-22T19:00:00.123456+0000" },
		{ 951782400000007, "2000-02-29T00:00:00.000007+0000" },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(cases); i++) {
		json_t *time = json_time(cases[i].us);

		assert_string_equal(json_string_value(time), cases[i].want);
		json_decref(time);
	}
}

/* --- files --- */

static void test_append(void **state)
{
	struct stat st;

	(void)state;
	json_log_write(events, event_of(1));
	json_log_write(events, event_of(2));
	assert_int_equal(read_lines(path, NULL), 2);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0640u, 0);
	/* Opened again, what was there stays. */
	json_log_free(events);
	assert_int_equal(json_log_open(path, &events), 0);
	json_log_write(events, event_of(3));
	assert_int_equal(read_lines(path, NULL), 3);
	assert_int_equal(json_log_lost(events), 0);
}

static void test_rotate(void **state)
{
	(void)state;
	json_log_write(events, event_of(1));
	assert_int_equal(rename(path, rotated), 0);
	json_log_write(events, event_of(2)); /* to where it was */
	assert_int_equal(json_log_reopen(events), 0);
	json_log_write(events, event_of(3));
	assert_int_equal(read_lines(rotated, NULL), 2);
	assert_int_equal(read_lines(path, NULL), 1);
}

static void test_reopen_fails(void **state)
{
	(void)state;
	assert_int_equal(rename(path, rotated), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(json_log_reopen(events), -EISDIR);
	json_log_write(events, event_of(1));
	assert_int_equal(read_lines(rotated, NULL), 1);
	assert_int_equal(json_log_lost(events), 0);
	rmdir(path);
}

static void test_open_fails(void **state)
{
	struct json_log *other = NULL;

	(void)state;
	assert_int_equal(json_log_open("/nowhere/events", &other), -ENOENT);
	assert_null(other);
	assert_int_equal(json_log_open("none", &other), 0);
	json_log_write(other, event_of(1)); /* dropped, and not lost */
	assert_int_equal(json_log_lost(other), 0);
	assert_int_equal(json_log_reopen(other), 0);
	json_log_free(other);
	json_log_free(NULL);
}

static void test_lost(void **state)
{
	struct json_log *full = NULL;

	(void)state;
	assert_int_equal(json_log_open("/dev/full", &full), 0);
	json_log_write(full, event_of(1));
	json_log_write(full, event_of(2));
	assert_int_equal(json_log_lost(full), 2);
	json_log_write(full, NULL); /* no memory for the event itself */
	assert_int_equal(json_log_lost(full), 3);
	json_log_free(full);
}

/* A limit on the file's size stands for a disk that fills up in the middle of a line. */
static void test_partial_line(void **state)
{
	struct rlimit before, small;
	char text[200], line[512] = "";
	FILE *file;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	memset(text, 'a', sizeof(text));
	small = (struct rlimit){ .rlim_cur = 100, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	json_log_write(events, json_pack("{s:o}", "text", json_text(text, sizeof(text))));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(json_log_lost(events), 1);
	json_log_write(events, event_of(7));
	assert_int_equal(json_log_lost(events), 1);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_in_range(strlen(line), 90, 109);
	while (fgets(line, sizeof(line), file))
		;
	fclose(file);
	assert_string_equal(line, "{\"n\":7}\n");
}

/* --- threads --- */

enum { THREADS = 4, EVENTS = 500 };

static unsigned seen[THREADS];

static void note_seen(const json_t *event)
{
	const char *text = json_string_value(json_object_get(event, "text"));
	int thread = (int)json_integer_value(json_object_get(event, "thread"));
	int n = (int)json_integer_value(json_object_get(event, "n"));

	assert_non_null(text);
	assert_in_range(thread, 0, THREADS - 1);
	assert_int_equal(n, seen[thread]); /* a thread's own lines keep their order */
	seen[thread]++;
	for (; *text; text++)
		assert_int_equal(*text, 'a' + thread);
}

static void *write_many(void *argument)
{
	int thread = (int)(intptr_t)argument;
	char text[2048];

	for (int i = 0; i < EVENTS; i++) {
		size_t n = (size_t)(i * 37 % 2000);

		memset(text, 'a' + thread, n);
		json_log_write(events, json_pack("{s:i, s:i, s:o}", "thread", thread, "n", i,
						 "text", json_text(text, n)));
		if (thread == 0 && i % 50 == 0)
			(void)json_log_reopen(events);
		(void)json_log_lost(events);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (intptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(read_lines(path, note_seen), THREADS * EVENTS);
	assert_int_equal(json_log_lost(events), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_text),       TEST(test_any_text), TEST(test_time),
		TEST(test_append),     TEST(test_rotate),   TEST(test_reopen_fails),
		TEST(test_open_fails), TEST(test_lost),     TEST(test_partial_line),
		TEST(test_threads),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
