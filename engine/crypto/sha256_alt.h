/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_SHA256_ALT_H
#define POSTERN_CRYPTO_SHA256_ALT_H

#include <openssl/sha.h>

/* The name of this file and of the type are mbedTLS's (MBEDTLS_SHA256_ALT). */
typedef struct {
	SHA256_CTX state;
	int is_224;
} mbedtls_sha256_context;

#endif
