/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-224 to SHA-512 with mbedTLS's functions, which <mbedtls/sha256.h> and <mbedtls/sha512.h>
 * describe. Constant time is libcrypto's; SHA-2 has neither tables nor branches on data.
 *
 * These functions of libcrypto are deprecated, as they know no providers. They need no allocation,
 * and a handshake hashes, and copies hashes, dozens of times: SHA-256 of 64 bytes takes a quarter
 * of what EVP_Digest() needs.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <mbedtls/error.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <openssl/crypto.h>
#include <string.h>

/* libcrypto's answer is 1, or 0 for a failure that these functions do not know. */
static int answer(int is_done)
{
	return is_done ? 0 : MBEDTLS_ERR_ERROR_GENERIC_ERROR;
}

/* --- SHA-224 and SHA-256 --- */

void mbedtls_sha256_init(mbedtls_sha256_context *sha)
{
	memset(sha, 0, sizeof(*sha));
}

void mbedtls_sha256_free(mbedtls_sha256_context *sha)
{
	if (sha)
		OPENSSL_cleanse(sha, sizeof(*sha));
}

void mbedtls_sha256_clone(mbedtls_sha256_context *copy, const mbedtls_sha256_context *sha)
{
	*copy = *sha;
}

int mbedtls_sha256_starts(mbedtls_sha256_context *sha, int is_224)
{
	if (is_224 != 0 && is_224 != 1)
		return MBEDTLS_ERR_SHA256_BAD_INPUT_DATA;
	sha->is_224 = is_224;
	return answer(is_224 ? SHA224_Init(&sha->state) : SHA256_Init(&sha->state));
}

int mbedtls_sha256_update(mbedtls_sha256_context *sha, const unsigned char *bytes, size_t n)
{
	return answer(SHA256_Update(&sha->state, bytes, n));
}

int mbedtls_sha256_finish(mbedtls_sha256_context *sha, unsigned char *ret_hash)
{
	return answer(sha->is_224 ? SHA224_Final(ret_hash, &sha->state)
				  : SHA256_Final(ret_hash, &sha->state));
}

/* --- SHA-384 and SHA-512 --- */

void mbedtls_sha512_init(mbedtls_sha512_context *sha)
{
	memset(sha, 0, sizeof(*sha));
}

void mbedtls_sha512_free(mbedtls_sha512_context *sha)
{
	if (sha)
		OPENSSL_cleanse(sha, sizeof(*sha));
}

void mbedtls_sha512_clone(mbedtls_sha512_context *copy, const mbedtls_sha512_context *sha)
{
	*copy = *sha;
}

int mbedtls_sha512_starts(mbedtls_sha512_context *sha, int is_384)
{
	if (is_384 != 0 && is_384 != 1)
		return MBEDTLS_ERR_SHA512_BAD_INPUT_DATA;
	sha->is_384 = is_384;
	return answer(is_384 ? SHA384_Init(&sha->state) : SHA512_Init(&sha->state));
}

int mbedtls_sha512_update(mbedtls_sha512_context *sha, const unsigned char *bytes, size_t n)
{
	return answer(SHA512_Update(&sha->state, bytes, n));
}

int mbedtls_sha512_finish(mbedtls_sha512_context *sha, unsigned char *ret_hash)
{
	return answer(sha->is_384 ? SHA384_Final(ret_hash, &sha->state)
				  : SHA512_Final(ret_hash, &sha->state));
}
