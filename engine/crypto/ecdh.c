/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Key exchange on the curves of curve.h. The linker puts these functions in front of mbedTLS's
 * (--wrap): the three of PSA's that TLS 1.3 ends up in, which are given bytes, and the point
 * multiplication under TLS 1.2's ECDH, which is given mbedTLS's numbers.
 *
 * Another curve, or anything that does not come out as it should, is left to mbedTLS's own
 * function, which finds the fitting error. Nothing that it refuses is accepted here.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/ecp.h>
#include <mbedtls/psa_util.h>
#include <openssl/crypto.h>
#include <psa/crypto.h>
#include <string.h>

#include "crypto/curve.h"

/* --- TLS 1.3 --- */

psa_status_t __real_mbedtls_psa_ecp_generate_key(const psa_key_attributes_t *attributes,
						 uint8_t *ret_key, size_t size, size_t *ret_n);
psa_status_t __wrap_mbedtls_psa_ecp_generate_key(const psa_key_attributes_t *attributes,
						 uint8_t *ret_key, size_t size, size_t *ret_n);
psa_status_t __real_mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t *attributes,
						      const uint8_t *key, size_t n,
						      uint8_t *ret_point, size_t size,
						      size_t *ret_n);
psa_status_t __wrap_mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t *attributes,
						      const uint8_t *key, size_t n,
						      uint8_t *ret_point, size_t size,
						      size_t *ret_n);
psa_status_t __real_mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t *attributes,
						   const uint8_t *key, size_t n,
						   psa_algorithm_t algorithm, const uint8_t *peer,
						   size_t peer_n, uint8_t *ret_secret, size_t size,
						   size_t *ret_n);
psa_status_t __wrap_mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t *attributes,
						   const uint8_t *key, size_t n,
						   psa_algorithm_t algorithm, const uint8_t *peer,
						   size_t peer_n, uint8_t *ret_secret, size_t size,
						   size_t *ret_n);

/* Of a private key; NULL for anything else. */
static const struct curve *curve_of(const psa_key_attributes_t *attributes)
{
	psa_key_type_t type = psa_get_key_type(attributes);
	psa_ecc_family_t family = PSA_KEY_TYPE_ECC_GET_FAMILY(type);

	if (!PSA_KEY_TYPE_IS_ECC_KEY_PAIR(type))
		return NULL;
	return curve_find(mbedtls_ecc_group_from_psa(family, psa_get_key_bits(attributes)));
}

psa_status_t __wrap_mbedtls_psa_ecp_generate_key(const psa_key_attributes_t *attributes,
						 uint8_t *ret_key, size_t size, size_t *ret_n)
{
	const struct curve *curve = curve_of(attributes);

	if (!curve || size < curve->scalar_length || !curve_scalar(curve, ret_key))
		return __real_mbedtls_psa_ecp_generate_key(attributes, ret_key, size, ret_n);
	*ret_n = curve->scalar_length;
	return PSA_SUCCESS;
}

psa_status_t __wrap_mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t *attributes,
						      const uint8_t *key, size_t n,
						      uint8_t *ret_point, size_t size,
						      size_t *ret_n)
{
	const struct curve *curve = curve_of(attributes);

	if (!curve || n != curve->scalar_length || size < curve->point_length ||
	    !curve_multiply(curve, key, NULL, ret_point))
		return __real_mbedtls_psa_ecp_export_public_key(attributes, key, n, ret_point, size,
								ret_n);
	*ret_n = curve->point_length;
	return PSA_SUCCESS;
}

psa_status_t __wrap_mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t *attributes,
						   const uint8_t *key, size_t n,
						   psa_algorithm_t algorithm, const uint8_t *peer,
						   size_t peer_n, uint8_t *ret_secret, size_t size,
						   size_t *ret_n)
{
	const struct curve *curve = curve_of(attributes);
	uint8_t point[CURVE_POINT_MAX];

	if (!curve || !PSA_ALG_IS_ECDH(algorithm) || n != curve->scalar_length ||
	    peer_n != curve->point_length || size < curve->scalar_length ||
	    !curve_multiply(curve, key, peer, point))
		return __real_mbedtls_psa_key_agreement_ecdh(attributes, key, n, algorithm, peer,
							     peer_n, ret_secret, size, ret_n);
	/* The x-coordinate: behind the byte that says "uncompressed", or all there is. */
	memcpy(ret_secret, point + !curve_is_montgomery(curve), curve->scalar_length);
	*ret_n = curve->scalar_length;
	OPENSSL_cleanse(point, sizeof(point));
	return PSA_SUCCESS;
}

/* --- TLS 1.2 --- */

int __real_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *group, mbedtls_ecp_point *result,
				       const mbedtls_mpi *d, const mbedtls_ecp_point *point,
				       int (*rng)(void *, unsigned char *, size_t), void *context,
				       mbedtls_ecp_restart_ctx *restart);
int __wrap_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *group, mbedtls_ecp_point *result,
				       const mbedtls_mpi *d, const mbedtls_ecp_point *point,
				       int (*rng)(void *, unsigned char *, size_t), void *context,
				       mbedtls_ecp_restart_ctx *restart);

static bool write_scalar(const struct curve *curve, const mbedtls_mpi *d, uint8_t *ret_scalar)
{
	return (curve_is_montgomery(curve)
			? mbedtls_mpi_write_binary_le(d, ret_scalar, curve->scalar_length)
			: mbedtls_mpi_write_binary(d, ret_scalar, curve->scalar_length)) == 0;
}

static bool multiply(const struct curve *curve, mbedtls_ecp_group *group, mbedtls_ecp_point *result,
		     const mbedtls_mpi *d, const mbedtls_ecp_point *point)
{
	uint8_t scalar[CURVE_SCALAR_MAX], given[CURVE_POINT_MAX], product[CURVE_POINT_MAX];
	bool is_generator = point == &group->G;
	bool is_done;
	size_t n;

	if (mbedtls_ecp_check_privkey(group, d) != 0)
		return false;
	if (!is_generator &&
	    (mbedtls_ecp_point_write_binary(group, point, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, given,
					    sizeof(given)) != 0 ||
	     n != curve->point_length))
		return false;
	is_done = write_scalar(curve, d, scalar) &&
		  curve_multiply(curve, scalar, is_generator ? NULL : given, product) &&
		  mbedtls_ecp_point_read_binary(group, result, product, curve->point_length) == 0;
	OPENSSL_cleanse(scalar, sizeof(scalar));
	OPENSSL_cleanse(product, sizeof(product));
	return is_done;
}

int __wrap_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *group, mbedtls_ecp_point *result,
				       const mbedtls_mpi *d, const mbedtls_ecp_point *point,
				       int (*rng)(void *, unsigned char *, size_t), void *context,
				       mbedtls_ecp_restart_ctx *restart)
{
	const struct curve *curve = curve_find(group->id);

	if (curve && rng && !restart && multiply(curve, group, result, d, point))
		return 0;
	return __real_mbedtls_ecp_mul_restartable(group, result, d, point, rng, context, restart);
}
