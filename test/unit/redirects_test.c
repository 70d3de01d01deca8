/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody is redirected in circles. */
#include "test/unit/cmocka_all.h"

#include "conn/redirects.h"

static const uint64_t key = 0x123456789abcdef0, other = 0x023456789abcdef0;

static void test_circle(void **state)
{
	static struct redirects redirects;
	uint64_t now = 1000000;

	(void)state;
	assert_true(redirects_allow(&redirects, key, now - 100, now));
	assert_false(redirects_allow(&redirects, key, now + 1, now + 200)); /* it came back */
	assert_true(redirects_allow(&redirects, key, now - 50, now + 300)); /* it had two */
	assert_true(redirects_allow(&redirects, key, now, now + 300));
	assert_false(redirects_allow(&redirects, key, now + 290, now + REDIRECTS_MS - 1));
	assert_true(redirects_allow(&redirects, key, now + 290, now + REDIRECTS_MS));
	assert_false(
		redirects_allow(&redirects, key, now + REDIRECTS_MS + 1, now + REDIRECTS_MS + 2));
}

/* Two in one slot: the later takes it. */
static void test_slot(void **state)
{
	static struct redirects redirects;

	(void)state;
	assert_true(redirects_allow(&redirects, key, 1, 2));
	assert_true(redirects_allow(&redirects, other, 3, 4));
	assert_false(redirects_allow(&redirects, other, 5, 6));
	assert_true(redirects_allow(&redirects, key, 5, 7));
}

/* After the lower half of the clock has begun anew. */
static void test_wrap(void **state)
{
	static struct redirects redirects;
	uint64_t now = UINT32_MAX;

	(void)state;
	assert_true(redirects_allow(&redirects, key, now - 1, now));
	assert_false(redirects_allow(&redirects, key, now + 1, now + 2));
	assert_true(redirects_allow(&redirects, key, now + 1, now + REDIRECTS_MS));
}

/* Zero is a key as any other. */
static void test_zero(void **state)
{
	static struct redirects redirects;

	(void)state;
	assert_true(redirects_allow(&redirects, 0, 0, 0));
	assert_false(redirects_allow(&redirects, 0, 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
