/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ECDSA on the NIST curves, on signatures as they stand in a message (DER). The linker puts these
 * two functions in front of mbedTLS's (--wrap); every signature of a handshake, of either version,
 * comes through them by way of mbedtls_pk_sign(), mbedtls_pk_verify() and their _ext forms. Another
 * curve, or what libcrypto does not take for a signature at all, is left to mbedTLS's own.
 *
 * Signing is constant time by libcrypto. Its EC_KEY functions are deprecated as they know no
 * providers; by EVP a key costs more than the verification that it serves.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <limits.h>
#include <mbedtls/ecdsa.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>

#include "crypto/curve.h"
#include "crypto/thread.h"

int __real_mbedtls_ecdsa_read_signature(mbedtls_ecdsa_context *pair, const unsigned char *hash,
					size_t n, const unsigned char *signature,
					size_t signature_n);
int __wrap_mbedtls_ecdsa_read_signature(mbedtls_ecdsa_context *pair, const unsigned char *hash,
					size_t n, const unsigned char *signature,
					size_t signature_n);
int __real_mbedtls_ecdsa_write_signature(mbedtls_ecdsa_context *pair, mbedtls_md_type_t md,
					 const unsigned char *hash, size_t n,
					 unsigned char *ret_signature, size_t size, size_t *ret_n,
					 int (*rng)(void *, unsigned char *, size_t),
					 void *context);
int __wrap_mbedtls_ecdsa_write_signature(mbedtls_ecdsa_context *pair, mbedtls_md_type_t md,
					 const unsigned char *hash, size_t n,
					 unsigned char *ret_signature, size_t size, size_t *ret_n,
					 int (*rng)(void *, unsigned char *, size_t),
					 void *context);

/* A key of the pair's curve with nothing in it yet. NULL: not one of libcrypto's. */
static EC_KEY *key_new(const mbedtls_ecdsa_context *pair, const struct curve **ret_curve)
{
	const struct curve *curve = curve_find(mbedtls_ecp_keypair_get_group_id(pair));
	struct thread *thread = thread_own();
	const EC_GROUP *group = curve && thread && !curve_is_montgomery(curve)
					? thread_group(thread, curve->nid)
					: NULL;
	EC_KEY *key = group ? EC_KEY_new() : NULL;

	if (key && EC_KEY_set_group(key, group) == 1) {
		*ret_curve = curve;
		return key;
	}
	EC_KEY_free(key);
	return NULL;
}

/* Not the point at infinity, which libcrypto would take for a key. */
static bool key_set_public(EC_KEY *key, const struct curve *curve,
			   const mbedtls_ecdsa_context *pair)
{
	const EC_GROUP *group = EC_KEY_get0_group(key);
	EC_POINT *point = EC_POINT_new(group);
	uint8_t bytes[CURVE_POINT_MAX];
	bool is_done;
	size_t n;

	is_done = point &&
		  mbedtls_ecp_write_public_key(pair, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, bytes,
					       sizeof(bytes)) == 0 &&
		  n == curve->point_length &&
		  EC_POINT_oct2point(group, point, bytes, n, thread_bn(thread_own())) == 1 &&
		  EC_KEY_set_public_key(key, point) == 1;
	EC_POINT_free(point);
	return is_done;
}

static bool key_set_private(EC_KEY *key, const mbedtls_ecdsa_context *pair)
{
	uint8_t bytes[CURVE_SCALAR_MAX];
	size_t n;
	bool is_done = mbedtls_ecp_write_key_ext(pair, &n, bytes, sizeof(bytes)) == 0 &&
		       EC_KEY_oct2priv(key, bytes, n) == 1;

	OPENSSL_cleanse(bytes, sizeof(bytes));
	return is_done;
}

int __wrap_mbedtls_ecdsa_read_signature(mbedtls_ecdsa_context *pair, const unsigned char *hash,
					size_t n, const unsigned char *signature,
					size_t signature_n)
{
	const struct curve *curve;
	EC_KEY *key = key_new(pair, &curve);
	int r = -1; /* 1: it holds; 0: it does not; -1: it is no signature, or libcrypto failed */

	if (key && n <= INT_MAX && signature_n <= INT_MAX && key_set_public(key, curve, pair))
		r = ECDSA_verify(0, hash, (int)n, signature, (int)signature_n, key);
	EC_KEY_free(key);
	if (r == 1)
		return 0;
	if (r == 0)
		return MBEDTLS_ERR_ECP_VERIFY_FAILED;
	return __real_mbedtls_ecdsa_read_signature(pair, hash, n, signature, signature_n);
}

int __wrap_mbedtls_ecdsa_write_signature(mbedtls_ecdsa_context *pair, mbedtls_md_type_t md,
					 const unsigned char *hash, size_t n,
					 unsigned char *ret_signature, size_t size, size_t *ret_n,
					 int (*rng)(void *, unsigned char *, size_t), void *context)
{
	const struct curve *curve;
	EC_KEY *key = key_new(pair, &curve);
	unsigned signature_n = 0;
	bool is_done = key && rng && n <= INT_MAX && key_set_private(key, pair) &&
		       size >= (size_t)ECDSA_size(key) &&
		       ECDSA_sign(0, hash, (int)n, ret_signature, &signature_n, key) == 1;

	EC_KEY_free(key);
	if (!is_done)
		return __real_mbedtls_ecdsa_write_signature(pair, md, hash, n, ret_signature, size,
							    ret_n, rng, context);
	*ret_n = signature_n;
	return 0;
}
