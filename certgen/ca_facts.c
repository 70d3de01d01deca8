/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/ca_facts.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "certgen/x509.h"

int ca_bytes_take(BIO *bio, bool is_ok, struct ca_bytes *ret_bytes, struct ca_error *ret_error)
{
	char *data = NULL;
	long n = bio && is_ok ? BIO_get_mem_data(bio, &data) : 0;
	uint8_t *copy = n > 0 ? OPENSSL_memdup(data, (size_t)n) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (!copy)
		return ca_fail(ret_error, -ENOMEM, "libcrypto failed or is out of memory");
	*ret_bytes = (struct ca_bytes){ copy, (size_t)n };
	return 0;
}

void ca_bytes_deinit(struct ca_bytes *bytes)
{
	OPENSSL_clear_free(bytes->bytes, bytes->length);
	*bytes = (struct ca_bytes){ 0 };
}

/* Control characters come out escaped: a name is safe to print. */
static bool write_name(const X509_NAME *name, char *text, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long n = -1;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_get_mem_data(bio, &data);
	if (n >= 0)
		snprintf(text, size, "%.*s", (int)n, n > 0 ? data : "");
	BIO_free(bio);
	return n >= 0;
}

static bool write_key(X509 *certificate, char *text, size_t size)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char curve[32] = "";

	if (!key)
		return false;
	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1)
		snprintf(text, size, "EC %s", curve);
	else
		snprintf(text, size, "%s %d", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key));
	return true;
}

static bool write_facts(X509 *certificate, struct ca_facts *facts)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!write_name(X509_get_subject_name(certificate), facts->subject,
			sizeof(facts->subject)) ||
	    !write_name(X509_get_issuer_name(certificate), facts->issuer, sizeof(facts->issuer)) ||
	    !write_key(certificate, facts->key, sizeof(facts->key)) ||
	    x509_time(X509_get0_notBefore(certificate), &facts->not_before) < 0 ||
	    x509_time(X509_get0_notAfter(certificate), &facts->not_after) < 0 ||
	    X509_digest(certificate, EVP_sha256(), hash, &n) != 1)
		return false;
	for (unsigned i = 0; i < n; i++)
		snprintf(facts->fingerprint + 2 * i, 3, "%02x", hash[i]);
	return true;
}

int ca_facts(const char *certificate, struct ca_facts *ret_facts, struct ca_error *ret_error)
{
	STACK_OF(X509) * file;
	struct ca_facts facts = { .subject = "" };
	int r = ca_file_certificates(certificate, &file, ret_error);

	if (r < 0)
		return r;
	if (write_facts(sk_X509_value(file, 0), &facts))
		*ret_facts = facts;
	else
		r = ca_fail(ret_error, -EINVAL, "%s: the certificate cannot be read", certificate);
	sk_X509_pop_free(file, X509_free);
	ERR_clear_error();
	return r;
}

int ca_facts_export(const char *certificate, enum ca_export form, struct ca_bytes *ret_bytes,
		    struct ca_error *ret_error)
{
	STACK_OF(X509) * file;
	int r = ca_file_certificates(certificate, &file, ret_error);

	if (r < 0)
		return r;
	BIO *bio = BIO_new(BIO_s_mem());
	int n = form == CA_EXPORT_CHAIN ? sk_X509_num(file) : 1;
	bool is_ok = bio != NULL;

	for (int i = 0; is_ok && i < n; i++) {
		if (form == CA_EXPORT_DER)
			is_ok = i2d_X509_bio(bio, sk_X509_value(file, i)) == 1;
		else
			is_ok = PEM_write_bio_X509(bio, sk_X509_value(file, i)) == 1;
	}
	sk_X509_pop_free(file, X509_free);
	return ca_bytes_take(bio, is_ok, ret_bytes, ret_error);
}

int ca_facts_export_key(const char *key, struct ca_bytes *ret_bytes, struct ca_error *ret_error)
{
	EVP_PKEY *pkey;
	int r = ca_file_key(key, &pkey, ret_error);

	if (r < 0)
		return r;
	BIO *bio = BIO_new(BIO_s_secmem());
	bool is_ok =
		bio && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;

	EVP_PKEY_free(pkey);
	return ca_bytes_take(bio, is_ok, ret_bytes, ret_error);
}
