/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to OCSP responders, and what of their answers is believed. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <openssl/ocsp.h>

#include "test/unit/chain.h"
#include "tls/ocsp.h"

static EVP_PKEY *issuer_key, *leaf_key, *other_key;
static X509 *issuer, *leaf, *sibling, *responder, *stranger;
static struct der issuer_der, leaf_der, sibling_der;

static X509 *make(const char *name, X509 *above, EVP_PKEY *key, const char *purpose,
		  const char *access)
{
	struct chain_recipe recipe = {
		.name = name, .issuer = above, .key = key, .signer = issuer_key
	};
	unsigned n = 0;

	if (!above)
		recipe.extensions[n++] = (struct chain_extension)CHAIN_CA;
	if (purpose)
		recipe.extensions[n++] = (struct chain_extension){ NID_ext_key_usage, purpose };
	if (access)
		recipe.extensions[n++] = (struct chain_extension){ NID_info_access, access };
	return chain_make(&recipe);
}

static int setup(void **state)
{
	(void)state;
	issuer_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	issuer = make("Issuer", NULL, issuer_key, NULL, NULL);
	leaf = make("leaf", issuer, leaf_key, "serverAuth",
		    "OCSP;URI:ldap://x/,OCSP;URI:http://ocsp.example/a,OCSP;URI:http://second/");
	sibling = make("sibling", issuer, leaf_key, "serverAuth", NULL);
	responder = make("responder", issuer, other_key, "OCSPSigning", NULL);
	stranger = make("stranger", issuer, other_key, "clientAuth", NULL);
	issuer_der = chain_der(issuer);
	leaf_der = chain_der(leaf);
	sibling_der = chain_der(sibling);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	OPENSSL_free((void *)issuer_der.bytes);
	OPENSSL_free((void *)leaf_der.bytes);
	OPENSSL_free((void *)sibling_der.bytes);
	X509_free(issuer);
	X509_free(leaf);
	X509_free(sibling);
	X509_free(responder);
	X509_free(stranger);
	EVP_PKEY_free(issuer_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(other_key);
	return 0;
}

static void test_question(void **state)
{
	struct ocsp_question question, other;
	const uint8_t *at = question.request;
	OCSP_REQUEST *request;

	(void)state;
	assert_int_equal(ocsp_ask(leaf_der, issuer_der, &question), 0);
	assert_string_equal(question.url, "http://ocsp.example/a");
	assert_false(question.must_be_answered);
	request = d2i_OCSP_REQUEST(NULL, &at, (long)question.n);
	assert_non_null(request);
	assert_int_equal(OCSP_request_onereq_count(request), 1);
	OCSP_REQUEST_free(request);
	assert_int_equal(ocsp_ask(sibling_der, issuer_der, &other), 0);
	assert_string_equal(other.url, "");
	assert_memory_not_equal(question.key, other.key, sizeof(other.key));
	assert_int_equal(ocsp_ask((struct der){ 0 }, issuer_der, &other), -EBADMSG);
	assert_int_equal(ocsp_ask(leaf_der, (struct der){ 0 }, &other), -EBADMSG);
}

static void test_must_staple(void **state)
{
	struct chain_recipe recipe = { .name = "stapled",
				       .issuer = issuer,
				       .key = leaf_key,
				       .signer = issuer_key,
				       .extensions = { { NID_tlsfeature, "status_request" } } };
	X509 *x509 = chain_make(&recipe);
	struct der der = chain_der(x509);
	struct ocsp_question question;

	(void)state;
	assert_int_equal(ocsp_ask(der, issuer_der, &question), 0);
	assert_true(question.must_be_answered);
	OPENSSL_free((void *)der.bytes);
	X509_free(x509);
}

struct answer {
	X509 *about, *signer;
	EVP_PKEY *key;
	int status;
	long from, till; /* seconds from now; till 0: it does not say */
};

static struct der make_answer(const struct answer *answer)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), answer->about, issuer);
	ASN1_TIME *from = X509_gmtime_adj(NULL, answer->from);
	ASN1_TIME *till = answer->till ? X509_gmtime_adj(NULL, answer->till) : NULL;
	OCSP_RESPONSE *response;
	uint8_t *bytes = NULL;
	int n;

	assert_non_null(OCSP_basic_add1_status(basic, id, answer->status, 0, from, from, till));
	assert_int_equal(OCSP_basic_sign(basic, answer->signer, answer->key, EVP_sha256(), NULL, 0),
			 1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	n = i2d_OCSP_RESPONSE(response, &bytes);
	assert_true(n > 0);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(till);
	return (struct der){ .bytes = bytes, .n = (size_t)n };
}

