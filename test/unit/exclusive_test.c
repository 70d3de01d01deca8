/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/exclusive.h"

static union addr address(const char *text, uint16_t port)
{
	union addr addr;

	assert_true(addr_parse(text, port, &addr));
	return addr;
}

static void test_three_that_ask(void **state)
{
	struct exclusive *exclusive = exclusive_new(10);
	union addr a = address("192.0.2.1", 443), b = address("2001:db8::1", 443);
	union addr other = address("192.0.2.1", 8443);

	(void)state;
	assert_false(exclusive_note(exclusive, &a, true));
	assert_false(exclusive_note(exclusive, &b, true));
	assert_false(exclusive_note(exclusive, &a, true));
	assert_false(exclusive_note(exclusive, &other, true));
	assert_true(exclusive_note(exclusive, &a, true));
	assert_true(exclusive_note(exclusive, &a, true));
	assert_false(exclusive_note(exclusive, &b, true));
	assert_true(exclusive_note(exclusive, &b, true));
	exclusive_free(exclusive);
}

static void test_one_that_does_not(void **state)
{
	struct exclusive *exclusive = exclusive_new(10);
	union addr a = address("192.0.2.1", 443);

	(void)state;
	for (unsigned i = 0; i < EXCLUSIVE_AFTER; i++)
		(void)exclusive_note(exclusive, &a, true);
	assert_false(exclusive_note(exclusive, &a, false));
	for (unsigned i = 0; i < 2 * EXCLUSIVE_AFTER; i++)
		assert_false(exclusive_note(exclusive, &a, true));
	exclusive_free(exclusive);
}

static void test_room(void **state)
{
	struct exclusive *exclusive = exclusive_new(2);
	union addr a = address("192.0.2.1", 443), b = address("192.0.2.2", 443);
	union addr c = address("192.0.2.3", 443);

	(void)state;
	for (unsigned i = 0; i < EXCLUSIVE_AFTER; i++)
		(void)exclusive_note(exclusive, &a, true);
	(void)exclusive_note(exclusive, &b, true);
	(void)exclusive_note(exclusive, &c, true); /* forgets a */
	assert_false(exclusive_note(exclusive, &a, true));
	exclusive_free(exclusive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_that_ask),
		cmocka_unit_test(test_one_that_does_not),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
