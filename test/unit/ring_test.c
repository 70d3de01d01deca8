/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "tap/ring.h"

enum { SIZE = 100, RECORD = sizeof(struct ring_record) };

static struct ring ring;

static int setup(void **state)
{
	(void)state;
	return ring_init(&ring, SIZE);
}

static int teardown(void **state)
{
	(void)state;
	ring_deinit(&ring);
	return 0;
}

static void put(enum event_type type, const char *text)
{
	assert_true(ring_put(&ring, type, text, strlen(text)));
}

/* Reads with that much room, and expects these texts, one behind the other. */
static void expect(struct ring_reader *reader, uint32_t types, size_t room, const char *want)
{
	uint8_t bytes[SIZE];
	char text[SIZE + 1] = "";
	struct ring_record record;
	size_t n = ring_read(&ring, reader, types, ring.head, bytes, room, 100);

	assert_true(n <= room);
	for (size_t at = 0; at < n; at += RECORD + record.n) {
		memcpy(&record, bytes + at, sizeof(record));
		assert_true(at + RECORD + record.n <= n);
		strncat(text, (const char *)bytes + at + RECORD, record.n);
	}
	assert_string_equal(text, want);
}

static void test_order(void **state)
{
	struct ring_reader first = ring_reader(&ring), second;

	(void)state;
	assert_true(ring_is_read(&ring, &first));
	put(EVENT_ALERT, "one");
	second = ring_reader(&ring); /* what was put before is not for it */
	put(EVENT_STATS, "two");
	put(EVENT_ALERT, "three");
	assert_false(ring_is_read(&ring, &first));
	expect(&first, EVENT_ALL, SIZE, "onetwothree");
	expect(&first, EVENT_ALL, SIZE, "");
	expect(&second, EVENT_ALL, SIZE, "twothree");
	assert_true(ring_is_read(&ring, &first) && ring_is_read(&ring, &second));
}

static void test_kinds(void **state)
{
	struct ring_reader reader = ring_reader(&ring);

	(void)state;
	put(EVENT_ALERT, "a");
	put(EVENT_STATS, "b");
	put(EVENT_ALERT, "c");
	expect(&reader, EVENT_BIT(EVENT_ALERT), SIZE, "ac");
	assert_true(ring_is_read(&ring, &reader));
}

/* What there is no room for stays for the next time, whole. */
static void test_room(void **state)
{
	struct ring_reader reader = ring_reader(&ring);

	(void)state;
	put(EVENT_ALERT, "aaaa");
	put(EVENT_ALERT, "bbbb");
	expect(&reader, EVENT_ALL, RECORD + 4 + RECORD + 3, "aaaa");
	expect(&reader, EVENT_ALL, RECORD + 4, "bbbb");
}

static void test_missed(void **state)
{
	struct ring_reader slow = ring_reader(&ring), fast = ring_reader(&ring);

	(void)state;
	for (unsigned i = 0; i < 20; i++) { /* 20 * 9 bytes: 11 of them fit */
		put(i % 2 ? EVENT_STATS : EVENT_ALERT, i < 10 ? "x" : "y");
		assert_int_equal(ring_missed(&ring, &fast, EVENT_ALL), 0);
		expect(&fast, EVENT_ALL, SIZE, i < 10 ? "x" : "y");
	}
	assert_true(ring.head - ring.tail <= SIZE);
	assert_int_equal(ring_missed(&ring, &slow, EVENT_ALL), 9);
	expect(&slow, EVENT_ALL, SIZE, "xyyyyyyyyyy");
	assert_int_equal(ring_missed(&ring, &slow, EVENT_ALL), 0);
}

/* Of what a reader does not take it misses nothing. */
static void test_missed_of_a_kind(void **state)
{
	struct ring_reader reader = ring_reader(&ring);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		put(i % 4 == 0 ? EVENT_ALERT : EVENT_STATS, "x");
	assert_int_equal(ring_missed(&ring, &reader, EVENT_BIT(EVENT_ALERT)), 3);
	expect(&reader, EVENT_BIT(EVENT_ALERT), SIZE, "xx");
}

static void test_too_large(void **state)
{
	char text[SIZE] = { 0 };

	(void)state;
	assert_false(ring_put(&ring, EVENT_ALERT, text, SIZE - RECORD + 1));
	assert_true(ring_put(&ring, EVENT_ALERT, text, SIZE - RECORD));
	assert_int_equal(ring.head - ring.tail, SIZE);
}

static void test_rewind(void **state)
{
	struct ring_reader reader = ring_reader(&ring);

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		put(EVENT_ALERT, "seven 7");
		expect(&reader, EVENT_ALL, SIZE, "seven 7");
		ring_rewind(&ring);
		assert_memory_equal(ring.bytes + RECORD, "seven 7", 7); /* the same memory */
		assert_int_equal(ring_missed(&ring, &reader, EVENT_ALL), 0);
	}
}

/* Any mixture of lengths: every reader sees each event once, in order, or has it counted. */
static void test_any(void **state)
{
	struct ring_reader readers[3] = { ring_reader(&ring), ring_reader(&ring),
					  ring_reader(&ring) };
	unsigned next[3] = { 0 };
	uint8_t bytes[SIZE];

	(void)state;
	srandom(7);
	for (unsigned n_put = 0; n_put < 20000;) {
		unsigned i = (unsigned)random() % 4;

		if (i == 3) {
			char text[40];
			size_t n = 8 + (size_t)random() % 30;

			memset(text, 0, sizeof(text));
			memcpy(text, &n_put, sizeof(n_put));
			assert_true(ring_put(&ring, EVENT_STATS, text, n));
			n_put++;
			continue;
		}
		next[i] += (unsigned)ring_missed(&ring, &readers[i], EVENT_ALL);
		for (size_t at = 0, n = ring_read(&ring, &readers[i], EVENT_ALL, ring.head, bytes,
						  sizeof(bytes), 1 + (unsigned)random() % 3);
		     at < n;) {
			struct ring_record record;
			unsigned number;

			memcpy(&record, bytes + at, sizeof(record));
			memcpy(&number, bytes + at + RECORD, sizeof(number));
			assert_int_equal(number, next[i]++);
			at += RECORD + record.n;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_order),  TEST(test_kinds),     TEST(test_room),
		TEST(test_missed), TEST(test_too_large), TEST(test_missed_of_a_kind),
		TEST(test_rewind), TEST(test_any),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
