/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_SHA512_ALT_H
#define POSTERN_CRYPTO_SHA512_ALT_H

#include <openssl/sha.h>

/* The name of this file and of the type are mbedTLS's (MBEDTLS_SHA512_ALT). */
typedef struct {
	SHA512_CTX state;
	int is_384;
} mbedtls_sha512_context;

#endif
