/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_FLEET_SIGNING_H
#define POSTERN_FLEET_SIGNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/manifest.h"

/*
 * Ed25519 (RFC 8032), keys in PEM as openssl has them: PKCS #8 with or without a passphrase, and
 * SubjectPublicKeyInfo.
 */

enum { SIGNING_SIGNATURE = 64, SIGNING_PEM_MAX = 512, SIGNING_KEYS_MAX = 64 };

/* A new pair, as text. The secret half is to be wiped. 0 or -ENOMEM. */
int signing_make(char secret[SIGNING_PEM_MAX], char public[SIGNING_PEM_MAX]);
void signing_wipe(void *bytes, size_t n);

struct signing_key; /* the secret half */

/* -EACCES: others than its owner can reach the file. A passphrase is asked for on the terminal. */
int signing_key_read(const char *path, struct signing_key **ret_key,
		     struct bundle_error *ret_error);
void signing_key_free(struct signing_key *key);
int signing_sign(const struct signing_key *key, const void *bytes, size_t n,
		 uint8_t signature[SIGNING_SIGNATURE]);

struct signing_keys; /* public halves */

/*
 * A file with one or more, or a folder of such files named *.pub. -EACCES: others than their owner
 * could put a key there.
 */
int signing_keys_read(const char *path, struct signing_keys **ret_keys,
		      struct bundle_error *ret_error);
void signing_keys_free(struct signing_keys *keys);
/* The file of the key that made this signature; NULL: none of them did. */
const char *signing_verify(const struct signing_keys *keys, const void *bytes, size_t n,
			   const uint8_t signature[SIGNING_SIGNATURE]);

/* Whether the content of a file is, or has in it, a private key: PEM, DER or PKCS #12. */
bool signing_is_secret(const void *bytes, size_t n);

#endif
