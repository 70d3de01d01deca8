/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certgen/ca_make.h"
#include "certgen/forge.h"

/*
 * Leaves are judged by libcrypto's own verifier, in its strict mode, at the time `NOW`; the
 * servers' certificates are those of test/data/cert.
 */

enum { NOW = 1767225600, HOUR = 3600, DAY = 24 * HOUR, MAX_LIFETIME = 12 * HOUR }; /* 2026-01-01 */

static struct ca *ca;
static struct forge_key keys[2]; /* by enum certgen_key */

struct original {
	uint8_t der[65536];
	size_t length;
	X509 *x509;
};

static struct original *read_original(const char *name)
{
	struct original *original = calloc(1, sizeof(*original));
	char path[512];

	snprintf(path, sizeof(path), "%s/cert/%s.der", POSTERN_TEST_DATA, name);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	original->length = fread(original->der, 1, sizeof(original->der), file);
	fclose(file);
	const uint8_t *at = original->der;

	original->x509 = d2i_X509(NULL, &at, (long)original->length);
	return original;
}

static void free_original(struct original *original)
{
	X509_free(original->x509);
	free(original);
}

static struct forge_order order_of(const struct original *original, const char *host)
{
	return (struct forge_order){
		.ca = ca,
		.kind = CERTGEN_TRUSTED,
		.host = host,
		.key = &keys[CERTGEN_KEY_EC],
		.now = NOW,
		.max_lifetime = MAX_LIFETIME,
		.leaf = original->der,
		.leaf_length = original->length,
	};
}

static X509 *forge_x509(const struct forge_order *order)
{
	struct forge_leaf leaf;
	const char *why = "";
	int64_t seconds;

	if (forge(order, &leaf, &why) != CERTGEN_OK)
		fail_msg("refused: %s", why);
	const uint8_t *at = leaf.der;
	X509 *x509 = d2i_X509(NULL, &at, (long)leaf.length);

	assert_non_null(x509);
	assert_true(at == leaf.der + leaf.length);
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x509), (time_t)leaf.not_before),
			 0);
	seconds = leaf.not_after;
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notAfter(x509), (time_t)seconds), 0);
	forge_leaf_deinit(&leaf);
	return x509;
}

static void refuse(const struct forge_order *order, const char *words)
{
	struct forge_leaf leaf;
	const char *why = "";

	assert_int_equal(forge(order, &leaf, &why), CERTGEN_REFUSED);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
}

static void verify(X509 *leaf, const char *host)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	X509_STORE_add_cert(store, ca->certificate);
	X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

	X509_VERIFY_PARAM_set_time(param, NOW);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1) {
		X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
		assert_int_equal(X509_VERIFY_PARAM_set1_host(param, host, 0), 1);
	}
	if (X509_verify_cert(context) != 1)
		fail_msg("%s: %s", host,
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
}

static void assert_raw_name(const X509_NAME *a, const X509_NAME *b)
{
	const uint8_t *a_der, *b_der;
	size_t a_length, b_length;

	assert_int_equal(X509_NAME_get0_der(a, &a_der, &a_length), 1);
	assert_int_equal(X509_NAME_get0_der(b, &b_der, &b_length), 1);
	assert_int_equal(a_length, b_length);
	assert_memory_equal(a_der, b_der, a_length);
}

static X509_EXTENSION *san_of(X509 *x509)
{
	int at = X509_get_ext_by_NID(x509, NID_subject_alt_name, -1);

	assert_true(at >= 0);
	assert_int_equal(X509_get_ext_by_NID(x509, NID_subject_alt_name, at), -1);
	return X509_get_ext(x509, at);
}

