/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_AEAD_H
#define POSTERN_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What AES-GCM and ChaCha20-Poly1305 have in common: libcrypto's AEAD under one key. All functions
 * but the first two return false when libcrypto fails, which is for want of memory, or when asked
 * for what no AEAD can do.
 */
struct evp_cipher_ctx_st;

enum { AEAD_KEY_MAX = 32, AEAD_NONCE = 12, AEAD_TAG = 16 };

enum aead_kind { AEAD_AES_128_GCM, AEAD_AES_192_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305 };

/* Embedded in mbedTLS's contexts. All zero: not keyed, which may be freed and keyed. */
struct aead {
	struct evp_cipher_ctx_st *crypt;
	struct evp_cipher_ctx_st *check; /* see aead_start(); NULL until needed */
	size_t nonce_length;             /* as crypt knows it */
	enum aead_kind kind;
	bool is_opening; /* since aead_start() */
	uint8_t key[AEAD_KEY_MAX];
};

struct aead_text {
	const uint8_t *nonce, *additional, *text;
	size_t nonce_length, additional_length, text_length;
};

bool aead_set_key(struct aead *aead, enum aead_kind kind, const uint8_t *key);
void aead_deinit(struct aead *aead);

/* A whole message. `ret_text` may be the message's own text. */
bool aead_seal(struct aead *aead, const struct aead_text *message, uint8_t *ret_text,
	       uint8_t *ret_tag, size_t tag_length);
/* False too when the tag does not match; `ret_text` then holds nothing of the plaintext. */
bool aead_open(struct aead *aead, const struct aead_text *message, const uint8_t *tag,
	       size_t tag_length, uint8_t *ret_text);

/*
 * A message piece by piece: start, add the additional data, update, finish. mbedTLS wants to be
 * given the tag of what it opens and to compare it itself, which libcrypto does not offer; so what
 * is opened this way is sealed again beside it. Records are not: they are opened as a whole.
 */
bool aead_start(struct aead *aead, bool is_opening, const uint8_t *nonce, size_t n);
bool aead_add(struct aead *aead, const uint8_t *bytes, size_t n);
bool aead_update(struct aead *aead, const uint8_t *text, size_t n, uint8_t *ret_text);
bool aead_finish(struct aead *aead, uint8_t *ret_tag, size_t n);

#endif
