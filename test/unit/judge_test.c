/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered of a chain, and what makes it another. */
#include "test/unit/cmocka_all.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/unit/chain.h"
#include "tls/judge.h"
#include "tls/ocsp.h"
#include "tls/shelf.h"

static struct trust *trusts[2];
static struct judge *judge;
static EVP_PKEY *keys[2];
static struct der chain[2], other[2], brief[2];
static union addr server;

static struct der make(const char *name, const char *san, X509 *issuer, long life)
{
	struct chain_recipe recipe = { .name = name,
				       .issuer = issuer,
				       .key = keys[1],
				       .signer = keys[0],
				       .extensions = { { NID_subject_alt_name, san } } };
	X509 *x509;
	struct der der;

	if (!issuer)
		recipe = (struct chain_recipe){
			.name = name, .key = keys[0], .signer = keys[0], .extensions = { CHAIN_CA }
		};
	x509 = chain_make(&recipe);
	if (life > 0) {
		X509_gmtime_adj(X509_getm_notAfter(x509), life);
		X509_sign(x509, keys[0], EVP_sha256());
	}
	der = chain_der(x509);
	X509_free(x509);
	return der;
}

static int group_setup(void **state)
{
	char path[] = "/tmp/postern-judge-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	const uint8_t *at;
	X509 *ca;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		keys[i] = EVP_EC_gen("P-256");
	chain[1] = other[1] = brief[1] = make("CA", NULL, NULL, 0);
	at = chain[1].bytes;
	ca = d2i_X509(NULL, &at, (long)chain[1].n);
	chain[0] = make("a", "DNS:*.test.example", ca, 0);
	other[0] = make("b", "DNS:*.test.example", ca, 0);
	brief[0] = make("c", "DNS:*.test.example", ca, 60);
	PEM_write_X509(file, ca);
	fclose(file);
	X509_free(ca);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			trust_load(&(struct trust_sources){ .store = path }, &trusts[i], NULL), 0);
	unlink(path);
	assert_true(addr_parse("192.0.2.1", 443, &server));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		trust_free(trust_ref(trusts[i]));
		trust_free(trusts[i]);
		EVP_PKEY_free(keys[i]);
	}
	OPENSSL_free((void *)chain[0].bytes);
	OPENSSL_free((void *)chain[1].bytes);
	OPENSSL_free((void *)other[0].bytes);
	OPENSSL_free((void *)brief[0].bytes);
	return 0;
}

/* n certificates, from a leaf up to the CA of group_setup(). */
static void make_path(struct der *path, unsigned n)
{
	const uint8_t *at = chain[1].bytes;
	X509 *above = d2i_X509(NULL, &at, (long)chain[1].n);

	path[n - 1] = chain[1];
	for (unsigned i = n - 1; i-- > 0;) {
		struct chain_recipe recipe = { .issuer = above,
					       .key = keys[0],
					       .signer = keys[0],
					       .extensions = { CHAIN_CA } };
		char name[16];
		X509 *made;

		snprintf(name, sizeof(name), "%u", i);
		recipe.name = name;
		if (i == 0)
			recipe.extensions[0] = (struct chain_extension){ NID_subject_alt_name,
									 "DNS:a.test.example" };
		made = chain_make(&recipe);
		path[i] = chain_der(made);
		X509_free(above);
		above = made;
	}
	X509_free(above);
}

static int setup(void **state)
{
	(void)state;
	judge = judge_new();
	return judge ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	judge_free(judge);
	return 0;
}

static struct judgement *hold(unsigned trust, const struct der *of, unsigned n, const char *host,
			      uint64_t now)
{
	struct verify_subject subject = { .host = host, .server = &server, .must_sign = true };

	return judge_chain(judge, trusts[trust], of, n, &subject, now);
}

/* Held by the judge alone afterwards, so that pointers tell who is who. */
static const struct judgement *look(unsigned trust, const struct der *of, unsigned n,
				    const char *host, uint64_t now)
{
	struct judgement *judgement = hold(trust, of, n, host, now);

	assert_non_null(judgement);
	judgement_unref(judgement);
	return judgement;
}

static void test_remembered(void **state)
{
	const struct judgement *first = look(0, chain, 2, "a.test.example", 0);

	(void)state;
	assert_int_equal(first->verdict, VERIFY_OK);
	assert_true(first->is_read);
	assert_string_equal(first->leaf.subject, "CN=a");
	assert_ptr_equal(look(0, chain, 2, "a.test.example", JUDGE_LIFE_MS - 1), first);
	assert_ptr_not_equal(look(1, chain, 2, "a.test.example", 1), first);
	assert_ptr_not_equal(look(0, chain, 2, "b.test.example", 1), first);
	assert_ptr_not_equal(look(0, chain, 1, "a.test.example", 1), first);
	assert_ptr_not_equal(look(0, other, 2, "a.test.example", 1), first);
	assert_ptr_equal(look(0, chain, 2, "a.test.example", 1), first);
}

static void test_life(void **state)
{
	struct judgement *held, *again;

	(void)state;
	held = hold(0, chain, 2, "a.test.example", 0);
	again = hold(0, chain, 2, "a.test.example", JUDGE_LIFE_MS);
	assert_ptr_not_equal(held, again); /* held as long as somebody wants it */
	assert_int_equal(held->verdict, VERIFY_OK);
	judgement_unref(held);
	judgement_unref(again);
	/* What is bad is looked at again soon. */
	held = hold(0, chain, 2, "other.test", 0);
	assert_int_equal(held->verdict, VERIFY_NAME_MISMATCH);
	assert_string_not_equal(held->detail, "");
	assert_ptr_equal(look(0, chain, 2, "other.test", JUDGE_LIFE_BAD_MS - 1), held);
	again = hold(0, chain, 2, "other.test", JUDGE_LIFE_BAD_MS);
	assert_ptr_not_equal(again, held);
	judgement_unref(again);
	judgement_unref(held);
	/* What ends soon is not remembered at all. */
	held = hold(0, brief, 2, "a.test.example", 0);
	assert_int_equal(held->verdict, VERIFY_OK);
	assert_int_equal(held->n_refs, 1);
	judgement_unref(held);
}