static void check_mimicry(X509 *leaf, X509 *real)
{
	X509_EXTENSION *san = san_of(leaf);
	const ASN1_OCTET_STRING *own = X509_EXTENSION_get_data(san);
	const ASN1_OCTET_STRING *theirs = X509_EXTENSION_get_data(san_of(real));

	assert_raw_name(X509_get_subject_name(leaf), X509_get_subject_name(real));
	assert_raw_name(X509_get_issuer_name(leaf), X509_get_subject_name(ca->certificate));
	assert_int_equal(ASN1_OCTET_STRING_cmp(own, theirs), 0);
	assert_int_equal(X509_EXTENSION_get_critical(san) != 0,
			 X509_NAME_entry_count(X509_get_subject_name(real)) == 0);
}

/* What every leaf has, and that it has nothing else. */
static void check_profile(X509 *leaf, enum certgen_key kind)
{
	static const int known[] = {
		NID_subject_alt_name, NID_basic_constraints,      NID_key_usage,
		NID_ext_key_usage,    NID_subject_key_identifier, NID_authority_key_identifier,
	};
	uint32_t usage = kind == CERTGEN_KEY_EC ? KU_DIGITAL_SIGNATURE
						: KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT;
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);

	assert_int_equal(X509_get_version(leaf), X509_VERSION_3);
	assert_int_equal(ASN1_STRING_length(serial), 16);
	assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER); /* not negative */
	assert_int_equal(X509_get_ext_count(leaf), sizeof(known) / sizeof(known[0]));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(X509_get_ext_by_NID(leaf, known[i], -1) >= 0);
	assert_int_equal(X509_get_key_usage(leaf), usage);
	assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER);
	assert_int_equal(X509_check_ca(leaf), 0);
	assert_true(X509_EXTENSION_get_critical(
		X509_get_ext(leaf, X509_get_ext_by_NID(leaf, NID_key_usage, -1))));
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf),
					       X509_get0_subject_key_id(ca->certificate)),
			 0);
	uint8_t *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);

	assert_int_equal(n, keys[kind].spki_length);
	assert_memory_equal(spki, keys[kind].spki, n);
	OPENSSL_free(spki);
}

