/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/leaf.h"

#include <openssl/asn1t.h>

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

uint8_t *leaf_write_unsigned(struct leaf *leaf, size_t *ret_n)
{
	/* SEQUENCE { SEQUENCE { OID 0.0 }, BIT STRING "" } */
	static const uint8_t no_key[] = {
		0x30, 0x08, 0x30, 0x03, 0x06, 0x01, 0x00, 0x03, 0x01, 0x00
	};
	const uint8_t *at = no_key;
	ASN1_OBJECT *none = OBJ_nid2obj(NID_sha256WithRSAEncryption);
	ASN1_TYPE *key = leaf->tbs->key;
	uint8_t *der = NULL;

	/* The algorithms are put right by leaf_sign(). */
	leaf->tbs->key = d2i_ASN1_TYPE(NULL, &at, sizeof(no_key));
	if (leaf->tbs->key &&
	    X509_ALGOR_set0(leaf->tbs->algorithm, none, V_ASN1_UNDEF, NULL) == 1 &&
	    X509_ALGOR_set0(leaf->algorithm, none, V_ASN1_UNDEF, NULL) == 1)
		der = write_der(leaf, ret_n);
	ASN1_TYPE_free(leaf->tbs->key);
	leaf->tbs->key = key;
	return der;
}

uint8_t *leaf_sign(struct leaf *leaf, EVP_PKEY *key, const EVP_MD *digest, size_t *ret_n)
{
	if (ASN1_item_sign(ASN1_ITEM_rptr(LEAF_TBS), leaf->tbs->algorithm, leaf->algorithm,
			   leaf->signature, leaf->tbs, key, digest) <= 0)
		return NULL;
	return write_der(leaf, ret_n);
}
