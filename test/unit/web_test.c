/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the page is made of: words of others in HTML, who may ask, the token, orders, health. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web/guard.h"
#include "web/health.h"
#include "web/plot.h"
#include "web/queues.h"
#include "web/roster.h"
#include "web/text.h"
#include "web/token.h"

/* --- text --- */

static void check_text(void (*put)(struct text *, const char *), const char *given,
		       const char *wanted)
{
	struct text text = { .bytes = NULL };

	text_put(&text, "");
	put(&text, given);
	assert_string_equal(text.bytes, wanted);
	assert_int_equal(text.n, strlen(wanted));
	text_free(&text);
}

static void test_words_of_others(void **state)
{
	(void)state;
	check_text(text_html, "a.example", "a.example");
	check_text(text_html, "<script>\"'&", "&lt;script&gt;&quot;&#39;&amp;");
	check_text(text_html, "\x1b[2J\n\x7f\xc3\xa4\xff", "?[2J?????");
	check_text(text_plain, "<b>\x1b[31m\r\n", "<b>?[31m??");
	check_text(text_query, "a b&c=<%>", "a%20b%26c%3D%3C%25%3E");
	check_text(text_query, "\xff", "%FF");
}

static void test_text_grows(void **state)
{
	struct text text = { .bytes = NULL };

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		text_add(&text, "%05u", i);
	assert_false(text.has_failed);
	assert_int_equal(text.n, 100000);
	assert_memory_equal(text.bytes + 5 * 12345, "12345", 5);
	assert_int_equal(text.bytes[text.n], '\0');
	text_free(&text);
}

static void test_moments(void **state)
{
	struct text text = { .bytes = NULL };

	(void)state;
	text_moment(&text, 0);
	text_moment(&text, 86400 * 1000000ULL);
	assert_string_equal(text.bytes, "never<time datetime=\"1970-01-02T00:00:00Z\">1970-01-02 "
					"00:00:00</time>");
	text_free(&text);
}

/* --- plots --- */

static void test_plot_numbers(void **state)
{
	static const struct {
		enum plot_unit unit;
		double value;
		const char *text;
	} cases[] = {
		{ PLOT_PER_SECOND, 0, "0" },         { PLOT_PER_SECOND, 1.25, "1.2/s" },
		{ PLOT_PER_SECOND, 250, "250/s" },   { PLOT_BYTES, 999, "999 B/s" },
		{ PLOT_BYTES, 1500000, "1.5 MB/s" }, { PLOT_BYTES, 1e18, "1000000 TB/s" },
		{ PLOT_SECONDS, 0.0042, "4.2 ms" },  { PLOT_SECONDS, 0.2, "200 ms" },
		{ PLOT_SECONDS, 2.5, "2.5 s" },      { PLOT_PERCENT, 0.5, "50 %" },
		{ PLOT_PERCENT, 0.025, "2.5 %" },
	};
	char number[PLOT_NUMBER];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(plot_number(cases[i].unit, cases[i].value, number),
				    cases[i].text);
	assert_string_equal(plot_number(PLOT_SECONDS, NAN, number), "–");
}

