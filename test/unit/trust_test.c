/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Revocation, the engine's own CAs, and files that change: all signed when the test runs. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/chain.h"
#include "tls/verify.h"

static EVP_PKEY *root_key, *middle_key, *leaf_key;
static X509 *root, *middle, *leaf;
static char root_path[64], folder[64];

static X509 *make(const char *name, X509 *issuer, EVP_PKEY *key, EVP_PKEY *signer, bool is_ca)
{
	struct chain_recipe recipe = {
		.name = name, .issuer = issuer, .key = key, .signer = signer
	};

	recipe.extensions[0] =
		is_ca ? (struct chain_extension)CHAIN_CA
		      : (struct chain_extension){ NID_subject_alt_name, "DNS:a.example" };
	return chain_make(&recipe);
}

static int setup(void **state)
{
	(void)state;
	root_key = EVP_EC_gen("P-256");
	middle_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	root = make("Root", NULL, root_key, root_key, true);
	middle = make("Middle", root, middle_key, root_key, true);
	leaf = make("leaf", middle, leaf_key, middle_key, false);
	chain_write(root, root_path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(root_path);
	X509_free(root);
	X509_free(middle);
	X509_free(leaf);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
	return 0;
}

/* An empty folder for each test. */
static int setup_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern-crls-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int teardown_folder(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) == 0 ? 0 : -1;
}

enum { EXPIRED = 1, AS_DER = 2, WRONG_KEY = 4 };

static void put_crl(X509 *issuer, EVP_PKEY *key, const X509 *revoked, unsigned how)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *at = X509_gmtime_adj(NULL, how & EXPIRED ? -2 * CHAIN_DAY : -CHAIN_DAY);
	char path[96];
	FILE *file;

	assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
	X509_CRL_set1_lastUpdate(crl, at);
	X509_gmtime_adj(at, how & EXPIRED ? -CHAIN_DAY : CHAIN_DAY);
	X509_CRL_set1_nextUpdate(crl, at);
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry,
					      (ASN1_INTEGER *)X509_get0_serialNumber(revoked));
		X509_REVOKED_set_revocationDate(entry, at);
		assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	}
	X509_CRL_sort(crl);
	assert_true(X509_CRL_sign(crl, how & WRONG_KEY ? leaf_key : key, EVP_sha256()) > 0);
	snprintf(path, sizeof(path), "%s/%lx", folder,
		 X509_NAME_hash_ex(X509_get_subject_name(issuer), NULL, NULL, NULL));
	file = fopen(path, "w");
	assert_int_equal(how & AS_DER ? i2d_X509_CRL_fp(file, crl) : PEM_write_X509_CRL(file, crl),
			 1);
	fclose(file);
	ASN1_TIME_free(at);
	X509_CRL_free(crl);
}

static enum verify_result judge_by(const struct trust *trust, X509 *const *chain, unsigned n)
{
	struct verify_subject subject = { .host = "a.example", .must_sign = true };
	char detail[VERIFY_DETAIL_SIZE];
	enum verify_result result;
	union addr server = { 0 };
	struct der ders[4] = { 0 };

	subject.server = &server;
	for (unsigned i = 0; i < n; i++)
		ders[i] = chain_der(chain[i]);
	result = verify_chain(trust, ders, n, &subject, detail);
	for (unsigned i = 0; i < n; i++)
		OPENSSL_free((void *)ders[i].bytes);
	assert_int_equal(detail[0] == '\0', result == VERIFY_OK);
	return result;
}

static enum verify_result judge(const struct trust_sources *sources)
{
	X509 *const chain[] = { leaf, middle };
	struct trust *trust;
	enum verify_result result;

	assert_int_equal(trust_load(sources, &trust, NULL), 0);
	result = judge_by(trust, chain, 2);
	trust_free(trust);
	return result;
}

static enum verify_result judge_crls(void)
{
	return judge(&(struct trust_sources){ .store = root_path, .crls = folder });
}

/* --- revocation --- */

static void test_revoked(void **state)
{
	(void)state;
	put_crl(root, root_key, NULL, 0);
	put_crl(middle, middle_key, NULL, 0);
	assert_int_equal(judge_crls(), VERIFY_OK);
	put_crl(middle, middle_key, root, 0); /* another's serial */
	assert_int_equal(judge_crls(), VERIFY_OK);
	put_crl(middle, middle_key, leaf, 0);
	assert_int_equal(judge_crls(), VERIFY_REVOKED);
	put_crl(middle, middle_key, leaf, AS_DER);
	assert_int_equal(judge_crls(), VERIFY_REVOKED);
	put_crl(middle, middle_key, NULL, AS_DER);
	assert_int_equal(judge_crls(), VERIFY_OK);
	put_crl(root, root_key, middle, 0);
	assert_int_equal(judge_crls(), VERIFY_REVOKED);
	assert_int_equal(judge(&(struct trust_sources){ .store = root_path }), VERIFY_OK);
}

static void test_unknown(void **state)
{
	(void)state;
	assert_int_equal(judge_crls(), VERIFY_REVOCATION_UNKNOWN);
	put_crl(middle, middle_key, NULL, 0);
	assert_int_equal(judge_crls(), VERIFY_REVOCATION_UNKNOWN); /* of the intermediate */
	put_crl(root, root_key, NULL, 0);
	put_crl(middle, middle_key, NULL, EXPIRED);
	assert_int_equal(judge_crls(), VERIFY_REVOCATION_UNKNOWN);
	put_crl(middle, middle_key, NULL, WRONG_KEY);
	assert_int_equal(judge_crls(), VERIFY_REVOCATION_UNKNOWN);
	/* Nobody can revoke another's certificates. */
	put_crl(middle, middle_key, leaf, WRONG_KEY);
	assert_int_equal(judge_crls(), VERIFY_REVOCATION_UNKNOWN);
	/* Who is on an old list stays revoked. */
	put_crl(middle, middle_key, leaf, EXPIRED);
	assert_int_equal(judge_crls(), VERIFY_REVOKED);
}

