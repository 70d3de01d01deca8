/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mbedTLS's primitives, whosever they are in this build, against GnuTLS's (which are nettle's):
 * at lengths around blocks, in pieces, and in place. Known answers stand in mbedTLS's own suites,
 * which test/crypto runs. GnuTLS gives no key exchange alone; that is checked against OpenSSL's EVP
 * here, and against GnuTLS by the handshakes of interop_test.c.
 */
#include "test/unit/cmocka_all.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/cipher.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <psa/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { TEXT_MAX = 16384 };

static uint8_t text[TEXT_MAX], sealed[TEXT_MAX + 16], wanted[TEXT_MAX + 16], opened[TEXT_MAX];

static int group_setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 31 + i / 256);
	return psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	mbedtls_psa_crypto_free();
	return 0;
}

/* --- hashes --- */

static const struct {
	mbedtls_md_type_t md;
	gnutls_digest_algorithm_t theirs;
	gnutls_mac_algorithm_t mac;
	psa_algorithm_t psa;
} hashes[] = {
	{ MBEDTLS_MD_SHA224, GNUTLS_DIG_SHA224, GNUTLS_MAC_SHA224, PSA_ALG_SHA_224 },
	{ MBEDTLS_MD_SHA256, GNUTLS_DIG_SHA256, GNUTLS_MAC_SHA256, PSA_ALG_SHA_256 },
	{ MBEDTLS_MD_SHA384, GNUTLS_DIG_SHA384, GNUTLS_MAC_SHA384, PSA_ALG_SHA_384 },
	{ MBEDTLS_MD_SHA512, GNUTLS_DIG_SHA512, GNUTLS_MAC_SHA512, PSA_ALG_SHA_512 },
};

/* In pieces, and finished by a copy, after which the original goes on. */
static void check_hash(unsigned i, size_t n, size_t piece)
{
	const mbedtls_md_info_t *info = mbedtls_md_info_from_type(hashes[i].md);
	size_t size = mbedtls_md_get_size(info);
	mbedtls_md_context_t md, copy;

	mbedtls_md_init(&md);
	mbedtls_md_init(&copy);
	assert_int_equal(mbedtls_md_setup(&md, info, 0), 0);
	assert_int_equal(mbedtls_md_setup(&copy, info, 0), 0);
	assert_int_equal(mbedtls_md_starts(&md), 0);
	for (size_t at = 0; at < n; at += piece) {
		assert_int_equal(mbedtls_md_clone(&copy, &md), 0);
		assert_int_equal(mbedtls_md_finish(&copy, sealed), 0);
		assert_int_equal(gnutls_hash_fast(hashes[i].theirs, text, at, wanted), 0);
		assert_memory_equal(sealed, wanted, size);
		assert_int_equal(mbedtls_md_update(&md, text + at, n - at < piece ? n - at : piece),
				 0);
	}
	assert_int_equal(mbedtls_md_finish(&md, sealed), 0);
	assert_int_equal(gnutls_hash_fast(hashes[i].theirs, text, n, wanted), 0);
	assert_memory_equal(sealed, wanted, size);
	mbedtls_md_free(&md);
	mbedtls_md_free(&copy);
}

static void test_hashes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_OF(hashes); i++) {
		for (size_t n = 0; n < 300; n += 1 + n / 150 * 6)
			check_hash(i, n, 37);
		check_hash(i, TEXT_MAX, 1000);
	}
}

/* Keys shorter and longer than a block. */
static void test_hmac(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_OF(hashes); i++)
		for (size_t n = 1; n < 300; n += 9) {
			const mbedtls_md_info_t *info = mbedtls_md_info_from_type(hashes[i].md);

			assert_int_equal(mbedtls_md_hmac(info, text, n, text + n, 2 * n, sealed),
					 0);
			assert_int_equal(
				gnutls_hmac_fast(hashes[i].mac, text, n, text + n, 2 * n, wanted),
				0);
			assert_memory_equal(sealed, wanted, mbedtls_md_get_size(info));
		}
}

