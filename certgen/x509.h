/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_X509_H
#define POSTERN_CERTGEN_X509_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/* What every certificate that we make needs. */

/* Makes it positive, random, always of 16 bytes: RFC 5280 section 4.1.2.2. */
bool x509_set_serial(ASN1_INTEGER *serial);

/* The first 160 bits of a public key's SHA-256: RFC 7093 section 2, method 1. Owned, or NULL. */
ASN1_OCTET_STRING *x509_key_id(EVP_PKEY *key);

/* Seconds since 1970; -EINVAL when the time cannot be read. */
int x509_time(const ASN1_TIME *time, int64_t *ret_seconds);

#endif
