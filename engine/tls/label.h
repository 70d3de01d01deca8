/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_LABEL_H
#define POSTERN_TLS_LABEL_H

#include <stddef.h>
#include <stdint.h>

#include <mbedtls/md.h>

enum {
	LABEL_MAX = 249, /* bytes, without "tls13 " */
	LABEL_CONTEXT = 255,
};

struct label {
	const char *text; /* without "tls13 " */
	const uint8_t *context;
	size_t n_context; /* at most LABEL_CONTEXT */
};

/*
 * HKDF-Expand-Label (RFC 8446 section 7.1): n bytes from a secret of that hash. 0 or -ENOMEM.
 * Private to this folder.
 */
int label_expand(mbedtls_md_type_t hash, const uint8_t *secret, size_t n_secret, struct label label,
		 uint8_t *out, size_t n);

#endif