/* --- the key schedule of TLS 1.3 --- */

static psa_status_t derive(psa_algorithm_t algorithm, psa_key_derivation_step_t first,
			   gnutls_datum_t one, psa_key_derivation_step_t second, gnutls_datum_t two,
			   uint8_t *ret, size_t n)
{
	psa_key_derivation_operation_t hkdf = PSA_KEY_DERIVATION_OPERATION_INIT;
	psa_status_t r = psa_key_derivation_setup(&hkdf, algorithm);

	r = r ? r : psa_key_derivation_input_bytes(&hkdf, first, one.data, one.size);
	r = r ? r : psa_key_derivation_input_bytes(&hkdf, second, two.data, two.size);
	r = r ? r : psa_key_derivation_output_bytes(&hkdf, ret, n / 2);
	r = r ? r : psa_key_derivation_output_bytes(&hkdf, ret + n / 2, n - n / 2);
	return r | psa_key_derivation_abort(&hkdf);
}

/* Secrets as long as those of every group, from X25519 to FFDHE of 8192 bits. */
static void test_hkdf(void **state)
{
	static const unsigned lengths[] = { 0, 32, 48, 56, 66, 256, 384, 512, 768, 1024 };

	(void)state;
	for (unsigned i = 1; i <= 2; i++) { /* the two that TLS 1.3 has */
		unsigned size = i == 1 ? 32 : 48;
		gnutls_datum_t salt = { text, size };

		for (unsigned k = 0; k < N_OF(lengths); k++) {
			gnutls_datum_t secret = { text + 100, lengths[k] };
			gnutls_datum_t key = { sealed, size }, info = { text, lengths[k] };

			assert_int_equal(derive(PSA_ALG_HKDF_EXTRACT(hashes[i].psa),
						PSA_KEY_DERIVATION_INPUT_SALT, salt,
						PSA_KEY_DERIVATION_INPUT_SECRET, secret, sealed,
						size),
					 0);
			assert_int_equal(gnutls_hkdf_extract(hashes[i].mac, &secret, &salt, wanted),
					 0);
			assert_memory_equal(sealed, wanted, size);
			assert_int_equal(derive(PSA_ALG_HKDF_EXPAND(hashes[i].psa),
						PSA_KEY_DERIVATION_INPUT_SECRET, key,
						PSA_KEY_DERIVATION_INPUT_INFO, info, opened,
						12 + 20 * k),
					 0);
			assert_int_equal(
				gnutls_hkdf_expand(hashes[i].mac, &key, &info, wanted, 12 + 20 * k),
				0);
			assert_memory_equal(opened, wanted, 12 + 20 * k);
		}
	}
}

/* --- AEAD --- */

static const struct {
	mbedtls_cipher_type_t cipher;
	gnutls_cipher_algorithm_t theirs;
	unsigned key_length;
} ciphers[] = {
	{ MBEDTLS_CIPHER_AES_128_GCM, GNUTLS_CIPHER_AES_128_GCM, 16 },
	{ MBEDTLS_CIPHER_AES_192_GCM, GNUTLS_CIPHER_AES_192_GCM, 24 },
	{ MBEDTLS_CIPHER_AES_256_GCM, GNUTLS_CIPHER_AES_256_GCM, 32 },
	{ MBEDTLS_CIPHER_CHACHA20_POLY1305, GNUTLS_CIPHER_CHACHA20_POLY1305, 32 },
};

