/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers as Prometheus reads them, the page of the manual that lists them, and the history. */
#include "test/unit/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "web/history.h"
#include "web/prometheus.h"

static char folder[] = "/tmp/prometheus_test.XXXXXX";
static char path[64], file[80];
static struct metrics *metrics;

static int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/status", folder);
	snprintf(file, sizeof(file), "%s.metrics", path);
	return metrics_create(path, "", 2, false, &metrics);
}

static int teardown(void **state)
{
	(void)state;
	metrics_close(metrics);
	(void)unlink(file);
	return rmdir(folder);
}

static void assert_line(const struct text *text, const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text->bytes, whole))
		fail_msg("no line '%s'", line);
}

static void test_exposition(void **state)
{
	static const struct queues queues = { .n = 1, .at = { { 4430, 2, 3, 4 } } };
	const struct status status = {
		.n_workers = 2, .beat = { 1000, 0 }, .engine_starts = 3, .unjudged = 17, .mode = 1
	};
	const struct prometheus numbers = {
		.status = &status, .metrics = metrics, .queues = &queues, .now = 3500
	};
	struct text text = { .bytes = NULL };

	(void)state;
	metrics_add(&metrics->workers[0].block.connections[1][0], 5);
	metrics_add(&metrics->workers[1].block.connections[1][0], 2);
	metrics_time(&metrics->workers[0].block, METRICS_PROBE, 100);
	metrics_time(&metrics->workers[1].block, METRICS_PROBE, 100);
	metrics_time(&metrics->workers[1].block, METRICS_PROBE, UINT32_MAX);
	metrics->learned[0][1] = 9;
	metrics->workers[1].block.counts[METRICS_CPU] = 1500000;
	prometheus_write(&text, &numbers);
	assert_line(&text, "# TYPE postern_connections_total counter");
	assert_line(&text, "postern_connections_total{fate=\"pass\",reason=\"rule\"} 7");
	assert_line(&text, "postern_connections_total{fate=\"block\",reason=\"shutdown\"} 0");
	assert_line(&text, "postern_handshake_seconds_bucket{leg=\"upstream\",le=\"6.4e-05\"} 0");
	assert_line(&text, "postern_handshake_seconds_bucket{leg=\"upstream\",le=\"0.000128\"} 2");
	assert_line(&text, "postern_handshake_seconds_bucket{leg=\"upstream\",le=\"134.218\"} 2");
	assert_line(&text, "postern_handshake_seconds_bucket{leg=\"upstream\",le=\"+Inf\"} 3");
	assert_line(&text, "postern_handshake_seconds_count{leg=\"upstream\"} 3");
	assert_line(&text, "postern_handshake_seconds_sum{leg=\"upstream\"} 4294.967495");
	assert_line(&text, "postern_certgen_seconds_count 0");
	assert_line(&text, "postern_learned_entries{class=\"asked\",state=\"pending\"} 9");
	assert_line(&text, "postern_worker_cpu_seconds_total{worker=\"1\"} 1.500000");
	assert_line(&text, "postern_worker_beat_age_seconds{worker=\"0\"} 2.500");
	assert_null(strstr(text.bytes, "postern_worker_beat_age_seconds{worker=\"1\"}"));
	assert_line(&text, "postern_queue_length{queue=\"4430\"} 2");
	assert_line(&text, "postern_queue_dropped_total{queue=\"4430\",full=\"socket\"} 4");
	assert_line(&text, "postern_unjudged_connections_total 17");
	assert_line(&text, "postern_on_failure{mode=\"closed\"} 1");
	assert_line(&text, "postern_alive 0");
	assert_false(text.has_failed);
	text_free(&text);
}

/* doc/metrics.md has a row for each, with the same words, and none beside. */
static void test_page_has_every_metric(void **state)
{
	static char page[65536];
	FILE *doc = fopen(POSTERN_TEST_DATA "/../../doc/metrics.md", "r");
	char *list = strdup(prometheus_list()), *rest = list, *line;
	unsigned n = 0, n_rows = 0;

	(void)state;
	assert_non_null(doc);
	page[fread(page, 1, sizeof(page) - 1, doc)] = '\0';
	fclose(doc);
	while ((line = strsep(&rest, "\n")) && *line) {
		char row[512];
		const char *name = strsep(&line, "\t"), *type = strsep(&line, "\t");

		snprintf(row, sizeof(row), "\n| `%s` | %s |", name, type);
		if (!strstr(page, row) || !strstr(strstr(page, row), line))
			fail_msg("doc/metrics.md has no row %s%s", row + 1, line);
		n++;
	}
	for (const char *at = page; (at = strstr(at, "\n| `postern_")); at++)
		n_rows++;
	assert_int_equal(n_rows, n);
	free(list);
}

/* --- history --- */

static void test_rates_and_quantiles(void **state)
{
	struct history *history = calloc(1, sizeof(*history));
	const struct sample *from, *to;

	(void)state;
	assert_non_null(history);
	assert_null(history_back(history, 0));
	history_add(history, metrics, 1000000);
	metrics_add(&metrics->workers[0].block.connections[0][3], 30);
	metrics_add(&metrics->workers[1].block.connections[0][4], 10);
	metrics_add(&metrics->workers[1].block.bytes[2][1], 4000);
	metrics_add(&metrics->workers[1].block.counts[METRICS_CPU], 1000000);
	for (unsigned i = 0; i < 100; i++)
		metrics_time(&metrics->workers[0].block, METRICS_CERTGEN, i < 90 ? 100 : 5000);
	history_add(history, metrics, 3000000);
	to = history_back(history, 0);
	from = history_back(history, 1);
	assert_null(history_back(history, 2));
	assert_float_equal(sample_connections(from, to, 0), 20, 1e-9);
	assert_float_equal(sample_connections(from, to, 1), 0, 1e-9);
	assert_float_equal(sample_bytes(from, to, 1), 2000, 1e-9);
	assert_float_equal(sample_cpu(from, to), 0.5, 1e-9);
	assert_float_equal(sample_quantile(from, to, METRICS_CERTGEN, 0.45), 0.000096, 1e-9);
	assert_true(sample_quantile(from, to, METRICS_CERTGEN, 0.99) > 0.004096);
	assert_true(isnan(sample_quantile(from, to, METRICS_DIAL, 0.5)));
	assert_float_equal(sample_connections(to, to, 0), 0, 1e-9);
	assert_int_equal(block_times(&to->sum, METRICS_CERTGEN), 100);
	for (unsigned i = 0; i < 2 * HISTORY_N; i++)
		history_add(history, metrics, 4000000 + i);
	assert_int_equal(history_back(history, 0)->when, 4000000 + 2 * HISTORY_N - 1);
	assert_int_equal(history_back(history, HISTORY_N - 1)->when, 4000000 + HISTORY_N);
	assert_null(history_back(history, HISTORY_N));
	free(history);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exposition),
		TEST(test_page_has_every_metric),
		TEST(test_rates_and_quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