static void test_real_certificates(void **state)
{
	static const struct {
		const char *name, *host;
	} cases[] = {
		{ "ec", "ec.example" },
		{ "ec", "www.ec.example" },
		{ "rsa", "rsa.example" },
		{ "utf8", "xn--r8jz45g.example" },
		{ "bmp", "bmp.example" },
		{ "multi_rdn", "multi.example" },
		{ "ip", "192.0.2.7" },
		{ "ip", "2001:db8::7" },
		{ "ip", "ip.example" },
		{ "anonymous", "anonymous.example" },
		{ "large", "host-599.of.a.large.example" },
		{ "ca", "ca.example" },
		{ "short", "short.example" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct original *original = read_original(cases[i].name);

		for (enum certgen_key kind = CERTGEN_KEY_EC; kind <= CERTGEN_KEY_RSA; kind++) {
			struct forge_order order = order_of(original, cases[i].host);

			order.key = &keys[kind];
			X509 *leaf = forge_x509(&order);

			check_mimicry(leaf, original->x509);
			check_profile(leaf, kind);
			verify(leaf, cases[i].host);
			X509_free(leaf);
		}
		free_original(original);
	}
}

static void check_validity(const struct forge_order *order, int64_t not_before, int64_t not_after)
{
	struct forge_leaf leaf;
	const char *why;

	assert_int_equal(forge(order, &leaf, &why), CERTGEN_OK);
	assert_int_equal(leaf.not_before, not_before);
	assert_int_equal(leaf.not_after, not_after);
	forge_leaf_deinit(&leaf);
}

static void test_validity(void **state)
{
	struct original *ec = read_original("ec"), *brief = read_original("short");
	struct forge_order order = order_of(ec, "");
	const int64_t start = 1735689600, end = 2051222400; /* ec: 2025-01-01 and 2035-01-01 */

	(void)state;
	check_validity(&order, NOW - HOUR, NOW + MAX_LIFETIME);
	order.now = start;
	refuse(&order, "not valid now"); /* the CA begins a day before NOW */
	order.now = NOW;
	order.max_lifetime = 100LL * 366 * DAY;
	check_validity(&order, NOW - HOUR, end);
	order.now = ca->not_before;
	check_validity(&order, ca->not_before, end);
	order.now = ca->not_before - 1;
	refuse(&order, "not valid now");
	order.now = end;
	refuse(&order, "not valid now");
	/* 2025-12-31 23:30 to 2026-01-01 06:00: narrower than we are, on both sides. */
	order = order_of(brief, "");
	check_validity(&order, NOW - HOUR / 2, NOW + 6 * HOUR);
	order.now = NOW + 6 * HOUR - 1;
	check_validity(&order, NOW + 5 * HOUR - 1, NOW + 6 * HOUR);
	order.now = NOW + 6 * HOUR;
	refuse(&order, "not valid now");
	order.now = NOW - HOUR;
	refuse(&order, "not valid now");
	free_original(ec);
	free_original(brief);
}

static void test_ca_end_bounds(void **state)
{
	struct original *ec = read_original("ec");
	struct forge_order order = order_of(ec, "");
	int64_t end = ca->not_after;

	(void)state;
	ca->not_after = NOW + HOUR;
	check_validity(&order, NOW - HOUR, NOW + HOUR);
	order.now = NOW + HOUR;
	refuse(&order, "not valid now");
	ca->not_after = end;
	free_original(ec);
}

static void test_untrusted(void **state)
{
	struct original *expired = read_original("expired");
	struct forge_order order = order_of(expired, "expired.example");

	(void)state;
	refuse(&order, "not valid now");
	order.kind = CERTGEN_UNTRUSTED;
	check_validity(&order, NOW - HOUR, NOW + MAX_LIFETIME);
	X509 *leaf = forge_x509(&order);

	check_mimicry(leaf, expired->x509);
	check_profile(leaf, CERTGEN_KEY_EC);
	verify(leaf, "expired.example"); /* for who trusts that CA nothing else is wrong */
	X509_free(leaf);
	free_original(expired);
}

static void test_no_san(void **state)
{
	static const char *const good[] = { "a", "www.example", "_x.a-b.example", "192.0.2.1",
					    "2001:db8::1" };
	static const char *const bad[] = {
		"a..b",
		".a",
		"a.",
		"a b",
		"*.example",
		"a/b",
		"\xc3\xa9.example",
		"a\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"
	};
	struct original *original = read_original("no_san");
	struct forge_order order = order_of(original, "cn-only.example");

	(void)state;
	refuse(&order, "no subjectAltName");
	order.kind = CERTGEN_UNTRUSTED;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		order.host = good[i];
		X509 *leaf = forge_x509(&order);

		check_profile(leaf, CERTGEN_KEY_EC);
		verify(leaf, good[i]);
		X509_free(leaf);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		order.host = bad[i];
		refuse(&order, "not a host name");
	}
	order.host = "";
	refuse(&order, "no subjectAltName");
	free_original(original);
}

static void test_broken(void **state)
{
	struct original *ec = read_original("ec");
	struct forge_order order = order_of(ec, "ec.example");

	(void)state;
	for (size_t n = 0; n < ec->length; n++) {
		order.leaf_length = n;
		refuse(&order, "not a certificate");
	}
	order.leaf_length = ec->length + 1;
	refuse(&order, "not a certificate");
	free_original(ec);
	for (int i = 0; i < 2; i++) {
		struct original *broken = read_original(i == 0 ? "broken_san" : "empty_san");

		order = order_of(broken, "broken.example");
		refuse(&order, "broken, empty or there twice");
		order.kind = CERTGEN_UNTRUSTED;
		refuse(&order, "broken, empty or there twice");
		free_original(broken);
	}
}

static NAME_CONSTRAINTS *constraints_of(const char *text)
{
	X509V3_CTX context = { 0 };
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_name_constraints, text);
	NAME_CONSTRAINTS *constraints = X509V3_EXT_d2i(extension);

	assert_non_null(constraints);
	X509_EXTENSION_free(extension);
	return constraints;
}