static void check_message(mbedtls_cipher_context_t *cipher, gnutls_aead_cipher_hd_t theirs,
			  size_t n, size_t additional_n)
{
	const uint8_t *nonce = text + n % 50, *additional = text + 3;
	size_t theirs_n = sizeof(wanted), done;

	assert_int_equal(gnutls_aead_cipher_encrypt(theirs, nonce, 12, additional, additional_n, 16,
						    text, n, wanted, &theirs_n),
			 0);
	assert_int_equal(mbedtls_cipher_auth_encrypt_ext(cipher, nonce, 12, additional,
							 additional_n, text, n, sealed,
							 sizeof(sealed), &done, 16),
			 0);
	assert_int_equal(done, theirs_n);
	assert_memory_equal(sealed, wanted, done);
	/* In place, as records are. */
	memcpy(opened, text, n);
	assert_int_equal(mbedtls_cipher_auth_decrypt_ext(cipher, nonce, 12, additional,
							 additional_n, sealed, done, sealed,
							 sizeof(sealed), &done, 16),
			 0);
	assert_int_equal(done, n);
	assert_memory_equal(sealed, text, n);
}

/* A bit anywhere, and nothing comes out. */
static void check_forgery(mbedtls_cipher_context_t *cipher, size_t n, size_t at)
{
	static const uint8_t zeros[64];
	size_t done;

	assert_int_equal(mbedtls_cipher_auth_encrypt_ext(cipher, text, 12, text, 5, text, n, sealed,
							 sizeof(sealed), &done, 16),
			 0);
	sealed[at] ^= 0x10;
	memset(opened, 0x55, sizeof(opened));
	assert_int_equal(mbedtls_cipher_auth_decrypt_ext(cipher, text, 12, text, 5, sealed, done,
							 opened, sizeof(opened), &done, 16),
			 MBEDTLS_ERR_CIPHER_AUTH_FAILED);
	assert_memory_equal(opened, zeros, n);
}

static void test_aead(void **state)
{
	static const size_t lengths[] = { 0,  1,  15,  16,  17,  31,   32,    63,
					  64, 65, 255, 256, 257, 1023, 16383, 16384 };

	(void)state;
	for (unsigned i = 0; i < N_OF(ciphers); i++) {
		gnutls_datum_t key = { text, ciphers[i].key_length };
		mbedtls_cipher_context_t cipher;
		gnutls_aead_cipher_hd_t theirs;

		mbedtls_cipher_init(&cipher);
		assert_int_equal(mbedtls_cipher_setup(
					 &cipher, mbedtls_cipher_info_from_type(ciphers[i].cipher)),
				 0);
		assert_int_equal(mbedtls_cipher_setkey(&cipher, key.data, (int)key.size * 8,
						       MBEDTLS_ENCRYPT),
				 0);
		assert_int_equal(gnutls_aead_cipher_init(&theirs, ciphers[i].theirs, &key), 0);
		for (unsigned k = 0; k < N_OF(lengths); k++)
			for (size_t additional_n = 0; additional_n < 40; additional_n += 13)
				check_message(&cipher, theirs, lengths[k], additional_n);
		for (size_t at = 0; at < 50 + 16; at += 5)
			check_forgery(&cipher, 50, at);
		gnutls_aead_cipher_deinit(theirs);
		mbedtls_cipher_free(&cipher);
	}
}

/* Opened in pieces, mbedTLS hands out the tag to be compared. */
static void test_gcm_pieces(void **state)
{
	mbedtls_gcm_context gcm;
	uint8_t tag[16];
	size_t n;

	(void)state;
	mbedtls_gcm_init(&gcm);
	assert_int_equal(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, text, 256), 0);
	assert_int_equal(mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, 5000, text, 12, text,
						   20, text, sealed, 16, wanted),
			 0);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(mbedtls_gcm_starts(&gcm, MBEDTLS_GCM_DECRYPT, text, 12), 0);
		assert_int_equal(mbedtls_gcm_update_ad(&gcm, text, 7), 0);
		assert_int_equal(mbedtls_gcm_update_ad(&gcm, text + 7, 13), 0);
		for (size_t at = 0; at < 5000; at += 1250)
			assert_int_equal(
				mbedtls_gcm_update(&gcm, sealed + at, 1250, opened + at, 1250, &n),
				0);
		assert_int_equal(mbedtls_gcm_finish(&gcm, NULL, 0, &n, tag, 16), 0);
		assert_memory_equal(tag, wanted, 16);
		assert_memory_equal(opened, text, 5000);
	}
	mbedtls_gcm_free(&gcm);
	mbedtls_gcm_free(&gcm);
	mbedtls_gcm_free(NULL);
}

