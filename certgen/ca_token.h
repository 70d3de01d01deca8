/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CA_TOKEN_H
#define POSTERN_CERTGEN_CA_TOKEN_H

#include "certgen/ca_file.h"

/*
 * A private key, from a file or, named by a URI (RFC 7512), in a token that a PKCS #11 module
 * reaches: a hardware security module, a smart card, a TPM. Of the URI are understood token,
 * object and id, module-path (needed) and pin-source (a file that nobody but its owner can access).
 */
struct ca_token; /* what a key in a token needs as long as it is used */

/* Whether this names a key in a token. */
bool ca_token_is_uri(const char *source);

/* *ret_token is NULL for a file. The key is to be freed before its token. */
int ca_key_load(const char *source, EVP_PKEY **ret_key, struct ca_token **ret_token,
		struct ca_error *ret_error);
/*
 * Whether it is the certificate's: shown by a signature, as a token may keep the public half to
 * itself.
 */
bool ca_key_is_of(EVP_PKEY *key, X509 *certificate);
void ca_token_free(struct ca_token *token);

#endif
