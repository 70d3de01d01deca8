/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certgen/ca_make.h"
#include "certgen/profile.h"
#include "certgen/x509.h"
#include "cmocka_all.h"

/*
 * Clause by clause: originals are made here, each with what the clause is about, and what comes out
 * is looked at by libcrypto. Then leaves that certgen would never make are given to the check that
 * stands before the key.
 */

enum { NOW = 1767225600, HOUR = 3600, DAY = 24 * HOUR, MAX_LIFETIME = 22 * HOUR }; /* 2026-01-01 */

#define HOST "www.profile.example"

static EVP_PKEY *pair; /* of everybody but the CA */
static struct forge_key key;
static struct ca *ca;

struct extension {
	const char *name, *value; /* as in openssl.cnf */
};

/* --- certificates to begin with --- */

static void add_extensions(X509 *x509, const struct extension *extensions, size_t n)
{
	for (size_t i = 0; i < n && extensions[i].name; i++) {
		X509V3_CTX context;

		X509V3_set_ctx_nodb(&context);
		X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
		X509_EXTENSION *extension =
			X509V3_EXT_conf(NULL, &context, extensions[i].name, extensions[i].value);

		if (!extension)
			fail_msg("%s=%s", extensions[i].name, extensions[i].value);
		assert_int_equal(X509_add_ext(x509, extension, -1), 1);
		X509_EXTENSION_free(extension);
	}
}

static X509 *make(const char *issuer, int64_t not_before, int64_t not_after,
		  const struct extension *extensions, size_t n)
{
	X509 *x509 = X509_new();
	X509_NAME *name = X509_NAME_new();

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						    (const uint8_t *)issuer, -1, -1, 0),
			 1);
	X509_set_version(x509, X509_VERSION_3);
	assert_true(x509_set_serial(X509_get_serialNumber(x509)));
	X509_set_issuer_name(x509, name);
	X509_set_subject_name(x509, name);
	ASN1_TIME_set(X509_getm_notBefore(x509), not_before);
	ASN1_TIME_set(X509_getm_notAfter(x509), not_after);
	X509_set_pubkey(x509, pair);
	add_extensions(x509, extensions, n);
	assert_true(X509_sign(x509, pair, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return x509;
}

/* A server's own, for HOST, with these extensions in addition. */
static X509 *make_original(const struct extension *extra, size_t n)
{
	struct extension extensions[4] = { { "subjectAltName", "DNS:" HOST } };

	assert_true(n <= 3);
	if (n > 0)
		memcpy(extensions + 1, extra, n * sizeof(*extra));
	return make("Somebody's CA", NOW - 30 * DAY, NOW + 300 * DAY, extensions, 1 + n);
}

static void put_pem(const char *path, X509 *x509)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, x509), 1);
	assert_int_equal(fclose(file), 0);
}

/* A CA as an operator may bring it, through the files that it comes in. */
static struct ca *load_ca(int64_t not_after, const char *constraints)
{
	char folder[] = "/tmp/postern-profile.XXXXXX", certificate[64], secret[64];
	const struct extension extensions[] = { { "basicConstraints",
						  "critical,CA:TRUE,pathlen:0" },
						{ "keyUsage", "critical,keyCertSign,cRLSign" },
						{ "subjectKeyIdentifier", "hash" },
						{ "nameConstraints", constraints } };
	X509 *x509 = make("Profile CA", NOW - DAY, not_after, extensions, constraints ? 4 : 3);
	struct ca_error error;
	struct ca *made = NULL;

	assert_non_null(mkdtemp(folder));
	snprintf(certificate, sizeof(certificate), "%s/crt", folder);
	snprintf(secret, sizeof(secret), "%s/key", folder);
	put_pem(certificate, x509);
	BIO *bio = BIO_new_file(secret, "w");

	assert_int_equal(chmod(secret, 0600), 0);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
	BIO_free(bio);
	if (ca_load(certificate, secret, NOW, &made, &error) < 0)
		fail_msg("%s", error.text);
	unlink(certificate);
	unlink(secret);
	rmdir(folder);
	X509_free(x509);
	return made;
}

static void set_key(struct forge_key *made, EVP_PKEY *of)
{
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(of, &spki);

	assert_int_equal(forge_key_init(made, CERTGEN_KEY_EC, spki, (size_t)n), 0);
	OPENSSL_free(spki);
}

/* --- forging --- */

