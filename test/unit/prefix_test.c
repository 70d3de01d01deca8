/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/prefix.h"

static bool holds(const char *text, const char *address)
{
	struct prefix prefix;
	union addr addr;

	assert_true(prefix_parse(text, &prefix));
	assert_true(addr_parse(address, 443, &addr));
	return prefix_contains(&prefix, &addr);
}

static void test_ipv4(void **state)
{
	(void)state;
	assert_true(holds("192.0.2.0/24", "192.0.2.255"));
	assert_false(holds("192.0.2.0/24", "192.0.3.0"));
	assert_true(holds("10.9.0.0/15", "10.8.1.1"));
	assert_false(holds("10.9.0.0/15", "10.10.0.0"));
	assert_true(holds("192.0.2.128/25", "192.0.2.128"));
	assert_false(holds("192.0.2.128/25", "192.0.2.127"));
	assert_true(holds("192.0.2.7", "192.0.2.7"));
	assert_false(holds("192.0.2.7/32", "192.0.2.6"));
	assert_true(holds("0.0.0.0/0", "203.0.113.9"));
}

static void test_ipv6(void **state)
{
	(void)state;
	assert_true(holds("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(holds("2001:db8::/32", "2001:db9::1"));
	assert_true(holds("2001:db8::/33", "2001:db8:7fff::"));
	assert_false(holds("2001:db8::/33", "2001:db8:8000::"));
	assert_true(holds("::1", "::1"));
	assert_false(holds("::1/128", "::2"));
	assert_true(holds("::/0", "2001:db8::1"));
}

static void test_families_apart(void **state)
{
	struct prefix all;
	union addr none = { .sa.sa_family = AF_UNSPEC };

	(void)state;
	assert_false(holds("0.0.0.0/0", "::"));
	assert_false(holds("::/0", "0.0.0.0"));
	assert_true(prefix_parse("0.0.0.0/0", &all));
	assert_false(prefix_contains(&all, &none));
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"::/129",
		"10.0.0.0/-1",
		"10.0.0.0/8 ",
		"10.0.0.0/0x8",
		"10.0.0/8",
		"10.0.0.0/8/8",
		"::1::/64",
		"host",
		"10.0.0.0/99999999999999999999",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8",
	};
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(prefix_parse(texts[i], &prefix));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_families_apart),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
