/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CA_FACTS_H
#define POSTERN_CERTGEN_CA_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "certgen/ca_file.h"

/* What may be told about a CA, and its files in the forms that others want. Needs no valid CA. */

struct ca_facts {
	char subject[512], issuer[512]; /* RFC 2253 */
	char key[64];                   /* "EC prime256v1", "RSA 3072" */
	char fingerprint[65];           /* SHA-256 of the certificate, hex */
	int64_t not_before, not_after;  /* seconds since 1970 */
};

/* Bytes that are owned; wiped when freed, for they may be a key. */
struct ca_bytes {
	uint8_t *bytes;
	size_t length;
};

enum ca_export {
	CA_EXPORT_PEM,   /* the CA's own certificate */
	CA_EXPORT_DER,   /* the same */
	CA_EXPORT_CHAIN, /* PEM, with its issuers */
};

int ca_facts(const char *certificate, struct ca_facts *ret_facts, struct ca_error *ret_error);

/* Certificates only: whatever else the file holds stays behind. */
int ca_facts_export(const char *certificate, enum ca_export form, struct ca_bytes *ret_bytes,
		    struct ca_error *ret_error);

/* The private key, PKCS #8 in PEM. */
int ca_facts_export_key(const char *key, struct ca_bytes *ret_bytes, struct ca_error *ret_error);

/* Takes what was written to a memory BIO and frees it; -ENOMEM when `is_ok` is false. */
int ca_bytes_take(BIO *bio, bool is_ok, struct ca_bytes *ret_bytes, struct ca_error *ret_error);
void ca_bytes_deinit(struct ca_bytes *bytes);

#endif
