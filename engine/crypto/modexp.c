/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Modular exponentiation: what RSA and finite-field Diffie-Hellman spend their time in. The linker
 * puts these two functions in front of mbedTLS's (--wrap), so that padding, blinding and the check
 * of an RSA signature before it leaves stay mbedTLS's. Numbers that are not plain (negative ones,
 * an even modulus, too long) are left to mbedTLS's own function, which finds the fitting error.
 *
 * Constant time in the exponent is libcrypto's: BN_mod_exp_mont_consttime(), which like mbedTLS's
 * own lets the number of its words be seen. The other form is for public exponents.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/bignum.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <stdbool.h>

#include "crypto/thread.h"

int __real_mbedtls_mpi_exp_mod(mbedtls_mpi *ret, const mbedtls_mpi *base,
			       const mbedtls_mpi *exponent, const mbedtls_mpi *modulus,
			       mbedtls_mpi *helper);
int __wrap_mbedtls_mpi_exp_mod(mbedtls_mpi *ret, const mbedtls_mpi *base,
			       const mbedtls_mpi *exponent, const mbedtls_mpi *modulus,
			       mbedtls_mpi *helper);
int __real_mbedtls_mpi_exp_mod_unsafe(mbedtls_mpi *ret, const mbedtls_mpi *base,
				      const mbedtls_mpi *exponent, const mbedtls_mpi *modulus,
				      mbedtls_mpi *helper);
int __wrap_mbedtls_mpi_exp_mod_unsafe(mbedtls_mpi *ret, const mbedtls_mpi *base,
				      const mbedtls_mpi *exponent, const mbedtls_mpi *modulus,
				      mbedtls_mpi *helper);

static bool is_plain(const mbedtls_mpi *number)
{
	return number->s == 1 && mbedtls_mpi_size(number) <= MBEDTLS_MPI_MAX_SIZE;
}

static BIGNUM *number_get(BN_CTX *bn, const mbedtls_mpi *number)
{
	uint8_t bytes[MBEDTLS_MPI_MAX_SIZE];
	size_t n = mbedtls_mpi_size(number);
	BIGNUM *copy = BN_CTX_get(bn);

	if (copy &&
	    (mbedtls_mpi_write_binary(number, bytes, n) != 0 || !BN_bin2bn(bytes, (int)n, copy)))
		copy = NULL;
	OPENSSL_cleanse(bytes, n);
	return copy;
}

static bool number_put(const BIGNUM *number, size_t n, mbedtls_mpi *ret)
{
	uint8_t bytes[MBEDTLS_MPI_MAX_SIZE];
	bool is_done = BN_bn2binpad(number, bytes, (int)n) >= 0 &&
		       mbedtls_mpi_read_binary(ret, bytes, n) == 0;

	OPENSSL_cleanse(bytes, n);
	return is_done;
}

static bool power(mbedtls_mpi *ret, const mbedtls_mpi *base, const mbedtls_mpi *exponent,
		  const mbedtls_mpi *modulus, bool is_secret)
{
	struct thread *thread = thread_own();
	BN_CTX *bn = thread ? thread_bn(thread) : NULL;
	BIGNUM *b, *e, *m, *r;
	bool is_done = false;

	if (!bn || !is_plain(base) || !is_plain(exponent) || !is_plain(modulus) ||
	    mbedtls_mpi_get_bit(modulus, 0) == 0)
		return false;
	BN_CTX_start(bn);
	b = number_get(bn, base);
	e = number_get(bn, exponent);
	m = number_get(bn, modulus);
	r = BN_CTX_get(bn);
	if (b && e && m && r) {
		if (is_secret) {
			BN_set_flags(e, BN_FLG_CONSTTIME);
			BN_set_flags(m, BN_FLG_CONSTTIME); /* RSA's primes are secret too */
			is_done = BN_mod_exp_mont_consttime(r, b, e, m, bn, NULL) == 1;
		} else {
			is_done = BN_mod_exp_mont(r, b, e, m, bn, NULL) == 1;
		}
		is_done = is_done && number_put(r, mbedtls_mpi_size(modulus), ret);
		BN_clear(b);
		BN_clear(e);
		BN_clear(m);
		BN_clear(r);
	}
	BN_CTX_end(bn);
	return is_done;
}

int __wrap_mbedtls_mpi_exp_mod(mbedtls_mpi *ret, const mbedtls_mpi *base,
			       const mbedtls_mpi *exponent, const mbedtls_mpi *modulus,
			       mbedtls_mpi *helper)
{
	if (power(ret, base, exponent, modulus, true))
		return 0;
	return __real_mbedtls_mpi_exp_mod(ret, base, exponent, modulus, helper);
}

int __wrap_mbedtls_mpi_exp_mod_unsafe(mbedtls_mpi *ret, const mbedtls_mpi *base,
				      const mbedtls_mpi *exponent, const mbedtls_mpi *modulus,
				      mbedtls_mpi *helper)
{
	if (power(ret, base, exponent, modulus, false))
		return 0;
	return __real_mbedtls_mpi_exp_mod_unsafe(ret, base, exponent, modulus, helper);
}