/* --- key exchange --- */

static EVP_PKEY *their_public(const char *type, const uint8_t *bytes, size_t n, EVP_PKEY *like)
{
	EVP_PKEY *key = EVP_PKEY_new();

	if (strncmp(type, "X", 1) == 0) {
		EVP_PKEY_free(key);
		return EVP_PKEY_new_raw_public_key_ex(NULL, type, NULL, bytes, n);
	}
	assert_int_equal(EVP_PKEY_copy_parameters(key, like), 1);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(key, bytes, n), 1);
	return key;
}

static void check_exchange(const char *type, EVP_PKEY *theirs, psa_key_type_t psa_type, size_t bits,
			   psa_algorithm_t algorithm)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	uint8_t point[1024], secret[1024], their_secret[1024], *their_point = NULL;
	size_t n, secret_n, their_n = sizeof(their_secret);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(theirs, NULL);
	psa_key_id_t key;
	EVP_PKEY *ours;

	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
	psa_set_key_algorithm(&attributes, algorithm);
	psa_set_key_type(&attributes, psa_type);
	psa_set_key_bits(&attributes, bits);
	assert_int_equal(psa_generate_key(&attributes, &key), 0);
	assert_int_equal(psa_export_public_key(key, point, sizeof(point), &n), 0);
	ours = their_public(type, point, n, theirs);
	assert_non_null(ours);
	assert_int_equal(EVP_PKEY_derive_init(context), 1);
	if (strcmp(type, "DH") == 0)
		EVP_PKEY_CTX_set_dh_pad(context, 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(context, ours), 1);
	assert_int_equal(EVP_PKEY_derive(context, their_secret, &their_n), 1);
	n = EVP_PKEY_get1_encoded_public_key(theirs, &their_point);
	assert_int_equal(psa_raw_key_agreement(algorithm, key, their_point, n, secret,
					       sizeof(secret), &secret_n),
			 0);
	assert_int_equal(secret_n, their_n);
	assert_memory_equal(secret, their_secret, their_n);
	OPENSSL_free(their_point);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	psa_destroy_key(key);
}

static EVP_PKEY *finite_key(const char *group)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
								 (char *)group, 0),
				OSSL_PARAM_END };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_params(context, params), 1);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void test_exchange(void **state)
{
	psa_key_type_t prime = PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1);
	psa_key_type_t montgomery = PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY);
	psa_key_type_t finite = PSA_KEY_TYPE_DH_KEY_PAIR(PSA_DH_FAMILY_RFC7919);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		check_exchange("X25519", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), montgomery, 255,
			       PSA_ALG_ECDH);
		check_exchange("EC", EVP_EC_gen("P-256"), prime, 256, PSA_ALG_ECDH);
	}
	check_exchange("X448", EVP_PKEY_Q_keygen(NULL, NULL, "X448"), montgomery, 448,
		       PSA_ALG_ECDH);
	check_exchange("EC", EVP_EC_gen("P-384"), prime, 384, PSA_ALG_ECDH);
	check_exchange("EC", EVP_EC_gen("P-521"), prime, 521, PSA_ALG_ECDH);
	check_exchange("DH", finite_key("ffdhe2048"), finite, 2048, PSA_ALG_FFDH);
	check_exchange("DH", finite_key("ffdhe3072"), finite, 3072, PSA_ALG_FFDH);
	check_exchange("DH", finite_key("ffdhe4096"), finite, 4096, PSA_ALG_FFDH);
}

