/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_CHACHAPOLY_ALT_H
#define POSTERN_CRYPTO_CHACHAPOLY_ALT_H

#include "crypto/aead.h"

/* Where a message that comes piece by piece has got to. */
enum chachapoly_stage {
	CHACHAPOLY_IDLE, /* not started */
	CHACHAPOLY_ADDITIONAL,
	CHACHAPOLY_TEXT,
	CHACHAPOLY_DONE,
};

/* The name of this file and of the type are mbedTLS's (MBEDTLS_CHACHAPOLY_ALT). */
typedef struct {
	struct aead aead;
	enum chachapoly_stage stage;
} mbedtls_chachapoly_context;

#endif
