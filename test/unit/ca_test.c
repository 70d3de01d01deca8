/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certgen/ca.h"
#include "certgen/ca_make.h"

enum { NOW = 1767225600, DAY = 24 * 3600 }; /* 2026-01-01 */

static char folder[64];
static char certificate[128], key[128], other[128];

static void put(const char *path, mode_t mode, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void make(const char *subject, enum ca_make_key kind, int64_t now)
{
	struct ca_bytes key_pem, certificate_pem;
	struct ca_error error;

	assert_int_equal(ca_make_root(subject, kind, now, &key_pem, &certificate_pem, &error), 0);
	put(key, 0600, key_pem.bytes, key_pem.length);
	put(certificate, 0644, certificate_pem.bytes, certificate_pem.length);
	ca_bytes_deinit(&key_pem);
	ca_bytes_deinit(&certificate_pem);
}

static struct ca *load(void)
{
	struct ca *ca = NULL;
	struct ca_error error;

	if (ca_load(certificate, key, NOW, &ca, &error) != 0)
		fail_msg("%s", error.text);
	return ca;
}

/* That loading fails with a text that holds `words` and begins with the file at fault. */
static void refuse(const char *file, int code, const char *words)
{
	struct ca *ca = NULL;
	struct ca_error error = { "" };

	assert_int_equal(ca_load(certificate, key, NOW, &ca, &error), code);
	assert_null(ca);
	if (strncmp(error.text, file, strlen(file)) != 0 || !strstr(error.text, words))
		fail_msg("'%s' does not say '%s' of %s", error.text, words, file);
}

/* A certificate signed by the loaded CA's key, for the same key, with the extension given. */
static void resign(int nid, const char *value, const char *path)
{
	struct ca *ca = load();
	X509 *copy = X509_dup(ca->certificate);
	int at = X509_get_ext_by_NID(copy, nid, -1);

	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(copy, at));
	if (value) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

		assert_non_null(extension);
		X509_add_ext(copy, extension, -1);
		X509_EXTENSION_free(extension);
	}
	assert_true(X509_sign(copy, ca->key, EVP_sha256()) > 0);
	FILE *file = fopen(path, "w");

	assert_int_equal(PEM_write_X509(file, copy), 1);
	fclose(file);
	X509_free(copy);
	ca_free(ca);
}

static void test_profile(void **state)
{
	struct ca *ca;

	(void)state;
	for (enum ca_make_key kind = CA_MAKE_EC; kind <= CA_MAKE_RSA; kind++) {
		make("/CN=Test CA/O=T\\/est \xc3\xa9", kind, NOW);
		ca = load();
		uint32_t flags = X509_get_extension_flags(ca->certificate);

		assert_true((flags & EXFLAG_CA) != 0 && (flags & EXFLAG_SS) != 0);
		assert_int_equal(X509_get_pathlen(ca->certificate), 0);
		assert_int_equal(X509_get_key_usage(ca->certificate),
				 KU_KEY_CERT_SIGN | KU_CRL_SIGN);
		assert_non_null(X509_get0_subject_key_id(ca->certificate));
		assert_int_equal(X509_verify(ca->certificate, ca->key), 1);
		assert_true(ca->not_before < NOW && ca->not_after > NOW + 3650LL * DAY);
		assert_int_equal(EVP_PKEY_get_bits(ca->key), kind == CA_MAKE_EC ? 256 : 3072);
		assert_int_equal(ca->chain_length, 0); /* a root is not sent */
		ca_free(ca);
	}
}

static void test_facts(void **state)
{
	struct ca_facts facts;
	struct ca_error error;
	struct ca_bytes bytes;

	(void)state;
	make("/CN=Test\nCA/O=\xc3\xa9", CA_MAKE_EC, NOW);
	assert_int_equal(ca_facts(certificate, &facts, &error), 0);
	assert_string_equal(facts.subject, "O=\xc3\xa9,CN=Test\\0ACA");
	assert_string_equal(facts.key, "EC prime256v1");
	assert_int_equal(strlen(facts.fingerprint), 64);
	assert_int_equal(facts.not_before, NOW - DAY);
	/* Of a file with everything in it only certificates come out. */
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	assert_int_equal(ca_facts_export_key(key, &bytes, &error), 0);
	assert_non_null(memmem(bytes.bytes, bytes.length, "BEGIN PRIVATE KEY", 17));
	FILE *file = fopen(certificate, "a");

	fwrite(bytes.bytes, 1, bytes.length, file);
	fclose(file);
	ca_bytes_deinit(&bytes);
	for (enum ca_export form = CA_EXPORT_PEM; form <= CA_EXPORT_CHAIN; form++) {
		assert_int_equal(ca_facts_export(certificate, form, &bytes, &error), 0);
		assert_null(memmem(bytes.bytes, bytes.length, "PRIVATE", 7));
		assert_int_equal(bytes.bytes[0], form == CA_EXPORT_DER ? 0x30 : '-');
		ca_bytes_deinit(&bytes);
	}
}

