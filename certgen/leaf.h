/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_LEAF_H
#define POSTERN_CERTGEN_LEAF_H

#include <openssl/x509.h>

/*
 * A certificate (RFC 5280 section 4.1) as libcrypto's ASN.1 templates read and write it, with one
 * difference to its X509: the public key stays a piece of DER. X509 decodes it, every time, which
 * takes ten times as long as all the rest and shows more of libcrypto to a hostile certificate.
 *
 * Names keep the bytes that they were read from; so do the values of extensions.
 */

struct leaf_tbs {
	ASN1_INTEGER *version; /* NULL: v1 */
	ASN1_INTEGER *serial;
	X509_ALGOR *algorithm;
	X509_NAME *issuer;
	X509_VAL *validity;
	X509_NAME *subject;
	ASN1_TYPE *key; /* SubjectPublicKeyInfo, unread */
	ASN1_BIT_STRING *issuer_id, *subject_id;
	STACK_OF(X509_EXTENSION) * extensions; /* NULL: none */
};

struct leaf {
	struct leaf_tbs *tbs;
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *signature;
};

struct leaf *leaf_new(void);
void leaf_free(struct leaf *leaf);

/* NULL when the bytes are not exactly one certificate. */
struct leaf *leaf_parse(const uint8_t *der, size_t n);

/*
 * As libcrypto has certificates, for whoever is to judge it first: without a signature and, to
 * spare its decoding, without the key. The caller's; NULL: no memory.
 */
X509 *leaf_unsigned(const struct leaf_tbs *tbs);

/* Signs and writes; the DER, OPENSSL_free()d by the caller, or NULL. */
uint8_t *leaf_sign(struct leaf *leaf, EVP_PKEY *key, const EVP_MD *digest, size_t *ret_n);

#endif
