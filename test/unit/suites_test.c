/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client may be shown when a server chose that. */
#include "test/unit/cmocka_all.h"

#include "base/names.h"
#include "tls/suites.h"

static struct hello hello;

/* A client that offers every suite, the best first. */
static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < registry_suites.all.n; i++)
		hello.suites[hello.n_suites++] = registry_suites.all.at[i];
	return 0;
}

static void test_first(void **state)
{
	static const struct {
		uint16_t chosen;
		const char *shown; /* the first of those it may be */
	} all[] = {
		{ 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
		{ 0xc02f, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
		{ 0xc030, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
		{ 0xccaa, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
		{ 0xc027, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA" },
		{ 0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256" }, /* no forward secrecy */
		{ 0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint16_t suites[SUITES_MAX];
		unsigned n = suites_for_client(&hello, &TLS_LIMITS_NONE, all[i].chosen, suites);

		assert_true(n > 0);
		assert_string_equal(names_suite(suites[0]), all[i].shown);
		for (unsigned k = 0; k < n; k++)
			assert_false(suites_is_stronger(suites[k], all[i].chosen));
	}
}

static void test_comparison(void **state)
{
	(void)state;
	assert_true(suites_is_stronger(0xc030, 0xc02f)); /* 256 and 128 bits */
	assert_false(suites_is_stronger(0xc02f, 0xc030));
	assert_true(suites_is_stronger(0xc02f, 0xc028));  /* GCM, and CBC with 256 bits */
	assert_true(suites_is_stronger(0xc028, 0xc02f));  /* each has something of its own */
	assert_true(suites_is_stronger(0xc027, 0xc013));  /* SHA-256 and SHA-1 */
	assert_true(suites_is_stronger(0xc013, 0x002f));  /* forward secrecy */
	assert_false(suites_is_stronger(0xc02b, 0xc02f)); /* our leaf's key is ours */
	for (unsigned i = 0; i < registry_suites.all.n; i++)
		assert_false(
			suites_is_stronger(registry_suites.all.at[i], registry_suites.all.at[i]));
}

/* What the owner does not allow is not shown, and nothing of TLS 1.3 in TLS 1.2. */
static void test_limits(void **state)
{
	struct codepoints few = { 2, { 0xc02f, 0x1301 } };
	struct tls_limits limits = TLS_LIMITS_NONE;
	uint16_t suites[SUITES_MAX];

	(void)state;
	limits.suites = &few;
	assert_int_equal(suites_for_client(&hello, &limits, 0xc030, suites), 1);
	assert_int_equal(suites[0], 0xc02f);
	assert_int_equal(suites_for_client(&hello, &limits, 0x002f, suites), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_comparison),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
