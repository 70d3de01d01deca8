/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/quota.h"

#include "test/unit/cmocka_all.h"

static const uint64_t minute = 60 * 1000000ULL;

static union addr address(const char *text)
{
	union addr addr;

	assert_true(addr_parse(text, 40000, &addr));
	return addr;
}

static void test_quota(void **state)
{
	union addr a = address("192.0.2.1"), b = address("192.0.2.2");
	struct quota quota;

	(void)state;
	quota_init(&quota, 60 * minute);
	for (unsigned i = 0; i < 6; i++)
		assert_true(quota_take(&quota, &a, 6, minute));
	assert_false(quota_take(&quota, &a, 6, minute));
	assert_true(quota_take(&quota, &b, 6, minute));
	assert_false(quota_take(&quota, &a, 6, 10 * minute)); /* one comes back in ten minutes */
	assert_true(quota_take(&quota, &a, 6, 12 * minute));
	assert_false(quota_take(&quota, &a, 6, 12 * minute));
	for (unsigned i = 0; i < 6; i++) /* never more than six */
		assert_true(quota_take(&quota, &a, 6, 1000 * minute));
	assert_false(quota_take(&quota, &a, 6, 1000 * minute));
	assert_false(quota_take(&quota, &a, 6, 900 * minute)); /* the clock was set back */
	quota_deinit(&quota);
}

static void test_quota_by_prefix(void **state)
{
	union addr a = address("2001:db8::1"), b = address("2001:db8::ffff:1");
	union addr c = address("2001:db8:0:1::1"), v4 = address("32.1.13.184");
	struct quota quota;

	(void)state;
	quota_init(&quota, 60 * minute);
	assert_true(quota_take(&quota, &a, 1, minute));
	assert_false(quota_take(&quota, &b, 1, minute));
	assert_true(quota_take(&quota, &c, 1, minute));
	assert_true(quota_take(&quota, &v4, 1, minute)); /* the same bytes, another family */
	quota_deinit(&quota);
}

static void test_quota_is_bounded(void **state)
{
	struct quota quota;

	(void)state;
	quota_init(&quota, 60 * minute);
	for (unsigned i = 0; i <= QUOTA_CLIENTS; i++) {
		union addr client = address("10.0.0.0");

		client.v4.sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_true(quota_take(&quota, &client, 1, minute));
	}
	union addr first = address("10.0.0.0"), second = address("10.0.0.1");

	assert_false(quota_take(&quota, &second, 1, minute));
	assert_true(quota_take(&quota, &first, 1, minute)); /* was forgotten */
	quota_deinit(&quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_quota_by_prefix),
		cmocka_unit_test(test_quota_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
