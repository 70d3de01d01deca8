/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/ca_make.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "certgen/ca_token.h"
#include "certgen/x509.h"

enum {
	ROOT_BACKDATE = 24 * 3600, /* seconds; clients whose clocks are behind must take it today */
	ROOT_LIFETIME = 3652 * 24 * 3600, /* ten years */
	SUBJECT_MAX = 512,
};

/* Cuts one "NAME=value" off *text (behind its slash) and takes the backslashes away. */
static bool cut_attribute(const char **text, char *part, char **ret_value)
{
	const char *at = *text + 1;
	size_t n = 0;

	for (; *at != '\0' && *at != '/'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		part[n++] = *at;
	}
	part[n] = '\0';
	*text = at;
	char *equals = strchr(part, '=');

	if (!equals || equals == part || equals[1] == '\0')
		return false;
	*equals = '\0';
	*ret_value = equals + 1;
	return true;
}

static int parse_subject(const char *text, X509_NAME **ret_name, struct ca_error *error)
{
	char part[SUBJECT_MAX], *value;
	const char *at = text;
	X509_NAME *name = strlen(text) < SUBJECT_MAX ? X509_NAME_new() : NULL;
	bool is_ok = name && *at == '/';

	while (is_ok && *at == '/')
		is_ok = cut_attribute(&at, part, &value) &&
			X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (uint8_t *)value, -1,
						   -1, 0) == 1;
	ERR_clear_error();
	if (!is_ok) {
		X509_NAME_free(name);
		return ca_fail(error, -EINVAL,
			       "subject '%s': must be written /CN=name/O=organisation, "
			       "each value of its attribute's length (CN: 64) at most",
			       text);
	}
	*ret_name = name;
	return 0;
}

static EVP_PKEY *new_key(enum ca_make_key kind)
{
	switch (kind) {
	case CA_MAKE_EC:
		return EVP_EC_gen("prime256v1");
	case CA_MAKE_RSA:
		return EVP_RSA_gen(3072);
	}
	return NULL;
}

/* The profile. */
static STACK_OF(X509_EXTENSION) * new_extensions(EVP_PKEY *key)
{
	static const uint8_t usage_bits[] = { 0x06 }; /* keyCertSign, cRLSign */
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
	ASN1_OCTET_STRING *id = x509_key_id(key);
	bool is_ok = basic && usage && id && (basic->pathlen = ASN1_INTEGER_new()) &&
		     ASN1_INTEGER_set(basic->pathlen, 0) == 1 &&
		     ASN1_BIT_STRING_set(usage, (uint8_t *)usage_bits, sizeof(usage_bits)) == 1;

	if (is_ok) {
		basic->ca = 0xff;
		is_ok = X509V3_add1_i2d(&extensions, NID_basic_constraints, basic, 1,
					X509V3_ADD_APPEND) == 1 &&
			X509V3_add1_i2d(&extensions, NID_key_usage, usage, 1, X509V3_ADD_APPEND) ==
				1 &&
			X509V3_add1_i2d(&extensions, NID_subject_key_identifier, id, 0,
					X509V3_ADD_APPEND) == 1;
	}
	BASIC_CONSTRAINTS_free(basic);
	ASN1_BIT_STRING_free(usage);
	ASN1_OCTET_STRING_free(id);
	if (is_ok)
		return extensions;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return NULL;
}

static bool sign_root(X509 *root, EVP_PKEY *key, X509_NAME *subject, int64_t now)
{
	STACK_OF(X509_EXTENSION) *extensions = new_extensions(key);
	bool is_ok = extensions && root && X509_set_version(root, X509_VERSION_3) == 1 &&
		     x509_set_serial(X509_get_serialNumber(root)) &&
		     X509_set_subject_name(root, subject) == 1 &&
		     X509_set_issuer_name(root, subject) == 1 && X509_set_pubkey(root, key) == 1 &&
		     ASN1_TIME_set(X509_getm_notBefore(root), (time_t)(now - ROOT_BACKDATE)) &&
		     ASN1_TIME_set(X509_getm_notAfter(root), (time_t)(now + ROOT_LIFETIME));

	for (int i = 0; is_ok && i < sk_X509_EXTENSION_num(extensions); i++)
		is_ok = X509_add_ext(root, sk_X509_EXTENSION_value(extensions, i), -1) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return is_ok && X509_sign(root, key, EVP_sha256()) > 0;
}

int ca_make_root(const char *subject, enum ca_make_key kind, int64_t now, struct ca_bytes *ret_key,
		 struct ca_bytes *ret_certificate, struct ca_error *ret_error)
{
	X509_NAME *name;
	struct ca_bytes key_bytes;
	int r = parse_subject(subject, &name, ret_error);

	if (r < 0)
		return r;
	EVP_PKEY *key = new_key(kind);
	X509 *root = X509_new();
	BIO *key_bio = BIO_new(BIO_s_secmem()), *root_bio = BIO_new(BIO_s_mem());
	bool is_ok = key && key_bio && root_bio && sign_root(root, key, name, now) &&
		     PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		     PEM_write_bio_X509(root_bio, root) == 1;

	X509_free(root);
	EVP_PKEY_free(key);
	X509_NAME_free(name);
	r = ca_bytes_take(key_bio, is_ok, &key_bytes, ret_error);
	if (r < 0) {
		BIO_free(root_bio);
		return r;
	}
	r = ca_bytes_take(root_bio, is_ok, ret_certificate, ret_error);
	if (r < 0)
		ca_bytes_deinit(&key_bytes);
	else
		*ret_key = key_bytes;
	return r;
}

int ca_make_request(const char *certificate, const char *key, struct ca_bytes *ret_request,
		    struct ca_error *ret_error)
{
	STACK_OF(X509) * file;
	struct ca_token *token;
	EVP_PKEY *pkey;
	int r = ca_file_certificates(certificate, &file, ret_error);

	if (r < 0)
		return r;
	r = ca_key_load(key, &pkey, &token, ret_error);
	if (r < 0) {
		sk_X509_pop_free(file, X509_free);
		return r;
	}
	X509 *current = sk_X509_value(file, 0);
	bool is_own = ca_key_is_of(pkey, current);
	X509_REQ *request = is_own ? X509_REQ_new() : NULL;
	STACK_OF(X509_EXTENSION) *extensions = new_extensions(X509_get0_pubkey(current));
	BIO *bio = BIO_new(BIO_s_mem());
	bool is_ok = request && extensions && bio &&
		     X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
		     X509_REQ_set_subject_name(request, X509_get_subject_name(current)) == 1 &&
		     X509_REQ_set_pubkey(request, X509_get0_pubkey(current)) == 1 &&
		     X509_REQ_add_extensions(request, extensions) == 1 &&
		     X509_REQ_sign(request, pkey, EVP_sha256()) > 0 &&
		     PEM_write_bio_X509_REQ(bio, request) == 1;

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	EVP_PKEY_free(pkey);
	ca_token_free(token);
	sk_X509_pop_free(file, X509_free);
	r = ca_bytes_take(bio, is_ok, ret_request, ret_error);
	return is_own ? r : ca_fail(ret_error, -EINVAL, "%s: not the key of %s", key, certificate);
}
