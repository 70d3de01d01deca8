/* SPDX-License-Identifier: GPL-3.0-or-later */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/leaf.h"

#include <mbedtls/threading.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/reader.h"
#include "tls/mbed.h"
#include "tls/suites.h"

struct leaf_keys {
	struct {
		mbedtls_pk_context pair;
		uint8_t *public; /* by OPENSSL_malloc */
		int public_length;
	} of[N_LEAF_KEYS];
};

/* Made by libcrypto, which does it in a tenth of mbedTLS's time, and handed over as DER. */
static bool key_make(struct leaf_keys *keys, enum leaf_key key, struct tls_thread *thread)
{
	EVP_PKEY *made = key == LEAF_KEY_EC ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
	uint8_t *private = NULL;
	int n = made ? i2d_PrivateKey(made, &private) : -1;
	bool is_made = false;

	if (n > 0) {
		keys->of[key].public_length = i2d_PUBKEY(made, &keys->of[key].public);
		is_made = keys->of[key].public_length > 0 &&
			  mbedtls_pk_parse_key(&keys->of[key].pair, private, (size_t)n, NULL, 0,
					       mbedtls_ctr_drbg_random, &thread->drbg) == 0;
		OPENSSL_clear_free(private, (size_t)n);
	}
	EVP_PKEY_free(made);
	return is_made;
}

struct leaf_keys *leaf_keys_new(void)
{
	struct leaf_keys *keys = calloc(1, sizeof(*keys));
	struct tls_thread *thread = tls_thread_new();
	bool is_made = keys && thread;

	for (enum leaf_key key = 0; keys && key < N_LEAF_KEYS; key++)
		mbedtls_pk_init(&keys->of[key].pair);
	for (enum leaf_key key = 0; is_made && key < N_LEAF_KEYS; key++)
		is_made = key_make(keys, key, thread);
	tls_thread_free(thread);
	if (is_made)
		return keys;
	leaf_keys_free(keys);
	return NULL;
}

void leaf_keys_free(struct leaf_keys *keys)
{
	if (!keys)
		return;
	for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++) {
		mbedtls_pk_free(&keys->of[key].pair);
		OPENSSL_free(keys->of[key].public);
	}
	free(keys);
}

struct der leaf_keys_public(const struct leaf_keys *keys, enum leaf_key key)
{
	return (struct der){ .bytes = keys->of[key].public,
			     .n = (size_t)keys->of[key].public_length };
}

static bool may_be_ecdsa(const struct hello *hello, const struct tls_limits *limits,
			 uint16_t chosen)
{
	uint16_t suites[SUITES_MAX];
	unsigned n = suites_for_client(hello, limits, chosen, suites);

	for (unsigned i = 0; i < n; i++)
		if (strstr(names_suite(suites[i]), "_ECDHE_ECDSA_"))
			return true;
	return false;
}

enum leaf_key leaf_key_for(const struct hello *hello, const struct tls_limits *limits,
			   const struct session_facts *upstream)
{
	uint16_t algorithm = MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256;
	bool signs = hello_offers(&hello->signature_algorithms, algorithm) &&
		     codepoints_have(limits->signature_algorithms, algorithm);

	if (upstream->version == MBEDTLS_SSL_VERSION_TLS1_3)
		return signs ? LEAF_KEY_EC : LEAF_KEY_RSA;
	return signs && hello_offers(&hello->groups, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1) &&
			       may_be_ecdsa(hello, limits, upstream->suite)
		       ? LEAF_KEY_EC
		       : LEAF_KEY_RSA;
}

struct leaf *leaf_new(const struct leaf_keys *keys, enum leaf_key key, const uint8_t *chain,
		      size_t n)
{
	struct leaf *leaf = calloc(1, sizeof(*leaf));
	struct reader r = reader_of(chain, n);

	if (!leaf)
		return NULL;
	/* mbedTLS takes a context it only reads as non-const. */
	leaf->key = (mbedtls_pk_context *)&keys->of[key].pair;
	mbedtls_x509_crt_init(&leaf->chain);
	do {
		struct reader der = reader_vector(&r, 3);

		if (!reader_ok(&r) ||
		    mbedtls_x509_crt_parse_der(&leaf->chain, der.at, reader_left(&der)) != 0) {
			leaf_free(leaf);
			return NULL;
		}
	} while (reader_left(&r) > 0);
	certificate_digest((struct der){ .bytes = leaf->chain.raw.p, .n = leaf->chain.raw.len },
			   leaf->digest);
	return leaf;
}

/*
 * An RSA key keeps a pair of blinding values, which each operation squares. If memory runs out
 * between the two, they do not belong together any more, and every operation from then on is wrong.
 * Without them the next operation makes new ones.
 */
void leaf_recover(const struct leaf *leaf)
{
	mbedtls_rsa_context *rsa;

	if (mbedtls_pk_get_type(leaf->key) != MBEDTLS_PK_RSA)
		return;
	rsa = mbedtls_pk_rsa(*leaf->key);
	if (mbedtls_mutex_lock(&rsa->mutex) != 0)
		return;
	mbedtls_mpi_free(&rsa->Vf);
	mbedtls_mpi_free(&rsa->Vi);
	mbedtls_mutex_unlock(&rsa->mutex);
}

void leaf_free(struct leaf *leaf)
{
	if (!leaf)
		return;
	mbedtls_x509_crt_free(&leaf->chain);
	free(leaf);
}
