/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_CURVE_H
#define POSTERN_CRYPTO_CURVE_H

#include <mbedtls/ecp.h>
#include <stdbool.h>
#include <stdint.h>

enum { CURVE_SCALAR_MAX = 66, CURVE_POINT_MAX = 1 + 2 * CURVE_SCALAR_MAX };

/*
 * The curves whose arithmetic is not mbedTLS's. Scalars and points are in the bytes that TLS sends
 * (RFC 8446 section 4.2.8.2, RFC 7748): of X25519 both are 32 bytes, little-endian; of the others a
 * scalar is big-endian and a point uncompressed.
 */
struct curve {
	mbedtls_ecp_group_id id;
	int nid;
	size_t scalar_length;
	size_t point_length;
};

/* NULL: mbedTLS's own arithmetic. */
const struct curve *curve_find(mbedtls_ecp_group_id id);

bool curve_is_montgomery(const struct curve *curve);

/* A fresh private key. */
bool curve_scalar(const struct curve *curve, uint8_t *ret_scalar);

/*
 * The scalar times the point, or times the generator when that is NULL. False: no point of this
 * curve, or the result is none that may be used; nothing secret is left in `ret_point`,
 * which may not be `point`.
 */
bool curve_multiply(const struct curve *curve, const uint8_t *scalar, const uint8_t *point,
		    uint8_t *ret_point);

#endif
