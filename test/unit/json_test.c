/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <string.h>

#include "tap/json.h"

/* --- text --- */

static void expect_text(const char *bytes, size_t n, const char *want)
{
	json_t *text = json_text(bytes, n);

	assert_non_null(text);
	assert_string_equal(json_string_value(text), want);
	assert_int_equal(json_string_length(text), strlen(want));
	json_decref(text);
}

static void test_text(void **state)
{
	(void)state;
	expect_text("", 0, "");
	expect_text(NULL, 0, "");
	expect_text("plain \"quoted\" \\", 16, "plain \"quoted\" \\");
	expect_text("M\xc3\xbcller \xe4\xbe\x8b", 11, "M\xc3\xbcller \xe4\xbe\x8b");
	expect_text("a\nb", 3, "a\\x0ab");
	expect_text("a\0b", 3, "a\\x00b");
	expect_text("\x1b[2J\x7f", 5, "\\x1b[2J\\x7f");
	expect_text("h2\xff", 3, "h2\\xff");
	expect_text("\xc3\xbc\n", 3, "\\xc3\\xbc\\x0a");
	expect_text("\xc3", 1, "\\xc3");                   /* cut inside a letter */
	expect_text("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
	expect_text("\xc0\x80", 2, "\\xc0\\x80");          /* a NUL, disguised */
	expect_text("a\xc2\x9b"
		    "2J",
		    5,
		    "a\\xc2\\x9b"
		    "2J"); /* CSI as one code point */
	expect_text("\xc2\xa0", 2, "\xc2\xa0");
}

/* Every pair of bytes gives a string that can be written and has no control character. */
static void test_any_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x10000; i++) {
		const uint8_t bytes[] = { (uint8_t)(i >> 8), (uint8_t)i };
		json_t *text = json_text(bytes, 2);
		const uint8_t *at = (const uint8_t *)json_string_value(text);

		assert_non_null(at);
		for (; *at; at++) {
			assert_true(*at >= 0x20 && *at != 0x7f);
			assert_false(at[0] == 0xc2 && at[1] < 0xa0);
		}
		json_decref(text);
	}
}

static void test_time(void **state)
{
	static const struct {
		uint64_t us;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000+0000" },
		{ 1795374000123456, "2026-11-22T19:00:00.123456+0000" },
		{ 951782400000007, "2000-02-29T00:00:00.000007+0000" },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(cases); i++) {
		json_t *time = json_time(cases[i].us);

		assert_string_equal(json_string_value(time), cases[i].want);
		json_decref(time);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_any_text),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
