/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_LEAF_H
#define POSTERN_TLS_LEAF_H

#include <stddef.h>
#include <stdint.h>

#include "tls/certificate.h"
#include "tls/hello.h"
#include "tls/limits.h"
#include "tls/session.h"

/*
 * Forged leaves and the keys under them. The key pairs are this engine's own, made at start and
 * never written anywhere; certgen sees only their public halves.
 */

enum leaf_key { LEAF_KEY_EC /* P-256 */, LEAF_KEY_RSA /* 2048 bits */, N_LEAF_KEYS };

struct leaf_keys;

/* NULL when they could not be made. Shared by all threads. */
struct leaf_keys *leaf_keys_new(void);
void leaf_keys_free(struct leaf_keys *keys);
/* SubjectPublicKeyInfo; borrowed. */
struct der leaf_keys_public(const struct leaf_keys *keys, enum leaf_key key);

/* The key that this client can verify in a handshake like the server's; EC where both would do. */
enum leaf_key leaf_key_for(const struct hello *hello, const struct tls_limits *limits,
			   const struct session_facts *upstream);

/* A forged chain, ready for handshakes. Its owner keeps it as long as a session uses it. */
struct leaf;

/* `chain`: certificates as {u24 length, DER}, leaf first. NULL when it does not parse. */
struct leaf *leaf_new(const struct leaf_keys *keys, enum leaf_key key, const uint8_t *chain,
		      size_t n);
void leaf_free(struct leaf *leaf);

/* After a handshake under it failed: whatever of its key a lack of memory may have spoiled goes. */
void leaf_recover(const struct leaf *leaf);

#endif
