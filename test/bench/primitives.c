/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mbedTLS's primitives and handshakes cost as this build links them (POSTERN_CRYPTO), and
 * beside them OpenSSL's handshakes. Microseconds of this thread's CPU time, the best of some
 * rounds; machines differ, so compare two builds on one machine.
 *	ninja -C build/release bench_primitives && build/release/test/bench/bench_primitives
 */
#include <mbedtls/chachapoly.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/bench/pair.h"

enum { ROUNDS = 5, ROUND_US = 40000, RECORD = 16384 };

static double cpu_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

typedef int operation(void *);

/* `operation` returns 0 when it went well. */
static double measure(operation *run, void *object)
{
	double best = 1e12;
	long n = 1;

	for (int round = 0; round < ROUNDS; round++) {
		double from = cpu_us(), took;

		for (long i = 0; i < n; i++) {
			if (run(object) != 0) {
				fprintf(stderr, "an operation failed\n");
				exit(1);
			}
		}
		took = (cpu_us() - from) / (double)n;
		if (took < best)
			best = took;
		n = (long)(ROUND_US / best) + 1;
	}
	return best;
}

static void report(const char *name, operation *run, void *object)
{
	printf("%-28s %10.2f us\n", name, measure(run, object));
}

/* --- records and hashes --- */

static uint8_t record[RECORD], tag[16], nonce[12], hash[64];
static size_t length;

static int seal_gcm(void *gcm)
{
	return mbedtls_gcm_crypt_and_tag(gcm, MBEDTLS_GCM_ENCRYPT, length, nonce, 12, nonce, 5,
					 record, record, 16, tag);
}

static int seal_chacha(void *chacha)
{
	return mbedtls_chachapoly_encrypt_and_tag(chacha, length, nonce, nonce, 5, record, record,
						  tag);
}

static int sha256(void *unused)
{
	(void)unused;
	return mbedtls_sha256(record, length, hash, 0);
}

static int sha384(void *unused)
{
	(void)unused;
	return mbedtls_sha512(record, length, hash, 1);
}

static int hmac(void *unused)
{
	(void)unused;
	return mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), nonce, 12, record, 64,
			       hash);
}

static void bulk(void)
{
	static const size_t lengths[] = { 64, 1024, RECORD };
	mbedtls_gcm_context gcm;
	mbedtls_chachapoly_context chacha;

	mbedtls_gcm_init(&gcm);
	mbedtls_chachapoly_init(&chacha);
	mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, record, 128);
	mbedtls_chachapoly_setkey(&chacha, record);
	for (unsigned i = 0; i < 3; i++) {
		length = lengths[i];
		printf("%zu bytes\n", length);
		report("  AES-128-GCM seal", seal_gcm, &gcm);
		report("  ChaCha20-Poly1305 seal", seal_chacha, &chacha);
		report("  SHA-256", sha256, NULL);
		report("  SHA-384", sha384, NULL);
	}
	report("HMAC-SHA-256, 64 bytes", hmac, NULL);
	mbedtls_gcm_free(&gcm);
	mbedtls_chachapoly_free(&chacha);
}

static int gcm_life(void *unused)
{
	mbedtls_gcm_context gcm;
	int r;

	(void)unused;
	mbedtls_gcm_init(&gcm);
	r = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, record, 128);
	mbedtls_gcm_free(&gcm);
	return r;
}

/* --- the key schedule of TLS 1.3 --- */

static int hkdf_expand(void *unused)
{
	psa_key_derivation_operation_t hkdf = PSA_KEY_DERIVATION_OPERATION_INIT;

	(void)unused;
	return psa_key_derivation_setup(&hkdf, PSA_ALG_HKDF_EXPAND(PSA_ALG_SHA_256)) |
	       psa_key_derivation_input_bytes(&hkdf, PSA_KEY_DERIVATION_INPUT_SECRET, record, 32) |
	       psa_key_derivation_input_bytes(&hkdf, PSA_KEY_DERIVATION_INPUT_INFO, record, 50) |
	       psa_key_derivation_output_bytes(&hkdf, hash, 32) | psa_key_derivation_abort(&hkdf);
}

static int hkdf_extract(void *unused)
{
	psa_key_derivation_operation_t hkdf = PSA_KEY_DERIVATION_OPERATION_INIT;

	(void)unused;
	return psa_key_derivation_setup(&hkdf, PSA_ALG_HKDF_EXTRACT(PSA_ALG_SHA_256)) |
	       psa_key_derivation_input_bytes(&hkdf, PSA_KEY_DERIVATION_INPUT_SALT, record, 32) |
	       psa_key_derivation_input_bytes(&hkdf, PSA_KEY_DERIVATION_INPUT_SECRET, record, 32) |
	       psa_key_derivation_output_bytes(&hkdf, hash, 32) | psa_key_derivation_abort(&hkdf);
}

