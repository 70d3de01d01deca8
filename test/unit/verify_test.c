/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chains as servers send them, and what is to be thought of them. A table gives each leaf and what
 * stands between it and the root; all of it is signed when the test runs.
 */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/chain.h"
#include "tls/verify.h"

static EVP_PKEY *root_key, *middle_key, *leaf_key, *small_key;
static X509 *root, *middle, *stranger;
static struct trust *trust;

static int load(const char *path, struct trust **ret_trust)
{
	return trust_load(&(struct trust_sources){ .store = path }, ret_trust, NULL);
}

static X509 *make_ca(const char *name, X509 *issuer, EVP_PKEY *key, EVP_PKEY *signer)
{
	struct chain_recipe recipe = { .name = name,
				       .issuer = issuer,
				       .key = key,
				       .signer = signer,
				       .from_days = -10,
				       .till_days = 10,
				       .extensions = { CHAIN_CA } };

	return chain_make(&recipe);
}

static int setup(void **state)
{
	char path[64];

	(void)state;
	root_key = EVP_EC_gen("P-256");
	middle_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	small_key = EVP_RSA_gen(1024);
	root = make_ca("Root", NULL, root_key, root_key);
	middle = make_ca("Middle", root, middle_key, root_key);
	stranger = make_ca("Stranger", NULL, middle_key, middle_key);
	chain_write(root, path);
	assert_int_equal(load(path, &trust), 0);
	unlink(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	trust_free(trust);
	X509_free(root);
	X509_free(middle);
	X509_free(stranger);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(small_key);
	return 0;
}

/* Judges the chain for the name; without one, for 192.0.2.7. */
static enum verify_result judge(X509 *const *chain, unsigned n, const char *host,
				char detail[VERIFY_DETAIL_SIZE])
{
	struct der ders[2 * VERIFY_CHAIN_MAX];
	enum verify_result result;
	union addr server;

	assert_true(addr_parse("192.0.2.7", 443, &server));
	for (unsigned i = 0; i < n; i++)
		ders[i] = chain_der(chain[i]);
	memset(detail, 'x', VERIFY_DETAIL_SIZE);
	result = verify_chain(
		trust, ders, n,
		&(struct verify_subject){ .host = host, .server = &server, .must_sign = true },
		detail);
	for (unsigned i = 0; i < n; i++)
		OPENSSL_free((void *)ders[i].bytes);
	assert_non_null(memchr(detail, '\0', VERIFY_DETAIL_SIZE));
	assert_int_equal(detail[0] == '\0', result == VERIFY_OK);
	return result;
}

static void expect(enum verify_result result, X509 *const *chain, unsigned n, const char *host)
{
	char detail[VERIFY_DETAIL_SIZE];
	enum verify_result found = judge(chain, n, host, detail);

	if (found != result)
		fail_msg("'%s': %s instead of %s (%s)", host, verify_text(found),
			 verify_text(result), detail);
}

/* --- leaves of the one good intermediate --- */

struct leaf_case {
	enum verify_result result;
	const char *host;
	struct chain_recipe recipe; /* its issuer and keys are put in */
};

#define SAN(text)                                                                                  \
	{                                                                                          \
		NID_subject_alt_name, text                                                         \
	}
#define LEAF(host, ...)                                                                            \
	host,                                                                                      \
	{                                                                                          \
		.name = "leaf", .extensions = { __VA_ARGS__ }                                      \
	}

static void check_leaf(const struct leaf_case *c)
{
	struct chain_recipe recipe = c->recipe;

	recipe.issuer = middle;
	recipe.key = recipe.key ? recipe.key : leaf_key;
	recipe.signer = middle_key;
	X509 *chain[] = { chain_make(&recipe), middle };

	expect(c->result, chain, 2, c->host);
	X509_free(chain[0]);
}

static void test_names(void **state)
{
	static const struct leaf_case cases[] = {
		{ VERIFY_OK, LEAF("a.example", SAN("DNS:a.example")) },
		{ VERIFY_OK, LEAF("a.example", SAN("DNS:x.example,DNS:A.EXAMPLE")) },
		{ VERIFY_NAME_MISMATCH, LEAF("b.example", SAN("DNS:a.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("example", SAN("DNS:a.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("x.a.example", SAN("DNS:a.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.example.evil", SAN("DNS:a.example")) },
		/* the wildcard stands for one whole label, the first, and not above a suffix */
		{ VERIFY_OK, LEAF("a.b.example", SAN("DNS:*.b.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("b.example", SAN("DNS:*.b.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("x.a.b.example", SAN("DNS:*.b.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("foo.b.example", SAN("DNS:f*.b.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("foo.b.example", SAN("DNS:*o.b.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.b.example", SAN("DNS:a.*.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.example", SAN("DNS:*.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.example", SAN("DNS:*")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.co.uk", SAN("DNS:*.co.uk")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.co.uk", SAN("DNS:*.CO.UK")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.com", SAN("DNS:*.com")) },
		{ VERIFY_OK, LEAF("a.co.uk", SAN("DNS:*.co.uk,DNS:a.co.uk")) },
		{ VERIFY_OK, LEAF("a.github.io", SAN("DNS:*.github.io")) },
		/* an address is compared with addresses, and with nothing else */
		{ VERIFY_OK, LEAF("", SAN("IP:192.0.2.7")) },
		{ VERIFY_NAME_MISMATCH, LEAF("", SAN("IP:192.0.2.8")) },
		{ VERIFY_NAME_MISMATCH, LEAF("", SAN("DNS:192.0.2.7")) },
		{ VERIFY_NAME_MISMATCH, LEAF("", SAN("DNS:a.example")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.example", SAN("IP:192.0.2.7")) },
		{ VERIFY_NAME_MISMATCH, LEAF("a.example", SAN("email:a@a.example")) },
		/* the common name is no name, with alternative names or without */
		{ VERIFY_NAME_MISMATCH, "cn.example", { .name = "cn.example" } },
		{ VERIFY_NAME_MISMATCH,
		  "cn.example",
		  { .name = "cn.example", .extensions = { SAN("DNS:a.example") } } },
		{ VERIFY_NAME_MISMATCH, "", { .name = "192.0.2.7" } },
		{ VERIFY_OK, "a.example", { .extensions = { SAN("critical,DNS:a.example") } } },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(cases); i++)
		check_leaf(&cases[i]);
}

/* "a.example\0.evil.example": the bytes behind the NUL count. */
static void test_nul_in_name(void **state)
{
	static const struct chain_extension san = {
		NID_subject_alt_name,
		"DER:30:13:82:11:61:2e:65:78:61:6d:70:6c:65:00:2e:65:76:69:6c:2e:78"
	};
	struct leaf_case c = { VERIFY_NAME_MISMATCH, "a.example", { .name = "leaf" } };

	(void)state;
	c.recipe.extensions[0] = san;
	check_leaf(&c);
}

static void test_dates(void **state)
{
	struct leaf_case expired = { VERIFY_EXPIRED, LEAF("a.example", SAN("DNS:a.example")) };
	struct leaf_case early = { VERIFY_NOT_YET_VALID, LEAF("a.example", SAN("DNS:a.example")) };

	(void)state;
	expired.recipe.from_days = -5;
	expired.recipe.till_days = -1;
	check_leaf(&expired);
	early.recipe.from_days = 1;
	early.recipe.till_days = 5;
	check_leaf(&early);
}

static void test_purposes(void **state)
{
	static const struct leaf_case cases[] = {
		{ VERIFY_OK, LEAF("a.example", SAN("DNS:a.example"),
				  { NID_ext_key_usage, "serverAuth,clientAuth" },
				  { NID_key_usage, "critical,digitalSignature" }) },
		{ VERIFY_INVALID,
		  LEAF("a.example", SAN("DNS:a.example"), { NID_ext_key_usage, "clientAuth" }) },
		{ VERIFY_INVALID, LEAF("a.example", SAN("DNS:a.example"),
				       { NID_ext_key_usage, "anyExtendedKeyUsage" }) },
		{ VERIFY_INVALID,
		  LEAF("a.example", SAN("DNS:a.example"), { NID_key_usage, "critical,cRLSign" }) },
		/* some suites take it for their key exchange, but this handshake was signed */
		{ VERIFY_INVALID, LEAF("a.example", SAN("DNS:a.example"),
				       { NID_key_usage, "critical,keyEncipherment" }) },
		{ VERIFY_INVALID,
		  LEAF("a.example", SAN("DNS:a.example"), { NID_ext_key_usage, "msSGC" }) },
		/* a critical extension that nobody knows */
		{ VERIFY_UNSUPPORTED,
		  LEAF("a.example", SAN("DNS:a.example"), { NID_netscape_comment, "critical,x" }) },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(cases); i++)
		check_leaf(&cases[i]);
}

static void test_strength(void **state)
{
	struct leaf_case sha1 = { VERIFY_INVALID, LEAF("a.example", SAN("DNS:a.example")) };
	struct leaf_case small = sha1;

	(void)state;
	sha1.recipe.digest = EVP_sha1();
	check_leaf(&sha1);
	small.recipe.key = small_key;
	check_leaf(&small);
}

/* --- whole chains --- */

static X509 *make_leaf(X509 *issuer, EVP_PKEY *signer)
{
	struct chain_recipe recipe = { .name = "leaf",
				       .issuer = issuer,
				       .key = leaf_key,
				       .signer = signer,
				       .extensions = { SAN("DNS:a.example") } };

	return chain_make(&recipe);
}

static void test_chains(void **state)
{
	X509 *leaf = make_leaf(middle, middle_key), *own = make_leaf(NULL, leaf_key);
	X509 *strange = make_leaf(stranger, middle_key), *direct = make_leaf(root, root_key);
	X509 *forged = make_leaf(middle, leaf_key); /* signed by another key than the middle's */

	(void)state;
	expect(VERIFY_OK, (X509 *[]){ direct }, 1, "a.example");
	expect(VERIFY_OK, (X509 *[]){ leaf, middle }, 2, "a.example");
	expect(VERIFY_OK, (X509 *[]){ leaf, middle, root }, 3, "a.example");
	/* in whatever order, with whatever else */
	expect(VERIFY_OK, (X509 *[]){ leaf, root, stranger, strange, middle }, 5, "a.example");
	expect(VERIFY_UNTRUSTED, (X509 *[]){ leaf }, 1, "a.example");
	expect(VERIFY_UNTRUSTED, (X509 *[]){ leaf, stranger }, 2, "a.example");
	expect(VERIFY_UNTRUSTED, (X509 *[]){ own }, 1, "a.example");
	expect(VERIFY_UNTRUSTED, (X509 *[]){ strange }, 1, "a.example");
	expect(VERIFY_UNTRUSTED, (X509 *[]){ strange, stranger }, 2, "a.example");
	expect(VERIFY_INVALID, (X509 *[]){ forged, middle }, 2, "a.example");
	X509_free(leaf);
	X509_free(own);
	X509_free(strange);
	X509_free(direct);
	X509_free(forged);
}

/* A leaf, though itself in order, may not sign another: whoever has one could be anybody. */
static void test_leaf_as_ca(void **state)
{
	struct chain_recipe recipe = { .name = "b.example",
				       .issuer = middle,
				       .key = leaf_key,
				       .signer = middle_key,
				       .extensions = { { NID_basic_constraints, "CA:FALSE" } } };
	X509 *leaf = chain_make(&recipe), *made = make_leaf(leaf, leaf_key);
	X509 *chain[] = { made, leaf, middle };

	(void)state;
	expect(VERIFY_INVALID, chain, 3, "a.example");
	X509_free(leaf);
	X509_free(made);
	/* The same without any word on it. */
	recipe.extensions[0] = (struct chain_extension){ 0 };
	chain[1] = leaf = chain_make(&recipe);
	chain[0] = made = make_leaf(leaf, leaf_key);
	expect(VERIFY_INVALID, chain, 3, "a.example");
	X509_free(leaf);
	X509_free(made);
}

/* An intermediate with something wrong or restricting about it, and a good leaf under it. */
static void check_middle(enum verify_result result, struct chain_recipe recipe)
{
	recipe.name = "Special";
	recipe.issuer = root;
	recipe.key = recipe.key ? recipe.key : middle_key;
	recipe.signer = root_key;
	X509 *special = chain_make(&recipe), *leaf = make_leaf(special, recipe.key);
	X509 *chain[] = { leaf, special };

	expect(result, chain, 2, "a.example");
	X509_free(special);
	X509_free(leaf);
}

#define MIDDLE(...) ((struct chain_recipe){ .extensions = { CHAIN_CA, __VA_ARGS__ } })
#define CONSTRAINT(text)                                                                           \
	{                                                                                          \
		NID_name_constraints, "critical," text                                             \
	}

static void test_intermediates(void **state)
{
	struct chain_recipe expired = { .from_days = -9,
					.till_days = -1,
					.extensions = { CHAIN_CA } };
	struct chain_recipe sha1 = { .digest = EVP_sha1(), .extensions = { CHAIN_CA } };
	struct chain_recipe small = { .key = small_key, .extensions = { CHAIN_CA } };
	/* An authority by its key's use, or by Netscape's word, but not by basicConstraints. */
	struct chain_recipe bare = { .extensions = { { NID_key_usage, "critical,keyCertSign" } } };
	struct chain_recipe netscape = { .extensions = { { NID_netscape_cert_type, "sslCA" } } };

	(void)state;
	check_middle(VERIFY_OK, MIDDLE({ 0 }));
	check_middle(VERIFY_EXPIRED, expired);
	check_middle(VERIFY_INVALID, sha1);
	check_middle(VERIFY_INVALID, small);
	check_middle(VERIFY_INVALID, MIDDLE({ NID_key_usage, "critical,digitalSignature" }));
	check_middle(VERIFY_INVALID, MIDDLE({ NID_ext_key_usage, "clientAuth" }));
	check_middle(VERIFY_INVALID, MIDDLE({ NID_ext_key_usage, "msSGC" }));
	check_middle(VERIFY_OK, MIDDLE({ NID_ext_key_usage, "serverAuth,clientAuth" }));
	check_middle(VERIFY_UNSUPPORTED, MIDDLE({ NID_netscape_comment, "critical,x" }));
	check_middle(VERIFY_INVALID, bare);
	check_middle(VERIFY_INVALID, netscape);
	check_middle(VERIFY_OK, MIDDLE(CONSTRAINT("permitted;DNS:example")));
	check_middle(VERIFY_OK, MIDDLE(CONSTRAINT("excluded;DNS:other")));
	check_middle(VERIFY_INVALID, MIDDLE(CONSTRAINT("permitted;DNS:other")));
	check_middle(VERIFY_INVALID, MIDDLE(CONSTRAINT("excluded;DNS:a.example")));
	check_middle(VERIFY_INVALID, MIDDLE({ NID_name_constraints, "excluded;DNS:a.example" }));
	check_middle(VERIFY_OK, MIDDLE({ NID_name_constraints, "permitted;DNS:example" }));
}

/* Only the first VERIFY_CHAIN_MAX certificates are looked at, and broken ones are passed over. */
static void test_odd_chains(void **state)
{
	static const uint8_t garbage[] = "\x30\x03xyz";
	X509 *leaf = make_leaf(middle, middle_key);
	char detail[VERIFY_DETAIL_SIZE];
	struct der ders[2 * VERIFY_CHAIN_MAX];
	union addr server = { 0 };
	struct verify_subject subject = { .host = "a.example", .server = &server };
	struct verify_subject nameless = { .host = "", .server = &server };

	(void)state;
	for (unsigned i = 0; i < N_OF(ders); i++)
		ders[i] = (struct der){ .bytes = garbage, .n = sizeof(garbage) - 1 };
	assert_int_equal(verify_chain(trust, ders, 0, &subject, detail), VERIFY_INVALID);
	assert_true(detail[0] != '\0');
	assert_int_equal(verify_chain(trust, ders, 2, &subject, detail), VERIFY_INVALID);
	ders[0] = chain_der(leaf);
	ders[VERIFY_CHAIN_MAX - 1] = chain_der(middle);
	assert_int_equal(verify_chain(trust, ders, N_OF(ders), &subject, detail), VERIFY_OK);
	ders[VERIFY_CHAIN_MAX] = ders[VERIFY_CHAIN_MAX - 1];
	ders[VERIFY_CHAIN_MAX - 1] = ders[1];
	assert_int_equal(verify_chain(trust, ders, N_OF(ders), &subject, detail), VERIFY_UNTRUSTED);
	/* Neither a name nor an address to ask for: nothing may be found good. */
	assert_int_equal(verify_chain(trust, ders, N_OF(ders), &nameless, detail), VERIFY_INVALID);
	OPENSSL_free((void *)ders[0].bytes);
	OPENSSL_free((void *)ders[VERIFY_CHAIN_MAX].bytes);
	X509_free(leaf);
}

static void test_trust(void **state)
{
	char path[] = "/tmp/postern-trust-XXXXXX";
	int fd = mkstemp(path);
	struct trust *loaded = NULL;

	(void)state;
	assert_int_equal(write(fd, "no certificate\n", 15), 15);
	assert_int_equal(load(path, &loaded), -EINVAL);
	close(fd);
	unlink(path);
	assert_int_equal(load(path, &loaded), -ENOENT);
	assert_null(loaded);
	trust_free(NULL);
}

/* A folder by hash, and a trust store in which nothing fits. */
static void test_trust_folder(void **state)
{
	char folder[] = "/tmp/postern-trust-XXXXXX", path[64], link[128];
	X509 *leaf = make_leaf(root, root_key);
	struct trust *kept = trust;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(load(folder, &trust), 0);
	expect(VERIFY_UNTRUSTED, &leaf, 1, "a.example");
	trust_free(trust);
	chain_write(root, path);
	snprintf(link, sizeof(link), "%s/%08lx.0", folder,
		 X509_NAME_hash_ex(X509_get_subject_name(root), NULL, NULL, NULL));
	assert_int_equal(rename(path, link), 0);
	assert_int_equal(load(folder, &trust), 0);
	expect(VERIFY_OK, &leaf, 1, "a.example");
	trust_free(trust);
	trust = kept;
	X509_free(leaf);
	unlink(link);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),        cmocka_unit_test(test_nul_in_name),
		cmocka_unit_test(test_dates),        cmocka_unit_test(test_purposes),
		cmocka_unit_test(test_strength),     cmocka_unit_test(test_chains),
		cmocka_unit_test(test_leaf_as_ca),   cmocka_unit_test(test_intermediates),
		cmocka_unit_test(test_odd_chains),   cmocka_unit_test(test_trust),
		cmocka_unit_test(test_trust_folder),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
