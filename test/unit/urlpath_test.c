/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How paths are read for rules, and what does not evade them. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/urlpath.h"

static void test_readings(void **state)
{
	static const struct {
		const char *target, *plain, *lenient;
	} cases[] = {
		{ "/", "/", "/" },
		{ "", "/", "/" },
		{ "*", "/", "/" },
		{ "/a/b?c=/d", "/a/b", "/a/b" },
		{ "/a#b", "/a", "/a" },
		{ "?a", "/", "/" },
		{ "/A/%42/%63", "/a/b/c", "/a/b/c" },
		{ "/a/%2e%2E/b", "/b", "/b" },
		{ "/a/./b/../c", "/a/c", "/a/c" },
		{ "/..", "/", "/" },
		{ "/../../a", "/a", "/a" },
		{ "/a/..", "/", "/" },
		{ "/a/.", "/a/", "/a/" },
		{ "/a/", "/a/", "/a/" },
		{ "//a///b", "//a///b", "/a/b" },
		{ "/a//../b", "/a/b", "/b" },
		{ "/a%2fb", "/a%2fb", "/a/b" },
		{ "/a\\b", "/a\\b", "/a/b" },
		{ "/a%5c..%5cb", "/a\\..\\b", "/b" },
		{ "/%2561", "/%2561", "/a" },
		{ "/%252561", "/%252561", "/a" },
		{ "/%2525252561", "/%2525252561", "/%2561" },
		{ "/a;x=y/b;z", "/a;x=y/b;z", "/a/b" },
		{ "/a/..;/b", "/a/..;/b", "/b" },
		{ "/;/a", "/;/a", "/a" },
		{ "/a./b%20/c. .", "/a./b /c. .", "/a/b/c" },
		{ "/a%00.txt", "/a%00.txt", "/a" },
		{ "/%", "/%", "/%" },
		{ "/%4", "/%4", "/%4" },
		{ "/%zz", "/%zz", "/%zz" },
		{ "/.../a", "/.../a", "/a" },
		{ "/\xc3\xa4", "/\xc3\xa4", "/\xc3\xa4" },
	};
	struct urlpath path;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		urlpath_read(cases[i].target, strlen(cases[i].target), &path);
		assert_false(path.is_unclear);
		assert_string_equal(path.plain, cases[i].plain);
		assert_string_equal(path.lenient, cases[i].lenient);
	}
}

static bool is_hit(const char *target, const char *pattern, bool in_all)
{
	struct urlpath path;
	char *prepared = strdup(pattern);
	bool hit;

	assert_null(urlpath_pattern_problem(pattern));
	urlpath_pattern_prepare(prepared);
	urlpath_read(target, strlen(target), &path);
	hit = urlpath_matches(&path, prepared, in_all);
	free(prepared);
	return hit;
}

static void test_patterns(void **state)
{
	(void)state;
	assert_true(is_hit("/admin", "/admin", true));
	assert_true(is_hit("/admin/", "/Admin", true));
	assert_true(is_hit("/admin/x?y", "/admin/", true));
	assert_true(is_hit("/admin", "/admin/", true));
	assert_false(is_hit("/administrator", "/admin", false));
	assert_false(is_hit("/a/admin", "/admin", false));
	assert_true(is_hit("/anything", "/", true));
	assert_true(is_hit("/a/b.exe", "/*.exe", true));
	assert_false(is_hit("/a/b.exe/c", "/*.exe", true));
	assert_true(is_hit("/user/7/secret", "/user/*/secret", true));
}

/* Each reaches /admin on some server. */
static void test_evasions(void **state)
{
	static const char *const targets[] = {
		"/ADMIN",          "/%61dmin",     "/./admin",         "/x/../admin",
		"/x/%2e%2e/admin", "//admin",      "/x//..//../admin", "/admin;x",
		"/;x/admin",       "/%2561dmin",   "/x%2f..%2fadmin",  "/x/..%252fadmin",
		"/x\\..\\admin",   "/admin%00",    "/admin.",          "/admin%20",
		"/admin/../admin", "/x/..;/admin", "/%2fadmin",        "/admin%2f",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_true(is_hit(targets[i], "/admin", false));
	/* And what is only perhaps below what is allowed is not. */
	assert_false(is_hit("/public/..%2fadmin", "/public", true));
	assert_false(is_hit("/public/..;/admin", "/public", true));
	assert_false(is_hit("/public\\..\\admin", "/public", true));
}

static void test_length(void **state)
{
	char target[URLPATH_MAX + 10];
	struct urlpath path;

	(void)state;
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	urlpath_read(target, URLPATH_MAX, &path);
	assert_false(path.is_unclear);
	assert_int_equal(strlen(path.plain), URLPATH_MAX);
	urlpath_read(target, URLPATH_MAX + 1, &path);
	assert_true(path.is_unclear);
	assert_true(urlpath_matches(&path, "/x", false));
	assert_false(urlpath_matches(&path, "", true));
	target[URLPATH_MAX - 5] = '?';
	urlpath_read(target, sizeof(target), &path);
	assert_false(path.is_unclear);
}

static void test_problems(void **state)
{
	static const char *const bad[] = { "",      "admin", "*.exe", "/a?b",   "/a#b",   "/a%20b",
					   "/a[b]", "/a;b",  "/a//b", "/a/./b", "/a/../b" };

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(urlpath_pattern_problem(bad[i]));
	assert_null(urlpath_pattern_problem("/a b/\xc3\xa4/*.x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readings), cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_evasions), cmocka_unit_test(test_length),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