static void test_unreadable(void **state)
{
	static const uint8_t junk[] = "junk";
	struct der broken = { .bytes = junk, .n = sizeof(junk) };

	(void)state;
	assert_false(look(0, &broken, 1, "a.test.example", 0)->is_read);
	assert_int_equal(look(0, NULL, 0, "a.test.example", 0)->verdict, VERIFY_INVALID);
}

/* What can be asked about: each certificate by the one above it, and the anchor not. */
static void test_questions(void **state)
{
	struct judgement *held = hold(0, chain, 2, "a.test.example", 0);
	const struct ocsp_question *question;

	(void)state;
	assert_int_equal(held->n_path, 2);
	assert_false(held->is_path_cut);
	assert_memory_equal(held->path[1].bytes, chain[1].bytes, chain[1].n);
	question = judgement_question(held, 0);
	assert_non_null(question);
	assert_ptr_equal(judgement_question(held, 0), question);
	assert_null(judgement_question(held, 1));
	assert_null(judgement_question(held, JUDGE_PATH_MAX - 1));
	judgement_unref(held);
	held = hold(0, chain, 2, "other.test", 0); /* not who it should be: nobody is asked */
	assert_int_equal(held->n_path, 0);
	assert_null(judgement_question(held, 0));
	judgement_unref(held);
}

/* Authorities below authorities, as many as there may be and more. */
static void test_long_path(void **state)
{
	struct der path[JUDGE_PATH_MAX + 1];

	(void)state;
	for (unsigned n = JUDGE_PATH_MAX - 1; n <= JUDGE_PATH_MAX + 1; n++) {
		struct judgement *held;

		make_path(path, n);
		held = hold(0, path, n, "a.test.example", 0);
		assert_int_equal(held->verdict, VERIFY_OK);
		assert_int_equal(held->n_path, n < JUDGE_PATH_MAX ? n : JUDGE_PATH_MAX);
		assert_int_equal(held->is_path_cut, n > JUDGE_PATH_MAX);
		for (unsigned i = 0; i < held->n_path; i++) {
			assert_memory_equal(held->path[i].bytes, path[i].bytes, path[i].n);
			assert_int_equal(!judgement_question(held, i), i + 1 == held->n_path);
		}
		judgement_unref(held);
		for (unsigned i = 0; i + 1 < n; i++)
			OPENSSL_free((void *)path[i].bytes);
	}
}

static void test_bound(void **state)
{
	const struct judgement *first;
	char host[32];

	(void)state;
	first = look(0, chain, 2, "a.test.example", 0);
	for (unsigned i = 0; i < JUDGE_MAX; i++) {
		snprintf(host, sizeof(host), "%u.test.example", i);
		if (i == 100) /* used meanwhile, and so not the next to go */
			assert_ptr_equal(look(0, chain, 2, "a.test.example", 1), first);
		(void)look(0, chain, 2, host, 0);
	}
	assert_ptr_equal(look(0, chain, 2, "a.test.example", 1), first);
}

/* An authority is parsed once, for one trust store. */
static void test_shelf(void **state)
{
	static const uint8_t junk[] = "junk";
	struct der broken = { .bytes = junk, .n = sizeof(junk) };
	struct shelf *shelf = shelf_new();
	X509 *first = shelf_get(shelf, trusts[0], chain[1]), *again;

	(void)state;
	assert_non_null(first);
	again = shelf_get(shelf, trusts[0], other[1]); /* the same bytes elsewhere */
	assert_ptr_equal(first, again);
	X509_free(again);
	assert_null(shelf_get(shelf, trusts[0], broken));
	again = shelf_get(shelf, trusts[0], chain[0]);
	assert_ptr_not_equal(first, again);
	X509_free(again);
	again = shelf_get(shelf, trusts[1], chain[1]);
	assert_ptr_not_equal(first, again);
	X509_free(again);
	X509_free(first);
	shelf_free(shelf);
}

static void test_shelf_bound(void **state)
{
	struct shelf *shelf = shelf_new();
	X509 *first = shelf_get(shelf, trusts[0], chain[1]), *got;

	(void)state;
	for (unsigned i = 0; i < 2 * SHELF_MAX; i++) {
		char name[16];
		struct der der;

		snprintf(name, sizeof(name), "%u", i);
		der = make(name, "DNS:x", NULL, 0);
		X509_free(shelf_get(shelf, trusts[0], der));
		OPENSSL_free((void *)der.bytes);
		if (i % 100 == 0) { /* used meanwhile, and so not the next to go */
			got = shelf_get(shelf, trusts[0], chain[1]);
			assert_ptr_equal(got, first);
			X509_free(got);
		}
	}
	got = shelf_get(shelf, trusts[0], chain[0]);
	X509_free(first);
	shelf_free(shelf);
	assert_int_equal(X509_get_version(got), X509_VERSION_3); /* counted */
	X509_free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_remembered), TEST(test_life),        TEST(test_unreadable),
		TEST(test_questions),  TEST(test_long_path),   TEST(test_bound),
		TEST(test_shelf),      TEST(test_shelf_bound),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