static void test_subjects(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"CN=a",
		"/CN",
		"/CN=",
		"/=a",
		"/XX=a",
		"/CN=a/",
		"/CN=\xff\xfe",
		"/C=DEU",
		"/CN=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct ca_bytes key_pem, certificate_pem;
	struct ca_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			ca_make_root(bad[i], CA_MAKE_EC, NOW, &key_pem, &certificate_pem, &error),
			-EINVAL);
}

static void test_files_refused(void **state)
{
	(void)state;
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	chmod(key, 0640);
	refuse(key, -EACCES,
	       "mode 0640: must not be accessible by group or others, run chmod 0600");
	chmod(key, 0601);
	refuse(key, -EACCES, "mode 0601");
	unlink(key);
	refuse(key, -ENOENT, "No such file");
	mkdir(key, 0700);
	refuse(key, -EINVAL, "not a regular file");
	rmdir(key);
	mkfifo(key, 0600);
	refuse(key, -EINVAL, "not a regular file");
	unlink(key);
	put(key, 0600, "hello\n", 6);
	refuse(key, -EINVAL, "no private key");
	put(certificate, 0644, "hello\n", 6);
	refuse(certificate, -EINVAL, "holds no PEM certificate");
	put(certificate, 0644, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	    59);
	refuse(certificate, -EINVAL, "not a PEM certificate");
	unlink(certificate);
	refuse(certificate, -ENOENT, "No such file");
}

static void test_encrypted_key_refused(void **state)
{
	(void)state;
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	struct ca *ca = load();
	FILE *file = fopen(key, "w");

	assert_int_equal(PEM_write_PKCS8PrivateKey(file, ca->key, EVP_aes_128_cbc(), "secret", 6,
						   NULL, NULL),
			 1);
	fclose(file);
	ca_free(ca);
	refuse(key, -EINVAL, "without a passphrase");
}

static void test_authorities_refused(void **state)
{
	(void)state;
	make("/CN=Test CA", CA_MAKE_EC, NOW - 4000LL * DAY);
	refuse(certificate, -EINVAL, "expired");
	make("/CN=Test CA", CA_MAKE_EC, NOW + 4000LL * DAY);
	refuse(certificate, -EINVAL, "not yet valid");
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	rename(key, other);
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	rename(other, key);
	refuse(key, -EINVAL, "not the key of");
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	resign(NID_basic_constraints, "CA:FALSE", other);
	rename(other, certificate);
	refuse(certificate, -EINVAL, "basicConstraints");
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	resign(NID_basic_constraints, NULL, other);
	rename(other, certificate);
	refuse(certificate, -EINVAL, "basicConstraints");
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	resign(NID_key_usage, "digitalSignature", other);
	rename(other, certificate);
	refuse(certificate, -EINVAL, "keyCertSign");
	make("/CN=Test CA", CA_MAKE_EC, NOW);
	resign(NID_ext_key_usage, "clientAuth", other);
	rename(other, certificate);
	refuse(certificate, -EINVAL, "not for TLS servers");
}

static void append_file(const char *to, const char *from)
{
	char bytes[8192];
	FILE *in = fopen(from, "r"), *out = fopen(to, "a");
	size_t n = fread(bytes, 1, sizeof(bytes), in);

	assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	fclose(out);
}

