/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/leaf.h"

#include <openssl/asn1t.h>
#include <stdbool.h>

/* The templates want one word for a type. */
typedef struct leaf LEAF;
typedef struct leaf_tbs LEAF_TBS;

/* clang-format off */
ASN1_SEQUENCE(LEAF_TBS) = {
	ASN1_EXP_OPT(LEAF_TBS, version, ASN1_INTEGER, 0),
	ASN1_SIMPLE(LEAF_TBS, serial, ASN1_INTEGER),
	ASN1_SIMPLE(LEAF_TBS, algorithm, X509_ALGOR),
	ASN1_SIMPLE(LEAF_TBS, issuer, X509_NAME),
	ASN1_SIMPLE(LEAF_TBS, validity, X509_VAL),
	ASN1_SIMPLE(LEAF_TBS, subject, X509_NAME),
	ASN1_SIMPLE(LEAF_TBS, key, ASN1_ANY),
	ASN1_IMP_OPT(LEAF_TBS, issuer_id, ASN1_BIT_STRING, 1),
	ASN1_IMP_OPT(LEAF_TBS, subject_id, ASN1_BIT_STRING, 2),
	ASN1_EXP_SEQUENCE_OF_OPT(LEAF_TBS, extensions, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END(LEAF_TBS)

ASN1_SEQUENCE(LEAF) = {
	ASN1_SIMPLE(LEAF, tbs, LEAF_TBS),
	ASN1_SIMPLE(LEAF, algorithm, X509_ALGOR),
	ASN1_SIMPLE(LEAF, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(LEAF)
/* clang-format on */

struct leaf *leaf_new(void)
{
	return (struct leaf *)ASN1_item_new(ASN1_ITEM_rptr(LEAF));
}

void leaf_free(struct leaf *leaf)
{
	ASN1_item_free((ASN1_VALUE *)leaf, ASN1_ITEM_rptr(LEAF));
}

struct leaf *leaf_parse(const uint8_t *der, size_t n)
{
	const uint8_t *at = der;
	ASN1_VALUE *value =
		n <= INT32_MAX ? ASN1_item_d2i(NULL, &at, (long)n, ASN1_ITEM_rptr(LEAF)) : NULL;

	if (value && at != der + n) {
		ASN1_item_free(value, ASN1_ITEM_rptr(LEAF));
		value = NULL;
	}
	return (struct leaf *)value;
}

static uint8_t *write_der(struct leaf *leaf, size_t *ret_n)
{
	uint8_t *der = NULL;
	int n = ASN1_item_i2d((ASN1_VALUE *)leaf, &der, ASN1_ITEM_rptr(LEAF));

	if (n <= 0)
		return NULL;
	*ret_n = (size_t)n;
	return der;
}

/* Any algorithm will do: libcrypto takes the fingerprint of what it judges, so it must be whole. */
static bool set_algorithms(X509 *x509)
{
	ASN1_OBJECT *any = OBJ_nid2obj(NID_sha256WithRSAEncryption);
	const X509_ALGOR *outer;

	X509_get0_signature(NULL, &outer, x509);
	return X509_ALGOR_set0((X509_ALGOR *)outer, any, V_ASN1_UNDEF, NULL) == 1 &&
	       X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(x509), any, V_ASN1_UNDEF, NULL) ==
		       1 &&
	       X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509), any, V_ASN1_UNDEF, NULL, NULL,
				      0) == 1;
}

X509 *leaf_unsigned(const struct leaf_tbs *tbs)
{
	X509 *x509 = X509_new();
	bool is_made = x509 && set_algorithms(x509) &&
		       X509_set_version(x509, ASN1_INTEGER_get(tbs->version)) == 1 &&
		       X509_set_serialNumber(x509, tbs->serial) == 1 &&
		       X509_set_issuer_name(x509, tbs->issuer) == 1 &&
		       X509_set1_notBefore(x509, tbs->validity->notBefore) == 1 &&
		       X509_set1_notAfter(x509, tbs->validity->notAfter) == 1 &&
		       X509_set_subject_name(x509, tbs->subject) == 1;

	for (int i = 0; is_made && i < X509v3_get_ext_count(tbs->extensions); i++)
		is_made = X509_add_ext(x509, X509v3_get_ext(tbs->extensions, i), -1) == 1;
	if (is_made)
		return x509;
	X509_free(x509);
	return NULL;
}

uint8_t *leaf_sign(struct leaf *leaf, EVP_PKEY *key, const EVP_MD *digest, size_t *ret_n)
{
	if (ASN1_item_sign(ASN1_ITEM_rptr(LEAF_TBS), leaf->tbs->algorithm, leaf->algorithm,
			   leaf->signature, leaf->tbs, key, digest) <= 0)
		return NULL;
	return write_der(leaf, ret_n);
}