/* That one is unknown does not hide that another is revoked, or the chain bad. */
static void test_unknown_hides_nothing(void **state)
{
	X509 *other = make("leaf", middle, leaf_key, leaf_key, false); /* a wrong signature */
	X509 *const bad[] = { other, middle };
	struct trust_sources sources = { .store = root_path, .crls = folder };
	struct trust *trust;

	(void)state;
	assert_int_equal(trust_load(&sources, &trust, NULL), 0);
	assert_int_equal(judge_by(trust, bad, 2), VERIFY_INVALID);
	trust_free(trust);
	put_crl(root, root_key, middle, 0);
	assert_int_equal(judge_crls(), VERIFY_REVOKED);
	X509_free(other);
}

/* --- the engine's own CA --- */

static void test_own(void **state)
{
	char path[64], both[64];
	X509 *const alone[] = { leaf };
	struct trust *trust;
	char command[256];

	(void)state;
	chain_write(middle, path);
	chain_write(root, both);
	snprintf(command, sizeof(command), "cat %s >> %s", path, both);
	assert_int_equal(system(command), 0);
	/* In whatever place: trusted, intermediate, not even sent. */
	assert_int_equal(judge(&(struct trust_sources){ .store = root_path, .own = { root_path } }),
			 VERIFY_OWN_CA);
	assert_int_equal(judge(&(struct trust_sources){ .store = root_path, .own = { "", path } }),
			 VERIFY_OWN_CA);
	assert_int_equal(trust_load(&(struct trust_sources){ .store = root_path, .own = { path } },
				    &trust, NULL),
			 0);
	assert_int_equal(judge_by(trust, alone, 1), VERIFY_OWN_CA);
	trust_free(trust);
	/* What stands above it in its file may be trusted: an enterprise has a root for many. */
	snprintf(command, sizeof(command), "cat %s %s > %s.1", path, root_path, both);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s.1", both);
	X509 *sibling = make("leaf", root, leaf_key, root_key, false);
	X509 *const direct[] = { sibling };
	struct trust_sources sources = { .store = root_path, .own = { command } };

	assert_int_equal(trust_load(&sources, &trust, NULL), 0);
	assert_int_equal(judge_by(trust, direct, 1), VERIFY_OK);
	trust_free(trust);
	unlink(command);
	unlink(path);
	unlink(both);
	X509_free(sibling);
}

/* --- files --- */

static void test_failures(void **state)
{
	char path[TRUST_PATH_SIZE], empty[96];
	struct trust *trust;

	(void)state;
	snprintf(empty, sizeof(empty), "%s/empty", folder);
	fclose(fopen(empty, "w"));
	assert_int_equal(trust_load(&(struct trust_sources){ .store = root_path, .own = { empty } },
				    &trust, path),
			 -EINVAL);
	assert_string_equal(path, empty);
	assert_int_equal(trust_load(&(struct trust_sources){ .store = root_path, .crls = "/none" },
				    &trust, path),
			 -ENOENT);
	assert_string_equal(path, "/none");
	assert_int_equal(trust_load(&(struct trust_sources){ .store = "" }, &trust, path), -ENOMEM);
}

/* Whoever may write to it could let any server be genuine. */
static void test_writers(void **state)
{
	static const struct {
		mode_t file, folder;
		int result;
	} cases[] = { { 0600, 0755, 0 },      { 0644, 0700, 0 },      { 0664, 0755, -EPERM },
		      { 0646, 0755, -EPERM }, { 0644, 0775, -EPERM }, { 0644, 01777, -EPERM } };
	char path[TRUST_PATH_SIZE], file[96];
	struct trust *trust;

	(void)state;
	snprintf(file, sizeof(file), "%s/store.pem", folder);
	assert_int_equal(link(root_path, file), 0);
	for (unsigned i = 0; i < N_OF(cases); i++) {
		const char *const store = cases[i].folder == 0755 ? file : folder;

		assert_int_equal(chmod(file, cases[i].file), 0);
		assert_int_equal(chmod(folder, cases[i].folder), 0);
		assert_int_equal(
			trust_load(&(struct trust_sources){ .store = store }, &trust, path),
			cases[i].result);
		if (cases[i].result == 0)
			trust_free(trust);
		else
			assert_string_equal(path, store);
	}
	/* A file in a folder. */
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(file, 0666), 0);
	assert_int_equal(trust_load(&(struct trust_sources){ .store = folder }, &trust, path),
			 -EPERM);
	assert_int_equal(chmod(file, 0600), 0);
	unlink(file);
}

static void test_stale(void **state)
{
	struct trust_sources sources = { .store = root_path, .crls = folder };
	struct trust *trust, *next;

	(void)state;
	assert_int_equal(trust_load(&sources, &trust, NULL), 0);
	assert_false(trust_is_stale(trust));
	put_crl(middle, middle_key, NULL, 0);
	assert_true(trust_is_stale(trust));
	assert_int_equal(trust_load(&sources, &next, NULL), 0);
	assert_false(trust_is_stale(next));
	assert_true(trust_serial(trust) != trust_serial(next));
	put_crl(middle, middle_key, leaf, 0); /* in place of the other */
	assert_true(trust_is_stale(next));
	trust_free(trust);
	trust_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)
		TEST(test_revoked), TEST(test_unknown),  TEST(test_unknown_hides_nothing),
		TEST(test_own),     TEST(test_failures), TEST(test_stale),
		TEST(test_writers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
