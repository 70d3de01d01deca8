/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Read by templates that leave the key a piece of DER: X509 decodes it, which takes ten times as
 * long as all the rest.
 */
typedef struct {
	ASN1_INTEGER *version, *serial;
	X509_ALGOR *algorithm;
	X509_NAME *issuer;
	X509_VAL *validity;
	X509_NAME *subject;
	ASN1_TYPE *key; /* SubjectPublicKeyInfo */
	ASN1_BIT_STRING *issuer_id, *subject_id;
	STACK_OF(X509_EXTENSION) * extensions;
} TBS;

typedef struct {
	TBS *tbs;
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *signature;
} SIGNED;

/* clang-format off */
ASN1_SEQUENCE(TBS) = {
	ASN1_EXP_OPT(TBS, version, ASN1_INTEGER, 0),
	ASN1_SIMPLE(TBS, serial, ASN1_INTEGER),
	ASN1_SIMPLE(TBS, algorithm, X509_ALGOR),
	ASN1_SIMPLE(TBS, issuer, X509_NAME),
	ASN1_SIMPLE(TBS, validity, X509_VAL),
	ASN1_SIMPLE(TBS, subject, X509_NAME),
	ASN1_SIMPLE(TBS, key, ASN1_ANY),
	ASN1_IMP_OPT(TBS, issuer_id, ASN1_BIT_STRING, 1),
	ASN1_IMP_OPT(TBS, subject_id, ASN1_BIT_STRING, 2),
	ASN1_EXP_SEQUENCE_OF_OPT(TBS, extensions, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END(TBS)

ASN1_SEQUENCE(SIGNED) = {
	ASN1_SIMPLE(SIGNED, tbs, TBS),
	ASN1_SIMPLE(SIGNED, algorithm, X509_ALGOR),
	ASN1_SIMPLE(SIGNED, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(SIGNED)
/* clang-format on */

static SIGNED *parse(struct der der)
{
	const uint8_t *at = der.bytes;

	return (SIGNED *)ASN1_item_d2i(NULL, &at, (long)der.n, ASN1_ITEM_rptr(SIGNED));
}

static void free_parsed(SIGNED *parsed)
{
	ASN1_item_free((ASN1_VALUE *)parsed, ASN1_ITEM_rptr(SIGNED));
}

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

/* Copies whole letters of UTF-8 as far as there is room, C1 control characters as '?'. */
static void copy_letters(const char *bytes, size_t n, char *text, size_t size)
{
	size_t used = 0, letter;

	for (size_t i = 0; i < n; i += letter) {
		letter = 1;
		while (i + letter < n && (bytes[i + letter] & 0xc0) == 0x80)
			letter++;
		if (used + letter >= size)
			break;
		if (letter == 2 && (uint8_t)bytes[i] == 0xc2 && (uint8_t)bytes[i + 1] < 0xa0) {
			text[used++] = '?';
			continue;
		}
		memcpy(text + used, bytes + i, letter);
		used += letter;
	}
	text[used] = '\0';
}

static void name_text(const X509_NAME *name, char *text, size_t size)
{
	/*
	 * As RFC 2253, with everything outside printable ASCII escaped, but for whole UTF-8
	 * letters; in the order of the certificate, and with a space behind each comma.
	 */
	unsigned long flags = (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB &
			       ~(unsigned long)(XN_FLAG_DN_REV | XN_FLAG_SEP_MASK)) |
			      XN_FLAG_SEP_CPLUS_SPC;
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long n;

	text[0] = '\0';
	if (!bio)
		return;
	if (X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
		n = BIO_get_mem_data(bio, &bytes);
		copy_letters(bytes, n > 0 ? (size_t)n : 0, text, size);
	}
	BIO_free(bio);
}

static char *put_hex(char *text, uint8_t byte, const char digits[17])
{
	*text++ = digits[byte >> 4];
	*text++ = digits[byte & 15];
	return text;
}

void certificate_hex(const uint8_t digest[32], char ret_text[CERTIFICATE_SHA256_SIZE])
{
	for (size_t i = 0; i < 32; i++)
		ret_text = put_hex(ret_text, digest[i], lower);
	*ret_text = '\0';
}

/* "0C:00:99" */
static void colon_text(const uint8_t *bytes, size_t n, const char digits[17], char *text,
		       size_t size)
{
	for (size_t i = 0; i < n && 3 * i + 3 <= size; i++) {
		if (i > 0)
			*text++ = ':';
		text = put_hex(text, bytes[i], digits);
	}
	*text = '\0';
}

static void time_text(const ASN1_TIME *time, char text[CERTIFICATE_TIME_SIZE])
{
	struct tm tm;

	text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &tm))
		strftime(text, CERTIFICATE_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
}

/* An IA5String has no business with anything but printable ASCII. A NUL must not end it. */
static void ia5_text(const ASN1_IA5STRING *value, char text[CERTIFICATE_SAN_SIZE])
{
	const uint8_t *bytes = ASN1_STRING_get0_data(value);
	int n = ASN1_STRING_length(value);
	int i;

	for (i = 0; i < n && i < CERTIFICATE_SAN_SIZE - 1; i++)
		text[i] = bytes[i] < 0x20 || bytes[i] >= 0x7f ? '?' : (char)bytes[i];
	text[i] = '\0';
}

static void san_text(const GENERAL_NAME *name, char text[CERTIFICATE_SAN_SIZE])
{
	int n;

	text[0] = '\0';
	if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
		ia5_text(name->d.ia5, text);
	} else if (name->type == GEN_IPADD) {
		n = ASN1_STRING_length(name->d.iPAddress);
		if (n == 4 || n == 16)
			inet_ntop(n == 4 ? AF_INET : AF_INET6,
				  ASN1_STRING_get0_data(name->d.iPAddress), text,
				  CERTIFICATE_SAN_SIZE);
	}
}

static void read_sans(const TBS *tbs, struct certificate *certificate)
{
	GENERAL_NAMES *names = X509V3_get_d2i(tbs->extensions, NID_subject_alt_name, NULL, NULL);
	int n = sk_GENERAL_NAME_num(names);

	certificate->n_sans = n > 0 ? (unsigned)n : 0;
	for (int i = 0; i < n && i < CERTIFICATE_SANS_MAX; i++)
		san_text(sk_GENERAL_NAME_value(names, i), certificate->sans[i]);
	GENERAL_NAMES_free(names);
}

void certificate_digest(struct der der, uint8_t ret_digest[32])
{
	if (!EVP_Digest(der.bytes, der.n, ret_digest, NULL, EVP_sha256(), NULL))
		memset(ret_digest, 0, 32);
}

static bool key_digest(const TBS *tbs, uint8_t ret_digest[32])
{
	const ASN1_STRING *key = tbs->key->value.sequence;

	if (tbs->key->type != V_ASN1_SEQUENCE)
		return false;
	certificate_digest((struct der){ .bytes = ASN1_STRING_get0_data(key),
					 .n = (size_t)ASN1_STRING_length(key) },
			   ret_digest);
	return true;
}

int certificate_key_digest(struct der der, uint8_t ret_digest[32])
{
	SIGNED *parsed = parse(der);
	bool is_read = parsed && key_digest(parsed->tbs, ret_digest);

	free_parsed(parsed);
	return is_read ? 0 : -EBADMSG;
}

static void describe(const TBS *tbs, struct der der, struct certificate *ret_certificate)
{
	unsigned n_sha1 = 0;
	uint8_t digest[32];

	memset(ret_certificate, 0, sizeof(*ret_certificate));
	name_text(tbs->subject, ret_certificate->subject, CERTIFICATE_NAME_SIZE);
	name_text(tbs->issuer, ret_certificate->issuer, CERTIFICATE_NAME_SIZE);
	colon_text(ASN1_STRING_get0_data(tbs->serial), (size_t)ASN1_STRING_length(tbs->serial),
		   upper, ret_certificate->serial, sizeof(ret_certificate->serial));
	if (EVP_Digest(der.bytes, der.n, digest, &n_sha1, EVP_sha1(), NULL))
		colon_text(digest, n_sha1, lower, ret_certificate->sha1, CERTIFICATE_SHA1_SIZE);
	certificate_digest(der, digest);
	certificate_hex(digest, ret_certificate->fingerprint);
	time_text(tbs->validity->notBefore, ret_certificate->not_before);
	time_text(tbs->validity->notAfter, ret_certificate->not_after);
	read_sans(tbs, ret_certificate);
	(void)key_digest(tbs, ret_certificate->key_sha256);
}

int certificate_read(struct der der, struct certificate *ret_certificate)
{
	SIGNED *parsed = parse(der);

	if (!parsed)
		return -EBADMSG;
	describe(parsed->tbs, der, ret_certificate);
	free_parsed(parsed);
	return 0;
}