/* Points that are none: off the curve, at infinity, hybrid, of small order, of another length. */
static void test_bad_points(void **state)
{
	static const struct {
		psa_ecc_family_t family;
		size_t bits, n;
		uint8_t first;
	} bad[] = {
		{ PSA_ECC_FAMILY_SECP_R1, 256, 65, 4 },
		{ PSA_ECC_FAMILY_SECP_R1, 256, 65, 6 },
		{ PSA_ECC_FAMILY_SECP_R1, 256, 33, 2 },
		{ PSA_ECC_FAMILY_SECP_R1, 256, 1, 0 },
		{ PSA_ECC_FAMILY_SECP_R1, 384, 97, 4 },
		{ PSA_ECC_FAMILY_SECP_R1, 521, 133, 4 },
		{ PSA_ECC_FAMILY_MONTGOMERY, 255, 32, 0 },
		{ PSA_ECC_FAMILY_MONTGOMERY, 255, 32, 1 },
		{ PSA_ECC_FAMILY_MONTGOMERY, 255, 31, 9 },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(bad); i++) {
		psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
		uint8_t point[133] = { bad[i].first }, secret[66];
		psa_key_id_t key;
		size_t n;

		psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
		psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
		psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(bad[i].family));
		psa_set_key_bits(&attributes, bad[i].bits);
		assert_int_equal(psa_generate_key(&attributes, &key), 0);
		assert_int_not_equal(psa_raw_key_agreement(PSA_ALG_ECDH, key, point, bad[i].n,
							   secret, sizeof(secret), &n),
				     0);
		psa_destroy_key(key);
	}
}

/* --- signatures --- */

static const struct {
	mbedtls_md_type_t md;
	gnutls_digest_algorithm_t theirs;
	gnutls_sign_algorithm_t ecdsa, pkcs1, pss;
	unsigned size;
} digests[] = {
	{ MBEDTLS_MD_SHA256, GNUTLS_DIG_SHA256, GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_SIGN_RSA_SHA256,
	  GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, 32 },
	{ MBEDTLS_MD_SHA384, GNUTLS_DIG_SHA384, GNUTLS_SIGN_ECDSA_SHA384, GNUTLS_SIGN_RSA_SHA384,
	  GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, 48 },
	{ MBEDTLS_MD_SHA512, GNUTLS_DIG_SHA512, GNUTLS_SIGN_ECDSA_SHA512, GNUTLS_SIGN_RSA_SHA512,
	  GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, 64 },
};

struct both {
	mbedtls_pk_context ours;
	gnutls_privkey_t private;
	gnutls_pubkey_t public;
};

static void both_init(struct both *both, EVP_PKEY *made)
{
	gnutls_datum_t der = { 0 };
	int n = i2d_PrivateKey(made, &der.data);

	assert_true(n > 0);
	der.size = (unsigned)n;
	mbedtls_pk_init(&both->ours);
	assert_int_equal(mbedtls_pk_parse_key(&both->ours, der.data, der.size, NULL, 0,
					      mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE),
			 0);
	assert_int_equal(gnutls_privkey_init(&both->private), 0);
	assert_int_equal(gnutls_pubkey_init(&both->public), 0);
	assert_int_equal(
		gnutls_privkey_import_x509_raw(both->private, &der, GNUTLS_X509_FMT_DER, NULL, 0),
		0);
	assert_int_equal(gnutls_pubkey_import_privkey(both->public, both->private, 0, 0), 0);
	OPENSSL_free(der.data);
	EVP_PKEY_free(made);
}

static void both_deinit(struct both *both)
{
	mbedtls_pk_free(&both->ours);
	gnutls_privkey_deinit(both->private);
	gnutls_pubkey_deinit(both->public);
}

static int verify(struct both *both, bool is_pss, unsigned i, const uint8_t *hash,
		  const gnutls_datum_t *signature)
{
	mbedtls_pk_rsassa_pss_options pss = { .mgf1_hash_id = digests[i].md,
					      .expected_salt_len = (int)digests[i].size };

	return mbedtls_pk_verify_ext(is_pss ? MBEDTLS_PK_RSASSA_PSS
					    : mbedtls_pk_get_type(&both->ours),
				     is_pss ? &pss : NULL, &both->ours, digests[i].md, hash,
				     digests[i].size, signature->data, signature->size);
}

