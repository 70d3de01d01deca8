/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses a server on the internet may have. */
#include "test/unit/cmocka_all.h"

#include "base/addr.h"

static void expect(bool is_public, const char *const *texts, unsigned n)
{
	union addr addr;

	for (unsigned i = 0; i < n; i++) {
		assert_true(addr_parse(texts[i], 80, &addr));
		if (addr_is_public(&addr) != is_public)
			fail_msg("%s", texts[i]);
	}
}

static void test_public(void **state)
{
	static const char *const public[] = {
		"1.1.1.1",
		"9.255.255.255",
		"11.0.0.0",
		"100.63.255.255",
		"100.128.0.0",
		"126.0.0.1",
		"128.0.0.1",
		"172.15.0.1",
		"172.32.0.1",
		"192.0.3.1",
		"192.167.0.1",
		"198.17.0.1",
		"198.20.0.1",
		"223.255.255.255",
		"2a00:1450::1",
		"2001:500::1",
		"2620::1",
		"2003::1",
		"2001:4860:4860::8888",
	};
	static const char *const others[] = {
		"0.0.0.0",      "10.0.2.10",      "100.64.0.1", "127.0.0.1",   "169.254.169.254",
		"172.16.0.1",   "172.31.255.255", "192.0.0.1",  "192.0.2.1",   "192.168.1.1",
		"198.18.0.1",   "198.19.255.255", "224.0.0.1",  "240.0.0.1",   "255.255.255.255",
		"198.51.100.1", "203.0.113.1",    "::",         "::1",         "::ffff:10.0.0.1",
		"fe80::1",      "fd00::1",        "ff02::1",    "2001:db8::1", "2002:a00:1::1",
		"2001::1",      "64:ff9b::a00:1",
	};
	union addr none = { 0 };

	(void)state;
	expect(true, public, N_OF(public));
	expect(false, others, N_OF(others));
	assert_false(addr_is_public(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_public) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
