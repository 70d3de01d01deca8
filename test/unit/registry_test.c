/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of names, as an owner writes them. */
#include "test/unit/cmocka_all.h"

#include "base/names.h"
#include "base/registry.h"

static const struct registry *const registries[] = { &registry_suites, &registry_groups,
						     &registry_signatures };

static void test_every_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct registry *registry = registries[i];

		assert_true(registry->n_recommended <= registry->all.n);
		for (unsigned k = 0; k < registry->all.n; k++) {
			struct codepoints read;

			assert_non_null(registry->name(registry->all.at[k]));
			assert_true(registry_read(registry, registry->name(registry->all.at[k]),
						  &read));
			assert_int_equal(read.n, 1);
			assert_int_equal(read.at[0], registry->all.at[k]);
		}
	}
}

static void assert_read(const char *text, const char *written)
{
	struct codepoints read;
	char again[2048];

	assert_true(registry_read(&registry_groups, text, &read));
	registry_write(&registry_groups, &read, again, sizeof(again));
	assert_string_equal(again, written);
}

static void test_lists(void **state)
{
	struct codepoints read = { 0 };
	char text[2048], brief[8];

	(void)state;
	assert_read("all", "all");
	assert_read("secp384r1", "secp384r1");
	assert_read(" secp384r1 ,x25519,  secp256r1", "secp384r1, x25519, secp256r1");
	assert_true(registry_read(&registry_suites, "recommended", &read));
	assert_int_equal(read.n, 9);
	assert_true(codepoints_have(&read, 0x1301));
	assert_false(codepoints_have(&read, 0x002f));
	registry_write(&registry_suites, &read, text, sizeof(text));
	assert_string_equal(text, "recommended");
	read.n = 2;
	registry_write(&registry_suites, &read, text, sizeof(text));
	assert_string_equal(text, "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384");
	registry_write(&registry_suites, &read, brief, sizeof(brief));
	assert_string_equal(brief, "TLS_AES");
	read.n = registry_suites.all.n; /* the longest there is */
	read.at[0] = registry_suites.all.at[1];
	read.at[1] = registry_suites.all.at[0];
	registry_write(&registry_suites, &read, text, sizeof(text));
	assert_true(registry_read(&registry_suites, text, &read));
	assert_int_equal(read.n, registry_suites.all.n);
}

static void test_mistakes(void **state)
{
	static const char *const texts[] = { "",           ",",          "x25519,",
					     "x25519,,",   "x2551",      "x255199",
					     "X25519",     ",x25519",    "x25519 secp256r1",
					     "all,x25519", "x25519,all", "x25519, x25519" };
	struct codepoints read = { .n = 7 };

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(registry_read(&registry_groups, texts[i], &read));
	assert_int_equal(read.n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