static void test_name_constraints(void **state)
{
	struct original *ec = read_original("ec"), *ip = read_original("ip");
	struct forge_order order = order_of(ec, "");

	(void)state;
	ca->constraints[1] = constraints_of("permitted;DNS:ec.example");
	X509_free(forge_x509(&order));
	NAME_CONSTRAINTS_free(ca->constraints[1]);
	ca->constraints[1] = constraints_of("excluded;DNS:example");
	refuse(&order, "name constraints");
	order = order_of(ip, "");
	refuse(&order, "name constraints");
	NAME_CONSTRAINTS_free(ca->constraints[1]);
	ca->constraints[1] = NULL;
	free_original(ec);
	free_original(ip);
}

static void test_serials(void **state)
{
	struct original *ec = read_original("ec");
	struct forge_order order = order_of(ec, "");
	X509 *a = forge_x509(&order), *b = forge_x509(&order);

	(void)state;
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)),
			     0);
	X509_free(a);
	X509_free(b);
	free_original(ec);
}

static void write_file(const char *path, const struct ca_bytes *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes->bytes, bytes->length), (ssize_t)bytes->length);
	close(fd);
}

static void set_key(enum certgen_key kind, EVP_PKEY *pair)
{
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(pair, &spki);

	assert_int_equal(forge_key_init(&keys[kind], kind, spki, (size_t)n), 0);
	OPENSSL_free(spki);
	EVP_PKEY_free(pair);
}

static void test_keys_refused(void **state)
{
	const struct forge_key *ec = &keys[CERTGEN_KEY_EC];
	struct forge_key key;
	EVP_PKEY *other = EVP_EC_gen("secp384r1");
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(other, &spki);

	(void)state;
	assert_int_equal(forge_key_init(&key, CERTGEN_KEY_EC, spki, (size_t)n), -EBADMSG);
	assert_int_equal(forge_key_init(&key, CERTGEN_KEY_RSA, ec->spki, ec->spki_length),
			 -EBADMSG);
	assert_int_equal(forge_key_init(&key, CERTGEN_KEY_EC, ec->spki, ec->spki_length + 1),
			 -EBADMSG);
	assert_int_equal(forge_key_init(&key, CERTGEN_KEY_EC, ec->spki, ec->spki_length - 1),
			 -EBADMSG);
	assert_int_equal(forge_key_init(&key, CERTGEN_KEY_EC, spki, WIRE_SPKI_MAX + 1), -EBADMSG);
	OPENSSL_free(spki);
	EVP_PKEY_free(other);
}

static int set_up(void **state)
{
	char folder[] = "/tmp/postern-forge.XXXXXX", certificate[64], key[64];
	struct ca_bytes key_pem, certificate_pem;
	struct ca_error error;
	int r = -1;

	(void)state;
	if (!mkdtemp(folder) || ca_make_root("/CN=Forge Test CA", CA_MAKE_EC, NOW, &key_pem,
					     &certificate_pem, &error) < 0)
		return -1;
	snprintf(certificate, sizeof(certificate), "%s/crt", folder);
	snprintf(key, sizeof(key), "%s/key", folder);
	write_file(certificate, &certificate_pem);
	write_file(key, &key_pem);
	r = ca_load(certificate, key, NOW, &ca, &error);
	unlink(certificate);
	unlink(key);
	rmdir(folder);
	ca_bytes_deinit(&key_pem);
	ca_bytes_deinit(&certificate_pem);
	set_key(CERTGEN_KEY_EC, EVP_EC_gen("prime256v1"));
	set_key(CERTGEN_KEY_RSA, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
	return r;
}

static int tear_down(void **state)
{
	(void)state;
	ca_free(ca);
	forge_key_deinit(&keys[0]);
	forge_key_deinit(&keys[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_certificates),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_ca_end_bounds),
		cmocka_unit_test(test_untrusted),
		cmocka_unit_test(test_no_san),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_name_constraints),
		cmocka_unit_test(test_serials),
		cmocka_unit_test(test_keys_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