static struct forge_order order_of(const uint8_t *der, int n)
{
	return (struct forge_order){
		.ca = ca,
		.kind = CERTGEN_TRUSTED,
		.host = HOST,
		.key = &key,
		.now = NOW,
		.max_lifetime = MAX_LIFETIME,
		.leaf = der,
		.leaf_length = (size_t)n,
	};
}

/* NULL with *ret_why when it was refused. Frees the original. */
static X509 *forge_for(X509 *original, enum certgen_kind kind, const char *host,
		       const char **ret_why)
{
	uint8_t *der = NULL;
	int n = i2d_X509(original, &der);
	struct forge_order order = order_of(der, n);
	struct forge_leaf leaf;
	X509 *x509 = NULL;

	order.kind = kind;
	order.host = host;
	enum certgen_status status = forge(&order, &leaf, ret_why);

	if (status == CERTGEN_OK) {
		const uint8_t *at = leaf.der;

		x509 = d2i_X509(NULL, &at, (long)leaf.length);
		assert_non_null(x509);
		forge_leaf_deinit(&leaf);
	} else {
		assert_int_equal(status, CERTGEN_REFUSED);
	}
	OPENSSL_free(der);
	X509_free(original);
	return x509;
}

static void allow(X509 *original)
{
	const char *why = "";
	X509 *leaf = forge_for(original, CERTGEN_TRUSTED, HOST, &why);

	if (!leaf)
		fail_msg("refused: %s", why);
	assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER);
	assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_check_ca(leaf), 0);
	X509_free(leaf);
}

static void refuse_for(X509 *original, const char *host, const char *words)
{
	const char *why = "";

	if (forge_for(original, CERTGEN_TRUSTED, host, &why))
		fail_msg("not refused, which should say '%s'", words);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
}

static void test_key_usages(void **state)
{
	static const char *const good[] = { "serverAuth", "anyExtendedKeyUsage",
					    "serverAuth,codeSigning,clientAuth,emailProtection",
					    "critical,serverAuth" };
	static const char *const bad[] = { "codeSigning", "clientAuth", "OCSPSigning,timeStamping",
					   "1.2.3.4" };
	const struct extension authority[] = {
		{ "basicConstraints", "critical,CA:TRUE" },
		{ "keyUsage", "critical,keyCertSign,cRLSign,digitalSignature,keyAgreement" },
	};

	(void)state;
	allow(make_original(NULL, 0));
	for (size_t i = 0; i < N_OF(good); i++)
		allow(make_original(&(struct extension){ "extendedKeyUsage", good[i] }, 1));
	for (size_t i = 0; i < N_OF(bad); i++) {
		const struct extension use = { "extendedKeyUsage", bad[i] };
		const char *why;

		refuse_for(make_original(&use, 1), HOST, "not for TLS servers");
		/* Nobody trusts it: it may stand for anything. */
		X509 *leaf = forge_for(make_original(&use, 1), CERTGEN_UNTRUSTED, HOST, &why);

		assert_non_null(leaf);
		assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER);
		X509_free(leaf);
	}
	allow(make_original(authority, 2));
}

static void test_critical_extensions(void **state)
{
	(void)state;
	allow(make_original(&(struct extension){ "1.2.3.4", "ASN1:UTF8String:x" }, 1));
	refuse_for(make_original(&(struct extension){ "1.2.3.4", "critical,ASN1:UTF8String:x" }, 1),
		   HOST, "critical extension");
	allow(make_original(&(struct extension){ "certificatePolicies",
						 "critical,DER:30:07:30:05:06:03:2a:03:04" },
			    1));
}

static void test_own_certificate(void **state)
{
	const struct extension names = { "subjectAltName", "DNS:" HOST };

	(void)state;
	refuse_for(make("Profile CA", NOW - DAY, NOW + DAY, &names, 1), HOST, "its issuer is");
}

static X509 *make_named(const char *names)
{
	return make("Somebody's CA", NOW - DAY, NOW + DAY,
		    &(struct extension){ "subjectAltName", names }, 1);
}

