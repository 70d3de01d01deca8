/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/hostset.h"

static bool admit_all(const void *context, uint32_t value)
{
	(void)context;
	(void)value;
	return true;
}

static bool admit_odd(const void *context, uint32_t value)
{
	(void)context;
	return value % 2 == 1;
}

static void add(struct hostset *set, const char *text, uint32_t value)
{
	struct pattern pattern;

	assert_null(pattern_parse(text, &pattern));
	assert_int_equal(hostset_add(set, &pattern, value), 0);
}

static uint32_t find(const struct hostset *set, const char *host)
{
	return hostset_lowest(set, host, admit_all, NULL);
}

static bool matches(const char *pattern, const char *host)
{
	struct hostset set = { 0 };
	uint32_t value;

	add(&set, pattern, 7);
	value = find(&set, host);
	hostset_deinit(&set);
	assert_true(value == 7 || value == HOSTSET_NONE);
	return value == 7;
}

static void test_tree(void **state)
{
	(void)state;
	assert_true(matches(".gov", "gov"));
	assert_true(matches(".gov", "login.gov"));
	assert_true(matches(".gov", "a.b.c.login.gov."));
	assert_true(matches(".Login.GOV.", "secure.login.gov"));
	assert_false(matches(".gov", "notgov"));
	assert_false(matches(".gov", "gov.example"));
	assert_false(matches(".login.gov", "gov"));
	assert_false(matches(".login.gov", "mylogin.gov"));
	assert_false(matches(".gov", ""));
	assert_false(matches(".gov", "."));
}

static void test_exact_and_below(void **state)
{
	(void)state;
	assert_true(matches("Example.com", "example.com"));
	assert_true(matches("example.com.", "example.com."));
	assert_false(matches("example.com", "www.example.com"));
	assert_false(matches("example.com", "com"));
	assert_true(matches("*.example.com", "www.example.com"));
	assert_true(matches("*.example.com", "a.b.example.com"));
	assert_false(matches("*.example.com", "example.com"));
	assert_false(matches("*.example.com", "badexample.com"));
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(matches("*", "anything.example"));
	assert_false(matches("*", ""));
	assert_true(matches("ads*.example", "ads.example"));
	assert_true(matches("ads*.example", "ads7.net.example"));
	assert_false(matches("ads*.example", "xads.example"));
	assert_true(matches("a?c.example", "abc.example"));
	assert_false(matches("a?c.example", "ac.example"));
	assert_true(matches("[a-c][!0-9].example", "bx.example"));
	assert_false(matches("[a-c][!0-9].example", "b5.example"));
	assert_false(matches("[a-c][!0-9].example", "dx.example"));
	assert_true(matches("x[a-].example", "x-.example"));
	assert_true(matches("x[-a].example", "xa.example"));
	assert_true(matches("*a*b*c", "xxaxxbxbc"));
	assert_false(matches("*a*b*c", "xxaxxbxbcd"));
	assert_true(matches("*.*.example", "a.b.example"));
	assert_false(matches("*.*.example", "a.example"));
}

/* A glob for which trying everything would take longer than the universe lasts. */
static void test_glob_is_not_exponential(void **state)
{
	char host[PATTERN_NAME_MAX + 1];

	(void)state;
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_false(matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", host));
}

static void test_values(void **state)
{
	struct hostset set = { 0 };

	(void)state;
	assert_int_equal(find(&set, "empty.example"), HOSTSET_NONE);
	add(&set, ".example", 4);
	add(&set, "www.example", 6);
	add(&set, "www.example", 3);
	add(&set, "*.example", 8);
	add(&set, "w*", 5);
	assert_int_equal(find(&set, "www.example"), 3);
	assert_int_equal(find(&set, "web.example"), 4);
	assert_int_equal(find(&set, "web.net"), 5);
	assert_int_equal(hostset_lowest(&set, "www.example", admit_odd, NULL), 3);
	assert_int_equal(hostset_lowest(&set, "web.example", admit_odd, NULL), 5);
	assert_int_equal(hostset_lowest(&set, "ftp.example", admit_odd, NULL), HOSTSET_NONE);

	/* One name with one value twice reaches as far as both. */
	add(&set, "both.test", 9);
	add(&set, "*.both.test", 9);
	assert_int_equal(find(&set, "both.test"), 9);
	assert_int_equal(find(&set, "a.both.test"), 9);
	hostset_deinit(&set);
}

static void test_many(void **state)
{
	enum { MANY = 50000 };
	struct hostset set = { 0 };
	char text[64];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), ".host%u.example", i);
		add(&set, text, i);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "www.host%u.example", i);
		assert_int_equal(find(&set, text), i);
		snprintf(text, sizeof(text), "www.host%ux.example", i);
		assert_int_equal(find(&set, text), HOSTSET_NONE);
	}
	hostset_deinit(&set);
}

static void test_long_hosts(void **state)
{
	char host[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(host) - 1; i++)
		host[i] = i % 2 ? '.' : 'a';
	host[sizeof(host) - 1] = '\0';
	assert_false(matches(".a", host)); /* no host name is that long */
	host[PATTERN_NAME_MAX] = '\0';
	assert_true(matches(".a", host));
	assert_false(matches(".b", host));
}

static void test_refused(void **state)
{
	static const char label64[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{ "", "it is empty" },
		{ ".", "an empty label" },
		{ "*.", "an empty label" },
		{ "..gov", "an empty label" },
		{ "a..b", "an empty label" },
		{ "a.b..", "an empty label" },
		{ "a b", "a character that no host name has" },
		{ "https://example.com", "a character that no host name has" },
		{ ".ads*.example", "a character that no host name has" },
		{ "ads*/", "a character that no host name has" },
		{ "b\xc3\xbc"
		  "cher.example",
		  "an international name is written in its xn-- form" },
		{ "a[b.example", "a [set] that is not closed" },
		{ "a[!", "a [set] that is not closed" },
		{ "a[]", "an empty [set]" },
		{ "a[b*]", "a character that no host name has" },
		{ label64, "a label longer than 63 characters" },
	};
	struct pattern pattern;
	char text[PATTERN_NAME_MAX + 3];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(pattern_parse(cases[i].text, &pattern), cases[i].problem);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_string_equal(pattern_parse(text, &pattern), "longer than 253 characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),       cmocka_unit_test(test_exact_and_below),
		cmocka_unit_test(test_glob),       cmocka_unit_test(test_glob_is_not_exponential),
		cmocka_unit_test(test_values),     cmocka_unit_test(test_many),
		cmocka_unit_test(test_long_hosts), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
