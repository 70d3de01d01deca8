/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Constant time is libcrypto's: AES-NI or bit-sliced AES, carry-less multiplication for GHASH,
 * ChaCha20 and Poly1305 without tables; CRYPTO_memcmp for the tag.
 *
 * A context of libcrypto costs as much as some kilobytes of encryption. It is made once, with the
 * key; a message only gives it a nonce and a direction.
 */
#include "crypto/aead.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypto/thread.h"

static const size_t key_lengths[] = {
	[AEAD_AES_128_GCM] = 16,
	[AEAD_AES_192_GCM] = 24,
	[AEAD_AES_256_GCM] = 32,
	[AEAD_CHACHA20_POLY1305] = 32,
};

static EVP_CIPHER_CTX *keyed(enum aead_kind kind, const uint8_t *key)
{
	struct thread *thread = thread_own();
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (thread && context &&
	    EVP_EncryptInit_ex(context, thread_cipher(thread, kind), NULL, key, NULL) == 1)
		return context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

void aead_deinit(struct aead *aead)
{
	EVP_CIPHER_CTX_free(aead->crypt);
	EVP_CIPHER_CTX_free(aead->check);
	OPENSSL_cleanse(aead, sizeof(*aead));
}

bool aead_set_key(struct aead *aead, enum aead_kind kind, const uint8_t *key)
{
	aead_deinit(aead);
	aead->crypt = keyed(kind, key);
	aead->kind = kind;
	aead->nonce_length = AEAD_NONCE;
	memcpy(aead->key, key, key_lengths[kind]);
	return aead->crypt;
}

static bool begin(struct aead *aead, bool is_opening, const uint8_t *nonce, size_t n)
{
	if (!aead->crypt || n == 0 || n > INT_MAX)
		return false;
	if (n != aead->nonce_length) {
		if (EVP_CIPHER_CTX_ctrl(aead->crypt, EVP_CTRL_AEAD_SET_IVLEN, (int)n, NULL) != 1)
			return false;
		aead->nonce_length = n;
	}
	return EVP_CipherInit_ex(aead->crypt, NULL, NULL, NULL, nonce, !is_opening) == 1;
}

/* To one context; without `ret_text` the bytes are additional data. */
static bool put(EVP_CIPHER_CTX *context, const uint8_t *bytes, size_t n, uint8_t *ret_text)
{
	int done;

	return n == 0 ||
	       (n <= INT_MAX && EVP_CipherUpdate(context, ret_text, &done, bytes, (int)n) == 1);
}

static bool take_tag(EVP_CIPHER_CTX *context, uint8_t *ret_tag, size_t n)
{
	uint8_t nothing[AEAD_TAG];
	int done;

	return EVP_CipherFinal_ex(context, nothing, &done) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, (int)n, ret_tag) == 1;
}

bool aead_seal(struct aead *aead, const struct aead_text *message, uint8_t *ret_text,
	       uint8_t *ret_tag, size_t tag_length)
{
	return begin(aead, false, message->nonce, message->nonce_length) &&
	       put(aead->crypt, message->additional, message->additional_length, NULL) &&
	       put(aead->crypt, message->text, message->text_length, ret_text) &&
	       take_tag(aead->crypt, ret_tag, tag_length);
}

bool aead_open(struct aead *aead, const struct aead_text *message, const uint8_t *tag,
	       size_t tag_length, uint8_t *ret_text)
{
	uint8_t nothing[AEAD_TAG];
	int done;

	if (begin(aead, true, message->nonce, message->nonce_length) &&
	    put(aead->crypt, message->additional, message->additional_length, NULL) &&
	    put(aead->crypt, message->text, message->text_length, ret_text) &&
	    EVP_CIPHER_CTX_ctrl(aead->crypt, EVP_CTRL_AEAD_SET_TAG, (int)tag_length, (void *)tag) ==
		    1 &&
	    EVP_CipherFinal_ex(aead->crypt, nothing, &done) == 1)
		return true;
	OPENSSL_cleanse(ret_text, message->text_length);
	return false;
}

bool aead_start(struct aead *aead, bool is_opening, const uint8_t *nonce, size_t n)
{
	if (!begin(aead, is_opening, nonce, n))
		return false;
	aead->is_opening = is_opening;
	if (!is_opening)
		return true;
	if (!aead->check)
		aead->check = keyed(aead->kind, aead->key);
	return aead->check &&
	       EVP_CIPHER_CTX_ctrl(aead->check, EVP_CTRL_AEAD_SET_IVLEN, (int)n, NULL) == 1 &&
	       EVP_EncryptInit_ex(aead->check, NULL, NULL, NULL, nonce) == 1;
}

bool aead_add(struct aead *aead, const uint8_t *bytes, size_t n)
{
	return aead->crypt && put(aead->crypt, bytes, n, NULL) &&
	       (!aead->is_opening || put(aead->check, bytes, n, NULL));
}

bool aead_update(struct aead *aead, const uint8_t *text, size_t n, uint8_t *ret_text)
{
	uint8_t sealed[1024];

	if (!aead->crypt || !put(aead->crypt, text, n, ret_text))
		return false;
	for (size_t at = 0; aead->is_opening && at < n; at += sizeof(sealed)) {
		size_t piece = n - at < sizeof(sealed) ? n - at : sizeof(sealed);

		if (!put(aead->check, ret_text + at, piece, sealed))
			return false;
	}
	return true;
}

bool aead_finish(struct aead *aead, uint8_t *ret_tag, size_t n)
{
	return aead->crypt && take_tag(aead->is_opening ? aead->check : aead->crypt, ret_tag, n);
}
