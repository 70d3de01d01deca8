/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log says of a server's certificate, hostile ones above all. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>

#include "test/unit/chain.h"
#include "tls/certificate.h"

static EVP_PKEY *key;

static int setup(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	return key ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

/* Nothing that moves a terminal: no C0, no DEL, no C1 in UTF-8; and a NUL where one must be. */
static void check_text(const char *text, size_t size)
{
	assert_non_null(memchr(text, '\0', size));
	for (const uint8_t *at = (const uint8_t *)text; *at; at++) {
		assert_true(*at >= 0x20 && *at != 0x7f);
		assert_false(at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
	}
}

static struct certificate read_back(X509 *x509)
{
	struct der der = chain_der(x509);
	struct certificate certificate;

	memset(&certificate, 'x', sizeof(certificate));
	assert_int_equal(certificate_read(der, &certificate), 0);
	OPENSSL_free((void *)der.bytes);
	check_text(certificate.subject, sizeof(certificate.subject));
	check_text(certificate.issuer, sizeof(certificate.issuer));
	check_text(certificate.serial, sizeof(certificate.serial));
	for (unsigned i = 0; i < certificate.n_sans && i < CERTIFICATE_SANS_MAX; i++)
		check_text(certificate.sans[i], CERTIFICATE_SAN_SIZE);
	return certificate;
}

/* A certificate with that subject's common name (of the ASN.1 type given) and these names. */
static struct certificate make(const void *name, int n, int type, const char *sans)
{
	struct chain_recipe recipe = { .key = key, .signer = key };
	X509 *x509;
	struct certificate certificate;

	if (sans)
		recipe.extensions[0] = (struct chain_extension){ NID_subject_alt_name, sans };
	x509 = chain_make(&recipe);
	if (name) {
		assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(x509),
							    NID_commonName, type, name, n, -1, 0),
				 1);
		assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	}
	certificate = read_back(x509);
	X509_free(x509);
	return certificate;
}

/* --- a plain one: of test/data, with its facts as openssl x509 prints them --- */

static struct der file_read(const char *name)
{
	static uint8_t bytes[65536];
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), POSTERN_TEST_DATA "/cert/%s.der", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return (struct der){ .bytes = bytes, .n = n };
}

static void test_facts(void **state)
{
	struct certificate certificate;

	(void)state;
	assert_int_equal(certificate_read(file_read("ec"), &certificate), 0);
	assert_string_equal(certificate.subject, "C=DE, O=Example, CN=ec.example");
	assert_string_equal(certificate.issuer, "C=DE, O=Example, CN=ec.example");
	assert_string_equal(certificate.not_before, "2025-01-01T00:00:00");
	assert_string_equal(certificate.not_after, "2035-01-01T00:00:00");
	assert_int_equal(certificate.n_sans, 2);
	assert_string_equal(certificate.sans[0], "ec.example");
	assert_string_equal(certificate.sans[1], "*.ec.example");
	assert_int_equal(strlen(certificate.fingerprint), 64);
	assert_int_equal(strlen(certificate.sha1), 59);
	assert_int_equal(strspn(certificate.fingerprint, "0123456789abcdef"), 64);
	assert_int_equal(certificate_read(file_read("utf8"), &certificate), 0);
	assert_string_equal(certificate.subject, "O=Bäckerei Müller, CN=日本語 例");
	assert_int_equal(certificate_read(file_read("ip"), &certificate), 0);
	assert_int_equal(certificate.n_sans, 3);
	assert_string_equal(certificate.sans[0], "192.0.2.7");
	assert_string_equal(certificate.sans[1], "2001:db8::7");
	assert_string_equal(certificate.sans[2], "ip.example");
	assert_int_equal(certificate_read(file_read("anonymous"), &certificate), 0);
	assert_string_equal(certificate.subject, "");
	assert_int_equal(certificate_read(file_read("no_san"), &certificate), 0);
	assert_int_equal(certificate.n_sans, 0);
}

