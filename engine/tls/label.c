/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/label.h"

#include <errno.h>
#include <mbedtls/hkdf.h>
#include <string.h>

static const char prefix[] = "tls13 ";

int label_expand(mbedtls_md_type_t hash, const uint8_t *secret, size_t n_secret, struct label label,
		 uint8_t *out, size_t n)
{
	uint8_t info[2 + 1 + 255 + 1 + LABEL_CONTEXT];
	size_t n_prefix = sizeof(prefix) - 1, n_text = strlen(label.text), at = 0;

	if (n_text > LABEL_MAX || label.n_context > LABEL_CONTEXT)
		return -EINVAL;
	info[at++] = (uint8_t)(n >> 8);
	info[at++] = (uint8_t)n;
	info[at++] = (uint8_t)(n_prefix + n_text);
	memcpy(info + at, prefix, n_prefix);
	memcpy(info + at + n_prefix, label.text, n_text);
	at += n_prefix + n_text;
	info[at++] = (uint8_t)label.n_context;
	if (label.n_context > 0)
		memcpy(info + at, label.context, label.n_context);
	return mbedtls_hkdf_expand(mbedtls_md_info_from_type(hash), secret, n_secret, info,
				   at + label.n_context, out, n) == 0
		       ? 0
		       : -ENOMEM;
}
