/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tap/line.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct line line;

static int teardown(void **state)
{
	(void)state;
	line_deinit(&line);
	return 0;
}

/* What a reader of JSON makes of the event that was written. */
static json_t *read_it(void)
{
	json_t *event;

	assert_true(line_end(&line));
	event = json_loadb(line.text, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(event);
	return event;
}

/* --- text --- */

static void expect_text(const char *bytes, size_t n, const char *want)
{
	json_t *event;

	line_begin(&line, EVENT_ALERT, 0);
	line_bytes(&line, "text", bytes, n);
	event = read_it();
	assert_string_equal(json_string_value(json_object_get(event, "text")), want);
	json_decref(event);
}

static void test_text(void **state)
{
	(void)state;
	expect_text("", 0, "");
	expect_text("plain \"quoted\" \\", 16, "plain \"quoted\" \\");
	expect_text("M\xc3\xbcller \xe4\xbe\x8b", 11, "M\xc3\xbcller \xe4\xbe\x8b");
	expect_text("a\nb", 3, "a\\x0ab");
	expect_text("a\0b", 3, "a\\x00b");
	expect_text("\x1b[2J\x7f", 5, "\\x1b[2J\\x7f");
	expect_text("h2\xff", 3, "h2\\xff");
	expect_text("\xc3\xbc\n", 3, "\\xc3\\xbc\\x0a");
	expect_text("\xc3", 1, "\\xc3");                            /* cut inside a letter */
	expect_text("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");          /* a surrogate */
	expect_text("\xc0\x80", 2, "\\xc0\\x80");                   /* a NUL, disguised */
	expect_text("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"); /* beyond the last */
	expect_text("\xf0\x8f\x80\x80", 4, "\\xf0\\x8f\\x80\\x80"); /* too long */
	expect_text("\xf0\x9f\x94\x91", 4, "\xf0\x9f\x94\x91");
	expect_text("a\xc2\x9b"
		    "2J",
		    5,
		    "a\\xc2\\x9b"
		    "2J"); /* CSI as one code point */
	expect_text("\xc2\xa0", 2, "\xc2\xa0");
	expect_text("\"},{\"a\":\"", 9, "\"},{\"a\":\"");
}

/* Every three bytes, with some behind: valid JSON without a control character; UTF-8 as it is. */
static void test_any_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x1000000; i += i % 0x10000 < 0x8000 ? 1 : 13) {
		const char bytes[] = { (char)(i >> 16), (char)(i >> 8), (char)i, (char)0x80 };
		json_t *text = json_stringn(bytes, 3);
		const uint8_t *at;

		line_note_begin(&line);
		line_bytes(&line, NULL, bytes, 3);
		assert_false(line.is_broken);
		at = (const uint8_t *)line.text + 1;
		for (size_t j = 0; j + 1 < line.n; j++) {
			assert_true(at[j] >= 0x20 && at[j] != 0x7f);
			assert_false(at[j] == 0xc2 && at[j + 1] < 0xa0);
		}
		/* jansson and this agree on what is UTF-8. */
		if (bytes[0] >= 0 || !text)
			assert_true(text || memmem(line.text, line.n, "\\\\x", 3));
		else if (((uint8_t)bytes[0] & 0xf0) == 0xe0)
			assert_memory_equal(line.text + 2, bytes, 3);
		json_decref(text);
	}
}

/* --- shape --- */

static void test_shape(void **state)
{
	(void)state;
	line_begin(&line, EVENT_STATS, 1795374000123456);
	line_object(&line, "a");
	line_object_end(&line);
	line_object(&line, "b");
	line_number(&line, "n", UINT64_MAX);
	line_text(&line, "none", "");
	line_text(&line, "null", NULL);
	line_flag(&line, "yes", true);
	line_flag(&line, "no", false);
	line_ms(&line, "ms", 1234005);
	line_object_end(&line);
	line_list(&line, "l");
	line_text(&line, NULL, "x");
	line_text(&line, NULL, "y");
	line_object(&line, NULL);
	line_object_end(&line);
	line_list_end(&line);
	assert_true(line_end(&line));
	assert_string_equal(strndupa(line.text, line.n),
			    "{\"timestamp\":\"2026-11-22T19:00:00.123456+0000\","
			    "\"event_type\":\"stats\",\"schema\":\"" LINE_SCHEMA "\",\"a\":{},"
			    "\"b\":{\"n\":18446744073709551615,\"yes\":true,\"no\":false,"
			    "\"ms\":1234.005},\"l\":[\"x\",\"y\",{}]}");
}

static void test_notes(void **state)
{
	char *note;

	(void)state;
	line_note_begin(&line);
	assert_null(line_note_end(&line));
	line_note_begin(&line);
	line_number(&line, "n", 1);
	line_text(&line, "t", "x");
	note = line_note_end(&line);
	assert_string_equal(note, "\"n\":1,\"t\":\"x\"");
	line_begin(&line, EVENT_STATS, 0);
	line_object(&line, "a");
	line_note(&line, note);
	line_note(&line, note);
	line_note(&line, NULL);
	line_object_end(&line);
	assert_true(line_end(&line));
	assert_non_null(
		memmem(line.text, line.n, ",\"a\":{\"n\":1,\"t\":\"x\",\"n\":1,\"t\":\"x\"}}", 35));
	free(note);
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
		line_note_begin(&line);
		line_time(&line, NULL, cases[i].us);
		assert_memory_equal(line.text + 2, cases[i].want, strlen(cases[i].want));
	}
}

/* What is too long is no event, and the next one is. */
static void test_too_long(void **state)
{
	static char text[EVENT_MAX / 2];
	json_t *event;

	(void)state;
	memset(text, '"', sizeof(text));
	line_begin(&line, EVENT_STATS, 0);
	line_bytes(&line, "a", text, sizeof(text));
	line_bytes(&line, "b", text, sizeof(text));
	assert_false(line_end(&line));
	line_begin(&line, EVENT_STATS, 0);
	event = read_it();
	json_decref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
		TEST(test_text),  TEST(test_any_text), TEST(test_shape),
		TEST(test_notes), TEST(test_time),     TEST(test_too_long),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
