/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/learn.h"

static struct learned *learned;

static int setup(void **state)
{
	(void)state;
	learned = learned_new(4);
	assert_non_null(learned);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	learned_free(learned);
	return 0;
}

static union addr address(const char *text, uint16_t port)
{
	union addr addr;

	assert_true(addr_parse(text, port, &addr));
	return addr;
}

static void test_key(void **state)
{
	union addr a = address("192.0.2.1", 443), other_port = address("192.0.2.1", 8443);
	union addr other = address("192.0.2.2", 443), none = { 0 };

	(void)state;
	assert_false(learned_has(learned, "a.example", &a, 0));
	assert_int_equal(learned_add(learned, "a.example", &a, 1000), 0);
	assert_true(learned_has(learned, "a.example", &a, 0));
	assert_false(learned_has(learned, "b.example", &a, 0));
	assert_false(learned_has(learned, "a.exampl", &a, 0));
	assert_false(learned_has(learned, "", &a, 0));
	assert_false(learned_has(learned, "a.example", &other, 0));
	assert_false(learned_has(learned, "a.example", &other_port, 0));
	assert_false(learned_has(learned, "a.example", &none, 0));
	/* No name is a name of its own. */
	assert_int_equal(learned_add(learned, "", &other, 1000), 0);
	assert_true(learned_has(learned, "", &other, 0));
	assert_false(learned_has(learned, "a.example", &other, 0));
}

/* An IPv4 address and the start of a name together are no IPv6 address. */
static void test_families(void **state)
{
	union addr v4 = address("192.0.2.1", 443);
	union addr v6 = address("c000:201:6161:6161:6161:6161:6161:6161", 443);

	(void)state;
	assert_int_equal(learned_add(learned, "aaaaaaaaaaaa.example", &v4, 1000), 0);
	assert_false(learned_has(learned, ".example", &v6, 0));
	assert_int_equal(learned_add(learned, "b.example", &v6, 1000), 0);
	assert_false(learned_has(learned, "aaaaaaaaaaaab.example", &v4, 0));
}

static void test_long_names(void **state)
{
	char name[300] = "";
	union addr v6 = address("2001:db8::1", 443);

	(void)state;
	memset(name, 'a', 253); /* the longest DNS name */
	assert_int_equal(learned_add(learned, name, &v6, 1000), 0);
	assert_true(learned_has(learned, name, &v6, 0));
	name[252] = 'b';
	assert_false(learned_has(learned, name, &v6, 0));
}

static void test_expiry(void **state)
{
	union addr a = address("192.0.2.1", 443);

	(void)state;
	assert_int_equal(learned_add(learned, "a.example", &a, 1000), 0);
	assert_true(learned_has(learned, "a.example", &a, 999));
	assert_false(learned_has(learned, "a.example", &a, 1000));
	assert_false(learned_has(learned, "a.example", &a, 5000));
	/* Learned again, it is known again, and once: it takes no second place. */
	assert_int_equal(learned_add(learned, "a.example", &a, 6000), 0);
	assert_true(learned_has(learned, "a.example", &a, 5000));
	for (unsigned i = 0; i < 3; i++) {
		union addr other = address("192.0.2.9", (uint16_t)(i + 1));

		assert_int_equal(learned_add(learned, "b.example", &other, 6000), 0);
	}
	assert_true(learned_has(learned, "a.example", &a, 5000));
}

static void test_oldest_makes_room(void **state)
{
	union addr a = address("192.0.2.1", 443);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%u.example", i);
		assert_int_equal(learned_add(learned, name, &a, 1000), 0);
		for (unsigned j = 0; j <= i; j++) {
			snprintf(name, sizeof(name), "%u.example", j);
			assert_int_equal(learned_has(learned, name, &a, 0), j + 4 > i);
		}
	}
}

/* --- several threads --- */

enum { THREADS = 4, ROUNDS = 3000 };

static void *hammer(void *argument)
{
	unsigned self = (unsigned)(uintptr_t)argument;
	union addr a;
	char name[32];
	uintptr_t wrong = 0;

	addr_parse("192.0.2.1", 443, &a);
	for (unsigned i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "%u.example", (i * 7 + self) % 40);
		if (learned_add(learned, name, &a, 1000 + i) != 0)
			wrong++;
		snprintf(name, sizeof(name), "%u.example", (i * 3 + self) % 40);
		(void)learned_has(learned, name, &a, 500);
		if (learned_has(learned, "never.example", &a, 0) ||
		    !learned_has(learned, "always.example", &a, 0))
			wrong++;
	}
	return (void *)wrong;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	union addr a = address("192.0.2.1", 443);

	(void)state;
	learned_free(learned);
	learned = learned_new(64); /* room for all: nothing is evicted */
	assert_non_null(learned);
	assert_int_equal(learned_add(learned, "always.example", &a, 1), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	for (unsigned i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%u.example", i);
		assert_true(learned_has(learned, name, &a, 500));
	}
}

/* The same with a table that is always full: each answer may be either, and nothing breaks. */
static void *evict(void *argument)
{
	unsigned self = (unsigned)(uintptr_t)argument;
	uintptr_t wrong = 0;
	char name[32];
	union addr a;

	addr_parse("192.0.2.1", 443, &a);
	for (unsigned i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "%u.%u.example", self, i);
		if (learned_add(learned, name, &a, 1000) != 0)
			wrong++;
		(void)learned_has(learned, name, &a, 500);
	}
	return (void *)wrong;
}

static void test_threads_evicting(void **state)
{
	pthread_t threads[THREADS];
	unsigned kept = 0;
	union addr a = address("192.0.2.1", 443);
	char name[32];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, evict, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	for (unsigned i = 0; i < THREADS * ROUNDS; i++) {
		snprintf(name, sizeof(name), "%u.%u.example", i / ROUNDS, i % ROUNDS);
		kept += learned_has(learned, name, &a, 500);
	}
	assert_int_equal(kept, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_key),
		TEST(test_families),
		TEST(test_long_names),
		TEST(test_expiry),
		TEST(test_oldest_makes_room),
		TEST(test_threads),
		TEST(test_threads_evicting),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