static enum ocsp_status judge(struct answer answer, unsigned *ret_life)
{
	struct der der = make_answer(&answer);
	enum ocsp_status status = ocsp_read(der, leaf_der, issuer_der, ret_life);

	OPENSSL_free((void *)der.bytes);
	return status;
}

static void test_answers(void **state)
{
	const struct answer good = { leaf, issuer, issuer_key, V_OCSP_CERTSTATUS_GOOD, -60, 600 };
	struct answer a = good;
	unsigned life;

	(void)state;
	assert_int_equal(judge(good, &life), OCSP_GOOD);
	assert_in_range(life, 590, 600);
	a.status = V_OCSP_CERTSTATUS_REVOKED;
	assert_int_equal(judge(a, &life), OCSP_REVOKED);
	a.status = V_OCSP_CERTSTATUS_UNKNOWN;
	assert_int_equal(judge(a, &life), OCSP_UNKNOWN);
	a = good;
	a.till = 0; /* newer information is always there */
	assert_int_equal(judge(a, &life), OCSP_GOOD);
	assert_int_equal(life, 3600);
	a.till = 30L * 24 * 3600;
	assert_int_equal(judge(a, &life), OCSP_GOOD);
	assert_int_equal(life, 24 * 3600);
	a = (struct answer){ leaf, responder, other_key, V_OCSP_CERTSTATUS_GOOD, -60, 600 };
	assert_int_equal(judge(a, &life), OCSP_GOOD);
}

static void test_unsound(void **state)
{
	const struct answer good = { leaf, issuer, issuer_key, V_OCSP_CERTSTATUS_GOOD, -60, 600 };
	struct answer a = good;
	unsigned life;

	(void)state;
	a.about = sibling;
	assert_int_equal(judge(a, &life), OCSP_UNKNOWN);
	a = good;
	a.from = -9000;
	a.till = -4000; /* old */
	assert_int_equal(judge(a, &life), OCSP_UNKNOWN);
	a = good;
	a.from = 4000; /* of tomorrow */
	a.till = 9000;
	assert_int_equal(judge(a, &life), OCSP_UNKNOWN);
	a = good;
	a.signer = stranger; /* below the same issuer, but no responder */
	a.key = other_key;
	assert_int_equal(judge(a, &life), OCSP_UNKNOWN);
	a.signer = leaf; /* about itself */
	a.key = leaf_key;
	assert_int_equal(judge(a, &life), OCSP_UNKNOWN);
}

/* Neither a part of an answer nor one with a bit turned says anything. */
static void test_broken(void **state)
{
	struct answer good = { leaf, issuer, issuer_key, V_OCSP_CERTSTATUS_GOOD, -60, 600 };
	struct der der = make_answer(&good);
	uint8_t *bytes = (uint8_t *)der.bytes;
	size_t n = der.n;
	unsigned life;

	(void)state;
	for (der.n = 0; der.n < n; der.n++)
		assert_int_equal(ocsp_read(der, leaf_der, issuer_der, &life), OCSP_UNKNOWN);
	der.n = n;
	for (size_t i = 0; i < n; i += 7) {
		bytes[i] ^= 0x10;
		assert_int_not_equal(ocsp_read(der, leaf_der, issuer_der, &life), OCSP_REVOKED);
		bytes[i] ^= 0x10;
	}
	assert_int_equal(ocsp_read(der, leaf_der, issuer_der, &life), OCSP_GOOD);
	OPENSSL_free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question), cmocka_unit_test(test_must_staple),
		cmocka_unit_test(test_answers),  cmocka_unit_test(test_unsound),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
