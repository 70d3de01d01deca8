/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>
#include <string.h>

#include "certgen/cache.h"

enum { NOW = 1767225600, HOUR = 3600, DAY = 24 * HOUR }; /* 2026-01-01 */

static struct cache_key key_number(uint8_t i)
{
	struct cache_key key = { .bytes = { i } };

	return key;
}

static void test_bounds(void **state)
{
	uint8_t bytes[100] = { 0 };
	const struct cache_leaf leaf = { bytes, sizeof(bytes) };
	struct cache_leaf found;
	struct cache *cache = cache_new(4, 350);

	(void)state;
	for (uint8_t i = 0; i < 4; i++) {
		struct cache_key key = key_number(i), first = key_number(0);

		bytes[0] = i;
		assert_int_equal(cache_put(cache, &key, &leaf, NOW, NOW + DAY), 0);
		assert_true(cache_get(cache, &first, NOW, &found)); /* used: stays */
		assert_int_equal(found.der[0], 0);
	}
	/* 350 bytes hold three: 1 was used longest ago. */
	for (uint8_t i = 0; i < 4; i++) {
		struct cache_key key = key_number(i);

		assert_int_equal(cache_get(cache, &key, NOW, &found), i != 1);
	}
	cache_free(cache);
	cache = cache_new(2, 1000);
	for (uint8_t i = 0; i < 200; i++) {
		struct cache_key key = key_number(i);

		assert_int_equal(cache_put(cache, &key, &leaf, NOW, NOW + DAY), 0);
		assert_int_equal(cache_put(cache, &key, &leaf, NOW, NOW + DAY),
				 0); /* replaces itself */
		assert_true(cache_get(cache, &key, NOW, &found));
	}
	struct cache_key last_but_one = key_number(198), older = key_number(197);

	assert_true(cache_get(cache, &last_but_one, NOW, &found));
	assert_false(cache_get(cache, &older, NOW, &found));
	cache_free(cache);
	cache_free(NULL);
}

static void test_expiry(void **state)
{
	uint8_t bytes[1] = { 0 };
	const struct cache_leaf leaf = { bytes, sizeof(bytes) };
	struct cache_key key = key_number(1);
	struct cache_leaf found;
	struct cache *cache = cache_new(4, 100);

	(void)state;
	cache_put(cache, &key, &leaf, NOW, NOW + DAY);
	assert_true(cache_get(cache, &key, NOW + DAY - HOUR - 1, &found));
	assert_false(cache_get(cache, &key, NOW + DAY - HOUR, &found));
	assert_false(cache_get(cache, &key, NOW, &found)); /* gone */
	cache_put(cache, &key, &leaf, NOW, NOW + 400);
	assert_true(cache_get(cache, &key, NOW + 299, &found));
	assert_false(cache_get(cache, &key, NOW + 300, &found));
	cache_free(cache);
}

static void test_keys(void **state)
{
	struct certgen_request a = { .host = "a", .leaf = (const uint8_t *)"xy", .leaf_length = 2 },
			       b = a;
	struct cache_key spki = key_number(1), ka, kb;

	(void)state;
	cache_key_of(&a, &spki, &ka);
	b.id = 7; /* the one thing that does not matter */
	cache_key_of(&b, &spki, &kb);
	assert_memory_equal(&ka, &kb, sizeof(ka));
	b.kind = CERTGEN_UNTRUSTED;
	cache_key_of(&b, &spki, &kb);
	assert_memory_not_equal(&ka, &kb, sizeof(ka));
	b = a;
	strcpy(b.host, "b");
	cache_key_of(&b, &spki, &kb);
	assert_memory_not_equal(&ka, &kb, sizeof(ka));
	b = a;
	b.leaf_length = 1;
	cache_key_of(&b, &spki, &kb);
	assert_memory_not_equal(&ka, &kb, sizeof(ka));
	spki = key_number(2);
	cache_key_of(&a, &spki, &kb);
	assert_memory_not_equal(&ka, &kb, sizeof(ka));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