static void test_plot_ceiling(void **state)
{
	static const double cases[][2] = { { 0, 1 },     { -1, 1 },      { 1, 1 },
					   { 1.1, 2 },   { 2.5, 5 },     { 70, 100 },
					   { 100, 100 }, { 0.03, 0.05 }, { 1e9, 1e9 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_float_equal(plot_ceiling(cases[i][0]), cases[i][1], cases[i][1] * 1e-9);
}

static void test_plot_draws_gaps(void **state)
{
	struct plot *plot = calloc(1, sizeof(*plot));
	struct text text = { .bytes = NULL };

	(void)state;
	assert_non_null(plot);
	plot->title = "t";
	plot->n_series = 1;
	plot->names[0] = "a";
	plot->n = 4;
	plot->values[0][0] = 1;
	plot->values[0][1] = NAN;
	plot->values[0][2] = 1;
	plot->values[0][3] = 0.5;
	plot_draw(&text, plot);
	assert_null(strstr(text.bytes, "nan"));
	/* A point, and a line of two. */
	assert_non_null(strstr(text.bytes, "d=\"M592.0 10.0h0M588.4 10.0L586.6 78.0\""));
	text_free(&text);
	plot->n = 0;
	plot_draw(&text, plot);
	assert_non_null(strstr(text.bytes, "d=\"\""));
	text_free(&text);
	free(plot);
}

/* --- who asks --- */

static void test_hosts_that_are_ours(void **state)
{
	static const char *const ours[] = { "localhost",   "LocalHost:9443", "127.0.0.1",
					    "10.1.2.3:80", "[::1]",          "[2001:db8::1]:9443",
					    "box.example", "BOX.example:1",  "localhost:" };
	static const char *const others[] = {
		"",
		"evil.example",
		"localhost.evil.example",
		"127.0.0.1.evil.example",
		"[::1",
		"[evil]",
		"::1",
		"127.0.0.1:80:80",
		"localhost:x",
		"localhost ",
		":80",
		"127.0.0.1@evil.example",
	};
	char longest[1000];

	(void)state;
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(guard_is_ours(ours[i], "box.example"));
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(guard_is_ours(others[i], "box.example"));
	assert_false(guard_is_ours(NULL, "box.example"));
	assert_false(guard_is_ours("box.example", ""));
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_false(guard_is_ours(longest, ""));
}

static void test_origins(void **state)
{
	static const struct {
		const char *origin, *site;
		bool is_same;
	} cases[] = {
		{ NULL, NULL, true },
		{ "http://127.0.0.1:9443", NULL, true },
		{ "https://127.0.0.1:9443", "same-origin", true },
		{ NULL, "none", true },
		{ "http://127.0.0.1:9443", "same-site", false },
		{ "http://127.0.0.1:9443", "cross-site", false },
		{ "http://127.0.0.1:9444", NULL, false },
		{ "http://127.0.0.1", NULL, false },
		{ "null", NULL, false },
		{ "", NULL, false },
		{ "file://127.0.0.1:9443", NULL, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			guard_is_same_origin(cases[i].origin, cases[i].site, "127.0.0.1:9443"),
			cases[i].is_same);
	assert_false(guard_is_same_origin("http://a", NULL, NULL));
}

/* --- the token --- */

static void test_token(void **state)
{
	char folder[] = "/tmp/web_test.XXXXXX", path[64];
	char token[TOKEN_SIZE], again[TOKEN_SIZE], other[2 * TOKEN_SIZE];
	struct stat st;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/token", folder);
	assert_int_equal(token_read(path, token), -ENOENT);
	assert_false(token_is(path, ""));
	assert_int_equal(token_make(path), 0);
	assert_int_equal(token_make(path), 0); /* the same goes on */
	assert_int_equal(token_read(path, token), 0);
	assert_int_equal(token_read(path, again), 0);
	assert_string_equal(token, again);
	assert_int_equal(strlen(token), TOKEN_SIZE - 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_true(token_is(path, token));
	snprintf(other, sizeof(other), "%s0", token);
	assert_false(token_is(path, other));
	snprintf(other, sizeof(other), "%s", token);
	other[TOKEN_SIZE - 2] ^= 1;
	assert_false(token_is(path, other));
	other[TOKEN_SIZE - 2] = '\0';
	assert_false(token_is(path, other));
	assert_false(token_is(path, ""));
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("short\n", file);
	fclose(file);
	assert_int_equal(token_read(path, token), -EPROTO);
	assert_false(token_is(path, "short"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* --- orders --- */

static void test_orders(void **state)
{
	static const char *const wrong[] = { "",
					     "approve",
					     "approve ",
					     "approve 192.0.2.1",
					     "approve 192.0.2.1 443",
					     "destroy 192.0.2.1 443 a.example",
					     "approve 192.0.2.256 443 a.example",
					     "approve 192.0.2.1 66000 a.example",
					     "approve 192.0.2.1 443 a b",
					     " approve 192.0.2.1 443 a" };
	struct roster_order order;
	char longest[1024];

	(void)state;
	assert_true(roster_order_read("forbid 192.0.2.1 443 *.Example.gov", &order));
	assert_int_equal(order.verb, ROSTER_FORBID);
	assert_string_equal(order.entry.host, "*.example.gov");
	assert_int_equal(addr_port(&order.entry.server), 443);
	assert_true(roster_order_read("forget any 443 ", &order)); /* no name, any address */
	assert_string_equal(order.entry.host, "");
	assert_int_equal(order.entry.server.sa.sa_family, AF_UNSPEC);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(roster_order_read(wrong[i], &order));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "approve ", 8);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(roster_order_read(longest, &order));
}

/* --- health --- */

static struct status well(void)
{
	return (struct status){ .supervisor = (uint32_t)getpid(),
				.engine = 1,
				.certgen = 1,
				.gate = (uint32_t)getpid(),
				.supervisor_beat = 100000,
				.gate_beat = 100000,
				.n_workers = 2,
				.beat = { 100000, 100000 },
				.door = STATUS_DOOR_ARMED };
}

static void check_health(const struct status *status, const char *alive, const char *ready)
{
	char why[HEALTH_WHY_MAX];

	assert_int_equal(health_is_alive(status, 100100, why), alive[0] == '\0');
	assert_string_equal(why, alive);
	assert_int_equal(health_is_ready(status, 100100, why), ready[0] == '\0');
	assert_string_equal(why, ready);
}

static void test_health(void **state)
{
	struct status status = well();

	(void)state;
	check_health(&status, "", "");
	status.door = STATUS_DOOR_OPEN;
	status.why = STATUS_WHY_RULES;
	check_health(&status, "", "the door is open: the rules are not loaded");
	status.beat[1] = 97000;
	check_health(&status, "worker 1 has not answered for 3.1 s",
		     "worker 1 has not answered for 3.1 s");
	status.beat[1] = 0;
	check_health(&status, "worker 1 cannot accept", "worker 1 cannot accept");
	status = well();
	status.n_workers = 0;
	check_health(&status, "the engine is not ready yet", "the engine is not ready yet");
	status.engine = 0;
	check_health(&status, "the engine is gone", "the engine is gone");
	status = well();
	status.certgen = 0;
	check_health(&status, "certgen is gone", "certgen is gone");
	status = well();
	status.gate_beat = 90000;
	check_health(&status, "the gate does not answer", "the gate does not answer");
	status = well();
	status.supervisor_beat = 100100 - STATUS_PATIENCE_MS - 1;
	check_health(&status, "the supervisor does not answer", "the supervisor does not answer");
	status.supervisor = 0;
	check_health(&status, "posternd is not running", "posternd is not running");
}

/* --- queues --- */

static void test_queues(void **state)
{
	struct queues queues;

	(void)state;
	queues_parse("    7  12345     9 2   128     1     1      999  1\n"
		     " 4430 3221225 3 2 128 11 12 456 1\n"
		     " 4431 -99 0 2 4096 0 0 0 1\n"
		     " 4432 1 0 2 4096 0 0 0 1\n 44",
		     4430, &queues);
	assert_int_equal(queues.n, 2);
	assert_int_equal(queues.at[0].number, 4430);
	assert_int_equal(queues.at[0].length, 3);
	assert_int_equal(queues.at[0].queue_dropped, 11);
	assert_int_equal(queues.at[0].socket_dropped, 12);
	assert_int_equal(queues.at[1].number, 4431);
	queues_parse("", 4430, &queues);
	assert_int_equal(queues.n, 0);
	queues_parse("nonsense\n\n4430\n", 4430, &queues);
	assert_int_equal(queues.n, 0);
	queues_read(-1, 4430, &queues);
	assert_int_equal(queues.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_others),
		cmocka_unit_test(test_text_grows),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_plot_numbers),
		cmocka_unit_test(test_plot_ceiling),
		cmocka_unit_test(test_plot_draws_gaps),
		cmocka_unit_test(test_hosts_that_are_ours),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
