/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Constant time in the scalar is the libraries' own: libsodium's for X25519; libcrypto's, for one
 * secret scalar at a time, for the NIST curves (P-256 and P-521 by code of their own, P-384 by a
 * Montgomery ladder).
 */
#include "crypto/curve.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sodium.h>

#include "crypto/thread.h"

static const struct curve curves[] = {
	{ MBEDTLS_ECP_DP_CURVE25519, NID_X25519, 32, 32 },
	{ MBEDTLS_ECP_DP_SECP256R1, NID_X9_62_prime256v1, 32, 65 },
	{ MBEDTLS_ECP_DP_SECP384R1, NID_secp384r1, 48, 97 },
	{ MBEDTLS_ECP_DP_SECP521R1, NID_secp521r1, 66, 133 },
};

const struct curve *curve_find(mbedtls_ecp_group_id id)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].id == id)
			return &curves[i];
	return NULL;
}

bool curve_is_montgomery(const struct curve *curve)
{
	return curve->nid == NID_X25519;
}

static bool scalar_25519(uint8_t *ret_scalar)
{
	if (RAND_priv_bytes(ret_scalar, 32) != 1)
		return false;
	ret_scalar[0] &= 0xf8; /* RFC 7748 section 5 */
	ret_scalar[31] = (ret_scalar[31] & 0x7f) | 0x40;
	return true;
}

bool curve_scalar(const struct curve *curve, uint8_t *ret_scalar)
{
	struct thread *thread = thread_own();
	const EC_GROUP *group;
	BIGNUM *d;
	bool is_done;

	if (!thread)
		return false;
	if (curve_is_montgomery(curve))
		return scalar_25519(ret_scalar);
	group = thread_group(thread, curve->nid);
	BN_CTX_start(thread_bn(thread));
	d = BN_CTX_get(thread_bn(thread));
	is_done = group && d && BN_priv_rand_range(d, EC_GROUP_get0_order(group)) == 1 &&
		  !BN_is_zero(d) && BN_bn2binpad(d, ret_scalar, (int)curve->scalar_length) > 0;
	if (d)
		BN_clear(d);
	BN_CTX_end(thread_bn(thread));
	return is_done;
}

static bool multiply_25519(const uint8_t *scalar, const uint8_t *point, uint8_t *ret_point)
{
	if (!point)
		return crypto_scalarmult_base(ret_point, scalar) == 0;
	return crypto_scalarmult(ret_point, scalar, point) == 0; /* refuses a result of zero */
}

/* With what curve_multiply() makes and wipes. */
static bool multiply(const struct curve *curve, const EC_GROUP *group, BN_CTX *bn, BIGNUM *d,
		     EC_POINT *given, EC_POINT *result, const uint8_t *scalar, const uint8_t *point,
		     uint8_t *ret_point)
{
	if (!BN_bin2bn(scalar, (int)curve->scalar_length, d))
		return false;
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (!point) {
		if (EC_POINT_mul(group, result, d, NULL, NULL, bn) != 1)
			return false;
	} else if (point[0] != POINT_CONVERSION_UNCOMPRESSED ||
		   /* this checks that the point is on the curve */
		   EC_POINT_oct2point(group, given, point, curve->point_length, bn) != 1 ||
		   EC_POINT_mul(group, result, NULL, given, d, bn) != 1) {
		return false;
	}
	return EC_POINT_point2oct(group, result, POINT_CONVERSION_UNCOMPRESSED, ret_point,
				  curve->point_length, bn) == curve->point_length;
}

bool curve_multiply(const struct curve *curve, const uint8_t *scalar, const uint8_t *point,
		    uint8_t *ret_point)
{
	struct thread *thread = thread_own();
	const EC_GROUP *group;
	EC_POINT *given, *result;
	bool is_done;
	BIGNUM *d;

	if (!thread)
		return false;
	if (curve_is_montgomery(curve))
		return multiply_25519(scalar, point, ret_point);
	group = thread_group(thread, curve->nid);
	if (!group)
		return false;
	BN_CTX_start(thread_bn(thread));
	d = BN_CTX_get(thread_bn(thread));
	given = EC_POINT_new(group);
	result = EC_POINT_new(group);
	is_done = d && given && result &&
		  multiply(curve, group, thread_bn(thread), d, given, result, scalar, point,
			   ret_point);
	EC_POINT_free(given);
	EC_POINT_clear_free(result);
	if (d)
		BN_clear(d);
	BN_CTX_end(thread_bn(thread));
	return is_done;
}
