/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Intermediates that were not sent: where they are, and what is taken of what is there. */
#include "test/unit/cmocka_all.h"

#include <openssl/pkcs7.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/chain.h"
#include "tls/aia.h"
#include "tls/judge.h"
#include "tls/x509.h"

static EVP_PKEY *key;
static X509 *root, *middle;
static struct der middle_der;

static X509 *make(const char *name, X509 *issuer, const char *access, bool is_ca)
{
	struct chain_recipe recipe = { .name = name, .issuer = issuer, .key = key, .signer = key };
	unsigned n = 0;

	if (is_ca)
		recipe.extensions[n++] = (struct chain_extension)CHAIN_CA;
	else
		recipe.extensions[n++] =
			(struct chain_extension){ NID_subject_alt_name, "DNS:a.example" };
	if (access)
		recipe.extensions[n++] = (struct chain_extension){ NID_info_access, access };
	return chain_make(&recipe);
}

static int setup(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	root = make("Root", NULL, NULL, true);
	middle = make("Middle", root, "caIssuers;URI:http://aia.example/root", true);
	middle_der = chain_der(middle);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	OPENSSL_free((void *)middle_der.bytes);
	X509_free(root);
	X509_free(middle);
	EVP_PKEY_free(key);
	return 0;
}

/* --- where --- */

static void check_url(const char *access, const char *expected)
{
	X509 *leaf = make("leaf", middle, access, false);
	char *url = x509_issuer_url(leaf);

	if (expected)
		assert_string_equal(url, expected);
	else
		assert_null(url);
	free(url);
	X509_free(leaf);
}

static void test_url(void **state)
{
	char longest[2 * AIA_URL_SIZE] = "caIssuers;URI:http://";

	(void)state;
	check_url(NULL, NULL);
	check_url("OCSP;URI:http://a/", NULL);
	check_url("caIssuers;URI:ldap://a/,caIssuers;URI:https://a/,caIssuers;DNS:a", NULL);
	check_url("OCSP;URI:http://a/,caIssuers;URI:HTTP://b/c,caIssuers;URI:http://d/",
		  "HTTP://b/c");
	memset(longest + strlen(longest), 'x', AIA_URL_SIZE);
	check_url(longest, NULL);
}

/* Only what an untrusted chain lacks has an address to go to. */
static void test_judgement(void **state)
{
	char path[] = "/tmp/postern-aia-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");
	X509 *leaf = make("leaf", middle, "caIssuers;URI:http://aia.example/middle", false);
	X509 *lone = make("a.example", NULL, "caIssuers;URI:http://aia.example/lone", false);
	struct der chain[] = { chain_der(leaf), middle_der }, other = chain_der(lone);
	struct judge *judge = judge_new();
	union addr server = { 0 };
	struct verify_subject subject = { .host = "a.example", .server = &server };
	struct judgement *judgement;
	struct trust *trust;

	(void)state;
	PEM_write_X509(file, root);
	fclose(file);
	assert_int_equal(trust_load(&(struct trust_sources){ .store = path }, &trust, NULL), 0);
	unlink(path);
	judgement = judge_chain(judge, trust, chain, 1, &subject, 0);
	assert_int_equal(judgement->verdict, VERIFY_UNTRUSTED);
	assert_string_equal(judgement->issuer_url, "http://aia.example/middle");
	judgement_unref(judgement);
	judgement = judge_chain(judge, trust, chain, 2, &subject, 0);
	assert_int_equal(judgement->verdict, VERIFY_OK);
	assert_null(judgement->issuer_url);
	judgement_unref(judgement);
	judgement = judge_chain(judge, trust, &other, 1, &subject, 0);
	assert_int_equal(judgement->verdict, VERIFY_UNTRUSTED);
	assert_null(judgement->issuer_url); /* it signed itself: there is nothing above it */
	judgement_unref(judgement);
	trust_free(trust);
	judge_free(judge);
	OPENSSL_free((void *)chain[0].bytes);
	OPENSSL_free((void *)other.bytes);
	X509_free(leaf);
	X509_free(lone);
}

/* --- what --- */

/* A message of n certificates without a signature: "certs-only". */
static struct der message_of(unsigned n)
{
	PKCS7 *message = PKCS7_new();
	struct der der = { 0 };
	uint8_t *bytes = NULL;
	int length;

	PKCS7_set_type(message, NID_pkcs7_signed);
	PKCS7_content_new(message, NID_pkcs7_data);
	for (unsigned i = 0; i < n; i++)
		PKCS7_add_certificate(message, i == 0 ? middle : root);
	length = i2d_PKCS7(message, &bytes);
	assert_true(length > 0);
	PKCS7_free(message);
	der.bytes = bytes;
	der.n = (size_t)length;
	return der;
}

static void check_row(struct der answer, unsigned n)
{
	static uint8_t row[AIA_SIZE_MAX];
	struct der found[AIA_CERTIFICATES_MAX];
	size_t n_row = aia_pack(answer, row);

	assert_int_equal(aia_unpack((struct der){ .bytes = row, .n = n_row }, found), n);
	if (n > 0) {
		assert_int_equal(found[0].n, middle_der.n);
		assert_memory_equal(found[0].bytes, middle_der.bytes, middle_der.n);
	}
}

static void test_pack(void **state)
{
	static const unsigned counts[][2] = { { 0, 0 }, { 1, 1 }, { 4, 4 }, { 9, 4 } };
	static const uint8_t garbage[] = { 0x30, 0x82, 0xff, 0xff, 1, 2, 3 };

	(void)state;
	check_row(middle_der, 1);
	check_row((struct der){ .bytes = garbage, .n = sizeof(garbage) }, 0);
	check_row((struct der){ .bytes = garbage, .n = 0 }, 0);
	check_row((struct der){ .bytes = middle_der.bytes, .n = middle_der.n - 1 }, 0);
	for (unsigned i = 0; i < N_OF(counts); i++) {
		struct der message = message_of(counts[i][0]);

		check_row(message, counts[i][1]);
		OPENSSL_free((void *)message.bytes);
	}
}

static void test_unpack(void **state)
{
	static const uint8_t good[] = { 0, 0, 1, 7, 0, 0, 2, 8, 9 };
	static const uint8_t empty[] = { 0, 0, 0 };
	static const uint8_t many[] = {
		0, 0, 1, 7, 0, 0, 1, 7, 0, 0, 1, 7, 0, 0, 1, 7, 0, 0, 1, 7
	};
	struct der found[AIA_CERTIFICATES_MAX];

	(void)state;
	assert_int_equal(aia_unpack((struct der){ .bytes = good, .n = sizeof(good) }, found), 2);
	assert_int_equal(found[1].n, 2);
	assert_int_equal(found[1].bytes[1], 9);
	for (size_t n = 0; n < sizeof(good); n++)
		assert_int_equal(aia_unpack((struct der){ .bytes = good, .n = n }, found), n == 4);
	assert_int_equal(aia_unpack((struct der){ .bytes = empty, .n = 3 }, found), 0);
	assert_int_equal(aia_unpack((struct der){ .bytes = many, .n = sizeof(many) }, found), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_judgement),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_unpack),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