static void test_host(void **state)
{
	static const struct {
		const char *names, *host;
		bool is_for;
	} cases[] = {
		{ "DNS:a.example,DNS:b.example", "b.example", true },
		{ "DNS:B.Example", "b.example", true },
		{ "DNS:*.example.org", "x.example.org", true },
		{ "DNS:*.example.org", "", true }, /* the client named nobody */
		{ "DNS:a.example,IP:192.0.2.7", "192.0.2.7", true },
		{ "IP:2001:db8::7", "2001:db8::7", true },
		{ "DNS:a.example", "b.example", false },
		{ "DNS:*.example.org", "example.org", false },
		{ "DNS:*.example.org", "x.y.example.org", false },
		{ "DNS:x*.example.org", "xy.example.org", false },
		{ "DNS:192.0.2.7", "192.0.2.7", false },
		{ "IP:192.0.2.7", "192.0.2.8", false },
		{ "email:a@b.example", "b.example", false },
		{ "URI:https://b.example/", "b.example", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *why = "";

		if (!cases[i].is_for) {
			refuse_for(make_named(cases[i].names), cases[i].host,
				   "not among its names");
			continue;
		}
		X509 *leaf =
			forge_for(make_named(cases[i].names), CERTGEN_TRUSTED, cases[i].host, &why);

		if (!leaf)
			fail_msg("%s for %s: %s", cases[i].names, cases[i].host, why);
		X509_free(leaf);
	}
}

static void test_constrained_ca(void **state)
{
	static const struct {
		const char *constraints, *names;
		bool is_allowed;
	} cases[] = {
		{ "critical,permitted;DNS:profile.example", "DNS:www.profile.example", true },
		{ "permitted;DNS:profile.example", "DNS:www.other.example", false },
		{ "permitted;DNS:profile.example", "DNS:www.profile.example,DNS:other.example",
		  false },
		{ "excluded;DNS:secret.example", "DNS:www.profile.example", true },
		{ "excluded;DNS:secret.example", "DNS:a.secret.example", false },
		{ "permitted;IP:192.0.2.0/255.255.255.0", "IP:192.0.2.7", true },
		{ "permitted;IP:192.0.2.0/255.255.255.0", "IP:198.51.100.7", false },
		{ "excluded;IP:0.0.0.0/0.0.0.0", "DNS:www.profile.example", true },
		{ "excluded;IP:0.0.0.0/0.0.0.0", "DNS:www.profile.example,IP:192.0.2.7", false },
	};
	struct ca *plain = ca;

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *why = "";

		ca = load_ca(NOW + 300 * DAY, cases[i].constraints);
		EVP_PKEY *secret = ca->key;

		if (cases[i].is_allowed) {
			X509 *leaf =
				forge_for(make_named(cases[i].names), CERTGEN_TRUSTED, "", &why);

			if (!leaf)
				fail_msg("%s, %s: %s", cases[i].constraints, cases[i].names, why);
			X509_free(leaf);
		} else {
			ca->key = NULL; /* it would fail, not be refused: no signature is made */
			refuse_for(make_named(cases[i].names), "", "name constraints exclude");
		}
		ca->key = secret;
		ca_free(ca);
	}
	ca = plain;
}

static void test_short_ca(void **state)
{
	struct ca *plain = ca;
	const char *why = "";
	int64_t seconds;

	(void)state;
	ca = load_ca(NOW + HOUR, NULL);
	X509 *leaf = forge_for(make_original(NULL, 0), CERTGEN_TRUSTED, HOST, &why);

	assert_non_null(leaf);
	assert_int_equal(x509_time(X509_get0_notAfter(leaf), &seconds), 0);
	assert_int_equal(seconds, NOW + HOUR);
	X509_free(leaf);
	ca_free(ca);
	ca = plain;
}

