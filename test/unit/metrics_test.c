/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters in shared memory: histograms, sums, who takes an older file over; the ring of alerts. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alerts.h"
#include "base/metrics.h"

static char folder[] = "/tmp/metrics_test.XXXXXX";
static char path[64], file[80];

static int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/status", folder);
	snprintf(file, sizeof(file), "%s.metrics", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(folder);
}

static void test_reader_sees_sums(void **state)
{
	const struct metrics *seen;
	struct metrics_block sum;
	struct metrics *metrics;
	struct stat st;

	(void)state;
	assert_int_equal(metrics_create(path, "words", 3, false, &metrics), 0);
	assert_int_equal(metrics_open(path, "words", &seen), 0);
	for (unsigned w = 0; w < 3; w++) {
		metrics_add(&metrics->workers[w].block.counts[METRICS_ACCEPTED], w + 1);
		metrics_add(&metrics->workers[w].block.connections[1][2], 10);
		metrics_time(&metrics->workers[w].block, METRICS_DIAL, 100);
	}
	metrics_sum(seen, &sum);
	assert_int_equal(sum.counts[METRICS_ACCEPTED], 6);
	assert_int_equal(sum.connections[1][2], 30);
	assert_int_equal(sum.connections[1][1], 0);
	assert_int_equal(sum.times[METRICS_DIAL].sum, 300);
	assert_int_equal((uintptr_t)&metrics->workers[1] % 64, 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	metrics_close(seen);
	metrics_close(metrics);
	metrics_close(NULL);
}

/* "At most" the bound, as Prometheus reads `le`. */
static void test_buckets(void **state)
{
	static const struct {
		uint64_t us;
		unsigned bucket;
	} cases[] = {
		{ 0, 0 },
		{ 1, 0 },
		{ 64, 0 },
		{ 65, 1 },
		{ 128, 1 },
		{ 129, 2 },
		{ 256, 2 },
		{ 64ULL << 21, 21 },
		{ (64ULL << 21) + 1, METRICS_BUCKETS },
		{ UINT64_MAX, METRICS_BUCKETS },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metrics_block block = { 0 };

		metrics_time(&block, METRICS_PROBE, cases[i].us);
		for (unsigned b = 0; b <= METRICS_BUCKETS; b++)
			assert_int_equal(block.times[METRICS_PROBE].buckets[b],
					 b == cases[i].bucket);
	}
}

static void test_upgrade_goes_on(void **state)
{
	struct metrics *old, *new;

	(void)state;
	assert_int_equal(metrics_create(path, "words", 2, false, &old), 0);
	metrics_add(&old->workers[1].block.counts[METRICS_ACCEPTED], 5);
	assert_int_equal(metrics_create(path, "words", 2, true, &new), 0);
	metrics_add(&new->workers[1].block.counts[METRICS_ACCEPTED], 1);
	metrics_add(&old->workers[1].block.counts[METRICS_ACCEPTED], 1);
	assert_int_equal(new->workers[1].block.counts[METRICS_ACCEPTED], 7);
	metrics_close(old);
	metrics_close(new);
}

static void test_others_are_not_taken(void **state)
{
	static const struct {
		const char *words;
		unsigned n_workers;
		bool goes_on;
	} cases[] = { { "words", 2, false }, { "other words", 2, true }, { "words", 3, true } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metrics *old, *new;

		assert_int_equal(metrics_create(path, "words", 2, false, &old), 0);
		metrics_add(&old->workers[0].block.counts[METRICS_ACCEPTED], 5);
		assert_int_equal(metrics_create(path, cases[i].words, cases[i].n_workers,
						cases[i].goes_on, &new),
				 0);
		assert_int_equal(new->workers[0].block.counts[METRICS_ACCEPTED], 0);
		metrics_close(old);
		metrics_close(new);
	}
}

static void put(const void *bytes, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void test_foreign_files(void **state)
{
	const struct metrics *seen;
	struct metrics head = { .magic = METRICS_MAGIC, .n_workers = 1000000 };

	(void)state;
	assert_int_equal(metrics_open(path, "words", &seen), -ENOENT);
	put("", 0);
	assert_int_equal(metrics_open(path, "words", &seen), -EPROTO);
	put(&head, sizeof(head));
	assert_int_equal(metrics_open(path, "words", &seen), -EPROTO);
	head.n_workers = 0;
	put(&head, sizeof(head));
	assert_int_equal(metrics_open(path, "words", &seen), -EPROTO); /* other words */
}

/* --- alerts --- */

static void test_alerts_newest_first(void **state)
{
	static struct alert alerts[METRICS_ALERTS_KEPT];
	struct metrics *metrics;
	char text[16];

	(void)state;
	assert_int_equal(metrics_create(path, "", 0, false, &metrics), 0);
	assert_int_equal(alert_list(metrics, alerts), 0);
	for (unsigned i = 0; i < METRICS_ALERTS_KEPT + 10; i++)
		alert_add(metrics, METRICS_ALERT_PINNED, "number %u", i);
	assert_int_equal(metrics->alerts[METRICS_ALERT_PINNED], METRICS_ALERTS_KEPT + 10);
	assert_int_equal(alert_list(metrics, alerts), METRICS_ALERTS_KEPT);
	for (unsigned i = 0; i < METRICS_ALERTS_KEPT; i++) {
		snprintf(text, sizeof(text), "number %u", METRICS_ALERTS_KEPT + 9 - i);
		assert_string_equal(alerts[i].text, text);
		assert_true(alerts[i].when > 0);
		assert_int_equal(alerts[i].kind, METRICS_ALERT_PINNED);
	}
	assert_string_equal(alert_text(METRICS_ALERT_PINNED), "pinned");
	assert_string_equal(alert_text((enum metrics_alert_kind)99), "?");
	metrics_close(metrics);
}

static void test_long_text_is_cut(void **state)
{
	static struct alert alerts[METRICS_ALERTS_KEPT];
	char text[2 * METRICS_ALERT_TEXT];
	struct metrics *metrics;

	(void)state;
	assert_int_equal(metrics_create(path, "", 0, false, &metrics), 0);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	alert_add(metrics, METRICS_ALERT_IMPOSTOR, "%s", text);
	assert_int_equal(alert_list(metrics, alerts), 1);
	assert_int_equal(strlen(alerts[0].text), METRICS_ALERT_TEXT - 1);
	metrics_close(metrics);
}

/* A writer that died in the middle. */
static void test_torn_slot_is_left_out(void **state)
{
	static struct alert alerts[METRICS_ALERTS_KEPT];
	struct metrics *metrics;

	(void)state;
	assert_int_equal(metrics_create(path, "", 0, false, &metrics), 0);
	metrics->slots[0].turn = 1;
	alert_add(metrics, METRICS_ALERT_PINNED, "lost");
	alert_add(metrics, METRICS_ALERT_PINNED, "kept");
	assert_int_equal(alert_list(metrics, alerts), 1);
	assert_string_equal(alerts[0].text, "kept");
	assert_int_equal(metrics->alerts[METRICS_ALERT_PINNED], 2);
	metrics_close(metrics);
}

enum { WRITERS = 4, ROUNDS = 5000 };

static void *write_alerts(void *argument)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		alert_add(argument, METRICS_ALERT_PINNED, "%08x%08x%08x", i, i, i);
	return NULL;
}

static void test_texts_are_never_mixed(void **state)
{
	static struct alert alerts[METRICS_ALERTS_KEPT];
	pthread_t threads[WRITERS];
	struct metrics *metrics;

	(void)state;
	assert_int_equal(metrics_create(path, "", 0, false, &metrics), 0);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_alerts, metrics), 0);
	while (metrics->alerts[METRICS_ALERT_PINNED] < WRITERS * ROUNDS) {
		unsigned n = alert_list(metrics, alerts);

		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(strlen(alerts[i].text), 24);
			assert_memory_equal(alerts[i].text, alerts[i].text + 8, 16);
		}
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	metrics_close(metrics);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reader_sees_sums),      TEST(test_buckets),
		TEST(test_upgrade_goes_on),       TEST(test_others_are_not_taken),
		TEST(test_foreign_files),         TEST(test_alerts_newest_first),
		TEST(test_long_text_is_cut),      TEST(test_torn_slot_is_left_out),
		TEST(test_texts_are_never_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
