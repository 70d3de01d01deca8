/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BENCH_PAIR_H
#define POSTERN_BENCH_PAIR_H

#include <mbedtls/pk.h>
#include <openssl/evp.h>
#include <stdbool.h>

/*
 * A client and a server of one library that shake hands in memory, over and over: X25519, a leaf
 * under a P-256 CA that the client verifies, AES-128-GCM, no tickets. It ends the process when it
 * cannot be set up.
 */
struct pair;

struct pair *pair_new(EVP_PKEY *leaf_key, int version, bool is_openssl);
bool pair_handshake(struct pair *pair);
void pair_free(struct pair *pair);

/* Hands a key of libcrypto's to mbedTLS. */
void pair_key(EVP_PKEY *key, mbedtls_pk_context *ret_key);

#endif