/* A subordinate made from its request, below a root of its own. */
static void make_subordinate(X509_NAME *issuer, EVP_PKEY *issuer_key, const char *path)
{
	struct ca_bytes pem;
	struct ca_error error;

	assert_int_equal(ca_make_request(certificate, key, &pem, &error), 0);
	BIO *bio = BIO_new_mem_buf(pem.bytes, (int)pem.length);
	X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	X509 *signed_one = X509_new();

	assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
	assert_int_equal(sk_X509_EXTENSION_num(extensions), 3);
	X509_set_version(signed_one, X509_VERSION_3);
	X509_set_subject_name(signed_one, X509_REQ_get_subject_name(request));
	X509_set_pubkey(signed_one, X509_REQ_get0_pubkey(request));
	X509_set_issuer_name(signed_one, issuer);
	ASN1_TIME_set(X509_getm_notBefore(signed_one), NOW - 5 * DAY);
	ASN1_TIME_set(X509_getm_notAfter(signed_one), NOW + 5 * DAY);
	for (int i = 0; i < 3; i++)
		X509_add_ext(signed_one, sk_X509_EXTENSION_value(extensions, i), -1);
	assert_true(X509_sign(signed_one, issuer_key, EVP_sha256()) > 0);
	FILE *file = fopen(path, "w");

	PEM_write_X509(file, signed_one);
	fclose(file);
	X509_free(signed_one);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	BIO_free(bio);
	ca_bytes_deinit(&pem);
}

static void test_subordinate(void **state)
{
	(void)state;
	make("/CN=Root", CA_MAKE_RSA, NOW);
	resign(NID_basic_constraints, "critical,CA:TRUE,pathlen:1", other);
	rename(other, certificate);
	struct ca *root = load();
	char root_path[160];

	snprintf(root_path, sizeof(root_path), "%s.root", certificate);
	rename(certificate, root_path);
	make("/CN=Sub", CA_MAKE_EC, NOW);
	make_subordinate(X509_get_subject_name(root->certificate), root->key, other);
	/* Alone, then with its root, then in the wrong order. */
	rename(other, certificate);
	struct ca *ca = load();

	assert_true(ca->chain_length > 3); /* below a root that is not ours to send, or not here */
	assert_int_equal(ca->not_after, NOW + 5 * DAY);
	size_t alone = ca->chain_length;

	ca_free(ca);
	append_file(certificate, root_path);
	ca = load();
	assert_int_equal(ca->chain_length, alone);   /* the root stays out */
	assert_int_equal(ca->not_before, NOW - DAY); /* the narrowest of both */
	ca_free(ca);
	append_file(root_path, certificate);
	rename(root_path, certificate);
	refuse(certificate, -EINVAL, "");
	ca_free(root);
}

static void test_unrelated_issuer_refused(void **state)
{
	(void)state;
	make("/CN=A", CA_MAKE_EC, NOW);
	rename(certificate, other);
	make("/CN=B", CA_MAKE_EC, NOW);
	append_file(certificate, other);
	refuse(certificate, -EINVAL, "");
	for (int i = 0; i < CA_FILE_MAX; i++)
		append_file(certificate, other);
	refuse(certificate, -EINVAL, "more than");
}

static void test_apart(void **state)
{
	struct ca_error error;

	(void)state;
	make("/CN=A", CA_MAKE_EC, NOW);
	struct ca *a = load(), *same = load();

	make("/CN=A", CA_MAKE_EC, NOW);
	struct ca *namesake = load();

	make("/CN=B", CA_MAKE_EC, NOW);
	struct ca *b = load();

	make_subordinate(X509_get_subject_name(a->certificate), a->key, other);
	rename(other, certificate);
	struct ca *below = load();

	assert_int_equal(ca_check_apart(a, same, &error), -EINVAL);
	assert_int_equal(ca_check_apart(a, namesake, &error), -EINVAL);
	assert_int_equal(ca_check_apart(a, below, &error), -EINVAL);
	assert_int_equal(ca_check_apart(a, b, &error), 0);
	ca_free(a);
	ca_free(same);
	ca_free(namesake);
	ca_free(b);
	ca_free(below);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern-ca.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(certificate, sizeof(certificate), "%s/ca.crt", folder);
	snprintf(key, sizeof(key), "%s/ca.key", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(certificate);
	unlink(key);
	unlink(other);
	return rmdir(folder);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_profile),
		TEST(test_facts),
		TEST(test_subjects),
		TEST(test_files_refused),
		TEST(test_encrypted_key_refused),
		TEST(test_authorities_refused),
		TEST(test_subordinate),
		TEST(test_unrelated_issuer_refused),
		TEST(test_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