static void test_digest(void **state)
{
	static const uint8_t abc[32] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
					 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
					 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
					 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	struct der der = file_read("ec");
	struct certificate certificate;
	uint8_t digest[32];
	char text[65] = "";

	(void)state;
	certificate_digest((struct der){ (const uint8_t *)"abc", 3 }, digest);
	assert_memory_equal(digest, abc, 32);
	certificate_digest(der, digest);
	for (unsigned i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_int_equal(certificate_read(der, &certificate), 0);
	assert_string_equal(certificate.fingerprint, text);
}

/* --- hostile ones --- */

static void test_control_characters(void **state)
{
	static const struct {
		const char *name;
		int n, type;
	} names[] = {
		{ "a\nb\r\x1b[2J\x7f", 9, V_ASN1_UTF8STRING },
		{ "a\0b", 3, V_ASN1_UTF8STRING },
		{ "a\xc2\x9b"
		  "2J",
		  5, V_ASN1_UTF8STRING }, /* CSI, as one code point */
		{ "a\x9b"
		  "2J",
		  4, V_ASN1_T61STRING },
		{ "\0a\0\x9b\0\n", 6, V_ASN1_BMPSTRING },
		{ "\"quoted\", \\ <html>", 18, V_ASN1_UTF8STRING },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(names); i++)
		make(names[i].name, names[i].n, names[i].type, NULL);
	assert_string_equal(make("a\nb", 3, V_ASN1_UTF8STRING, NULL).subject, "CN=a\\0Ab");
	assert_string_equal(make("a,CN=b", 6, V_ASN1_UTF8STRING, NULL).subject, "CN=a\\,CN=b");
}

static void test_hostile_sans(void **state)
{
	struct certificate certificate = make(NULL, 0, 0, "DER:30:05:82:03:61:0a:62");

	(void)state;
	assert_int_equal(certificate.n_sans, 1);
	assert_string_equal(certificate.sans[0], "a?b");
	/* What stands behind a NUL must show: "a\0b" is not "a". */
	certificate = make(NULL, 0, 0, "DER:30:05:82:03:61:00:62");
	assert_string_equal(certificate.sans[0], "a?b");
	certificate = make(NULL, 0, 0, "DER:30:05:82:03:ff:9b:7f");
	assert_string_equal(certificate.sans[0], "???");
	/* An address of three bytes is none. */
	certificate = make(NULL, 0, 0, "DER:30:05:87:03:01:02:03");
	assert_int_equal(certificate.n_sans, 1);
	assert_string_equal(certificate.sans[0], "");
	/* Names that are not kept as text take their place. */
	certificate = make(NULL, 0, 0, "RID:1.2.3,DNS:a.example,email:a@b,URI:http://c/");
	assert_int_equal(certificate.n_sans, 4);
	assert_string_equal(certificate.sans[0], "");
	assert_string_equal(certificate.sans[1], "a.example");
	assert_string_equal(certificate.sans[2], "a@b");
	assert_string_equal(certificate.sans[3], "http://c/");
}

static void test_long_names(void **state)
{
	char name[4096], sans[4096];
	const char letter[] = { '\xe4', '\xbe', '\x8b' }; /* one of three bytes in UTF-8 */
	struct certificate certificate;
	const char *at;

	(void)state;
	memset(name, 'a', sizeof(name));
	certificate = make(name, sizeof(name), V_ASN1_UTF8STRING, NULL);
	assert_int_equal(strlen(certificate.subject), CERTIFICATE_NAME_SIZE - 1);
	/* Cut between letters, not inside one, whatever the alignment. */
	for (size_t odd = 0; odd < 3; odd++) {
		for (size_t i = odd; i + 3 <= sizeof(name); i += 3)
			memcpy(name + i, letter, sizeof(letter));
		certificate = make(name, (int)(odd + (sizeof(name) - odd) / 3 * 3),
				   V_ASN1_UTF8STRING, NULL);
		assert_in_range(strlen(certificate.subject), CERTIFICATE_NAME_SIZE - 4,
				CERTIFICATE_NAME_SIZE - 1);
		for (at = certificate.subject + 3 + odd; *at; at += 3)
			assert_memory_equal(at, letter, sizeof(letter));
		memset(name, 'a', sizeof(name));
	}
	snprintf(sans, sizeof(sans), "DNS:%.*s", 1000, name);
	certificate = make(NULL, 0, 0, sans);
	assert_int_equal(strlen(certificate.sans[0]), CERTIFICATE_SAN_SIZE - 1);
	assert_int_equal(certificate_read(file_read("large"), &certificate), 0);
	assert_int_equal(certificate.n_sans, 601);
	assert_string_equal(certificate.sans[CERTIFICATE_SANS_MAX - 1],
			    "host-31.of.a.large.example");
}

static void test_serials(void **state)
{
	struct chain_recipe recipe = { .key = key, .signer = key };
	X509 *x509 = chain_make(&recipe);
	BIGNUM *big = BN_new();

	(void)state;
	BN_set_word(big, 0xabcdef);
	BN_to_ASN1_INTEGER(big, X509_get_serialNumber(x509));
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	assert_string_equal(read_back(x509).serial, "AB:CD:EF");
	BN_lshift(big, big, 4000); /* beyond the 20 bytes of RFC 5280 */
	BN_to_ASN1_INTEGER(big, X509_get_serialNumber(x509));
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	assert_memory_equal(read_back(x509).serial, "AB:CD:EF:00:00", 14);
	BN_free(big);
	X509_free(x509);
}

/* Every cut of a certificate, and many changes: refused or read, never more than that. */
static void test_broken(void **state)
{
	struct der whole = file_read("ip");
	uint8_t *copy = malloc(whole.n);
	struct certificate certificate;

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, whole.bytes, n);
		memset(&certificate, 'x', sizeof(certificate));
		assert_int_equal(certificate_read((struct der){ cut, n }, &certificate), -EBADMSG);
		assert_int_equal(certificate.subject[0], 'x'); /* untouched */
		free(cut);
	}
	for (size_t i = 0; i < whole.n; i++) {
		memcpy(copy, whole.bytes, whole.n);
		copy[i] ^= (uint8_t)(1u << i % 8);
		if (certificate_read((struct der){ copy, whole.n }, &certificate) == 0) {
			check_text(certificate.subject, sizeof(certificate.subject));
			check_text(certificate.sans[0], CERTIFICATE_SAN_SIZE);
		}
	}
	assert_int_equal(certificate_read((struct der){ NULL, 0 }, &certificate), -EBADMSG);
	assert_int_equal(certificate_read(file_read("broken_san"), &certificate), 0);
	assert_int_equal(certificate.n_sans, 0);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_hostile_sans),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_serials),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