/* --- key exchange, as TLS 1.3 does it --- */

static struct exchange {
	psa_key_attributes_t attributes;
	psa_key_id_t key;
	uint8_t point[133], secret[66];
	size_t n;
} exchange;

static int exchange_begin(void *unused)
{
	(void)unused;
	return psa_generate_key(&exchange.attributes, &exchange.key) |
	       psa_export_public_key(exchange.key, exchange.point, sizeof(exchange.point),
				     &exchange.n);
}

static int exchange_start(void *unused)
{
	int r = exchange_begin(unused);

	return r | psa_destroy_key(exchange.key);
}

static int exchange_finish(void *unused)
{
	size_t n;

	(void)unused;
	return psa_raw_key_agreement(PSA_ALG_ECDH, exchange.key, exchange.point, exchange.n,
				     exchange.secret, sizeof(exchange.secret), &n);
}

static void exchanges(void)
{
	static const struct {
		const char *name;
		psa_ecc_family_t family;
		size_t bits;
	} curves[] = { { "X25519", PSA_ECC_FAMILY_MONTGOMERY, 255 },
		       { "P-256", PSA_ECC_FAMILY_SECP_R1, 256 },
		       { "P-384", PSA_ECC_FAMILY_SECP_R1, 384 },
		       { "P-521", PSA_ECC_FAMILY_SECP_R1, 521 } };

	psa_set_key_usage_flags(&exchange.attributes, PSA_KEY_USAGE_DERIVE);
	psa_set_key_algorithm(&exchange.attributes, PSA_ALG_ECDH);
	for (unsigned i = 0; i < 4; i++) {
		char name[32];

		psa_set_key_type(&exchange.attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(curves[i].family));
		psa_set_key_bits(&exchange.attributes, curves[i].bits);
		snprintf(name, sizeof(name), "%s key share", curves[i].name);
		report(name, exchange_start, NULL);
		exchange_begin(NULL);
		snprintf(name, sizeof(name), "%s shared secret", curves[i].name);
		report(name, exchange_finish, NULL);
		psa_destroy_key(exchange.key);
	}
}

/* --- signatures --- */

static uint8_t signature[512];
static size_t signature_n;

static int sign(void *key)
{
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, signature, sizeof(signature),
			       &signature_n, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
}

static int verify(void *key)
{
	return mbedtls_pk_verify(key, MBEDTLS_MD_SHA256, hash, 32, signature, signature_n);
}

static void signatures(const char *name, EVP_PKEY *made)
{
	mbedtls_pk_context key;
	char text[40];

	mbedtls_pk_init(&key);
	pair_key(made, &key);
	snprintf(text, sizeof(text), "%s sign", name);
	report(text, sign, &key);
	snprintf(text, sizeof(text), "%s verify", name);
	report(text, verify, &key);
	mbedtls_pk_free(&key);
	EVP_PKEY_free(made);
}

static int random_32(void *unused)
{
	return mbedtls_psa_get_random(unused, hash, 32);
}

/* --- handshakes: both ends in this thread --- */

static int run_pair(void *pair)
{
	return pair_handshake(pair) ? 0 : -1;
}

static void handshakes(const char *name, EVP_PKEY *leaf_key, int version, bool is_openssl)
{
	struct pair *pair = pair_new(leaf_key, version, is_openssl);
	double us = measure(run_pair, pair);

	printf("%-28s %10.2f us %8.0f pairs/s\n", name, us, 1e6 / us);
	pair_free(pair);
}

int main(void)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);

	if (psa_crypto_init() != PSA_SUCCESS)
		return 1;
	bulk();
	report("AES-128-GCM key", gcm_life, NULL);
	report("HKDF expand (PSA)", hkdf_expand, NULL);
	report("HKDF extract (PSA)", hkdf_extract, NULL);
	report("random, 32 bytes", random_32, MBEDTLS_PSA_RANDOM_STATE);
	exchanges();
	signatures("ECDSA P-256", EVP_EC_gen("P-256"));
	signatures("ECDSA P-384", EVP_EC_gen("P-384"));
	signatures("RSA-2048", EVP_RSA_gen(2048));
	handshakes("TLS 1.3, P-256 leaf", ec, 0x0304, false);
	handshakes("  OpenSSL", ec, 0x0304, true);
	handshakes("TLS 1.2, P-256 leaf", ec, 0x0303, false);
	handshakes("  OpenSSL", ec, 0x0303, true);
	handshakes("TLS 1.3, RSA-2048 leaf", rsa, 0x0304, false);
	handshakes("  OpenSSL", rsa, 0x0304, true);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	mbedtls_psa_crypto_free();
	return 0;
}
