/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PSA's random numbers (MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG): the generator that libcrypto has for each
 * thread and seeds from the kernel, and of its two the one for secrets.
 */
#include <openssl/rand.h>
#include <psa/crypto.h>

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
					     uint8_t *ret_bytes, size_t n, size_t *ret_n)
{
	(void)context;
	if (RAND_priv_bytes_ex(NULL, ret_bytes, n, 0) != 1)
		return PSA_ERROR_INSUFFICIENT_ENTROPY;
	*ret_n = n;
	return PSA_SUCCESS;
}
