/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_CHAIN_H
#define POSTERN_TEST_CHAIN_H

/*
 * Certificates made on the spot, so that no date in them rots. A failed assertion when libcrypto
 * will not make one.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tls/certificate.h"

enum { CHAIN_DAY = 24 * 3600, CHAIN_EXTENSIONS_MAX = 8, CHAIN_MAX = 8192 };

struct chain_extension {
	int nid;
	const char *value; /* as in openssl.cnf */
};

struct chain_recipe {
	const char *name;         /* common name; NULL: an empty subject */
	const X509 *issuer;       /* NULL: itself */
	EVP_PKEY *key, *signer;   /* borrowed */
	int from_days, till_days; /* from now; both 0: yesterday to tomorrow */
	const EVP_MD *digest;     /* NULL: what the key is used to; SHA-256 with most */
	struct chain_extension extensions[CHAIN_EXTENSIONS_MAX];
};

#define CHAIN_CA                                                                                   \
	{                                                                                          \
		NID_basic_constraints, "critical,CA:TRUE"                                          \
	}

static inline void chain_extend(X509 *x509, const struct chain_extension *extension)
{
	X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, NULL, extension->nid, extension->value);

	assert_non_null(made);
	assert_int_equal(X509_add_ext(x509, made, -1), 1);
	X509_EXTENSION_free(made);
}

static inline void chain_name(X509_NAME *name, const char *common_name)
{
	if (common_name)
		assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
							    (const uint8_t *)common_name, -1, -1,
							    0),
				 1);
}

static inline X509 *chain_make(const struct chain_recipe *recipe)
{
	static long serial;
	X509 *x509 = X509_new();
	bool has_dates = recipe->from_days || recipe->till_days;
	int id = EVP_PKEY_get_base_id(recipe->signer);
	const EVP_MD *digest = id == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	assert_non_null(x509);
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x509),
			(long)(has_dates ? recipe->from_days : -1) * CHAIN_DAY);
	X509_gmtime_adj(X509_getm_notAfter(x509),
			(long)(has_dates ? recipe->till_days : 1) * CHAIN_DAY);
	chain_name(X509_get_subject_name(x509), recipe->name);
	X509_set_issuer_name(x509, X509_get_subject_name(recipe->issuer ? recipe->issuer : x509));
	assert_int_equal(X509_set_pubkey(x509, recipe->key), 1);
	for (const struct chain_extension *at = recipe->extensions; at->nid; at++)
		chain_extend(x509, at);
	assert_true(X509_sign(x509, recipe->signer, recipe->digest ? recipe->digest : digest) > 0);
	return x509;
}

/* The bytes are the caller's, to be freed by OPENSSL_free(). */
static inline struct der chain_der(X509 *x509)
{
	uint8_t *bytes = NULL;
	int n = i2d_X509(x509, &bytes);

	assert_true(n > 0);
	return (struct der){ .bytes = bytes, .n = (size_t)n };
}

/* Puts {u24 length, DER} behind the first `n` bytes; how many there are then. */
static inline size_t chain_put(X509 *x509, uint8_t chain[CHAIN_MAX], size_t n)
{
	struct der der = chain_der(x509);

	assert_true(n + 3 + der.n <= CHAIN_MAX);
	chain[n++] = 0;
	chain[n++] = (uint8_t)(der.n >> 8);
	chain[n++] = (uint8_t)der.n;
	memcpy(chain + n, der.bytes, der.n);
	OPENSSL_free((void *)der.bytes);
	return n + der.n;
}

/* Writes the certificate to a file of its own; the path is removed by the caller. */
static inline void chain_write(X509 *x509, char path[64])
{
	FILE *file;
	int fd;

	strcpy(path, "/tmp/postern-chain-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, x509), 1);
	assert_int_equal(fclose(file), 0);
}

#endif
