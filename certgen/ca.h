/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CA_H
#define POSTERN_CERTGEN_CA_H

#include <openssl/x509v3.h>
#include <stdint.h>

#include "certgen/ca_token.h"

/*
 * A CA ready to sign: its certificate, its key, and what every leaf takes from them. Immutable once
 * loaded. The certificate file holds the CA first, then its issuers, in order, up to the root or
 * short of it; the file as a whole is verified with the last one as the anchor.
 */
struct ca {
	X509 *certificate;
	EVP_PKEY *key;
	struct ca_token *token; /* that the key is in; NULL: in memory */
	const EVP_MD *digest;   /* what it signs with; follows the key */
	ASN1_OCTET_STRING
	*key_id; /* its subject key identifier: the leaf's authority key identifier */
	int64_t not_before,
		not_after; /* seconds since 1970; when every certificate of the file is valid */
	NAME_CONSTRAINTS *constraints[CA_FILE_MAX]; /* of the CA and its issuers; NULL: has none */
	uint8_t *chain; /* what follows a leaf: {u24 length, DER} each, no self-signed root */
	size_t chain_length;
};

/*
 * 0, or -errno with *ret_error filled: -EACCES for a key file others can reach, -EINVAL for a CA
 * that is not one, is expired, or whose key does not match; else what the system said.
 */
int ca_load(const char *certificate, const char *key, int64_t now, struct ca **ret_ca,
	    struct ca_error *ret_error);
void ca_free(struct ca *ca);

/*
 * The trusted and the untrusted CA must have nothing in common, else a leaf meant to be rejected
 * would be accepted. 0 or -EINVAL with *ret_error filled.
 */
int ca_check_apart(const struct ca *trusted, const struct ca *untrusted,
		   struct ca_error *ret_error);

#endif