static int by_value(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void test_serials(void **state)
{
	enum { N = 100000 };
	uint8_t(*serials)[16] = calloc(N, sizeof(*serials));
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	(void)state;
	assert_non_null(serials);
	for (int i = 0; i < N; i++) {
		assert_true(x509_set_serial(serial));
		assert_int_equal(ASN1_STRING_length(serial), 16);
		memcpy(serials[i], ASN1_STRING_get0_data(serial), 16);
	}
	qsort(serials, N, sizeof(*serials), by_value);
	for (int i = 1; i < N; i++)
		assert_memory_not_equal(serials[i - 1], serials[i], 16);
	ASN1_INTEGER_free(serial);
	free(serials);
}

/* --- the check itself --- */

static const struct {
	struct extension extensions[4];
	int64_t not_before, not_after;
	const char *words; /* NULL: it is as it should be */
} leaves[] = {
#define NAMES                                                                                      \
	{                                                                                          \
		"subjectAltName", "DNS:" HOST                                                      \
	}
#define SIGN                                                                                       \
	{                                                                                          \
		"keyUsage", "critical,digitalSignature"                                            \
	}
#define SERVER                                                                                     \
	{                                                                                          \
		"extendedKeyUsage", "serverAuth"                                                   \
	}
	{ { NAMES, SIGN, SERVER }, NOW - HOUR, NOW + HOUR, NULL },
	{ { NAMES, SIGN }, NOW - HOUR, NOW + HOUR, "servers alone" },
	{ { NAMES, SERVER }, NOW - HOUR, NOW + HOUR, "servers alone" },
	{ { NAMES, SIGN, { "extendedKeyUsage", "serverAuth,clientAuth" } },
	  NOW - HOUR,
	  NOW + HOUR,
	  "servers alone" },
	{ { NAMES, { "keyUsage", "digitalSignature,keyCertSign" }, SERVER },
	  NOW - HOUR,
	  NOW + HOUR,
	  "a CA" },
	{ { NAMES, SIGN, SERVER, { "basicConstraints", "CA:TRUE" } },
	  NOW - HOUR,
	  NOW + HOUR,
	  "a CA" },
	{ { SIGN, SERVER }, NOW - HOUR, NOW + HOUR, "not among" },
	{ { NAMES, SIGN, SERVER }, NOW - 2 * DAY, NOW + HOUR, "too long" }, /* the CA: 1 */
	{ { NAMES, SIGN, SERVER }, NOW + 1, NOW + HOUR, "too long" },
	{ { NAMES, SIGN, SERVER }, NOW - HOUR, NOW, "too long" },
	{ { NAMES, SIGN, SERVER }, NOW - HOUR, NOW + MAX_LIFETIME + 1, "too long" },
	{ { NAMES, SIGN, SERVER }, NOW - HOUR, NOW + MAX_LIFETIME, NULL },
	{ { NAMES, SIGN, SERVER, { "2.5.29.17", "DER:05:00" } },
	  NOW - HOUR,
	  NOW + HOUR,
	  "cannot be read" },
#undef NAMES
#undef SIGN
#undef SERVER
};

static void test_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(leaves); i++) {
		X509 *x509 = make("Profile CA", leaves[i].not_before, leaves[i].not_after,
				  leaves[i].extensions, 4);
		uint8_t *der = NULL;
		int n = i2d_X509(x509, &der);
		struct forge_order order = order_of(NULL, 0);
		struct leaf *leaf = leaf_parse(der, (size_t)n);
		const char *why = profile_leaf(&order, leaf->tbs);

		if (!why != !leaves[i].words || (why && !strstr(why, leaves[i].words)))
			fail_msg("case %zu: '%s'", i, why ? why : "");
		leaf_free(leaf);
		OPENSSL_free(der);
		X509_free(x509);
	}
	ERR_clear_error();
}

static void test_other_key(void **state)
{
	X509 *x509 = make("Profile CA", NOW - HOUR, NOW + HOUR, leaves[0].extensions, 4);
	EVP_PKEY *other = EVP_EC_gen("prime256v1");
	struct forge_order order = order_of(NULL, 0);
	struct forge_key ordered;
	uint8_t *der = NULL;
	int n = i2d_X509(x509, &der);
	struct leaf *leaf = leaf_parse(der, (size_t)n);

	(void)state;
	assert_null(profile_leaf(&order, leaf->tbs));
	set_key(&ordered, other);
	order.key = &ordered;
	assert_non_null(strstr(profile_leaf(&order, leaf->tbs), "key is another"));
	forge_key_deinit(&ordered);
	EVP_PKEY_free(other);
	leaf_free(leaf);
	OPENSSL_free(der);
	X509_free(x509);
}

static int set_up(void **state)
{
	(void)state;
	pair = EVP_EC_gen("prime256v1");
	set_key(&key, pair);
	ca = load_ca(NOW + 300 * DAY, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ca_free(ca);
	forge_key_deinit(&key);
	EVP_PKEY_free(pair);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_usages),      cmocka_unit_test(test_critical_extensions),
		cmocka_unit_test(test_own_certificate), cmocka_unit_test(test_host),
		cmocka_unit_test(test_constrained_ca),  cmocka_unit_test(test_short_ca),
		cmocka_unit_test(test_serials),         cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_other_key),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