static void check_signature(struct both *both, bool is_pss, gnutls_sign_algorithm_t algorithm,
			    unsigned i)
{
	uint8_t bytes[1024], hash[64];
	gnutls_datum_t signature = { bytes, 0 }, digest = { hash, digests[i].size };
	size_t n;

	memcpy(hash, text + i, sizeof(hash));
	assert_int_equal(mbedtls_pk_sign_ext(is_pss ? MBEDTLS_PK_RSASSA_PSS
						    : mbedtls_pk_get_type(&both->ours),
					     &both->ours, digests[i].md, hash, digests[i].size,
					     bytes, sizeof(bytes), &n, mbedtls_psa_get_random,
					     MBEDTLS_PSA_RANDOM_STATE),
			 0);
	signature.size = (unsigned)n;
	assert_true(gnutls_pubkey_verify_hash2(both->public, algorithm, 0, &digest, &signature) >=
		    0);
	assert_int_equal(
		gnutls_privkey_sign_hash2(both->private, algorithm, 0, &digest, &signature), 0);
	assert_int_equal(verify(both, is_pss, i, hash, &signature), 0);
	hash[5] ^= 1;
	assert_int_not_equal(verify(both, is_pss, i, hash, &signature), 0);
	hash[5] ^= 1;
	/* A bit of the signature itself, and one of its frame. */
	signature.data[signature.size - 3] ^= 1;
	assert_int_not_equal(verify(both, is_pss, i, hash, &signature), 0);
	signature.data[signature.size - 3] ^= 1;
	signature.data[1] ^= 1;
	assert_int_not_equal(verify(both, is_pss, i, hash, &signature), 0);
	gnutls_free(signature.data);
}

static void test_signatures(void **state)
{
	static const char *const curves[] = { "P-256", "P-384", "P-521" };
	static const unsigned bits[] = { 2048, 3072 };
	struct both both;

	(void)state;
	for (unsigned k = 0; k < N_OF(curves); k++) {
		both_init(&both, EVP_EC_gen(curves[k]));
		for (unsigned i = 0; i < N_OF(digests); i++)
			check_signature(&both, false, digests[i].ecdsa, i);
		both_deinit(&both);
	}
	for (unsigned k = 0; k < N_OF(bits); k++) {
		both_init(&both, EVP_RSA_gen(bits[k]));
		for (unsigned i = 0; i < N_OF(digests); i++) {
			check_signature(&both, false, digests[i].pkcs1, i);
			check_signature(&both, true, digests[i].pss, i);
		}
		both_deinit(&both);
	}
}

/* --- threads --- */

/* What is kept for each thread is made, used and left behind; how often it went wrong. */
static void *work(void *failures)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	uint8_t point[65], secret[32], tag[16], bytes[64];
	mbedtls_gcm_context gcm;
	psa_key_id_t key;
	size_t n;

	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
	psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
	psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
	psa_set_key_bits(&attributes, 256);
	for (unsigned i = 0; i < 20; i++) {
		*(unsigned *)failures += psa_generate_key(&attributes, &key) != 0;
		*(unsigned *)failures += psa_export_public_key(key, point, sizeof(point), &n) != 0;
		*(unsigned *)failures += psa_raw_key_agreement(PSA_ALG_ECDH, key, point, n, secret,
							       sizeof(secret), &n) != 0;
		psa_destroy_key(key);
		mbedtls_gcm_init(&gcm);
		*(unsigned *)failures +=
			mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, secret, 128) != 0;
		*(unsigned *)failures +=
			mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, sizeof(bytes), text,
						  12, text, 5, text, bytes, 16, tag) != 0;
		mbedtls_gcm_free(&gcm);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[3];
	unsigned failures[N_OF(threads)] = { 0 };

	(void)state;
	for (unsigned i = 0; i < N_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &failures[i]), 0);
	for (unsigned i = 0; i < N_OF(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(failures[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),     cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hkdf),       cmocka_unit_test(test_aead),
		cmocka_unit_test(test_gcm_pieces), cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_bad_points), cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
