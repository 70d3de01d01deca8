/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/ca.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certgen/wire.h"
#include "certgen/x509.h"

/* What the digest follows; NULL for a key that browsers would not take from a CA. */
static const EVP_MD *digest_of(const EVP_PKEY *key)
{
	char curve[32];

	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048 ? EVP_sha256() : NULL;
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1)
		return NULL;
	if (strcmp(curve, "prime256v1") == 0)
		return EVP_sha256();
	if (strcmp(curve, "secp384r1") == 0)
		return EVP_sha384();
	return strcmp(curve, "secp521r1") == 0 ? EVP_sha512() : NULL;
}

static int check_authority(X509 *certificate, const char *path, struct ca_error *error)
{
	uint32_t flags = X509_get_extension_flags(certificate);

	if ((flags & EXFLAG_INVALID) != 0)
		return ca_fail(error, -EINVAL, "%s: an extension of the certificate is broken",
			       path);
	if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) == 0)
		return ca_fail(error, -EINVAL,
			       "%s: not a CA certificate (basicConstraints lacks CA:TRUE)", path);
	if ((flags & EXFLAG_KUSAGE) != 0 &&
	    (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0)
		return ca_fail(error, -EINVAL,
			       "%s: not a CA certificate (keyUsage lacks keyCertSign)", path);
	if ((flags & EXFLAG_XKUSAGE) != 0 &&
	    (X509_get_extended_key_usage(certificate) & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
		return ca_fail(error, -EINVAL,
			       "%s: a CA that is not for TLS servers (extendedKeyUsage)", path);
	return 0;
}

/* Dates, signatures and path lengths of the whole file, the last certificate being the anchor. */
static int check_path(STACK_OF(X509) * file, int64_t now, const char *path, struct ca_error *error)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int n = sk_X509_num(file), r = 0;

	if (!store || !context || X509_STORE_add_cert(store, sk_X509_value(file, n - 1)) != 1 ||
	    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
	    X509_STORE_CTX_init(context, store, sk_X509_value(file, 0), file) != 1) {
		r = ca_fail(error, -ENOMEM, "%s: out of memory", path);
		goto end;
	}
	X509_STORE_CTX_set_time(context, 0, (time_t)now);
	if (X509_verify_cert(context) != 1)
		r = ca_fail(error, -EINVAL, "%s: certificate %d: %s", path,
			    X509_STORE_CTX_get_error_depth(context) + 1,
			    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	else if (sk_X509_num(X509_STORE_CTX_get0_chain(context)) != n)
		r = ca_fail(error, -EINVAL,
			    "%s: must hold the CA first, then its issuers and nothing else", path);
end:
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return r;
}

static int append_chain(struct ca *ca, X509 *certificate)
{
	uint8_t *der = NULL;
	int n = i2d_X509(certificate, &der);
	size_t size = ca->chain_length + WIRE_CERTIFICATE_HEAD + (size_t)(n > 0 ? n : 0);
	uint8_t *chain = n > 0 ? realloc(ca->chain, size) : NULL;

	if (chain) {
		ca->chain = chain;
		ca->chain_length += wire_write_certificate(der, (size_t)n, chain + ca->chain_length,
							   size - ca->chain_length);
	}
	OPENSSL_free(der);
	return chain && ca->chain_length == size ? 0 : -ENOMEM;
}

/* Takes from each certificate of the file what a leaf must obey or carry. */
static int derive_chain(struct ca *ca, STACK_OF(X509) * file)
{
	ca->not_before = INT64_MIN;
	ca->not_after = INT64_MAX;
	for (int i = 0; i < sk_X509_num(file); i++) {
		X509 *certificate = sk_X509_value(file, i);
		int64_t not_before, not_after;
		int found;

		if (x509_time(X509_get0_notBefore(certificate), &not_before) < 0 ||
		    x509_time(X509_get0_notAfter(certificate), &not_after) < 0)
			return -EINVAL;
		if (not_before > ca->not_before)
			ca->not_before = not_before;
		if (not_after < ca->not_after)
			ca->not_after = not_after;
		ca->constraints[i] =
			X509_get_ext_d2i(certificate, NID_name_constraints, &found, NULL);
		if (!ca->constraints[i] && found != -1)
			return -EINVAL;
		bool is_root = (X509_get_extension_flags(certificate) & EXFLAG_SS) != 0;

		if (!is_root && append_chain(ca, certificate) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int assemble(struct ca *ca, STACK_OF(X509) * file, const char *certificate, const char *key,
		    int64_t now, struct ca_error *error)
{
	ca->certificate = sk_X509_value(file, 0);
	X509_up_ref(ca->certificate);
	int r = check_authority(ca->certificate, certificate, error);

	if (r == 0)
		r = check_path(file, now, certificate, error);
	if (r == 0)
		r = ca_key_load(key, &ca->key, &ca->token, error);
	if (r < 0)
		return r;
	if (!ca_key_is_of(ca->key, ca->certificate))
		return ca_fail(error, -EINVAL, "%s: not the key of %s", key, certificate);
	ca->digest = digest_of(X509_get0_pubkey(ca->certificate));
	if (!ca->digest)
		return ca_fail(error, -EINVAL,
			       "%s: the key must be EC P-256, P-384 or P-521, "
			       "or RSA of at least 2048 bits",
			       key);
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(ca->certificate);

	ca->key_id =
		id ? ASN1_OCTET_STRING_dup(id) : x509_key_id(X509_get0_pubkey(ca->certificate));
	r = ca->key_id ? derive_chain(ca, file) : -ENOMEM;
	return r == 0 ? 0
		      : ca_fail(error, r, "%s: %s", certificate,
				r == -EINVAL ? "dates or name constraints cannot be read"
					     : "out of memory");
}

int ca_load(const char *certificate, const char *key, int64_t now, struct ca **ret_ca,
	    struct ca_error *ret_error)
{
	STACK_OF(X509) * file;
	int r = ca_file_certificates(certificate, &file, ret_error);

	if (r < 0)
		return r;
	struct ca *ca = calloc(1, sizeof(*ca));

	if (ca)
		r = assemble(ca, file, certificate, key, now, ret_error);
	else
		r = ca_fail(ret_error, -ENOMEM, "%s: out of memory", certificate);
	sk_X509_pop_free(file, X509_free);
	ERR_clear_error();
	if (r < 0)
		ca_free(ca);
	else
		*ret_ca = ca;
	return r;
}

void ca_free(struct ca *ca)
{
	if (!ca)
		return;
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
	ca_token_free(ca->token);
	ASN1_OCTET_STRING_free(ca->key_id);
	for (int i = 0; i < CA_FILE_MAX; i++)
		NAME_CONSTRAINTS_free(ca->constraints[i]);
	free(ca->chain);
	free(ca);
}

int ca_check_apart(const struct ca *trusted, const struct ca *untrusted, struct ca_error *ret_error)
{
	if (EVP_PKEY_eq(X509_get0_pubkey(trusted->certificate),
			X509_get0_pubkey(untrusted->certificate)) == 1)
		return ca_fail(ret_error, -EINVAL,
			       "the trusted and the untrusted CA have the same key");
	if (X509_NAME_cmp(X509_get_subject_name(trusted->certificate),
			  X509_get_subject_name(untrusted->certificate)) == 0)
		return ca_fail(ret_error, -EINVAL,
			       "the trusted and the untrusted CA have the same subject");
	if ((X509_get_extension_flags(untrusted->certificate) & EXFLAG_SS) == 0)
		return ca_fail(ret_error, -EINVAL,
			       "the untrusted CA must be self-signed: "
			       "whoever signed it may be trusted");
	return 0;
}
