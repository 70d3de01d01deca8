/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_GCM_ALT_H
#define POSTERN_CRYPTO_GCM_ALT_H

#include "crypto/aead.h"

/* The name of this file and of the type are mbedTLS's (MBEDTLS_GCM_ALT). */
typedef struct {
	struct aead aead;
} mbedtls_gcm_context;

#endif
