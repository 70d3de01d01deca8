/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_MBEDTLS_CONFIG_H
#define POSTERN_CRYPTO_MBEDTLS_CONFIG_H

/*
 * mbedTLS's configuration when its primitives come from this folder (POSTERN_CRYPTO=libcrypto): the
 * engine's own, and the modules that are replaced as a whole. What is replaced function by function
 * stands in CMakeLists.txt, as --wrap.
 */
#include "tls/mbedtls_config.h"

#define MBEDTLS_CHACHAPOLY_ALT
#define MBEDTLS_GCM_ALT
#define MBEDTLS_SHA256_ALT
#define MBEDTLS_SHA512_ALT

/* Without it PSA has one generator for the whole process, behind a lock. */
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG

#endif
