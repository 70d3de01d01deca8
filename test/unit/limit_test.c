/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/limit.h"
#include "cmocka_all.h"

static unsigned take(struct limit *limit, uint64_t now, unsigned n)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += limit_take(limit, now);
	return taken;
}

static void test_burst_and_rate(void **state)
{
	struct limit limit;
	unsigned taken = 0;

	(void)state;
	limit_init(&limit, 100, 250, 5000);
	assert_int_equal(take(&limit, 5000, 1000), 250);
	assert_int_equal(take(&limit, 5009, 10), 0);
	assert_int_equal(take(&limit, 5010, 10), 1);
	for (uint64_t now = 5011; now <= 15010; now += 7)
		taken += take(&limit, now, 10);
	assert_in_range(taken, 998, 1000); /* ten seconds */
	assert_int_equal(take(&limit, 1000000, 1000), 250);
}

static void test_odd_numbers(void **state)
{
	struct limit limit;

	(void)state;
	limit_init(&limit, 0, 1, 0);
	assert_int_equal(take(&limit, 0, 10000), 10000);
	limit_init(&limit, 1, 0, 0);
	assert_int_equal(take(&limit, 0, 10), 1);
	assert_int_equal(take(&limit, 999, 10), 0);
	assert_int_equal(take(&limit, 500, 10), 0); /* a clock that goes back */
	assert_int_equal(take(&limit, 1000, 10), 1);
	limit_init(&limit, 1000000, 10000000, 0);
	assert_int_equal(take(&limit, UINT64_MAX, 100), 100);
	assert_true(limit.credit <= 10000000ULL * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_rate),
		cmocka_unit_test(test_odd_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
