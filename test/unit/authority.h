/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_AUTHORITY_H
#define POSTERN_TEST_AUTHORITY_H

/* A CA, and the leaves of www.example.com that it issues: to servers, and to the engine itself. */
#include "test/unit/chain.h"
#include "tls/leaf.h"

struct authority {
	EVP_PKEY *key;
	X509 *x509;
};

/* Takes the key. */
static inline void authority_init(struct authority *ca, EVP_PKEY *key)
{
	struct chain_recipe recipe = {
		.name = "CA", .key = key, .signer = key, .extensions = { CHAIN_CA }
	};

	*ca = (struct authority){ .key = key, .x509 = chain_make(&recipe) };
}

static inline void authority_deinit(struct authority *ca)
{
	X509_free(ca->x509);
	EVP_PKEY_free(ca->key);
	*ca = (struct authority){ 0 };
}

/* The names as in openssl.cnf. */
static inline X509 *authority_issue(const struct authority *ca, EVP_PKEY *key, const char *sans)
{
	struct chain_recipe recipe = { .name = "www.example.com",
				       .issuer = ca->x509,
				       .key = key,
				       .signer = ca->key,
				       .extensions = { { NID_subject_alt_name, sans } } };

	return chain_make(&recipe);
}

/* To the engine, for a key of its own, as the one certificate of a chain; the chain's bytes. */
static inline size_t authority_issue_own(const struct authority *ca, const struct leaf_keys *keys,
					 enum leaf_key key, const char *sans,
					 uint8_t chain[CHAIN_MAX])
{
	struct der public = leaf_keys_public(keys, key);
	const uint8_t *at = public.bytes;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)public.n);
	X509 *x509 = authority_issue(ca, pkey, sans);
	size_t n = chain_put(x509, chain, 0);

	X509_free(x509);
	EVP_PKEY_free(pkey);
	return n;
}

#endif
